"""Plots of docs/value-of-moving-a-customer.md and docs/offers.md, from runs of the estimators on simulated companies.

.venv/bin/python docs/make_effects_plots.py    takes about ten minutes; prints the figures that the pages quote
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import matplotlib as mpl
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "include"), str(ROOT / "tests" / "analysis")]

from simulated_offers import compared  # noqa: E402
from simulated_study import Planted, planted  # noqa: E402

mpl.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

IMAGES = ROOT / "docs" / "images"
SEEDS, OFFER_SEEDS, SHOWN = 200, 40, 60
BEFORE, AFTER, TRUTH = "#b0863c", "#1f5a7a", "#222222"
plt.rcParams |= {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "effects",
    "svg.fonttype": "none",
}


def save(name: str) -> None:
    plt.tight_layout()
    plt.savefig(IMAGES / f"{name}.svg", metadata={"Date": None})
    plt.close()


def love_plot(drawn: Planted) -> None:
    """Every covariate's difference between detractors and promoters, before and after weighting."""
    balance = drawn.judged.effects[1].balance
    assert balance is not None
    order = np.argsort(np.abs(balance.before))
    rows = np.arange(len(order))
    plt.figure(figsize=(6.4, 3.6))
    plt.axvspan(-balance.limit, balance.limit, color="#eeeeee", zorder=0, label=f"limit ±{balance.limit:.2f}")
    plt.axvline(0, color="#999999", linewidth=0.8)
    plt.scatter(balance.before[order], rows, color=BEFORE, s=28, label="as they are")
    plt.scatter(balance.after[order], rows, color=AFTER, s=28, label="weighted")
    plt.yticks(rows, [balance.names[k] for k in order])
    plt.xlabel("promoters less detractors, standard deviations")
    plt.legend(frameon=False, loc="lower right")
    save("conversion-love-plot")


def two_hundred(overlap: str) -> list[Planted]:
    counts: Counter[tuple[str, str]] = Counter()
    found = []
    for seed in range(SEEDS):
        drawn = planted(seed, overlap)  # type: ignore[arg-type]
        found.append(drawn)
        for effect in drawn.judged.effects:
            pair, truth = f"{effect.from_arm} to {effect.to_arm}", drawn.truth(effect)
            counts[pair, "published"] += effect.effect is not None
            counts[pair, "covered"] += effect.effect is not None and effect.effect[1] <= truth <= effect.effect[2]
            counts[pair, "naive covered"] += effect.naive is not None and effect.naive[1] <= truth <= effect.naive[2]
            if effect.effect is not None and effect.naive is not None:
                counts[pair, "sum of truth"] += truth  # type: ignore[assignment]
                counts[pair, "sum of effect"] += effect.effect[0]  # type: ignore[assignment]
                counts[pair, "sum of naive"] += effect.naive[0]  # type: ignore[assignment]
    print(overlap, "fewest", min(len(drawn.study.arm) for drawn in found))
    for key, count in counts.items():
        print(" ", *key, round(count, 1))
    return found


def naive_against_adjusted(found: list[Planted]) -> None:
    """Errors of both estimates of passive to promoter, company by company."""
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.4), sharey=True)
    del figure
    for axis, name, colour in ((axes[0], "naive", BEFORE), (axes[1], "effect", AFTER)):
        for row, drawn in enumerate(found[:SHOWN]):
            effect = drawn.judged.effects[2]
            interval = getattr(effect, name)
            if interval is None or effect.effect is None:
                continue
            truth = drawn.truth(effect)
            axis.plot([interval[1] - truth, interval[2] - truth], [row, row], color=colour, linewidth=1)
            axis.scatter(interval[0] - truth, row, color=colour, s=6)
        axis.axvline(0, color=TRUTH, linewidth=0.8)
        axis.set_xlabel("euros too high")
    axes[0].set_title("naive difference", fontsize=9)
    axes[1].set_title("adjusted effect", fontsize=9)
    axes[0].set_ylabel(f"companies (the first {SHOWN})")
    axes[0].set_yticks([])
    save("conversion-naive-against-adjusted")


def offers() -> None:
    """Raw and adjusted differences of each type of offer against what was planted."""
    counts: Counter[tuple[str, str]] = Counter()
    shown = {}
    for seed in range(OFFER_SEEDS):
        for offer_type, one in compared(seed, often=3).items():
            effect = one.effect
            if seed == 0:
                shown[offer_type] = one
            counts[offer_type, "published"] += effect.effect is not None
            if effect.effect is not None and effect.naive is not None:
                counts[offer_type, "covered"] += effect.effect[1] <= one.truth <= effect.effect[2]
                counts[offer_type, "raw covered"] += effect.naive[1] <= one.truth <= effect.naive[2]
                counts[offer_type, "sum of errors"] += effect.effect[0] - one.truth  # type: ignore[assignment]
                counts[offer_type, "sum of raw errors"] += effect.naive[0] - one.truth  # type: ignore[assignment]
    print("offers")
    for key, count in counts.items():
        print(" ", *key, round(count, 1))
    plt.figure(figsize=(6.4, 2.8))
    for row, (offer_type, one) in enumerate(reversed(shown.items())):
        for shift, interval, colour, label in ((0.13, one.effect.naive, BEFORE, "raw"), (-0.13, one.effect.effect, AFTER, "adjusted")):
            if interval is not None:
                plt.plot(interval[1:], [row + shift] * 2, color=colour, linewidth=1.5, label=label if row == 0 else None)
                plt.scatter(interval[0], row + shift, color=colour, s=18)
        plt.plot([one.truth] * 2, [row - 0.3, row + 0.3], color=TRUTH, linewidth=1.5, label="planted" if row == 0 else None)
        del offer_type
    plt.yticks(range(len(shown)), list(reversed(shown)))
    plt.axvline(0, color="#cccccc", linewidth=0.8, zorder=0)
    plt.xlabel("score with the offer less score without, points")
    plt.legend(frameon=False, loc="lower right")
    save("offers")


if __name__ == "__main__":
    sound = two_hundred("good")
    love_plot(sound[1])
    naive_against_adjusted(sound)
    offers()
    two_hundred("destroyed")
