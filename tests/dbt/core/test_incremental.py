"""Marts that are kept between builds hold what a build from scratch would hold, whatever came in whichever order."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from world import World, at

from shopkeeper.analysis.weights import publication
from shopkeeper.company.config import Company
from shopkeeper.company.weights import Weights

CUT = ("+nps_pair_counts", "+account_contacts_by_role")
REPORTED = ("+nps_by_segment", "+nps_current", "+survey_split_tests", "+response_rates", "+response_flow")
WEIGHTED = ("+survey_weightings", "int_weighting__scored_counts", "+int_representativeness__cells")
CORE = (*REPORTED, *WEIGHTED, *CUT, "+dim_accounts", "+dim_dates", "dim_products", "dim_org_units")
COMPANY = Company(
    name="Random",
    timezone="Europe/Berlin",
    currency="EUR",
    weights={
        "visit": Weights(margins=("segment", "product_category * recent_complaint", "failed_interaction_band")),
        "relationship": Weights(margins=("segment", "value_band")),
    },
)
FIRST = at("2026-01-10")
ENTITIES = {
    "survey_responses": 4,
    "survey_invitations": 3,
    "interactions": 3,
    "customers": 3,
    "revenue": 4,
    "service_costs": 3,
    "category_spend": 3,
    "complaints": 3,
    "calls": 2,
    "org_units": 3,
    "employees": 2,
    "products": 1,
    "accounts": 1,
}


class History:
    """A seeded company whose records come late, twice, corrected, out of order, and sometimes not at all.

    The ids are few, so that most rows correct or refer to something that is already there.
    """

    def __init__(self, seed: int, world: World) -> None:
        self.draw = random.Random(seed)
        self.as_of = FIRST + timedelta(days=30, hours=self.draw.randrange(24))
        self.known_at = world.tick()
        self.asked: list[str] = []
        self.frames = 0
        for wave, kind, method in (
            ("1", "visit", "email"),
            ("2", "visit", "phone"),
            ("1", "relationship", "email"),
            ("1", "staff", "email"),
        ):
            config = {"kind": "employee"} if kind == "staff" else {"split_tests": {"t": {"varies": "time", "arms": {"b": {}, "a": {}}}}}
            wave_id = world.wave(kind, wave, as_of=FIRST, method=method, config=config)
            abouts = []
            for number in range(1 if kind == "staff" else 4):
                who = {"employee_id": "E1"} if kind == "staff" else {"arms": {"t": "ab"[number % 2]}}
                about = f"I{self.draw.randrange(12)}" if self.draw.random() < 0.5 else None
                customer = None if kind == "staff" else f"C{number}"
                chance = {} if kind == "staff" or self.draw.random() < 0.2 else {"design_weight": 2}
                self.asked.append(world.invite(wave_id, kind, customer, at=FIRST, interaction_id=about, **who, **chance))
                abouts.append(about)
            if kind != "staff":
                world.frame([(wave_id, "drawn", None)] * 4 + [(wave_id, "not_drawn", None)] * 3, about=abouts)

    def batch(self, world: World, entity: str | None = None, size: int | None = None) -> int:
        """Few rows at a time after the first ones: what a build must find by itself must not be touched by chance."""
        entity = entity or self.draw.choices(list(ENTITIES), list(ENTITIES.values()))[0]
        make = getattr(self, entity)
        drawn = [make() for _ in range(size or self.draw.choice((1, 1, 2, 3, 8)))]
        rows = list({repr(self._key(entity, row)): row for row in drawn}.values())
        gone = [rows.pop()] if len(rows) > 1 and self.draw.random() < 0.15 else []
        batch_id = world.batch(entity, rows, source=self.draw.choice(("crm", "crm", "crm", "shop")), deleted=gone)
        if entity == "survey_responses" and self.draw.random() < 0.4:
            world.flag(batch_id, self.draw.choice(("speeder", "own_staff")), excludes=self.draw.random() < 0.5)
        return batch_id

    def event(self, world: World) -> None:
        """Sends, bounces, late completions and whatever else, recorded at some time after another."""
        event = self.draw.choice(("sent", "sent", "sent", "sending", "not_sent", "doubtful", "bounced", "opened", "completed", "expired"))
        message = {"message": "reminder"} if event == "sent" and self.draw.random() < 0.2 else {}
        world.happen(self.draw.choice(self.asked), event, at=self._moment(), recorded_at=world.tick(), **message)

    def frame(self, world: World) -> None:
        """Another wave with its frozen frame: of customers, or of interactions; drawn now, of which a build may learn later."""
        self.frames += 1
        wave = world.wave("visit", f"frame {self.frames}", as_of=self._moment(), drawn_at=world.tick())
        reasons = ("no_email", "opted_out", "quarantine_any", "another_interaction", "staff")
        candidates = [(wave, "turned_away", self.draw.choice(reasons)) for _ in range(self.draw.randint(1, 4))]
        candidates += [(wave, self.draw.choice(("drawn", "not_drawn")), None) for _ in range(self.draw.randrange(4))]
        world.frame(candidates, about=[self._maybe(f"I{self.draw.randrange(12)}") for _ in candidates])

    def move_as_of(self) -> None:
        """Mostly on, by hours or weeks; now and then back."""
        self.as_of += timedelta(hours=self.draw.choice((1, 20, 24, 24 * 8, 24 * 31, -24 * 5)))

    def move_known_at(self, world: World) -> None:
        """Mostly up to now; sometimes what came last is not known yet, and now and then it goes back."""
        latest = world.tick() - timedelta(minutes=self.draw.choice((0, 0, 0, 2)))
        self.known_at = latest if self.draw.random() < 0.1 else max(self.known_at, latest)

    def survey_responses(self) -> dict[str, Any]:
        about_interaction = self.draw.random() < 0.5
        undated = self.draw.random() < 0.1
        moment = self._moment()
        return {
            "native_id": f"R{self.draw.randrange(80)}",
            "provider": self.draw.choice(("mailer", None)),
            "invitation_id": self._maybe(self._invitation()),
            "customer_id": self._maybe(self._customer()),
            "interaction_id": self._maybe(f"I{self.draw.randrange(12)}") if about_interaction else None,
            "programme": self.draw.choice(("visit", "relationship", None)),
            "responded_at": None if undated else moment,
            "period_from": date(2026, 1, 1) if undated and self.draw.random() < 0.8 else None,
            "period_to": date(2026, 3, 31) if undated else None,
            "scale": self.draw.choice(("0-10",) * 8 + ("1-5", None)),
            "score": self.draw.choice((*range(11), 0, 3, 9, 9, 10, 10, None)),
            "is_complete": self.draw.random() < 0.9,
            "updated_at": self._changed(),
        }

    def survey_invitations(self) -> dict[str, Any]:
        return {
            "invitation_id": self._invitation() if self.draw.random() < 0.2 else f"V{self.draw.randrange(12)}",
            "customer_id": self._maybe(self._customer()),
            "interaction_id": self._maybe(f"I{self.draw.randrange(12)}"),
            "programme": self.draw.choice(("visit", "relationship")),
            "sent_at": self._maybe(self._moment(), 0.95),
            "updated_at": self._changed(),
        }

    def interactions(self) -> dict[str, Any]:
        occurred_at = self._moment()
        return {
            "interaction_id": f"I{self.draw.randrange(12)}",
            "customer_id": self._customer(),
            "occurred_at": occurred_at,
            "resolved_at": self._maybe(occurred_at + timedelta(hours=self.draw.choice((1, 30, 100, 400)))),
            "channel": self.draw.choice(("shop", "phone")),
            "interaction_subtype": self.draw.choice(("repair", None)),
            "product_id": self._maybe(f"P{self.draw.randrange(3)}"),
            "employee_id": self._maybe(f"E{self.draw.randrange(3)}"),
            "org_unit_id": self._maybe(f"U{self.draw.randrange(6)}", 0.5),
            "updated_at": self._changed(),
        }

    def customers(self) -> dict[str, Any]:
        return {
            "customer_id": self._customer(),
            "account_id": self._maybe(f"A{self.draw.randrange(2)}"),
            "segment": self.draw.choice(("gold", "silver", None)),
            "joined_on": date(2026, 1, 1) - timedelta(days=self.draw.choice((-40, -10, 5, 360, 364, 1000))),
            "is_staff": self.draw.random() < 0.1,
            "merged_into": self.draw.choice((*[None] * 5, self._customer(), "C99")),
            "updated_at": self._changed(),
        }

    def revenue(self) -> dict[str, Any]:
        return {
            "revenue_id": f"N{self.draw.randrange(10)}",
            "customer_id": self._customer(),
            "booked_on": self._moment().date() - timedelta(days=self.draw.choice((0, 0, 330))),
            "amount": self.draw.choice((50, 120, 600)),
            "direct_cost": self._maybe(20),
            "currency": self.draw.choice((None, "EUR", "USD")),
            "updated_at": self._changed(),
        }

    def service_costs(self) -> dict[str, Any]:
        return {
            "cost_id": f"S{self.draw.randrange(6)}",
            "customer_id": self._maybe(self._customer(), 0.6),
            "interaction_id": self._maybe(f"I{self.draw.randrange(12)}"),
            "booked_on": self._maybe(self._moment().date(), 0.6),
            "amount": self.draw.choice((30, 90, 300)),
            "updated_at": self._changed(),
        }

    def complaints(self) -> dict[str, Any]:
        return {
            "complaint_id": f"G{self.draw.randrange(5)}",
            "customer_id": self._maybe(self._customer(), 0.6),
            "interaction_id": self._maybe(f"I{self.draw.randrange(12)}"),
            "opened_at": self._moment() - timedelta(days=self.draw.choice((0, 0, 360))),
            "updated_at": self._changed(),
        }

    def calls(self) -> dict[str, Any]:
        return {
            "call_id": f"K{self.draw.randrange(5)}",
            "interaction_id": self._maybe(f"I{self.draw.randrange(12)}"),
            "failed_interaction_score": self._maybe(self.draw.choice((0.1, 0.4, 0.9))),
            "updated_at": self._changed(),
        }

    def category_spend(self) -> dict[str, Any]:
        first = date(2026, 1, 1) + timedelta(days=self.draw.choice((-60, -30, 0, 30, 60)))
        return {
            "customer_id": self._customer(),
            "period_from": first,
            "period_to": first + timedelta(days=self.draw.choice((20, 29, 29, 50))),
            "amount": self.draw.choice((0, 200, 500, 2000)),
            "updated_at": self._changed(),
        }

    def org_units(self) -> dict[str, Any]:
        number = self.draw.randrange(6)
        return {
            "org_unit_id": f"U{number}",
            "valid_from": self._maybe(self._moment().date(), 0.6),
            "parent_id": self._maybe(f"U{self.draw.randrange(6)}", 0.7),
            "kind": ("company", "region", "branch", "team", "team", "desk")[number],
            "name": f"unit {number}",
            "updated_at": self._changed(),
        }

    def employees(self) -> dict[str, Any]:
        return {
            "employee_id": f"E{self.draw.randrange(3)}",
            "valid_from": self._maybe(self._moment().date(), 0.6),
            "org_unit_id": f"U{self.draw.randrange(6)}",
            "updated_at": self._changed(),
        }

    def products(self) -> dict[str, Any]:
        return {"product_id": f"P{self.draw.randrange(3)}", "category": self.draw.choice(("tools", "toys")), "updated_at": self._changed()}

    def accounts(self) -> dict[str, Any]:
        return {"account_id": f"A{self.draw.randrange(2)}", "name": self.draw.choice(("North", "South")), "updated_at": self._changed()}

    def _invitation(self) -> str:
        """Of the history, or of the ledger."""
        return self.draw.choice((f"V{self.draw.randrange(12)}", self.draw.choice(self.asked)))

    def _customer(self) -> str:
        return f"C{self.draw.randrange(8)}"

    def _moment(self) -> datetime:
        return FIRST + timedelta(hours=self.draw.randrange(24 * 90), minutes=self.draw.randrange(60))

    def _changed(self) -> datetime | None:
        return self._maybe(self._moment(), 0.7)

    def _maybe(self, value: Any, often: float = 0.8) -> Any:
        return value if self.draw.random() < often else None

    @staticmethod
    def _key(entity: str, row: dict[str, Any]) -> tuple[Any, ...]:
        from shopkeeper.warehouse.entities import ENTITIES as DECLARED

        return tuple(row.get(name) for name in DECLARED[entity].key)


def weigh(connection: sa.Connection, build_id: int) -> object:
    return publication.analyse(connection, build_id, COMPANY)


def follow(world: World, seed: int, builds: int) -> None:
    """Live through `builds` builds and hold the kept marts against a build from scratch of the same batches."""
    world.forget()
    history = History(seed, world)
    first = history.draw.sample(list(ENTITIES), 8)
    loaded = [history.batch(world, entity, size=15) for entity in (*first, "survey_responses", "survey_responses", "survey_responses")]
    added = 0
    for number in range(builds):
        loaded += [history.batch(world) for _ in range(history.draw.randint(0, 3))]
        for _ in range(history.draw.randint(0, 3)):
            history.event(world)
        if history.draw.random() < 0.4:
            history.frame(world)
        if history.draw.random() < 0.1:
            world.withdraw(loaded.pop(history.draw.randrange(len(loaded))))
        if history.draw.random() < 0.6:
            history.move_as_of()
        history.move_known_at(world)
        added += not world.build(history.as_of, known_at=history.known_at, select=CORE, run_tests=False, analyse=weigh)
        if number % 4 == 3:
            kept = world.checksums()
            world.build(history.as_of, known_at=history.known_at, full_refresh=True, select=CORE, run_tests=False, analyse=weigh)
            anew = world.checksums()
            differing = [name for name in kept if kept[name] != anew[name]]
            assert not differing, f"seed {seed}, build {number}: {', '.join(differing)} differ from a build from scratch"
    assert added, f"seed {seed} never added to kept marts"


@pytest.fixture(scope="module")
def company(world: World) -> World:
    world.settings.update(company_timezone="Europe/Berlin", maturity_days=10, hidden_below=2, indicative_below=4, indicative_half_width=60)
    world.exchange_rate("USD", date(2025, 1, 1), "0.9")
    world.weight(COMPANY.weights)
    return world


@pytest.mark.long
@pytest.mark.parametrize(("seed", "builds"), [(1, 4), (2, 8)])
def test_builds_that_add_equal_a_build_from_scratch(company: World, seed: int, builds: int) -> None:
    follow(company, seed, builds)


@pytest.mark.long
@settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(min_value=100, max_value=2**31))
def test_any_order_of_late_corrected_and_withdrawn_batches(company: World, seed: int) -> None:
    follow(company, seed, builds=12)
