"""What `analysis.fits` keeps of the lifetime values of a build: parameters with intervals, verdicts, calibration. Nobody's own row."""

from __future__ import annotations

from typing import Any

import numpy as np
import sqlalchemy as sa

from shopkeeper.analysis.lifetime import contractual
from shopkeeper.analysis.lifetime.calibration import Fitted
from shopkeeper.analysis.lifetime.contractual import Retention
from shopkeeper.analysis.lifetime.likelihood import Optimum
from shopkeeper.analysis.lifetime.predictive import PER_YEAR, Horizon
from shopkeeper.analysis.lifetime.reading import Buyers
from shopkeeper.warehouse.analysis_tables import FITS

ANALYSIS = "lifetime value"
USABLE = "usable"
LETTERS = {"bg_nbd": ("r", "alpha", "a", "b"), "gamma_gamma": ("p", "q", "gamma")}
Z = 1.959964


def of_shop(buyers: Buyers, fitted: Fitted, why_not: str, margin_share: float, horizon: Horizon) -> dict[str, Any]:
    fits = {"bg_nbd": fitted.purchases, "gamma_gamma": fitted.spend}
    return {
        "verdict": why_not or USABLE,
        "customers": len(buyers.histories),
        "repeat_buyers": int((buyers.histories.repeats > 0).sum()),
        "unit": "weeks",
        "margin_share": margin_share,
        "horizon_years": horizon.months / PER_YEAR,
        "discount_rate": horizon.rate,
    } | {name: _parameters(LETTERS[name], found) for name, found in fits.items() if found is not None}


def _parameters(letters: tuple[str, ...], found: Optimum) -> dict[str, Any]:
    """Estimates with 95 % intervals: normal on the logarithms, by the likelihood's curvature."""
    factors = np.exp(Z * np.sqrt(np.clip(np.diag(found.covariance), 0, None)))
    return {
        letter: {"estimate": float(estimate), "low": float(estimate / factor), "high": float(estimate * factor)}
        for letter, estimate, factor in zip(letters, found.parameters, factors, strict=True)
    } | {"log_likelihood": found.log_likelihood}


def of_contracts(retention: Retention, horizon: Horizon) -> dict[str, Any]:
    low, high = retention.interval()
    years = horizon.months / PER_YEAR
    return {
        "verdict": USABLE,
        "customers_a_year_ago": retention.customers,
        "retention": retention.rate,
        "retention_low": low,
        "retention_high": high,
        "horizon_years": years,
        "discount_rate": horizon.rate,
        "multiple": horizon.contract_multiple(retention),
        "multiple_paid_yearly": contractual.finite_multiple(retention.rate, horizon.rate, years),
        "multiple_endless_without_first_margin": contractual.infinite_multiple(retention.rate, horizon.rate),
    }


def keep(connection: sa.Connection, build_id: int, parts: dict[str, dict[str, Any]]) -> None:
    """Put these parts in place of those that this build has there."""
    connection.execute(sa.delete(FITS).where(FITS.c.build_id == build_id, FITS.c.analysis == ANALYSIS))
    rows = [{"build_id": build_id, "analysis": ANALYSIS, "part": part, "estimates": _rounded(found)} for part, found in parts.items()]
    connection.execute(sa.insert(FITS), rows)


def _rounded(found: Any) -> Any:
    """JSON knows no NaN, and the same build shall write the same bytes."""
    if isinstance(found, dict):
        return {name: _rounded(value) for name, value in found.items()}
    if isinstance(found, list):
        return [_rounded(value) for value in found]
    if isinstance(found, float):
        return round(float(found), 6) if np.isfinite(found) else None
    return found
