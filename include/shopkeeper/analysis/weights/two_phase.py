"""A phone call to some of the silent: the only way to learn from data what those think who did not answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from shopkeeper.analysis.weights.wave import Array


@dataclass(frozen=True)
class FollowUp:
    """In points. `nps` of all who were invited, with its 95 % interval; `answered`, `silent`: of each part; `gap`: silent less answered."""

    nps: float
    low: float
    high: float
    error: float
    answered: float
    silent: float
    gap: float
    gap_p: float


def follow_up(answered: Array, silent: int, called: Array) -> FollowUp:
    """The score of all invited, from those who answered and a random sample of the silent who were asked by phone.

    `answered` and `called`: detractors, passives, promoters among them; `silent`: how many did not answer, called or not. The sample of the
    silent must be random and answer: those whom the phone does not reach are taken to think like those it reaches.
    Estimate `w₁θ₁ + w₂θ₂`; variance by double sampling for stratification:
    `Σ (n'_h − 1)/(n' − 1) · w_h·s²_h/n_h + Σ w_h(θ_h − θ)²/(n' − 1)`.
    Raises ValueError with fewer than two answers of either kind, or more called than silent.
    Sources: Hansen, Hurwitz (1946), JASA 41, 517-529; Rao (1973), Biometrika 60, 125-133.
    """
    if min(answered.sum(), called.sum()) < 2:
        raise ValueError("at least two answers and two calls are needed")
    if called.sum() > silent:
        raise ValueError(f"{int(called.sum())} were called, but only {silent} were silent")
    first = np.array([answered.sum(), silent], float)  # of each stratum in the first phase
    second = np.array([answered.sum(), called.sum()], float)  # of them, whose band is known
    share = first / first.sum()
    theta, spread = np.array([_mean_and_variance(counts) for counts in (answered, called)]).T
    nps = float(share @ theta)
    within = (first - 1) / (first.sum() - 1) * share * spread / second
    between = share * (theta - nps) ** 2 / (first.sum() - 1)
    error = float(np.sqrt(within.sum() + between.sum()))
    z = float(stats.norm.ppf(0.975))
    gap, gap_error = float(theta[1] - theta[0]), float(np.sqrt((spread / second).sum()))
    return FollowUp(
        nps=100 * nps,
        low=100 * max(-1.0, nps - z * error),
        high=100 * min(1.0, nps + z * error),
        error=100 * error,
        answered=100 * float(theta[0]),
        silent=100 * float(theta[1]),
        gap=100 * gap,
        gap_p=float(2 * stats.norm.sf(abs(gap) / gap_error)) if gap_error > 0 else float(gap == 0),
    )


def _mean_and_variance(counts: Array) -> tuple[float, float]:
    """Mean and sample variance (n − 1) of −1, 0, 1."""
    n = float(counts.sum())
    mean = float(counts[2] - counts[0]) / n
    return mean, (float(counts[2] + counts[0]) / n - mean**2) * n / (n - 1)
