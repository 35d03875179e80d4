"""Randomised delays with a known truth, and the estimate by hand: arms, strata, and who answers again."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import date
from uuid import uuid4

import numpy as np
import sqlalchemy as sa
from world import World

Z = 1.959963984540054
SMALLEST_STRATUM = 5
OPENED_ON = date(2026, 3, 10)
STRATA = ("under 4", "under 7", "7 and more")


@dataclass(frozen=True)
class Delay:
    """One row per customer: whether called at once, how unhappy before (a place in STRATA), and the next score (NaN: no answer)."""

    is_treated: np.ndarray
    stratum: np.ndarray
    mark: np.ndarray


def draw(seed: int, customers: int, *, effect: float) -> Delay:
    """Who was less unhappy before answers more often and is happier anyway; being called at once makes the unhappiest answer, too.

    So those who answer are not alike in both arms, and only weighting by stratum finds `effect` (in points, the same for everybody).
    """
    random = np.random.default_rng(seed)
    stratum = random.choice(3, customers, p=[0.5, 0.3, 0.2])
    is_treated = random.random(customers) < 0.5
    answers = random.random(customers) < np.array([0.25, 0.5, 0.8])[stratum] + is_treated * np.array([0.35, 0.1, 0.0])[stratum]
    happy = np.array([0.15, 0.4, 0.7])[stratum] + is_treated * effect / 200
    unhappy = np.array([0.65, 0.4, 0.15])[stratum] - is_treated * effect / 200
    luck = random.random(customers)
    mark = np.where(luck < happy, 100.0, np.where(luck < happy + unhappy, -100.0, 0.0))
    return Delay(is_treated, stratum, np.where(answers, mark, np.nan))


def estimate(delay: Delay) -> tuple[float, float]:
    """Effect and half-width, written from docs/adr/0012 in another way than the model's."""
    stratum, answered = delay.stratum.copy(), ~np.isnan(delay.mark)
    few = [s for s in np.unique(stratum) if min((answered & (stratum == s) & arm).sum() for arm in _arms(delay)) < SMALLEST_STRATUM]
    stratum[np.isin(stratum, few)] = -1
    if few and min((answered & (stratum == -1) & arm).sum() for arm in _arms(delay)) < SMALLEST_STRATUM:
        stratum[:] = -1
    means, variances = [], []
    for arm in _arms(delay):
        weight = np.zeros(len(stratum))
        for s in np.unique(stratum[arm & answered]):
            these = arm & (stratum == s)
            weight[these & answered] = these.sum() / (these & answered).sum()
        w, y = weight[arm & answered], delay.mark[arm & answered]
        means.append((w * y).sum() / w.sum())
        variances.append((w**2 * (y - means[-1]) ** 2).sum() / w.sum() ** 2)
    return means[0] - means[1], Z * float(np.sqrt(sum(variances)))


def _arms(delay: Delay) -> tuple[np.ndarray, np.ndarray]:
    return delay.is_treated, ~delay.is_treated


def write(world: World, delays: dict[str, Delay]) -> None:
    """In place of what dbt made of orders: one branch per name."""
    lines = io.StringIO()
    for branch, delay in delays.items():
        for number, (is_treated, stratum, mark) in enumerate(zip(delay.is_treated, delay.stratum, delay.mark, strict=True)):
            arm, score = "treated" if is_treated else "delayed", "\\N" if np.isnan(mark) else str(int(mark))
            lines.write(f"{uuid4()}\t{branch}-{number}\t{branch}\t{arm}\t{STRATA[stratum]}\t{score}\t{OPENED_ON}\n")
    with world.engine.begin() as connection:
        connection.execute(sa.text("truncate intermediate.int_closed_loop__comparison"))
        driver = connection.connection.driver_connection
        assert driver is not None
        columns = "work_order_id, customer_id, branch_id, arm, stratum, mark, opened_on"
        with driver.cursor() as cursor, cursor.copy(f"copy intermediate.int_closed_loop__comparison ({columns}) from stdin") as copy:
            copy.write(lines.getvalue())


def found(world: World) -> dict[str, tuple[float, float]]:
    """Branch → effect and half-width, of the month."""
    query = """
        select dimension_value, effect, half_width from intermediate.int_closed_loop__effects
        where dimension = 'branch' and period_grain = 'month'
    """
    return {row["dimension_value"]: (float(row["effect"]), float(row["half_width"])) for row in world.rows(query)}
