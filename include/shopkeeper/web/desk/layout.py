"""What every page of the desk has in common: who is there, one transaction, the frame around it, and forms that only we can make.

A page is a function `(Visit) -> Response`. `Desk.show` makes a route of one that is looked at, `Desk.act` of one that is sent
something: it does it and leads back to a page, or, when it raises ShopkeeperError, nothing was done, and the page that `shows`
the form is shown again with the problem and what was typed.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import uuid4

import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.load import load_for_desk
from shopkeeper.errors import ShopkeeperError
from shopkeeper.survey.links import Keys
from shopkeeper.web.desk import frame, session
from shopkeeper.web.desk.access import Access, Me
from shopkeeper.web.guard import Counter, Limits, Networks, client_of, is_among, read_body
from shopkeeper.web.pages import REFUSALS, Refused

FORM = "application/x-www-form-urlencoded"
log = logging.getLogger("shopkeeper.desk")


@dataclass(frozen=True)
class Guest:
    """Who asks, before the warehouse was asked whether he or she works here. `subject` is what forms are proven with."""

    employee_id: str
    subject: str


@dataclass(frozen=True)
class Visit:
    """One request of one employee, inside its transaction. `form` holds the last value of each field, `chosen(name)` all of them."""

    desk: Desk
    request: Request
    guest: Guest
    me: Me
    connection: sa.Connection = field(repr=False)
    now: datetime
    fields: Sequence[tuple[str, str]] = field(default=(), repr=False)
    problem: ShopkeeperError | None = None

    @property
    def form(self) -> Mapping[str, str]:
        return dict(self.fields)

    def chosen(self, name: str) -> list[str]:
        return [value for field_name, value in self.fields if field_name == name]

    @property
    def spoken(self) -> str:
        """The language that the directory says, else that of the browser."""
        return frame.language(self.me.locale) if self.me.locale else frame.browser_language(self.request.headers.get("accept-language", ""))

    @property
    def folder(self) -> CompanyFolder:
        return self.desk.folder_now()

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """`template` is a name in templates/, without its ending. What it may use stands in frame.Frame.render."""
        done = self.request.query_params.get("done", "")
        rendered = self.desk.frame.render(
            template,
            self.spoken,
            path=self.request.scope["path"],
            me=self.me,
            proof=session.form_proof(self.desk.keys, self.guest.subject),
            command_id=str(self.form.get("command_id") or uuid4()),
            form=self.form,
            now=self.now,
            done=done if re.fullmatch(r"[a-z_]{1,40}", done) else "",
            problems=self.problem.problems if self.problem else (),
            **values,
        )
        return HTMLResponse(rendered, 409 if self.problem and status == 200 else status)

    def to(self, place: str, done: str | None = None, **query: str) -> Response:
        """Lead on to a page of the desk, such as `orders/…`; `done` names the text that says there what was done."""
        asked = urlencode({**query, **({"done": done} if done else {})})
        return RedirectResponse(f"{frame.root(self.request.scope['path'])}desk/{place}" + (f"?{asked}" if asked else ""), 303)


Handler = Callable[[Visit], Response]


@dataclass
class Desk:
    """Everything that pages need. `clock` is the one place where they read the time."""

    folder: CompanyFolder
    keys: Keys
    access: Access
    counter: Counter
    clock: Callable[[], datetime]
    limits: Limits
    trusted: Networks = ()
    proxy_header: str | None = None
    is_https: bool = False

    def __post_init__(self) -> None:
        self.frame = frame.Frame(self.folder)
        self._written = _written(self.folder)

    def folder_now(self) -> CompanyFolder:
        """The company with the rules as they stand in its folder now. Where they cannot be read, those that the desk knows hold."""
        if (written := _written(self.folder)) != self._written:
            self._written = written
            try:
                self.folder = load_for_desk(self.folder.folder)
            except ShopkeeperError:
                log.warning("closed_loop.yml was changed and cannot be read: ./shopkeeper check; the desk goes on with what it knows")
        return self.folder

    # --- making routes ------------------------------------------------------------------------------------------------

    def show(self, path: str, page: Handler, *, leaders: bool = False, decides: bool = False) -> Route:
        """A page to look at; `leaders`: for those who lead a unit alone, `decides`: for those who change goals and rules."""

        async def endpoint(request: Request) -> Response:
            return await self._guarded(request, lambda guest: self._visit(request, guest, page, leaders=leaders, decides=decides))

        return Route(path, endpoint, methods=["GET"])

    def act(self, path: str, act: Handler, *, shows: Handler, leaders: bool = False, decides: bool = False) -> Route:
        """Something to be done by a form; `shows` is the page with that form."""

        async def endpoint(request: Request) -> Response:
            fields = await self.form_of(request)

            def work(guest: Guest | None) -> Response:
                if guest is None:
                    raise Refused("logged_out")
                if not session.is_ours(self.keys, guest.subject, dict(fields).get("proof", "")):
                    raise Refused("not_our_form")
                try:
                    return self._visit(request, guest, act, fields=fields, leaders=leaders, decides=decides)
                except ShopkeeperError as problem:
                    return self._visit(request, guest, shows, fields=fields, leaders=leaders, decides=decides, problem=problem)

            return await self._guarded(request, work)

        return Route(path, endpoint, methods=["POST"])

    # --- one request --------------------------------------------------------------------------------------------------

    def _visit(
        self,
        request: Request,
        guest: Guest | None,
        page: Handler,
        *,
        leaders: bool,
        decides: bool,
        fields: Sequence[tuple[str, str]] = (),
        problem: ShopkeeperError | None = None,
    ) -> Response:
        if guest is None:
            return self._to_login(request)
        with self.access.transaction(guest.employee_id) as connection:
            me = self.access.me(connection, guest.employee_id)
            if me is None:
                raise Refused("no_employee")
            if (leaders and not me.leads) or (decides and not me.decides):
                raise Refused("not_found")
            return page(Visit(self, request, guest, me, connection, self.clock(), fields, problem))

    async def _guarded(self, request: Request, work: Callable[[Guest | None], Response]) -> Response:
        """Run it beside the others, and answer whatever goes wrong with a page that says so."""
        try:
            self.admit(request)
            return await run_in_threadpool(lambda: work(self.guest(request)))
        except (Refused, HTTPException, ShopkeeperError, sa.exc.SQLAlchemyError) as why:
            return self.refuse(request, why)

    def admit(self, request: Request, what: str = "client", limit: int | None = None) -> None:
        client = client_of(request, self.trusted)
        if wait := self.counter.seconds_to_wait(limit or self.limits.per_client, f"desk {what}", client):
            raise Refused("too_many", retry_after=wait)

    async def form_of(self, request: Request) -> list[tuple[str, str]]:
        """The fields of a form, in order. Line ends are made plain."""
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != FORM:
            return []
        body = await read_body(request, self.limits)
        try:
            found = parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=500)
        except ValueError:
            return []
        return [(name, value.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")) for name, value in found]

    # --- who is there -------------------------------------------------------------------------------------------------

    def guest(self, request: Request) -> Guest | None:
        """Whom a trusted proxy names, else whose session the cookie holds; None for a stranger."""
        if named := self._named_by_proxy(request):
            employee_id = self.access.employee_of_address(named) if "@" in named else named
            return Guest(employee_id, f"proxy {employee_id}") if employee_id else None
        found = session.verify(self.keys, "session", request.cookies.get(self.cookie, ""), self.clock())
        return Guest(found.employee_id, f"{found.employee_id} {found.nonce}") if found else None

    def _named_by_proxy(self, request: Request) -> str | None:
        """The header counts only where the proxy itself speaks to us: anybody else may write what he likes."""
        if not self.proxy_header or request.client is None or not is_among(request.client.host, self.trusted):
            return None
        return request.headers.get(self.proxy_header, "").strip() or None

    @property
    def cookie(self) -> str:
        """Its prefix makes browsers refuse one that another site of the domain has planted."""
        return "__Host-desk" if self.is_https else "desk"

    def set_cookie(self, response: Response, name: str, value: str, seconds: int) -> None:
        response.set_cookie(name, value, max_age=seconds, path="/", httponly=True, secure=self.is_https, samesite="strict")

    def _to_login(self, request: Request) -> Response:
        """To the login, and from there back to where one wanted to go.

        A browser that comes from a link in web mail keeps a strict cookie to itself; asked again by our own page, it gives it.
        """
        path, root = request.scope["path"], frame.root(request.scope["path"])
        if request.headers.get("sec-fetch-site") == "cross-site" and "again" not in request.query_params:
            return HTMLResponse(self.frame.render("again", "en", path=path))
        place = path.removeprefix("/desk").strip("/")
        return RedirectResponse(f"{root}desk/login" + (f"?{urlencode({'to': place})}" if place else ""), 303)

    # --- what goes wrong ----------------------------------------------------------------------------------------------

    def refuse(self, request: Request, why: Exception) -> Response:
        if isinstance(why, ShopkeeperError | sa.exc.SQLAlchemyError):
            why = _explained(why)
        name = why.name if isinstance(why, Refused) else _BY_STATUS.get(getattr(why, "status_code", 500), "bad_request")
        spoken = frame.browser_language(request.headers.get("accept-language", ""))
        is_passing = name in ("unavailable", "too_many", "failed")
        rendered = self.frame.render("refused", spoken, path=request.scope["path"], name=name, is_passing=is_passing)
        response = HTMLResponse(rendered, STATUSES[name])
        if isinstance(why, Refused) and why.retry_after:
            response.headers["retry-after"] = str(why.retry_after)
        return response


def _written(folder: CompanyFolder) -> tuple[int, int] | None:
    """Tells one state of the rules' file from the next."""
    try:
        found = (folder.folder / "closed_loop.yml").stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


STATUSES = REFUSALS | {"logged_out": 401, "link_over": 403, "not_our_form": 403, "no_employee": 403, "not_allowed": 403}
_BY_STATUS = {404: "not_found", 405: "wrong_method", 408: "bad_request", 413: "too_large"}


def _explained(error: ShopkeeperError | sa.exc.SQLAlchemyError) -> Refused:
    """A fault of the database as a page. Its message may quote what somebody wrote; its code does not."""
    code = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
    if code == "42501":  # row-level security: another's
        return Refused("not_allowed")
    log.warning("the database did not do it: %s %s", type(error).__name__, code)
    return Refused("unavailable", retry_after=30)
