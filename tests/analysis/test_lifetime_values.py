"""The analysis `lifetime value` over a ledger of revenue: what is a purchase, who is under contract, and when nothing is said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from shopkeeper.analysis.lifetime import reading, values
from shopkeeper.company.config import Company, LifetimeValue

TODAY = date(2026, 1, 1)
SETTINGS = LifetimeValue(contractual=("home", "people's"))
COMPANY = Company(name="Shop", timezone="UTC", currency="EUR", lifetime_value=SETTINGS)
REVENUE = """
    create table intermediate.int_revenue__latest (
        revenue_key uuid default gen_random_uuid(), customer_id text, product_id text, interaction_id text, booked_on date,
        amount numeric(18, 4), direct_cost numeric(18, 4), is_converted boolean default true, is_known_customer boolean default true
    );
    create table intermediate.int_customers__latest_answers (metric text, customer_id text, band text);
    create table marts_next.dim_products (product_id text, category text);
    insert into marts_next.dim_products values ('house', 'home'), ('life', 'people''s'), ('bicycle', 'single'), ('thing', null);
    insert into ops.current_build (
        build_id, as_of, known_at, last_event_id, as_of_on, company_timezone, company_currency, maturity_days, hidden_below,
        indicative_below, indicative_half_width, fiscal_year_starts_month
    ) values (1, '2026-01-01', '2026-01-01', 0, '2026-01-01', 'UTC', 'EUR', 30, 10, 30, 15, 1);
"""


@pytest.fixture
def ledger(warehouse: sa.Engine) -> Iterator[sa.Connection]:
    with warehouse.begin() as connection:
        connection.execute(sa.text("create schema if not exists intermediate"))
        connection.execute(sa.text("create schema if not exists marts_next"))
        connection.execute(sa.text(REVENUE))
        yield connection


def post(connection: sa.Connection, rows: list[tuple[Any, ...]]) -> None:
    """(customer, product, interaction, day, amount, direct cost) each."""
    names = ("customer_id", "product_id", "interaction_id", "booked_on", "amount", "direct_cost")
    statement = f"insert into intermediate.int_revenue__latest ({', '.join(names)}) values ({', '.join(':' + name for name in names)})"
    connection.execute(sa.text(statement), [dict(zip(names, row, strict=True)) for row in rows])


def test_what_counts_as_a_purchase(ledger: sa.Connection) -> None:
    # Two things in one basket are one purchase, and what was sent back was none: counted otherwise, the model sees eager buyers.
    day = [date(2025, 1, 1) + timedelta(weeks=week) for week in range(20)]
    post(
        ledger,
        [
            ("A", "bicycle", "i1", day[0], 10, 4),
            ("A", "bicycle", "i2", day[2], 20, 8),
            ("A", "thing", "i3", day[2], 30, 12),
            ("A", None, None, day[4], 40, None),
            ("A", "bicycle", "i4", day[5], 99, 44),
            ("A", "bicycle", "i4", day[6], -99, -44),
            ("A", "bicycle", "i2", day[7], -5, -2),
            ("A", None, None, day[8], -4, None),
            ("A", "house", "i9", day[9], 500, 100),
            ("B", "bicycle", "i5", day[1], 7, 3),
            ("C", "bicycle", "i6", day[1], 7, 3),
            ("C", None, None, day[3], -7, -3),
            ("D", "bicycle", "i7", TODAY, 7, 3),
        ],
    )
    found = reading.buyers(ledger, SETTINGS, TODAY)
    assert found.customer_id.tolist() == ["A", "B"]
    assert found.histories.repeats.tolist() == [2, 0]
    assert found.histories.recency.tolist() == [4, 0]
    assert found.histories.age == pytest.approx([365 / 7, 51 + 1 / 7])
    assert found.average == pytest.approx([(20 - 5 + 30 + 40 - 4) / 2, 0])
    later = reading.bought(ledger, SETTINGS, day[2], TODAY).set_index("customer_id")
    assert later.loc["A"].tolist() == [2, 20 - 5 + 30 + 40 - 4]
    first_on, margin_share = reading.shop_sums(ledger, SETTINGS, TODAY)
    assert first_on == day[0]
    assert margin_share == pytest.approx((6 + 12 + 18 + 40 - 3 - 4 + 4 + 4 - 4) / (10 + 20 + 30 + 40 - 5 - 4 + 7 + 7 - 7))


def test_who_is_under_contract(ledger: sa.Connection) -> None:
    # Who stopped paying is not seen in any event. Taken for a customer still, the company looks richer the more have left.
    def paid(customer: str, every: int, last_days_ago: int, payments: int, amount: int = 100) -> list[tuple[Any, ...]]:
        return [(customer, "house", None, TODAY - timedelta(days=last_days_ago + every * n), amount, amount // 2) for n in range(payments)]

    post(
        ledger,
        [
            *paid("yearly", 365, 360, 3),
            *paid("quarterly", 91, 60, 8),
            *paid("left", 91, 140, 8),
            *paid("left long ago", 365, 600, 1),
            *paid("new", 91, 20, 1),
            *paid("at a loss", 91, 20, 8, amount=-100),
            ("quarterly", "life", None, TODAY - timedelta(days=60), -30, 0),
            ("shop only", "bicycle", None, TODAY - timedelta(days=60), 30, 10),
        ],
    )
    found = reading.contracts(ledger, SETTINGS, TODAY).set_index("customer_id")
    assert found.is_active.to_dict() == {"left": False, "left long ago": False, "new": True, "quarterly": True, "yearly": True}
    assert found.annual_margin["yearly"] == pytest.approx(50)
    assert found.annual_margin["quarterly"] == pytest.approx((4 * 50 - 30) / 4 * 365 / 91)
    assert found.annual_margin["new"] == pytest.approx(50 * 365 / 91), "the usual cadence is taken from the others"


def company_of_both(random: np.random.Generator, customers: int = 900) -> list[tuple[Any, ...]]:
    """A third under contract (one in ten leaves a year), a third in the shop, a third in both; yearly, from 2022 on."""
    rows: list[tuple[Any, ...]] = []
    for number in range(customers):
        name = f"C{number:04}"
        if number % 3 != 1:
            years = int(min(random.geometric(0.1), 4))
            start = date(2022, 1, 1) + timedelta(days=int(random.integers(365)))
            rows += [(name, "house", None, start + timedelta(days=365 * year), 120.0, 70.0) for year in range(years)]
        if number % 3 != 0:
            rate, leaving, day = (
                random.gamma(1.0, 1 / 70),
                random.beta(0.9, 2.6),
                date(2022, 1, 1) + timedelta(days=int(random.integers(500))),
            )
            average = 60 / random.gamma(4.0)
            while day < TODAY:
                rows.append((name, "bicycle", None, day, round(random.gamma(6.0, average / 6) + 0.01, 2), 1.0))
                day += timedelta(days=1 + int(random.exponential(1 / rate)))
                if random.random() < leaving:
                    break
    return [row for row in rows if row[3] < TODAY]


def test_values_of_a_company_with_both_kinds_of_business(ledger: sa.Connection) -> None:
    # Each customer gets one value, made of all that he buys, and the bands' totals are those of their customers.
    post(ledger, company_of_both(np.random.default_rng(7)))
    bands = "case when right(customer_id, 1) < '5' then 'promoter' else 'detractor' end"
    ledger.execute(
        sa.text(
            f"insert into intermediate.int_customers__latest_answers select 'nps', customer_id, {bands} "
            "from (select distinct customer_id from intermediate.int_revenue__latest) as customers where right(customer_id, 1) <> '9'"
        )
    )
    summary = values.analyse(ledger, 1, COMPANY)
    assert (summary["purchases"], summary["contracts"]) == ("usable", "usable")
    written = "select * from analysis.lifetime_values order by customer_id"
    rows = {row["customer_id"]: dict(row) for row in ledger.execute(sa.text(written)).mappings()}
    assert len(rows) == summary["customers"] == 900
    assert [rows[f"C000{n}"]["model"] for n in range(3)] == ["contractual", "non-contractual", "both"]
    assert all(row["expected_low"] <= row["expected"] <= row["expected_high"] for row in rows.values())
    assert all(0 <= row["probability_active"] <= 1 for row in rows.values())
    gone = [row for row in rows.values() if row["model"] == "contractual" and row["probability_active"] == 0]
    assert gone
    assert {row["expected"] for row in gone} == {0}
    totals = ledger.execute(sa.text("select * from analysis.band_lifetime_values order by band")).mappings().all()
    assert [row["band"] for row in totals] == ["detractor", "promoter"]
    promoters = [row["expected"] for name, row in rows.items() if name[-1] < "5"]
    assert totals[1]["customers"] == len(promoters) == 450
    assert float(totals[1]["expected"]) == pytest.approx(float(sum(promoters)), abs=0.01)
    assert all(row["expected_low"] < row["expected"] < row["expected_high"] for row in totals)
    fits = dict(ledger.execute(sa.text("select part, estimates from analysis.fits")).tuples().all())
    assert fits["contracts"]["retention"] == pytest.approx(0.9, abs=0.04)
    assert fits["contracts"]["holdout_margin_predicted"] == pytest.approx(fits["contracts"]["holdout_margin_actual"], rel=0.1)
    assert fits["holdout"]["covered_purchases"] > 0.93

    values.analyse(ledger, 1, COMPANY)
    assert {row["customer_id"]: dict(row) for row in ledger.execute(sa.text(written)).mappings()} == rows, "done again, the same again"


@pytest.mark.parametrize("customers", [0, 1, 40])
def test_nothing_is_expected_where_too_little_is_known(ledger: sa.Connection, customers: int) -> None:
    # A company in its first months must get its marts, with no expectations rather than wild ones.
    bought = [(f"C{n}", "bicycle", None, TODAY - timedelta(days=30 * k + n + 1), 10, 5) for n in range(customers) for k in range(3)]
    if bought:
        post(ledger, bought)
    summary = values.analyse(ledger, 1, COMPANY)
    assert summary["customers"] == 0
    assert summary["purchases"] == f"{customers} customers bought again, fewer than 100"
    assert "fewer than 30" in summary["contracts"]
    assert ledger.scalar(sa.text("select count(*) from analysis.lifetime_values")) == 0
    assert ledger.scalar(sa.text("select estimates->>'verdict' from analysis.fits where part = 'purchases'")) == summary["purchases"]
