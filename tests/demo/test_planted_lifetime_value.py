"""The shop that the simulator plants, found again by the models of lifetime value."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from shopkeeper.analysis.lifetime import bg_nbd, gamma_gamma
from shopkeeper.analysis.lifetime.histories import Histories
from shopkeeper.analysis.lifetime.likelihood import Optimum
from shopkeeper.demo import Part, Simulation, SimulationConfig, simulate, value
from shopkeeper.demo.config import Array


def fits(company: Simulation, part: Part) -> dict[str, tuple[Optimum, Array]]:
    """Both fits on what was sold, by the day, with what was planted."""
    sold = (part.postings.event >= 0) & (part.postings.cents > 0)
    rows = pd.DataFrame(
        {"customer": part.postings.customer[sold], "day": part.postings.day[sold], "spend": part.postings.cents[sold] / 100}
    )
    days = rows.groupby(["customer", "day"], as_index=False).spend.sum()
    days["first"] = days.groupby("customer").day.transform("min")
    days["again"] = days.spend.where(days.day > days["first"], 0.0)
    each = days.groupby("customer").agg(first=("first", "min"), last=("day", "max"), count=("day", "count"), again=("again", "sum"))
    repeats = each["count"].to_numpy(float) - 1
    known = Histories(
        repeats, (each["last"] - each["first"]).to_numpy(float) / 7, (company.config.end_day - each["first"]).to_numpy(float) / 7
    )
    bought = repeats > 0
    return {
        "purchases": (bg_nbd.fit(known), np.array([value.SHOP[name] for name in ("r", "alpha", "a", "b")])),
        "spend": (
            gamma_gamma.fit(repeats[bought], each.again.to_numpy()[bought] / repeats[bought]),
            np.array([value.SHOP[name] for name in ("p", "q", "gamma")]),
        ),
    }


def distance(found: Optimum, planted: Array) -> float:
    """Mahalanobis' square between the logarithms of what was found and what was planted: chi-squared, one degree per parameter."""
    apart = np.log(found.parameters) - np.log(planted)
    return float(apart @ np.linalg.solve(found.covariance, apart))


def test_the_planted_shop_is_found_again(company: Simulation, clean: Part) -> None:
    # Each parameter inside its own 95 % interval: an estimate beside the truth, or an interval too narrow, shows here.
    for name, (found, planted) in fits(company, clean).items():
        assert not found.why_not
        half_width = 1.96 * np.sqrt(np.diag(found.covariance))
        assert (np.abs(np.log(found.parameters) - np.log(planted)) < half_width).all(), name
        assert half_width.max() < 0.25, f"{name}: an interval that says nothing holds everything"


@pytest.mark.long
def test_the_planted_shop_is_found_again_over_200_seeds() -> None:
    # The day as unit and Swiss francs unconverted are not in the model; they may cost little of the coverage.
    inside = {"purchases": 0, "spend": 0}
    limits = {"purchases": 9.488, "spend": 7.815}  # chi-squared, 95 %
    for seed in range(200):
        company = simulate(SimulationConfig(customers=4000, seed=seed))
        for name, (found, planted) in fits(company, company.whole).items():
            inside[name] += distance(found, planted) < limits[name]
    assert min(inside.values()) >= 182, inside
