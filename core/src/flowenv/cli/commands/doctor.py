"""`flowenv doctor`: is everything as it should be, and if not, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from flowenv.cli.arguments.options import output_option, platform_options
from flowenv.cli.output.printing import echo_json, results
from flowenv.wording import sentences, shown

if TYPE_CHECKING:
    from flowenv.answers.summaries import Finding
    from flowenv.cli.loading import Loaded

_MARKS = {True: ("ok", "green"), False: ("error", "red"), None: ("warning", "yellow")}


@click.command()
@platform_options
@output_option("text", "json", "yaml")
def doctor(
    env: str | None, settings: tuple[str, ...], plugins: tuple[str, ...], output: str
) -> int:
    """Check this installation and the environment's platform.

    The platform is that of --env, else of the environment that the configuration names. The
    files and variables that its secrets come from are read, too; none is shown.
    With -o yaml the standard output holds what puts it right where that can be applied, such as a
    Role for what is denied. Exits with 0 if nothing is wrong, 3 if something is.

    \b
      flowenv doctor
      flowenv doctor --env prod
      flowenv doctor --env prod -o yaml | kubectl apply -n team-a -f -
    """
    findings = _installation(env, plugins)
    if env or settings or _is_configured():
        findings += _platform(env, settings, plugins)
    else:
        findings += _default({finding.subject for finding in findings})
    if output == "json":
        echo_json([finding.to_json() for finding in findings])
    else:
        for finding in findings:
            _print(finding, aside=output == "yaml")
        if output == "yaml":
            remedies = "---\n".join(one.remedy for one in findings if one.remedy)
            click.echo(shown(remedies), file=results(), nl=False)
    return 3 if any(finding.ok is False for finding in findings) else 0


def _is_configured() -> bool:
    """Whether the configuration names an environment; one that can't be read is a finding."""
    from flowenv.errors import ConfigurationError
    from flowenv.settings.configuration import configuration

    try:
        return configuration().environment is not None
    except ConfigurationError:
        return False


def _print(finding: Finding, *, aside: bool) -> None:
    """Print a finding; aside, where the standard output is for what puts it right."""
    word, colour = _MARKS[finding.ok]
    mark = click.style(word.ljust(7), fg=colour)
    text = f"{finding.subject}: {sentences(finding.message, finding.hint)}"
    click.echo(f"{mark}  {shown(text)}", err=aside)
    if finding.remedy and not aside:
        click.echo(shown(finding.remedy.rstrip("\n")))


def _installation(env: str | None, plugins: Sequence[str]) -> list[Finding]:
    import platform

    from flowenv._version import __version__
    from flowenv.answers.summaries import Finding
    from flowenv.cli.secret_findings import secret_findings
    from flowenv.errors import ConfigurationError
    from flowenv.settings.configuration import configuration

    python = platform.python_version()
    found = [Finding("flowenv", True, f"{__version__} on Python {python}")]
    try:
        path = configuration().path
    except ConfigurationError as error:
        # without it there is no telling which plugins to load
        return [*found, Finding("configuration", False, error.message, error.hint)]
    found.append(Finding("configuration", True, str(path) if path else "no file; all defaults"))
    found += secret_findings(configuration(), env)
    return found + _plugins(plugins)


def _plugins(given: Sequence[str]) -> list[Finding]:
    from flowenv.answers.summaries import Finding
    from flowenv.cli.loading import load_all
    from flowenv.origin import how_to_install

    loaded = load_all(given)
    found = _names_of_settings(loaded)
    for one in loaded:
        text = f"{one.distribution} {one.version}".strip() or "loads"
        if one.left_out:
            text += ", left out by FLOWENV_LOAD_PLUGINS"
        if one.required:
            text += ", required"
        if places := one.places:
            text += f", with settings from {', '.join(places)}"
        if problem := one.problem or one.warning:
            text = problem
        ok = False if one.error else None if one.warning else True
        finding = Finding(f"{one.kind} {one.name}", ok, text)
        if finding not in found:  # two owners of one name have one error between them
            found.append(finding)
    if not any(one.subject.startswith("backend ") for one in found):
        hint = how_to_install("flowenv-local")
        found.append(Finding("backends", False, "none is installed.", hint))
    return found


def _names_of_settings(loaded: Sequence[Loaded]) -> list[Finding]:
    """A plugin's settings for which there is no such plugin, or no such setting."""
    from flowenv.answers.summaries import Finding
    from flowenv.errors import ConfigurationError
    from flowenv.registry.registry import registry
    from flowenv.registry.settings_of_plugins import check_names

    declared = [one.settings for one in loaded if one.settings]
    without = [one.name for one in loaded if one.hooks and one.kind == "plugin"]
    try:
        missing = check_names(declared, without, registry().installed())
    except ConfigurationError as error:
        return [Finding("configuration", False, error.message, error.hint)]
    return [Finding("configuration", None, words) for words in missing]


def _default(seen: set[str]) -> list[Finding]:
    """Whether there is the environment of runs that name none."""
    from flowenv.answers.summaries import Finding
    from flowenv.origin import how_to_install

    if "backends" in seen or "backend local" in seen:  # none at all is said already
        return []
    message = "a run that names none is local, and the backend local isn't installed."
    hint = "Name one, by --env or by environment in the configuration. Or install that backend: "
    return [Finding("environment", None, message, hint + how_to_install("flowenv-local"))]


def _platform(env: str | None, settings: Sequence[str], plugins: Sequence[str]) -> list[Finding]:
    from flowenv.answers.summaries import Finding
    from flowenv.cli.arguments.prepare import choose_environment
    from flowenv.errors import FlowenvError
    from flowenv.registry.registry import registry, use_local_plugins

    try:
        use_local_plugins(plugins)
        environment = choose_environment(None, env, settings)
        hooks = registry().hooks(environment.backend)
    except FlowenvError as error:
        return [Finding(f"environment {env or ''}".strip(), False, error.message, error.hint)]
    found: list[Finding] = []
    for name, call in hooks.each("flowenv_check", environment=environment):
        try:
            found += _findings(call(), name)
        except FlowenvError as error:
            found.append(Finding(name, False, error.message, error.hint))
    return found or [Finding(environment.backend, True, "has nothing to check")]


def _findings(given: object, giver: str) -> list[Finding]:
    """What `flowenv_check` gave, if it is what it should be.

    Raises:
        PluginError: naming who gave something else.
    """
    from flowenv.answers.summaries import Finding
    from flowenv.errors import PluginError

    if given is None:
        return []
    found = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    findings = [one for one in found if isinstance(one, Finding)]
    if len(findings) < len(found):
        wrong = next(one for one in found if not isinstance(one, Finding))
        raise PluginError(
            f"{giver} gives {type(wrong).__name__} in flowenv_check, which is no finding.",
            hint="It returns a list of flowenv.plugin.Finding, or None.",
        )
    return findings
