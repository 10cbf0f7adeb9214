"""Installing what a flow imports into a folder of its own, before it starts."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flowenv import contract
from flowenv.errors import PayloadError

_log = logging.getLogger("flowenv")

_LAST_LINES = 12
"""How many of an installer's last lines tell why it failed."""


def install(requirements: Sequence[str], folder: Path) -> float:
    """Install what isn't there yet, and let this process and those that it starts import it.

    With uv where the image has it, else with pip; both are told what they need, such as an index,
    by the image's own files and variables.

    Args:
        requirements: as `Flow` takes them.
        folder: where to; it isn't there yet.

    Returns:
        The seconds that it took.

    Raises:
        PayloadError: if they can't be installed; with the installer's last lines.
    """
    missing = [one for one in requirements if not _is_there(one)]
    if not missing:
        return 0.0
    started = time.monotonic()
    _log.info("Installing %s", ", ".join(missing))
    _run([sys.executable, "-m", "venv", "--without-pip", str(folder)], missing, {})
    (site,) = folder.glob("lib/python*/site-packages")
    # what the image has is seen by the installer, so it isn't installed again, and by the commands
    # that come with what is installed
    seen = [path for path in sys.path if path and Path(path).is_dir()]
    (site / "image.pth").write_text("".join(f"{path}\n" for path in seen))
    _run([*_installer(folder), *missing], missing, _caches(folder))
    _add(site, folder / "bin")
    seconds = time.monotonic() - started
    _log.info("Installed in %.1f s", seconds)
    return seconds


def _is_there(requirement: str) -> bool:
    """Whether the image has what a requirement asks for, as far as it can be known here."""
    for library in ("packaging", "pip._vendor.packaging"):  # the image may have either
        with contextlib.suppress(ImportError):
            return _is_met(requirement, importlib.import_module(f"{library}.requirements"))
    return False


def _is_met(requirement: str, library: Any) -> bool:
    try:
        wanted = library.Requirement(requirement)
        if wanted.marker and not wanted.marker.evaluate():
            return True
        if wanted.url or wanted.extras:
            return False
        version = importlib.metadata.version(wanted.name)
    except (library.InvalidRequirement, importlib.metadata.PackageNotFoundError):
        return False
    return bool(wanted.specifier.contains(version, prereleases=True))


def _installer(folder: Path) -> list[str]:
    python = str(folder / "bin" / "python")
    if uv := shutil.which("uv"):
        # quiet: else its first line, which Python it installs for, reads as the reason
        return [uv, "pip", "install", "--quiet", "--no-progress", "--python", python]
    return [
        *(sys.executable, "-m", "pip", "--python", python, "install"),
        *("--no-input", "--disable-pip-version-check", "--progress-bar=off"),
    ]


def _caches(folder: Path) -> dict[str, str]:
    """Where uv, which can't do without, keeps its cache if the usual place can't be written to.

    That is so with a read-only root, and for users without a home.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))  # noqa: PTH111
    there = next(one for one in (home, *home.parents, Path.cwd()) if one.is_dir())
    return {} if os.access(there, os.W_OK) else {"UV_CACHE_DIR": str(folder / "cache")}


def _run(command: list[str], requirements: Sequence[str], defaults: Mapping[str, str]) -> None:
    # neither flowenv nor what it has set is the installer's business
    given = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    variables = {**defaults, **given}
    ended = subprocess.run(
        command,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if ended.returncode:
        last = "\n".join(ended.stdout.splitlines()[-_LAST_LINES:])
        print(ended.stdout, file=sys.stderr, flush=True)
        hint = ""
        if "No module named pip" in last or "No module named venv" in last:
            hint = (
                "The image has neither uv nor pip with venv. "
                "Use an image that has one of them, or that has what the flow needs."
            )
        raise PayloadError(
            f"What the flow requires ({', '.join(requirements)}) can't be installed: {last}",
            hint=hint,
        )


def _add(site: Path, commands: Path) -> None:
    """Let this process, and those that it starts, import from a folder before the image's.

    Only flowenv itself, where it has come with the run, stays in front. Commands are found behind
    the image's, whose Python has to stay the one that is used.
    """
    given = os.environ.get("PYTHONPATH", "")
    runtime = os.environ.get(contract.RUNTIME_FILE)
    for paths in (sys.path, environment := given.split(os.pathsep) if given else []):
        paths.insert(paths.index(runtime) + 1 if runtime in paths else 0, str(site))
    os.environ["PYTHONPATH"] = os.pathsep.join(environment)
    os.environ["PATH"] = os.pathsep.join((os.environ.get("PATH") or os.defpath, str(commands)))
    importlib.invalidate_caches()
