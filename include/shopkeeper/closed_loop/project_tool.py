"""Initiatives for a project tool: as a CSV file, or written to its HTTP API.

What is to be said stands in an outbox first. Each entry holds the whole initiative, so that the newest stands for those before; it is
PUT under the initiative's id with its entry as `Idempotency-Key` and `version`. Whoever dies after the tool has taken it and before
that is noted sends the same again under the same key, which changes nothing there.
"""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import sqlalchemy as sa

from shopkeeper.closed_loop import initiatives
from shopkeeper.closed_loop.initiatives import Initiative
from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import fail
from shopkeeper.survey.providers.http import broken
from shopkeeper.warehouse.locks import exclusive

WHERE = "closed_loop.yml › project_tool"
TIMEOUT = httpx.Timeout(30, connect=10)
LONGEST_WAIT = timedelta(days=1)
COLUMNS = (
    "initiative_id",
    "title",
    "state",
    "owner",
    "due_on",
    "budget",
    "cost",
    "currency",
    "programme",
    "dimension",
    "dimension_value",
    "theme",
    "expected_effect",
    "confidence",
    "measure",
    "measure_units",
    "came_from",
    "started_on",
    "done_on",
)


def content(one: Initiative, currency: str) -> dict[str, str | None]:
    """What a project tool is told of an initiative, as texts: no ranks and effects, which change with every build."""
    plan, measure = one.plan, one.measure
    values = {
        **{name: getattr(plan, name, None) for name in COLUMNS},
        "initiative_id": one.initiative_id,
        "state": one.state,
        "currency": currency,
        "measure": measure and measure.measure,
        "measure_units": measure and " ".join(measure.units),
        "came_from": one.came_from,
        "started_on": one.started_on,
        "done_on": one.done_on,
    }
    return {name: None if values[name] is None else str(values[name]) for name in COLUMNS}


def as_csv(connection: sa.Connection, currency: str) -> str:
    """All initiatives, one row each, for a tool that imports files."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _plain(value) for name, value in content(one, currency).items()} for one in initiatives.visible(connection))
    return buffer.getvalue()


def _plain(value: str | None) -> str | None:
    """A title that begins like a formula stays a title where a spreadsheet opens the file."""
    return f"'{value}" if value and value[0] in "=+-@\t\r" and not value[1:].replace(".", "").isdigit() else value


# The newest entry of each initiative, where it is due.
_DUE = """
    select entry_id, initiative_id, content, attempts
    from (
        select distinct on (initiative_id) * from ops.project_outbox where done_at is null order by initiative_id, entry_id desc
    ) as newest
    where due_at <= :now
    order by entry_id
"""
_DONE = """
    update ops.project_outbox set done_at = :now, problem = case when entry_id = :entry_id then null else problem end
    where initiative_id = :initiative_id and entry_id <= :entry_id and done_at is null
"""
_PUT_OFF = "update ops.project_outbox set attempts = attempts + 1, due_at = :due_at, problem = :problem where entry_id = :entry_id"
_PUT = """
    insert into ops.project_outbox (initiative_id, content, made_at, due_at)
    select :initiative_id, cast(:content as jsonb), :now, :now
    where cast(:content as jsonb) is distinct from (
        select said.content from ops.project_outbox as said where said.initiative_id = :initiative_id order by said.entry_id desc limit 1
    )
"""


def tell(engine: sa.Engine, folder: CompanyFolder, *, now: datetime) -> dict[str, Any]:
    """Write initiatives that changed to the project tool; returns counts: written, not_taken, waiting; or why nothing was done.

    Raises ShopkeeperError where the tool cannot be reached or does not let us in. What it has confirmed stays confirmed, everything
    else waits for the next run.
    """
    settings = folder.closed_loop.project_tool
    if settings is None:
        return {"why_nothing": "closed_loop.yml names no project tool"}
    headers = {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
    counts = {"written": 0, "not_taken": 0}
    with exclusive(engine, "project_tool", wait_seconds=60.0), httpx.Client(headers=headers, timeout=TIMEOUT) as client:
        with engine.begin() as connection:
            for one in initiatives.visible(connection):
                told = json.dumps(content(one, folder.company.currency))
                connection.execute(sa.text(_PUT), {"initiative_id": one.initiative_id, "content": told, "now": now})
            due = connection.execute(sa.text(_DUE), {"now": now}).all()
        for entry in due:
            problem = _write(client, settings.url.rstrip("/"), entry)
            with engine.begin() as connection:
                if problem is None:
                    given = {"now": now, "initiative_id": entry.initiative_id, "entry_id": entry.entry_id}
                    connection.execute(sa.text(_DONE), given)
                    counts["written"] += 1
                else:
                    due_at = now + min(timedelta(minutes=2 ** min(entry.attempts, 20)), LONGEST_WAIT)
                    connection.execute(sa.text(_PUT_OFF), {"due_at": due_at, "problem": problem, "entry_id": entry.entry_id})
                    counts["not_taken"] += 1
    return {**counts, "waiting": len(due) - counts["written"]}


def _write(client: httpx.Client, base: str, entry: sa.Row[Any]) -> str | None:
    """None where the tool took it, else why not. Raises ShopkeeperError where it would take nothing."""
    try:
        response = client.put(
            f"{base}/{quote(entry.initiative_id, safe='')}",
            json={**entry.content, "version": entry.entry_id},
            headers={"Idempotency-Key": f"{entry.initiative_id}/{entry.entry_id}"},
        )
    except httpx.HTTPError as error:
        raise fail(WHERE, broken(error), "nothing is lost: the next run goes on from here") from None
    except httpx.InvalidURL:
        raise fail(f"{WHERE} › url", "is no web address", "write https://…") from None
    if response.status_code in (401, 403):
        raise fail(WHERE, "it does not let us in", "see that api_key is right and may write")
    return None if response.is_success else f"it refused it (status {response.status_code})"
