"""Draws docs/images/over-time-*.svg and docs/images/units-*.svg: charts, changes and units of which the truth is known.

.venv/bin/python docs/make_unit_plots.py    takes about a minute; prints the figures that the page quotes
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "include"), str(ROOT / "tests" / "analysis"), str(ROOT / "tests" / "dbt" / "core")]

from cans import CANS  # noqa: E402
from over_time import Period, chart, taken_apart  # noqa: E402
from test_shrunk_scores import CENTRE, simulated  # noqa: E402

from shopkeeper.analysis.units.shrinkage import MARKS, shrink  # noqa: E402

mpl.use("svg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402

IMAGES = ROOT / "docs" / "images"
OWN, SHRUNK, TRUTH, QUIET = "#b0863c", "#1f5a7a", "#222222", "#999999"
SEEDS = 60
plt.rcParams |= {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "svg.hashsalt": "units",
    "svg.fonttype": "none",
}


def save(name: str) -> None:
    plt.tight_layout()
    plt.savefig(IMAGES / f"{name}.svg", metadata={"Date": None})
    plt.close()


def control(axes: Axes, name: str, periods: list[Period], title: str) -> None:
    points = chart(name, periods)
    at = np.arange(1, len(points) + 1)
    axes.step(at, [point.high for point in points], where="mid", color=QUIET, linewidth=0.8)
    axes.step(at, [point.low for point in points], where="mid", color=QUIET, linewidth=0.8)
    axes.plot(at, [point.centre for point in points], color=QUIET, linewidth=0.8)
    axes.plot(at, [point.value for point in points], "o-", color=SHRUNK, markersize=3, linewidth=1)
    signals = [i for i, point in enumerate(points) if point.signals]
    axes.plot(at[signals], [points[i].value for i in signals], "s", color=OWN, markersize=6)
    axes.set_title(title, loc="left")


def year(random: np.random.Generator, *, falls_after: int = 52) -> list[Period]:
    """52 weeks of 80 to 220 answers; the score falls by 12 points after a week."""
    weeks = []
    for week in range(52):
        n = int(random.integers(80, 220))
        detractors, _, promoters = random.multinomial(n, CENTRE + (week >= falls_after) * np.array([0.06, 0, -0.06]))
        weeks.append(Period(int(promoters), int(detractors), n, n))
    return weeks


def count_false_signals() -> None:
    """Signals of years in which nothing happened, in a hundred points of each chart."""
    for name in ("promoter_share", "nps", "nps_xmr"):
        points = [point for seed in range(200) for point in chart(name, year(np.random.default_rng(seed)))]
        outside = sum("limit" in " ".join(p.signals - {s for s in p.signals if s.startswith("2 of 3")}) for p in points)
        print(name, "false signals, %:", round(100 * float(np.mean([bool(p.signals) for p in points])), 2), "outside a limit", outside)


def draw_charts() -> None:
    """Published counts, and a simulated year in which the score falls by 12 points after 40 weeks."""
    weeks = year(np.random.default_rng(3), falls_after=40)
    _, (left, middle, right) = plt.subplots(1, 3, figsize=(10.5, 3.2))
    control(left, "detractor_share", [Period(0, cans, 50, 50) for cans in CANS], "Leaking cans, % (Montgomery)")
    left.set_xlabel("sample")
    control(middle, "nps", weeks, "Score by week, limits by answers")
    control(right, "nps_xmr", weeks, "The same, limits by moves (XmR)")
    for axes in (middle, right):
        axes.axvline(40.5, color=OWN, linewidth=0.8, linestyle=":")
        axes.set_xlabel("week; −12 points from week 41 on")
    save("over-time-charts")


def draw_change() -> None:
    """Both segments fall, and the score rises: more of those who are content answered."""
    parts = {
        "private": (np.repeat([-1, 0, 1], [40, 40, 60]), np.repeat([-1, 0, 1], [100, 100, 160])),
        "business": (np.repeat([-1, 0, 1], [20, 80, 160]), np.repeat([-1, 0, 1], [2, 10, 28])),
    }
    found = taken_apart({name: (list(now), list(before)) for name, (now, before) in parts.items()})
    names = list(found)
    _, axes = plt.subplots(figsize=(6, 2.4))
    rates, mixes = ([found[name][k] for name in names] for k in (0, 1))
    places = np.arange(len(names) + 1)
    labels = [*names, "all"]
    axes.barh(places + 0.2, [*rates, sum(rates)], 0.38, color=OWN, label="other scores (rate)")
    axes.barh(places - 0.2, [*mixes, sum(mixes)], 0.38, color=SHRUNK, label="others answered (mix)")
    axes.axvline(0, color=QUIET, linewidth=0.8)
    axes.set_yticks(places, labels)
    axes.set_xlabel("points")
    axes.set_title(f"A change of {sum(rates) + sum(mixes):+.1f} points, taken apart", loc="left")
    axes.legend(frameon=False, fontsize=8)
    save("over-time-change")
    print("change:", {name: tuple(round(float(x), 1) for x in both) for name, both in found.items()})


def draw_units() -> None:
    """24 simulated branches: the funnel, and each score as answered, as believed and as it is."""
    random = np.random.default_rng(12)
    shares = random.dirichlet(100 * CENTRE, 24)
    answers = np.rint(np.exp(random.uniform(*np.log((12, 400)), 24))).astype(int)
    counts = np.array([random.multinomial(n, share) for n, share in zip(answers, shares, strict=True)])
    truth, own, shrunk = 100 * shares @ MARKS, 100 * counts @ MARKS / answers, shrink(counts)
    assert shrunk is not None
    _, (left, right) = plt.subplots(1, 2, figsize=(10, 4.6))
    total = counts.sum(axis=0) / counts.sum()
    centre, spread = total @ MARKS, total @ MARKS**2 - (total @ MARKS) ** 2
    n = np.geomspace(10, 420, 200)
    for sigmas, style in ((1.96, "--"), (3.09, "-")):
        for sign in (-1, 1):
            left.plot(n, 100 * np.clip(centre + sign * sigmas * np.sqrt(spread / n), -1, 1), style, color=QUIET, linewidth=0.8)
    left.axhline(100 * centre, color=QUIET, linewidth=0.8)
    is_outside = np.abs(own / 100 - centre) > 1.96 * np.sqrt(spread / answers)
    left.plot(answers[~is_outside], own[~is_outside], "o", color=SHRUNK, markersize=4)
    left.plot(answers[is_outside], own[is_outside], "s", color=OWN, markersize=6)
    left.set_xscale("log")
    left.set_xticks([10, 30, 100, 300], ["10", "30", "100", "300"])
    left.minorticks_off()
    left.set_xlabel("answers")
    left.set_title("Funnel: 95 % (dashed) and 99.8 %", loc="left")
    order = np.argsort(shrunk.score)
    rows = np.arange(24)
    right.hlines(rows, 100 * shrunk.low[order], 100 * shrunk.high[order], color=SHRUNK, linewidth=4, alpha=0.35)
    right.plot(100 * shrunk.score[order], rows, "o", color=SHRUNK, markersize=4, label="believed, with 95 % interval")
    right.plot(own[order], rows, "D", color=OWN, markersize=4, markerfacecolor="none", label="as answered")
    right.plot(truth[order], rows, "|", color=TRUTH, markersize=10, markeredgewidth=1.6, label="as it is")
    chances = [f"{answers[i]} answers · {100 * shrunk.in_top_quartile[i]:.0f} %" for i in order]
    right.set_yticks(rows, chances, fontsize=7)
    right.set_title("Score; chance of being in the best quarter", loc="left")
    right.legend(frameon=False, fontsize=8, loc="lower right")
    save("units-compared")
    error = {"answered": own - truth, "believed": 100 * shrunk.score - truth}
    print("units: root mean squared error", {name: round(float(np.sqrt(np.mean(e**2))), 1) for name, e in error.items()})
    print("units: held", int(((100 * shrunk.low <= truth) & (truth <= 100 * shrunk.high)).sum()), "of 24; outside", int(is_outside.sum()))


def draw_coverage() -> None:
    strengths = (20, 50, 100, 200, 400)
    proofs = [simulated(range(SEEDS), strength=strength) for strength in strengths]
    held, plugged = ([100 * float(np.mean(getattr(proof, name))) for proof in proofs] for name in ("held", "plugged_in_held"))
    _, axes = plt.subplots(figsize=(6, 2.8))
    axes.axhline(95, color=QUIET, linewidth=0.8)
    axes.plot(strengths, held, "o-", color=SHRUNK, label="with doubt about A")
    axes.plot(strengths, plugged, "s--", color=OWN, label="likeliest A plugged in")
    axes.set_xscale("log")
    axes.set_xticks(strengths, [str(one) for one in strengths])
    axes.minorticks_off()
    axes.set_ylim(30, 100)
    axes.set_xlabel("A: how many answers the other units count for")
    axes.set_title("95 % intervals that hold the truth, %; 8 units of 10 to 100 answers", loc="left")
    axes.legend(frameon=False, fontsize=8)
    save("units-coverage")
    print("coverage:", dict(zip(strengths, zip(np.round(held, 1), np.round(plugged, 1), strict=True), strict=True)))


def main() -> None:
    draw_charts()
    count_false_signals()
    draw_change()
    draw_units()
    draw_coverage()


if __name__ == "__main__":
    main()
