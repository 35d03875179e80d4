"""The marts over Olist's files say what a plain pandas computation over the same files says, and every fault is flagged or ruled on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from math import sqrt
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from olist_truth import ZONE, Olist

pytestmark = [pytest.mark.real_data, pytest.mark.slow]

AS_OF = datetime(2018, 11, 1, 3, tzinfo=UTC)  # midnight in São Paulo
LAST_DAY = date(2018, 10, 31)


@pytest.fixture(scope="module")
def marts(published: Callable[..., sa.Engine]) -> sa.Engine:
    return published("olist", AS_OF)


@pytest.fixture(scope="module")
def olist(real_data: Callable[[str], Any]) -> Olist:
    return Olist(real_data("olist"))


def frame(engine: sa.Engine, sql: str) -> pd.DataFrame:
    with engine.connect() as connection:
        result = connection.execute(sa.text(sql))
        return pd.DataFrame(result.all(), columns=list(result.keys()))


def moment(times: pd.Series) -> pd.Series:
    """Naive times of the files as moments: of a time that comes twice, the second."""
    return times.dt.tz_localize(ZONE, ambiguous=np.zeros(len(times), dtype=bool))


@pytest.fixture(scope="module")
def answers(olist: Olist) -> pd.DataFrame:
    """Each review with all that the marts should say of it."""
    reviews = olist.reviews.copy()
    answered, bought = moment(reviews["review_answer_timestamp"]), moment(reviews["order_purchase_timestamp"])
    delivered, sent = moment(reviews["order_delivered_customer_date"]), moment(reviews["review_creation_date"])
    reviews["answered_on"] = reviews["review_answer_timestamp"].dt.date
    reviews["sent_on"] = reviews["review_creation_date"].dt.date
    reviews["in_time"] = answered < sent + timedelta(days=30)
    reviews["about_on"] = pd.concat([bought, answered], axis=1).min(axis=1).dt.tz_convert(ZONE).dt.date
    reviews["net"] = np.select([reviews["score"] == 5, reviews["score"] <= 3], [1, -1], 0)
    reviews["region"] = reviews["person"].map(olist.persons["region"])
    dearest = olist.dearest.reindex(reviews["order_id"]).reset_index()
    reviews["product"] = dearest["product_id"].to_numpy()
    reviews["team"] = dearest["seller_id"].to_numpy()
    reviews["product_category"] = reviews["product"].map(olist.products.set_index("product_id")["category"])
    reviews["org_region"] = "state:" + reviews["team"].map(olist.sellers.set_index("seller_id")["seller_state"])
    reviews["company"] = np.where(reviews["team"].notna(), "marketplace", None)
    reviews["outcome"] = reviews["order_status"]
    hours = ((delivered - bought).dt.total_seconds() / 3600).where(delivered <= answered)
    weeks = ["within 1 week", "1 to 2 weeks", "2 to 3 weeks", "over 3 weeks"]
    reviews["resolution_band"] = pd.cut(hours, [-np.inf, 168, 336, 504, np.inf], right=False, labels=weeks).astype(object)
    tenure = (pd.to_datetime(reviews["about_on"]) - pd.to_datetime(reviews["person"].map(olist.persons["joined_on"]))).dt.days
    years = ["under 1 year", "1 to 3 years", "over 3 years"]
    reviews["tenure_band"] = pd.cut(tenure, [-np.inf, 365, 1096, np.inf], right=False, labels=years).astype(object)
    value = _value_before(reviews, olist)
    reviews["value_band"] = pd.cut(value, [-np.inf, 100, 300, np.inf], right=False, labels=["under 100", "100 to 300", "over 300"])
    reviews["value_band"] = reviews["value_band"].astype(object)
    reviews["all"] = "all"
    return reviews


def _value_before(reviews: pd.DataFrame, olist: Olist) -> pd.Series:
    """Price of what the person bought in the 365 days before the day that the answer is about."""
    postings = dict(iter(olist.revenue.groupby("person")))
    values = []
    for person, about_on in zip(reviews["person"], reviews["about_on"], strict=True):
        bought = postings.get(person)
        if bought is None:
            values.append(0.0)
            continue
        inside = (bought["booked_on"] < about_on) & (bought["booked_on"] >= about_on - timedelta(days=365))
        values.append(round(float(bought.loc[inside, "price"].sum()), 2))
    return pd.Series(values, index=reviews.index)


DIMENSIONS = [
    "all",
    "region",
    "product",
    "product_category",
    "outcome",
    "team",
    "org_region",
    "company",
    "resolution_band",
    "tenure_band",
    "value_band",
]


def cells(answers: pd.DataFrame, period: pd.Series) -> pd.DataFrame:
    """Counts, score and interval per dimension, value and period: adjusted Wald, answers of one person as one cluster."""
    parts = []
    for dimension in DIMENSIONS:
        grouped = answers.assign(period=period).dropna(subset=[dimension]).groupby(["period", dimension])
        for (starts, value), group in grouped:
            parts.append((dimension, value, starts, *score(group)))
    columns = ["dimension", "dimension_value", "period_starts_on", "responses", "promoters", "passives", "detractors", "nps", "low", "high"]
    return pd.DataFrame(parts, columns=columns)


def score(group: pd.DataFrame) -> tuple[float, ...]:
    n, promoters, detractors = len(group), (group["net"] == 1).sum(), (group["net"] == -1).sum()
    mean = group["net"].mean()
    variance = (group["net"] ** 2).mean() - mean**2
    persons = group["person"].nunique()
    effect = 1.0
    if persons < n:
        if persons == 1:
            effect = n
        elif variance == 0:
            effect = (group.groupby("person").size() ** 2).sum() / n
        else:
            errors = (group["net"] - mean).groupby(group["person"]).sum()
            clustered = persons / (persons - 1) * (errors**2).sum() / n**2
            effect = max(1.0, clustered / (variance / (n - 1)))
    plus = n / effect + 3
    p, d = (promoters / effect + 0.75) / plus, (detractors / effect + 0.75) / plus
    half = 1.959963984540054 * sqrt((p + d - (p - d) ** 2) / plus)
    low, high = max(-1.0, p - d - half), min(1.0, p - d + half)
    return n, promoters, n - promoters - detractors, detractors, 100 * mean, 100 * low, 100 * high


def assert_same_cells(found: pd.DataFrame, expected: pd.DataFrame, keys: list[str]) -> None:
    found, expected = found.set_index(keys).sort_index(), expected.set_index(keys).sort_index()
    assert list(found.index) == list(expected.index)
    assert (found["responses"] == expected["responses"]).all()
    hidden = expected["responses"] < 10
    assert (found["reporting"].eq("hidden") == hidden).all()
    assert found.loc[hidden, ["promoters", "passives", "detractors", "nps", "nps_low", "nps_high"]].isna().all(axis=None)
    shown, sums = found[~hidden], expected[~hidden]
    for column in ("promoters", "passives", "detractors"):
        assert (shown[column].astype(int) == sums[column]).all()
    for column, other in (("nps", "nps"), ("nps_low", "low"), ("nps_high", "high")):
        np.testing.assert_allclose(shown[column].astype(float), sums[other].astype(float), atol=1.01e-4)


# --- every row ---------------------------------------------------------------------------------------------------------


def test_every_row_is_in_a_batch_that_passed_and_in_a_mart(marts: sa.Engine) -> None:
    batches = frame(marts, "select entity, status, rows_in, accepted, unchanged, rejected from ops.batches").set_index("entity")
    rows = {
        "survey_responses": 9481,
        "survey_invitations": 9481,
        "customers": 9359,
        "interactions": 9440,
        "org_units": 1676 + 18 + 1,
        "products": 6257,
        "revenue": 9791,
    }
    assert batches["accepted"].to_dict() == batches["rows_in"].to_dict() == rows
    assert (batches["rejected"] == 0).all()
    assert (batches["status"] == "passed").all()
    for mart, count in {
        "fct_survey_responses": 9481,
        "fct_survey_invitations": 9481,
        "dim_customers": 9359,
        "dim_products": 6257,
        "dim_org_units": 1695,
        "customer_lifetime_values": 9359,
    }.items():
        assert frame(marts, f"select count(*) as n from marts.{mart}")["n"][0] == count, mart


def test_payments_are_counted_and_summed_in_their_orders(marts: sa.Engine, olist: Olist) -> None:
    orders = frame(
        marts,
        """
        select interaction_id, (attributes ->> 'payments')::int as payments, (attributes ->> 'paid')::numeric as paid,
            (attributes ->> 'items')::int as items, attributes ->> 'payment_type' as payment_type
        from raw.interactions
        """,
    ).set_index("interaction_id")
    assert orders["payments"].sum() == len(olist.payments) == 10139
    assert orders["items"].sum() == len(olist.items) == 10136
    paid = olist.payments.groupby("order_id")["value"].sum().round(2)
    assert (orders["paid"].astype(float).round(2) == paid.reindex(orders.index)).all()
    greatest = olist.payments.sort_values(["value", "payment_sequential"], ascending=[False, True], key=pd.to_numeric)
    assert (
        orders["payment_type"] == greatest.drop_duplicates("order_id").set_index("order_id")["payment_type"].reindex(orders.index)
    ).all()


def test_products_carry_their_category_in_english_where_it_has_a_name(marts: sa.Engine, olist: Olist) -> None:
    found = frame(marts, "select product_id, category from marts.dim_products").set_index("product_id")["category"]
    expected = olist.products.set_index("product_id")["category"].reindex(found.index)
    assert (found.fillna("") == expected.fillna("")).all()


# --- the scores --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("grain", "code"), [("month", "M"), ("quarter", "Q"), ("year", "Y")])
def test_scores_per_dimension_and_period_equal_pandas(marts: sa.Engine, answers: pd.DataFrame, grain: str, code: str) -> None:
    dimensions = ", ".join(f"'{dimension}'" for dimension in DIMENSIONS)
    found = frame(
        marts,
        f"""
        select dimension, dimension_value, period_starts_on, responses, promoters, passives, detractors, nps, nps_low, nps_high, reporting
        from marts.nps_by_segment
        where period_grain = '{grain}' and metric = 'review_score' and programme = 'order_review' and dimension in ({dimensions})
        """,
    )
    period = answers["review_answer_timestamp"].dt.to_period(code).dt.start_time.dt.date
    assert_same_cells(found, cells(answers, period), ["dimension", "dimension_value", "period_starts_on"])


def test_scores_per_day_and_week_equal_pandas(marts: sa.Engine, answers: pd.DataFrame) -> None:
    for grain, code in (("day", "D"), ("week", "W")):
        found = frame(
            marts, f"select period_starts_on, responses from marts.nps_by_segment where period_grain = '{grain}' and dimension = 'all'"
        )
        expected = answers.groupby(answers["review_answer_timestamp"].dt.to_period(code).dt.start_time.dt.date).size()
        assert found.set_index("period_starts_on")["responses"].to_dict() == expected.to_dict()


def test_the_current_score_is_that_of_the_last_90_days(marts: sa.Engine, answers: pd.DataFrame) -> None:
    found = frame(marts, "select * from marts.nps_current")
    assert set(found["metric"]) == {"review_score"}, "stars are not called NPS"
    assert set(found["period_ends_on"]) == {LAST_DAY}
    recent = answers[answers["answered_on"] > LAST_DAY - timedelta(days=90)]
    expected = cells(recent, pd.Series(LAST_DAY, index=recent.index)).drop(columns="period_starts_on")
    assert_same_cells(found[found["dimension"].isin(DIMENSIONS)], expected, ["dimension", "dimension_value"])


def test_response_rates_count_sends_by_their_day(marts: sa.Engine, answers: pd.DataFrame) -> None:
    found = frame(
        marts,
        """
        select period_starts_on, cohort_invitations, cohort_responses
        from marts.nps_by_segment where period_grain = 'month' and dimension = 'all' and cohort_invitations is not null
        """,
    ).set_index("period_starts_on")
    sent = answers.groupby(answers["review_creation_date"].dt.to_period("M").dt.start_time.dt.date)["in_time"].agg(["size", "sum"])
    sent = sent.reindex(found.index)
    assert (found["cohort_invitations"] == sent["size"]).all()
    assert (found["cohort_responses"] == sent["sum"]).all()


def test_the_verdict_doubts_a_frame_in_which_nobody_stayed_silent(marts: sa.Engine) -> None:
    current = frame(marts, "select verdict, reasons, response_rate from marts.metric_reliability where is_current")
    assert current["verdict"].tolist() == ["usable with care"]
    assert "answered, so invitations without an answer seem to be missing" in current["reasons"][0]


# --- money -------------------------------------------------------------------------------------------------------------


def test_lifetime_values_equal_pandas_to_the_cent(marts: sa.Engine, olist: Olist) -> None:
    found = frame(
        marts,
        """
        select customer_id, revenue, direct_cost, margin, lifetime_value_to_date, joined_on, first_revenue_on, last_revenue_on
        from marts.customer_lifetime_values
        """,
    ).set_index("customer_id")
    cents = olist.revenue.assign(amount=(olist.revenue["amount"] * 100).round(), freight=(olist.revenue["freight"] * 100).round())
    expected = cents.groupby("person").agg(
        amount=("amount", "sum"), freight=("freight", "sum"), first=("booked_on", "min"), last=("booked_on", "max")
    )
    expected = expected.reindex(found.index)
    amount, freight = expected["amount"].fillna(0).astype(int), expected["freight"].fillna(0).astype(int)
    for column, value in {
        "revenue": amount,
        "direct_cost": freight,
        "margin": amount - freight,
        "lifetime_value_to_date": amount - freight,
    }.items():
        assert ((found[column] * 100).astype(float).round(4) == value).all(), column
    assert (found["joined_on"] == olist.persons["joined_on"].reindex(found.index)).all()
    with_revenue = expected["first"].notna()
    assert (found.loc[with_revenue, "first_revenue_on"] == expected.loc[with_revenue, "first"]).all()
    assert (found.loc[with_revenue, "last_revenue_on"] == expected.loc[with_revenue, "last"]).all()
    assert found.loc[~with_revenue, "first_revenue_on"].isna().all()


def test_each_band_is_worth_what_its_persons_are(marts: sa.Engine, olist: Olist, answers: pd.DataFrame) -> None:
    found = frame(
        marts,
        """
        select band, dimension_value as region, customers, lifetime_value_to_date as mean, lifetime_value_to_date_low as low
        from marts.band_economics where metric = 'review_score' and score is null and dimension = 'region'
        """,
    ).set_index(["region", "band"])
    latest = answers.sort_values("review_answer_timestamp").drop_duplicates("person", keep="last").set_index("person")
    persons = olist.persons.assign(
        worth=olist.revenue.groupby("person")["price"].sum().round(2).reindex(olist.persons.index).fillna(0.0),
        band=latest["net"].map({1: "promoter", 0: "passive", -1: "detractor"}).reindex(olist.persons.index).fillna("never_answered"),
    )
    for key, group in persons.groupby(["region", "band"]):
        row = found.loc[key]
        assert row["customers"] == len(group), key
        if len(group) < 10:
            assert row["mean"] is None
        else:
            assert float(row["mean"]) == pytest.approx(group["worth"].mean(), abs=1e-4)
            assert float(row["low"]) == pytest.approx(group["worth"].mean() - 1.959964 * group["worth"].std() / sqrt(len(group)), abs=1e-3)
    assert len(found) == persons.groupby(["region", "band"]).ngroups


def test_the_ledger_adds_up_to_the_files(marts: sa.Engine, olist: Olist) -> None:
    ledger = frame(marts, "select ledger, attribution, sum(amount) as amount from marts.ledger_reconciliation group by 1, 2")
    amounts = {(row.ledger, row.attribution): float(row.amount) for row in ledger.itertuples()}
    assert amounts == {
        ("revenue", "customers"): pytest.approx(round(float(olist.revenue["amount"].sum()), 2)),
        ("direct cost", "customers"): pytest.approx(round(float(olist.revenue["freight"].sum()), 2)),
    }


# --- the faults --------------------------------------------------------------------------------------------------------


def test_doubtful_answers_count_and_carry_a_flag(marts: sa.Engine, answers: pd.DataFrame) -> None:
    found = frame(marts, "select invitation_id, excluded_reason, coalesce(quality_flags, '') as flags from marts.fct_survey_responses")
    assert found["excluded_reason"].isna().all()
    flags = found.set_index("invitation_id")["flags"].str.split(",")
    key = answers["review_id"] + ":" + answers["order_id"]
    answered, delivered = answers["review_answer_timestamp"], answers["order_delivered_customer_date"]
    for flag, is_so, count in (
        ("answered_before_resolution", answered < delivered, 375),
        ("invited_before_interaction", answers["sent_on"] < answers["order_purchase_timestamp"].dt.date, 36),
        ("answered_before_interaction", answered < answers["order_purchase_timestamp"], None),
        ("late", ~answers["in_time"], 79),
    ):
        flagged = flags[flags.map(lambda names, flag=flag: flag in names)].index
        assert set(flagged) == set(key[is_so]), flag
        assert count is None or len(flagged) == count, flag


def test_a_review_of_several_orders_and_an_order_with_several_reviews_keep_all_their_answers(marts: sa.Engine) -> None:
    answers = frame(
        marts, "select response_id, split_part(invitation_id, ':', 1) as review_id, interaction_id from marts.fct_survey_responses"
    )
    orders = answers.groupby("review_id")["interaction_id"].nunique()
    assert ((orders > 1).sum(), orders[orders > 1].sum()) == (17, 39)
    assert (answers.groupby("interaction_id").size() > 1).sum() == 66
    assert answers["response_id"].is_unique


def test_incomplete_orders_are_kept_without_inventing_anything(marts: sa.Engine) -> None:
    (orders,) = frame(
        marts,
        """
        select
            count(*) filter (where product_id is null and org_unit_id is null) as without_items,
            count(*) filter (where outcome = 'delivered' and resolved_at is null) as delivered_without_a_date,
            count(*) filter (where attributes ->> 'shipped_before_approval' = 'true') as shipped_before_approval
        from raw.interactions
        """,
    ).to_dict("records")
    assert orders == {"without_items": 505, "delivered_without_a_date": 7, "shipped_before_approval": 113}
    without = frame(
        marts,
        """
        select count(*) as n from marts.fct_survey_responses as answers inner join raw.interactions using (interaction_id)
        where interactions.outcome = 'delivered' and interactions.resolved_at is null and answers.resolution_band is not null
        """,
    )
    assert without["n"][0] == 0
    silent = frame(
        marts,
        "select count(*) as n from raw.interactions where interaction_id not in (select interaction_id from marts.fct_survey_responses)",
    )
    assert silent["n"][0] == 25


def test_comments_keep_their_lines_and_zip_codes_their_zeros(marts: sa.Engine, olist: Olist) -> None:
    found = frame(
        marts,
        """
        select raw.native_id, pii.verbatim, pii.free_answers ->> 'title' as title
        from raw.survey_responses as raw left join pii.survey_responses as pii using (_key, _batch_id)
        """,
    ).set_index("native_id")
    reviews = olist.reviews.set_index(olist.reviews["review_id"] + ":" + olist.reviews["order_id"]).reindex(found.index)
    blanks = "\t\n\v\f\r \u00a0\u200b\u2007\u202f\ufeff"
    for column, source in (("verbatim", "review_comment_message"), ("title", "review_comment_title")):
        assert (found[column].fillna("") == reviews[source].str.strip(blanks)).all()
    zips = frame(
        marts,
        """
        select raw.customer_id, pii.extra ->> 'customer_zip_code_prefix' as zip
        from raw.customers as raw inner join pii.customers as pii using (_key, _batch_id)
        """,
    ).set_index("customer_id")["zip"]
    assert (zips == olist.persons["zip_code"].reindex(zips.index)).all()
    assert zips.str.len().eq(5).all()
