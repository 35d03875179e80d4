"""What the models need to know of each customer, out of the ledger of revenue: one row per customer, made in SQL.

A product category is sold by contract or freely, as company.yml says; revenue without a product, or of a product without a
category, is bought freely unless all is contractual. Postings of customers whom the CRM does not know, and those that no rate
converts, are left out. A cost that finance does not send counts as none, as in the lifetime value to date.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import sqlalchemy as sa

from shopkeeper.analysis import columns
from shopkeeper.analysis.lifetime.histories import Histories
from shopkeeper.analysis.lifetime.likelihood import Floats
from shopkeeper.company.config import LifetimeValue

DAYS_A_WEEK = 7
# A contract is renewed at least once a year; whoever is half a year late has left.
LONGEST_GAP = 365 + 183
LATE = 1.25  # times the longest gap between two payments so far


@dataclass(frozen=True)
class Buyers:
    """Customers who bought freely; `average` spend per repeat purchase, 0 without one."""

    customer_id: pd.Series
    histories: Histories
    average: Floats


def is_contractual(settings: LifetimeValue) -> str:
    """SQL over `products`: whether a posting is of a contract."""
    if settings.contractual == "all":
        return "true"
    if settings.contractual == "none":
        return "false"
    quoted = ", ".join("'" + category.replace("'", "''") + "'" for category in settings.contractual)
    return f"coalesce(products.category in ({quoted}), false)"


def _postings(settings: LifetimeValue, before: date, *, contractual: bool, since: date | None = None) -> str:
    wanted = is_contractual(settings) if contractual else f"not {is_contractual(settings)}"
    return f"""
        select
            revenue.customer_id,
            revenue.revenue_key,
            revenue.interaction_id,
            revenue.booked_on,
            revenue.amount,
            revenue.amount - coalesce(revenue.direct_cost, 0) as margin
        from intermediate.int_revenue__latest as revenue
        left join marts_next.dim_products as products on revenue.product_id = products.product_id
        where revenue.is_converted and revenue.is_known_customer and {wanted}
            and revenue.booked_on < date '{before.isoformat()}'
            and revenue.booked_on >= date '{(since or date.min).isoformat()}'
    """


def _purchase_days(postings: str) -> str:
    """Purchases per customer and day, and refunds that name no purchase.

    Postings of one interaction are netted and count on its first day: what was paid back in full was no purchase. All that a
    customer buys in one day is one purchase.
    """
    return f"""
        netted as (
            select customer_id, min(booked_on) as booked_on, sum(amount) as amount
            from ({postings}) as postings
            group by customer_id, coalesce(interaction_id, revenue_key::text)
        ),
        days as (
            select customer_id, booked_on, sum(amount) as amount
            from netted
            where amount > 0
            group by customer_id, booked_on
        ),
        refunds as (
            select customer_id, sum(amount) as amount
            from netted
            where amount < 0
            group by customer_id
        )
    """


def buyers(connection: sa.Connection, settings: LifetimeValue, until: date) -> Buyers:
    """Who bought freely before that day. Whose refunds eat up all purchases has bought nothing and is left out."""
    query = f"""
        with {_purchase_days(_postings(settings, until, contractual=False))},
        firsts as (
            select *, min(booked_on) over (partition by customer_id) as first_on
            from days
        ),
        customers as (
            select
                customer_id,
                first_on,
                max(booked_on) as last_on,
                count(*) - 1 as repeats,
                sum(amount) as amount,
                sum(case when booked_on > first_on then amount else 0 end) as repeat_amount
            from firsts
            group by customer_id, first_on
        )
        select
            customers.customer_id,
            customers.repeats,
            customers.last_on - customers.first_on as recency_days,
            date '{until.isoformat()}' - customers.first_on as age_days,
            customers.amount + coalesce(refunds.amount, 0) as amount,
            customers.repeat_amount + coalesce(refunds.amount, 0) as repeat_amount
        from customers
        left join refunds on customers.customer_id = refunds.customer_id
        where customers.amount + coalesce(refunds.amount, 0) > 0
        order by customers.customer_id
    """
    rows = columns.read(connection, query).to_pandas()
    repeats = rows.repeats.to_numpy(float)
    repeat_amount, amount = rows.repeat_amount.to_numpy(float), rows.amount.to_numpy(float)
    # refunds greater than what was spent again are spread over all purchases
    average = np.where(repeat_amount > 0, repeat_amount / np.maximum(repeats, 1), amount / (repeats + 1))
    known = Histories(repeats, rows.recency_days.to_numpy(float) / DAYS_A_WEEK, rows.age_days.to_numpy(float) / DAYS_A_WEEK)
    return Buyers(rows.customer_id, known, np.where(repeats > 0, average, 0.0))


def bought(connection: sa.Connection, settings: LifetimeValue, since: date, until: date) -> pd.DataFrame:
    """customer_id, purchases (days), spend (net of refunds) from `since` to the day before `until`."""
    query = f"""
        with {_purchase_days(_postings(settings, until, contractual=False, since=since))}
        select
            days.customer_id,
            count(*) as purchases,
            sum(days.amount) + coalesce(max(refunds.amount), 0) as spend
        from days
        left join refunds on days.customer_id = refunds.customer_id
        group by days.customer_id
        order by days.customer_id
    """
    return columns.read(connection, query).to_pandas()


def shop_sums(connection: sa.Connection, settings: LifetimeValue, until: date) -> tuple[date | None, float]:
    """The first day on which anything was bought freely, and the share of what was spent that was margin (0 without spend)."""
    query = f"""
        select min(booked_on) as first_on, sum(amount) as amount, sum(margin) as margin
        from ({_postings(settings, until, contractual=False)}) as postings
    """
    row = columns.read(connection, query).to_pylist()[0]
    return row["first_on"], row["margin"] / row["amount"] if row["amount"] and row["amount"] > 0 else 0.0


def contracts(connection: sa.Connection, settings: LifetimeValue, until: date) -> pd.DataFrame:
    """customer_id, annual_margin, is_active: who has paid for a contract before that day.

    A customer is under contract until a payment is overdue by a quarter of the longest gap between two so far, and at most
    LONGEST_GAP days; who has paid once is held to the gap that is usual. A year's margin is that per payment day of the last year
    (of all payments, where there was none) times the payment days that fit into a year.
    """
    if settings.contractual == "none":
        return pd.DataFrame(
            {"customer_id": pd.Series(dtype="str"), "annual_margin": pd.Series(dtype=float), "is_active": pd.Series(dtype=bool)}
        )
    day = f"date '{until.isoformat()}'"
    query = f"""
        with days as (
            select customer_id, booked_on, sum(amount) as amount, sum(margin) as margin
            from ({_postings(settings, until, contractual=True)}) as postings
            group by customer_id, booked_on
        ),
        paid as (
            select customer_id, booked_on, booked_on - lag(booked_on) over (partition by customer_id order by booked_on) as gap
            from days
            where amount > 0
        ),
        cadences as (
            select
                customer_id,
                count(*) as payments,
                count(case when booked_on >= {day} - 365 then 1 end) as payments_last_year,
                avg(gap) as usual_gap,
                max(gap) as longest_gap,
                {day} - max(booked_on) as days_since
            from paid
            group by customer_id
        ),
        typical as (
            select coalesce(percentile_cont(0.5) within group (order by usual_gap), 365) as gap
            from cadences
        ),
        margins as (
            select
                customer_id,
                sum(margin) as margin,
                sum(case when booked_on >= {day} - 365 then margin else 0 end) as margin_last_year
            from days
            group by customer_id
        )
        select
            cadences.customer_id,
            case
                when cadences.payments_last_year > 0 then margins.margin_last_year / cadences.payments_last_year
                else margins.margin / cadences.payments
            end * 365 / coalesce(cadences.usual_gap, typical.gap) as annual_margin,
            cadences.days_since <= least({LATE} * coalesce(cadences.longest_gap, typical.gap), {LONGEST_GAP}) as is_active
        from cadences
        inner join margins on cadences.customer_id = margins.customer_id
        cross join typical
        order by cadences.customer_id
    """
    return columns.read(connection, query).to_pandas()


def contract_margins(connection: sa.Connection, settings: LifetimeValue, since: date, until: date) -> pd.DataFrame:
    """customer_id, margin from contracts from `since` to the day before `until`."""
    query = f"""
        select customer_id, sum(margin) as margin
        from ({_postings(settings, until, contractual=True, since=since)}) as postings
        group by customer_id
        order by customer_id
    """
    return columns.read(connection, query).to_pandas()
