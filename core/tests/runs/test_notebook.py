"""Runs and batches as notebooks show them: what is known here, and nothing that acts."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

import flowenv
from flowenv import FlowRun, Status, flow
from flowenv.batches import notebook as batches
from flowenv.runs import notebook
from flowenv.states import Reason, State

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\x1b[2J\u202e\"'"


class Elements(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


ALLOWED = {"table", "thead", "tbody", "tr", "th", "td", "b", "br", "small", "svg", "rect", "title"}


@flow
def shout(word: str, password: str = "") -> str:
    if word == "fail":
        raise ValueError(EVIL)
    return word


def test_a_run_shows_how_it_stands_and_its_phases() -> None:
    shown = Elements(flowenv.submit(shout, word="hello", password="hunter2")._repr_html_())
    for said in ("shout", "Completed", "word='hello'", "running"):
        assert said in shown.text
    assert "hunter2" not in shown.text
    assert "rect" in shown.tags


def test_a_run_that_waits_says_why_and_what_to_do_and_asks_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = flowenv.submit(shout, word=EVIL)
    monkeypatch.setattr(FlowRun, "_asked", lambda self: pytest.fail("it asks"))
    run.handle = None
    run.last_status = Status(State.STARTING, Reason.IMAGE_PULL, EVIL, f"Look at it. {EVIL}")
    html = run._repr_html_()
    shown = Elements(html)
    assert "Starting (image_pull)" in shown.text
    assert "Look at it. <script>" in shown.text
    assert shown.tags <= ALLOWED
    assert not {name for name in shown.names if name.startswith("on") or name in ("src", "href")}
    assert "\x1b" not in html
    assert "\u202e" not in html


def test_a_run_of_another_process_stands_as_nobody_knows_until_it_is_asked() -> None:
    run = flowenv.submit(shout, word="hello")
    run.is_attached, run.last_status = True, Status(State.PENDING)
    shown = Elements(run._repr_html_())
    assert "nobody has asked yet" in shown.text
    assert "nobody has asked yet" in repr(run)
    assert "Pending" not in repr(run)
    assert "Pending" not in shown.text
    assert "rect" not in shown.tags


def test_what_is_long_is_cut() -> None:
    assert len(notebook.text("x" * 10_000)) == notebook.LONGEST + 1


def test_a_batch_shows_its_counts_and_first_what_isnt_completed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "MOST_ROWS", 2)
    rows = [{"word": word, "password": "hunter2"} for word in ("a", "b", "fail")]
    batch = flowenv.map(shout, rows, name="words")
    batch.wait()
    html = batch._repr_html_()
    shown = Elements(html)
    assert "words 2 Completed 1 Failed" in shown.text
    assert shown.text.index("'fail'") < shown.text.index("'a'")
    assert "'b'" not in shown.text
    assert "… and 1 more" in shown.text
    assert "hunter2" not in html
    assert shown.tags <= ALLOWED


def test_a_cell_that_ends_in_a_report_shows_how_long_it_is() -> None:
    page = flowenv.submit(shout, word="a").report()
    assert repr(page) == f"<a page of {len(page):,} characters>"
    assert page.startswith("<!DOCTYPE html>")
