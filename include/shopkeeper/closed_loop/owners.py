"""Who has to act: the first owner that a rule names who is known and here; and whoever is above one who is not.

Goes by `ops.directory`, the hierarchy in force today, and by absences. What was given to somebody stays with that person's unit of
that day, whatever becomes of the hierarchy later (`ops.work_orders.unit_path`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from shopkeeper.company.closed_loop import ClosedLoop
from shopkeeper.company.closed_loop import Owner as OwnerKind


@dataclass(frozen=True)
class Owner:
    """One who acts, with his or her unit and its place on that day, such as /HQ/R1/B01/T001/."""

    employee_id: str
    org_unit_id: str | None
    unit_path: str | None


@dataclass(frozen=True)
class About:
    """What may lead to an owner: who served the customer, where, whose account it is, and what it is about.

    `last_unit_id` is the unit that last served the customer, for what is about no interaction.
    """

    employee_id: str | None = None
    org_unit_id: str | None = None
    last_unit_id: str | None = None
    account_owner_id: str | None = None
    product_id: str | None = None
    interaction_type: str | None = None


@dataclass(frozen=True)
class Staff:
    """The directory in memory, and who is absent on the day that it was read for."""

    people: Mapping[str, Mapping[str, Any]]
    absent: frozenset[str]
    leaders: Mapping[str, tuple[str, ...]]  # unit → those in it who lead, the first one above the others
    lines: Mapping[str, tuple[str, ...]]  # unit → the units from the top down to it

    @classmethod
    def read(cls, connection: sa.Connection, *, on: date) -> Staff:
        """As `ops.directory` and `ops.absences` say; `on` is a day in company time."""
        columns = "employee_id, org_unit_id, unit_path, manager_id, leads, is_here, locale"
        rows = connection.execute(sa.text(f"select {columns} from ops.directory order by employee_id")).mappings()
        people: dict[str, Mapping[str, Any]] = {row["employee_id"]: dict(row) for row in rows}
        away = "select employee_id from ops.absences where :day between from_on and to_on and withdrawn_at is null"
        absent = frozenset(connection.scalars(sa.text(away), {"day": on}))
        return cls(people, absent, _leaders(people), _lines(people))

    def is_here(self, employee_id: str | None) -> bool:
        """Works here, and is not absent."""
        person = self.people.get(employee_id or "")
        return person is not None and person["is_here"] and employee_id not in self.absent

    def works_here(self, employee_id: str | None) -> bool:
        """Works here, absent today or not."""
        person = self.people.get(employee_id or "")
        return person is not None and bool(person["is_here"])

    def unit_of(self, employee_id: str | None) -> str | None:
        """Where the employee works today."""
        person = self.people.get(employee_id or "")
        return person["org_unit_id"] if person else None

    def locale_of(self, employee_id: str) -> str | None:
        person = self.people.get(employee_id)
        return person["locale"] if person else None

    def stand_in(self, employee_id: str | None) -> Owner | None:
        """The employee; the supervisor in place of one who is absent or has left, and so on upwards. None for one who is unknown."""
        return next((self._owner(each) for each in self._upwards(employee_id) if self.is_here(each)), None)

    def supervisor(self, employee_id: str | None) -> Owner | None:
        """The first of those above the employee who is here."""
        above = self._upwards(employee_id)[1:]
        return next((self._owner(each) for each in above if self.is_here(each)), None)

    def leader(self, org_unit_id: str | None) -> Owner | None:
        """Who leads the unit, else the unit above it, and so on; None for a unit in which nobody works and that nobody is below."""
        for unit in reversed(self.lines.get(org_unit_id or "", ())):
            if found := next((each for each in self.leaders.get(unit, ()) if self.is_here(each)), None):
                return self._owner(found)
        return None

    def head(self) -> Owner | None:
        """Who stands at the top: to whom comes what nobody else can be found for."""
        leading = [employee_id for employee_id, person in self.people.items() if person["leads"] and self.is_here(employee_id)]
        top = min(leading, key=lambda employee_id: (str(self.people[employee_id]["unit_path"]).count("/"), employee_id), default=None)
        return self._owner(top) if top else None

    def _owner(self, employee_id: str) -> Owner:
        person = self.people[employee_id]
        return Owner(employee_id, person["org_unit_id"], person["unit_path"])

    def _upwards(self, employee_id: str | None) -> list[str]:
        """The employee, the supervisor, and so on; it ends where nobody is known, and in a circle."""
        chain: list[str] = []
        while employee_id is not None and employee_id in self.people and employee_id not in chain:
            chain.append(employee_id)
            employee_id = self.people[employee_id]["manager_id"]
        return chain


def owner_of(staff: Staff, kinds: Sequence[OwnerKind], about: About, loop: ClosedLoop) -> Owner | None:
    """The first of these kinds of owner who is known and here, else the head of the company; None where the directory is empty."""
    for kind in kinds:
        if owner := _of_kind(staff, kind, about, loop):
            return owner
    return staff.head()


def _of_kind(staff: Staff, kind: OwnerKind, about: About, loop: ClosedLoop) -> Owner | None:
    unit = about.org_unit_id or staff.unit_of(about.employee_id) or about.last_unit_id
    match kind:
        case "employee":
            return staff.stand_in(about.employee_id)
        case "team":
            return staff.leader(unit)
        case "supervisor":
            return staff.supervisor(about.employee_id) or staff.leader(unit)
        case "account":
            return staff.stand_in(about.account_owner_id)
        case "product":
            return staff.stand_in(loop.product_owners.get(about.product_id or ""))
        case "touchpoint":
            return staff.stand_in(loop.touchpoint_owners.get(about.interaction_type or ""))


def _leaders(people: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """unit → those in it who lead somebody, the one whose own supervisor is in another unit first."""
    found: dict[str, list[tuple[bool, str]]] = defaultdict(list)
    for employee_id, person in people.items():
        if person["leads"] and person["is_here"] and person["org_unit_id"] is not None:
            above = people.get(person["manager_id"] or "")
            is_below_another = above is not None and above["org_unit_id"] == person["org_unit_id"]
            found[person["org_unit_id"]].append((is_below_another, employee_id))
    return {unit: tuple(employee_id for _, employee_id in sorted(leaders)) for unit, leaders in found.items()}


def _lines(people: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """unit → the units from the top down to it, of every unit at or below which somebody works."""
    found: dict[str, tuple[str, ...]] = {}
    for path in {str(person["unit_path"]) for person in people.values() if person["unit_path"]}:
        units = tuple(path.strip("/").split("/"))
        found |= {unit: units[: place + 1] for place, unit in enumerate(units)}
    return found
