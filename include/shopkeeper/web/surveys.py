"""The survey page's way to the warehouse: a few functions, which is all that its role may do there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg import AsyncConnection, OperationalError
from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool, PoolTimeout

# Acknowledged means committed: whatever the database's default is, a commit waits for the disk.
SESSION = "-c synchronous_commit=on -c statement_timeout=5s -c timezone=UTC -c lock_timeout=4s"
WAIT_SECONDS = 3.0

Recorded = Literal["recorded", "declined", "already_answered", "expired", "too_often", "unknown"]


@dataclass(frozen=True)
class Survey:
    """One invitation, as far as the page may know it. `state` is open, partial, completed or expired; `score` the newest given."""

    state: str
    locale: str
    arms: dict[str, str]
    wave_id: UUID
    config: str
    interaction_type: str | None
    occurred_at: datetime | None
    score: int | None
    answered_at: datetime | None


@dataclass(frozen=True)
class Answer:
    """What one POST says: question role → code for closed questions, → own words for free ones."""

    score: int | None
    is_complete: bool
    answers: Mapping[str, str]
    free_answers: Mapping[str, str]
    may_call_back: bool | None
    started_at: datetime | None


class Surveys:
    """A pool of connections. Everything raises psycopg.Error when the database does not do it; then nothing was acknowledged."""

    def __init__(self, url: str, *, connections: int = 6) -> None:
        # Autocommit: each statement is a transaction, so one round trip both records and commits.
        settings = {"autocommit": True, "options": SESSION, "application_name": "shopkeeper survey page", "connect_timeout": 5}
        self._pool = AsyncConnectionPool(
            url.replace("postgresql+psycopg://", "postgresql://"),
            kwargs=settings,
            min_size=min(2, connections),
            max_size=connections,
            timeout=WAIT_SECONDS,
            max_waiting=200,
            reconnect_timeout=1,
            open=False,
        )

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Surveys]:
        """Does not wait for the database: the page starts, and says that it cannot save, while that is down."""
        await self._pool.open(wait=False)
        try:
            yield self
        finally:
            await self._pool.close()

    async def open(self, invitation_id: UUID) -> Survey | None:
        """None where the ledger knows no such invitation. Records nothing."""
        statement = "select * from ops.open_survey(%s)"
        try:
            return await self._one(statement, invitation_id)
        except PoolTimeout:
            raise
        except OperationalError:
            # The database was restarted, and connections from before lie in the pool. Reading again is safe; writing would not be.
            await self._pool.check()
            return await self._one(statement, invitation_id)

    async def _one(self, statement: str, invitation_id: UUID) -> Survey | None:
        async with self._pool.connection() as connection, connection.cursor(row_factory=class_row(Survey)) as cursor:
            await cursor.execute(statement, [invitation_id])
            return await cursor.fetchone()

    async def record(self, invitation_id: UUID, answer: Answer, client_hash: str) -> Recorded:
        """Once this returns `recorded`, the answer is on disk."""
        statement = "select ops.record_answer(%s, %s::integer, %s, %s, %s, %s::boolean, %s::timestamptz, %s)"
        parameters = (
            invitation_id,
            answer.score,
            answer.is_complete,
            Jsonb(dict(answer.answers)),
            Jsonb(dict(answer.free_answers)),
            answer.may_call_back,
            answer.started_at,
            client_hash,
        )
        async with self._pool.connection() as connection:
            recorded: Recorded = await _value(connection, statement, parameters)
            return recorded

    async def decline(self, invitation_id: UUID) -> Recorded:
        """`declined` once it is on disk that this one survey is not wanted; else why not."""
        recorded: Recorded = await self._again_if_restarted("select ops.record_decline(%s)", invitation_id)
        return recorded

    async def opt_out(self, invitation_id: UUID) -> None:
        await self._again_if_restarted("select ops.record_opt_out(%s)", invitation_id)

    async def last_signs(self) -> dict[str, datetime | None]:
        """When what last gave a sign: DAGs, the publication, entities."""
        return dict(await self._rows_again_if_restarted("select subject, at from ops.last_signs()"))

    async def told_customers(self) -> bytes | None:
        """The zip of what was done about what customers said; None where nothing is to be told."""
        told: bytes | None = await self._again_if_restarted("select ops.told_customers()")
        return told

    async def _again_if_restarted(self, statement: str, *parameters: object) -> Any:
        """The value of what changes nothing when it is done twice."""
        return (await self._rows_again_if_restarted(statement, *parameters))[0][0]

    async def _rows_again_if_restarted(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        try:
            async with self._pool.connection() as connection:
                return await (await connection.execute(statement, parameters)).fetchall()
        except PoolTimeout:
            raise
        except OperationalError:
            await self._pool.check()
            async with self._pool.connection() as connection:
                return await (await connection.execute(statement, parameters)).fetchall()

    async def answers_within(self, seconds: float) -> bool:
        """Whether the database is there."""
        try:
            async with asyncio.timeout(seconds), self._pool.connection() as connection:
                await connection.execute("select 1")
        except (OperationalError, TimeoutError):
            return False
        return True


async def _value(connection: AsyncConnection, statement: str, parameters: tuple[object, ...]) -> Any:
    row = await (await connection.execute(statement, parameters)).fetchone()
    assert row is not None
    return row[0]
