"""The finance and referral marts against a plain pandas computation over the same rows."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from small_company import AS_OF, EXCHANGE_RATES, company
from world import World, at, run_dbt

from shopkeeper.analysis import referrals
from shopkeeper.company.config import Company

ROWS = company()
AS_OF_ON = pd.Timestamp(AS_OF.date())
YEAR = timedelta(days=365)
CENT = 0.005
HIDDEN_BELOW = 10  # of the world's settings
Z = NormalDist().inv_cdf(0.975)


@pytest.fixture(scope="module")
def built(world: World) -> World:
    for currency, valid_from, rate in EXCHANGE_RATES:
        world.exchange_rate(currency, valid_from, str(rate))
    for entity, rows in ROWS.items():
        world.batch(entity, rows)
    world.build(AS_OF)
    return world


@pytest.fixture(scope="module")
def credited(built: World) -> World:
    """The same build, completed as the pipeline does it: the ledger in Python, then the marts that show it."""
    with built.engine.begin() as connection:
        build_id = connection.scalar(sa.text("select build_id from ops.current_build"))
        referrals.analyse(connection, build_id, Company(name="Small", timezone="UTC", currency="EUR"))
    run_dbt(built.folder, "build", "--indirect-selection", "buildable", "--select", "referral_values")
    return built


def mart(world: World, name: str, index: str | list[str]) -> pd.DataFrame:
    frame = pd.DataFrame(world.rows(f"select * from marts_next.{name}"))
    return frame.set_index(index).sort_index()


def frame(entity: str) -> pd.DataFrame:
    rows = pd.DataFrame(ROWS[entity])
    for column in rows.columns:
        if column.endswith(("_on", "_from", "_to")):
            rows[column] = pd.to_datetime(rows[column])
        elif column in ("amount", "direct_cost"):
            rows[column] = rows[column].astype(float)
    return rows


def customers() -> pd.DataFrame:
    people = frame("customers")
    return people[people.joined_on < AS_OF_ON].set_index("customer_id").sort_index()


def converted_revenue() -> pd.DataFrame:
    revenue = frame("revenue")
    revenue = revenue[revenue.booked_on < AS_OF_ON]
    dollars = np.where(revenue.booked_on < pd.Timestamp("2025-01-01"), 0.91, 0.9637)
    rate = np.select([revenue.currency.isna() | (revenue.currency == "EUR"), revenue.currency == "USD"], [1.0, dollars], np.nan)
    return revenue.assign(amount=revenue.amount * rate, direct_cost=revenue.direct_cost * rate)


def expected_acquisition() -> pd.Series:
    people, costs = customers(), frame("acquisition_costs")
    shares = pd.Series(0.0, index=people.index)
    for cost in costs.itertuples():
        if isinstance(cost.customer_id, str):
            if cost.customer_id in shares.index:
                shares[cost.customer_id] += cost.amount
            continue
        joined = people[
            (people.acquisition_channel == cost.acquisition_channel) & people.joined_on.between(cost.period_from, cost.period_to)
        ]
        shares[joined.index] += cost.amount / max(len(joined), 1)
    known = (people.joined_on >= costs.period_from.min()) | (shares > 0)
    return shares.where(known)


def expected_service_costs() -> pd.Series:
    costs = frame("service_costs").merge(frame("interactions"), on="interaction_id", how="left", suffixes=("", "_of_interaction"))
    costs["customer_id"] = costs.customer_id.fillna(costs.customer_id_of_interaction)
    when = costs.booked_on.fillna(pd.to_datetime(costs.occurred_at, utc=True).dt.tz_localize(None).dt.normalize())
    return costs[when < AS_OF_ON].groupby("customer_id").amount.sum().reindex(customers().index, fill_value=0.0)


def close(actual: pd.Series, expected: pd.Series, tolerance: float = CENT) -> None:
    pd.testing.assert_series_equal(
        actual.astype(float), expected.reindex(actual.index).astype(float), check_names=False, rtol=0, atol=tolerance
    )


def test_lifetime_values_equal_the_plain_computation(built: World) -> None:
    values = mart(built, "customer_lifetime_values", "customer_id")
    people, revenue = customers(), converted_revenue()
    assert list(values.index) == list(people.index)
    booked = revenue.groupby("customer_id")[["amount", "direct_cost"]].sum().reindex(people.index, fill_value=0.0)
    close(values.revenue, booked.amount)
    close(values.direct_cost.fillna(0), booked.direct_cost)
    close(values.cost_to_serve, expected_service_costs())
    close(values.acquisition_cost, expected_acquisition())
    expected = booked.amount - booked.direct_cost - expected_service_costs() - expected_acquisition().fillna(0)
    close(values.lifetime_value_to_date, expected)
    assert (pd.to_numeric(values.tenure_days) == (AS_OF_ON - people.joined_on).dt.days).all()
    incomplete = revenue[revenue.amount.isna() | revenue.direct_cost.isna()].customer_id
    marked = values[values.not_fully_known.fillna("").str.contains("revenue|direct cost")].index
    assert set(marked) == set(incomplete) & set(people.index)


def test_share_of_wallet_equals_the_plain_computation(built: World) -> None:
    values = mart(built, "customer_lifetime_values", "customer_id")
    spend, revenue = frame("category_spend"), converted_revenue()
    spend = spend[spend.period_to < AS_OF_ON]
    paired = spend.merge(revenue, on="customer_id", suffixes=("", "_own"))
    own = paired[paired.booked_on.between(paired.period_from, paired.period_to)].groupby("customer_id").amount_own.sum()
    everyone = spend.groupby("customer_id").amount.sum()
    close(values.share_of_wallet, (own.reindex(everyone.index, fill_value=0.0) / everyone).reindex(values.index), 0.0001)
    assert values.share_of_wallet.notna().sum() > 100


def test_no_posting_is_lost_between_finance_and_marts(built: World) -> None:
    ledgers = mart(built, "ledger_reconciliation", ["ledger", "currency", "attribution"])
    revenue = frame("revenue")
    posted = revenue.assign(currency=revenue.currency.fillna("EUR")).groupby("currency").amount.sum()
    close(ledgers.loc["revenue"].groupby("currency").posted_amount.sum(), posted)
    assert ledgers.loc["revenue"].postings.sum() == len(revenue)
    assert set(ledgers.loc[("revenue", "JPY")].index) == {"no exchange rate"}
    unknown = revenue[~revenue.customer_id.isin(customers().index) & (revenue.currency != "JPY")]
    assert ledgers.loc["revenue"].xs("unknown customer", level="attribution").postings.sum() == len(unknown)
    acquisition = frame("acquisition_costs")
    begun = acquisition[acquisition.period_from < AS_OF_ON]
    assert len(begun) < len(acquisition)
    for ledger, costs in (("service cost", frame("service_costs")), ("acquisition cost", begun)):
        assert ledgers.loc[ledger].postings.sum() == len(costs)
        close(ledgers.loc[ledger].groupby("currency").posted_amount.sum(), pd.Series({"EUR": costs.amount.sum()}))


def latest_answers() -> pd.DataFrame:
    answers = frame("survey_responses")
    answers = answers[answers.customer_id.isin(customers().index)].sort_values("responded_at").groupby("customer_id").last()
    band = np.select([answers.score <= 6, answers.score <= 8], ["detractor", "passive"], "promoter")
    return answers.assign(band=band)


def measures() -> pd.DataFrame:
    """Amount and exposure per customer, as band_economics describes them."""
    people, revenue = customers(), converted_revenue()
    revenue = revenue[revenue.amount.notna()]
    last = revenue[revenue.booked_on >= AS_OF_ON - YEAR]
    before = revenue[revenue.booked_on.between(AS_OF_ON - 2 * YEAR, AS_OF_ON - YEAR, inclusive="left")]
    contacts = frame("interactions").assign(on=lambda rows: pd.to_datetime(rows.occurred_at, utc=True).dt.tz_localize(None).dt.normalize())
    calls = frame("calls").merge(contacts, on="interaction_id")
    complaints = frame("complaints").merge(
        contacts[["interaction_id", "customer_id"]], on="interaction_id", suffixes=("", "_of_interaction")
    )
    complaints["customer_id"] = complaints.customer_id.fillna(complaints.customer_id_of_interaction)
    complaints["on"] = pd.to_datetime(complaints.opened_at, utc=True).dt.tz_localize(None).dt.normalize()

    def in_last_year(rows: pd.DataFrame) -> pd.Series:
        return (
            rows[rows.on.between(AS_OF_ON - YEAR, AS_OF_ON, inclusive="left")]
            .groupby("customer_id")
            .size()
            .reindex(people.index, fill_value=0)
        )

    years = ((AS_OF_ON - people.joined_on).dt.days.clip(upper=365) / 365).astype(float)
    bought_before = before[before.amount > 0].customer_id.unique()
    retained = pd.Series(people.index.isin(last[last.amount > 0].customer_id), index=people.index).astype(float)
    return pd.DataFrame(
        {
            "annual_spend": last.groupby("customer_id").amount.sum().reindex(people.index, fill_value=0.0),
            "complaints_per_customer_year": in_last_year(complaints),
            "service_calls_per_customer_year": in_last_year(calls),
            "retention": retained.where(people.index.isin(bought_before)),
            "years": years,
        }
    )


def test_band_economics_equal_the_plain_computation(built: World) -> None:
    economics = mart(built, "band_economics", ["dimension", "dimension_value", "band"])
    economics = economics[economics.score.isna()]
    values = mart(built, "customer_lifetime_values", "customer_id")
    everyone = customers().join(latest_answers().band).join(measures()).join(values[["lifetime_value_to_date", "cost_to_serve"]])
    everyone["band"] = everyone.band.fillna("never_answered")
    edges, names = [-np.inf, 0.25, 0.5, np.inf], ["under a quarter", "up to a half", "over a half"]
    wallets = values.share_of_wallet.astype(float)
    everyone["share_of_wallet_band"] = pd.cut(wallets, edges, right=False, labels=names).astype(object)
    checked, dimensions = 0, ["all", "segment", "region", "share_of_wallet_band"]
    for dimension in dimensions:
        split = everyone.assign(all="all")[dimension].fillna("unknown") if dimension != "all" else pd.Series("all", index=everyone.index)
        for (value, band), group in everyone.groupby([split, "band"]):
            row = economics.loc[(dimension, value, band)]
            assert row.customers == len(group)
            for name in ("lifetime_value_to_date", "cost_to_serve"):
                check_mean(row, name, group[name].astype(float))
            for name in ("annual_spend", "complaints_per_customer_year", "service_calls_per_customer_year"):
                check_ratio(row, name, group[name].astype(float), group.years)
            check_share(row, "retention", group.retention.dropna())
            checked += 1
    assert checked == economics.index.get_level_values("dimension").isin(dimensions).sum() > 30


def is_hidden(row: Any, name: str, n: int) -> bool:
    """Whether it rests on too few customers to be shown; then it must not be."""
    if n >= HIDDEN_BELOW:
        return False
    assert row[[name, f"{name}_low", f"{name}_high"]].isna().all(), "the value of a few customers is shown"
    return True


def check(row: Any, name: str, *, value: float, low: float, high: float, n: int) -> None:
    assert row[f"{name}_n"] == n
    if is_hidden(row, name, n):
        return
    assert [float(row[name]), float(row[f"{name}_low"]), float(row[f"{name}_high"])] == pytest.approx([value, low, high], abs=2e-4)


def check_mean(row: Any, name: str, amounts: pd.Series) -> None:
    half = Z * amounts.std(ddof=1) / np.sqrt(len(amounts))
    check(row, name, value=amounts.mean(), low=amounts.mean() - half, high=amounts.mean() + half, n=len(amounts))


def check_ratio(row: Any, name: str, amounts: pd.Series, years: pd.Series) -> None:
    """The interval that a leave-one-out jackknife gives, to a few per cent; the mart's own formula is unit-tested in dbt."""
    ratio, n = amounts.sum() / years.sum(), len(amounts)
    left_out = (amounts.sum() - amounts) / (years.sum() - years)
    half = Z * np.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum())
    assert row[f"{name}_n"] == n
    if is_hidden(row, name, n):
        return
    assert float(row[name]) == pytest.approx(ratio, abs=2e-4)
    assert float(row[f"{name}_high"]) - ratio == pytest.approx(half, rel=0.06)


def check_share(row: Any, name: str, kept: pd.Series) -> None:
    """The Wilson interval holds the shares p for which |observed − p| is within z standard errors at p: the roots of a quadratic."""
    n, share = len(kept), kept.mean()
    if is_hidden(row, name, n):
        return
    high, low = np.roots([1 + Z**2 / n, -2 * share - Z**2 / n, share**2])
    check(row, name, value=share, low=low, high=high, n=n)


def test_bands_and_scores_conserve_customers(built: World) -> None:
    economics = mart(built, "band_economics", ["dimension", "band"])
    assert economics[economics.score.isna()].groupby("dimension").customers.sum().eq(len(customers())).all()
    counted = latest_answers().groupby(["band", "score"]).size()
    published = economics.loc["all"].reset_index().dropna(subset="score").set_index(["band", "score"]).customers
    assert {(band, int(score)): n for (band, score), n in published.items()} == counted.to_dict()


def test_small_groups_show_their_number_and_nothing_else(built: World) -> None:
    rows = built.rows("select lifetime_value_to_date_n as n, lifetime_value_to_date as value from marts_next.band_economics")
    assert any(row["n"] < 10 for row in rows)
    assert all((row["value"] is None) == (row["n"] < 10) for row in rows)


def expected_referrals() -> dict[str, tuple[str | None, int | None]]:
    """Why dropped and depth, walking the records one by one in the order in which they were recorded."""
    joined = customers().joined_on
    parents: dict[str, str] = {}
    judged: dict[str, str | None] = {}
    for row in sorted(ROWS["referrals"], key=lambda row: (row["referred_on"], row["referral_id"])):
        referrer, referred = row["referrer_customer_id"], row["referred_customer_id"]
        if referred is None:
            reason = "not converted"
        elif referrer == referred:
            reason = "self"
        elif referrer not in joined or referred not in joined:
            reason = "unknown customer"
        elif joined[referrer] > joined[referred]:
            reason = "later than child"
        elif referred in parents:
            reason = "second parent"
        else:
            reason, parents[referred] = None, referrer
        judged[row["referral_id"]] = reason

    def depth(customer: str) -> int:
        return 0 if customer not in parents else 1 + depth(parents[customer])

    return {
        row["referral_id"]: (judged[row["referral_id"]], depth(row["referred_customer_id"]) if judged[row["referral_id"]] is None else None)
        for row in ROWS["referrals"]
    }


def test_referrals_equal_a_walk_over_the_records(built: World) -> None:
    rows = built.rows("select * from marts_next.fct_referrals")
    assert {row["referral_id"]: (row["why_dropped"], row["depth"]) for row in rows} == expected_referrals()
    assert {row["why_dropped"] for row in rows} >= {None, "self", "second parent", "unknown customer", "later than child"}
    assert max(row["depth"] or 0 for row in rows) > 2


def test_what_a_referrer_brought_is_the_first_year_of_the_customers_brought(built: World) -> None:
    revenue, people = converted_revenue(), customers()
    kept = pd.DataFrame(built.rows("select * from marts_next.fct_referrals where is_kept"))
    paired = kept.merge(revenue, left_on="referred_customer_id", right_on="customer_id", how="left")
    paired = paired[paired.booked_on < paired.referred_customer_id.map(people.joined_on) + YEAR]
    margin = paired.amount.fillna(0) - paired.direct_cost.fillna(0) * paired.amount.notna()
    first_year = margin.groupby(paired.referral_id).sum().reindex(kept.referral_id, fill_value=0.0)
    close(kept.set_index("referral_id").first_year_margin, first_year)
    values = mart(built, "referral_values", "customer_id")
    by_referrer = kept.set_index("referral_id").assign(margin=first_year).groupby("referrer_customer_id").margin.sum()
    close(values.direct_value_first_year[by_referrer.index], by_referrer)
    lifetime = mart(built, "customer_lifetime_values", "customer_id").lifetime_value_to_date.astype(float)
    close(
        values.direct_value_to_date[by_referrer.index],
        kept.assign(value=kept.referred_customer_id.map(lifetime)).groupby("referrer_customer_id").value.sum(),
    )
    assert values.referrals_recorded.sum() == sum(row["referrer_customer_id"] in people.index for row in ROWS["referrals"])


def test_the_band_when_referring_is_that_of_the_last_answer_before(built: World) -> None:
    answers = frame("survey_responses")
    answers["on"] = pd.to_datetime(answers.responded_at, utc=True).dt.tz_localize(None).dt.normalize()
    for row in built.rows("select * from marts_next.fct_referrals"):
        earlier = answers[(answers.customer_id == row["referrer_customer_id"]) & (answers.on < pd.Timestamp(row["referred_on"]))]
        known = len(earlier) and row["referrer_customer_id"] in customers().index
        score = earlier.sort_values("responded_at").score.iloc[-1] if known else None
        band = None if score is None else "detractor" if score <= 6 else "passive" if score <= 8 else "promoter"
        assert row["referrer_band"] == band


def test_the_ledger_shares_out_what_finance_knows_and_no_more(credited: World) -> None:
    """Word of mouth credited twice would be worth more than the company ever earned."""
    own = mart(credited, "customer_lifetime_values", "customer_id").lifetime_value_to_date
    parents = {row["referred_customer_id"]: row for row in credited.rows("select * from marts_next.fct_referrals where is_kept")}
    held, below = dict(own), dict.fromkeys(own.index, Decimal(0))
    for child in sorted(parents, key=lambda customer: -parents[customer]["depth"]):
        parent = parents[child]["referrer_customer_id"]
        passed = (held[child] / 2).quantize(
            Decimal("0.0001"), rounding=ROUND_FLOOR if held[child] % Decimal("0.0002") == 0 else ROUND_CEILING
        )
        held[child], held[parent] = held[child] - passed, held[parent] + passed
        below[parent] += own[child] + below[child]
    values = mart(credited, "referral_values", "customer_id")
    assert {customer: (row.tree_value_to_date, row.ledger_value) for customer, row in values.iterrows()} == {
        customer: (below[customer], held[customer]) for customer in values.index
    }
    ledger = credited.rows("select sum(ledger_value) as held from analysis.referral_ledger")
    books = "sum(case ledger when 'revenue' then amount else -amount end)"
    assert ledger == credited.rows(f"select {books} as held from marts_next.ledger_reconciliation where is_in_lifetime_values")


def test_money_is_exact(built: World) -> None:
    """Sums of floats would differ between two runs; every amount is a decimal with four places."""
    rows = built.rows("select revenue, lifetime_value_to_date from marts_next.customer_lifetime_values")
    assert all(isinstance(row["revenue"], Decimal) and row["revenue"].as_tuple().exponent == -4 for row in rows)


def expected_growth(months: int, origins: dict[str, str]) -> pd.DataFrame:
    """Revenue by period of so many months and by part, one customer and period after the other."""
    people, revenue = customers(), converted_revenue()
    revenue = revenue[revenue.amount.notna()]
    period = (revenue.booked_on.dt.year * 12 + revenue.booked_on.dt.month - 1) // months
    last = ((AS_OF_ON.year * 12 + AS_OF_ON.month - 1) // months) - 1
    rows = []
    for customer_id, mine in revenue.assign(period=period)[period <= last].groupby("customer_id"):
        bought = set(mine[mine.amount > 0].period)
        for number, booked in mine.groupby("period"):
            if customer_id not in people.index:
                part = "unknown_customer"
            elif number - 1 in bought:
                part = "retained"
            elif number == min(bought, default=None) and people.joined_on[customer_id] >= pd.Timestamp("2023-01-01"):
                part = {"referred": "earned_new", "bought": "bought_new"}.get(origins[customer_id], "unknown_new")
            else:
                part = "returning"
            rows.append((number, part, booked.amount.sum(), int(number in bought)))
    return pd.DataFrame(rows, columns=["period", "part", "revenue", "customers"]).pivot_table(
        index="period", columns="part", aggfunc="sum", fill_value=0
    )


def test_earned_growth_equals_a_walk_over_customers_and_periods(built: World) -> None:
    # Growth credited to referrals that was bought, or a lapsed customer taken for a new one, would steer money to the wrong place.
    origins = {row["customer_id"]: row["origin"] for row in built.rows("select * from intermediate.int_customers__origins")}
    growth = mart(built, "earned_growth", ["period_grain", "period_starts_on"])
    for grain, months in (("month", 1), ("quarter", 3), ("year", 12)):
        expected = expected_growth(months, origins)
        rows = growth.loc[grain]
        numbers = [(day.year * 12 + day.month - 1) // months for day in rows.index]
        assert numbers == list(range(2023 * 12 // months, 2026 * 12 // months))
        for part in ("retained", "earned_new", "bought_new", "unknown_new", "returning", "unknown_customer"):
            for measure in ("revenue", "customers"):
                wanted = expected[measure].get(part, pd.Series(0, index=numbers)).to_list()
                assert rows[f"{part}_{measure}"].astype(float).to_list() == pytest.approx(wanted, abs=CENT), (grain, part, measure)
    year = growth.loc["year"].iloc[-1]
    assert year.earned_growth_rate_low < year.earned_growth_rate_high, "a lapsed customer came back, and nobody knows why"
    assert not growth.loc["year"].iloc[0].is_comparable


def test_the_unit_tests_beside_the_models_pass(built: World) -> None:
    folders = [f"{layer}/{topic}" for layer in ("intermediate", "marts") for topic in ("finance", "referrals", "growth")]
    ran = run_dbt(built.folder, "test", "--select", *(f"models/{folder},test_type:unit" for folder in folders))
    assert len(ran) >= 11, ran


def known_from_the_start(merged: dict[str, str], late: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """The rows of the company had the late ones been there at once, under the ids of those who survive."""
    joined = {row["customer_id"]: row["joined_on"] for row in ROWS["customers"]}
    first = {survivor: min(joined[one] for one in (survivor, *(old for old in merged if merged[old] == survivor))) for survivor in joined}
    keys = {"revenue": "revenue_id", "org_units": "org_unit_id"}
    rows: dict[str, list[dict[str, Any]]] = {}
    for entity, known in ROWS.items():
        replaced = {row[keys[entity]]: row for row in late[entity]} if entity in late else {}
        kept = [row for row in known if not replaced or row[keys[entity]] not in replaced] + list(replaced.values())
        rows[entity] = [
            {name: merged.get(value, value) if name.endswith("customer_id") else value for name, value in row.items()} for row in kept
        ]
    rows["customers"] = [row | {"joined_on": first[row["customer_id"]]} for row in ROWS["customers"] if row["customer_id"] not in merged]
    return rows


# Keep this the last test of the file: it changes the company that the others look at.
@pytest.mark.slow
def test_what_comes_late_gives_what_it_would_have_given_from_the_start(built: World) -> None:
    # Were it otherwise, two offices would hold two truths about one customer, by when each of them built its marts.
    spends = {row["customer_id"] for row in ROWS["category_spend"]}
    referred = [row["referred_customer_id"] for row in ROWS["referrals"] if row["referred_customer_id"]]
    by_day = [row["customer_id"] for row in sorted(ROWS["customers"], key=lambda row: row["joined_on"])]
    silent = [one for one in by_day if one not in spends]
    # C is B and B is A: the oldest record is merged away, so whoever survives joined earlier than their own record says
    a, b, c = silent[200], next(one for one in by_day if one in spends), next(one for one in silent if one in referred)
    merged, changed = {b: a, c: a}, at("2025-12-01")
    late: dict[str, list[dict[str, Any]]] = {
        "revenue": [
            {"revenue_id": "late", "customer_id": c, "booked_on": date(2025, 3, 3), "amount": Decimal(700), "direct_cost": Decimal(100)},
            {"revenue_id": "refund", "customer_id": b, "booked_on": date(2025, 4, 4), "amount": Decimal(-900), "direct_cost": Decimal(-50)},
            {**ROWS["revenue"][7], "amount": Decimal("1234.56"), "currency": "USD", "updated_at": changed},
        ],
        "org_units": [{"org_unit_id": "T1", "kind": "team", "parent_id": "N", "updated_at": changed}],
    }
    for entity, rows in late.items():
        built.batch(entity, rows)
    into = {c: b, b: a}
    records = {row["customer_id"]: row for row in ROWS["customers"]}
    built.batch("customers", [{**records[one], "merged_into": other, "updated_at": changed} for one, other in into.items()])
    before = built.checksums()
    assert not built.build(AS_OF, run_tests=False), "a build that adds"
    added = built.checksums()
    moved = {name for name in before if before[name] != added[name]}
    assert moved >= {
        "customer_lifetime_values",
        "band_economics",
        "ledger_reconciliation",
        "fct_referrals",
        "nps_by_segment",
        "dim_customers",
    }
    assert not built.rows(f"select from marts_next.dim_customers where customer_id in ('{b}', '{c}')")

    built.forget()
    for currency, valid_from, rate in EXCHANGE_RATES:
        built.exchange_rate(currency, valid_from, str(rate))
    for entity, rows in reversed(known_from_the_start(merged, late).items()):
        built.batch(entity, rows)
    assert built.build(AS_OF, run_tests=False)
    from_the_start = built.checksums()
    # which batches were read, and when, is what this mart is about
    assert {name for name in added if added[name] != from_the_start[name]} - {"metric_reliability"} == set()
