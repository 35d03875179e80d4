"""The gates: what stops a batch, what only warns, what is kept as evidence, and what never is."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shopkeeper.errors import GateFailed, ShopkeeperError
from shopkeeper.quality import sites
from shopkeeper.quality.data_docs import build_data_docs
from shopkeeper.quality.gates import gate_batches, gate_publication
from shopkeeper.quality.judge import EXPECTATIONS
from shopkeeper.warehouse.entities import ENTITIES
from shopkeeper.warehouse.tables import BATCHES, RAW

NOW = datetime(2025, 4, 1, tzinfo=UTC)
Land = Callable[..., int]


def rows(engine: sa.Engine, query: str, **values: Any) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query), values)]


def failures(engine: sa.Engine, batch_id: int) -> dict[str, str]:
    """Description → severity of the checks that a batch failed."""
    query = "select description, severity from quality.gate_results where batch_id = :id and not succeeded"
    return {str(description): str(severity) for description, severity in rows(engine, query, id=batch_id)}


def status(engine: sa.Engine, batch_id: int) -> str:
    return str(rows(engine, "select status from ops.batches where batch_id = :id", id=batch_id)[0][0])


@pytest.fixture
def land(warehouse: sa.Engine) -> Land:
    """`land("revenue", [{…}, …], kind=…)` puts a landed batch with these rows into raw; missing columns get plain values."""

    def land(entity: str, records: list[dict[str, Any]] | None = None, **batch: Any) -> int:
        records = records or []
        counts = {"rows_in": len(records), "accepted": len(records), "unchanged": 0, "rejected": 0}
        values = {"entity": entity, "source": "crm", "kind": "window", "loaded_at": NOW, "status": "landed", **counts, **batch}
        with warehouse.begin() as connection:
            batch_id: int = connection.execute(sa.insert(BATCHES).values(values).returning(BATCHES.c.batch_id)).scalar_one()
            for number, record in enumerate(records, 1):
                key = sa.func.ops.stable_id(entity, f"{batch_id}/{number}")
                plain = {"_key": key, "_batch_id": batch_id, "_source": "crm", "_row_number": number, "_row_hash": key, "_loaded_at": NOW}
                connection.execute(sa.insert(RAW[entity]).values({**plain, **record}))
        return batch_id

    return land


def posting(number: int, **columns: Any) -> dict[str, Any]:
    return {"revenue_id": f"R{number}", "customer_id": f"C{number}", "booked_on": NOW.date(), "amount": 10, **columns}


def answer(number: int, customer: str | None = None, **columns: Any) -> dict[str, Any]:
    return {"native_id": f"A{number}", "customer_id": customer, "responded_at": NOW, "score": 9, "programme": "relationship", **columns}


def customer(name: str) -> dict[str, Any]:
    return {"customer_id": name, "joined_on": NOW.date()}


# --- verdicts --------------------------------------------------------------------------------------------------------


def test_without_a_landed_batch_nothing_is_even_imported(warehouse_url: str) -> None:
    # The import takes seconds, and most hourly runs bring nothing new for most entities.
    script = (
        "import sys, datetime; from shopkeeper.warehouse.engine import engine; from shopkeeper.quality.gates import gate_batches;"
        "print(gate_batches(engine(), now=datetime.datetime.now(datetime.UTC)), 'great_expectations' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env={**os.environ})
    assert done.stdout.strip() == "GateSummary(passed=(), failed=(), warnings=0) False"


def test_a_critical_check_stops_its_batch_and_no_other(warehouse: sa.Engine, land: Land) -> None:
    good = land("revenue", [posting(1), posting(2)])
    bad = land("revenue", [posting(3), posting(4, amount=None)])
    doubtful = land("revenue", [posting(5, currency="euro")])
    summary = gate_batches(warehouse, now=NOW)
    assert (summary.passed, summary.failed, summary.warnings) == ((good, doubtful), (bad,), 1)
    assert [status(warehouse, batch) for batch in (good, bad, doubtful)] == ["passed", "failed", "passed"]

    found = rows(
        warehouse,
        """
        select column_name, severity, rows_checked, rows_failed, reason, failing_keys = jsonb_build_array(raw.revenue._key)
        from quality.gate_results
        inner join raw.revenue on revenue_id = 'R4'
        where batch_id = :bad and not succeeded
        """,
        bad=bad,
    )
    assert found == [("amount", "critical", 2, 1, "Broken by 1 of 2 rows.", True)]
    events = rows(warehouse, "select from_status, to_status, actor, recorded_at from ops.batch_events where batch_id = :bad", bad=bad)
    assert events == [("landed", "failed", "gate", NOW)]
    assert "says nothing" in rows(warehouse, "select reason from ops.batches where batch_id = :bad", bad=bad)[0][0]

    before = rows(warehouse, "select count(*) from quality.gate_results")
    assert gate_batches(warehouse, now=NOW).passed == ()
    assert rows(warehouse, "select count(*) from quality.gate_results") == before


def test_an_empty_batch_of_any_entity_passes(warehouse: sa.Engine, land: Land) -> None:
    landed = {land(name) for name in ENTITIES}
    assert set(gate_batches(warehouse, now=NOW).passed) == landed
    assert rows(warehouse, "select suite, description, reason from quality.gate_results where not succeeded") == []
    assert rows(warehouse, "select count(distinct suite) from quality.gate_results") == [(19,)]


def test_only_the_batches_asked_for_are_judged(warehouse: sa.Engine, land: Land) -> None:
    one, other = land("revenue", [posting(1)]), land("revenue", [posting(2)])
    assert gate_batches(warehouse, now=NOW, batch_ids=[other]).passed == (other,)
    assert status(warehouse, one) == "landed"


def test_keys_are_kept_up_to_a_hundred(warehouse: sa.Engine, land: Land) -> None:
    batch = land("revenue", [posting(number, amount=None) for number in range(150)])
    gate_batches(warehouse, now=NOW)
    query = "select rows_failed, jsonb_array_length(failing_keys) from quality.gate_results where batch_id = :batch and not succeeded"
    assert rows(warehouse, query, batch=batch) == [(150, 100)]


def test_answers_of_unknown_customers_warn_and_above_5_percent_stop(warehouse: sa.Engine, land: Land) -> None:
    # The answers land before the customers do: a run loads both side by side, and the gate judges customers first.
    few = land("survey_responses", [answer(number, f"C{number}") for number in range(40)])
    many = land("survey_responses", [answer(number, f"X{number}") for number in range(10)])
    anonymous = land("survey_responses", [answer(1)])
    land("customers", [customer(f"C{number}") for number in range(1, 60)])
    summary = gate_batches(warehouse, now=NOW)
    assert summary.failed == (many,)
    assert list(failures(warehouse, few).values()) == ["warning"]
    assert list(failures(warehouse, many).values()) == ["warning", "critical"]
    assert failures(warehouse, anonymous) == {}


def test_without_customers_nobody_is_unknown(warehouse: sa.Engine, land: Land) -> None:
    # A company that maps survey answers alone gets a score all the same.
    batch = land("survey_responses", [answer(1, "C1")])
    land("customers", [customer("C2")], status="failed")
    assert gate_batches(warehouse, now=NOW).passed == (batch,)
    assert failures(warehouse, batch) == {}


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ({"rows_in": 100, "accepted": 100}, {}),
        ({"rows_in": 81, "accepted": 81}, {}),
        ({"rows_in": 79, "accepted": 79}, {"smaller": "critical"}),
        ({"rows_in": 0, "accepted": 0}, {"not empty": "critical", "smaller": "critical"}),
        ({"rows_in": 100, "accepted": 100, "deleted": 21}, {"leave a snapshot": "critical"}),
        ({"rows_in": 100, "accepted": 79, "rejected": 21}, {"20 % of the rows": "critical", "1 % of the rows": "warning"}),
        ({"rows_in": 100, "accepted": 98, "rejected": 2}, {"1 % of the rows": "warning"}),
        ({"rows_in": 100, "accepted": 100, "details": {"columns_added": ["x"]}}, {"did not have before": "warning"}),
        ({"rows_in": 100, "accepted": 100, "details": {"columns_dropped": ["x"]}}, {"all columns that it had": "warning"}),
    ],
)
def test_facts_about_a_snapshot(warehouse: sa.Engine, land: Land, facts: dict[str, Any], verdict: dict[str, str]) -> None:
    land("products", kind="snapshot", status="passed", rows_in=100, accepted=100)
    land("products", kind="snapshot", status="failed", rows_in=3, accepted=3)  # a failed one is no measure
    land("products", kind="snapshot", status="passed", rows_in=5, accepted=5, source="another")
    batch = land("products", kind="snapshot", **facts)
    gate_batches(warehouse, now=NOW)
    found = failures(warehouse, batch)
    assert len(found) == len(verdict), found
    for words, severity in verdict.items():
        assert [found[description] for description in found if words in description] == [severity]
    assert status(warehouse, batch) == ("failed" if "critical" in verdict.values() else "passed")


def test_an_unusual_number_of_rows_warns(warehouse: sa.Engine, land: Land) -> None:
    def window(day: int, count: int, hours: int = 24, **more: Any) -> int:
        end = NOW + timedelta(days=day)
        return land("products", rows_in=count, accepted=count, interval_start=end - timedelta(hours=hours), interval_end=end, **more)

    for day in range(6):
        window(day, 100 + day, status="passed")
    usual, flood, trickle, long = window(7, 150), window(8, 900), window(9, 3), window(10, 1400, hours=24 * 14)
    gate_batches(warehouse, now=NOW)
    assert failures(warehouse, usual) == {}
    assert list(failures(warehouse, flood).values()) == ["warning"]
    assert list(failures(warehouse, trickle).values()) == ["warning"]
    assert failures(warehouse, long) == {}, "a window of two weeks brings more than one of a day"


def test_trouble_with_the_server_fails_no_batch(warehouse: sa.Engine, land: Land) -> None:
    # A batch that failed because the warehouse was restarted would have to be waived by hand, one by one.
    batch = land("revenue", [posting(1)])
    with warehouse.begin() as connection:
        database = connection.scalar(sa.text("select quote_ident(current_database())"))
        connection.execute(sa.text("alter table raw.revenue rename to was_revenue"))
        connection.execute(sa.text("create view raw.revenue as select was_revenue.* from raw.was_revenue, pg_sleep(1)"))
        connection.execute(sa.text(f"alter database {database} set statement_timeout = '300ms'"))
    with pytest.raises(ShopkeeperError, match=r"could not ask the warehouse .*QueryCanceled"):
        gate_batches(warehouse, now=NOW)
    assert status(warehouse, batch) == "landed"


# --- evidence --------------------------------------------------------------------------------------------------------

PLANTED = ("jane.planted@example.com", "+49 30 5550123", "Jane Planted")


def test_values_of_failing_rows_reach_no_result_no_page_and_no_log(
    warehouse: sa.Engine, land: Land, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    # Evidence is read by auditors and shown on pages; a person's data in it would have spread beyond erasure.
    caplog.set_level(logging.DEBUG)
    mail, phone, name = PLANTED
    land("revenue", [posting(1, currency=mail), posting(2, currency=phone)])
    land("customers", [{**customer("C1"), "status": name}])
    land("org_units", [{"org_unit_id": name, "parent_id": name, "kind": mail, "name": "Team"}])
    land("referrals", [{"referral_id": "1", "referrer_customer_id": mail, "referred_customer_id": mail}])
    land("survey_responses", [answer(1, phone), answer(2, mail)])
    # a check that cannot be made at all must not quote a row either
    broken = shutil.copytree(EXPECTATIONS, tmp_path / "expectations")
    file = broken / "suites" / "raw_products.json"
    content = json.loads(file.read_text())
    content["expectations"][0] |= {
        "type": "unexpected_rows_expectation",
        "kwargs": {"unexpected_rows_query": "select _key from {batch} where cast(name as integer) > 0"},
    }
    file.write_text(json.dumps(content))
    product = land("products", [{"product_id": "P1", "name": name}])
    summary = gate_batches(warehouse, now=NOW, expectations=broken)
    assert product in summary.failed
    assert summary.warnings >= 4
    reason = rows(warehouse, "select reason from quality.gate_results where batch_id = :id and not succeeded", id=product)
    assert reason == [("the check could not be made (InvalidTextRepresentation)",)]

    assert build_data_docs(warehouse, now=NOW, expectations=broken) == 12
    pages = zipfile.ZipFile(BytesIO(rows(warehouse, "select content from quality.sites")[0][0]))
    results = rows(warehouse, "select gate_results::text from quality.gate_results") + rows(
        warehouse, "select validations::text from quality.validations"
    )
    events = rows(warehouse, "select batches::text from ops.batches") + rows(warehouse, "select batch_events::text from ops.batch_events")
    out = capfd.readouterr()
    places = {
        "results": str(results),
        "events": str(events),
        "log": caplog.text + out.out + out.err,
        **{page: pages.read(page).decode(errors="replace") for page in pages.namelist()},
    }
    assert len(places) > 20
    password = str(warehouse.url.password)
    for place, text in places.items():
        for secret in (*PLANTED, "5550123", "planted", password):
            assert secret not in text, f"{secret} in {place}"
    assert "Traceback" not in str(results)


def test_data_docs_show_the_newest_judgement_of_each_suite_and_source(warehouse: sa.Engine, land: Land, tmp_path: Path) -> None:
    for number in range(2):
        land("revenue", [posting(number)])
        land("revenue", [posting(number)], source="till")
        gate_batches(warehouse, now=NOW + timedelta(hours=number))
    assert build_data_docs(warehouse, now=NOW) == 4
    index = sites.unpack(warehouse, "data_docs", tmp_path / "docs")
    links = re.findall(r'href="([^"]+)"', index.read_text())
    assert len(links) == 4
    for page in [index, *(index.parent / link for link in links)]:
        # who reads evidence without a network must not see an empty page, and no other server need know who reads it
        assert not re.findall(r'(?:src|href)="(?:https?:)?//[^"]*"', page.read_text()), page
    assert "Every posting has an amount" in (index.parent / links[-1]).read_text()
    with pytest.raises(ShopkeeperError, match="has not been built yet"):
        sites.unpack(warehouse, "report", tmp_path)


def test_a_site_takes_the_place_of_the_one_before(warehouse: sa.Engine, tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "pages").mkdir(parents=True)
    with pytest.raises(ShopkeeperError, match=r"no index\.html"):
        sites.store(warehouse, "report", site, now=NOW)
    for text in ("old", "new"):
        (site / "index.html").write_text(text)
        (site / "pages" / "one.html").write_text(text)
        sites.store(warehouse, "report", site, now=NOW)
    sites.store(warehouse, "report", sites.zipped(site), now=NOW, publication_id=3)
    index = sites.unpack(warehouse, "report", tmp_path / "unpacked")
    assert index.read_text() == (index.parent / "pages" / "one.html").read_text() == "new"
    assert rows(warehouse, "select publication_id, count(*) from quality.sites group by 1 order by 1") == [(0, 1), (3, 1)]
    assert sites.zipped(site) == sites.zipped(site)


# --- publications ----------------------------------------------------------------------------------------------------


@pytest.fixture
def expectations(tmp_path: Path) -> Path:
    """A context with the suite of one mart."""
    folder = tmp_path / "expectations"
    (folder / "suites").mkdir(parents=True)
    shutil.copy(EXPECTATIONS / "great_expectations.yml", folder)
    shutil.copy(EXPECTATIONS / "suites" / "mart_nps_current.json", folder / "suites")
    return folder


@pytest.fixture
def build(warehouse: sa.Engine) -> int:
    """A build in status built, with a mart of three cells: shown, hidden, and shown."""
    with warehouse.begin() as connection:
        build_id: int = connection.execute(
            sa.text("""
                insert into ops.builds (as_of, known_at, config_hash, code_hash, is_full_refresh, started_at, status)
                values (:now, :now, '', '', true, :now, 'built') returning build_id
            """),
            {"now": NOW},
        ).scalar_one()
        connection.execute(
            sa.text("""
                insert into ops.current_build (build_id, as_of, known_at, as_of_on, company_timezone, company_currency, maturity_days,
                    hidden_below, indicative_below, indicative_half_width, fiscal_year_starts_month)
                values (:id, :now, :now, '2025-04-01', 'UTC', 'EUR', 30, 10, 30, 15, 1)
            """),
            {"id": build_id, "now": NOW},
        )
        connection.execute(
            sa.text("""
                create table marts_next.nps_current as
                select ops.stable_id('cell', number::text) as cell_id, 'relationship' as programme, 'team' as dimension,
                    'all' as dimension_value,
                    case when number = 2 then 'hidden' else 'reportable' end as reporting,
                    case when number = 2 then 4 else 100 end as responses,
                    nullif(case when number = 2 then 0 else 50 end, 0) as promoters,
                    nullif(case when number = 2 then 0 else 30 end, 0) as passives,
                    nullif(case when number = 2 then 0 else 20 end, 0) as detractors,
                    case when number <> 2 then 30.0 end as nps, case when number <> 2 then 14.1 end as nps_low,
                    case when number <> 2 then 44.2 end as nps_high, 100.0 as n_effective, 200 as cohort_invitations,
                    100 as cohort_responses, 0.5 as response_rate, -3.0 as change, date '2025-01-01' as period_starts_on,
                    date '2025-03-31' as period_ends_on, case when number = 2 then 4 else 95 end as weighted_responses,
                    case when number <> 2 then 25.0 end as nps_weighted, case when number <> 2 then 9.5 end as nps_weighted_low,
                    case when number <> 2 then 39.9 end as nps_weighted_high, case when number <> 2 then 80.0 end as n_effective_weighted,
                    case when number <> 2 then 1.2 end as design_effect, case when number <> 2 then 28.0 end as nps_shrunk,
                    case when number <> 2 then 15.0 end as nps_shrunk_low, case when number <> 2 then 41.0 end as nps_shrunk_high,
                    case when number <> 2 then 0.4 end as probability_top_quartile
                from generate_series(1, 3) as number
            """)
        )
    return build_id


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("nps = 44.3", "inside its own interval"),
        ("promoters = 51", "add up to the answers"),
        ("nps = -101, nps_low = -101", "between -100 and 100"),
        ("reporting = 'hidden'", "hidden cell shows neither"),
        ("responses = 9, promoters = 9, passives = 0, detractors = 0", "fewer answers than the company's minimum"),
        ("nps_low = null", "with its counts and its interval"),
        ("cohort_responses = 201", "No cohort gives more answers"),
        ("reporting = 'perhaps'", "whether it is hidden, indicative or reportable"),
        ("dimension_value = 'jane.planted@example.com'", "looks like an e-mail address"),
        ("nps_weighted = 40.0", "weighted and every shrunk score lies inside its own interval"),
        ("weighted_responses = 89", "nine of ten counted answers have a weight"),
        ("design_effect = null", "comes with its interval, its effective number"),
        ("dimension = 'segment'", "Only units of the organisation are shrunk"),
    ],
)
def test_a_wrong_score_is_not_published(warehouse: sa.Engine, expectations: Path, build: int, change: str, words: str) -> None:
    with warehouse.begin() as connection:
        connection.execute(sa.text(f"update marts_next.nps_current set {change} where cell_id = ops.stable_id('cell', '3')"))
    with pytest.raises(GateFailed, match=words) as failed:
        gate_publication(warehouse, build, NOW, expectations)
    assert "planted" not in str(failed.value)
    query = "select distinct failing_keys = jsonb_build_array(ops.stable_id('cell', '3')) from quality.gate_results where not succeeded"
    assert rows(warehouse, query) == [(True,)]


def test_a_sound_publication_passes_and_can_be_judged_again(warehouse: sa.Engine, expectations: Path, build: int) -> None:
    for _ in range(2):
        assert gate_publication(warehouse, build, NOW, expectations).warnings == 0
    assert rows(warehouse, "select count(*), bool_and(succeeded) from quality.gate_results where build_id = :id", id=build) == [(22, True)]


def test_a_mart_or_a_column_that_is_missing_stops_the_publication(warehouse: sa.Engine, expectations: Path, build: int) -> None:
    with warehouse.begin() as connection:
        connection.execute(sa.text("alter table marts_next.nps_current drop column change"))
    with pytest.raises(GateFailed, match="there is no change"):
        gate_publication(warehouse, build, NOW, expectations)
    with warehouse.begin() as connection:
        connection.execute(sa.text("drop table marts_next.nps_current"))
    with pytest.raises(GateFailed, match="was not built"):
        gate_publication(warehouse, build, NOW, expectations)
    with pytest.raises(ShopkeeperError, match="nothing to judge"):
        gate_publication(warehouse, 99, NOW, expectations)
