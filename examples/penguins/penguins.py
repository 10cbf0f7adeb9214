"""Do penguins with longer bills have deeper bills? It depends on how you group them.

Reads the field notes of the Palmer Station penguin study, cleans them, and compares the trend
over all birds with the trend inside each group. Over all birds longer bills are shallower;
inside every species they are deeper: Simpson's paradox, on real measurements.

    flowenv run examples/penguins/penguins.py
    flowenv run examples/penguins/penguins.py -p group=island -p output=penguins-out/by-island
"""

from pathlib import Path
from statistics import linear_regression
from typing import Any, Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from flowenv import flow

FIELD_NOTES = Path(__file__).parent / "penguins_raw.csv"
COLOURS = ["#ff8c00", "#a034c4", "#057076"]


@flow(files=["penguins_raw.csv"])
def penguins(
    output: Path = Path("penguins-out"),
    group: Literal["species", "island", "sex"] = "species",
    min_count: int = 10,
) -> dict[str, Any]:
    """Write a table and a plot of bill sizes by group; return the trends.

    Args:
        output: Directory for ``penguins.csv`` and ``penguins.png``; made if it isn't there.
        group: What to group the birds by.
        min_count: Leave out groups of fewer birds than this.

    Returns:
        How many birds were read and measured, and the slope of bill depth over bill length
        (mm per mm) over all birds and by group.
    """
    notes = pd.read_csv(FIELD_NOTES)
    birds = clean(notes)
    table = summarise(birds, group, min_count)

    output.mkdir(parents=True, exist_ok=True)
    table.to_csv(output / "penguins.csv")
    plot(birds, table).savefig(output / "penguins.png", dpi=150)
    print(table.to_string())

    return {
        "read": len(notes),
        "measured": len(birds),
        "overall_slope": round(trend(birds)[0], 3),
        "slopes": table["depth_per_length"].to_dict(),
        "output": str(output),
    }


def clean(notes: pd.DataFrame) -> pd.DataFrame:
    """Short column names, tidy categories, real dates, kilograms; birds never measured left out."""
    birds = pd.DataFrame(
        {
            "species": notes["Species"].str.split().str[0],  # "Adelie Penguin (Pygoscelis adeliae)"
            "island": notes["Island"],
            "sex": notes["Sex"].str.lower(),
            "egg_date": pd.to_datetime(notes["Date Egg"], format="%Y-%m-%d"),
            "bill_length_mm": notes["Culmen Length (mm)"],
            "bill_depth_mm": notes["Culmen Depth (mm)"],
            "flipper_mm": notes["Flipper Length (mm)"],
            "mass_kg": notes["Body Mass (g)"] / 1000,
        }
    )
    return birds.dropna(subset=["bill_length_mm", "bill_depth_mm", "flipper_mm", "mass_kg"])


def summarise(birds: pd.DataFrame, group: str, min_count: int) -> pd.DataFrame:
    """One row a group: birds, mean sizes, median day of the first egg, trend of the bill."""
    # Days into November, so that the three seasons can be compared; 31 is the 1st of December.
    november = pd.to_datetime(birds["egg_date"].dt.year.astype(str) + "-11-01")
    egg_day = (birds["egg_date"] - november).dt.days + 1

    groups = birds.assign(egg_day=egg_day).groupby(group)
    table = groups.agg(
        birds=("species", "size"),
        bill_length_mm=("bill_length_mm", "mean"),
        bill_depth_mm=("bill_depth_mm", "mean"),
        flipper_mm=("flipper_mm", "mean"),
        mass_kg=("mass_kg", "mean"),
        egg_day=("egg_day", "median"),
    )
    table["depth_per_length"] = pd.Series({name: trend(members)[0] for name, members in groups})
    return table[table["birds"] >= min_count].round(3)


def trend(birds: pd.DataFrame) -> tuple[float, float]:
    """Slope (mm per mm) and intercept (mm) of the line of bill depth over bill length."""
    return linear_regression(birds["bill_length_mm"], birds["bill_depth_mm"])


def plot(birds: pd.DataFrame, table: pd.DataFrame) -> Figure:
    """Bill depth over bill length: the groups of `table` with their trends, and that of all."""
    figure = Figure(figsize=(8, 5), layout="constrained")  # no pyplot: draws without a display
    axes = figure.subplots()
    for name, colour in zip(table.index, COLOURS, strict=False):
        members = birds[birds[table.index.name] == name]
        axes.scatter(members["bill_length_mm"], members["bill_depth_mm"], 22, colour, alpha=0.5)
        draw_trend(axes, members, label=name, color=colour)
    draw_trend(axes, birds, label="all birds", color="0.3", linestyle="--")
    axes.set(xlabel="bill length (mm)", ylabel="bill depth (mm)")
    axes.set_title(f"Penguin bills by {table.index.name}", loc="left", fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.2)
    figure.legend(frameon=False, loc="outside right upper")
    return figure


def draw_trend(axes: Axes, birds: pd.DataFrame, **style: Any) -> None:
    """Draw the trend of `birds` over the range of their bills."""
    slope, intercept = trend(birds)
    ends = birds["bill_length_mm"].agg(["min", "max"])
    axes.plot(ends, intercept + slope * ends, linewidth=2, **style)
