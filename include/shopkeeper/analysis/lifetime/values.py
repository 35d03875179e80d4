"""The analysis `lifetime value` of a build: what each customer is expected to bring, what each band is, and how well that fits."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd
import sqlalchemy as sa

from shopkeeper.analysis import columns
from shopkeeper.analysis.lifetime import contractual, estimates, reading, totals
from shopkeeper.analysis.lifetime.calibration import Fitted, Holdout, calibrate, fit_shop
from shopkeeper.analysis.lifetime.contractual import Retention
from shopkeeper.analysis.lifetime.predictive import PER_YEAR, Horizon
from shopkeeper.analysis.lifetime.reading import DAYS_A_WEEK, Buyers
from shopkeeper.analysis.lifetime.totals import Doubt
from shopkeeper.analysis.lifetime.valuation import Outlook, value
from shopkeeper.company.config import Company, LifetimeValue
from shopkeeper.warehouse.analysis_tables import BAND_LIFETIME_VALUES, LIFETIME_VALUES

UNDER_CONTRACT = 30  # customers a year ago; with fewer the rate of retention says little
YEAR = timedelta(days=365)
COLUMNS = ("customer_id", "model", "probability_active", "expected", "expected_low", "expected_high")
BAND_COLUMNS = ("metric", "band", "customers", "expected", "expected_low", "expected_high")


def analyse(connection: sa.Connection, build_id: int, company: Company) -> dict[str, Any]:
    """Write lifetime_values, band_lifetime_values and fits of this build; returns how many and each part's verdict."""
    settings = company.lifetime_value
    horizon = Horizon(float(settings.horizon_years), float(settings.discount_rate))
    today: date = connection.execute(sa.text("select as_of_on from ops.current_build")).scalar_one()

    first_on, margin_share = reading.shop_sums(connection, settings, today)
    buyers = reading.buyers(connection, settings, today)
    fitted = fit_shop(buyers.histories, buyers.average)
    holdout = _hold_out(connection, settings, first_on, today) if first_on and not fitted.why_not else {}
    why_no_shop = fitted.why_not or holdout.pop("why_not")
    under, retention, of_contracts = _contracts(connection, settings, today, horizon)
    parts = {
        "purchases": estimates.of_shop(buyers, fitted, why_no_shop, margin_share, horizon),
        "contracts": of_contracts,
        **({"holdout": holdout} if holdout else {}),
    }

    outlook = Outlook(horizon, None if why_no_shop else fitted.shop(margin_share), retention)
    values = value(outlook, buyers, under)
    columns.forget_other_builds(connection, LIFETIME_VALUES, build_id)
    count = columns.write(connection, LIFETIME_VALUES, build_id, {name: values[name].to_numpy() for name in COLUMNS})
    bands = _bands(connection, values, _doubt(outlook, fitted, buyers))
    columns.write(connection, BAND_LIFETIME_VALUES, build_id, {name: bands[name].to_numpy() for name in BAND_COLUMNS})
    estimates.keep(connection, build_id, parts)
    return {"customers": count} | {part: parts[part]["verdict"] for part in ("purchases", "contracts")}


def _hold_out(connection: sa.Connection, settings: LifetimeValue, first_on: date, today: date) -> dict[str, Any]:
    """Fitted on what was known half way, held against what came after."""
    split = first_on + (today - first_on) / 2
    known = reading.buyers(connection, settings, split)
    later = reading.bought(connection, settings, split, today).set_index("customer_id").reindex(known.customer_id).fillna(0)
    weeks = (today - split).days / DAYS_A_WEEK
    purchases, spend = (later[name].to_numpy(float) for name in ("purchases", "spend"))
    return {"split_on": split.isoformat()} | calibrate(Holdout(known.histories, known.average, weeks, purchases, spend))


def _contracts(
    connection: sa.Connection, settings: LifetimeValue, today: date, horizon: Horizon
) -> tuple[pd.DataFrame, Retention | None, dict[str, Any]]:
    """Who has or had contracts, how many stay a year (None: too few to tell), and how the same would have done a year ago."""
    now, before, long_before = (reading.contracts(connection, settings, today - years * YEAR) for years in range(3))
    retention, earlier = _retention(before, now), _retention(long_before, before)
    if settings.contractual == "none":
        return now, None, {"verdict": "nothing is sold by contract"}
    if retention.customers < UNDER_CONTRACT:
        return now, None, {"verdict": f"{retention.customers} customers were under contract a year ago, fewer than {UNDER_CONTRACT}"}
    found = estimates.of_contracts(retention, horizon)
    if earlier.customers >= UNDER_CONTRACT:
        actual = reading.contract_margins(connection, settings, today - YEAR, today).set_index("customer_id").margin
        active = before[before.is_active]
        found |= {
            "retention_year_before": earlier.rate,
            "holdout_margin_predicted": float(active.annual_margin.sum()) * contractual.finite_multiple(earlier.rate, 0, 1, PER_YEAR),
            "holdout_margin_actual": float(actual.reindex(active.customer_id).fillna(0).sum()),
        }
    return now, retention, found


def _retention(before: pd.DataFrame, after: pd.DataFrame) -> Retention:
    then = before.customer_id[before.is_active.astype(bool)]
    return Retention(len(then), int(then.isin(after.customer_id[after.is_active.astype(bool)]).sum()))


def _doubt(outlook: Outlook, fitted: Fitted, buyers: Buyers) -> Doubt:
    known = Doubt.none()
    shop = (
        totals.doubt_about_shop(*fitted.models(), buyers.histories, buyers.average, outlook.horizon.weeks) if outlook.shop else known.shop
    )
    contracts = totals.doubt_about_contracts(outlook.retention, outlook.horizon) if outlook.retention else known.contracts
    return Doubt(shop, contracts)


def _bands(connection: sa.Connection, values: pd.DataFrame, doubt: Doubt) -> pd.DataFrame:
    """Totals by metric and band of the latest answer, over the customers of whom anything is expected."""
    answers = columns.read(connection, "select metric, band, customer_id from intermediate.int_customers__latest_answers").to_pandas()
    joined = answers.merge(values, on="customer_id").sort_values(["metric", "band", "customer_id"])
    rows = []
    for (metric, band), group in joined.groupby(["metric", "band"], sort=True):
        low, high = totals.interval(group.shop.to_numpy(), group.contracts.to_numpy(), group.variance.to_numpy(), doubt)
        rows.append((metric, band, len(group), round(group.expected.sum(), 4), round(low, 4), round(high, 4)))
    return pd.DataFrame(rows, columns=list(BAND_COLUMNS))
