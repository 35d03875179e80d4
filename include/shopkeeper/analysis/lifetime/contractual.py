"""Contracts: margin × retention. The end of a contract is seen, so what has to be estimated is how many stay a year."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

from shopkeeper.analysis.lifetime.likelihood import Floats


@dataclass(frozen=True)
class Retention:
    """Of `customers` under contract a year ago, `stayed` are so today. Doubt about the rate: beta, Jeffreys' prior."""

    customers: int
    stayed: int

    @property
    def rate(self) -> float:
        return (self.stayed + 0.5) / (self.customers + 1)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        low, high = beta.ppf([(1 - level) / 2, (1 + level) / 2], self.stayed + 0.5, self.customers - self.stayed + 0.5)
        return float(low), float(high)

    def draw(self, random: np.random.Generator, count: int) -> Floats:
        return random.beta(self.stayed + 0.5, self.customers - self.stayed + 0.5, count)


def infinite_multiple(retention: float, rate: float) -> float:
    """r/(1+i−r): what a margin of 1 a year is worth over an endless horizon, WITHOUT the first year's margin.

    Source: Gupta, Lehmann (2005), Managing Customers as Investments: r 80 %, i 10 % → 2.67; with the first margin it is 3.67.
    """
    return retention / (1 + rate - retention)


def finite_multiple(retention: float, rate: float, years: float, per_year: int = 1) -> float:
    """What a margin of 1 a year is worth over `years`, paid in `per_year` equal parts, each at the end of its part of a year.

    A part is paid by those who are still there at its end. With one part a year this is the finite sum beside
    `infinite_multiple`, which it approaches as the years grow.
    """
    return float(multiples_by_stay(rate, years, per_year) @ _shares_leaving(retention, years, per_year))


def multiples_by_stay(rate: float, years: float, per_year: int) -> Floats:
    """What a margin of 1 a year is worth when 0, 1, 2 … parts are paid, up to the horizon."""
    parts = np.arange(1, round(years * per_year) + 1)
    return np.concatenate([[0.0], np.cumsum((1 + rate) ** (-parts / per_year)) / per_year])


def _shares_leaving(retention: float, years: float, per_year: int) -> Floats:
    """The share of customers who pay exactly 0, 1, 2 … parts."""
    staying = retention ** (np.arange(round(years * per_year) + 1) / per_year)
    return np.append(-np.diff(staying), staying[-1])
