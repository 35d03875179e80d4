"""What a form of the survey page says, once it is known to be one that the page can have sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

from starlette.requests import Request

from shopkeeper.survey.wording import Asked
from shopkeeper.web.guard import Limits, read_body
from shopkeeper.web.pages import Refused
from shopkeeper.web.surveys import Answer

LONGEST_TEXT = 4000
FORM = "application/x-www-form-urlencoded"


async def fields(request: Request, limits: Limits) -> dict[str, str]:
    """The fields of a form. Line ends are made plain, so that a text counts as long as the browser thought."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != FORM:
        raise Refused("bad_request")
    body = await read_body(request, limits)
    try:
        found = parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise Refused("bad_request") from None
    return {name: value.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "") for name, value in found}


def said(step: Sequence[Asked], form: Mapping[str, str], locale: str) -> dict[str, str]:
    """What was said to the questions of one step; empty fields are left out. Refuses what no form of ours can send."""
    found = {}
    for asked in step:
        value = form.get(asked.role, "").strip()
        if not value:
            continue
        if asked.kind == "text" and len(value) > LONGEST_TEXT:
            raise Refused("too_large", locale)
        if asked.kind != "text" and value not in {choice.code for choice in asked.choices}:
            raise Refused("bad_request", locale)
        found[asked.role] = value
    return found


def answer(step: Sequence[Asked], said: Mapping[str, str], form: Mapping[str, str], *, is_complete: bool, now: datetime) -> Answer:
    kinds = {asked.role: asked.kind for asked in step}
    agreed = said.get("may_call_back") if kinds.get("may_call_back") == "yes_no" else None
    apart = {"score", "may_call_back"} if agreed else {"score"}
    return Answer(
        score=int(said["score"]) if "score" in said else None,
        is_complete=is_complete,
        answers={role: value for role, value in said.items() if kinds[role] != "text" and role not in apart},
        free_answers={role: value for role, value in said.items() if kinds[role] == "text"},
        may_call_back=None if agreed is None else agreed == "yes",
        started_at=_opened_at(form, now),
    )


def _opened_at(form: Mapping[str, str], now: datetime) -> datetime | None:
    """When the page was opened, as its form remembers; only believed where it can be true."""
    opened = form.get("opened", "")
    if not opened.isascii() or not opened.isdigit() or len(opened) > 10:
        return None
    moment = datetime.fromtimestamp(int(opened), UTC)
    return moment if now - timedelta(days=1) <= moment <= now else None
