"""Whose AWS is called."""

from __future__ import annotations

import pytest

from flowenv_fargate.api.session import Access, session_of


def test_a_session_token_without_its_key_is_not_passed_over_in_silence(
    caplog: pytest.LogCaptureFixture,
) -> None:
    session_of(Access(token="alone"))
    assert "aws_session_token is given without its access key" in caplog.text

    caplog.clear()
    session_of(Access(key_id="AKIA", secret="s", token="t"))
    assert caplog.text == ""
