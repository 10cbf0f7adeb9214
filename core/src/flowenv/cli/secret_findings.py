"""What `flowenv doctor` says of configured secrets: what can't be read, and what nothing uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowenv.answers.summaries import Finding
from flowenv.errors import ConfigurationError
from flowenv.settings.secrets import configured_secret, secret_variables
from flowenv.settings.unused_secrets import how_to_use, unused_secrets, used_texts

if TYPE_CHECKING:
    from flowenv.settings.configuration import Configuration


def secret_findings(found: Configuration, env: str | None) -> list[Finding]:
    """What is wrong with the secrets of runs in one environment; none is shown.

    Args:
        found: the configuration.
        env: the environment's name; by default the one that the configuration names.
    """
    name = env or found.environment
    named = found.environments.get(name) if name else None
    used = used_texts([found.secret_env, *([named.env, named.settings] if named else [])])
    findings = [
        Finding(f"secret {secret}", False, problem)
        for secret in found.secrets
        if secret in used and (problem := _problem_of(secret))
    ]
    findings += _unread_files(found, found.secret_env, "env")
    if named and name:
        findings += _unread_files(found, named.env, "environments", name, "env")
    for secret in unused_secrets(found):
        text = "nothing in the configuration uses it; a plugin may ask for it."
        findings.append(Finding(f"secret {secret}", None, text, how_to_use(secret)))
    return findings


def _problem_of(secret: str) -> str:
    try:
        configured_secret(secret)
    except ConfigurationError as error:
        return error.message
    return ""


def _unread_files(found: Configuration, env: Mapping[str, Any], *where: str) -> Iterator[Finding]:
    """The variables whose file can't be read, as a run would find it."""
    folder = found.path.parent if found.path else Path()
    for name, value in env.items():
        if not isinstance(value, Mapping) or "file" not in value:
            continue
        try:
            secret_variables(
                {name: value}, configured_secret, lambda one: found.place(*where, one), folder
            )
        except ConfigurationError as error:
            yield Finding(f"variable {name}", False, error.message, error.hint)
