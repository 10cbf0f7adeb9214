"""Secrets that the configuration names: in `[secrets]`, and as variables."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from flowenv.errors import ConfigurationError
from flowenv.secret import Secret
from flowenv.settings.configuration import configuration


def configured_secret(name: str) -> Secret | None:
    """A secret from `[secrets]`, else from `FLOWENV_SECRET_NAME`, else None.

    The auth token is also taken from `PREFECT__CLOUD__AUTH_TOKEN`.

    Raises:
        ConfigurationError: if `[secrets]` names a variable or file that isn't there.
    """
    from flowenv.contract import AUTH_TOKEN, AUTH_TOKEN_SECRET

    entry = configuration().secrets.get(name)
    if isinstance(entry, str):
        return Secret(entry)
    if entry is not None:
        if reference := entry.get("reference"):
            return Secret(reference=reference)
        return Secret(_read_secret(name, entry))
    variables = ["FLOWENV_SECRET_" + re.sub(r"\W", "_", name).upper()]
    if name == AUTH_TOKEN_SECRET:
        variables.append(AUTH_TOKEN)
    for variable in variables:
        if value := os.environ.get(variable):
            return Secret(value)
    return None


def secret_variables(
    entries: Mapping[str, Mapping[str, str]],
    find: Callable[[str], Secret | None],
    place_of: Callable[[str], str],
    folder: Path,
) -> dict[str, Secret]:
    """The values of variables that are secrets.

    Args:
        entries: `{secret = …}`, `{file = …}` or `{reference = …}` by the variable's name.
        find: finds a named secret.
        place_of: where a variable is set, for messages.
        folder: what a file's name is relative to.

    Raises:
        ConfigurationError: if one isn't there; with its place.
    """
    values = dict[str, Secret]()
    for name, entry in entries.items():
        secret: Secret | None
        if named := entry.get("secret"):
            secret = find(named)
        elif reference := entry.get("reference"):
            secret = Secret(reference=reference)
        else:
            file = folder / Path(entry["file"]).expanduser()
            secret = Secret(_text_of(file, place_of(name)))
        if secret is None:
            variable = "FLOWENV_SECRET_" + re.sub(r"\W", "_", named or "").upper()
            raise ConfigurationError(
                f"{place_of(name)}: {name} is the secret {named}, and nobody has it.",
                hint=f"Set it in [secrets], or as {variable}.",
            )
        values[name] = secret
    return values


def _read_secret(name: str, entry: Mapping[str, str]) -> str:
    found = configuration()
    place = found.place("secrets", name)
    if variable := entry.get("env"):
        if variable not in os.environ:
            raise ConfigurationError(f"{place}: the environment variable {variable} isn't set.")
        return os.environ[variable]
    return _text_of(found.beside(entry["file"]), place)


def _text_of(path: Path, place: str) -> str:
    try:
        return path.read_text("utf-8").rstrip("\n")
    except OSError as error:
        raise ConfigurationError(f"{place}: {path} can't be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        # the error itself would show what the file holds
        raise ConfigurationError(f"{place}: {path} holds no UTF-8 text.") from None
