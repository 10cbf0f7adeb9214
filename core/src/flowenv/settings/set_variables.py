"""Variables as users set them: texts, and tables that name a secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowenv.contract import CONFIGURABLE
from flowenv.contract.variable_rules import NAME_RULE, NUL_RULE, holds_nul, is_name

VARIABLE_KEYS = {"secret", "file", "reference"}
"""What a variable that is a secret is named by."""


def wrong_variable(name: str, value: object) -> str:
    """What is wrong with a variable for containers; empty if nothing is. Its value isn't shown.

    Args:
        name: its name.
        value: a text, or one of `{secret = …}`, `{file = …}`, `{reference = …}`.
    """
    from flowenv.contract import AUTH_TOKEN

    if not is_name(name):
        return f"is no name for a variable. {NAME_RULE}"
    if isinstance(value, str):
        return f"has a NUL character. {NUL_RULE}" if holds_nul(value) else ""
    forms = "a string, {secret = …}, {file = …} or {reference = …}"
    if not isinstance(value, dict):
        return f"must be {forms}, not {type(value).__name__}"
    texts = all(isinstance(one, str) and one.strip() for one in value.values())
    if len(value) != 1 or not value.keys() <= VARIABLE_KEYS or not texts:
        return f"must be {forms}, and what is named there no empty text"
    if name == AUTH_TOKEN:
        return "can't be a secret; for the token set auth_token in [secrets]"
    return "can't be a secret" if name in CONFIGURABLE else ""


def split_variables(env: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Variables as `[env]` has them: those that are texts, and those that are secrets."""
    plain = {name: value for name, value in env.items() if isinstance(value, str)}
    return plain, {name: value for name, value in env.items() if name not in plain}
