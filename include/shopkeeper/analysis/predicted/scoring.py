"""How good chances are: proper scores, calibration, and agreement with what was answered."""

from __future__ import annotations

import numpy as np

from shopkeeper.analysis.drivers.ordinal import Array

BINS = 10


def brier(chances: Array, band: Array) -> Array:
    """Of each row: squared differences between the chances and what happened, summed over the bands; 0 is best, 2 worst.

    Source: Brier (1950), Verification of Forecasts Expressed in Terms of Probability.
    """
    squares: Array = ((chances - np.eye(chances.shape[1])[band]) ** 2).sum(axis=1)
    return squares


def bins(chance: Array, happened: Array, count: int = BINS) -> list[tuple[int, float, float]]:
    """Rows, mean chance and share that happened, in groups of equal size from the least to the most likely; rows alike stay together."""
    if not len(chance):
        return []
    edges = np.quantile(chance, np.arange(1, count) / count)
    place = np.searchsorted(edges, chance, side="right")
    return [
        (int((place == k).sum()), float(chance[place == k].mean()), float(happened[place == k].mean()))
        for k in range(count)
        if (place == k).any()
    ]


def calibration_error(chances: Array, band: Array) -> float:
    """Expected calibration error: by how much chances and shares differ, mean over ten groups of equal size and over the bands.

    Even honest chances have one above 0, because shares of a few answers scatter.
    Source: Naeini, Cooper and Hauskrecht (2015), Obtaining Well Calibrated Probabilities Using Bayesian Binning, class by class.
    """
    errors = []
    for k in range(chances.shape[1]):
        found = bins(chances[:, k], band == k)
        errors.append(sum(rows * abs(expected - share) for rows, expected, share in found) / len(band))
    return float(np.mean(errors))


def reliability(chances: Array, band: Array) -> float:
    """Murphy's term of the Brier score that calibration could take away: squared differences by group, summed over the bands.

    Source: Murphy (1973), A New Vector Partition of the Probability Score.
    """
    return float(
        sum(rows * (expected - share) ** 2 for k in range(chances.shape[1]) for rows, expected, share in bins(chances[:, k], band == k))
        / len(band)
    )


def quadratic_kappa(guessed: Array, band: Array, bands: int = 3) -> float:
    """Agreement beyond chance of the likeliest band with the answered one, a miss by two bands counting four times; NaN without any.

    Source: Cohen (1968), Weighted Kappa.
    """
    observed = np.zeros((bands, bands))
    np.add.at(observed, (guessed, band), 1.0 / len(band))
    weight = (np.arange(bands)[:, None] - np.arange(bands)) ** 2
    by_chance = float((weight * np.outer(observed.sum(axis=1), observed.sum(axis=0))).sum())
    return 1 - float((weight * observed).sum()) / by_chance if by_chance else float("nan")


def mean_by_customer(values: Array, customer: Array, weight: Array | None = None) -> tuple[float, float]:
    """Weighted mean and its standard error, the rows of one customer counted together."""
    weight = np.ones(len(values)) if weight is None else weight
    total = weight.sum()
    mean = float(weight @ values / total)
    _, place = np.unique(customer, return_inverse=True)
    sums = np.bincount(place, weight * (values - mean))
    groups = len(sums)
    return mean, float(np.sqrt((sums @ sums) * groups / max(1, groups - 1)) / total)
