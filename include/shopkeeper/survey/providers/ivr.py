"""A survey by telephone after a call: offered before the agent speaks, agreed to, called back, reached, answered.

The IVR tells what happens by webhook or in files. The one thing that cannot wait for a run is the call-back: it is asked for
in the reply to the hang-up, or not at all (`ops.answer_hang_up` decides, and writes down why before it says so).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.programmes import Programmes
from shopkeeper.errors import Problem, ShopkeeperError, fail
from shopkeeper.survey.mode import DELIVERY, INSTANCE_ID
from shopkeeper.survey.providers import files
from shopkeeper.survey.providers.base import Answer, Invitation, Message, Outcome, Told, Window
from shopkeeper.survey.providers.file_drop import MOST_PROBLEMS, moment_of
from shopkeeper.survey.providers.questions import Questions
from shopkeeper.warehouse.landing import Fault

CALL_BACK_SECONDS = 60
MOST_QUESTIONS = 5
HANG_UP = "call.ended"
EVENTS = ("offered", "agreed", "declined", "called_back", "reached", "answered")
_COLUMNS = ("event", "call_id", "customer_id", "occurred_at", "is_complete")


class Ivr:
    """One IVR. A call's id is the id of the interaction that the call is in the CRM."""

    def __init__(self, folder: CompanyFolder, name: str) -> None:
        provider, self.name = folder.programmes.providers[name], name
        self.where = f"programmes.yml › providers › {name}"
        self.in_path, self.zone = provider.in_path, folder.company.zone
        self.questions = Questions(folder, name)
        if len(self.questions.roles) > MOST_QUESTIONS:
            what = f"has {len(self.questions.roles)} questions, and nobody answers more than {MOST_QUESTIONS} by telephone"
            raise fail(f"{self.where} › questions", what, f"keep the {MOST_QUESTIONS} that matter most")

    def deliver(self, invitations: Sequence[Invitation], *, message: Message, batch: str) -> Iterator[Outcome]:
        """What has already been decided, at each call's hang-up."""
        for each in invitations:
            if message == "reminder":
                yield Outcome(each.invitation_id, "not_sent", reason="provider sends no reminders")
            elif each.call_back == "call_back":
                yield Outcome(each.invitation_id, "sent", code="call_back")
            else:
                yield Outcome(each.invitation_id, "not_sent", reason=each.call_back or "no_hang_up_heard")

    def fetch_responses(self, window: Window) -> Iterator[Answer]:
        """None: they come in messages."""
        yield from ()

    def fetch_events(self, window: Window) -> Iterator[Told]:
        """None: they come in messages."""
        yield from ()

    def messages(self) -> Iterator[tuple[str, Any]]:
        """(id, payload) of each row of the files, as a webhook would have told it; the same row is the same message.

        After the last one it raises ShopkeeperError for those that tell no event, naming file and row.
        """
        problems: list[Problem] = []
        for file in files.found(self.in_path or ""):
            for number, row in enumerate(files.rows(file, self.where), 1):
                try:
                    payload = self._payload(row, f"{self.where} › {file.name}, row {number}")
                except ShopkeeperError as error:
                    problems += error.problems
                else:
                    yield "file:" + hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest(), payload
        if problems:
            raise ShopkeeperError(problems[:MOST_PROBLEMS])

    def _payload(self, row: dict[str, str] | Fault, where: str) -> dict[str, Any]:
        if isinstance(row, Fault):
            raise fail(where, row.reason, "mend the file")
        cells = files.without_blanks(row)
        moment = moment_of(cells.get("occurred_at"), self.zone)
        if moment is None:
            raise fail(where, "does not say when (occurred_at)", "write it as 2026-03-01T12:30:00+01:00")
        data: dict[str, Any] = {name: text for name, text in cells.items() if name in ("call_id", "customer_id")}
        data["answers"] = {name: text for name, text in cells.items() if name not in _COLUMNS}
        data["complete"] = cells.get("is_complete", "true").lower() not in ("false", "f", "no", "n", "0")
        payload = {"type": f"call.{cells.get('event', '')}", "timestamp": moment.isoformat(), "data": data}
        told_by(payload, where)
        return payload

    def read_message(self, payload: Any) -> tuple[Iterable[Answer], Iterable[Told]]:
        """An event of a call, and the answers where it is `call.answered`."""
        call_id, moment, kind = told_by(payload, self.where)
        event, data = kind.removeprefix("call."), payload["data"]
        if kind == HANG_UP:
            return (), ()
        told = Told(event, moment, interaction_id=call_id)
        if event != "answered":
            return (), (told,)
        given = data.get("answers")
        answer = {
            **self.questions.columns(given if isinstance(given, dict) else {}),
            "native_id": call_id,
            "interaction_id": call_id,
            "customer_id": str(data["customer_id"]) if data.get("customer_id") else None,
            "responded_at": moment.isoformat(),
            "updated_at": moment.isoformat(),
            "is_complete": "false" if data.get("complete") is False else "true",
        }
        return (answer,), (told,)


def told_by(payload: Any, where: str) -> tuple[str, datetime, str]:
    """(call, moment, type) of a message. Raises ShopkeeperError for anything that is none."""
    data = payload.get("data") if isinstance(payload, dict) else None
    kind = payload.get("type") if isinstance(payload, dict) else None
    if not isinstance(data, dict) or not isinstance(kind, str) or (kind != HANG_UP and kind.removeprefix("call.") not in EVENTS):
        known = ", ".join(f"call.{event}" for event in (*EVENTS, "ended"))
        raise fail(where, "a message is about no call that we know of", f"its type is one of {known}; docs/providers.md shows them")
    call_id = data.get("call_id")
    try:
        moment = datetime.fromisoformat(payload["timestamp"])
    except (KeyError, TypeError, ValueError):
        moment = None
    if not isinstance(call_id, str) or not call_id.strip() or moment is None or moment.tzinfo is None:
        raise fail(where, "a message lacks data.call_id, or a timestamp with its offset", "docs/providers.md shows them")
    return call_id, moment, kind


def call_back_rule(programmes: Programmes, name: str) -> dict[str, Any]:
    """What `ops.answer_hang_up` goes by. Only settings that name this database as the live one let it ask for a call-back.

    Raises ShopkeeperError where no programme, or more than one, is asked by this IVR.
    """
    asked = {key: each for key, each in programmes.programmes.items() if each.provider == name}
    if len(asked) != 1:
        raise fail(f"programmes.yml › providers › {name}", f"serves {len(asked)} programmes", "let each IVR serve one post_call programme")
    (programme, declared), quarantine = next(iter(asked.items())), programmes.quarantine
    is_live = os.environ.get(DELIVERY, "").strip() == "live"
    return {
        "programme": programme,
        "seconds": CALL_BACK_SECONDS,
        "own_days": declared.quarantine,
        "any_days": quarantine.any_programme_days,
        "decline_days": quarantine.after_decline_days,
        "instance": os.environ.get(INSTANCE_ID, "").strip() if is_live else "",
    }
