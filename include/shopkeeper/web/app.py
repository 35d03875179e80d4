"""The web app as one ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route

from shopkeeper.company.config import Company
from shopkeeper.company.programmes import Programmes
from shopkeeper.survey.links import Keys
from shopkeeper.web import health, webhooks
from shopkeeper.web.desk import site
from shopkeeper.web.guard import LIMITS, Counter, Limits, Networks, SecurityHeaders
from shopkeeper.web.pages import Pages, Refused, static
from shopkeeper.web.survey_page import SurveyPage
from shopkeeper.web.surveys import Surveys


def make_app(
    company: Company,
    keys: Keys,
    database_url: str,
    *,
    programmes: Programmes | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    limits: Limits = LIMITS,
    webhook_limits: Limits = webhooks.LIMITS,
    trusted: Networks = (),
    counts: Path | None = None,
    is_https: bool = False,
    connections: int = 6,
    desk: site.Settings | None = None,
) -> SecurityHeaders:
    """The survey page of one company, the webhooks of the providers in `programmes`, and, where it has settings, the desk.

    `database_url` is a login that is a member of `survey_page`. `counts` is a file that the workers of one server count
    requests in together; without it each counts for itself. The app starts without a database, and answers 503 until there is one.
    """
    surveys = Surveys(database_url, connections=connections)
    pages = Pages(company.name)
    counter = Counter(keys.keyed_hash("counter"), counts)
    page = SurveyPage(company, keys, surveys, pages, counter, clock=clock, limits=limits, trusted=trusted)

    watched = health.routes(surveys, company.freshness, counter, clock=clock, limits=limits, trusted=trusted)
    inbox = webhooks.Inbox(database_url)
    hooks = webhooks.routes(
        programmes or Programmes(), inbox, counter, clock=lambda: clock().timestamp(), limits=webhook_limits, trusted=trusted
    )

    inside = site.routes(desk, counter, clock=clock, limits=limits, trusted=trusted) if desk else []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(surveys.opened())
            if hooks:
                await stack.enter_async_context(inbox.opened())
            yield

    app = Starlette(
        routes=[*page.routes(), *watched, *hooks, *inside, Route("/static/{name}", static)],
        exception_handlers={Refused: pages.refuse, HTTPException: pages.refuse, Exception: pages.refuse},
        lifespan=lifespan,
    )
    # Outermost, so that even the page of a fault of ours carries them.
    return SecurityHeaders(app, is_https=is_https)
