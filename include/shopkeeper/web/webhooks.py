"""Webhooks that come in: what a provider tells is checked, written down, and only then acknowledged.

`POST /webhooks/<provider>` with the headers of Standard Webhooks. A message that comes again is acknowledged and changes
nothing. The reply to an IVR's hang-up says whether to call the customer back. A client that sends more than it may in a minute is
told how long to wait, before anything of it is read: senders keep what was not acknowledged.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import Error
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shopkeeper.company.programmes import Programmes
from shopkeeper.errors import ShopkeeperError
from shopkeeper.survey.providers import ivr, standard_webhooks
from shopkeeper.web.guard import Counter, Limits, Networks, client_of, read_body

# A provider sends the answers of everybody from one address, so its limit is wider than a customer's.
LIMITS = Limits(per_client=6000, body_bytes=1 << 20)
LONGEST_ID = 256
# Acknowledged means committed, whatever the database's default is.
_SESSION = "-c synchronous_commit=on -c statement_timeout=5s -c lock_timeout=4s -c timezone=UTC"


class Inbox:
    """Where messages are written, as the role survey_page, which may leave them and read none."""

    def __init__(self, url: str, *, connections: int = 2) -> None:
        settings = {"autocommit": True, "options": _SESSION, "application_name": "shopkeeper webhooks", "connect_timeout": 5}
        self._pool = AsyncConnectionPool(
            url.replace("postgresql+psycopg://", "postgresql://"),
            kwargs=settings,
            min_size=1,
            max_size=connections,
            timeout=3,
            check=AsyncConnectionPool.check_connection,
            open=False,
        )

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Inbox]:
        await self._pool.open(wait=False)
        try:
            yield self
        finally:
            await self._pool.close()

    async def receive(self, provider: str, message_id: str, payload: Any) -> bool:
        """Once this returns, the message is on disk; False where it had come before. Raises psycopg.Error."""
        return bool(await self._value("select ops.receive_message(%s, %s, %s)", provider, message_id, Jsonb(payload)))

    async def hang_up(self, provider: str, message_id: str, payload: Any, rule: dict[str, Any]) -> str:
        """`call_back`, or why there is to be none; written down before it is returned. Raises psycopg.Error."""
        return str(await self._value("select ops.answer_hang_up(%s, %s, %s, %s)", provider, message_id, Jsonb(payload), Jsonb(rule)))

    async def _value(self, statement: str, *parameters: object) -> object:
        async with self._pool.connection() as connection:
            row = await (await connection.execute(statement.encode(), parameters)).fetchone()
        assert row is not None
        return row[0]


def routes(
    programmes: Programmes,
    inbox: Inbox,
    counter: Counter,
    *,
    clock: Callable[[], float] = time.time,
    limits: Limits = LIMITS,
    trusted: Networks = (),
) -> list[Route]:
    """One route per provider that has a webhook_secret. Raises ShopkeeperError for a secret that cannot be used."""
    made = []
    for name, provider in programmes.providers.items():
        if not provider.webhook_secret:
            continue
        key = standard_webhooks.usable(f"programmes.yml › providers › {name}", provider.webhook_secret)
        rule = ivr.call_back_rule(programmes, name) if provider.kind == "ivr" else None
        endpoint = _Endpoint(name, key, rule, inbox, counter, clock, limits, trusted)
        made.append(Route(f"/webhooks/{name}", endpoint.post, methods=["POST"], name=f"webhook_{name}"))
    return made


@dataclass(frozen=True)
class _Endpoint:
    """One provider's. `rule` is when to call back, for an IVR."""

    name: str
    key: bytes
    rule: dict[str, Any] | None
    inbox: Inbox
    counter: Counter
    clock: Callable[[], float]
    limits: Limits
    trusted: Networks

    async def post(self, request: Request) -> Response:
        try:
            self._admit(request)
            body = await read_body(request, self.limits)
            message_id, payload = self._believed(request, body)
            return JSONResponse(await self._keep(message_id, payload))
        except HTTPException as refused:
            return JSONResponse({"error": refused.detail}, refused.status_code, refused.headers)
        except Error:
            return JSONResponse({"error": "it cannot be kept now: send it again"}, 503, {"retry-after": "5"})

    def _admit(self, request: Request) -> None:
        client = client_of(request, self.trusted)
        if wait := self.counter.seconds_to_wait(self.limits.per_client, "webhook", client):
            raise HTTPException(429, "too many messages came from this address: send it again later", {"retry-after": str(wait)})

    def _believed(self, request: Request, body: bytes) -> tuple[str, Any]:
        """(id, payload) of a message that was signed with the provider's secret within the last minutes."""
        told = {part: request.headers.get(f"webhook-{part}", "") for part in ("id", "timestamp", "signature")}
        try:
            standard_webhooks.verify(
                self.key, body, message_id=told["id"], timestamp=told["timestamp"], signatures=told["signature"], now=self.clock()
            )
        except standard_webhooks.Forged as error:
            raise HTTPException(401, str(error)) from None
        if len(told["id"]) > LONGEST_ID:
            raise HTTPException(400, "webhook-id is too long")
        try:
            payload = json.loads(body)
        except (ValueError, RecursionError):
            raise HTTPException(400, "the body is no JSON") from None
        if b"\\u0000" in body:  # Postgres keeps no such character
            raise HTTPException(400, "the body holds a null character")
        return told["id"], payload

    async def _keep(self, message_id: str, payload: Any) -> dict[str, Any]:
        if self.rule is not None:
            try:
                _, _, kind = ivr.told_by(payload, self.name)
            except ShopkeeperError as error:
                raise HTTPException(422, error.problems[0].what) from None
            if kind == ivr.HANG_UP:
                reply = await self.inbox.hang_up(self.name, message_id, payload, self.rule)
                return {"call_back": reply == "call_back", "reason": None if reply == "call_back" else reply}
        return {"received": True, "is_new": await self.inbox.receive(self.name, message_id, payload)}
