"""A deliberately wrong backend fails each check of the conformance kit that it should.

The backend is the example in `examples/plugin-subprocess`, right until a fault is put in.
"""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowenv.registry.registry import reset
from flowenv.testing import BackendConformance
from flowenv.testing.waiting import WaitingChecks

pytest.importorskip("flowenv_subprocess")
from plugin_authors.faults_of_runs import FAULTS_OF_RUNS
from plugin_authors.faults_of_specs import FAULTS_OF_SPECS
from plugin_authors.faulty_backend import Kit, Patch

from flowenv_subprocess import SubprocessEnvironment, hooks

FAULTS = [*FAULTS_OF_SPECS, *FAULTS_OF_RUNS]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    reset()
    yield tmp_path
    for handle in hooks._handles(SubprocessEnvironment(directory=str(tmp_path / "runs"))):
        if not handle.status().state.is_final:
            handle.cancel()
    reset()


def call(kit: Kit, check: str, request: pytest.FixtureRequest) -> None:
    """Call a check as pytest would, with the fixtures that it asks for."""
    names = inspect.signature(getattr(kit, check)).parameters
    getattr(kit, check)(**{name: request.getfixturevalue(name) for name in names})


@pytest.mark.parametrize(
    ("fault", "check"), FAULTS, ids=[f"{i}-{check}" for i, (_, check) in enumerate(FAULTS)]
)
def test_a_fault_is_found(
    folder: Path, fault: Any, check: str, request: pytest.FixtureRequest
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        fault(patch)
        # a check fails by an assertion, or by what the wrong backend makes the core raise
        with pytest.raises((AssertionError, Exception, pytest.fail.Exception)) as caught:
            call(Kit(folder), check, request)
    wrong = (TypeError, NameError, AttributeError, pickle.PicklingError)
    for error in (caught.value, caught.value.__cause__):
        assert not isinstance(error, wrong), "the fault itself is faulty"


@pytest.mark.parametrize(
    "check", sorted({check for _, check in FAULTS if hasattr(WaitingChecks, check)})
)
def test_without_a_fault_the_same_check_passes(
    folder: Path, check: str, monkeypatch: Patch, request: pytest.FixtureRequest
) -> None:
    """The others pass in the example's own tests, which have no `hold`."""
    monkeypatch.setattr(Kit, "timeout", 60.0)
    call(Kit(folder), check, request)


def test_every_check_has_a_fault() -> None:
    checks = {name for name in dir(BackendConformance) if name.startswith("test_")}
    # the core checks parameters before it asks the backend anything
    assert checks - {"test_wrong_parameters_submit_nothing"} == {check for _, check in FAULTS}


@pytest.mark.parametrize(
    "check",
    ["test_serialisation_round_trip", "test_a_setting_of_the_wrong_type_is_an_error"],
)
def test_a_factory_that_ignores_its_settings_is_told_so(
    folder: Path, check: str, monkeypatch: Patch, request: pytest.FixtureRequest
) -> None:
    made = SubprocessEnvironment(directory=str(folder))
    monkeypatch.setattr(Kit, "make_environment", lambda self, **settings: made)
    with pytest.raises(AssertionError, match=r"must pass its settings on .* ignores .*labels"):
        call(Kit(folder), check, request)


def test_a_misspelt_flag_is_an_error_that_names_the_right_one() -> None:
    with pytest.raises(TypeError, match=r"Wrong\.idempotnet .* Did you mean 'idempotent'\?"):
        type("Wrong", (BackendConformance,), {"idempotnet": False})


def test_a_misspelt_capability_is_an_error_too() -> None:
    with pytest.raises(TypeError, match=r"Wrong\.sweeep .* Did you mean 'sweep'\?"):
        type("Wrong", (BackendConformance,), {"sweeep": False})


def test_what_is_no_flag_is_the_authors_own() -> None:
    own = {"_image": "repo/flow:1", "IMAGE": 1, "rig": property(len), "environment_type": dict}
    type("Right", (BackendConformance,), {**own, "sweep": False, "pytestmark": []})
