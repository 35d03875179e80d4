"""A small company for tests of what is noticed: two teams, their supervisors, customers, and answers as the loader would have put them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import yaml
from tests.survey.people import customer, employee, interaction, put

from shopkeeper.closed_loop.directory import refresh
from shopkeeper.closed_loop.notice import notice
from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.load import load
from shopkeeper.warehouse.ids import SEPARATOR, stable_id

NOW = datetime(2026, 3, 3, 9, tzinfo=UTC)  # a Tuesday, ten o'clock in Berlin
SINCE = date(2020, 1, 1)
RULES: dict[str, Any] = {
    "call_back_requested": {"kind": "call_back_requested"},
    "low_score": {"kind": "low_score"},
    "moved": {"kind": "score_moved", "by": 2},
    "failed_call": {"kind": "failed_interaction", "at_least": 0.9},
    "complaint": {"kind": "complaint", "owners": ["supervisor", "team"]},
    "band_changed": {"kind": "band_changed", "then": "tell"},
    "thank_promoter": {"kind": "promoter", "then": "tell"},
    "unit_changed": {"kind": "unit_changed", "then": "tell", "owners": ["supervisor"]},
}
UNITS = [("HQ", None, "company"), ("B1", "HQ", "branch"), ("T1", "B1", "team"), ("T2", "B1", "team")]
# employee, unit, supervisor
STAFF = [("BOSS", "HQ", None), ("BRANCH", "B1", "BOSS"), ("LEAD1", "T1", "BRANCH"), ("LEAD2", "T2", "BRANCH")]
STAFF += [("ANN", "T1", "LEAD1"), ("BEN", "T1", "LEAD1"), ("CAT", "T2", "LEAD2")]


def a_company(path: Path, **loop: Any) -> CompanyFolder:
    """A company folder; `loop` are parts of closed_loop.yml besides its rules."""
    path.mkdir(exist_ok=True)
    crm = {"connection": "sqlite:///crm.db", "entities": {"customers": {"table": "customers"}}}
    programme = {"kind": "transactional", "after": {"interaction_types": ["claim"]}}
    programmes = {
        "sender": {"name": "Brunnenhof", "address": "service@brunnenhof.example"},
        "programmes": {"transactional": programme, "staff": {"kind": "employee", "cadence": {"every_days": 91, "starts_on": "2026-01-05"}}},
    }
    files = {
        "company": {"name": "Brunnenhof", "timezone": "Europe/Berlin", "currency": "EUR"},
        "sources": {"crm": crm},
        "programmes": programmes,
        "closed_loop": {"rules": RULES, **loop},
    }
    for name, content in files.items():
        (path / f"{name}.yml").write_text(yaml.safe_dump(content, sort_keys=False))
    return load(path, environ={})


def people(engine: sa.Engine, *, customers: int = 3) -> None:
    """Units, staff, and customers C1, C2, … each of whom ANN served on 2 March in interaction I1, I2, …"""
    put(engine, "org_units", [{"org_unit_id": unit, "parent_id": above, "kind": kind, "valid_from": SINCE} for unit, above, kind in UNITS])
    put(
        engine,
        "employees",
        [employee(who, org_unit_id=unit, manager_id=above, valid_from=SINCE) for who, unit, above in STAFF],
    )
    names = range(1, customers + 1)
    put(engine, "customers", [customer(f"C{n}") for n in names], loaded_at=NOW)
    served = datetime(2026, 3, 2, 12, tzinfo=UTC)
    put(
        engine,
        "interactions",
        [interaction(f"I{n}", f"C{n}", served, employee_id="ANN", org_unit_id="T1") for n in names],
        loaded_at=NOW,
    )


def answer(native_id: str, score: int | None, number: int = 1, **columns: Any) -> dict[str, Any]:
    """An answer of customer C`number` about interaction I`number`, an hour ago."""
    usual = {
        "provider": "mailer",
        "account": "",
        "native_id": native_id,
        "customer_id": f"C{number}",
        "interaction_id": f"I{number}",
        "programme": "transactional",
        "responded_at": NOW.replace(hour=8),
        "scale": "0-10",
        "score": score,
        "is_complete": True,
        "verbatim": f"word of {native_id}",
        "updated_at": NOW.replace(hour=8),
    }
    return {**usual, **columns}


def land(engine: sa.Engine, *answers: dict[str, Any], status: str = "landed") -> int:
    return put(engine, "survey_responses", answers, source="mailer", loaded_at=NOW, status=status)


def key_of(native_id: str) -> UUID:
    return stable_id("survey_responses:mailer", SEPARATOR.join(("mailer", "", native_id)))


def run(engine: sa.Engine, folder: CompanyFolder, now: datetime = NOW) -> dict[str, int]:
    """What close_loop does first."""
    refresh(engine, folder, now=now)
    return notice(engine, folder, now=now)


def rows(engine: sa.Engine, query: str, **given: Any) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query), given)]


def signals(engine: sa.Engine) -> list[tuple[Any, ...]]:
    """(rule, outcome, customer) of each, in order."""
    return rows(engine, "select rule, outcome, customer_id from ops.signals order by customer_id, rule")


def orders(engine: sa.Engine) -> list[tuple[Any, ...]]:
    """(customer, rule, owner, call wanted) of each, in order."""
    return rows(engine, "select customer_id, rule, owner_employee_id, call_wanted from ops.work_orders order by customer_id, opened_at")


def messages(engine: sa.Engine) -> list[tuple[Any, ...]]:
    """(kind, to whom) of each, in order."""
    return rows(engine, "select kind, coalesce(employee_id, target) from ops.messages order by 1, 2")
