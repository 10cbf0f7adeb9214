"""Reading and running the examples of one page, from top to bottom, in a folder of its own.

| fence | what is done with it |
|---|---|
| any, with a `title` | written to the file of that name |
| `python` | run; names are kept for the next ones; `>>>` lines are compared as doctests |
| `console` | each `$ command` is run, and what it prints is compared |
| `bash` | run; it must succeed |
| others (`text`, `yaml`, `dockerfile`) | only shown |

In expected output `...` stands for anything, times and run ids are not compared, and
`<!-- exit: 1 -->` before the fence says how the last command exits. `pip install` isn't run: what
it names must be the folder of a distribution of this repository. `pip install -e FOLDER` makes a
project that the page has written importable for the commands below.
"""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
import tomllib
import types
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHOWN_ONLY = {"text", "yaml", "dockerfile", "json"}
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)(?P<options>.*)$")
_DURATION = re.compile(r"\d+\.\d+ (s|ms)\b")
_RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Example:
    """One fenced block of a page.

    Args:
        place: file and line, for messages.
        language: what stands behind the fence.
        text: its lines.
        title: the file it shows, if it shows one.
        exit_code: of its last command.
    """

    place: str
    language: str
    text: str
    title: str = ""
    exit_code: int = 0


def examples_of(page: Path) -> Iterator[Example]:
    """The fenced blocks of a Markdown file."""
    lines = iter(enumerate(page.read_text("utf-8").splitlines(), 1))
    before = ""
    shown = page.relative_to(ROOT) if page.is_relative_to(ROOT) else page
    for number, line in lines:
        if opening := _FENCE.match(line):
            indent = len(opening["indent"])
            text = []
            for _, inner in lines:
                if inner.strip() == "```":
                    break
                text.append(inner[indent:])
            title = re.search(r'title="([^"]+)"', opening["options"])
            exits = re.fullmatch(r"<!-- exit: (\d+) -->", before)
            yield Example(
                f"{shown}:{number}",
                opening["language"],
                "\n".join(text) + "\n",
                title[1] if title else "",
                int(exits[1]) if exits else 0,
            )
        before = line.strip() or before


@dataclass
class Page:
    """Runs examples one after the other.

    Args:
        folder: where they run; the files they show are written there.
    """

    folder: Path
    module: types.ModuleType = field(default_factory=lambda: types.ModuleType("__main__"))
    installed: list[Path] = field(default_factory=list)

    def run(self, example: Example) -> None:
        """Run one example; an AssertionError says where it differs."""
        if example.title:
            self._write(example)
        elif example.language == "python":
            self._run_python(example)
        elif example.language == "console":
            self._run_console(example)
        elif example.language == "bash":
            self._call(example.text, example.place, 0)
        else:
            assert example.language in SHOWN_ONLY, f"{example.place}: give the fence a language"

    def _write(self, example: Example) -> None:
        path = self.folder / example.title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(example.text)
        if path.suffix == ".toml":
            tomllib.loads(example.text)
        if path.name == "flowenv.toml":
            forget_configuration()
            from flowenv.settings.configuration import configuration

            assert configuration().path == path, example.place

    def _run_python(self, example: Example) -> None:
        forget_configuration()
        if example.text.lstrip().startswith(">>>"):
            self._run_doctest(example)
            return
        line = int(example.place.rpartition(":")[2])
        # so that a traceback shows the page's own line
        code = compile("\n" * line + example.text, example.place.rpartition(":")[0], "exec")
        exec(code, self.module.__dict__)

    def _run_doctest(self, example: Example) -> None:
        test = doctest.DocTestParser().get_doctest(
            example.text, self.module.__dict__, example.place, example.place, 0
        )
        report: list[str] = []
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)
        runner.run(test, out=report.append, clear_globs=False)
        self.module.__dict__.update(test.globs)
        assert not runner.failures, "".join(report)

    def _run_console(self, example: Example) -> None:
        commands = list(commands_of(example.text))
        assert commands, f"{example.place}: no line begins with $"
        for position, (command, expected) in enumerate(commands, 1):
            exit_code = example.exit_code if position == len(commands) else 0
            if command.startswith("pip install -e "):
                self._install(self.folder / re.sub(r"['\"]|\[.*\]", "", command.split()[-1]))
                continue
            if command.startswith("pip install "):
                assert_ours(command, example.place)
                continue
            printed = self._call(command, example.place, exit_code)
            assert_matches(printed, expected, f"{example.place}: $ {command}")

    def _install(self, project: Path) -> None:
        """What an editable installation does: the metadata on the path, and the sources."""
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
        subprocess.run(command, cwd=project, check=True, capture_output=True)
        (wheel,) = (project / "dist").glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            members = [name for name in archive.namelist() if ".dist-info/" in name]
            archive.extractall(project / "dist", members)
        self.installed += [project / "src", project / "dist"]

    def _call(self, command: str, place: str, exit_code: int) -> str:
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("FLOWENV", "PREFECT"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env={
                **kept,
                "PATH": path,
                "PYTHONPATH": os.pathsep.join(map(str, self.installed)),
                "COLUMNS": "80",
                "NO_COLOR": "1",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == exit_code, f"{place}: exit {done.returncode}\n{done.stdout}"
        return done.stdout


def forget_configuration() -> None:
    """Let the next use read configuration and plugins anew, as a new process would."""
    from flowenv.registry import registry
    from flowenv.settings.configuration import configuration

    registry.reset()
    configuration.cache_clear()


def commands_of(text: str) -> Iterator[tuple[str, str]]:
    """Each command of a console example with what it is to print; `\\` continues a command."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        command = [lines.pop(0)]
        while command[-1].endswith("\\"):
            command.append(lines.pop(0))
        yield "\n".join(command), "\n".join(lines)


def assert_matches(printed: str, expected: str, place: str) -> None:
    """Compare output with the page's, where `...` stands for anything."""
    printed, expected = comparable(printed), comparable(expected)
    pattern = ".*?".join(re.escape(part) for part in expected.split("..."))
    matches = re.fullmatch(pattern, printed, flags=re.DOTALL)
    assert matches, f"{place}\nexpected:\n{expected}\nprinted:\n{printed}"


def comparable(text: str) -> str:
    """Text without what differs from run to run: times, run ids, blanks at the ends of lines."""
    text = _RUN_ID.sub("RUN-ID", _DURATION.sub(r"0.0 \1", text))
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def assert_ours(command: str, place: str) -> None:
    """What a page tells people to install must be a folder of this repository, not a name."""
    for word in command.split()[2:]:
        folder, _, extras = word.strip("'\"").partition("[")
        assert folder in distributions(), f"{place}: {folder} is no distribution of this repository"
        for extra in filter(None, extras.rstrip("]").split(",")):
            assert extra in distributions()[folder], f"{place}: {folder} has no extra {extra}"


def distributions() -> dict[str, list[str]]:
    """The folders of this repository's distributions, and their extras."""
    files = [ROOT / "core" / "pyproject.toml", *ROOT.glob("plugins/[!_]*/pyproject.toml")]
    projects = {
        f"./{file.parent.relative_to(ROOT)}": tomllib.loads(file.read_text("utf-8"))["project"]
        for file in files
    }
    return {name: list(one.get("optional-dependencies", {})) for name, one in projects.items()}
