"""Plot of docs/referrals.md: one line of the sample company's referrals, what each in it holds, and who refers.

.venv/bin/python docs/make_referral_plots.py    prints the figures that the page quotes
"""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

import matplotlib as mpl
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "include"))

from shopkeeper.analysis.referrals import below, hold  # noqa: E402
from shopkeeper.demo import attitude, simulate  # noqa: E402
from shopkeeper.demo.config import BANDS  # noqa: E402

mpl.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

COLOURS = ("#b5523b", "#b0863c", "#1f5a7a")  # detractor, passive, promoter
UNITS = 10_000  # of the ledger in one unit of money
plt.rcParams |= {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "referrals",
    "svg.fonttype": "none",
}


def main() -> None:
    part = simulate().whole
    real = (part.referrals.fault == 0) & (part.referrals.child >= 0)
    edges = part.referrals
    parent = np.full(len(part.customers), -1)
    parent[edges.child[real]] = edges.parent[real]
    postings = part.postings
    cents = np.bincount(postings.customer, postings.cents - postings.cost_cents, len(parent))
    own = np.rint(cents).astype(np.int64) * (UNITS // 100)
    depth, up = np.zeros(len(parent), np.int64), parent.copy()
    while (up >= 0).any():
        depth += up >= 0
        up = np.where(up >= 0, parent[up], -1)
    held, tree = hold(own, parent, depth, Decimal("0.5")), below(own, parent, depth)
    assert held.sum() == own.sum()
    print(f"{int(real.sum())} referrals, deepest {depth.max()}, all hold {held.sum() / UNITS:,.2f} of {own.sum() / UNITS:,.2f}")

    _, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.6), width_ratios=(1.1, 1.1, 1))
    members = line_of(parent, depth)
    draw_tree(left, parent, depth, held, members)
    draw_values(middle, own, tree, held, members)
    draw_bands(right, part.scores_by_wave, edges.parent_band[real], int(real.sum()))
    plt.tight_layout()
    plt.savefig(ROOT / "docs" / "images" / "referrals.svg", metadata={"Date": None})


def line_of(parent: np.ndarray, depth: np.ndarray) -> list[int]:
    """The deepest line of at most 16 customers, the first referrer first."""
    root = np.arange(len(parent))
    for _ in range(depth.max()):
        root = np.where(parent[root] >= 0, parent[root], root)
    sizes, deepest = np.bincount(root, minlength=len(parent)), np.zeros(len(parent), int)
    np.maximum.at(deepest, root, depth)
    chosen = np.argmax(np.where(sizes <= 16, deepest * 100 + sizes, -1))
    members = np.flatnonzero(root == chosen)
    return [int(one) for one in members[np.argsort(depth[members], kind="stable")]]


def draw_tree(axes: plt.Axes, parent: np.ndarray, depth: np.ndarray, held: np.ndarray, members: list[int]) -> None:
    across: dict[int, float] = {}
    leaves = iter(range(len(members)))

    def place(one: int) -> float:
        children = [place(child) for child in members if parent[child] == one]
        across[one] = float(np.mean(children)) if children else float(next(leaves))
        return across[one]

    place(members[0])
    for one in members[1:]:
        axes.plot([across[parent[one]], across[one]], [-depth[parent[one]], -depth[one]], color="#bbbbbb", lw=1, zorder=1)
    sizes = [40 + 260 * max(held[one], 0) / max(held[members].max(), 1) for one in members]
    axes.scatter([across[one] for one in members], [-depth[one] for one in members], s=sizes, color=COLOURS[2], zorder=2)
    for number, one in enumerate(members, 1):
        axes.annotate(str(number), (across[one], -depth[one]), ha="center", va="center", color="white", fontsize=7)
    axes.set_title("One line: size is what each holds", fontsize=9, loc="left")
    axes.margins(0.12)
    axes.axis("off")


def draw_values(axes: plt.Axes, own: np.ndarray, tree: np.ndarray, held: np.ndarray, members: list[int]) -> None:
    at = np.arange(len(members))
    for place, (values, name, colour) in enumerate(
        ((own, "own", "#bbbbbb"), (held, "ledger", COLOURS[2]), (tree, "everyone below", COLOURS[1]))
    ):
        axes.bar(at + (place - 1) * 0.27, values[members] / UNITS, 0.27, label=name, color=colour)
    axes.set_xticks(at, [str(number) for number in at + 1])
    axes.set_ylabel("margin to date")
    axes.set_title("Own value, ledger and tree", fontsize=9, loc="left")
    axes.legend(frameon=False, fontsize=8)
    total = (int(own[members].sum()), int(held[members].sum()))
    assert total[0] == total[1]
    print(
        f"the line of {len(members)}: own {total[0] / UNITS:,.2f}, held {total[1] / UNITS:,.2f}, trees {tree[members].sum() / UNITS:,.2f}"
    )


def draw_bands(axes: plt.Axes, scores: np.ndarray, bands: np.ndarray, count: int) -> None:
    customers = np.bincount(attitude.band(scores[:, scores.shape[1] // 2]), minlength=3)
    made = np.bincount(bands, minlength=3)
    for band, name in enumerate(BANDS):
        rate = 100 * made[band] / customers[band]
        spread = 196 * np.sqrt(made[band]) / customers[band]
        axes.bar(name, rate, color=COLOURS[band], yerr=spread, ecolor="#444444", capsize=3)
        print(f"{name}: {made[band]} customers brought by {customers[band]} in the band, {rate:.1f} ± {spread:.1f} per 100")
    axes.set_title(f"Brought per 100 of the band, n {count:,}", fontsize=9, loc="left")


if __name__ == "__main__":
    main()
