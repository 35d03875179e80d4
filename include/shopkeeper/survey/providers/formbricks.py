"""Formbricks, management API v2.

It shows surveys by itself: handing an invitation over makes the customer a contact with the invitation's fields as
attributes, and the survey is to be targeted at them. Answers come through the API and, sooner, by webhook.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import fail
from shopkeeper.survey.providers.base import Answer, Invitation, Message, Outcome, Told, Window, parts
from shopkeeper.survey.providers.http import Api, Sleep, needed
from shopkeeper.survey.providers.questions import IDENTITY, Questions, text

PAGE = 250
CONTACTS_AT_ONCE = 250
PASSES = 5
WEBHOOK_EVENTS = ("responseCreated", "responseUpdated", "responseFinished")
_CONSENT = {"accepted": "true", "dismissed": "false"}


class _Page(NamedTuple):
    rows: list[dict[str, Any]]
    total: int


class Formbricks:
    """One survey at Formbricks. Its `account` is the id of the environment."""

    def __init__(self, folder: CompanyFolder, name: str, *, sleep: Sleep = time.sleep) -> None:
        provider, self.name = folder.programmes.providers[name], name
        self.where = f"programmes.yml › providers › {name}"
        self.survey_id, self.environment = needed(self.where, "survey_id", provider.survey_id), provider.account
        key = needed(self.where, "api_key", provider.api_key)
        self.questions = Questions(folder, name)
        self.api = Api(self.where, needed(self.where, "url", provider.url), headers={"x-api-key": key}, sleep=sleep)

    # --- answers ------------------------------------------------------------------------------------------------------

    def fetch_responses(self, window: Window) -> Iterator[Answer]:
        """Answers by their last change.

        Pages by offset skip a row whenever one that has been read is changed meanwhile and leaves its place. So each page
        begins at the last moment that has been seen instead, and reading ends when the API counts no more than it gave.
        """
        cursor = window.start
        seen: set[tuple[Any, Any]] = set()
        while True:
            page = self._page(cursor, window.end, 0)
            yield from (self._answer(row) for row in page.rows if _version(row) not in seen)
            seen = {_version(row) for row in page.rows}
            if len(page.rows) >= page.total:
                return
            newest = max((moment for row in page.rows if (moment := _moment(row.get("updatedAt")))), default=None)
            if newest is None:
                yield from self._by_offset(cursor, window.end)
                return
            if newest <= cursor:
                yield from self._by_offset(cursor, newest)
                newest += timedelta(milliseconds=1)
            cursor = newest

    def _by_offset(self, start: datetime, end: datetime) -> Iterator[Answer]:
        """More answers than a page holds that were changed at one moment. Read until every one of those counted has been seen."""
        seen: dict[Any, None] = {}
        for _ in range(PASSES):
            skip, total = 0, 0
            while True:
                page = self._page(start, end, skip)
                yield from (self._answer(row) for row in page.rows if row.get("id") not in seen)
                seen |= dict.fromkeys(row.get("id") for row in page.rows)
                skip, total = skip + len(page.rows), page.total
                if not page.rows or skip >= total:
                    break
            if len(seen) >= total:
                return
        raise fail(self.where, f"counts {total} answers and gives {len(seen)} of them", "run again; nothing is taken as read until all are")

    def _page(self, start: datetime, end: datetime, skip: int) -> _Page:
        parameters = {
            "limit": PAGE,
            "skip": skip,
            "sortBy": "updatedAt",
            "order": "asc",
            "filterDateField": "updatedAt",
            "startDate": _iso(start),
            "endDate": _iso(end),
            "surveyId": self.survey_id,
        }
        told = self.api.call("GET", "/api/v2/management/responses", repeatable=True, params=parameters)
        rows, meta = _dict(told).get("data"), _dict(_dict(told).get("meta"))
        total = meta.get("total")
        if "error" in _dict(told) or not isinstance(rows, list) or not isinstance(total, int) or not all(isinstance(r, dict) for r in rows):
            raise fail(self.where, "says that all is well, and sends an error in place of answers", "see the provider's own log")
        if not rows and total > skip:
            raise fail(self.where, f"counts {total} answers and stops after {skip}", "run again; nothing is taken as read until all are")
        return _Page(rows, total)

    def _answer(self, row: Mapping[str, Any]) -> Answer:
        attributes = _dict(row.get("contactAttributes"))
        given = _dict(row.get("data")).items()
        columns = self.questions.columns({key: _CONSENT.get(value, value) if isinstance(value, str) else value for key, value in given})
        told = {name: text(attributes.get(name)) for name in IDENTITY} | {"customer_id": text(attributes.get("userId"))}
        changed, created = row.get("updatedAt") or row.get("createdAt"), row.get("createdAt")
        return {
            **{name: columns.get(name) or told[name] for name in IDENTITY},
            **{name: value for name, value in columns.items() if name not in IDENTITY},
            "native_id": text(row.get("id")),
            "responded_at": text(changed),
            "updated_at": text(changed),
            "started_at": _started(created, changed, _dict(row.get("ttc")).get("_total")),
            "is_complete": "true" if row.get("finished") is True else "false",
            "locale": None if row.get("language") == "default" else text(row.get("language")),
        }

    def fetch_events(self, window: Window) -> Iterator[Told]:
        """None: whether somebody began or ended shows in the answers."""
        yield from ()

    def read_message(self, payload: Any) -> tuple[Iterable[Answer], Iterable[Told]]:
        """A webhook's payload: one notice, or several in an array."""
        answers = []
        for notice in payload if isinstance(payload, list) else [payload]:
            row = _dict(_dict(notice).get("data"))
            if _dict(notice).get("event") not in WEBHOOK_EVENTS or not row.get("id") or not isinstance(row.get("data"), dict):
                raise fail(self.where, "a webhook told something that is no answer", f"have it send {', '.join(WEBHOOK_EVENTS)} only")
            if row.get("surveyId") == self.survey_id:
                answers.append(self._answer(row))
        return answers, ()

    # --- invitations --------------------------------------------------------------------------------------------------

    def deliver(self, invitations: Sequence[Invitation], *, message: Message, batch: str) -> Iterator[Outcome]:
        """Make or update contacts. Doing so twice changes nothing, so that a broken connection leaves no doubt."""
        environment = needed(self.where, "account", self.environment)
        if message == "reminder":
            yield from (Outcome(each.invitation_id, "not_sent", reason="provider sends no reminders") for each in invitations)
            return
        yield from (Outcome(each.invitation_id, "refused", reason="no_email") for each in invitations if not each.email)
        for part in parts([each for each in invitations if each.email], CONTACTS_AT_ONCE):
            body = {"environmentId": environment, "contacts": [{"attributes": _attributes(each)} for each in part]}
            told = _dict(self.api.call("PUT", "/api/v2/management/contacts/bulk", repeatable=True, json=body))
            data = _dict(told.get("data"))
            if "error" in told or data.get("status") != "success":
                raise fail(self.where, "says that all is well, and did not take the contacts", "see the provider's own log")
            skipped = _dict(data.get("meta")).get("skippedContacts") or data.get("skippedContacts") or []
            refused = {_dict(each).get("index") for each in skipped}
            for place, each in enumerate(part):
                if place in refused:
                    yield Outcome(each.invitation_id, "refused", code="conflicting_user_id", reason="provider_refused")
                else:
                    yield Outcome(each.invitation_id, "sent")


def _attributes(invitation: Invitation) -> list[dict[str, Any]]:
    fields = invitation.fields()
    fields |= {"userId": customer} if (customer := fields.pop("customer_id", None)) else {}
    return [{"attributeKey": {"key": key, "name": key.replace("_", " ")}, "value": value} for key, value in fields.items()]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _version(row: Mapping[str, Any]) -> tuple[Any, Any]:
    return row.get("id"), row.get("updatedAt")


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _started(created: Any, changed: Any, milliseconds: Any) -> str | None:
    """When the survey was opened: what was needed to fill it in, before it was sent; never after its first answer came."""
    first, last = _moment(created), _moment(changed)
    if first is None or last is None:
        return text(created)
    spent = timedelta(milliseconds=milliseconds) if isinstance(milliseconds, int | float) and milliseconds >= 0 else timedelta(0)
    return _iso(min(first, last - spent))
