"""A pause that the CRM has asked for: until it is over, nothing is sent to it and nothing asked, by whichever run."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from shopkeeper.closed_loop.crm.adapter import ComeBackLater

_KEEP = """
    insert into ops.crm_pause (until, asked_at) values (:until, :now)
    on conflict (only_row) do update set until = excluded.until, asked_at = excluded.asked_at
"""


def keep(engine: sa.Engine, asked: ComeBackLater, *, now: datetime) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text(_KEEP), {"until": now + timedelta(seconds=asked.seconds), "now": now})


def until(engine: sa.Engine, *, now: datetime) -> datetime | None:
    """When the pause ends; None where there is none."""
    with engine.connect() as connection:
        moment: datetime | None = connection.scalar(sa.text("select until from ops.crm_pause where until > :now"), {"now": now})
        return moment


def told(moment: datetime) -> str:
    return f"the CRM asked for a pause until {moment:%Y-%m-%d %H:%M} UTC"
