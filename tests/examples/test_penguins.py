"""The plain example, against numbers computed another way from the same file."""

import csv
import datetime
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from flowenv import Flow

DATA = Path(__file__).parents[2] / "examples/penguins/penguins_raw.csv"
SPECIES = ["Adelie", "Chinstrap", "Gentoo"]


@pytest.fixture
def penguins(example: Callable[[str], Flow[..., Any]]) -> Flow[..., Any]:
    return example("penguins")


@pytest.fixture
def measured() -> list[dict[str, str]]:
    with DATA.open(newline="") as rows:
        return [row for row in csv.DictReader(rows) if row["Culmen Length (mm)"] != "NA"]


def read_table(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="") as rows:
        table = list(csv.DictReader(rows))
    return {next(iter(row.values())): row for row in table}


def slope(rows: list[dict[str, str]]) -> float:
    length = [float(row["Culmen Length (mm)"]) for row in rows]
    depth = [float(row["Culmen Depth (mm)"]) for row in rows]
    return float(np.polyfit(length, depth, 1)[0])


def of_species(rows: list[dict[str, str]], name: str) -> list[dict[str, str]]:
    return [row for row in rows if row["Species"].startswith(name)]


def test_birds_that_were_never_measured_are_left_out(
    penguins: Flow[..., Any], tmp_path: Path
) -> None:
    summary = penguins.run(output=tmp_path)
    assert (summary["read"], summary["measured"]) == (344, 342)


def test_the_trend_inside_every_species_is_against_the_trend_over_all(
    penguins: Flow[..., Any], tmp_path: Path, measured: list[dict[str, str]]
) -> None:
    summary = penguins.run(output=tmp_path)
    assert summary["overall_slope"] == round(slope(measured), 3) < 0
    assert summary["slopes"] == {
        name: round(slope(of_species(measured, name)), 3) for name in SPECIES
    }
    assert min(summary["slopes"].values()) > 0


@pytest.mark.parametrize("name", SPECIES)
def test_the_table_has_counts_and_mean_sizes(
    penguins: Flow[..., Any], tmp_path: Path, measured: list[dict[str, str]], name: str
) -> None:
    penguins.run(output=tmp_path)
    row = read_table(tmp_path / "penguins.csv")[name]
    birds = of_species(measured, name)
    assert int(row["birds"]) == len(birds)
    for column, raw, unit in [
        ("bill_length_mm", "Culmen Length (mm)", 1),
        ("bill_depth_mm", "Culmen Depth (mm)", 1),
        ("flipper_mm", "Flipper Length (mm)", 1),
        ("mass_kg", "Body Mass (g)", 1000),
    ]:
        mean = statistics.fmean(float(bird[raw]) / unit for bird in birds)
        assert float(row[column]) == pytest.approx(mean, abs=5e-4)


@pytest.mark.parametrize("name", SPECIES)
def test_the_median_egg_day_counts_from_the_first_of_november(
    penguins: Flow[..., Any], tmp_path: Path, measured: list[dict[str, str]], name: str
) -> None:
    penguins.run(output=tmp_path)
    dates = [datetime.date.fromisoformat(bird["Date Egg"]) for bird in of_species(measured, name)]
    days = [(day - datetime.date(day.year, 10, 31)).days for day in dates]
    row = read_table(tmp_path / "penguins.csv")[name]
    assert float(row["egg_day"]) == statistics.median(days)


def test_birds_of_unknown_sex_are_in_no_group_by_sex(
    penguins: Flow[..., Any], tmp_path: Path
) -> None:
    penguins.run(output=tmp_path, group="sex")
    table = read_table(tmp_path / "penguins.csv")
    assert {name: int(row["birds"]) for name, row in table.items()} == {"female": 165, "male": 168}


@pytest.mark.parametrize(
    ("min_count", "islands"),
    [
        (51, ["Biscoe", "Dream", "Torgersen"]),
        (52, ["Biscoe", "Dream"]),
        (1000, []),
    ],
)
def test_groups_of_too_few_birds_are_left_out(
    penguins: Flow[..., Any], tmp_path: Path, min_count: int, islands: list[str]
) -> None:
    summary = penguins.run(output=tmp_path, group="island", min_count=min_count)
    assert list(summary["slopes"]) == islands


def test_the_plot_is_a_picture_with_the_colours_of_all_groups(
    penguins: Flow[..., Any], tmp_path: Path
) -> None:
    penguins.run(output=tmp_path / "new" / "folder")
    pixels = imread(tmp_path / "new" / "folder" / "penguins.png")
    assert pixels.shape[:2] == (750, 1200)
    colours = {tuple(pixel) for pixel in (pixels[..., :3] * 255).round().astype(int).reshape(-1, 3)}
    assert {(0xFF, 0x8C, 0x00), (0xA0, 0x34, 0xC4), (0x05, 0x70, 0x76)} <= colours


def test_the_summary_is_small_json(penguins: Flow[..., Any], tmp_path: Path) -> None:
    summary = penguins.run(output=tmp_path)
    assert json.loads(json.dumps(summary)) == summary
    assert len(json.dumps(summary)) < 1000


def test_the_data_travels_with_the_flow(penguins: Flow[..., Any]) -> None:
    assert penguins.files == (DATA.name,)
