"""`flowenv doctor`: is everything as it should be, and if not, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flowenv.cli.options import (
    choose_environment,
    echo_json,
    env_option,
    output_option,
    plugin_option,
    settings_option,
)

if TYPE_CHECKING:
    from flowenv.handle import Finding


@click.command()
@env_option
@settings_option
@plugin_option
@output_option("text", "json")
def doctor(
    env: str | None, settings: tuple[str, ...], plugins: tuple[str, ...], output: str
) -> int:
    """Check this installation; with --env also that its platform is ready for runs.

    Exits with 0 if nothing is wrong, 3 if something is.
    """
    from flowenv.registry import use_local_plugins

    use_local_plugins(plugins)
    findings = _installation()
    if env or settings:
        findings += _platform(env, settings)
    if output == "json":
        echo_json([finding.to_json() for finding in findings])
    else:
        for finding in findings:
            mark = {True: "ok     ", False: "error  ", None: "warning"}[finding.ok]
            colour = {True: "green", False: "red", None: "yellow"}[finding.ok]
            hint = f" {finding.hint}" if finding.hint else ""
            click.echo(
                f"{click.style(mark, fg=colour)}  {finding.subject}: {finding.message}{hint}"
            )
    return 3 if any(finding.ok is False for finding in findings) else 0


def _installation() -> list[Finding]:
    import platform

    from flowenv._version import __version__
    from flowenv.configuration import configuration
    from flowenv.handle import Finding
    from flowenv.registry import registry

    python = platform.python_version()
    found = [Finding("flowenv", True, f"{__version__} on Python {python}")]
    path = configuration().path
    found.append(Finding("configuration", True, str(path) if path else "no file; all defaults"))
    registry().plugins()
    for name, owners in registry().backends().items():
        found.append(_backend(name, f"{owners[0].distribution} {owners[0].version}"))
    for one in registry().installed():
        if one.kind == "plugin":
            problem = registry().errors.get(one.name)
            text = f"{one.distribution} {one.version}"
            message = f"{text}: {problem}" if problem else text
            found.append(Finding(f"plugin {one.name}", problem is None, message))
    return found


def _backend(name: str, owner: str) -> Finding:
    from flowenv.errors import PluginError
    from flowenv.handle import Finding
    from flowenv.registry import registry

    try:
        registry().environment_type(name)
    except PluginError as error:
        return Finding(f"backend {name}", False, error.message, error.hint)
    return Finding(f"backend {name}", True, owner)


def _platform(env: str | None, settings: tuple[str, ...]) -> list[Finding]:
    from flowenv.errors import FlowenvError
    from flowenv.handle import Finding
    from flowenv.registry import registry

    environment = choose_environment(None, env, settings)
    hooks = registry().hooks(environment.backend)
    found: list[Any] = []
    for name, call in hooks.each("flowenv_check", environment=environment):
        try:
            found += call() or []
        except FlowenvError as error:
            found.append(Finding(name, False, error.message, error.hint))
    return found or [Finding(environment.backend, True, "has nothing to check")]
