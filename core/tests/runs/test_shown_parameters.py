"""Parameters that stand where others read them: short, and without secrets."""

from __future__ import annotations

import datetime
import decimal
import enum
import re
import socket
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowenv import Secret
from flowenv.runs.shown_parameters import LONGEST, MOST, shown_parameters
from flowenv.runs.submitter import submitter
from flowenv.settings.configuration import configuration


class Side(enum.Enum):
    BUY = "hunter2"


class Level(enum.StrEnum):
    HIGH = "high"


class Heavy:
    def __repr__(self) -> str:
        raise AssertionError("its text can take long")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"),
        ("a", "'a'"),
        (None, "None"),
        (Path("data/a.csv"), "data/a.csv"),
        (Path("a\nb"), r"'a\nb'"),
        (datetime.date(2026, 11, 28), "2026-11-28"),
        (datetime.datetime(2026, 11, 28, 9, 30), "2026-11-28T09:30:00"),
        (datetime.time(9, 30), "09:30:00"),
        (datetime.timedelta(seconds=90), "0:01:30"),
        (decimal.Decimal("0.10"), "0.10"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        ([datetime.date(2026, 11, 28)], "[2026-11-28]"),
        (Side.BUY, "BUY"),
        ([Level.HIGH], "[HIGH]"),
        (re.I | re.M, "IGNORECASE|MULTILINE"),
        (Heavy(), "<Heavy>"),
        ([Heavy()], "[<Heavy>]"),
        (Secret("hunter2"), "***"),
        ({"user": "me", "password": "hunter2"}, "{'user': 'me', 'password': ***}"),
        ([{"api_key": "hunter2"}], "[{'api_key': ***}]"),
        ("postgres://me:hunter2@db/x", "'postgres://me:***@db/x'"),
        (Path("s3://me:hunter2@host"), "s3:/me:hunter2@host"),
    ],
)
def test_a_value_is_shown_as_python_shows_it_without_what_is_secret(
    value: object, text: str
) -> None:
    assert shown_parameters({"x": value}) == {"x": text}


@pytest.mark.parametrize(
    "name", ["password", "DB_PASSWORD", "auth", "apiKey", "github_token", "pwd", "client-secret"]
)
def test_what_is_named_like_a_secret_is_masked(name: str) -> None:
    assert shown_parameters({name: "hunter2"}) == {name: "***"}


@pytest.mark.parametrize("name", ["author", "authors", "n", "keys", "path", "sort_key"])
def test_what_only_looks_a_bit_like_it_is_shown(name: str) -> None:
    assert shown_parameters({name: 1}) == {name: "1"}


def test_a_number_of_tokens_and_none_at_all_are_no_secrets() -> None:
    given = {"max_tokens": 512, "password": None, "pin_token": 1234, "tokens": "a,b"}
    shown = {"max_tokens": "512", "password": "None", "pin_token": "***", "tokens": "***"}
    assert shown_parameters(given) == shown


@pytest.mark.parametrize(("given", "marked"), [("ada\udcff", "ada?"), ("  ada ", "ada"), ("", "")])
def test_who_submits_is_a_text_that_platforms_take(
    monkeypatch: pytest.MonkeyPatch, given: str, marked: str
) -> None:
    monkeypatch.setenv("FLOWENV_SUBMITTER", given)
    assert submitter() == marked


def test_who_submits_is_the_user_on_this_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    user, _, host = submitter().partition("@")
    assert user
    assert host == socket.gethostname()
    (tmp_path / "flowenv.toml").write_text('submitter = "team-a"\n')
    configuration.cache_clear()
    assert submitter() == "team-a"


def test_a_secret_that_was_revealed_is_masked_wherever_it_stands() -> None:
    Secret("correct horse").reveal()
    shown = shown_parameters({"note": "it is correct horse battery", "x" * 50: "correct horse"})
    assert "horse" not in str(shown)


@given(st.dictionaries(st.text(), st.recursive(st.text() | st.binary() | st.integers(), st.lists)))
def test_all_together_stay_short(parameters: dict[str, object]) -> None:
    shown = shown_parameters(parameters)
    more = shown.pop("…", "0 more") if "…" not in parameters else "0 more"
    assert sum(len(name) + len(text) for name, text in shown.items()) <= MOST
    assert all(len(text) <= LONGEST for text in shown.values())
    if "…" not in parameters:
        assert len(shown) + int(more.split()[0]) == len(parameters)


def test_how_many_more_there_are_is_said() -> None:
    shown = shown_parameters({f"p{i}": "x" * 100 for i in range(40)})
    assert shown["…"] == f"{40 - len(shown) + 1} more"
