"""An address that an outside monitor can ask whether the pipeline runs: 200 while everything gives signs, 503 when something is silent.

It depends on nothing that may be dead but the web app itself and the warehouse, and a monitor hears of these too. It names nobody and
nothing: what is silent, `./shopkeeper status` says.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import psycopg
from psycopg_pool import PoolTimeout
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shopkeeper.company.config import Freshness
from shopkeeper.pipeline.silence import silences
from shopkeeper.web.guard import Counter, Limits, Networks, client_of
from shopkeeper.web.surveys import Surveys

PATH = "/health/pipeline"


def routes(
    surveys: Surveys, freshness: Freshness, counter: Counter, *, clock: Callable[[], datetime], limits: Limits, trusted: Networks
) -> list[Route]:
    async def health(request: Request) -> Response:
        if wait := counter.seconds_to_wait(limits.per_link, "health", client_of(request, trusted)):
            return Response(status_code=429, headers={"retry-after": str(wait)})
        try:
            signs = await surveys.last_signs()
        except (psycopg.Error, PoolTimeout):
            return JSONResponse({"status": "no warehouse"}, 503)
        silent = silences(signs, freshness, clock())
        return JSONResponse({"status": "silent" if silent else "running"}, 503 if silent else 200)

    return [Route(PATH, health, methods=["GET"])]
