"""Every example in a docstring gives what it says."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest
from docs.page_examples import ROOT, forget_configuration

SOURCES = [ROOT / "core" / "src", *sorted(ROOT.glob("plugins/[!_]*/src"))]


def modules_with_examples() -> list[str]:
    """The modules whose text has a `>>>`."""
    return [
        ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__")
        for source in SOURCES
        for path in sorted(source.rglob("*.py"))
        if ">>> " in path.read_text("utf-8")
    ]


@pytest.mark.parametrize("name", modules_with_examples())
def test_the_examples_of_a_module(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # away from anybody's flowenv.toml
    forget_configuration()
    module = importlib.import_module(name)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)

    for test in doctest.DocTestFinder().find(module, name):
        runner.run(test, out=report.append)

    assert not runner.failures, "".join(report)
    assert runner.tries
