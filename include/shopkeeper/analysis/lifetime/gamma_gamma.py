"""Gamma-Gamma: what customers spend per purchase, when what each spends varies around an average of his own.

Spend per purchase is gamma (p, ν), ν differs between customers as gamma (q, γ), independent of how often they buy.
Source: Fader, Hardie (2013), The Gamma-Gamma Model of Monetary Value; Fader, Hardie, Lee (2005), RFM and CLV.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, gammaln

from shopkeeper.analysis.lifetime.likelihood import Floats, Optimum, blocks, maximise


@dataclass(frozen=True)
class GammaGamma:
    """The three parameters; γ is in money. The mean over customers, p·γ/(q−1), is finite only for q > 1."""

    p: float
    q: float
    gamma: float

    @staticmethod
    def of(optimum: Optimum) -> GammaGamma:
        return GammaGamma(*(float(value) for value in optimum.parameters))

    def expected_average(self, repeats: Floats, average: Floats) -> Floats:
        """Expected spend per purchase of each customer; `average` is that of the `repeats` seen and counts only where there are any."""
        seen = np.where(repeats > 0, average * repeats, 0.0)
        return np.asarray(self.p * (self.gamma + seen) / (self.p * repeats + self.q - 1))


def fit(repeats: Floats, average: Floats) -> Optimum:
    """Maximum likelihood (p, q, γ) from customers with repeat purchases; look at `why_not` before using it.

    Raises ValueError for a customer without repeat purchases or with an average of nothing or less.
    """
    if (repeats < 1).any() or not (average > 0).all():
        raise ValueError("Gamma-Gamma needs repeat purchases and averages above 0")
    middle = float(np.median(average)) if len(average) else 1.0
    xs, which = np.unique(repeats, return_inverse=True)
    log_average, log_repeats = np.log(average), np.log(repeats)

    def value(parameters: Floats) -> tuple[float, Floats]:
        p, q, gamma = parameters
        by_count = gammaln(p * xs + q) - gammaln(p * xs) - gammaln(q)
        slope_p = xs * (digamma(p * xs + q) - digamma(p * xs))
        slope_q = digamma(p * xs + q) - digamma(q)
        total, slopes = 0.0, np.zeros(3)
        for part in blocks(len(repeats)):
            x, kind, spread = repeats[part], which[part], np.log(gamma + repeats[part] * average[part])
            total += float(
                np.sum(
                    by_count[kind] + q * np.log(gamma) + (p * x - 1) * log_average[part] + p * x * log_repeats[part] - (p * x + q) * spread
                )
            )
            slopes += [
                np.sum(slope_p[kind] + x * (log_average[part] + log_repeats[part] - spread)),
                np.sum(slope_q[kind] + np.log(gamma) - spread),
                np.sum(q / gamma - (p * x + q) / (gamma + x * average[part])),
            ]
        return total, slopes

    return maximise(value, [[2.0, 3.0, 2 * middle], [6.0, 4.0, middle / 2]], len(repeats))
