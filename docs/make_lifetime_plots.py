"""Draws docs/images/lifetime-*.svg: the models of lifetime value on CDNOW's sample and on the sample company.

SHOPKEEPER_REAL_DATA=folder-with-cdnow .venv/bin/python docs/make_lifetime_plots.py
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "analysis")]

from cdnow import SPLIT, holdout, purchases  # noqa: E402
from tests.demo.test_planted_lifetime_value import fits  # noqa: E402

from shopkeeper.analysis.lifetime import bg_nbd  # noqa: E402
from shopkeeper.analysis.lifetime.bg_nbd import BgNbd  # noqa: E402
from shopkeeper.analysis.lifetime.calibration import Holdout, calibrate  # noqa: E402
from shopkeeper.analysis.lifetime.histories import Histories  # noqa: E402
from shopkeeper.demo import SimulationConfig, simulate  # noqa: E402

IMAGES = ROOT / "docs" / "images"
ACTUAL, MODEL = "#333333", "#4a6d94"


def one(repeats: float, recency: float, age: float) -> Histories:
    return Histories(*(np.array([value], float) for value in (repeats, recency, age)))


def draw_groups(axes: Axes, sample: Holdout) -> None:
    rows = calibrate(sample)["by_repeat_purchases"]
    kinds = [f"{row['repeat_purchases']}" for row in rows[:-1]] + ["7+"]
    axes.plot(kinds, [row["actual"] for row in rows], "o-", color=ACTUAL, markersize=4, linewidth=1.2, label="actual")
    axes.plot(kinds, [row["predicted"] for row in rows], "s--", color=MODEL, markersize=4, linewidth=1.2, label="predicted")
    axes.set_title("Repeat purchases in weeks 40 to 78, per customer", loc="left")
    axes.set_xlabel("repeat purchases in weeks 1 to 39")
    axes.legend(frameon=False, fontsize=8)


def draw_weeks(axes: Axes, sample: Holdout, folder: Path) -> None:
    model = BgNbd.of(bg_nbd.fit(sample.known))
    bought = purchases(folder)
    first = bought.groupby("customer").day.min()
    start = first.min()
    weeks = np.arange(1, 79)
    repeat = bought[bought.day > bought.customer.map(first)]
    actual = [(((repeat.day - start).dt.days / 7) <= week).sum() for week in weeks]
    began, customers = np.unique((first - start).dt.days.to_numpy() / 7, return_counts=True)
    expected = [
        sum(
            count * model.expected_if_active(one(0, 0, 0), week - when)[0]
            for when, count in zip(began, customers, strict=True)
            if week > when
        )
        for week in weeks
    ]
    axes.plot(weeks, actual, color=ACTUAL, linewidth=1.2, label="actual")
    axes.plot(weeks, expected, "--", color=MODEL, linewidth=1.2, label="expected from weeks 1 to 39")
    axes.axvline((SPLIT - start).days / 7, color="#999999", linewidth=0.8)
    axes.set_title("Repeat purchases of all customers so far", loc="left")
    axes.set_xlabel("week")
    axes.legend(frameon=False, fontsize=8)


def draw_active(axes: Axes, sample: Holdout) -> None:
    model = BgNbd.of(bg_nbd.fit(sample.known))
    age = 38.86
    repeats, recency = np.meshgrid(np.arange(1, 15, dtype=float), np.linspace(0, age, 80))
    active = model.probability_active(Histories(repeats.ravel(), recency.ravel(), np.full(repeats.size, age))).reshape(repeats.shape)
    shades = axes.contourf(repeats, age - recency, active, levels=np.linspace(0, 1, 11), cmap="Blues")
    axes.clabel(axes.contour(repeats, age - recency, active, levels=[0.1, 0.5, 0.9], colors="#333333", linewidths=0.8), fontsize=8)
    axes.figure.colorbar(shades, ax=axes, ticks=[0, 0.5, 1])
    axes.plot(2, age - 30.43, "o", color="#c8743a", markersize=5)
    axes.annotate("73 %", (2, age - 30.43), xytext=(5, 5), textcoords="offset points", fontsize=8, color="white")
    axes.set_title("Chance of still being active", loc="left")
    axes.set_xlabel("repeat purchases in 39 weeks")
    axes.set_ylabel("weeks since the last one")


def draw_planted(axes: Axes) -> None:
    company = simulate(SimulationConfig())
    names, place = ["r", "α", "a", "b", "p", "q", "γ"], 0
    for found, planted in fits(company, company.whole).values():
        half_width = 1.96 * np.sqrt(np.diag(found.covariance))
        ratio = found.parameters / planted
        places = np.arange(place, place + len(planted))
        axes.vlines(places, ratio * np.exp(-half_width), ratio * np.exp(half_width), color=MODEL, linewidth=5, alpha=0.6)
        axes.plot(places, ratio, "o", color=ACTUAL, markersize=4)
        place += len(planted)
    axes.axhline(1, color="#c8743a", linewidth=1)
    axes.set_xticks(range(len(names)), names)
    axes.set_title("Sample company: estimate / planted, 95 %", loc="left")


def save(name: str, figure: plt.Figure) -> None:
    figure.tight_layout()
    figure.savefig(IMAGES / f"lifetime-{name}.svg", metadata={"Date": None})


def main() -> None:
    if not (root := os.environ.get("SHOPKEEPER_REAL_DATA")):
        sys.exit("set SHOPKEEPER_REAL_DATA to the folder that holds cdnow/")
    folder = Path(root) / "cdnow"
    sample = holdout(folder)
    mpl.rcParams |= {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 10, "svg.hashsalt": "lifetime"}
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.4))
    draw_groups(left, sample)
    draw_weeks(right, sample, folder)
    save("holdout", figure)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.4))
    draw_active(left, sample)
    draw_planted(right)
    save("models", figure)


if __name__ == "__main__":
    main()
