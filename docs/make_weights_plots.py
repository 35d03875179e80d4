"""Plots of docs/weights.md, from simulated companies whose truth is known.

.venv/bin/python docs/make_weights_plots.py    takes about two minutes; prints the figures that the page quotes
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "include"), str(ROOT / "tests" / "analysis")]

from simulated_weights import CROSSED, MAIN, Asked, asked, frame_of  # noqa: E402

from shopkeeper.analysis.weights import sensitivity  # noqa: E402
from shopkeeper.demo.attitude import ANSWER_BAND  # noqa: E402

mpl.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

IMAGES = ROOT / "docs" / "images"
SHOWN = 40
RAW, WEIGHTED, TRUTH = "#b0863c", "#1f5a7a", "#222222"
plt.rcParams |= {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "weights",
    "svg.fonttype": "none",
}


def save(name: str) -> None:
    plt.tight_layout()
    plt.savefig(IMAGES / f"{name}.svg", metadata={"Date": None})
    plt.close()


def errors(by_mode: dict[str, list[Asked]]) -> None:
    """Intervals less the truth, company by company, under three ways of answering."""
    columns = (
        ("answers depend on\nwhat the CRM knows", "ignorable", MAIN, "raked to main margins"),
        ("on two things\ntogether", "interaction", CROSSED, "raked to crossed cells"),
        ("on the score\nitself", "score", MAIN, "raked to main margins"),
    )
    figure, axes = plt.subplots(1, 3, figsize=(7.6, 3.8), sharey=True, sharex=True)
    del figure
    for axis, (title, mode, margins, label) in zip(axes, columns, strict=True):
        for row, one in enumerate(by_mode[mode]):
            for scores, colour, shift in ((one.score(None), RAW, 0.2), (one.score(one.weighing(margins)), WEIGHTED, -0.2)):
                axis.plot([scores.low[0] - one.truth, scores.high[0] - one.truth], [row + shift] * 2, color=colour, linewidth=1)
        axis.axvline(0, color=TRUTH, linewidth=0.8)
        axis.set_title(title, fontsize=9)
        axis.set_xlabel("points too high")
        axis.plot([], [], color=RAW, label="raw")
        axis.plot([], [], color=WEIGHTED, label=label)
        axis.legend(frameon=False, fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.2))
    axes[0].set_ylabel(f"companies (the first {SHOWN})")
    axes[0].set_yticks([])
    save("weights-raw-and-weighted")


def sensitivity_band(one: Asked) -> None:
    """The weighted score over what might be true of who answers."""
    waves = [sensitivity.BandedWave(one.wave, one.answers)]
    ratios = np.geomspace(0.17, 2.0, 45)
    found = [sensitivity.score_given(waves, MAIN, 5.0, sensitivity.relative_rates(ratio)) for ratio in ratios]
    known = [score for score in found if score is not None]
    band = sensitivity.band(waves, MAIN)
    assert band is not None
    planted = float(ANSWER_BAND[0] / ANSWER_BAND[2])
    tips = "nowhere from 1/20 to 20" if band.tipping_ratio is None else f"{band.tipping_ratio:.3f}"
    raw = float(one.score(None).nps[0])
    print(f"sensitivity: raw {raw:.1f}, truth {one.truth:.1f}, planted ratio {planted:.3f}, tips at {tips}")
    print(f"  {band.at_low.nps:.1f} ({band.at_low.low:.1f} to {band.at_low.high:.1f}) at 0.5")
    weighted = one.score(one.weighing()).nps[0]
    print(f"  weighted {weighted:.1f}")
    print(f"  {band.at_high.nps:.1f} ({band.at_high.low:.1f} to {band.at_high.high:.1f}) at 1.5")
    plt.figure(figsize=(7.6, 3.4))
    plt.axvspan(0.5, 1.5, color="#eeeeee", zorder=0, label="declared range")
    plt.fill_between(ratios, [score.low for score in known], [score.high for score in known], color=WEIGHTED, alpha=0.2, linewidth=0)
    plt.plot(ratios, [score.nps for score in known], color=WEIGHTED, label="weighted score, if it were so")
    plt.axhline(one.truth, color=TRUTH, linewidth=0.8, linestyle="--", label="truth")
    plt.axhline(0, color="#999999", linewidth=0.8)
    plt.scatter([planted], [one.truth], color=TRUTH, s=24, zorder=3, label="as planted")
    plt.scatter([1], [raw], color=RAW, s=24, zorder=3, label="raw")
    if band.tipping_ratio is not None and band.tipping_ratio >= ratios[0]:
        plt.scatter([band.tipping_ratio], [0], color="#a03030", marker="v", s=36, zorder=3, label="tipping point")
    plt.xlabel("how often detractors answer for each time that promoters do")
    plt.ylabel("points")
    plt.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    save("weights-sensitivity")


if __name__ == "__main__":
    companies = [frame_of(seed) for seed in range(SHOWN)]
    drawn = {mode: [asked(*company, mode) for company in companies] for mode in ("ignorable", "interaction", "score")}  # type: ignore[arg-type]
    errors(drawn)
    sensitivity_band(drawn["score"][0])
    for warning in drawn["interaction"][0].weighing(MAIN).warnings:
        print("interaction:", warning)
