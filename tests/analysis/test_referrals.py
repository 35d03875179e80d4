"""The conserved ledger and customer referral value, against published numbers, properties, and a plain walk up the tree."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import floor

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.analysis import referrals
from shopkeeper.company.config import Company
from shopkeeper.warehouse.analysis_tables import REFERRAL_LEDGER

HALF = Decimal("0.5")
Forest = tuple[list[int], list[int]]  # value in whole units, place of the parent or -1, of each node


def whole(values: list[int]) -> referrals.Whole:
    return np.array(values, np.int64)


def depths(parents: list[int]) -> referrals.Whole:
    """Parents stand before their children."""
    depth: list[int] = []
    for parent in parents:
        depth.append(0 if parent < 0 else depth[parent] + 1)
    return whole(depth)


@st.composite
def forests(draw: st.DrawFn) -> Forest:
    """From lone customers over bushes to one long chain; some lose us money."""
    values = draw(st.lists(st.integers(-(10**13), 10**13), min_size=1, max_size=60))
    reach = draw(st.sampled_from([1, 3, 60]))  # 1: each can only be the child of the one before
    parents = [-1] + [draw(st.integers(max(-1, i - reach), i - 1)) for i in range(1, len(values))]
    return values, parents


def test_a_line_of_three_holds_175_75_50() -> None:
    own, parent = whole([100_0000, 100_0000, 100_0000]), whole([-1, 0, 1])
    held = referrals.hold(own, parent, whole([0, 1, 2]), HALF)
    assert referrals.money(held).to_pylist() == [Decimal("175.0000"), Decimal("75.0000"), Decimal("50.0000")]
    assert referrals.below(own, parent, whole([0, 1, 2])).tolist() == [200_0000, 100_0000, 0]


@given(forests(), st.decimals(0, "0.999999999", places=9))
def test_nothing_is_made_or_lost_on_the_way_up(forest: Forest, passed_up: Decimal) -> None:
    # A ledger off by one unit does not reconcile with finance, and then nobody believes the rest of it either.
    own, parents = forest
    held = referrals.hold(whole(own), whole(parents), depths(parents), passed_up).tolist()
    assert sum(held) == sum(own)
    expected, below = [*own], [0] * len(own)
    for child in range(len(own) - 1, -1, -1):
        parent = parents[child]
        if parent >= 0:
            passed = floor(expected[child] * Fraction(passed_up) + Fraction(1, 2))
            expected[child] -= passed
            expected[parent] += passed
            below[parent] += own[child] + below[child]
    assert held == expected
    assert referrals.below(whole(own), whole(parents), depths(parents)).tolist() == below


def test_a_chain_of_many_thousands_is_walked_and_adds_up() -> None:
    # A walk that calls itself ends with a stack overflow here; one that is written for bushes alone takes for ever.
    n = 20_000
    held = referrals.hold(np.full(n, 333), np.arange(n) - 1, np.arange(n), Decimal("0.333333333"))
    assert held.sum() == 333 * n
    assert held[-1] == 222


def crv(anyway: list[int]) -> tuple[float, float]:
    """Three referrals of one customer: 300 in year 1, 180 in year 2, 90 in year 1; each saved 40."""
    flows = referrals.Flows(np.arange(3), whole([1, 2, 1]), np.array([300.0, 180, 90]), np.full(3, 40.0))
    low, high = referrals.referral_values(flows, whole([0, 0, 0]), whole(anyway), rate=0.10, referrers=2)
    assert (low[1], high[1]) == (0, 0), "who referred nobody is worth nothing as a referrer"
    return float(low[0]), float(high[0])


def test_customer_referral_value_is_the_published_one() -> None:
    # Counting the margin of those who would have come anyway pays for recommendations that changed nothing.
    assert crv([0, 0, 1]) == pytest.approx((527.2727, 527.2727), abs=5e-5)


def test_not_knowing_who_would_have_come_gives_both_ends() -> None:
    low, high = crv([0, 0, -1])
    assert (low, high) == pytest.approx((527.2727, 527.2727 + 90 / 1.1), abs=5e-5)


def test_the_range_is_over_referrals_and_not_over_their_years() -> None:
    # A customer who cost us in the first year and brought more in the second either came because of us or did not, in both years.
    flows = referrals.Flows(whole([0, 0]), whole([1, 2]), np.array([-110.0, 242.0]), np.zeros(2))
    low, high = referrals.referral_values(flows, whole([0]), whole([-1]), rate=0.10, referrers=1)
    assert (low[0], high[0]) == pytest.approx((0, 100))


@pytest.fixture
def tables(warehouse: sa.Engine) -> sa.Engine:
    with warehouse.begin() as connection:
        for table in (
            "int_customers__values (customer_id text, lifetime_value_to_date numeric(18, 4))",
            "int_referrals__judged (referral_key uuid, referrer_customer_id text, referred_customer_id text)",
            "int_referrals__tree (referral_key uuid, depth integer)",
            "int_referrals__yearly (referral_key uuid, referrer_customer_id text, year_number integer, would_have_come_anyway boolean,"
            " net_margin numeric(18, 4), saved_acquisition numeric(18, 4))",
        ):
            connection.execute(sa.text(f"create table intermediate.{table}"))
    return warehouse


def analysed(engine: sa.Engine, build_id: int = 1) -> dict[str, tuple[Decimal, ...]]:
    company = Company(name="Three", timezone="UTC", currency="EUR")
    with engine.begin() as connection:
        referrals.analyse(connection, build_id, company)
        rows = connection.execute(sa.select(REFERRAL_LEDGER).where(REFERRAL_LEDGER.c.build_id == build_id)).all()
    return {row.customer_id: (row.tree_value, row.ledger_value, row.referral_value_low, row.referral_value_high) for row in rows}


def test_a_company_is_analysed_from_its_first_customer_on(tables: sa.Engine) -> None:
    # An analysis that falls over on a new company, or on one without revenue from finance, stops its marts altogether.
    assert analysed(tables) == {}
    with tables.begin() as connection:
        connection.execute(sa.text("insert into intermediate.int_customers__values values ('A', -0.0001), ('Z', null)"))
    assert analysed(tables) == {"A": (0, Decimal("-0.0001"), 0, 0)}
    with tables.begin() as connection:
        a, b = (f"00000000-0000-0000-0000-00000000000{n}" for n in (1, 2))
        for statement in (
            "truncate intermediate.int_customers__values",
            "insert into intermediate.int_customers__values values ('A', 100), ('B', 100), ('C', 100)",
            f"insert into intermediate.int_referrals__judged values ('{a}', 'A', 'B'), ('{b}', 'B', 'C')",
            f"insert into intermediate.int_referrals__tree values ('{a}', 1), ('{b}', 2)",
            f"insert into intermediate.int_referrals__yearly values ('{a}', 'A', 1, false, 300, 40), ('{b}', 'B', 1, null, 110, null)",
        ):
            connection.execute(sa.text(statement))
    expected = {"A": (200, 175, Decimal("309.0909"), Decimal("309.0909")), "B": (100, 75, 0, 100), "C": (0, 50, 0, 0)}
    assert analysed(tables, 2) == expected
    assert analysed(tables, 2) == expected, "done again, it writes the same again"
