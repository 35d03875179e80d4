"""The desk as routes of the web app."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shopkeeper.company.config import CompanyFolder
from shopkeeper.survey.links import Keys
from shopkeeper.web.desk import (
    absences,
    answers,
    coaching,
    disputes,
    huddles,
    leader_goals,
    leader_initiatives,
    leader_rules,
    leaders,
    orders,
)
from shopkeeper.web.desk.access import Access
from shopkeeper.web.desk.layout import Desk
from shopkeeper.web.desk.login import Login
from shopkeeper.web.guard import Counter, Limits, Networks
from shopkeeper.web.pages import Refused

PARTS = (orders, answers, coaching, huddles, disputes, absences, leaders, leader_rules, leader_goals, leader_initiatives)


@dataclass(frozen=True)
class Settings:
    """What the desk needs on top of the survey page: the folder, keys of its own, a login that is a member of `desk`, and, where a
    trusted proxy logs people in, the name of its header. `is_https`: people reach the desk by https, so its cookie goes no other way.
    """

    folder: CompanyFolder
    keys: Keys
    database_url: str = field(repr=False)
    proxy_header: str | None = None
    is_https: bool = False


def routes(settings: Settings, counter: Counter, *, clock: Callable[[], datetime], limits: Limits, trusted: Networks) -> list[Route]:
    desk = Desk(
        folder=settings.folder,
        keys=settings.keys,
        access=Access(settings.database_url),
        counter=counter,
        clock=clock,
        limits=limits,
        trusted=trusted,
        proxy_header=settings.proxy_header,
        is_https=settings.is_https,
    )

    async def nothing_there(request: Request) -> Response:
        return desk.refuse(request, Refused("not_found"))

    parts = [route for part in PARTS for route in part.routes(desk)]
    return [*Login(desk).routes(), *parts, Route("/desk/{rest:path}", nothing_there, methods=["GET", "POST"])]
