"""A CRM as Shopkeeper sees it, whatever its kind: records that are written under our key, and tasks that can be asked for.

Each field of a task has one writer. Those named in `Task` with `crm_` are the CRM's own word, all others are ours; so neither side
ever overwrites what the other has said. docs/crm-write-back.md describes both kinds from the CRM's side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from shopkeeper.closed_loop.crm.outbox import Kind
from shopkeeper.company.closed_loop import Crm
from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import Problem, ShopkeeperError

WHERE = "closed_loop.yml › crm"

TASK_FIELDS = (
    "customer_id",
    "interaction_id",
    "reason",
    "state",
    "close_reason",
    "owner_employee_id",
    "org_unit_id",
    "is_call_wanted",
    "attempts",
    "opened_at",
    "due_at",
    "close_due_at",
    "reached_at",
    "closed_at",
)
CUSTOMER_FIELDS = ("score", "scale", "band", "programme", "answered_at")
TIMES = {"opened_at", "due_at", "close_due_at", "reached_at", "closed_at", "answered_at"}
NUMBERS = {"attempts", "score"}
TRUTHS = {"is_call_wanted"}
FIELDS: Mapping[Kind, tuple[str, ...]] = {"task": TASK_FIELDS, "customer": CUSTOMER_FIELDS}


@dataclass(frozen=True)
class Record:
    """What is written. A record of a lower `version` never replaces one of a higher."""

    kind: Kind
    external_id: str
    version: int
    link: str
    content: Mapping[str, Any]

    def fields(self) -> dict[str, Any]:
        """All of it by name; times as texts in ISO 8601."""
        own = {"external_id": self.external_id, "version": self.version, "link": self.link}
        return own | {name: self.content.get(name) for name in FIELDS[self.kind]}


@dataclass(frozen=True)
class Task:
    """What the CRM has. `state` and `owner_employee_id` are as we wrote them, `crm_…` what was said in the CRM itself."""

    external_id: str
    state: str | None
    owner_employee_id: str | None
    crm_id: str | None = None
    crm_state: str | None = None
    crm_close_reason: str | None = None
    crm_owner_employee_id: str | None = None
    crm_changed_at: datetime | None = None


class ComeBackLater(Exception):
    """The CRM has asked for a pause of so many seconds; nothing is sent to it before."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"in {seconds:.0f} s")
        self.seconds = seconds


class NotTaken(Exception):
    """The CRM did not take these records, which may be because of them; `what` is in our words."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class Adapter(Protocol):
    """One kind of CRM. `size` is how many records it takes at a time."""

    size: int

    def write(self, kind: Kind, records: Sequence[Record]) -> None:
        """Create or replace these records, all or none, by their external ids.

        Raises ComeBackLater, NotTaken, and ShopkeeperError where no record would be taken now.
        """

    def tasks(self, external_ids: Sequence[str]) -> list[Task]:
        """Those of these tasks that the CRM has. Raises ComeBackLater and ShopkeeperError."""

    def close(self) -> None: ...


NOBODYS = "00000000-0000-0000-0000-000000000000"


def problems(folder: CompanyFolder) -> list[Problem]:
    """What is wrong with the CRM of closed_loop.yml: it is asked for a task, and written nothing."""
    if folder.closed_loop.crm is None:
        return []
    try:
        with closing(connect(folder.closed_loop.crm)) as crm:
            crm.tasks([NOBODYS])
    except ComeBackLater:
        return []
    except ShopkeeperError as error:
        return list(error.problems)
    return []


def connect(settings: Crm) -> Adapter:
    """The CRM of closed_loop.yml; nothing is asked of it yet."""
    if settings.kind == "sql":
        from shopkeeper.closed_loop.crm.sql import SqlCrm

        return SqlCrm(settings)
    from shopkeeper.closed_loop.crm.rest import RestCrm

    return RestCrm(settings)
