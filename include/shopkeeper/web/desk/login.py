"""Logging in: by a link that was e-mailed or handed over, good for half an hour; and logging out.

A link is not followed by opening it, because programs that look through e-mail open links too: its page has a button.
"""

from __future__ import annotations

import logging
import re
import secrets
import threading
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from shopkeeper.errors import ShopkeeperError
from shopkeeper.messages.links import desk_url
from shopkeeper.survey import mode
from shopkeeper.survey.mail import NotWritten, envelope
from shopkeeper.survey.smtp import Envelope, Mailer
from shopkeeper.web.desk import frame, session
from shopkeeper.web.desk.layout import Desk
from shopkeeper.web.pages import Refused

# E-mails with links that one address or one client may ask for in a minute.
PER_ADDRESS, PER_CLIENT = 3, 10
_PLACE = re.compile(r"(?!.*//)[A-Za-z0-9/_-]{0,120}", re.ASCII)
log = logging.getLogger("shopkeeper.desk")


def login_link(token: str, place: str = "") -> str:
    return f"{desk_url()}/desk/login/{token}" + (f"?{urlencode({'to': place})}" if place else "")


class Login:
    """Strangers' pages. They get a cookie of their own, so that their forms can be proven too."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        # One at a time, and nobody waits for it: how long the answer takes says nothing about the address.
        self._sending = threading.Lock()

    def routes(self) -> list[Route]:
        return [
            Route("/desk/login", self.ask, methods=["GET", "POST"]),
            Route("/desk/login/{token}", self.enter, methods=["GET", "POST"]),
            Route("/desk/logout", self.leave, methods=["POST"]),
        ]

    async def ask(self, request: Request) -> Response:
        """Whoever gives a work address gets a link there. The answer is the same for every address."""
        try:
            self.desk.admit(request)
            if request.method == "GET":
                return self._page(request, "login", is_sent=False)
            self.desk.admit(request, "link", PER_CLIENT)
            form = await self._own_form(request)
            address = form.get("address", "").strip()[:254]
            if wait := self.desk.counter.seconds_to_wait(PER_ADDRESS, "desk address", address.casefold()):
                raise Refused("too_many", retry_after=wait)
            response = self._page(request, "login", is_sent=True)
            spoken = frame.browser_language(request.headers.get("accept-language", ""))
            response.background = BackgroundTask(self._send, address, _place(request), spoken)
            return response
        except (Refused, HTTPException) as why:
            return self.desk.refuse(request, why)

    async def enter(self, request: Request) -> Response:
        try:
            self.desk.admit(request)
            token = request.path_params["token"]
            found = session.verify(self.desk.keys, "link", token, self.desk.clock())
            if found is None:
                raise Refused("link_over")
            if request.method == "GET":
                return self._page(request, "enter", employee_id=found.employee_id)
            await self._own_form(request)
            if not await run_in_threadpool(self._is_here, found.employee_id):
                raise Refused("no_employee")
        except (Refused, HTTPException, ShopkeeperError, sa.exc.SQLAlchemyError) as why:
            return self.desk.refuse(request, why)
        response = RedirectResponse(f"{frame.root(request.scope['path'])}desk/{_place(request)}".rstrip("/"), 303)
        value = session.sign(self.desk.keys, "session", found.employee_id, self.desk.clock())
        self.desk.set_cookie(response, self.desk.cookie, value, session.SESSION_HOURS * 3600)
        return response

    async def leave(self, request: Request) -> Response:
        """The cookie goes; the session itself ends by its time (docs/desk.md)."""
        try:
            self.desk.admit(request)
            guest = await run_in_threadpool(self.desk.guest, request)
            form = dict(await self.desk.form_of(request))
            if guest is not None and not session.is_ours(self.desk.keys, guest.subject, form.get("proof", "")):
                raise Refused("not_our_form")
        except (Refused, HTTPException, ShopkeeperError, sa.exc.SQLAlchemyError) as why:
            return self.desk.refuse(request, why)
        response = RedirectResponse("./login", 303)
        self.desk.set_cookie(response, self.desk.cookie, "", 0)
        return response

    # --- strangers' forms ---------------------------------------------------------------------------------------------

    @property
    def _cookie(self) -> str:
        return f"{self.desk.cookie}-login"

    def _page(self, request: Request, template: str, **values: Any) -> HTMLResponse:
        known = request.cookies.get(self._cookie, "")
        visitor = known if re.fullmatch(r"[0-9a-f]{32}", known) else secrets.token_hex(16)
        spoken = frame.browser_language(request.headers.get("accept-language", ""))
        proof = session.form_proof(self.desk.keys, f"visitor {visitor}")
        response = HTMLResponse(self.desk.frame.render(template, spoken, path=request.scope["path"], proof=proof, **values))
        self.desk.set_cookie(response, self._cookie, visitor, 3600)
        return response

    async def _own_form(self, request: Request) -> dict[str, str]:
        form = dict(await self.desk.form_of(request))
        visitor = request.cookies.get(self._cookie, "")
        if not visitor or not session.is_ours(self.desk.keys, f"visitor {visitor}", form.get("proof", "")):
            raise Refused("not_our_form")
        return form

    def _is_here(self, employee_id: str) -> bool:
        with self.desk.access.transaction(employee_id) as connection:
            return self.desk.access.me(connection, employee_id) is not None

    # --- the e-mail ---------------------------------------------------------------------------------------------------

    def _send(self, address: str, place: str, spoken: str) -> None:
        """Nobody waits for this, so what goes wrong is logged, without the address. Asking again is always possible."""
        try:
            employee_id = self.desk.access.employee_of_address(address)
            if employee_id is None:
                return
            with self.desk.access.transaction(None) as connection:
                how = mode.current(connection)
            if how.admits(address):
                token = session.sign(self.desk.keys, "link", employee_id, self.desk.clock())
                with self._sending, Mailer(how.server) as mailer:
                    outcome = mailer.send(self._letter(address, login_link(token, place), spoken))
                if outcome.status != "sent":
                    log.warning("a login link was not sent: %s %s", outcome.status, outcome.code or "")
        except (ShopkeeperError, NotWritten, sa.exc.SQLAlchemyError) as error:
            log.warning("a login link was not sent: %s", type(error).__name__)

    def _letter(self, address: str, link: str, spoken: str) -> Envelope:
        sender, company = self.desk.folder.programmes.sender, self.desk.folder.company.name
        if sender is None:
            raise NotWritten("no sender in programmes.yml")
        subject = frame.say("login.letter_title", spoken, company=company)
        text = frame.say("login.letter", spoken, company=company, link=link, minutes=session.LINK_MINUTES)
        name = f"desk-login-{secrets.token_hex(16)}"
        return envelope(sender, ("", address), subject, text, None, name=name, headers={}, now=self.desk.clock())


def _place(request: Request) -> str:
    """Where one wanted to go; only ever a place of the desk."""
    asked = request.query_params.get("to", "")
    return asked if _PLACE.fullmatch(asked) else ""
