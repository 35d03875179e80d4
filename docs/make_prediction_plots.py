"""Plots of docs/predicted-scores.md, from simulated companies in which it is known what the silent think, and figures that it quotes.

.venv/bin/python docs/make_prediction_plots.py [COMPANIES]    200 take about ten minutes; prints how often intervals hold
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "include"), str(ROOT / "tests" / "analysis")]

from simulated_predictions import simulated  # noqa: E402

from shopkeeper.analysis.predicted import scoring  # noqa: E402
from shopkeeper.analysis.predicted.groups import groups  # noqa: E402
from shopkeeper.analysis.predicted.models import BANDS, MODELS, calibrated  # noqa: E402
from shopkeeper.analysis.predicted.study import MARK, study  # noqa: E402
from shopkeeper.demo.config import PROGRAMMES, RELATIONSHIP, TRANSACTIONAL  # noqa: E402

mpl.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

IMAGES = ROOT / "docs" / "images"
SEEDS, SHOWN = 200, 40
PREDICTED, ANSWERED, TRUTH, QUIET = "#1f5a7a", "#b0863c", "#222222", "#999999"
plt.rcParams |= {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "predictions",
    "svg.fonttype": "none",
}


def save(name: str) -> None:
    plt.tight_layout()
    plt.savefig(IMAGES / f"{name}.svg", metadata={"Date": None})
    plt.close()


def honest_chances(seed: int) -> None:
    """Chances of both models against what the newest answers say, and against what the silent would."""
    company = simulated(seed, RELATIONSHIP)
    asked, slices = company.asked, study(company.asked).slices
    assert slices is not None
    _, axes = plt.subplots(1, len(MODELS), figsize=(8.6, 4), sharey=True)
    for axis, (name, fit) in zip(axes, MODELS.items(), strict=True):
        raw = fit(asked.known, asked.band, slices.train)
        chances = calibrated(raw, asked.band, slices.calibration)[:, 0]
        axis.plot([0, 1], [0, 1], color=QUIET, linewidth=0.8)
        told = scoring.bins(chances[slices.test], asked.band[slices.test] == 0)
        axis.plot([x for _, x, _ in told], [y for _, _, y in told], "o", color=ANSWERED, label="newest answers: share of detractors")
        rows = asked.is_silent
        told = scoring.bins(chances[rows], company.chances[rows, 0])
        axis.plot([x for _, x, _ in told], [y for _, _, y in told], "s", color=PREDICTED, label="the silent: planted chance", alpha=0.8)
        axis.set_title(name, loc="left", fontsize=9)
        axis.set_xlabel("predicted chance of a detractor")
        axis.set(xlim=(0, 0.9), ylim=(0, 0.9))
    axes[0].legend(frameon=False, fontsize=8, loc="upper left")
    save("predicted-chances")


def one(task: tuple[int, int, str]) -> dict[str, Any] | None:
    """A company: what is predicted of its silent customers, what they think, and what those who answered said."""
    seed, programme, nonresponse = task
    company = simulated.__wrapped__(seed, programme, nonresponse=nonresponse)
    asked, found = company.asked, study(company.asked)
    if found.chances is None:
        return None
    rows = asked.is_silent
    every = []
    for group in groups(asked, found):
        inside = rows & (np.full(len(rows), True) if group.dimension == "all" else asked.groups[group.dimension] == group.value)
        if group.score:
            every.append((group.dimension, *group.score, 100 * float((company.chances[inside] @ MARK).mean())))
    lately = (asked.band >= 0) & (asked.asked >= asked.asked[rows].min())
    errors = []
    for k in range(len(BANDS)):
        place = np.searchsorted(np.quantile(found.chances[rows, k], np.arange(1, 10) / 10), found.chances[rows, k], side="right")
        errors += [abs((found.chances - company.chances)[rows, k][place == g].mean()) for g in range(10) if (place == g).any()]
    chosen = next(quality for quality in found.qualities if quality.is_published)
    return {
        "groups": every,
        "answered": 100 * float(MARK[asked.band[lately]].mean()),
        "far": float(np.mean(errors)),
        "model": found.model,
        "brier": {quality.model: quality.brier for quality in found.qualities},
        "prior": chosen.prior_brier,
    }


def companies(programme: int, count: int, nonresponse: str = "ignorable") -> Iterator[dict[str, Any] | None]:
    with ProcessPoolExecutor(2) as pool:
        yield from pool.map(one, [(seed, programme, nonresponse) for seed in range(count)])


def told(name: str, found: list[dict[str, Any] | None]) -> list[dict[str, Any]]:
    """Print what the page quotes of these companies."""
    kept = [company for company in found if company is not None]
    whole = [company["groups"][0] for company in kept]
    holds = sum(low <= true <= high for _, _, low, high, true in whole)
    parts = [low <= true <= high for company in kept for _, _, low, high, true in company["groups"][1:]]
    off = np.array([middle - true for _, middle, _, _, true in whole])
    half = np.mean([(high - low) / 2 for _, _, low, high, _ in whole])
    answered = np.mean([company["answered"] - company["groups"][0][-1] for company in kept])
    print(f"{name}: {len(kept)} of {len(found)} published; {holds} intervals hold the truth, of groups {100 * np.mean(parts):.1f} %")
    print(f"  off by {off.mean():+.2f} on average, SD {off.std():.2f}; half-width {half:.1f}; those who answered {answered:+.1f} above")
    sys.stdout.flush()
    print(f"  chances off by {100 * np.mean([company['far'] for company in kept]):.1f} points on average")
    for model in MODELS:
        brier, chosen = np.mean([company["brier"][model] for company in kept]), sum(company["model"] == model for company in kept)
        print(f"  {model}: Brier {brier:.4f}, published {chosen}; prior {np.mean([company['prior'] for company in kept]):.4f}")
    return kept


def seeds(found: list[dict[str, Any]]) -> None:
    """Predicted, planted and answered scores of the first companies."""
    _, axis = plt.subplots(figsize=(8.6, 3.6))
    for place, company in enumerate(found[:SHOWN]):
        _, middle, low, high, true = company["groups"][0]
        axis.vlines(place, low, high, color=PREDICTED, linewidth=1.2)
        axis.plot(place, middle, "o", color=PREDICTED, markersize=3, label="predicted, 95 %" if not place else None)
        axis.plot(place, true, "_", color=TRUTH, markersize=8, markeredgewidth=1.6, label="what the silent think" if not place else None)
        axis.plot(place, company["answered"], ".", color=ANSWERED, label="those who answered" if not place else None)
    axis.set_ylabel("score, points")
    axis.set_xlabel("simulated companies")
    axis.legend(frameon=False, ncols=3, loc="lower left", fontsize=8)
    save("predicted-seeds")


def main(count: int) -> None:
    honest_chances(11)
    for programme in (RELATIONSHIP, TRANSACTIONAL):
        found = told(PROGRAMMES[programme], list(companies(programme, count)))
        if programme == RELATIONSHIP:
            seeds(found)
    for nonresponse in ("interaction", "score"):
        told(f"relationship, answering by {nonresponse}", list(companies(RELATIONSHIP, -(-count // 5), nonresponse)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS)
