"""Keeps with each build what providers state of the score themselves, so that its report can be made again with it."""

from __future__ import annotations

import sqlalchemy as sa

from shopkeeper.company.config import Company
from shopkeeper.warehouse.stated_tables import STATED_SCORES


def keep_stated(connection: sa.Connection, company: Company, build_id: int, *, repeats: int | None) -> None:
    """Write `quality.stated_scores` for a build: what company.yml states now, or what it stated for the build that this one repeats."""
    if repeats is not None:
        others = [column for column in STATED_SCORES.c if column.name != "build_id"]
        then = sa.select(sa.literal(build_id), *others).where(STATED_SCORES.c.build_id == repeats)
        connection.execute(sa.insert(STATED_SCORES).from_select(["build_id", *(column.name for column in others)], then))
        return
    stated = [
        {
            "build_id": build_id,
            "provider": one.provider,
            "programme": one.programme,
            "metric": company.scales[one.scale].metric,
            "period_grain": one.period,
            "period_starts_on": one.starts_on,
            "period_ends_on": one.ends_on,
            "score": one.score,
            "digits": one.digits,
            "answers": one.answers,
        }
        for one in company.stated_scores
    ]
    if stated:
        connection.execute(sa.insert(STATED_SCORES), stated)
