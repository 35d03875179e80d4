"""From a provider's questions to the columns of an answer, as `questions` in programmes.yml says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.programmes import ROLES
from shopkeeper.survey.providers.base import UNKNOWN_QUESTIONS

# Fields that say whose answer it is; providers carry them as hidden fields or columns of these names.
IDENTITY = ("invitation_id", "customer_id", "interaction_id", "programme")
_OWN_COLUMN = ("score", "verbatim", "may_call_back")


class Questions:
    """The questions of one provider. Only those listed are read: nothing is taken for the score because it comes first."""

    def __init__(self, folder: CompanyFolder, provider: str) -> None:
        self.roles = folder.programmes.providers[provider].questions
        programmes = {name: each for name, each in folder.programmes.programmes.items() if each.provider == provider}
        kinds: dict[str, str] = dict(ROLES)
        for programme in programmes.values():
            kinds |= {role: question.kind for role, question in programme.questions.items() if question.kind}
        # What may be in the customer's own words is kept with personal data; so is a role that nothing describes.
        self.free = {role for role in self.roles.values() if kinds.get(role, "text") == "text"}
        self.programme = next(iter(programmes)) if len(programmes) == 1 else None

    def columns(self, given: Mapping[str, Any]) -> dict[str, str | None]:
        """Columns of an answer from question → value. A question without an answer says nothing; one without a role makes the
        answer one that is kept aside, with the question's name."""
        columns: dict[str, str | None] = {"programme": self.programme}
        closed: dict[str, str] = {}
        free: dict[str, str] = {}
        unknown: list[str] = []
        for question, value in given.items():
            answer, role = text(value), self.roles.get(question)
            if answer is None:
                continue
            if question in IDENTITY:
                columns[question] = answer
            elif role is None:
                unknown.append(question)
            elif role in _OWN_COLUMN:
                columns[role] = answer
            else:
                (free if role in self.free else closed)[role] = answer
        columns["answers"] = json.dumps(closed, ensure_ascii=False) if closed else None
        columns["free_answers"] = json.dumps(free, ensure_ascii=False) if free else None
        columns[UNKNOWN_QUESTIONS] = ", ".join(sorted(unknown)) or None
        return columns


def text(value: Any) -> str | None:
    """A JSON value as text; None where there is no answer. 0 and false are answers."""
    if value is None or value in ("", [], {}):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(part for each in value if (part := text(each)) is not None) or None
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return str(value).replace("\x00", "")
