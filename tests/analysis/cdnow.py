"""CDNOW's sample: 2,357 customers who first bought in early 1997, 39 weeks of calibration and 39 weeks held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from shopkeeper.analysis.lifetime.calibration import Holdout
from shopkeeper.analysis.lifetime.histories import Histories

SPLIT = pd.Timestamp("1997-09-30")


def purchases(folder: Path) -> pd.DataFrame:
    """customer, day, spend: one row per purchase day."""
    rows = pd.read_csv(folder / "CDNOW_sample.txt", sep=r"\s+", header=None, names=["all", "customer", "day", "discs", "spend"])
    rows["day"] = pd.to_datetime(rows.day.astype(str))
    return rows.groupby(["customer", "day"], as_index=False).spend.sum()


def holdout(folder: Path) -> Holdout:
    bought = purchases(folder)
    before, after = bought[bought.day <= SPLIT], bought[bought.day > SPLIT].groupby("customer")
    customers = before.groupby("customer").agg(first=("day", "min"), last=("day", "max"), days=("day", "count"))
    again = before[before.day > before.customer.map(customers["first"])].groupby("customer").spend.mean()
    known = Histories(
        (customers.days - 1).to_numpy(float),
        ((customers["last"] - customers["first"]).dt.days / 7).to_numpy(float),
        ((SPLIT - customers["first"]).dt.days / 7).to_numpy(float),
    )
    bought_after, spent_after = (after.spend.agg(what).reindex(customers.index, fill_value=0).to_numpy(float) for what in ("count", "sum"))
    average = again.reindex(customers.index, fill_value=0).to_numpy(float)
    assert np.isfinite(average).all()
    return Holdout(known, average, 39.0, bought_after, spent_after)
