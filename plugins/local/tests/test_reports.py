"""Reports: one page that opens from disk, and in which nothing acts but its own script."""

from __future__ import annotations

import base64
import datetime
import hashlib
import itertools
import re
import stat
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

import flowenv
from flowenv import flow
from flowenv.answers.times import Phase
from flowenv.errors import ConfigurationError, FlowenvError
from flowenv.plugin import Event
from flowenv.reports import contents
from flowenv.reports import page as pages
from flowenv.reports.page import check_report
from flowenv.reports.pictures import LARGEST, picture
from flowenv.runs.timeline import PHASE_COLOURS, WIDTH, Scale
from flowenv_local import LocalEnvironment
from rigs import browser as browsers

pytest.importorskip("jinja2")

EVIL = "<script>alert(1)</script>\x1b[2J\u202e\"'"


DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""A PNG of one point."""


@flow
def shout(word: str, password: str = "") -> str:
    if word == "fail":
        raise ValueError(f"{EVIL} happened")
    return word


@flow
def stumble(at: int) -> None:
    if at:
        raise ValueError(f"no row {at}")


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
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def test_many_runs_are_a_table_with_a_column_for_each_parameter() -> None:
    batch = flowenv.map(shout, [{"word": "a"}, {"word": "fail"}, {"word": "b"}], name="words")
    elements = Elements(batch.report())
    assert "words" in elements.text
    assert "2 Completed" in elements.text
    assert "1 Failed" in elements.text
    assert len([a for a in elements.of("tr") if "data-item" in a]) == 3
    assert len(list(elements.of("details"))) >= 3


def test_a_batch_is_read_in_the_order_of_its_rows_with_results_one_after_the_other() -> None:
    batch = flowenv.map(shout, [{"word": "fail"}, {"word": "b" * 90}, {"word": "c"}], name="words")
    elements = Elements(batch.report())
    assert "3 runs of shout on local" in elements.text
    assert "result" in elements.text
    assert f"'{'b' * 59}…" in elements.text
    spans = [row.run.times() for row in batch.rows]
    for before, after in itertools.pairwise(spans):
        assert before.ended <= after.made
    found = [run.created for run in batch]
    assert found == sorted(found)


def test_of_very_many_runs_only_the_table_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MOST_WHOLE", 1)
    runs, read = [flowenv.submit(shout, word=word) for word in "ab"], list[str]()
    for name in ("logs", "result"):  # nothing is asked for that nobody sees
        monkeypatch.setattr(flowenv.FlowRun, name, lambda *_, name=name: read.append(name))
    html = flowenv.report(runs)
    assert read == []
    assert "The logs and specs of so many runs aren't part of this page." in html
    assert 'id="run1"' not in html


def test_of_very_many_runs_those_that_went_wrong_have_their_logs(
    told: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST_WHOLE", 1)
    runs = [flowenv.submit(shout, word=word) for word in ("a", "fail", "fail")]
    elements = Elements(flowenv.report(runs))
    assert [one.get("id") for one in elements.of("details") if "id" in one] == ["run2"]
    assert "but for those that went wrong" in elements.text
    assert "line 999" in elements.text
    assert runs[2].reference in elements.text


def test_what_went_wrong_stands_above_the_runs_once_for_each_cause() -> None:
    runs = [flowenv.submit(stumble, at=at) for at in (1, 22, 0, 3)]
    html = flowenv.report(runs)
    text = Elements(html).text
    above = text[: text.index("each from its own beginning")]
    assert "3 \xd7 Failed" in above
    assert "ValueError: no row 1" in above
    assert "no row 22" not in above
    assert "run 1, 2, 4" in above
    assert above.index("3 Failed") < above.index("1 Completed")
    assert "4 runs of stumble on local in " in above
    assert "<title>stumble: 3 Failed, 1 Completed</title>" in html


def test_a_page_can_be_heard_and_used_without_a_mouse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for runs in ([flowenv.submit(leaving)], [flowenv.submit(shout, word=word) for word in "ab"]):
        elements = Elements(flowenv.report(runs))
        tables = len(list(elements.of("table")))
        assert tables == len(list(elements.of("caption")))
        assert all(head.get("scope") == "col" for head in elements.of("th"))
        assert all(image.get("alt") for image in elements.of("img"))
        levels = [int(name[1]) for name, _ in elements.found if re.fullmatch("h[1-6]", name)]
        assert levels[0] == 1
        assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
        scrolled = [one for one in elements.of("div") if one.get("class") in ("log", "scroll runs")]
        assert all(one["tabindex"] == "0" and one["aria-label"] for one in scrolled)


@flow
def leaving() -> bytes:
    files = {
        "dot.png": DOT,
        f"{EVIL.replace('/', '|')}.svg": b"<svg onload='alert(1)'>",
        "other.png": b"<script>alert(1)</script>",
        "dask.html": b"<title>Dask Performance Report</title><script>alert(1)</script>",
    }
    for name, content in files.items():
        (flowenv.output_dir() / name).write_bytes(content)
    return DOT


def test_files_are_named_and_only_pictures_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    elements = Elements(flowenv.report(flowenv.submit(leaving)))
    assert [image["alt"] for image in elements.of("img")] == ["the result", "dot.png"]
    url = f"data:image/png;base64,{base64.b64encode(DOT).decode()}"
    assert {image["src"] for image in elements.of("img")} == {url}
    assert len(list(elements.of("script"))) == 1
    assert not list(elements.of("iframe"))
    for said in ("other.png", "dask.html", "Dask's performance report", r"\x1b[2J\u202e"):
        assert said in elements.text


def test_a_picture_is_a_png_of_reasonable_size() -> None:
    seen = picture(DOT)
    assert seen
    text = b"\0\0\0\x19tEXt" + EVIL[:25].encode() + b"\0" * 4
    end = DOT.index(b"IEND") - 4
    for more in (DOT + EVIL.encode(), DOT[:end] + text + DOT[end:], DOT + DOT):
        assert picture(more) == seen
    assert picture(DOT[:-1]) is None
    assert picture(DOT[:end]) is None
    points = (30_000).to_bytes(4)
    assert picture(DOT[:16] + points * 2 + DOT[24:]) is None
    assert picture(DOT + b"x" * LARGEST) is None
    assert picture(DOT[:20]) is None
    assert picture(DOT[:12] + b"tEXt" + DOT[16:]) is None
    assert picture(b"GIF89a" + DOT[6:]) is None


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a platform says, and a log of 1,000 lines."""
    at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    events = [Event("Pulled", "It is there.", at)] * 250
    events[-1] = Event("Failed", EVIL, at, EVIL, True, 7, f"Do something. {EVIL}")
    monkeypatch.setattr(flowenv.FlowRun, "events", lambda run: tuple(events))
    monkeypatch.setattr(LocalEnvironment, "capabilities", flowenv.Capabilities(logs=True))
    lines = [f"line {number}" for number in range(1000)]
    monkeypatch.setattr(flowenv.FlowRun, "logs", lambda run: iter(lines))


def test_the_newest_events_stand_there_with_what_to_do(told: None) -> None:
    html = flowenv.report(flowenv.submit(shout, word="hello"))
    elements = Elements(html)
    assert len(list(elements.of("li"))) == contents.MOST_EVENTS
    assert [one["class"] for one in elements.of("li") if one] == ["warning"]
    assert "50 events before these are left out." in elements.text
    assert "\xd77" in elements.text
    assert "Do something. <script>" in elements.text
    assert "\x1b" not in html


def test_of_a_run_that_is_over_nothing_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    run = flowenv.submit(shout, word="hello")
    began = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    times = flowenv.RunTimes(began, scheduled=began + datetime.timedelta(seconds=2))
    monkeypatch.setattr(flowenv.FlowRun, "times", lambda run: times)
    text = Elements(flowenv.report([run, run])).text
    assert "scheduling 2 s" in text
    assert "so far" not in text


@pytest.mark.parametrize("bound", ["MOST_LINES", "MOST_CHARACTERS"])
def test_of_a_long_log_the_end_is_there(
    told: None, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(contents, "_FEWEST_LINES", 1)
    monkeypatch.setattr(contents, bound, 30)
    text = Elements(flowenv.report(flowenv.submit(shout, word="hello"))).text
    assert "line 999" in text
    assert "line 969" not in text
    left_out = 970 if bound == "MOST_LINES" else 997
    assert f"{left_out} lines before these are left out." in text


@pytest.mark.browser
@pytest.mark.skipif(not browsers.found(), reason="there is no Chromium")
def test_in_a_browser_it_is_searched_sorted_and_filtered(told: None, tmp_path: Path) -> None:
    path, words = tmp_path / "many.html", ("b", "fail", "a", EVIL)
    flowenv.report([flowenv.submit(shout, word=word) for word in words], path)
    program = browsers.found()
    assert program
    with browsers.browser(program, tmp_path / "browser") as browser:
        page, column = browser.open(path), "#runs tbody td:nth-child(5)"
        assert page.texts(column)[:3] == ["'b'", "'fail'", "'a'"]
        page.click("#runs th[data-name=word] button")
        assert page.texts(column)[-3:] == ["'a'", "'b'", "'fail'"]
        page.type("input[data-filters=runs]", "word=a")
        assert page.texts(column) == ["'a'"]
        assert page.texts("#runs-count") == ["1 of 4"]
        page.type("input[data-filters=runs]", "")
        page.type("input[data-filters=runs]", "running")  # the names of phases aren't searched
        assert page.texts(column) == []
        page.type("input[data-filters=runs]", "")
        page.click(".counts .Failed")
        assert page.texts(column) == ["'fail'"]
        page.click("[data-aligns]")
        begins = "document.querySelector('#run2').checkVisibility() && document.querySelector("
        begins += "'#runs tbody tr:nth-child(4) svg').viewBox.baseVal.x"
        assert page.evaluate(begins) > 0
        page.click("a[href='#run2']")
        page.type("input[data-filters=log2]", "line 77")
        assert page.texts("#log2-count") == ["11 of 1000"]
        page.type("input[data-filters=log2]", "")
        log = "document.querySelector('#log2')"
        page.evaluate(f"{log}.scrollTop = 0")
        assert page.evaluate(f"{log}.scrollHeight > {log}.clientHeight")
        page.show_as("print")
        assert page.evaluate(f"{log}.scrollHeight == {log}.clientHeight")
        assert page.requested == [path.as_uri()]
        assert page.complaints == []
        phone = browser.open(path, width=360, is_dark=True)
        width = "document.documentElement.{}Width"
        assert phone.evaluate(width.format("scroll")) == phone.evaluate(width.format("client"))
        dark = phone.evaluate("getComputedStyle(document.body).backgroundColor")
        assert dark != page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_a_file_is_the_users_own_and_replaces_another(tmp_path: Path) -> None:
    path = tmp_path / "run.html"
    path.write_text("before")
    flowenv.submit(shout, word="hello").report(path)
    assert path.read_text().startswith("<!DOCTYPE html>")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_said_before_and_after(tmp_path: Path) -> None:
    nowhere = tmp_path / "none" / "run.html"
    with pytest.raises(ConfigurationError, match="is no folder in which this user may write"):
        check_report(nowhere)
    with pytest.raises(FlowenvError, match=r"can't be written to .*No such file"):
        flowenv.submit(shout, word="hello").report(nowhere)
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
    assert loading.width > 0
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
    assert [mark.label for mark in scale.marks(4)] == ["0 s", "30 s", "1 min", "1 min 30 s"]
    assert scale.apart(4) == WIDTH * 0.3
    assert Scale([[]], at(0)).marks()


@pytest.mark.parametrize("colour", PHASE_COLOURS.values(), ids=PHASE_COLOURS)
def test_a_phases_name_is_legible_on_its_bar(colour: str) -> None:
    assert (_light(colour) + 0.05) / (_light("#12191b") + 0.05) > 4.5


def _light(colour: str) -> float:
    """How light a colour is, as WCAG counts."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
