"""LimeSurvey, RemoteControl 2 over JSON-RPC. It sends the e-mails; the participant's token is the invitation's id.

It reports failure as a success: a result `{"status": "…"}` in place of what was asked for.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import fail
from shopkeeper.survey.providers.base import Answer, Invitation, Message, Outcome, Told, Unanswered, Window, parts
from shopkeeper.survey.providers.http import Api, Sleep, needed
from shopkeeper.survey.providers.questions import Questions, text

IDS_AT_ONCE = 2000
PARTICIPANTS_AT_ONCE = 200
EMPTY = ("No Data, could not get max id.", "No survey participants found.", "Error: No candidate tokens")
# Columns of an exported answer that are no questions.
OWN_COLUMNS = frozenset(["id", "submitdate", "lastpage", "startlanguage", "seed", "token", "startdate", "datestamp", "ipaddr", "refurl"])
NO_DATE = "1980-01-01"  # stands in submitdate where a survey keeps no dates
EMAIL_STATES = {"OptOut": "opted_out", "bounced": "bounced"}
_ENDPOINT = "/index.php/admin/remotecontrol"


class LimeSurvey:
    """One survey of a LimeSurvey installation. Its times have no zone: they are taken as the company's."""

    def __init__(self, folder: CompanyFolder, name: str, *, sleep: Sleep = time.sleep) -> None:
        provider, self.name = folder.programmes.providers[name], name
        self.where = f"programmes.yml › providers › {name}"
        survey_id = needed(self.where, "survey_id", provider.survey_id)
        if not survey_id.isdigit():
            raise fail(f"{self.where} › survey_id", "is no number", "write the survey's number, as LimeSurvey shows it")
        self.survey_id, self.zone = int(survey_id), folder.company.zone
        self.user = needed(self.where, "user", provider.user)
        self.password = needed(self.where, "password", provider.password)
        self.questions = Questions(folder, name)
        self.api = Api(self.where, needed(self.where, "url", provider.url).removesuffix(_ENDPOINT), sleep=sleep)

    # --- answers ------------------------------------------------------------------------------------------------------

    def fetch_responses(self, window: Window) -> Iterator[Answer]:
        """Answers by their ids, because they cannot be asked for by time: from the first that was still partial, all that are there."""
        first = 1 if window.last_id is None else min(window.last_id + 1, window.first_open_id or window.last_id + 1)
        with self._session() as call:
            while rows := self._export(call, first, first + IDS_AT_ONCE - 1) or self._export(call, first, None):
                ids = [int(row["id"]) for row in rows]
                yield from (self._answer(row) for row in rows)
                first = max(*ids, first + IDS_AT_ONCE - 1 if min(ids) < first + IDS_AT_ONCE else 0) + 1

    def _export(self, call: _Call, first: int, last: int | None) -> list[dict[str, Any]]:
        told = call("export_responses", self.survey_id, "json", None, "all", "code", "short", first, last, repeatable=True)
        if told is None:
            return []
        try:
            rows = json.loads(base64.b64decode(told, validate=False))["responses"]
            # Older versions wrap each answer in an object whose one key is its id.
            rows = [next(iter(row.values())) if len(row) == 1 and isinstance(next(iter(row.values())), dict) else row for row in rows]
            return [row for row in rows if first <= int(row["id"]) and (last is None or int(row["id"]) <= last)]
        except (binascii.Error, ValueError, KeyError, TypeError, AttributeError, StopIteration):
            raise fail(self.where, "sends something that is no list of answers", "see that the survey is active") from None

    def _answer(self, row: Mapping[str, Any]) -> Answer:
        submitted = text(row.get("submitdate"))
        dated = None if submitted is None or submitted.startswith(NO_DATE) else submitted
        changed = self._moment(dated or text(row.get("datestamp")) or text(row.get("startdate")))
        columns = self.questions.columns({name: value for name, value in row.items() if name not in OWN_COLUMNS})
        return {
            **columns,
            "native_id": text(row.get("id")),
            "invitation_id": columns.get("invitation_id") or _invitation_id(row.get("token")),
            "responded_at": changed,
            "updated_at": max(filter(None, (changed, self._moment(text(row.get("datestamp"))))), default=None),
            "started_at": self._moment(text(row.get("startdate"))),
            "is_complete": "false" if submitted is None else "true",
            "locale": text(row.get("startlanguage")),
        }

    def _moment(self, written: str | None) -> str | None:
        if written is None:
            return None
        try:
            moment = datetime.fromisoformat(written)
        except ValueError:
            return written  # the loader says what is wrong with it
        return (moment if moment.tzinfo else moment.replace(tzinfo=self.zone)).astimezone(UTC).isoformat()

    # --- events -------------------------------------------------------------------------------------------------------

    def fetch_events(self, window: Window) -> Iterator[Told]:
        """Participants who opted out, and whose mail came back. When it happened is not told: it counts from when it is known."""
        with self._session() as call:
            for state, event in EMAIL_STATES.items():
                start = 0
                # Without a limit it gives ten and does not say so; a short page may not be the last one either.
                while rows := self._participants(call, start, {"emailstatus": state}):
                    start += len(rows)
                    for row in rows:
                        if invitation_id := _invitation_id(row.get("token")):
                            yield Told(event, window.end, invitation_id=invitation_id, code=state)

    def _participants(self, call: _Call, start: int, conditions: Mapping[str, str]) -> list[dict[str, Any]]:
        attributes = ["sent", "remindersent", "completed", "emailstatus"]
        told = call("list_participants", self.survey_id, start, PARTICIPANTS_AT_ONCE, False, attributes, dict(conditions), repeatable=True)
        return told or []

    def read_message(self, payload: Any) -> tuple[Iterable[Answer], Iterable[Told]]:
        raise fail(self.where, "sends no webhooks", "take webhook_secret out")

    # --- invitations --------------------------------------------------------------------------------------------------

    def deliver(self, invitations: Sequence[Invitation], *, message: Message, batch: str) -> Iterator[Outcome]:
        """Add participants, then have it write to them. Those who are there already, after a connection that broke, are not added again."""
        yield from (Outcome(each.invitation_id, "refused", reason="no_email") for each in invitations if not each.email)
        with self._session() as call:
            for part in parts([each for each in invitations if each.email], PARTICIPANTS_AT_ONCE):
                places: dict[int, Invitation] = {}
                added = self._add(call, part) if message == "invitation" else [{"errors": "was added with its invitation"}] * len(part)
                for each, told in zip(part, added, strict=True):
                    known = self._find(call, each) if told.get("errors") else told
                    if known is None:
                        yield Outcome(each.invitation_id, "refused", code="invalid", reason="provider_refused")
                    elif message == "invitation" and known.get("sent", "N") not in ("N", "", None):
                        yield Outcome(each.invitation_id, "sent", code="already_sent")
                    else:
                        places[int(known["tid"])] = each
                yield from self._write(call, places, message)

    def _add(self, call: _Call, part: Sequence[Invitation]) -> list[dict[str, Any]]:
        # The token is ours, so that a second try finds the first and each answer says whose it is.
        people = [
            {
                "email": each.email,
                "lastname": each.full_name or "",
                "firstname": "",
                "language": each.locale[:2],
                "token": each.invitation_id.hex,
                "validuntil": each.expires_at.astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S"),
                **_attributes(each),
            }
            for each in part
        ]
        told = call("add_participants", self.survey_id, people, False, repeatable=True)
        if not isinstance(told, list) or len(told) != len(part):
            raise fail(self.where, "does not say what became of the participants", "see the provider's own log")
        return told

    def _find(self, call: _Call, invitation: Invitation) -> dict[str, Any] | None:
        return next(iter(self._participants(call, 0, {"token": invitation.invitation_id.hex})), None)

    def _write(self, call: _Call, places: dict[int, Invitation], message: Message) -> Iterator[Outcome]:
        """It writes to no more than some fifty at a time and says how many are left; those of ours that it did not name go again."""
        while places:
            if message == "invitation":
                told = call("invite_participants", self.survey_id, list(places), True, repeatable=False)
            else:
                told = call("remind_participants", self.survey_id, None, None, list(places), repeatable=False)
            named = {int(key): each for key, each in (told or {}).items() if str(key).isdigit() and int(key) in places}
            for place, each in named.items():
                invitation = places.pop(place)
                if each.get("status") == "OK":
                    yield Outcome(invitation.invitation_id, "sent")
                else:
                    yield Outcome(invitation.invitation_id, "refused", code="fail", reason="provider_refused")
            if not named:  # no candidates: answered, opted out, or not to be written to
                yield from (
                    Outcome(each.invitation_id, "refused", code="no_candidate", reason="provider_refused") for each in places.values()
                )
                return

    # --- JSON-RPC -----------------------------------------------------------------------------------------------------

    @contextmanager
    def _session(self) -> Iterator[_Call]:
        call = _Call(self)
        try:
            yield call
        finally:
            call.end()


class _Call:
    """Calls of one session. A session that has expired is opened again."""

    def __init__(self, survey: LimeSurvey) -> None:
        self.survey, self.number = survey, 0
        self.key = self._open()

    def __call__(self, method: str, *arguments: Any, repeatable: bool) -> Any:
        """The result; None where there is nothing. Raises ShopkeeperError for an error, also one inside a success."""
        told = self._post(method, [self.key, *arguments], repeatable=repeatable)
        if _status(told).lower() == "invalid session key":  # nothing was done yet
            self.key = self._open()
            told = self._post(method, [self.key, *arguments], repeatable=repeatable)
        status = _status(told)
        if status in EMPTY:
            return None
        if status and not (method in ("invite_participants", "remind_participants") and status.endswith("left to send")):
            raise fail(self.survey.where, f"{method} failed: {_known(status)}", "see survey_id, and what the user may do")
        return told

    def _open(self) -> str:
        told = self._post("get_session_key", [self.survey.user, self.survey.password], repeatable=True)
        if not isinstance(told, str) or not told:
            raise fail(self.survey.where, "it does not let us in", "see user and password, and that RemoteControl is set to JSON-RPC")
        return told

    def _post(self, method: str, parameters: list[Any], *, repeatable: bool) -> Any:
        self.number += 1
        body = {"method": method, "params": parameters, "id": self.number}
        told = self.survey.api.call("POST", _ENDPOINT, repeatable=repeatable, json=body)
        if not isinstance(told, dict) or told.get("error") is not None or "result" not in told:
            raise fail(self.survey.where, f"{method} was answered with an error", "see that RemoteControl is set to JSON-RPC")
        return told["result"]

    def end(self) -> None:
        try:
            self._post("release_session_key", [self.key], repeatable=False)
        except (Unanswered, Exception):  # the session ends by itself after a while
            return


def _attributes(invitation: Invitation) -> dict[str, str]:
    """attribute_1 and so on: the packet's fields about interactions, each always in the same place."""
    fields = [value for name, value in invitation.packet.items() if name.startswith(("about_", "recent_"))]
    return {f"attribute_{number}": value for number, value in enumerate(fields, 1) if value}


def _status(told: Any) -> str:
    return told["status"] if isinstance(told, dict) and isinstance(told.get("status"), str) else ""


_STATES = (
    "Invalid session key",
    "No permission",
    "Error: Invalid survey ID",
    "Error: No survey participants table",
    "No survey participants table",
    "No Data, survey table does not exist.",
    "Language code not found for this survey.",
)


def _known(status: str) -> str:
    """Its own words where they are known ones: others might quote an address."""
    return next((state for state in _STATES if state.lower() == status.lower()), "for a reason that it gave in its own words")


def _invitation_id(token: Any) -> str | None:
    try:
        return str(UUID(str(token)))
    except ValueError:
        return None
