"""How the cost of lifetime values grows: fitting and scoring 100,000 customers against 1 million.

    python bench/lifetime.py [--small 100000] [--large 1000000] [--runs 3]

Customers buy for three years by a known process, and what is known of each, by the day, is what a ledger would tell. To fit is
BG/NBD on all and Gamma-Gamma on those who bought again; to score is each customer's chance of being active, discounted expectation
over three years and simulated interval. The sizes take turns and the median counts, in seconds of one processor, so that
neighbours on the machine do not count. Limit: a customer of the million costs at most 1.2 times one of the hundred thousand.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one processor, whatever the machine has

import argparse
import statistics
import sys
import time
from typing import Any

import numpy as np
from _bench import announce, report

LIMIT = 1.2
PURCHASES = (0.7, 9.0, 0.9, 2.6)  # r, α (weeks), a, b
SPEND = (6.0, 4.0, 15.0)  # p, q, γ
DAYS = 3 * 365


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=int, default=100_000)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    sizes = {"small": options.small, "large": options.large}
    known = {size: customers(count) for size, count in sizes.items()}
    fitting: dict[str, list[float]] = {size: [] for size in sizes}
    scoring: dict[str, list[float]] = {size: [] for size in sizes}
    for run in range(options.runs):
        for size, count in sizes.items():
            announce(run, options.runs, f"{count:,} customers")
            seconds = fit_and_score(*known[size])
            fitting[size].append(seconds[0])
            scoring[size].append(seconds[1])
    each = {size: statistics.median(map(sum, zip(fitting[size], scoring[size], strict=True))) / count for size, count in sizes.items()}
    rows = [
        (
            f"{count:,}",
            f"{statistics.median(fitting[size]):.1f}",
            f"{statistics.median(scoring[size]):.1f}",
            f"{each[size] * 1e6:.1f}",
        )
        for size, count in sizes.items()
    ]
    ratio = each["large"] / each["small"]
    return report(
        f"lifetime values, median of {options.runs} alternating runs",
        ("customers", "seconds to fit", "seconds to score", "microseconds a customer"),
        rows,
        [(f"a customer of {options.large:,} against one of {options.small:,}: {ratio:.2f} times, limit {LIMIT}", ratio <= LIMIT)],
    )


def customers(count: int) -> tuple[Any, Any]:
    """Histories in weeks, by the day, and average spend per repeat purchase (0 without one)."""
    from shopkeeper.analysis.lifetime.histories import Histories

    random = np.random.default_rng(count)
    (r, alpha, a, b), (p, q, gamma) = PURCHASES, SPEND
    rate, leaving = random.gamma(r, 1 / alpha, count) / 7, random.beta(a, b, count)
    first = random.integers(0, DAYS, count).astype(float)
    last, repeats, alive = first.copy(), np.zeros(count), np.arange(count)
    moment = first.copy()
    while len(alive):
        moment[alive] += np.ceil(random.exponential(1 / rate[alive]))
        alive = alive[moment[alive] < DAYS]
        repeats[alive] += 1
        last[alive] = moment[alive]
        alive = alive[random.random(len(alive)) >= leaving[alive]]
    per_purchase = random.gamma(q, 1 / gamma, count)
    spend = random.standard_gamma(p * repeats) / per_purchase
    return Histories(repeats, (last - first) / 7, (DAYS - first) / 7), spend / np.maximum(repeats, 1)


def fit_and_score(known: Any, average: Any) -> tuple[float, float]:
    """Processor seconds to fit and to score."""
    from shopkeeper.analysis.lifetime.calibration import fit_shop
    from shopkeeper.analysis.lifetime.predictive import Horizon, predict

    start = time.process_time()
    fitted = fit_shop(known, average)
    assert not fitted.why_not, fitted.why_not
    middle = time.process_time()
    shop = fitted.shop(0.45)
    found = predict(shop, known, average, Horizon(3, 0.10))
    active = shop.purchases.probability_active(known)
    assert np.isfinite(found.high).all()
    assert ((active > 0) & (active <= 1)).all()
    return middle - start, time.process_time() - middle


if __name__ == "__main__":
    sys.exit(main())
