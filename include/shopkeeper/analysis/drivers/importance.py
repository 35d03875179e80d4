"""How much of the score's variance each driver explains: its mean part over the orders in which drivers can be entered."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from shopkeeper.analysis.drivers.ordinal import Array

ORDERS = 120  # all of them for five drivers; for more, so many at random, each with its reverse
ORDERS_OF_A_DRAW = 24
BLOCKS = 200
DRAWS = 200
SEED = 20
TINY = 1e-9


@dataclass(frozen=True)
class Importance:
    """Parts of R² by driver, which add up to `explained`, with 95 % intervals from a bootstrap over customers."""

    parts: Array
    low: Array
    high: Array
    explained: float


def importance(design: Array, outcome: Array, of_driver: Array, drivers: int, customer: Array | None = None) -> Importance:
    """Shapley (LMG) parts of the R² of least squares of `outcome` on the columns, the columns of a driver entered together.

    `of_driver` numbers each column's driver. Customers are dealt into 200 blocks, and blocks are drawn anew: the cost of a draw
    does not grow with the answers. Source: Grömping (2007), Estimators of Relative Importance in Linear Regression.
    """
    whole = np.column_stack([np.ones(len(design)), design, outcome])
    sums = _sums_by_block(whole, np.arange(len(design)) if customer is None else customer)
    random = np.random.default_rng(SEED)
    parts = shapley(sums.sum(axis=0), of_driver, drivers, orders(drivers, ORDERS, random))
    few = orders(drivers, ORDERS_OF_A_DRAW, random)
    drawn = np.empty((DRAWS, drivers))
    for draw in range(DRAWS):
        times = np.bincount(random.integers(0, len(sums), len(sums)), minlength=len(sums))
        drawn[draw] = shapley(np.tensordot(times, sums, axes=1), of_driver, drivers, few)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return Importance(parts, np.minimum(low, parts), np.maximum(high, parts), float(parts.sum()))


def _sums_by_block(whole: Array, customer: Array) -> Array:
    """Sums of squares and products, one matrix per block of customers."""
    _, number = np.unique(customer, return_inverse=True)
    block = number % min(BLOCKS, number.max() + 1)
    order = np.argsort(block, kind="stable")
    bounds = np.searchsorted(block[order], np.arange(block.max() + 2))
    return np.stack([whole[order[start:end]].T @ whole[order[start:end]] for start, end in itertools.pairwise(bounds)])


def orders(drivers: int, most: int, random: np.random.Generator) -> list[list[int]]:
    if math.factorial(min(drivers, 8)) <= most:
        return [list(order) for order in itertools.permutations(range(drivers))]
    half = [random.permutation(drivers).tolist() for _ in range(most // 2)]
    return [order for one in half for order in (one, one[::-1])]


def shapley(sums: Array, of_driver: Array, drivers: int, in_orders: list[list[int]]) -> Array:
    """Mean part of R² that each driver adds, from the sums of squares and products of a constant, the columns and the outcome."""
    centred = sums[1:, 1:] - np.outer(sums[0, 1:], sums[0, 1:]) / sums[0, 0]
    variance = centred[-1, -1]
    if variance <= 0:
        return np.zeros(drivers)
    scale = np.sqrt(np.maximum(np.diag(centred), TINY))
    standard = centred / np.outer(scale, scale) + TINY * np.eye(len(centred))
    columns = [np.flatnonzero(of_driver == driver) for driver in range(drivers)]
    outcome = len(of_driver)
    entered = np.array([np.concatenate([*(columns[driver] for driver in order), [outcome]]) for order in in_orders], int)
    # the last row of the root of (columns, outcome) holds what each column adds, in the order of entering
    added = np.linalg.cholesky(standard[entered[:, :, None], entered[:, None, :]])[:, -1, :-1] ** 2
    parts = np.zeros((len(in_orders), drivers))
    for row, order in enumerate(entered[:, :-1]):
        parts[row] = np.bincount(of_driver[order], added[row], drivers)
    mean: Array = parts.mean(axis=0)
    return mean
