"""What each customer will bring within the horizon: the expectation, and an interval by simulating futures of that customer.

A future of a customer is drawn from what the customer's own history leaves open: still active or not, rate, probability of leaving,
average spend, then purchases and what is spent on each. The interval holds 95 % of the futures. It takes the fitted
parameters of the population of buyers as known (their doubt is small beside one customer's luck, and is in the totals), draws the
rate of retention anew, and knows nothing of a change in how the company does business.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shopkeeper.analysis.lifetime import contractual
from shopkeeper.analysis.lifetime.bg_nbd import BgNbd
from shopkeeper.analysis.lifetime.contractual import Retention
from shopkeeper.analysis.lifetime.gamma_gamma import GammaGamma
from shopkeeper.analysis.lifetime.histories import Histories, Ints
from shopkeeper.analysis.lifetime.likelihood import Floats, blocks

SEED = 20050805
DRAWS = 300
ROWS = 1024  # customers at a time: bounds the memory, whatever their number
LEVELS = (0.025, 0.975)
PER_YEAR = 12  # what is earned in a month is counted at its end
WEEKS = 365 / 7  # in a year


@dataclass(frozen=True)
class Horizon:
    """How far ahead value is counted, and by how much a later euro counts less (`rate` a year)."""

    years: float
    rate: float

    @property
    def months(self) -> int:
        return max(1, round(self.years * PER_YEAR))

    @property
    def weeks(self) -> float:
        return self.months / PER_YEAR * WEEKS

    def contract_multiple(self, retention: Retention) -> float:
        """What a contract with a margin of 1 a year is expected to bring."""
        return contractual.finite_multiple(retention.rate, self.rate, self.months / PER_YEAR, PER_YEAR)

    @property
    def month_ends(self) -> Floats:
        """In weeks from now."""
        return np.arange(1, self.months + 1) / PER_YEAR * WEEKS

    @property
    def weights(self) -> Floats:
        return np.asarray((1 + self.rate) ** (-np.arange(1, self.months + 1) / PER_YEAR))


@dataclass(frozen=True)
class Shop:
    """The fitted models of what is bought freely; histories in weeks. `margin_share` of what is spent is margin."""

    purchases: BgNbd
    spend: GammaGamma
    margin_share: float

    def expected(self, known: Histories, average: Floats, horizon: Horizon) -> Floats:
        """Expected discounted margin per customer; `average` spend per repeat purchase."""
        bought = self.purchases.discounted(known, horizon.month_ends, horizon.weights)
        return bought * self.spend.expected_average(known.repeats, average) * self.margin_share

    def draw_purchases(self, known: Histories, ahead: float, random: np.random.Generator) -> tuple[Ints, Ints, Floats]:
        """Futures, customers × DRAWS: purchases within `ahead` weeks, how many there were to be, and how many until leaving."""
        shape = (len(known), DRAWS)
        model = self.purchases
        rate = random.standard_gamma((model.r + known.repeats)[:, None], shape) / (model.alpha + known.age)[:, None]
        leaving = random.beta(model.a, np.broadcast_to((model.b + known.repeats)[:, None], shape))
        is_active = random.random(shape) < model.probability_active(known)[:, None]
        wanted = random.poisson(np.minimum(rate * ahead, 1e6))
        until_left = random.geometric(np.clip(leaving, 1e-9, 1.0))
        bought: Ints = np.minimum(wanted, until_left) * is_active
        return bought, wanted, until_left.astype(float)

    def draw_spend(self, known: Histories, average: Floats, bought: Ints, random: np.random.Generator) -> Floats:
        """What is spent on so many purchases, customers × DRAWS."""
        model = self.spend
        seen = np.where(known.repeats > 0, average * known.repeats, 0.0)
        of_customer = random.standard_gamma((model.q + model.p * known.repeats)[:, None], bought.shape) / (model.gamma + seen)[:, None]
        return np.asarray(random.standard_gamma(model.p * bought) / of_customer)

    def draw(self, known: Histories, average: Floats, horizon: Horizon, random: np.random.Generator) -> Floats:
        """Discounted margin, customers × DRAWS. Purchases count when they are to be expected, given how many there are."""
        bought, wanted, until_left = self.draw_purchases(known, horizon.weeks, random)
        years = horizon.months / PER_YEAR
        has_left = until_left <= wanted
        last = np.where(has_left, years * until_left / (wanted + 1), years)
        # until the last one purchases fall evenly; who leaves does so at the last one itself
        force = np.log1p(horizon.rate)
        evenly = -np.expm1(-force * last) / (force * last) if force > 0 else np.ones_like(last)
        at_end = np.where(has_left, 1 / until_left, 0.0)
        factor = (1 - at_end) * evenly + at_end * np.exp(-force * last)
        months_end = (1 + horizon.rate) ** (-0.5 / PER_YEAR)
        return np.asarray(self.draw_spend(known, average, bought, random) * factor * (self.margin_share * months_end))


@dataclass(frozen=True)
class Predicted:
    """One element per customer; `variance` is that of the customer's futures."""

    expected: Floats
    low: Floats
    high: Floats
    variance: Floats


def draw_multiples(retention: Retention, horizon: Horizon, shape: tuple[int, ...], random: np.random.Generator) -> Floats:
    """What a contract with a margin of 1 a year turns out to bring; each column has a rate of retention of its own."""
    rate = np.clip(retention.draw(random, shape[-1]), 1e-9, 1 - 1e-9)
    stay = np.minimum(np.log(random.random(shape)) / np.log(rate) * PER_YEAR, horizon.months).astype(int)
    return np.asarray(contractual.multiples_by_stay(horizon.rate, horizon.months / PER_YEAR, PER_YEAR)[stay])


def predict_contracts(annual_margin: Floats, retention: Retention, horizon: Horizon) -> Predicted:
    """For customers with nothing but contracts; the margin may be negative. All hang on one multiple, so that is simulated once."""
    multiple = horizon.contract_multiple(retention)
    drawn = draw_multiples(retention, horizon, (200_000,), np.random.default_rng(SEED))
    ends = annual_margin[:, None] * np.quantile(drawn, LEVELS)
    return _holding(annual_margin * multiple, ends.min(axis=1), ends.max(axis=1), annual_margin**2 * drawn.var())


def predict(
    shop: Shop,
    known: Histories,
    average: Floats,
    horizon: Horizon,
    *,
    annual_margin: Floats | None = None,
    retention: Retention | None = None,
) -> Predicted:
    """For customers with purchases, and perhaps contracts (`annual_margin` above or below 0) besides.

    Customers with the same history get the same figures: those without a repeat purchase, and a contract, are computed once.
    """
    expected = shop.expected(known, average, horizon)
    contracts = np.zeros(len(known)) if annual_margin is None or retention is None else annual_margin
    first, which = _alike(known, contracts)
    low, high, variance = (np.empty(len(first)) for _ in range(3))
    for number, part in enumerate(blocks(len(first), ROWS)):
        random = np.random.default_rng([SEED, number])
        rows = first[part]
        value = shop.draw(known[rows], average[rows], horizon, random)
        if retention is not None and contracts[rows].any():
            value += contracts[rows, None] * draw_multiples(retention, horizon, value.shape, random)
        low[part], high[part] = np.quantile(value, LEVELS, axis=1)
        variance[part] = value.var(axis=1)
    if retention is not None:
        expected = expected + contracts * horizon.contract_multiple(retention)
    return _holding(expected, low[which], high[which], variance[which])


def _alike(known: Histories, contracts: Floats) -> tuple[Ints, Ints]:
    """The first of each kind of customer, and each customer's kind. Whoever has bought again has an average of his own."""
    histories, which, _ = known.distinct()
    kind = np.where((known.repeats > 0) | (contracts != 0), len(histories) + np.arange(len(known)), which)
    _, first, of = np.unique(kind, return_index=True, return_inverse=True)
    return first.astype(np.int64), of.astype(np.int64)


def _holding(expected: Floats, low: Floats, high: Floats, variance: Floats) -> Predicted:
    """An expectation made of rare great values can lie above 97.5 % of the futures: the interval is stretched to hold it."""
    return Predicted(expected, np.minimum(low, expected), np.maximum(high, expected), variance)
