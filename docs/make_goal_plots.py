"""Plots of docs/goals.md, from simulated companies whose goals have ended, and the figures that the page quotes.

.venv/bin/python docs/make_goal_plots.py    takes about a minute
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "include"), str(ROOT / "tests" / "analysis")]

from simulated_goals import Said, calibration, company  # noqa: E402

from shopkeeper.analysis.goals import projection  # noqa: E402
from shopkeeper.analysis.goals.projection import Ahead, Months, project  # noqa: E402

mpl.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

IMAGES = ROOT / "docs" / "images"
COMPANIES = 200
BLUE, OCHRE, DARK, QUIET = "#1f5a7a", "#b0863c", "#222222", "#999999"
plt.rcParams |= {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "goals",
    "svg.fonttype": "none",
}


def save(name: str) -> None:
    plt.tight_layout()
    plt.savefig(IMAGES / f"{name}.svg", metadata={"Date": None})
    plt.close()


def all_said() -> list[Said]:
    return [one for seed in range(COMPANIES) for one in company(seed)]


def told(name: str, said: list[Said]) -> None:
    held = sum(one.projection.low <= one.score <= one.projection.high for one in said)
    of_companies = sum(one.projection.low <= one.score <= one.projection.high for one in said[:: len(said) // COMPANIES])
    print(f"{name}: {100 * held / len(said):.1f} % of {len(said)} intervals hold what came; of one goal per company {of_companies}")
    for first, last, mean, met, goals in calibration(said):
        print(f"| {100 * first:.0f} to {100 * last:.0f} % | {goals} | {100 * mean:.0f} % | {100 * met:.0f} % |")


def said_and_came(said: list[Said], alone: list[Said]) -> None:
    plt.figure(figsize=(4.6, 4.2))
    plt.plot([0, 100], [0, 100], color=QUIET, linewidth=0.8)
    for of, color, label, shift in ((said, BLUE, "levels that walk, months that swing", -0.6), (alone, OCHRE, "sampling alone", 0.6)):
        _, _, means, met, goals = (np.array(values) for values in zip(*calibration(of, 10), strict=True))
        half = 196 * np.sqrt(np.maximum(met * (1 - met), 0.01) / goals)
        plt.vlines(100 * means + shift, 100 * met - half, 100 * met + half, color=color, linewidth=1)
        plt.plot(100 * means + shift, 100 * met, "o", color=color, markersize=4, label=label)
    plt.xlabel("probability that was said, %")
    plt.ylabel("goals that were met, %")
    plt.legend(frameon=False, loc="upper left", fontsize=8)
    save("goals-calibration")


def one_goal_week_by_week() -> None:
    """A quarter's goal of 30 points, in a company whose score was 30 and drops to 22 in the quarter."""
    random = np.random.default_rng(4)
    history = [random.multinomial(300, [0.5, 0.2, 0.3]) for _ in range(24)]
    marks = np.repeat([1, -1, 0], np.round(900 * np.array([0.45, 0.23, 0.32])).astype(int))
    random.shuffle(marks)
    days, found = np.arange(0, 91, 3), []
    for day in days:
        seen = marks[: int(10 * day)]
        ends = [*range(0, int(day), 30), int(day)] if day else [0]
        parts = [seen[10 * first : 10 * last] for first, last in pairwise(ends)]
        months = [(len(part), part.sum(), np.abs(part).sum()) for part in parts] or [(0, 0, 0)]
        rows = np.array([[n.sum(), n[0] - n[1], n[0] + n[1]] for n in history] + [list(month) for month in months], float)
        left = min(90, 30 * len(months)) - day
        ahead = Ahead(len(seen), int(seen.sum()), (float(left), *([30.0] * (3 - len(months)))), 10.0, 0.1)
        one = project(Months(*rows.T), ahead, 0.3)
        assert one is not None
        found.append((100 * one.expected, 100 * one.low, 100 * one.high, 100 * one.probability))
    middle, low, high, chance = np.array(found).T
    _, (above, below) = plt.subplots(2, 1, figsize=(6.8, 4.2), sharex=True, height_ratios=(2, 1))
    above.fill_between(days, low, high, color="#c9d6de", linewidth=0, label="95 % of what may come")
    above.plot(days, middle, color=BLUE, label="score expected at the end")
    above.axhline(30, color=OCHRE, linewidth=1)
    above.text(0, 30.4, "target", color=OCHRE, fontsize=8)
    above.set_ylabel("points")
    above.legend(frameon=False, fontsize=8, loc="upper right")
    below.plot(days, chance, color=DARK)
    below.axhline(80, color=QUIET, linewidth=0.6)
    below.axhline(20, color=QUIET, linewidth=0.6)
    below.set_ylim(0, 100)
    below.set_ylabel("met, %")
    below.set_xlabel("days of the quarter that are over")
    save("goals-quarter")


if __name__ == "__main__":
    said = all_said()
    told("levels that walk, months that swing", said)
    grid, widths = projection.GRID, projection.WIDTHS
    projection.GRID, projection.WIDTHS = np.zeros((1, 2)), np.ones(1)
    alone = all_said()
    told("sampling alone", alone)
    projection.GRID, projection.WIDTHS = grid, widths
    said_and_came(said, alone)
    one_goal_week_by_week()
