"""What many customers will bring together, with an interval.

In the interval: which customers happen to be ours (bootstrap over customers), their luck within the horizon (the spread of each one's
futures, which adds up), and the doubt about the fitted parameters and the rate of retention. Not in it: that the
models are wrong, or that the company or its market changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shopkeeper.analysis.lifetime import contractual
from shopkeeper.analysis.lifetime.bg_nbd import BgNbd
from shopkeeper.analysis.lifetime.contractual import Retention
from shopkeeper.analysis.lifetime.gamma_gamma import GammaGamma
from shopkeeper.analysis.lifetime.histories import Histories
from shopkeeper.analysis.lifetime.likelihood import Floats, Optimum
from shopkeeper.analysis.lifetime.predictive import LEVELS, PER_YEAR, SEED, Horizon

RESAMPLES = 1000
PARAMETERS = 100  # sets of parameters drawn, and used in turn
CUSTOMERS = 1000  # on whom it is seen what other parameters would change


@dataclass(frozen=True)
class Doubt:
    """Factors on the expected value from the shop and from contracts, one for each set of parameters that could be true."""

    shop: Floats
    contracts: Floats

    @staticmethod
    def none() -> Doubt:
        return Doubt(np.ones(PARAMETERS), np.ones(PARAMETERS))


def doubt_about_shop(purchases: Optimum, spend: Optimum, known: Histories, average: Floats, weeks: float) -> Floats:
    """What the total of expectations would be under parameters that could be true too, against that of the fitted ones."""
    random = np.random.default_rng([SEED, 1])
    if len(known) > CUSTOMERS:
        chosen = np.sort(random.choice(len(known), CUSTOMERS, replace=False))
        known, average = known[chosen], average[chosen]

    def total(bg: BgNbd, gg: GammaGamma) -> float:
        return float(bg.expected(known, weeks) @ gg.expected_average(known.repeats, average))

    drawn = zip(purchases.draw(random, PARAMETERS), spend.draw(random, PARAMETERS), strict=True)
    totals = [total(BgNbd(*bg), GammaGamma(p, max(q, 1.05), gamma)) for bg, (p, q, gamma) in drawn]
    return np.array(totals) / total(BgNbd.of(purchases), GammaGamma.of(spend))


def doubt_about_contracts(retention: Retention, horizon: Horizon) -> Floats:
    years = horizon.months / PER_YEAR
    rates = retention.draw(np.random.default_rng([SEED, 2]), PARAMETERS)
    multiples = [contractual.finite_multiple(rate, horizon.rate, years, PER_YEAR) for rate in rates]
    return np.array(multiples) / horizon.contract_multiple(retention)


def interval(shop: Floats, contracts: Floats, variance: Floats, doubt: Doubt) -> tuple[float, float]:
    """Ends of the 95 % interval of the customers' total; one element per customer in each array, at least one customer."""
    random = np.random.default_rng([SEED, 3, len(shop)])
    luck = random.normal(0, np.sqrt(variance.sum()), RESAMPLES)
    totals = np.empty(RESAMPLES)
    for resample in range(RESAMPLES):
        drawn = random.integers(len(shop), size=len(shop))
        parameters = resample % PARAMETERS
        totals[resample] = shop[drawn].sum() * doubt.shop[parameters] + contracts[drawn].sum() * doubt.contracts[parameters]
    low, high = np.quantile(totals + luck, LEVELS)
    return float(low), float(high)
