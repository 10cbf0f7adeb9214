"""The page for people who come from Prefect 0.x names what there is."""

from __future__ import annotations

import re

import pytest

from flowenv.plugin import contract

from .page_examples import ROOT

PAGE = (ROOT / "docs" / "coming-from-prefect.md").read_text("utf-8")
IMPORTS = re.findall(r"\| `from prefect[^|]*\| `(from flowenv[^`]*)` \|", PAGE)


@pytest.mark.parametrize("statement", IMPORTS)
def test_every_import_of_the_map_works(statement: str) -> None:
    exec(statement, {})


def test_the_map_has_every_environment() -> None:
    assert len(IMPORTS) == 8


@pytest.mark.parametrize("name", sorted({*contract.DEFAULTS, contract.NAMESPACE, contract.IMAGE}))
def test_every_variable_of_the_contract_is_told_of(name: str) -> None:
    assert f"`{name}`" in PAGE
