"""Plots of docs/drivers.md, from simulated companies whose drivers are known, and the figures that the page quotes.

.venv/bin/python docs/make_driver_plots.py    takes about five minutes; prints how often intervals hold what was planted
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "include"), str(ROOT / "tests" / "analysis")]

from simulated_drivers import Simulated, same_day, simulated  # noqa: E402

from shopkeeper.analysis.drivers.curve import curve  # noqa: E402
from shopkeeper.analysis.drivers.effects import USABLE, effects  # noqa: E402

mpl.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

IMAGES = ROOT / "docs" / "images"
SEEDS, SHOWN = 200, 60
PROMOTERS, DETRACTORS, TRUTH, QUIET = "#1f5a7a", "#b0863c", "#222222", "#999999"
plt.rcParams |= {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "drivers",
    "svg.fonttype": "none",
}


def save(name: str) -> None:
    plt.tight_layout()
    plt.savefig(IMAGES / f"{name}.svg", metadata={"Date": None})
    plt.close()


def what_goes_with_the_score(company: Simulated) -> None:
    """Importance of each driver, and what its levels go with."""
    model = effects(company.answers.of_kinds("customer", "experience"))
    found = [effect for effect in model.effects if effect.verdict == USABLE and effect.importance]
    names = sorted({effect.driver.name: effect.importance[0] for effect in found if effect.importance}.items(), key=lambda item: item[1])
    kept = [name for name, weight in names if weight > 0.02]
    _, (left, right) = plt.subplots(1, 2, figsize=(8.6, 5.6), width_ratios=(1, 1.5))
    weights = [next(e.importance for e in found if e.driver.name == name and e.importance) for name in kept]
    rows = np.arange(len(kept))
    middle, low, high = (100 * np.array(values) for values in zip(*weights, strict=True))
    left.barh(rows, middle, color="#c9d6de", height=0.6)
    left.hlines(rows, low, high, color=PROMOTERS, linewidth=1.2)
    left.set_yticks(rows, [name.replace("_", " ") for name in kept])
    left.set_xlabel("share of what the model explains, %")
    shown = [e for name in reversed(kept) for e in found if e.driver.name == name and e.score]
    for row, effect in enumerate(reversed(shown)):
        score, low_end, high_end = effect.score or (0.0, 0.0, 0.0)
        right.hlines(row, low_end, high_end, color=PROMOTERS, linewidth=1.2)
        right.plot(score, row, "o", color=PROMOTERS, markersize=4)
    labels = [f"{e.driver.levels[e.level]} ({e.driver.name.replace('_', ' ')})" for e in reversed(shown)]
    right.set_yticks(np.arange(len(shown)), labels, fontsize=8)
    right.axvline(0, color=QUIET, linewidth=0.8)
    right.set_xlabel("points of score against the level compared with")
    save("drivers")


def where_waiting_starts_to_hurt(company: Simulated) -> None:
    buckets, _ = curve(company.answers.of_kinds("customer", "experience"), company.hours, instead_of="resolution_band")
    plt.figure(figsize=(8.6, 3.6))
    rows = np.arange(len(buckets))
    for name, color, shift in (("promoters", PROMOTERS, -0.08), ("detractors", DETRACTORS, 0.08)):
        figures = [getattr(bucket.effect, name) or (0.0, 0.0, 0.0) for bucket in buckets]
        middle, low, high = (np.array(values) for values in zip(*figures, strict=True))
        plt.vlines(rows + shift, low, high, color=color, linewidth=1.2)
        plt.plot(rows + shift, middle, "o-", color=color, markersize=4, linewidth=0.8, label=name)
    hurts = next((row for row, bucket in enumerate(buckets) if bucket.is_threshold), None)
    if hurts is not None:
        plt.axvspan(hurts - 0.5, len(rows) - 0.5, color="#f3e6d8", zorder=0)
        plt.text(hurts - 0.45, plt.ylim()[1], "from here on it hurts", va="top", fontsize=8)
    plt.axhline(0, color=QUIET, linewidth=0.8)
    plt.xticks(rows, [f"{bucket.name.replace(' days', chr(10) + 'days')}\nn {bucket.counts.sum()}" for bucket in buckets], fontsize=7)
    plt.ylabel("points against the fastest")
    plt.legend(frameon=False, loc="lower left")
    save("drivers-waiting")


def had_all_been_settled_the_same_day() -> None:
    """Estimates of sixty companies beside what was planted; prints how many of two hundred intervals hold it."""
    held = {"promoters": 0, "detractors": 0}
    plt.figure(figsize=(6.8, 3.2))
    for seed in range(SEEDS):
        company = simulated.__wrapped__(seed)
        effect = same_day(company.answers.of_kinds("customer", "experience"))
        for name, interval in (("promoters", effect.promoters_if_all), ("detractors", effect.detractors_if_all)):
            assert interval is not None
            truth = getattr(company, name)
            holds = interval[1] <= truth <= interval[2]
            held[name] += int(holds)
            if name == "promoters" and seed < SHOWN:
                plt.vlines(seed, interval[1], interval[2], color=PROMOTERS if holds else "#a33", linewidth=1)
                plt.plot(seed, interval[0], "o", color=PROMOTERS if holds else "#a33", markersize=2.5)
                plt.plot(seed, truth, "_", color=TRUTH, markersize=5)
    plt.axhline(0, color=QUIET, linewidth=0.8)
    plt.xlabel("simulated company")
    plt.ylabel("points of promoters")
    save("drivers-same-day")
    print(f"of {SEEDS} companies the interval holds what was planted: {held}")


if __name__ == "__main__":
    sample = simulated(1, 25_000)
    what_goes_with_the_score(sample)
    where_waiting_starts_to_hurt(sample)
    had_all_been_settled_the_same_day()
