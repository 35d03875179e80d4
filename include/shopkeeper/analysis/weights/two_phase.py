"""A phone call to some of the silent: the only way to learn from data what those think who did not answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from shopkeeper.analysis.weights.wave import Array

MARKS = np.array([-1.0, 0.0, 1.0])
ADDED = np.array([0.75, 1.5, 0.75])  # Rocks (2016)


@dataclass(frozen=True)
class Part:
    """The score of those who answered, or of the silent, in points, with its 95 % interval (adjusted Wald of the effective number)."""

    nps: float
    low: float
    high: float


@dataclass(frozen=True)
class FollowUp:
    """In points. `nps` of all who were invited, with its 95 % interval; `answered`, `silent`: of each part; `gap`: silent less answered."""

    nps: float
    low: float
    high: float
    error: float
    answered: Part
    silent: Part
    gap: float
    gap_p: float


def follow_up(answered: Array, silent: Array | int, called: Array, design_weight: Array | float = 1.0) -> FollowUp:
    """The score of all whom the wave speaks for, from those who answered and a random sample of the silent who were asked by phone.

    `answered` and `called`: K × 3, detractors, passives, promoters with each of K design weights; `silent`: how many with each did not
    answer, called or not; `design_weight`: 1/π, K of them. Where all had the same chance, 3 counts and one number will do. The sample of
    the silent must be random and answer: those whom the phone does not reach are taken to think like those it reaches.

    Estimate `(W₁θ₁ + W₂θ₂)/W`, W the sums of design weights, θ the weighted scores. Its variance, with n invited and m of M silent called:
    `n/(n−1)/W² · [Σ₁ d²(y−θ)² + M/m · Σ₂ d²(y−θ)² + (1−m/M) · m/(m−1) · Σ₂ d²(y−θ₂)² · (W₂/Σ₂d)²]`,
    Σ₁ over those who answered, Σ₂ over those called: both phases linearised, draws of the first as if with replacement. Where all had the
    same chance that is Rao's variance of double sampling for stratification.
    Raises ValueError with fewer than two answers of either kind, or more called than silent.
    Sources: Hansen, Hurwitz (1946), JASA 41, 517-529; Rao (1973), Biometrika 60, 125-133; Särndal, Swensson, Wretman (1992), chapter 9.
    """
    answered, called = np.atleast_2d(answered).astype(float), np.atleast_2d(called).astype(float)
    silent, d = np.atleast_1d(silent).astype(float), np.atleast_1d(design_weight).astype(float)
    if min(answered.sum(), called.sum()) < 2:
        raise ValueError("at least two answers and two calls are needed")
    if (called.sum(axis=1) > silent).any():
        raise ValueError(f"{int(called.sum())} were called, but only {int(silent.sum())} were silent")
    m, silent_n = called.sum(), silent.sum()
    n = answered.sum() + silent_n
    first, second = _weighted(answered, d), _weighted(called, d)
    weight = np.array([first.sum(), d @ silent])
    theta = np.array([first @ MARKS / first.sum(), second @ MARKS / second.sum()])
    nps = float(weight @ theta / weight.sum())

    def spread(counts: Array, centre: float) -> float:
        return float(_weighted(counts, d**2) @ (MARKS - centre) ** 2)

    drawn = spread(answered, nps) + silent_n / m * spread(called, nps)
    chosen = (1 - m / silent_n) * m / (m - 1) * spread(called, theta[1]) * (weight[1] / second.sum()) ** 2
    error = float(np.sqrt(n / (n - 1) * (drawn + chosen)) / weight.sum())
    errors = [
        np.sqrt(counts.sum() / (counts.sum() - 1) * spread(counts, centre)) / known.sum()
        for counts, centre, known in ((answered, theta[0], first), (called, theta[1], second))
    ]
    z = float(stats.norm.ppf(0.975))
    gap, gap_error = float(theta[1] - theta[0]), float(np.hypot(*errors))
    return FollowUp(
        nps=100 * nps,
        low=100 * max(-1.0, nps - z * error),
        high=100 * min(1.0, nps + z * error),
        error=100 * error,
        answered=_part(first, _weighted(answered, d**2).sum(), z),
        silent=_part(second, _weighted(called, d**2).sum(), z),
        gap=100 * gap,
        gap_p=float(2 * stats.norm.sf(abs(gap) / gap_error)) if gap_error > 0 else float(gap == 0),
    )


def _weighted(counts: Array, weight: Array) -> Array:
    """Sum of weights of detractors, passives and promoters."""
    summed: Array = weight @ counts
    return summed


def _part(weights: Array, squares: float, z: float) -> Part:
    """From the sums of weights of the three bands, and the sum of all squared weights."""
    n = weights.sum() ** 2 / squares
    shares = (n * weights / weights.sum() + ADDED) / (n + ADDED.sum())
    centre = shares @ MARKS
    half = z * np.sqrt((shares @ MARKS**2 - centre**2) / (n + ADDED.sum()))
    nps = float(weights @ MARKS / weights.sum())
    return Part(100 * nps, 100 * max(-1.0, float(centre - half)), 100 * min(1.0, float(centre + half)))
