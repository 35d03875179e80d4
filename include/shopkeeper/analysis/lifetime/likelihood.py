"""Maximum likelihood for models whose parameters are all positive: searched on their logarithms, with the gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Floats = NDArray[np.float64]

# Far beyond anything seen in print. A parameter that ends here has run away: the data do not say what it is.
BOUND = 12.0
STEEP = 1e-6  # of the mean log-likelihood, per unit of a parameter's logarithm
BLOCK = 1 << 15  # rows at a time: they stay in the processor's cache, so that a row of a million costs what one of a thousand does


@dataclass(frozen=True)
class Optimum:
    """Where the likelihood is greatest. `covariance` is that of the parameters' logarithms; `why_not` is empty when all is well."""

    parameters: Floats
    log_likelihood: float
    covariance: Floats
    why_not: str

    def draw(self, random: np.random.Generator, count: int) -> Floats:
        """`count` rows of parameters as uncertain as the data leave them (normal on the logarithms)."""
        return np.exp(random.multivariate_normal(np.log(self.parameters), self.covariance, count, method="eigh"))


def blocks(count: int, size: int = BLOCK) -> Iterator[slice]:
    return (slice(first, min(first + size, count)) for first in range(0, count, size))


def maximise(log_likelihood: Callable[[Floats], tuple[float, Floats]], starts: list[list[float]], count: float) -> Optimum:
    """The best of searches from several starts.

    `log_likelihood` returns its value and its gradient by the parameters themselves; `count` is the number of customers in it.
    Whatever goes wrong is told in `why_not`: no search ended on a summit, or a parameter ran away.
    """

    def cost(logs: Floats) -> tuple[float, Floats]:
        value, gradient = log_likelihood(np.exp(logs))
        return -value / count, -gradient * np.exp(logs) / count

    best = None
    for start in starts:
        with np.errstate(all="ignore"):
            found = minimize(
                cost,
                np.log(start),
                jac=True,
                method="L-BFGS-B",
                bounds=[(-BOUND, BOUND)] * len(start),
                options={"maxiter": 500, "ftol": 1e-13, "gtol": 1e-8},
            )
        if np.isfinite(found.fun) and (best is None or found.fun < best.fun - 1e-9):
            best = found
    size = len(starts[0])
    if best is None:
        unknown = np.full(size, np.nan)
        return Optimum(unknown, np.nan, np.outer(unknown, unknown), "the likelihood could not be computed")
    logs, curvature, slope = _climb(cost, best.x)
    why_not = ""
    if (np.abs(logs) > BOUND - 0.5).any():
        why_not = "a parameter ran away: the data do not say what it is"
    elif not np.abs(slope).max() < STEEP or not np.linalg.eigvalsh(curvature).min() > 1e-9:
        why_not = "the search ended on no summit of the likelihood"
    covariance = np.linalg.pinv(curvature, hermitian=True) / count
    return Optimum(np.exp(logs), -cost(logs)[0] * count, np.asarray(covariance, float), why_not)


def _climb(cost: Callable[[Floats], tuple[float, Floats]], logs: Floats, steps: int = 3) -> tuple[Floats, Floats, Floats]:
    """A few Newton steps, so that the summit found does not hang on where the search began; with curvature and slope there."""
    _, slope = cost(logs)
    curvature = _curvature(cost, logs)
    for _ in range(steps):
        if np.abs(slope).max() < STEEP / 1000 or not np.linalg.eigvalsh(curvature).min() > 1e-9:
            break
        tried = logs - np.linalg.solve(curvature, slope)
        if np.abs(tried).max() > BOUND:
            break
        new_value, new_slope = cost(tried)
        if not (np.isfinite(new_value) and np.abs(new_slope).max() < np.abs(slope).max()):
            break
        logs, slope = tried, new_slope
        curvature = _curvature(cost, logs)
    return logs, curvature, slope


def _curvature(cost: Callable[[Floats], tuple[float, Floats]], logs: Floats, step: float = 1e-4) -> Floats:
    rows = [(cost(logs + move)[1] - cost(logs - move)[1]) / (2 * step) for move in np.eye(len(logs)) * step]
    curvature = np.array(rows)
    return (curvature + curvature.T) / 2
