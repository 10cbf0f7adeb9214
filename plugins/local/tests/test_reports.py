"""Reports: one page that opens from disk, and in which nothing acts but its own script."""

from __future__ import annotations

import base64
import datetime
import hashlib
import re
import stat
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

import flowenv
from flowenv import flow
from flowenv.errors import ConfigurationError, FlowenvError
from flowenv.reports import page as pages
from flowenv.reports.page import check_report, write_report
from flowenv.runs.timeline import WIDTH, Scale
from flowenv.runs.times import Phase

pytest.importorskip("jinja2")

EVIL = "<script>alert(1)</script>\x1b[2J\u202e\"'"


@flow
def shout(word: str, password: str = "") -> str:
    if word == "fail":
        raise ValueError(f"{EVIL} happened")
    return word


class Elements(HTMLParser):
    """All elements of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.found if name == tag)


def test_a_page_says_what_ran_with_what_and_how_it_went() -> None:
    html = flowenv.report(flowenv.submit(shout, word="hello", password="hunter2"))
    text = Elements(html).text
    for said in ("shout", "Completed", "'hello'", "LocalEnvironment()", "running", "local"):
        assert said in text
    assert "hunter2" not in html


def test_what_others_wrote_is_shown_and_does_nothing() -> None:
    runs = [flowenv.submit(shout, word=word) for word in (EVIL, "fail")]
    html = flowenv.report(runs, title=EVIL)
    elements = Elements(html)
    assert len(list(elements.of("script"))) == 1
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert r"<script>alert(1)</script>\x1b[2J\u202e" in elements.text
    names = {name for _, attributes in elements.found for name in attributes}
    assert not {name for name in names if name.startswith("on")}


def test_nothing_is_loaded_and_only_its_own_script_may_run() -> None:
    html = flowenv.report([flowenv.submit(shout, word=word) for word in "ab"])
    elements = Elements(html)
    places = [a.get(n) for _, a in elements.found for n in ("src", "href", "action") if n in a]
    assert all(str(place).startswith("#") for place in places)
    script = re.search(r"<script>(.*)</script>", html, re.DOTALL)
    assert script
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    (policy,) = (m["content"] for m in elements.of("meta") if m.get("http-equiv"))
    assert policy == (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    )


def test_many_runs_are_a_table_with_a_column_for_each_parameter() -> None:
    batch = flowenv.map(shout, [{"word": "a"}, {"word": "fail"}, {"word": "b"}])
    elements = Elements(flowenv.report([row.run for row in batch.rows]))
    assert "2 Completed" in elements.text
    assert "1 Failed" in elements.text
    assert len([a for a in elements.of("tr") if "data-item" in a]) == 3
    assert len(list(elements.of("details"))) >= 3


def test_of_very_many_runs_only_the_table_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "LARGEST_BATCH", 1)
    runs, read = [flowenv.submit(shout, word=word) for word in "ab"], list[str]()
    for name in ("logs", "result"):  # nothing is asked for that nobody sees
        monkeypatch.setattr(flowenv.FlowRun, name, lambda *_, name=name: read.append(name))
    html = flowenv.report(runs)
    assert read == []
    assert "The logs and specs of so many runs aren't part of this page." in html
    assert 'id="run1"' not in html


def test_a_file_is_the_users_own_and_replaces_another(tmp_path: Path) -> None:
    path = tmp_path / "run.html"
    path.write_text("before")
    write_report(path, flowenv.submit(shout, word="hello"))
    assert path.read_text().startswith("<!DOCTYPE html>")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_said_before_and_after(tmp_path: Path) -> None:
    nowhere = tmp_path / "none" / "run.html"
    with pytest.raises(ConfigurationError, match="is no folder in which this user may write"):
        check_report(nowhere)
    with pytest.raises(FlowenvError, match=r"can't be written to .*No such file"):
        write_report(nowhere, flowenv.submit(shout, word="hello"))
    with pytest.raises(FlowenvError, match="no run to report on"):
        flowenv.report([])


def test_phases_are_bars_in_their_place_and_none_is_invisible() -> None:
    began = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)

    def at(seconds: float) -> datetime.datetime:
        return began + datetime.timedelta(seconds=seconds)

    phases = [
        Phase("starting", at(0), at(25)),
        Phase("loading", at(25), at(25)),
        Phase("running", at(25)),
    ]
    scale = Scale([phases], at(100))
    starting, loading, running = scale.bars(phases)
    assert (starting.x, starting.width, starting.title) == (0, WIDTH / 4, "starting: 25 s")
    assert loading.width == 1.5
    assert (running.x, running.is_open) == (WIDTH / 4, True)
    assert running.title == "running: 1 min 15 s so far"
    assert [mark.label for mark in scale.marks()] == [
        "0 s",
        "15 s",
        "30 s",
        "45 s",
        "1 min",
        "1 min 15 s",
        "1 min 30 s",
    ]
    assert Scale([[]], at(0)).marks()
