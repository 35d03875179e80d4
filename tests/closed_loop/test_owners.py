"""Who has to act: by the hierarchy of the day, past those who are absent or have left."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.closed_loop.loop_world import NOW, SINCE, STAFF, a_company, people, rows
from tests.survey.people import employee, put

from shopkeeper.closed_loop.directory import refresh
from shopkeeper.closed_loop.owners import About, Staff, owner_of
from shopkeeper.company.closed_loop import ClosedLoop
from shopkeeper.company.closed_loop import Owner as Kind

TODAY = date(2026, 3, 3)
LOOP = ClosedLoop(product_owners={"motor": "CAT"}, touchpoint_owners={"claim": "BRANCH"})
DIRECTORY = "select employee_id, unit_path, manager_id, leads, is_here from ops.directory order by employee_id"


@pytest.fixture
def staff(warehouse: sa.Engine, tmp_path: Path) -> Staff:
    people(warehouse, customers=0)
    refresh(warehouse, a_company(tmp_path / "company"), now=NOW)
    return read(warehouse)


def read(engine: sa.Engine, on: date = TODAY) -> Staff:
    with engine.connect() as connection:
        return Staff.read(connection, on=on)


def who(staff: Staff, *kinds: Kind, **about: str) -> str | None:
    owner = owner_of(staff, kinds, About(**about), LOOP)
    return owner.employee_id if owner else None


def test_the_first_owner_who_is_known_acts(staff: Staff) -> None:
    assert who(staff, "employee", employee_id="ANN", org_unit_id="T1") == "ANN"
    assert who(staff, "team", employee_id="ANN", org_unit_id="T1") == "LEAD1"
    assert who(staff, "team", last_unit_id="T2") == "LEAD2"
    assert who(staff, "supervisor", employee_id="ANN") == "LEAD1"
    assert who(staff, "supervisor", org_unit_id="B1") == "BRANCH"
    assert who(staff, "product", "touchpoint", product_id="motor", interaction_type="claim") == "CAT"
    assert who(staff, "product", "touchpoint", product_id="home", interaction_type="claim") == "BRANCH"
    assert who(staff, "account", "team", account_owner_id="GONE", org_unit_id="T2") == "LEAD2"
    # Nobody could be found: "they ask and never do a thing" must not happen for want of a name.
    assert who(staff, "employee", "account") == "BOSS"


def test_who_is_absent_or_has_left_is_given_nothing(warehouse: sa.Engine, staff: Staff, tmp_path: Path) -> None:
    with warehouse.begin() as connection:
        away = "insert into ops.absences (employee_id, from_on, to_on, recorded_by, recorded_at) values (:who, :since, :until, 'x', now())"
        connection.execute(sa.text(away), [{"who": name, "since": TODAY, "until": TODAY + timedelta(days=1)} for name in ("ANN", "LEAD1")])
    staff = read(warehouse)
    assert who(staff, "employee", employee_id="ANN") == "BRANCH", "the order lies with somebody who is away"
    assert who(staff, "team", org_unit_id="T1") == "BRANCH"
    assert staff.works_here("ANN")
    assert who(read(warehouse, TODAY + timedelta(days=2)), "employee", employee_id="ANN") == "ANN"
    # BEN leaves with a row of his own, CAT drops out of the CRM's list altogether.
    put(warehouse, "employees", [employee("BEN", org_unit_id=None, manager_id=None, valid_from=TODAY)])
    put(warehouse, "employees", [employee("CAT", org_unit_id="T2", manager_id="LEAD2", valid_from=SINCE)], deleted=True)
    refresh(warehouse, a_company(tmp_path / "company"), now=NOW)
    staff = read(warehouse)
    assert (who(staff, "employee", employee_id="BEN"), who(staff, "employee", employee_id="CAT")) == ("BRANCH", "LEAD2")
    assert not staff.works_here("CAT")


def test_the_directory_is_of_today_and_made_anew_only_when_something_changed(warehouse: sa.Engine, staff: Staff, tmp_path: Path) -> None:
    assert rows(warehouse, DIRECTORY) == [
        ("ANN", "/HQ/B1/T1/", "LEAD1", False, True),
        ("BEN", "/HQ/B1/T1/", "LEAD1", False, True),
        ("BOSS", "/HQ/", None, True, True),
        ("BRANCH", "/HQ/B1/", "BOSS", True, True),
        ("CAT", "/HQ/B1/T2/", "LEAD2", False, True),
        ("LEAD1", "/HQ/B1/T1/", "BRANCH", True, True),
        ("LEAD2", "/HQ/B1/T2/", "BRANCH", True, True),
    ]
    folder = a_company(tmp_path / "company")
    assert refresh(warehouse, folder, now=NOW) == {"here": len(STAFF), "changed": 0}
    # A team moves to another branch from tomorrow on: today nobody may see its orders there.
    put(warehouse, "org_units", [{"org_unit_id": "B2", "parent_id": "HQ", "kind": "branch", "valid_from": SINCE}])
    put(warehouse, "org_units", [{"org_unit_id": "T1", "parent_id": "B2", "kind": "team", "valid_from": TODAY + timedelta(days=1)}])
    assert refresh(warehouse, folder, now=NOW)["changed"] == 0
    assert refresh(warehouse, folder, now=NOW + timedelta(days=1))["changed"] == 3
    assert ("ANN", "/HQ/B2/T1/", "LEAD1", False, True) in rows(warehouse, DIRECTORY)


def test_a_circle_of_supervisors_ends(warehouse: sa.Engine, tmp_path: Path) -> None:
    # Two managers who are each other's supervisors, both away: the run must not turn in a circle for ever.
    put(warehouse, "org_units", [{"org_unit_id": "A", "parent_id": "B"}, {"org_unit_id": "B", "parent_id": "A"}])
    put(warehouse, "employees", [employee("X", org_unit_id="A", manager_id="Y"), employee("Y", org_unit_id="B", manager_id="X")])
    refresh(warehouse, a_company(tmp_path / "company"), now=NOW)
    with warehouse.begin() as connection:
        away = "insert into ops.absences (employee_id, from_on, to_on, recorded_by, recorded_at) values (:who, :on, :on, 'x', now())"
        connection.execute(sa.text(away), [{"who": name, "on": TODAY} for name in ("X", "Y")])
    assert who(read(warehouse), "employee", "team", employee_id="X", org_unit_id="A") is None
