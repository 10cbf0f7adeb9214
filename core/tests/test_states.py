"""States go forwards only, and a status says what there is to say."""

from __future__ import annotations

import itertools

import pytest

from flowenv import FlowenvError, Reason, State, Status

ORDER = [State.PENDING, State.SUBMITTED, State.STARTING, State.RUNNING]
FINAL = [State.COMPLETED, State.FAILED, State.CRASHED, State.CANCELLED]


@pytest.mark.parametrize(("before", "after"), list(itertools.product(State, State)))
def test_a_state_goes_forwards_only(before, after):
    rank = {state: n for n, state in enumerate(ORDER)} | dict.fromkeys(FINAL, len(ORDER))
    assert before.may_become(after) == (before not in FINAL and rank[after] > rank[before])


def test_exactly_the_four_ends_are_final():
    assert [state for state in State if state.is_final] == FINAL


@pytest.mark.parametrize("reason", Reason)
def test_a_status_can_be_retried_if_its_reason_says_so(reason):
    assert Status(State.CRASHED, reason).can_retry is reason.retryable


def test_a_status_can_know_better_than_its_reason():
    assert Status(State.CRASHED, Reason.OOM_KILLED, retryable=True).can_retry
    assert not Status(State.CRASHED, Reason.EVICTED, retryable=False).can_retry


def test_a_status_without_a_reason_is_not_worth_a_retry():
    assert not Status(State.FAILED).can_retry


def test_a_status_prints_reason_message_and_hint():
    status = Status(State.CRASHED, Reason.QUOTA, "No room.", "Ask for more.")
    assert str(status) == "Crashed (quota): No room. Ask for more."


def test_a_status_with_equal_message_and_hint_prints_both():
    assert str(Status(State.FAILED, message="x", hint="x")) == "Failed: x. x"


@pytest.mark.parametrize(
    ("message", "printed"),
    [
        ("about to die", "about to die. See."),
        ("No room.", "No room. See."),
        ("Nothing found..", "Nothing found. See."),
        ("Is it there?", "Is it there? See."),
        ("Add this:", "Add this: See."),
        ("", "See."),
    ],
)
def test_one_full_stop_stands_between_a_message_and_its_hint(message, printed):
    assert str(FlowenvError(message, hint="See.")) == printed


def test_a_status_as_json_is_plain():
    assert Status(State.CRASHED, Reason.LOST, "gone").to_json() == {
        "state": "Crashed",
        "reason": "lost",
        "message": "gone",
        "hint": "",
        "can_retry": True,
    }


@pytest.mark.parametrize("member", [*State, *Reason])
def test_every_member_is_documented(member):
    import ast
    import inspect

    from flowenv import states

    tree = ast.parse(inspect.getsource(states))
    (cls,) = (
        n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == type(member).__name__
    )
    documented = {
        before.targets[0].id
        for before, after in itertools.pairwise(cls.body)
        if isinstance(before, ast.Assign)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
    }
    assert member.name in documented
