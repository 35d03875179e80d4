"""What wakes a DAG from outside Airflow: Postgres tells whoever listens that something has come in.

Runs inside Airflow's triggerer. Nothing is polled, and nothing is read from what is told: the tables say what there is to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

RETRY_SECONDS = 5


class Told(BaseEventTrigger):  # type: ignore[misc]
    """Fires once for all that is told on a channel within `settle_seconds` from the first word on.

    It fires when it begins to listen too, because something may have been told while nobody did; so after a restart of the
    triggerer or of the warehouse nothing waits for the clock.
    """

    def __init__(self, channel: str, settle_seconds: float) -> None:
        super().__init__()
        self.channel, self.settle_seconds = channel, settle_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "shopkeeper.airflow.triggers.Told", {"channel": self.channel, "settle_seconds": self.settle_seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """For ever: a trigger that ends, or fails, is not started again."""
        import psycopg
        import sqlalchemy as sa

        from shopkeeper.errors import ShopkeeperError
        from shopkeeper.pipeline.runs import reason
        from shopkeeper.warehouse.engine import warehouse_url

        while True:
            try:
                url = sa.make_url(warehouse_url()).set(drivername="postgresql").render_as_string(hide_password=False)
                connection = await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=10)
                async with connection:
                    await connection.execute(f"listen {self.channel}")
                    yield TriggerEvent({"channel": self.channel})
                    while True:
                        async for _ in connection.notifies(stop_after=1):
                            pass
                        async for _ in connection.notifies(timeout=self.settle_seconds):
                            pass
                        yield TriggerEvent({"channel": self.channel})
            except (psycopg.Error, sa.exc.ArgumentError, ShopkeeperError, OSError) as error:
                self.log.warning("%s: cannot listen to the warehouse, trying again: %s", self.channel, reason(error))
                await asyncio.sleep(RETRY_SECONDS)
