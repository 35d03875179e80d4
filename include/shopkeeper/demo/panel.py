"""What a double-blind panel says of the sample company and of two others, quarter by quarter.

The panel has more young people than the market, and they judge insurers otherwise: its weights put that right.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from shopkeeper.demo.columns import ids, labels, moments, table
from shopkeeper.demo.config import DAY, Array, SimulationConfig

NAME = "Insurance Panel"
BRANDS = ("Brunnenhof Insurance", "Lindenquell Insurance", "Nordtor Insurance")
IN_MARKET, IN_PANEL = np.array([0.35, 0.65]), np.array([0.6, 0.4])  # young, older
# of each brand by age: detractors, passives, promoters
CHANCES = np.array(
    [
        [[0.42, 0.34, 0.24], [0.24, 0.32, 0.44]],
        [[0.30, 0.36, 0.34], [0.26, 0.36, 0.38]],
        [[0.34, 0.36, 0.30], [0.44, 0.34, 0.22]],
    ]
)
LOWEST, HIGHEST = np.array([0, 7, 9]), np.array([6, 8, 10])


def answers(config: SimulationConfig) -> Iterator[tuple[str, pa.Table]]:
    """(file name, rows), a file per quarter that lies in the history as a whole."""
    each = min(400, max(60, config.customers // 40))
    first_day, last_day = np.datetime64(config.starts_on), np.datetime64(config.ends_on)
    months = np.arange(first_day.astype("datetime64[M]"), last_day.astype("datetime64[M]") + 1)
    quarters = months[months.astype(int) % 3 == 0]
    number = 0
    for quarter in quarters[quarters + 3 <= (last_day + 1).astype("datetime64[M]")]:
        starts, ends = (day.astype("datetime64[D]").astype(int) for day in (quarter, quarter + 3))
        random = config.stream(f"panel {quarter}")
        brand = np.repeat(np.arange(len(BRANDS)), each)
        age = (random.random(len(brand)) >= IN_PANEL[0]).astype(int)
        score = _scores(random, CHANCES[brand, age])
        moment = random.integers(starts, ends, len(brand)) * DAY + random.integers(8, 21, len(brand)) * 3600
        order = np.argsort(moment, kind="stable")
        year, month = str(quarter).split("-")
        yield (
            f"{year}-Q{(int(month) + 2) // 3}.csv",
            table(
                id=ids("P", number + np.arange(len(brand))),
                asked_at=moments(moment[order]),
                company=labels(brand[order], BRANDS),
                score=pa.array(score[order]),
                weight=pa.array(np.round((IN_MARKET / IN_PANEL)[age[order]], 6)),
            ),
        )
        number += len(brand)


def truth() -> dict[str, Any]:
    """Scores in the market in points, the same in every quarter, and how far the sample company is ahead of each."""
    market = {name: 100 * float(IN_MARKET @ (chances[:, 2] - chances[:, 0])) for name, chances in zip(BRANDS, CHANCES, strict=True)}
    own = market[BRANDS[0]]
    return {
        "nps": {name: round(score, 4) for name, score in market.items()},
        "gap": {name: round(own - score, 4) for name, score in market.items() if name != BRANDS[0]},
    }


def _scores(random: np.random.Generator, chances: Array) -> Array:
    band = (random.random(len(chances))[:, None] >= chances.cumsum(axis=1)[:, :2]).sum(axis=1)
    scores: Array = random.integers(LOWEST[band], HIGHEST[band] + 1)
    return scores
