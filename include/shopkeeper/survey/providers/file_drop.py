"""A provider without an API: invitations out as CSV files, answers and events back as CSV files.

A file with a column `event` holds events, any other answers. Files are read again by every run, which changes nothing:
an answer that is known is no new version, and an event is recorded once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import Problem, ShopkeeperError, fail
from shopkeeper.survey.providers import files
from shopkeeper.survey.providers.base import ANSWER_COLUMNS, UNKNOWN_QUESTIONS, Answer, Invitation, Message, Outcome, Told, Window
from shopkeeper.survey.providers.http import needed
from shopkeeper.survey.providers.questions import Questions
from shopkeeper.warehouse.landing import Fault
from shopkeeper.warehouse.survey_tables import ANSWER_EVENTS

# Columns of a file that mean what survey_responses says; score and verbatim only where no question has that role.
PLAIN = frozenset(ANSWER_COLUMNS) - {"answers", "free_answers", UNKNOWN_QUESTIONS}
MOST_PROBLEMS = 20  # of one provider that a run lists


class FileDrop:
    """Folders that both sides can reach. Times without an offset are in company time."""

    def __init__(self, folder: CompanyFolder, name: str) -> None:
        provider, self.name = folder.programmes.providers[name], name
        self.where = f"programmes.yml › providers › {name}"
        self.out_path, self.in_path = provider.out_path, provider.in_path
        self.zone = folder.company.zone
        self.questions = Questions(folder, name)

    def deliver(self, invitations: Sequence[Invitation], *, message: Message, batch: str) -> Iterator[Outcome]:
        """One file for all of them. It is there whole, or not at all."""
        folder = Path(needed(self.where, "out_path", self.out_path))
        rows = [{"message": message, **each.fields()} for each in invitations]
        file = files.write(folder, f"{message}s_{batch}.csv", rows, self.where)
        yield from (Outcome(each.invitation_id, "sent", code=file.name) for each in invitations)

    def fetch_responses(self, window: Window) -> Iterator[Answer | Fault]:
        """Every answer of every file, whatever the window: a file is small, and may have come late."""
        for file in files.found(self.in_path or ""):
            if "event" not in files.columns_of(file, self.where):
                for row in files.rows(file, self.where):
                    yield row if isinstance(row, Fault) else self._answer(files.without_blanks(row))

    def _answer(self, row: dict[str, str]) -> Answer:
        mapped = {question: text for question, text in row.items() if question in self.questions.roles}
        plain = {name: text for name, text in row.items() if name in PLAIN and name not in mapped}
        rest = {question: text for question, text in row.items() if question not in plain}
        columns = {name: text for name, text in self.questions.columns(rest).items() if text is not None}
        answer: dict[str, str | None] = {"is_complete": "true", **columns, **plain}
        for moment in ("responded_at", "started_at", "updated_at"):
            answer[moment] = with_offset(answer.get(moment), self.zone)
        answer["native_id"] = answer.get("native_id") or answer.get("invitation_id")
        return answer

    def fetch_events(self, window: Window) -> Iterator[Told]:
        """Every event of every file. After the last one it raises ShopkeeperError for those of an unknown kind or without a time,
        naming file and row."""
        problems: list[Problem] = []
        for file in files.found(self.in_path or ""):
            if "event" in files.columns_of(file, self.where):
                for number, row in enumerate(files.rows(file, self.where), 1):
                    try:
                        yield self._told(row, f"{self.where} › {file.name}, row {number}")
                    except ShopkeeperError as error:
                        problems += error.problems
        if problems:
            raise ShopkeeperError(problems[:MOST_PROBLEMS])

    def _told(self, row: dict[str, str] | Fault, where: str) -> Told:
        if isinstance(row, Fault):
            raise fail(where, row.reason, "mend the file")
        cells = files.without_blanks(row)
        event, moment = cells.get("event", ""), moment_of(cells.get("occurred_at"), self.zone)
        if event not in ANSWER_EVENTS:
            raise fail(where, f"tells an event that there is not ({event or 'none'})", f"one of {', '.join(ANSWER_EVENTS)}")
        if moment is None:
            raise fail(where, "does not say when (occurred_at)", "write it as 2026-03-01T12:30:00+01:00")
        return Told(event, moment, cells.get("invitation_id"), cells.get("interaction_id"), cells.get("code"))

    def read_message(self, payload: Any) -> tuple[Iterable[Answer], Iterable[Told]]:
        raise fail(self.where, "sends no webhooks", "take webhook_secret out")


def moment_of(written: str | None, zone: ZoneInfo) -> datetime | None:
    """A time as people and programs write it in ISO 8601; in `zone` where it has no offset; None where it is none."""
    try:
        moment = datetime.fromisoformat((written or "").strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def with_offset(written: str | None, zone: ZoneInfo) -> str | None:
    """The same in UTC; a text that is no time stays as it is, and the loader says what is wrong with it."""
    moment = moment_of(written, zone)
    return moment.isoformat() if moment else written
