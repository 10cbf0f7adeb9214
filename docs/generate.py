"""Fills pages from the code: `python docs/generate.py` in the files, MkDocs in the site.

What stands between a line such as `<!-- generate: commands -->` and `<!-- end -->` is the
reference of that name; below `<!-- generate: settings flowenv_local.LocalEnvironment -->` it
is a table of a class's settings. So the files can be read as they are, and a test says when
they are no longer what the code says. Drawings are files of their own; the site has those that
take on colours in the page, in the page's colours.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import runpy
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

_BLOCK = re.compile(
    r"^<!-- generate: (\w+) ?(\S*) -->$(?:\n(?:(?!<!-- generate:).*\n)*?<!-- end -->$)?",
    re.MULTILINE,
)
_DOCS = Path(__file__).parent
_PICTURE = re.compile(r"(!\[[^\]]*\]\([\w./-]+-)light\.png\)")
_DRAWING = re.compile(r'(?:<p>)?(<img [^>]*src="[^"]*pictures/([\w-]+\.svg)"[^>]*>)(?:</p>)?')
HOUSE = "pictures/architecture.svg"
"""The picture of the architecture."""


def filled(markdown: str) -> str:
    """A page's text with its generated parts as the code now gives them."""

    def block(found: re.Match[str]) -> str:
        name, argument = found.groups()
        start = f"<!-- generate: {name}{argument and f' {argument}'} -->"
        return f"{start}\n\n{GENERATORS[name](*argument.split())}\n\n<!-- end -->"

    return _BLOCK.sub(block, markdown)


def write_pages() -> None:
    """Fill the pages in their files."""
    for path in sorted(_DOCS.rglob("*.md")):
        before = path.read_text("utf-8")
        if (after := filled(before)) != before:
            path.write_text(after, "utf-8")
    (_DOCS / HOUSE).write_text(house("file"), "utf-8")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs calls this with each page's text."""
    in_site = {**GENERATORS, "door": door_in_site}
    markdown = _BLOCK.sub(lambda found: in_site[found[1]](*found[2].split()), markdown)
    return _PICTURE.sub(r"\1light.png#only-light)\1dark.png#only-dark)", markdown)


def on_page_content(content: str, **_: Any) -> str:
    """MkDocs calls this with each page as HTML: drawings with text may be wider than a phone."""
    return _DRAWING.sub(
        lambda found: f'<div class="wide">{_in_page(*found.groups())}</div>', content
    )


def _in_page(image: str, name: str) -> str:
    drawn = (_DOCS / "pictures" / name).read_text("utf-8")
    takes_on_colours = "currentColor" in drawn
    return re.sub(r"<style>.*?</style>", "", drawn) if takes_on_colours else image


def architecture() -> str:
    """The picture of the rooms and doors, and the same in words."""
    return f"![{house('told')}]({HOUSE})"


def rooms() -> str:
    """A table of the rooms within rooms."""
    found = runpy.run_path(str(_DOCS / "house.py"))["inner_rooms"]()
    return table(("Room", "Lives there"), [(f"`{name}`", said) for name, said in found])


def house(form: str) -> str:
    """The rooms and doors in one of the forms of `house.py`."""
    return str(runpy.run_path(str(_DOCS / "house.py"))[form]())


def door(name: str) -> str:
    """A door's names, in groups, with their signatures."""
    return str(runpy.run_path(str(_DOCS / "doors.py"))["door"](name))


def door_in_site(name: str) -> str:
    """A door's names, in groups, for which mkdocstrings writes the reference."""
    return str(runpy.run_path(str(_DOCS / "doors.py"))["door"](name, in_site=True))


def commands() -> str:
    """Each command with its help, as the command line prints it."""
    import click

    from flowenv.cli.app import app

    settings = {**app.context_settings, "max_content_width": 90}
    context = click.Context(app, info_name="flowenv", **settings)
    parts = [_help(app, context)]
    for name in app.list_commands(context):
        command = app.get_command(context, name)
        assert command
        inner = click.Context(command, context, f"{name}", max_content_width=90)
        parts.append(f"## {name}\n\n{_help(command, inner)}")
    return "\n\n".join(parts)


def _help(command: Any, context: Any) -> str:
    return f"```text\n{command.get_help(context)}\n```"


def hooks(group: str) -> str:
    """Each hook of a group with its signature, and its docstring as Markdown."""
    from flowenv.cli.commands.hooks import all_hooks

    return "\n\n".join(
        f"### {name}\n\n```text\n{name}{data['signature']}\n```\n\n"
        f"*{data['kind'].capitalize()}.* {_as_markdown(data['doc'])}"
        for name, data in all_hooks().items()
        if data["group"] == group
    )


def _as_markdown(docstring: str) -> str:
    """A docstring's sections as paragraphs and lists."""
    lines: list[str] = []
    section = ""
    for line in docstring.splitlines():
        if line in ("Args:", "Returns:"):
            section = line
            lines += [f"**{'Takes' if section == 'Args:' else 'Returns'}**", ""]
        elif line and not line.startswith(" "):
            section = ""
            lines.append(line)
        elif section == "Args:" and (found := re.match(r"    (\w+): (.*)", line)):
            lines.append(f"- `{found[1]}`: {found[2]}")
        else:
            lines.append(line[4:] if section else line)
    return "\n".join(lines)


def contract() -> str:
    """Which contract variables each environment sets, by kind of container."""
    from flowenv.plugin import contract

    environments = list(_environments())
    names = [*contract.BASIC, contract.EXECUTOR, contract.LOGGING_LEVEL, contract.NAMESPACE]
    rows = [
        (f"`{name}`", *(_containers(one, name) for one in environments)) for name in sorted(names)
    ]
    return table(("Variable", *(f"`{one.__name__}`" for one in environments)), rows)


def _containers(environment: Any, variable: str) -> str:
    from flowenv.contract import AUTH_TOKEN
    from flowenv.plugin import Target

    targets = [
        target.value
        for target, names in environment.contract.items()
        if variable in names and (variable, target) != (AUTH_TOKEN, Target.SIDECAR)
    ]
    return ", ".join(targets) or "no"


def capabilities() -> str:
    """What each backend can do."""
    shown = ("cancel", "logs", "result", "attach", "find", "sweep", "delete", "image")
    rows = [
        (f"`{one.backend}`", *("yes" if one.capabilities.to_json()[c] else "no" for c in shown))
        for one in _environments()
    ]
    return table(("Backend", *shown), rows)


def _environments() -> Iterator[Any]:
    """The environment classes of this repository's backends."""
    from flowenv.registry.discovery import KNOWN_BACKENDS
    from flowenv.registry.registry import registry

    for name in KNOWN_BACKENDS:
        if name in registry().backends():
            yield registry().environment_type(name)


def settings(dotted: str) -> str:
    """A table of the settings of an environment or executor class."""
    from flowenv.plugin import settings_of
    from flowenv.settings.annotations import describe

    rows = [
        (f"`{one.name}`", describe(one.annotation), f"`{one.default!r}`", one.help)
        for one in settings_of(_load(dotted))
    ]
    return table(("Setting", "Type", "Default", "Meaning"), rows)


def members(dotted: str) -> str:
    """A table of an enumeration's members and what stands below each."""
    found = _load(dotted)
    documented = _member_docstrings(found)
    rows = [(f"`{one.value}`", documented[one.name]) for one in found]
    return table((found.__name__, "Meaning"), rows)


def _member_docstrings(enumeration: type) -> dict[str, str]:
    """The strings below the members, which Python itself doesn't keep."""
    (body,) = ast.parse(inspect.getsource(enumeration)).body
    assert isinstance(body, ast.ClassDef)
    found = {}
    for statement, following in zip(body.body, body.body[1:], strict=False):
        match statement, following:
            case (
                ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = " ".join(text.split())
    return found


def conformance() -> str:
    """The checks of the conformance kit, which are named as sentences."""
    from flowenv import testing

    kit = testing.BackendConformance
    parts = []
    for group in (one for one in kit.__bases__ if one is not object):
        checks = [name for name in vars(group) if name.startswith("test_")]
        sentences = [name.removeprefix("test_").replace("_", " ").capitalize() for name in checks]
        title = (inspect.getdoc(group) or "").removesuffix(".").removeprefix("Checks ")
        parts.append(f"**Checks {title}:**\n\n" + "\n".join(f"- {one}" for one in sentences))
    return "\n\n".join(parts)


def errors() -> str:
    """A table of the error classes that are public."""
    from flowenv import errors

    public = [getattr(errors, name) for name in errors.__all__]
    rows = [
        (f"`{one.__name__}`", _builtins_of(one), str(one.exit_code), _first_sentence(one))
        for one in _subclasses(errors.FlowenvError)
        if one in public
    ]
    return table(("Error", "Is also a", "Exit code", "Meaning"), rows)


def _subclasses(error: Any) -> Iterator[Any]:
    yield error
    for one in error.__subclasses__():
        yield from _subclasses(one)


def _builtins_of(error: type) -> str:
    names = [one.__name__ for one in error.__mro__ if one.__module__ == "builtins"]
    return ", ".join(f"`{n}`" for n in names if n not in ("Exception", "BaseException", "object"))


def _first_sentence(documented: Any) -> str:
    return " ".join((inspect.getdoc(documented) or "").partition("\n\n")[0].split())


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '¦') for cell in row)} |" for row in lines)


def _load(dotted: str) -> Any:
    module, _, name = dotted.rpartition(".")
    return getattr(importlib.import_module(module), name)


GENERATORS: dict[str, Callable[..., str]] = {
    "architecture": architecture,
    "capabilities": capabilities,
    "commands": commands,
    "conformance": conformance,
    "contract": contract,
    "door": door,
    "errors": errors,
    "hooks": hooks,
    "members": members,
    "rooms": rooms,
    "settings": settings,
}

if __name__ == "__main__":
    write_pages()
