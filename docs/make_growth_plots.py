"""Draws docs/images/earned-growth.svg from the published mart earned_growth of the warehouse at WAREHOUSE_URL (here: the demo's).

WAREHOUSE_URL=$(./shopkeeper db url) .venv/bin/python docs/make_growth_plots.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import sqlalchemy as sa
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from shopkeeper.warehouse.engine import engine

IMAGE = Path(__file__).resolve().parent / "images" / "earned-growth.svg"
PARTS = {
    "returning": ("back after a gap", "#a9b8c9"),
    "earned_new": ("new, referred", "#2e8b57"),
    "unknown_new": ("new, origin unknown", "#d9d2b0"),
    "unknown_customer": ("not in the CRM", "#cccccc"),
    "bought_new": ("new, bought", "#c8743a"),
}
QUERY = """
select * from marts.earned_growth
where period_grain = 'quarter' and growth_rate is not null
order by period_starts_on desc
limit 8
"""


def draw_parts(axes: Axes, rows: list[dict[str, Any]], labels: list[str]) -> None:
    bottom = [0.0] * len(rows)
    for part, (name, colour) in PARTS.items():
        heights = [100 * float(row[f"{part}_revenue"] / row["revenue_before"]) for row in rows]
        if any(heights):
            axes.bar(labels, heights, 0.7, bottom=bottom, label=name, color=colour)
        bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
    axes.set_title("Revenue besides that of last quarter's customers, %", loc="left")
    axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=3)


def draw_rates(axes: Axes, rows: list[dict[str, Any]], labels: list[str]) -> None:
    growth, low, high = (
        [100 * float(row[name]) for row in rows] for name in ("growth_rate", "earned_growth_rate_low", "earned_growth_rate_high")
    )
    axes.axhline(0, color="#999999", linewidth=0.8)
    axes.plot(labels, growth, "o-", color="#333333", markersize=4, linewidth=1.2, label="growth")
    axes.vlines(labels, low, high, color="#2e8b57", linewidth=7, alpha=0.6, label="earned growth: range of what is not known")
    axes.plot(labels, low, "_", labels, high, "_", color="#2e8b57", markersize=9)
    axes.set_title("Growth over the quarter before, %", loc="left")
    axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=1)


def main() -> None:
    with engine().connect() as connection:
        rows = [dict(row) for row in connection.execute(sa.text(QUERY)).mappings()][::-1]
    labels = [f"{row['period_starts_on']:%b}\n{row['period_starts_on']:%Y}" for row in rows]
    mpl.rcParams |= {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 10, "svg.hashsalt": "growth"}
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.6))
    draw_parts(left, rows, labels)
    draw_rates(right, rows, labels)
    figure.tight_layout()
    figure.savefig(IMAGE, metadata={"Date": None})


if __name__ == "__main__":
    main()
