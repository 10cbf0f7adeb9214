"""A Secret is never seen."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback

import cloudpickle
import pytest

from flowenv import Secret, redaction
from flowenv.plugin import SecretDocument, revealed

HIDDEN = "s3cr3t-value"


@pytest.fixture
def secret() -> Secret:
    return Secret(HIDDEN)


@pytest.mark.parametrize(
    "show",
    [
        str,
        repr,
        ascii,
        format,
        lambda s: f"{s}",
        lambda s: f"{s!r:>20}",
        lambda s: f"{s:>20}",
        lambda s: "%s %r" % (s, s),  # noqa: UP031
        lambda s: "{} {!r}".format(s, s),  # noqa: UP032
        lambda s: str([s, {"a": s}]),
        lambda s: repr(RuntimeError(s)),
    ],
)
def test_it_is_masked_wherever_it_is_printed(secret, show):
    assert HIDDEN not in show(secret)
    assert "***" in show(secret)


def test_it_is_masked_in_a_log(secret, caplog):
    logging.getLogger("test").warning("token %s %r", secret, {"token": secret})
    assert HIDDEN not in caplog.text


def test_it_is_masked_in_a_traceback_that_shows_local_variables(secret):
    try:
        raise RuntimeError(f"with {secret}")
    except RuntimeError as error:
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        text = "".join(shown.format())
    assert HIDDEN not in text
    assert "secret = Secret('***')" in text


def test_json_refuses_it_without_showing_it(secret):
    with pytest.raises(TypeError) as raised:
        json.dumps({"token": secret})
    assert HIDDEN not in str(raised.value)


@pytest.mark.parametrize("dumps", [pickle.dumps, cloudpickle.dumps])
@pytest.mark.parametrize("hold", [lambda s: s, lambda s: [s], lambda s: {"token": s}])
def test_it_can_not_be_pickled(secret, dumps, hold):
    with pytest.raises(TypeError, match="can't be pickled"):
        dumps(hold(secret))


def test_a_copy_is_the_same_secret(secret):
    assert copy.copy(secret) is secret
    assert copy.deepcopy({"a": [secret]}) == {"a": [secret]}


def test_it_gives_its_value_to_who_asks(secret):
    assert secret.reveal() == HIDDEN


def test_equal_secrets_are_equal_but_no_string_is(secret):
    assert secret == Secret(HIDDEN)
    assert hash(secret) == hash(Secret(HIDDEN))
    assert secret != HIDDEN
    assert secret != Secret("other")


def test_it_has_no_attributes_to_look_into(secret):
    assert not hasattr(secret, "__dict__")


def test_a_reference_is_shown_and_holds_no_value():
    secret = Secret(reference="arn:aws:secretsmanager:token")
    assert "arn:aws:secretsmanager:token" in repr(secret)
    with pytest.raises(ValueError, match="the platform resolves it"):
        secret.reveal()


@pytest.mark.parametrize("arguments", [{}, {"value": "a", "reference": "b"}])
def test_it_is_either_a_value_or_a_reference(arguments):
    with pytest.raises(TypeError, match="either a value or a reference"):
        Secret(**arguments)


def test_a_wrong_type_is_refused_without_showing_the_value():
    with pytest.raises(TypeError) as raised:
        Secret(b"s3cr3t-value")
    assert HIDDEN not in str(raised.value)


def test_what_is_sent_has_the_texts_and_what_is_kept_the_secrets() -> None:
    spec = {"env": ({"TOKEN": Secret("s3cr3t")}, [Secret("x"), 1, None]), "name": "job"}
    assert revealed(spec) == {"env": ({"TOKEN": "s3cr3t"}, ["x", 1, None]), "name": "job"}
    assert "s3cr3t" not in repr(spec)


def test_a_secret_that_only_the_platform_knows_is_not_sent_as_nothing() -> None:
    with pytest.raises(ValueError, match="the platform resolves it"):
        revealed([Secret(reference="arn:aws:ssm:token")])


def test_a_document_is_masked_and_is_nothing_to_search_logs_for() -> None:
    document = SecretDocument('{"parameters": {"n": 1}}')
    assert (repr(document), f"{document}") == ("Secret('***')", "***")
    assert revealed([document]) == ['{"parameters": {"n": 1}}']
    assert redaction.redacted(document.reveal()) == '{"parameters": {"n": 1}}'


def test_a_secret_that_is_used_again_is_not_forgotten_for_others() -> None:
    password = Secret("the password of all runs")
    for number in range(2 * redaction._MOST):
        password.reveal()
        Secret(f"the token of run {number}").reveal()
        assert redaction.redacted("with the password of all runs") == "with ***"
    assert len(redaction._known) == redaction._MOST
    redaction.forget()
    assert (len(redaction._known), len(redaction._of_length)) == (0, 0)
