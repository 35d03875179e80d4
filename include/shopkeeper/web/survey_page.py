"""The survey page: the score, then what else there is to say, then thanks. Opening a page records nothing; each POST is kept at once.

GET  /s/<token>?score=9   the score question, 9 chosen; once a score is kept, the other questions; at the end, thanks
POST /s/<token>           records and leads back to GET; or says no to this one survey
GET  /u/<token>           asks whether to stop; POST stops (also the one-click of mail programs, RFC 8058)

The link of a test e-mail leads staff along the same way, over the survey of a drawn customer, and records nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

import psycopg
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from shopkeeper.company.config import Company
from shopkeeper.company.programmes import Programme
from shopkeeper.survey import wording
from shopkeeper.survey.links import Keys, LinkRefused, Ticket
from shopkeeper.survey.wording import Asked
from shopkeeper.web import forms
from shopkeeper.web.guard import Counter, Limits, Networks, client_of, read_body
from shopkeeper.web.pages import Pages, Refused
from shopkeeper.web.surveys import Recorded, Survey, Surveys
from shopkeeper.web.told import YouSaid

ALL_BANDS = 3
log = logging.getLogger("shopkeeper.web")


@dataclass(frozen=True)
class Steps:
    """Two pages: what is asked up to the score, and what comes after it; `fitting` are those of the latter for the customer's band."""

    first: tuple[Asked, ...]
    later: tuple[Asked, ...]
    fitting: tuple[Asked, ...]


class SurveyPage:
    """The handlers. `clock` is the one place where the web app reads the time."""

    def __init__(
        self,
        company: Company,
        keys: Keys,
        surveys: Surveys,
        pages: Pages,
        counter: Counter,
        *,
        clock: Callable[[], datetime],
        limits: Limits,
        trusted: Networks,
    ) -> None:
        self.company, self.keys, self.surveys, self.pages, self.counter = company, keys, surveys, pages, counter
        self.clock, self.limits, self.trusted = clock, limits, trusted
        self.you_said = YouSaid(surveys, clock=clock)
        # Waves are few and their configs never change.
        self._programme = lru_cache(256)(Programme.model_validate_json)
        self._asked = lru_cache(1024)(self._ask)

    def routes(self) -> list[Route]:
        return [
            Route("/s/{token}", self.survey, methods=["GET", "POST"]),
            Route("/u/{token}", self.unsubscribe, methods=["GET", "POST"]),
            Route("/health", self.health, methods=["GET"]),
        ]

    async def survey(self, request: Request) -> Response:
        client = self._admit_client(request)
        try:
            ticket = self.keys.verify(request.path_params["token"], self.clock())
        except LinkRefused as refused:
            raise await self._refused_link(refused) from None
        self._admit_link(ticket)
        form = await forms.fields(request, self.limits) if request.method == "POST" else {}
        try:
            survey = await self.surveys.open(ticket.invitation_id)
            if survey is None:
                raise Refused("not_found")
            if ticket.is_test:
                return self._rehearse(request, survey, form)
            if form.get("step") == "decline":
                return await self._decline(ticket, survey)
            if request.method == "POST":
                return await self._record(request, ticket, survey, form, client)
        except psycopg.Error as error:
            raise _unavailable(error, form) from None
        if survey.state == "completed":
            return await self._thank(request, survey)
        return self._show(request, survey)

    async def unsubscribe(self, request: Request) -> Response:
        """Works with an expired link too: who is asked must be able to say no for as long as the e-mail is there."""
        self._admit_client(request)
        locale = None
        try:
            ticket = self.keys.verify(request.path_params["token"], self.clock())
        except LinkRefused as refused:
            if refused.ticket is None:
                raise Refused("not_found") from None
            ticket = refused.ticket
        self._admit_link(ticket)
        if request.method == "POST":
            await read_body(request, self.limits)
        try:
            survey = await self.surveys.open(ticket.invitation_id)
            if survey is None:
                raise Refused("not_found")
            locale = survey.locale
            if request.method == "POST" and not ticket.is_test:
                await self.surveys.opt_out(ticket.invitation_id)
        except psycopg.Error as error:
            raise _unavailable(error, {}, locale) from None
        return self.pages.page("unsubscribed" if request.method == "POST" else "unsubscribe", locale, is_test=ticket.is_test)

    async def health(self, request: Request) -> Response:
        is_well = await self.surveys.answers_within(2)
        return Response("ok\n" if is_well else "the database does not answer\n", 200 if is_well else 503, media_type="text/plain")

    # --- what comes in ------------------------------------------------------------------------------------------------

    def _admit_client(self, request: Request) -> str:
        client = client_of(request, self.trusted)
        if wait := self.counter.seconds_to_wait(self.limits.per_client, "client", client):
            raise Refused("too_many", retry_after=wait)
        return client

    def _admit_link(self, ticket: Ticket) -> None:
        if wait := self.counter.seconds_to_wait(self.limits.per_link, "link", ticket.invitation_id.hex):
            raise Refused("too_many", retry_after=wait)

    async def _refused_link(self, refused: LinkRefused) -> Refused:
        """A forged link gets no word about what is there. An expired one is ours, so it is answered in the customer's language."""
        if refused.ticket is None:
            return Refused("not_found")
        self._admit_link(refused.ticket)
        try:
            survey = await self.surveys.open(refused.ticket.invitation_id)
        except psycopg.Error:
            survey = None
        return Refused("expired", survey.locale if survey else None)

    # --- recording ----------------------------------------------------------------------------------------------------

    async def _record(self, request: Request, ticket: Ticket, survey: Survey, form: Mapping[str, str], client: str) -> Response:
        token = request.path_params["token"]
        if survey.state == "completed":
            raise Refused("answered", survey.locale)
        steps, is_first = self._steps(survey, form.get("score")), form.get("step") == "score"
        if not is_first and (form.get("step") != "rest" or survey.score is None):
            raise Refused("bad_request", survey.locale)
        # Of the later questions any may be answered: the score may have been changed in another window since they were shown.
        step = steps.first if is_first else steps.later
        said = forms.said(step, form, survey.locale)
        if is_first and "score" not in said:
            return self._score_page(token, survey, said, is_missing=True, opened=form.get("opened"))
        answer = forms.answer(step, said, form, is_complete=not (is_first and steps.fitting), now=self.clock())
        client_hash = self.keys.keyed_hash(client, request.headers.get("user-agent", ""))
        try:
            recorded = await self.surveys.record(ticket.invitation_id, answer, client_hash)
        except psycopg.Error as error:
            raise _unavailable(error, form, survey.locale) from None
        if recorded != "recorded":
            raise _not_recorded(recorded, survey.locale)
        return RedirectResponse(f"./{token}", 303)

    async def _decline(self, ticket: Ticket, survey: Survey) -> Response:
        """No to this one survey. The link stays open: whoever thinks better of it may still answer."""
        try:
            recorded = await self.surveys.decline(ticket.invitation_id)
        except psycopg.Error as error:
            raise _unavailable(error, {"step": "decline"}, survey.locale) from None
        if recorded != "declined":
            raise _not_recorded(recorded, survey.locale)
        return self.pages.page("declined", survey.locale)

    def _rehearse(self, request: Request, survey: Survey, form: Mapping[str, str]) -> Response:
        """Every page as its customer would see it, with a note that it is a test. What the customer answered is not shown.

        The score that was sent goes along in the address, because it is kept nowhere else.
        """
        token, step = request.path_params["token"], form.get("step")
        given = str(form.get("score") if step == "score" else request.query_params.get("given"))
        numbers = {choice.code for choice in self._steps(survey).first[-1].choices}
        untouched = replace(survey, state="open", score=int(given) if given in numbers else None, answered_at=None)
        if step == "decline":
            return self.pages.page("declined", survey.locale, is_test=True)
        if step == "score" and untouched.score is None:
            return self._score_page(token, untouched, {}, is_missing=True, is_test=True)
        if step == "score" and self._steps(untouched).fitting:
            return RedirectResponse(f"./{token}?given={given}", 303)
        if request.method == "POST":
            return self.pages.page("thanks", survey.locale, token=token, answered_on=None, told=(), is_test=True)
        return self._show(request, untouched, is_test=True)

    # --- showing ------------------------------------------------------------------------------------------------------

    async def _thank(self, request: Request, survey: Survey) -> Response:
        told = await self.you_said.newest() if self._is_customers(survey) else ()
        day = self._day(survey.answered_at, survey.locale)
        return self.pages.page("thanks", survey.locale, token=request.path_params["token"], answered_on=day, told=told)

    def _is_customers(self, survey: Survey) -> bool:
        return self._programme(survey.config).kind != "employee"

    def _show(self, request: Request, survey: Survey, *, is_test: bool = False) -> Response:
        token = request.path_params["token"]
        if survey.state == "expired":
            raise Refused("expired", survey.locale)
        steps = self._steps(survey)
        numbers = {choice.code for choice in steps.first[-1].choices}
        clicked = request.query_params.get("score")
        recorded = None if survey.score is None else str(survey.score)
        chosen = clicked if clicked in numbers else recorded
        if recorded is None or chosen != recorded or "change" in request.query_params or not steps.fitting:
            return self._score_page(token, survey, {} if chosen is None else {"score": chosen}, is_test=is_test)
        around = self._around(token, survey)
        return self.pages.page("rest", survey.locale, questions=steps.fitting, said={}, is_test=is_test, **around)

    def _score_page(
        self,
        token: str,
        survey: Survey,
        said: Mapping[str, str],
        *,
        is_missing: bool = False,
        opened: str | None = None,
        is_test: bool = False,
    ) -> Response:
        steps, around = self._steps(survey), self._around(token, survey) | {"is_test": is_test}
        around |= {"opened": opened} if opened else {}
        status = 422 if is_missing else 200
        return self.pages.page("score", survey.locale, status, questions=steps.first, said=said, is_missing=is_missing, **around)

    def _around(self, token: str, survey: Survey) -> dict[str, Any]:
        about = None
        if survey.occurred_at is not None:
            happened_on = survey.occurred_at.astimezone(self.company.zone).date()
            day = wording.day(happened_on, survey.locale)
            about = wording.about(survey.interaction_type, happened_on, survey.locale).replace(day, day.replace(" ", "\N{NO-BREAK SPACE}"))
        opened = str(int(self.clock().timestamp()))
        return {
            "token": token,
            "about": about,
            "opened": opened,
            "given": survey.score,
            "is_customer": self._is_customers(survey),
            "longest": forms.LONGEST_TEXT,
        }

    def _day(self, moment: datetime | None, locale: str) -> str | None:
        return wording.day(moment.astimezone(self.company.zone).date(), locale) if moment else None

    def _steps(self, survey: Survey, given: str | None = None) -> Steps:
        """The band goes by the score being sent, else by the one that is kept.

        A question that stands before the score but is not for everybody has to wait for it.
        """
        questions = self._asked(survey.config, survey.locale, tuple(sorted(survey.arms.items())))
        place = next(place for place, asked in enumerate(questions) if asked.role == "score")
        first = (*(asked for asked in questions[:place] if len(asked.bands) == ALL_BANDS), questions[place])
        later = tuple(asked for asked in questions if asked not in first)
        score = int(given) if given in {choice.code for choice in questions[place].choices} else survey.score
        if score is None:
            return Steps(first, later, later)
        band = wording.band(score, self.company.scales[self._programme(survey.config).scale])
        return Steps(first, later, tuple(asked for asked in later if band in asked.bands))

    def _ask(self, config: str, locale: str, arms: tuple[tuple[str, str], ...]) -> tuple[Asked, ...]:
        programme = self._programme(config)
        return wording.questions(programme, self.company.scales[programme.scale], self.company.name, locale, dict(arms))


def _not_recorded(why: Recorded, locale: str) -> Refused:
    refusal = {"already_answered": "answered", "expired": "expired", "too_often": "too_many"}.get(why, "not_found")
    return Refused(refusal, locale, retry_after=3600 if refusal == "too_many" else None)


def _unavailable(error: psycopg.Error, form: Mapping[str, str], locale: str | None = None) -> Refused:
    # The message may quote what the customer wrote; its code does not.
    log.warning("the database did not do it: %s %s", type(error).__name__, error.sqlstate or "")
    return Refused("unavailable", locale, retry_after=30, form=form)
