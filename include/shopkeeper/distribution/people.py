"""Who is told what: everybody who works here, and the unit that each one leads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

Kind = Literal["team", "branch", "region", "company"]
KINDS: tuple[Kind, ...] = ("team", "branch", "region", "company")
# What the marts call the dimension of each kind of unit.
DIMENSIONS: dict[Kind, str] = {"team": "team", "branch": "branch", "region": "org_region", "company": "company"}


@dataclass(frozen=True)
class Unit:
    """A unit as it stands today. `above` are the ids from the company down to its parent."""

    unit_id: str
    kind: Kind
    name: str
    parent_id: str | None
    above: tuple[str, ...]


@dataclass(frozen=True)
class Person:
    """`leads` is the unit that he or she is the head of; None for the front line."""

    employee_id: str
    unit: Unit
    leads: Unit | None
    locale: str | None


def units(connection: sa.Connection) -> dict[str, Unit]:
    """Every unit of today by id."""
    query = """
        select org_unit_id, kind, coalesce(name, org_unit_id) as name, parent_id, company_id, org_region_id, branch_id
        from marts.dim_org_units where is_current and kind in ('team', 'branch', 'region', 'company')
        order by level, org_unit_id
    """
    return {
        row.org_unit_id: Unit(
            row.org_unit_id,
            row.kind,
            row.name,
            row.parent_id,
            tuple(one for one in (row.company_id, row.org_region_id, row.branch_id) if one and one != row.org_unit_id),
        )
        for row in connection.execute(sa.text(query))
    }


def everybody(connection: sa.Connection, known: dict[str, Unit]) -> list[Person]:
    """Everybody who works here, in a unit that the marts know. Who is somebody's supervisor leads the unit that he or she is in."""
    query = "select employee_id, org_unit_id, leads, locale from ops.directory where is_here order by employee_id"
    return [
        Person(row.employee_id, known[row.org_unit_id], known[row.org_unit_id] if row.leads else None, row.locale)
        for row in connection.execute(sa.text(query))
        if row.org_unit_id in known
    ]
