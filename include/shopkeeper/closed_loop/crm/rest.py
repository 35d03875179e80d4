"""A CRM behind an HTTP API that follows docs/crm-write-back.md: PUT by our key, GET by our keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from shopkeeper.closed_loop.crm.adapter import WHERE, ComeBackLater, NotTaken, Record, Task
from shopkeeper.closed_loop.crm.outbox import Kind
from shopkeeper.company.closed_loop import Crm
from shopkeeper.errors import fail
from shopkeeper.survey.providers.http import broken, retry_after

TIMEOUT = httpx.Timeout(30, connect=10)
PATIENCE = 60.0  # seconds to wait where the CRM asks for a pause and does not say how long
ASKED_AT_ONCE = 50
WAITS = "nothing is lost: the next run goes on from here"


class RestCrm:
    """One record per request. What the CRM answers to a PUT is not read."""

    size = 1

    def __init__(self, settings: Crm) -> None:
        self.base = settings.url.rstrip("/")
        self.paths: dict[Kind, str] = {"task": settings.tasks.strip("/"), "customer": settings.customers.strip("/")}
        headers = {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
        self.client = httpx.Client(headers=headers, timeout=TIMEOUT)

    def close(self) -> None:
        self.client.close()

    def write(self, kind: Kind, records: Sequence[Record]) -> None:
        for record in records:
            response = self._ask("PUT", f"{self.paths[kind]}/{quote(record.external_id, safe='')}", json=record.fields())
            if not response.is_success:
                raise NotTaken(f"it refused the record (status {response.status_code})")

    def tasks(self, external_ids: Sequence[str]) -> list[Task]:
        found = []
        for first in range(0, len(external_ids), ASKED_AT_ONCE):
            response = self._ask("GET", self.paths["task"], params={"external_id": list(external_ids[first : first + ASKED_AT_ONCE])})
            try:
                found += [_task(each) for each in response.json()]
            except (ValueError, TypeError, KeyError, AttributeError):
                hint = "it should be a JSON list of objects with an external_id; docs/crm-write-back.md shows one"
                raise fail(WHERE, "its answer about our tasks cannot be read", hint) from None
        return found

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """An answer that says yes or no to what was asked; everything else is raised."""
        try:
            response = self.client.request(method, f"{self.base}/{path}", **more)
        except httpx.HTTPError as error:
            raise fail(WHERE, broken(error), WAITS) from None
        except httpx.InvalidURL:
            raise fail(f"{WHERE} › url", "is no web address", "write https://…") from None
        status = response.status_code
        if status == 429 or (status == 503 and "retry-after" in response.headers):
            raise ComeBackLater(retry_after(response, PATIENCE))
        if status >= 500:
            raise NotTaken(f"it failed (status {status})") if method == "PUT" else fail(WHERE, f"it failed (status {status})", WAITS)
        if status in (401, 403):
            raise fail(WHERE, "it does not let us in", "see that api_key is right and may write tasks and scores")
        if response.is_redirect or status in (404, 405):
            hint = "correct url, tasks and customers; docs/crm-write-back.md says what is asked of it"
            raise fail(WHERE, f"it knows no {method} below {path.partition('/')[0]} (status {status})", hint)
        if method == "GET" and not response.is_success:
            raise fail(WHERE, f"it refused to list our tasks (status {status})", "docs/crm-write-back.md says how it is asked")
        return response


def _task(told: dict[str, Any]) -> Task:
    changed = told.get("crm_changed_at")
    texts = ("state", "owner_employee_id", "crm_id", "crm_state", "crm_close_reason", "crm_owner_employee_id")
    said = {name: None if told.get(name) in (None, "") else str(told[name]) for name in texts}
    moment = datetime.fromisoformat(changed) if changed else None
    if moment is not None and moment.tzinfo is None:
        raise ValueError("a time without an offset")
    return Task(external_id=str(told["external_id"]), crm_changed_at=moment, **said)
