"""BG/NBD: how often customers buy who may leave unseen after any purchase.

While active a customer buys at a rate λ of his own (gamma: r, α); after each repeat purchase he leaves for good with a
probability p of his own (beta: a, b). Source: Fader, Hardie, Lee (2005), "Counting Your Customers" the Easy Way, Marketing
Science 24(2), with the correction that a customer cannot leave at the first purchase.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh_tridiagonal
from scipy.special import digamma, gammaln, hyp2f1

from shopkeeper.analysis.lifetime.histories import Histories
from shopkeeper.analysis.lifetime.likelihood import Floats, Optimum, blocks, maximise


@dataclass(frozen=True)
class BgNbd:
    """The four parameters; α is in the histories' unit of time."""

    r: float
    alpha: float
    a: float
    b: float

    @staticmethod
    def of(optimum: Optimum) -> BgNbd:
        return BgNbd(*(float(value) for value in optimum.parameters))

    def probability_active(self, known: Histories) -> Floats:
        """P(not left yet) per customer; 1 without a repeat purchase, because the model lets nobody leave before one."""
        repeats = np.maximum(known.repeats, 1)
        with np.errstate(over="ignore"):
            grown = np.exp((self.r + repeats) * (np.log(self.alpha + known.age) - np.log(self.alpha + known.recency)))
            odds = self.a / (self.b + repeats - 1) * grown
        return np.where(known.repeats > 0, 1 / (1 + odds), 1.0)

    def expected_if_active(self, known: Histories, ahead: float) -> Floats:
        """Expected purchases within `ahead` units of time of a customer who is active now.

        The paper's equation 10 with its hypergeometric function turned by Euler's rule, which keeps it from overflowing. Where the
        library still has no number for it, or a is 1, the same expectation is integrated over the probability of leaving.
        """
        c = self.a + self.b + known.repeats - 1
        z = ahead / (self.alpha + known.age + ahead)
        with np.errstate(all="ignore"):
            function = hyp2f1(self.a + self.b - 1 - self.r, self.a - 1, c, z)
            found = np.asarray(c / (self.a - 1) * (1 - np.exp((self.a - 1) * np.log1p(-z)) * function))
        missing = np.isnan(found) | np.isinf(found) | (abs(self.a - 1) < 1e-5)
        for repeats in np.unique(known.repeats[missing]):
            rows = missing & (known.repeats == repeats)
            leaving, weights = beta_nodes(self.a, self.b + repeats)
            grown = np.log1p(leaving * (ahead / (self.alpha + known.age[rows]))[:, None])
            found[rows] = (-np.expm1(-(self.r + repeats) * grown) / leaving) @ weights
        return found

    def expected(self, known: Histories, ahead: float) -> Floats:
        """E[Y(ahead) | x, t_x, T]: expected purchases of each customer within `ahead` units of time."""
        return self.probability_active(known) * self.expected_if_active(known, ahead)

    def discounted(self, known: Histories, ends: Floats, weights: Floats) -> Floats:
        """Expected purchases within each period, times the period's weight, added up; `ends` are the periods' ends from now.

        What an active customer will buy hangs on repeats and age alone, so it is computed once for each pair of them.
        """
        at_same = Histories(known.repeats, np.zeros(len(known)), known.age)
        pairs, which, _ = at_same.distinct()
        total, before = np.zeros(len(pairs)), np.zeros(len(pairs))
        for end, weight in zip(ends, weights, strict=True):
            until = self.expected_if_active(pairs, float(end))
            total += weight * (until - before)
            before = until
        return self.probability_active(known) * total[which]


def beta_nodes(a: float, b: float, nodes: int = 96) -> tuple[Floats, Floats]:
    """Points in (0, 1) and weights that integrate over a beta (a, b) distribution: Gauss-Jacobi, by Golub and Welsch (1969)."""
    n = np.arange(2, nodes)
    total = 2 * n + a + b - 2
    diagonal = np.empty(nodes)
    diagonal[0] = (a - b) / (a + b)
    both = 2 * np.arange(1, nodes) + a + b - 2
    diagonal[1:] = (a - b) * (a + b - 2) / (both * (both + 2))
    beside = np.empty(nodes - 1)
    beside[0] = 4 * a * b / ((a + b) ** 2 * (a + b + 1))
    beside[1:] = 4 * n * (n + b - 1) * (n + a - 1) * (n + a + b - 2) / (total**2 * (total + 1) * (total - 1))
    points, vectors = eigh_tridiagonal(diagonal, np.sqrt(beside))
    return np.clip((1 + points) / 2, 1e-300, 1.0), vectors[0] ** 2


def fit(known: Histories) -> Optimum:
    """Maximum likelihood (r, α, a, b); look at `why_not` before using it. Equal histories are computed once."""
    rows, _, counts = known.distinct()
    age = max(float(np.average(known.age)), 1e-9) if len(known) else 1.0
    starts = [[0.5, age / 4, 1.0, 3.0], [1.5, age, 0.5, 1.5]]

    def value(parameters: Floats) -> tuple[float, Floats]:
        parts = [_log_likelihood(parameters, rows[part], counts[part]) for part in blocks(len(rows))]
        return float(sum(part[0] for part in parts)), np.sum([part[1] for part in parts], axis=0)

    return maximise(value, starts, len(known))


def _log_likelihood(parameters: Floats, known: Histories, counts: Floats) -> tuple[float, Floats]:
    """The log-likelihood of these histories, times their counts, and its gradient by (r, α, a, b)."""
    r, alpha, a, b = parameters
    x, repeats = known.repeats, np.maximum(known.repeats, 1)
    # functions of the number of purchases alone, of which there are few different ones
    xs, which = np.unique(x, return_inverse=True)
    by_count = gammaln(r + xs) - gammaln(r) + gammaln(a + b) + gammaln(b + xs) - gammaln(b) - gammaln(a + b + xs)
    slope_r = digamma(r + xs) - digamma(r) + np.log(alpha)
    slope_a = digamma(a + b) - digamma(a + b + xs)
    slope_b = digamma(a + b) - digamma(b) + digamma(b + xs) - digamma(a + b + xs)
    log_age, log_recency = np.log(alpha + known.age), np.log(alpha + known.recency)
    stayed = -(r + x) * log_age
    left = np.where(x > 0, np.log(a) - np.log(b + repeats - 1) - (r + x) * log_recency, -np.inf)
    either = np.logaddexp(stayed, left)
    has_left = np.exp(left - either)
    value = counts @ (by_count[which] + r * np.log(alpha) + either)
    gradient = [
        slope_r[which] - (1 - has_left) * log_age - has_left * log_recency,
        r / alpha - (r + x) * ((1 - has_left) / (alpha + known.age) + has_left / (alpha + known.recency)),
        slope_a[which] + has_left / a,
        slope_b[which] - has_left / (b + repeats - 1),
    ]
    return float(value), np.array([counts @ part for part in gradient])
