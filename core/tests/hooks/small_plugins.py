"""Plugins of one hook, and a run that hears them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flowenv import Flow, hookimpl
from flowenv.submission.lifecycle import prepare
from flowenv.submission.prepared import Prepared

from ..plugging import ToyEnvironment


def prepared() -> Prepared:
    return prepare(Flow(dict), environment=ToyEnvironment())


def giving(variables: object) -> dict[str, Any]:
    @hookimpl
    def flowenv_environment_variables():
        return variables

    return {"flowenv_environment_variables": flowenv_environment_variables}


def modifying(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    @hookimpl
    def flowenv_modify_spec(spec):
        return change(spec)

    return {"flowenv_modify_spec": flowenv_modify_spec}


def noting(name: str, **marks: bool) -> dict[str, Any]:
    @hookimpl(**marks)
    def flowenv_modify_spec(spec):
        spec["toy"].setdefault("seen", []).append(name)

    return {"flowenv_modify_spec": flowenv_modify_spec}


def knowing(secret: object) -> dict[str, Any]:
    @hookimpl
    def flowenv_get_secret(name):
        return secret

    return {"flowenv_get_secret": flowenv_get_secret}
