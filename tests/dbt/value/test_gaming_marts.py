"""Three branches of ten game, each in another way: raw rows go in, and out comes what is to be reviewed, with evidence, without people."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from world import World, at, run_dbt

from shopkeeper.analysis.gaming import publication
from shopkeeper.company.config import Company
from shopkeeper.company.gaming import GamingReview
from shopkeeper.quality.judge import open_judge, read_suites
from shopkeeper.warehouse.tables import PII

pytestmark = pytest.mark.slow

AS_OF = at("2026-01-01")
BRANCHES, EACH, GAMED = 10, 60, 24
ALTERED, UNASKED, OWN = 3, 5, 7  # the branches that game
COMPANY = Company(name="Planted", timezone="UTC", currency="EUR", gaming=GamingReview(contact_edits=("new address",)))


def _rows() -> dict[str, list[dict[str, Any]]]:
    """One call of every customer, asked about the next morning and answered in the afternoon, if nobody games."""
    rows: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("customers", "org_units", "employees", "interactions", "survey_invitations", "survey_responses", "complaints")
    }
    rows["org_units"].append({"org_unit_id": "HQ", "kind": "company"})
    for branch in range(BRANCHES):
        rows["org_units"] += [
            {"org_unit_id": f"B{branch}", "kind": "branch", "parent_id": "HQ"},
            {"org_unit_id": f"T{branch}", "kind": "team", "parent_id": f"B{branch}"},
        ]
        rows["employees"].append({"employee_id": f"E{branch}", "org_unit_id": f"T{branch}"})
        for n in range(EACH):
            _case(rows, branch, n)
    return rows


def _case(rows: dict[str, list[dict[str, Any]]], branch: int, n: int) -> None:
    name = f"{branch}-{n:02}"
    day = datetime(2025, 2, 3, tzinfo=UTC) + timedelta(days=5 * n)
    games = n % 5 < 2  # two in five: GAMED of EACH
    asked, answered = day + timedelta(days=1, hours=9), day + timedelta(days=1, hours=15, minutes=(7 * branch + 11 * n) % 180)
    bounces, is_own = games and branch == ALTERED, games and branch == OWN
    rows["customers"].append({"customer_id": name, "joined_on": date(2020, 1, 1), "has_email": True, "segment": "private"})
    call = {"customer_id": name, "employee_id": f"E{branch}", "org_unit_id": f"T{branch}", "channel": "phone"}
    rows["interactions"].append(
        {
            **call,
            "interaction_id": f"I{name}",
            "occurred_at": day.replace(hour=10),
            "resolved_at": day.replace(hour=11),
            "interaction_type": "call",
        }
    )
    if bounces and n % 5 == 0:  # one half by an interaction on record, the other in the customer's own record alone
        rows["interactions"].append(
            {**call, "interaction_id": f"N{name}", "occurred_at": day.replace(hour=18), "interaction_type": "new address"}
        )
    if games and branch == UNASKED:
        return
    about = {"invitation_id": f"V{name}", "customer_id": name, "interaction_id": f"I{name}", "programme": "calls"}
    rows["survey_invitations"].append({**about, "sent_at": asked, "disposition": "bounced" if bounces else "delivered"})
    if bounces:
        return
    rows["survey_responses"].append(
        {
            **about,
            "native_id": f"A{name}",
            "provider": "file",
            "scale": "0-10",
            "score": 10 if is_own else (10, 8, 9, 3)[(n + branch) % 4],
            "started_at": answered - timedelta(seconds=8 if is_own else 60 + (13 * n) % 90),
            "responded_at": answered,
        }
    )


@pytest.fixture(scope="module")
def built(world: World) -> World:
    batches = {entity: world.batch(entity, rows) for entity, rows in _rows().items() if rows}
    _write_personal(world, batches)
    world.build(AS_OF, select=["+int_gaming__moments", "+int_employees__today"], run_tests=False)
    with world.engine.begin() as connection:
        build_id = connection.scalar(sa.text("select build_id from ops.current_build"))
        first = publication.analyse(connection, build_id, COMPANY)
        assert publication.analyse(connection, build_id, COMPANY) == first, "done again, it writes the same again"
        assert first["need_review"] >= 3
    run_dbt(
        world.folder,
        "build",
        "--indirect-selection",
        "buildable",
        "--select",
        "path:models/marts/gaming",
        "path:models/intermediate/gaming",
        "gaming_signals_by_employee",
    )
    return world


def _write_personal(world: World, batches: dict[str, int]) -> None:
    """Addresses, of which some became another one before the survey; and devices: one branch answers from its own machine."""
    changed = [{"customer_id": f"{ALTERED}-{n:02}", "joined_on": date(2020, 1, 1), "has_email": True} for n in range(EACH) if n % 5 == 1]
    later = world.batch("customers", changed)
    addresses = f"""
        insert into {PII["customers"]} (_key, _batch_id, _pii_hash, _loaded_at, email, updated_at)
        select _key, _batch_id, _row_hash, _loaded_at, customer_id || :domain,
            case when _batch_id = {later} then timestamptz '2025-02-03 18:00Z' + right(customer_id, 2)::integer * interval '5 days' end
        from raw.customers where _batch_id = :batch
    """
    devices = f"""
        insert into {PII["survey_responses"]} (_key, _batch_id, _pii_hash, _loaded_at, extra)
        select _key, _batch_id, _row_hash, _loaded_at, jsonb_build_object(
            'client_hash', case when customer_id like '{OWN}-%' and score = 10 then 'own machine' else customer_id end
        )
        from raw.survey_responses where _batch_id = :batch
    """
    with world.engine.begin() as connection:
        connection.execute(sa.text(addresses), {"batch": batches["customers"], "domain": "@customers.example"})
        connection.execute(sa.text(addresses), {"batch": later, "domain": "@nobody.example"})
        connection.execute(sa.text(devices), {"batch": batches["survey_responses"]})


def test_each_way_is_found_by_its_trace_and_nobody_else_is_named(built: World) -> None:
    found = {
        (row["dimension_value"], row["signal"])
        for row in built.rows("select * from marts_next.gaming_signals where needs_review and dimension = 'branch'")
    }
    assert {(f"B{ALTERED}", "bounced_after_edit"), (f"B{UNASKED}", "not_asked"), (f"B{OWN}", "shared_address")} <= found
    assert (f"B{OWN}", "answered_fast") in found
    assert {unit for unit, _ in found} == {f"B{ALTERED}", f"B{UNASKED}", f"B{OWN}"}
    people = built.rows("select * from frontline_next.gaming_signals_by_employee where needs_review")
    assert {row["employee_id"] for row in people} == {f"E{ALTERED}", f"E{UNASKED}", f"E{OWN}"}
    assert {row["unit_path"] for row in people} == {f"/HQ/B{b}/T{b}/" for b in (ALTERED, UNASKED, OWN)}


def test_what_is_said_can_be_followed_to_the_rows(built: World) -> None:
    """An accusation without its rows cannot be answered, and one with a count that they do not bear out is slander."""
    (row,) = built.rows(
        f"select * from marts_next.gaming_signals where dimension_value = 'B{UNASKED}' and dimension = 'branch' and signal = 'not_asked'"
    )
    assert (row["observed"], row["n"], row["evidence_kind"]) == (GAMED, EACH, "interaction")
    assert set(row["evidence"].split(",")) == {f"I{UNASKED}-{n:02}" for n in range(EACH) if n % 5 < 2}
    assert row["words"].startswith(f"review: {GAMED} customers who could have been asked about an interaction, and were not, of {EACH}")
    assert row["expected"] < 5 < row["z"]
    assert row["p"] <= row["q_value"] <= 0.05 / 12
    (bounced,) = built.rows(
        "select * from marts_next.gaming_signals"
        f" where dimension_value = 'B{ALTERED}' and dimension = 'branch' and signal = 'bounced_after_edit'"
    )
    assert bounced["observed"] == GAMED, "edits on record and addresses that changed without one count alike"
    shared = built.rows("select evidence from marts_next.gaming_signals where signal = 'shared_address' and needs_review")
    answers = {str(one["response_id"]) for one in built.rows("select response_id from marts_next.fct_survey_responses")}
    assert all(set(one["evidence"].split(",")) <= answers for one in shared)


def test_the_gate_passes_and_no_address_gets_out(built: World) -> None:
    """Addresses and devices are compared where they are kept; an evidence row that shows one would be worse than any gaming."""
    with open_judge(built.engine) as judge:
        for suite in read_suites().values():
            if "gaming" in suite.table:
                schema, _, table = suite.table.partition(".")
                judged = judge.validate(suite.name, f'select * from {schema}_next."{table}"', about=table, now=AS_OF)
                assert all(check.succeeded for check in judged.checks), [check for check in judged.checks if not check.succeeded]
    tables = [
        *(f"intermediate.{row['name']}" for row in built.rows(
            "select table_name as name from information_schema.tables where table_schema = 'intermediate' and table_name like 'int_gaming%'"
        )),
        "analysis.gaming_signals", "marts_next.gaming_signals", "frontline_next.gaming_signals_by_employee",
    ]  # fmt: skip
    assert len(tables) >= 9
    for table in tables:
        assert not built.rows(f"select 1 from {table} as t where t::text ~ '@|own machine'"), table
    guarded = built.rows(
        "select relforcerowsecurity and relrowsecurity as is_guarded from pg_class where relname = 'gaming_signals_by_employee'"
    )
    assert [row["is_guarded"] for row in guarded] == [True]
