"""A small company whose loop is closed by the closed loop itself: answers are noticed, people call, and dbt tells what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import sqlalchemy as sa
from world import World, at

from shopkeeper.closed_loop import directory, orders
from shopkeeper.closed_loop.events import Event, append
from shopkeeper.closed_loop.notice import notice
from shopkeeper.company.closed_loop import ClosedLoop
from shopkeeper.company.config import Company, CompanyFolder
from shopkeeper.pipeline.publish import PAIRS
from shopkeeper.privacy.learned import redact_learned
from shopkeeper.warehouse import roles
from shopkeeper.warehouse.ids import SEPARATOR, stable_id

SAMPLE = Path(__file__).resolve().parents[3] / "include" / "company"
MARTS = (
    "+nps_by_segment",
    "+fct_work_orders",
    "+fct_contact_attempts",
    "+closed_loop_performance",
    "+fct_employee_responses",
    "+nps_by_employee",
)
NOTICED = at("2026-03-13 10:00")
AS_OF = at("2026-04-01")
ALL_DAY = {"weekdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "starts": "00:00", "ends": "23:59"}
RULES = {
    "call_back_requested": {"kind": "call_back_requested"},
    "low_score": {"kind": "low_score"},
    "fallen_score": {"kind": "score_moved", "by": 2},
    "thank_promoter": {"kind": "promoter", "then": "tell"},
}
# unit → (parent, kind); employee → (unit, supervisor)
UNITS = {
    "HQ": (None, "company"), "R1": ("HQ", "region"), "R2": ("HQ", "region"), "B1": ("R1", "branch"), "B2": ("R2", "branch"),
    "T1": ("B1", "team"), "T2": ("B2", "team"),
}  # fmt: skip
PEOPLE = {
    "D": ("HQ", None), "R": ("R1", "D"), "M1": ("T1", "R"), "E1": ("T1", "M1"), "E2": ("T1", "M1"), "M2": ("T2", "D"), "E3": ("T2", "M2"),
}  # fmt: skip
# answer → (customer, who served, score, may be called, day); the employee's unit is the interaction's
ANSWERS = {
    "settled": ("C1", "E1", 2, None, "2026-03-12 09:00"),
    "fallen": ("C2", "E2", 6, True, "2026-03-12 10:00"),
    "declined": ("C3", "E3", 3, False, "2026-03-12 11:00"),
    "thanked": ("C4", "E1", 10, None, "2026-03-12 12:00"),
    "passive": ("C5", "E2", 8, None, "2026-03-12 13:00"),
    "forgotten": ("C6", "E1", 0, None, "2026-03-12 14:00"),
}


def folder() -> CompanyFolder:
    loop = ClosedLoop.model_validate({"rules": RULES, "calendar": ALL_DAY, "cycle": {"recovery_programme": "recovery"}})
    company = Company(name="Small", timezone="UTC", currency="EUR")
    return CompanyFolder(folder=SAMPLE, company=company, sources={}, closed_loop=loop, config_hash="")


def key_of(native_id: str) -> UUID:
    return stable_id("survey_responses:crm", SEPARATOR.join(("crm", native_id)))


def response_id(native_id: str) -> UUID:
    return stable_id("response", "crm", native_id)


def answer(native_id: str, **values: Any) -> dict[str, Any]:
    moment = values["responded_at"]
    return {"native_id": native_id, "scale": "0-10", "updated_at": moment, "programme": "visit", **values}


class Loop:
    """Tells its story to a world: whoever is unhappy is noticed, and most are called."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.folder = folder()
        world.settings.update(hidden_below=1, indicative_below=1, recovery_programme="recovery")
        world.batch("org_units", [{"org_unit_id": unit, "parent_id": parent, "kind": kind} for unit, (parent, kind) in UNITS.items()])
        world.batch("employees", [{"employee_id": name, "org_unit_id": unit, "manager_id": boss} for name, (unit, boss) in PEOPLE.items()])
        names = sorted({customer for customer, *_ in ANSWERS.values()})
        world.batch("customers", [{"customer_id": name, "joined_on": date(2024, 1, 1), "segment": "gold"} for name in names])
        visits = [
            {"interaction_id": f"I-{name}", "customer_id": customer, "employee_id": employee, "occurred_at": at(day) - timedelta(days=1)}
            for name, (customer, employee, _, _, day) in ANSWERS.items()
        ]
        world.batch("interactions", visits)
        world.batch("survey_responses", [answer("before", customer_id="C2", score=9, responded_at=at("2026-02-01"))])
        self.batch_id = world.batch(
            "survey_responses",
            [
                answer(name, interaction_id=f"I-{name}", score=score, may_call_back=may, responded_at=at(day))
                for name, (_, _, score, may, day) in ANSWERS.items()
            ],
        )
        directory.refresh(world.engine, self.folder, now=NOTICED)
        notice(world.engine, self.folder, now=NOTICED)
        self.orders = {row["response_key"]: row["order_id"] for row in world.rows("select response_key, order_id from ops.work_orders")}

    def order(self, name: str) -> UUID:
        return UUID(str(self.orders[str(key_of(name))]))

    def do(self, what: str, name: str, moment: str, **details: Any) -> None:
        """`what` as in closed_loop.orders, about the order of an answer."""
        command_id = uuid5(self.order(name), f"{what} {moment}")
        with self.world.engine.begin() as connection:
            if what in ("attempt", "reopen", "spend"):
                details["folder"] = self.folder
            getattr(orders, what)(connection, self.order(name), command_id=command_id, at=at(moment), **details)

    def act(self) -> None:
        """One is settled at the second call, one called late and reopened, one wanted no call, one is forgotten."""
        self.do("attempt", "settled", "2026-03-13 15:00", actor="E1", reached=False)
        follow_up = {
            "learned": "Nobody had told Holgersen of it",
            "action": "refund",
            "impact": "saved",
            "amount": Decimal("20.00"),
            "closes": True,
        }
        self.do("attempt", "settled", "2026-03-14 16:00", actor="E1", reached=True, **follow_up)
        self.do("attempt", "fallen", "2026-03-16 10:00", actor="E2", reached=True, follow_up_at=at("2026-03-17 10:00"))
        self.do("close", "fallen", "2026-03-18 10:00", actor="M1", reason="not_pursued", note="moved abroad")
        self.do("close", "declined", "2026-03-13 11:00", actor="M2", reason="no_call_wanted")

    def redact(self) -> None:
        """What a build does first: what the calls taught is freed of the customer's name."""
        self._run(
            "insert into pii.customers (_key, _batch_id, full_name, _pii_hash, _loaded_at)"
            " select _key, _batch_id, 'Anna Holgersen', _key, _loaded_at from raw.customers where customer_id = 'C1'"
        )
        redact_learned(self.world.engine)

    def recover(self) -> None:
        """The customer who was called is asked again, and answers."""
        wave = self.world.wave("recovery", "w1", as_of=at("2026-03-20"), config={"kind": "transactional"})
        invitation = self.world.invite(wave, "recovery", "C1", at=at("2026-03-21 16:00"), interaction_id="I-settled")
        self.world.happen(invitation, "sent", at=at("2026-03-21 16:00"))
        with self.world.engine.begin() as connection:
            asked = Event(self.order("settled"), "recovery_asked", at("2026-03-21 16:00"), "shopkeeper", invitation_id=UUID(invitation))
            append(connection, [asked])
        again = answer("again", invitation_id=invitation, programme=None, score=9, responded_at=at("2026-03-22 16:00"))
        self.world.batch("survey_responses", [again])

    def say(self, native_id: str, words: str | None, *, batch_id: int | None = None, moment: str = "2026-03-12", known: int = 0) -> None:
        """Words of an answer, and what is left of them when they have been redacted; `known` is the build before which that was."""
        batch = self.batch_id if batch_id is None else batch_id
        given = {"key": key_of(native_id), "batch": batch, "words": words, "at": at(moment), "known": known}
        self._run(
            "insert into pii.survey_responses (_key, _batch_id, verbatim, updated_at, _pii_hash, _loaded_at)"
            " values (:key, :batch, :words, :at, ops.stable_id('pii', coalesce(:words, '')), :at)",
            **given,
        )
        if words is not None:
            self._run(
                "insert into ops.redacted_verbatims (_key, _batch_id, verbatim, replaced, method, build_id, redacted_at)"
                " values (:key, :batch, replace(:words, 'Smith', '[name]'), 1, 'test', :known, :at)",
                **given,
            )

    def _run(self, statement: str, **given: Any) -> None:
        with self.world.engine.begin() as connection:
            connection.execute(sa.text(statement), given)


def clock(world: World) -> datetime:
    """Now, as the database says: what is recorded later is not known then."""
    moment: datetime = world.rows("select clock_timestamp() as now")[0]["now"]
    return moment


@contextmanager
def published(world: World) -> Iterator[None]:
    """What publishing does to names and grants, and back."""
    _swap(world)
    try:
        yield
    finally:
        _swap(world)


def _swap(world: World) -> None:
    with world.engine.begin() as connection:
        for now_published, next_one in PAIRS:
            for old, new in ((now_published, "_swap"), (next_one, now_published), ("_swap", next_one)):
                connection.execute(sa.text(f"alter schema {old} rename to {new}"))
        for schema in (name for pair in PAIRS for name in pair):
            roles.grant_schema(connection, schema)
