"""The models put together: one row of expected value per customer, whatever the customer buys."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from shopkeeper.analysis.lifetime import predictive
from shopkeeper.analysis.lifetime.contractual import Retention
from shopkeeper.analysis.lifetime.likelihood import Floats
from shopkeeper.analysis.lifetime.predictive import Horizon, Predicted, Shop
from shopkeeper.analysis.lifetime.reading import Buyers


@dataclass(frozen=True)
class Outlook:
    """What values rest on. Without a `shop` (or a rate of `retention`) nothing is expected of free purchases (of contracts)."""

    horizon: Horizon
    shop: Shop | None
    retention: Retention | None


def value(outlook: Outlook, buyers: Buyers, under: pd.DataFrame) -> pd.DataFrame:
    """One row per customer of whom anything can be said, by customer_id; `shop` and `contracts` are the parts of `expected`.

    `under` is who has or had contracts, as read. A customer whose contract has ended is expected to bring nothing by contract.
    """
    annual = pd.Series(dtype=float)
    if outlook.retention is not None:
        annual = under.annual_margin.where(under.is_active, 0.0).set_axis(under.customer_id)
    frames = []
    if outlook.shop is not None:
        found = annual.reindex(buyers.customer_id)
        frames.append(_of_buyers(outlook, outlook.shop, buyers, found.fillna(0).to_numpy(float), found.notna().to_numpy()))
        annual = annual[~annual.index.isin(buyers.customer_id)]
    if outlook.retention is not None:
        margin = annual.to_numpy(float)
        predicted = predictive.predict_contracts(margin, outlook.retention, outlook.horizon)
        rows = _rows(np.full(len(margin), "contractual"), (margin != 0).astype(float), predicted.expected, predicted)
        frames.append(rows.assign(customer_id=annual.index.to_numpy()))
    if not frames:
        nobody = np.zeros(0)
        frames.append(_rows(nobody.astype(str), nobody, nobody, Predicted(nobody, nobody, nobody, nobody)).assign(customer_id=""))
    return pd.concat(frames).sort_values("customer_id", ignore_index=True)


def _of_buyers(outlook: Outlook, shop: Shop, buyers: Buyers, annual_margin: Floats, has_contract: Floats) -> pd.DataFrame:
    predicted = predictive.predict(
        shop, buyers.histories, buyers.average, outlook.horizon, annual_margin=annual_margin, retention=outlook.retention
    )
    multiple = outlook.horizon.contract_multiple(outlook.retention) if outlook.retention else 0.0
    active = np.where(annual_margin != 0, 1.0, shop.purchases.probability_active(buyers.histories))
    rows = _rows(np.where(has_contract, "both", "non-contractual"), active, annual_margin * multiple, predicted)
    return rows.assign(customer_id=buyers.customer_id.to_numpy())


def _rows(model: object, active: Floats, from_contracts: Floats, predicted: Predicted) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "model": model,
            "probability_active": active.round(6),
            "expected": predicted.expected.round(4),
            "expected_low": predicted.low.round(4),
            "expected_high": predicted.high.round(4),
            "shop": predicted.expected - from_contracts,
            "contracts": from_contracts,
            "variance": predicted.variance,
        }
    )
