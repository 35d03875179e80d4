"""Themes that are mentioned more often than they used to be: the newest 28 days against the 336 days before.

A share of mentions moves from month to month without anything having happened, more for some themes than for others. Twelve windows tell
little of how much one theme moves, so what all themes of the run show is the prior for each (empirical Bayes), and what stays in doubt is
integrated out: a plugged-in estimate would be too small for some, and those would be called emerging.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.special import betaln, gammaln, logsumexp

Array = npt.NDArray[Any]

WINDOW_DAYS, WINDOWS = 28, 12
Q = 0.05 / 12  # a year of monthly looks
FEWEST_COMMENTS, FEWEST_EARLIER, FEWEST_WINDOWS, FEWEST_MENTIONS = 10, 60, 6, 5
SPREADS = np.geomspace(1e-4, 0.3, 24)
PRIOR_CELLS = 5  # what is thought before any cell is seen counts as so many
ROUNDS = 40
EXACT_UP_TO = 2000


@dataclass(frozen=True)
class Change:
    """One theme in one cell. `spread` (how alike comments of one window are beyond chance) and `p` are None where too little is known."""

    mentions: int
    comments: int
    earlier_mentions: int
    earlier_comments: int
    spread: float | None
    p: float | None


def changes(mentions: Array, comments: Array) -> list[Change]:
    """The newest window of each cell against those before it; both arrays are cells × windows and begin with the newest.

    p is the probability of at least as many mentions in the newest window, had its share come from where the earlier ones came from.
    Shares of windows vary around their mean π with intraclass correlation ρ, and π is known from N comments in J windows: for a given ρ
    the newest share has variance π(1−π)(ρ + ρ/J + 1/N) around (K+½)/(N+1), and the mentions are beta-binomial. ρ is averaged over what the
    cell's earlier windows leave of the prior that all cells of the run give together.
    Raises ValueError when a cell has more mentions than comments.
    """
    found, asked = np.asarray(mentions, float), np.asarray(comments, float)
    if (found > asked).any() or (found < 0).any():
        raise ValueError("mentions must be between 0 and the comments of their window")
    total, of_comments, windows = found[:, 1:].sum(axis=1), asked[:, 1:].sum(axis=1), (asked[:, 1:] > 0).sum(axis=1)
    is_known = (asked[:, 0] >= FEWEST_COMMENTS) & (of_comments >= FEWEST_EARLIER) & (windows >= FEWEST_WINDOWS)
    weights = _beliefs(found[is_known, 1:], asked[is_known, 1:])
    places = iter(weights)
    told = []
    for cell in range(len(found)):
        k, n, spread, p = int(found[cell, 0]), int(asked[cell, 0]), None, None
        if is_known[cell]:
            belief = next(places)
            share = (total[cell] + 0.5) / (of_comments[cell] + 1)
            strength = 1 / (SPREADS + SPREADS / windows[cell] + 1 / of_comments[cell]) - 1
            p = float(min(1.0, belief @ _at_least(k, n, share, strength)))
            spread = float(belief @ SPREADS)
        told.append(Change(k, n, int(total[cell]), int(of_comments[cell]), spread, p))
    return told


def _beliefs(mentions: Array, comments: Array) -> Array:
    """Posterior probabilities of SPREADS for each cell, from a prior that is the mean of the posteriors: cells × spreads.

    Source: nonparametric empirical Bayes by expectation and maximisation, Laird (1978), JASA 73, 805-811, on a fixed grid.
    """
    if not len(mentions):
        return np.empty((0, len(SPREADS)))
    share = ((mentions.sum(axis=1) + 0.5) / (comments.sum(axis=1) + 1))[:, None, None]
    strength = (1 / SPREADS - 1)[None, :, None]
    k, n = mentions[:, None, :], comments[:, None, :]
    a, b = share * strength, (1 - share) * strength
    logs = (betaln(k + a, n - k + b) - betaln(a, b)).sum(axis=2)
    start = np.full(len(SPREADS), 1 / len(SPREADS))
    prior = start
    for _ in range(ROUNDS):
        beliefs = np.exp(logs + np.log(prior) - logsumexp(logs + np.log(prior), axis=1, keepdims=True))
        prior = (beliefs.sum(axis=0) + PRIOR_CELLS * start) / (len(logs) + PRIOR_CELLS)
    return np.asarray(beliefs)


def _at_least(k: int, n: int, share: float, strength: Array) -> Array:
    """P(X ≥ k) of beta-binomials of n with mean share and each strength; of many comments by the beta distribution of equal variance."""
    if k == 0:
        return np.ones(len(strength))
    if n > EXACT_UP_TO:
        wide = 1 / (1 / n + (1 - 1 / n) / (strength + 1)) - 1
        return np.asarray(stats.beta.sf((k - 0.5) / n, share * wide, (1 - share) * wide))
    x = np.arange(k, n + 1)[:, None]
    a, b = share * strength, (1 - share) * strength
    ways = gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)
    return np.asarray(np.exp(ways + betaln(x + a, n - x + b) - betaln(a, b)).sum(axis=0))


def judged(cells: Sequence[Change]) -> tuple[list[float | None], list[bool]]:
    """q-value and whether the theme is emerging, for each cell of a run: all cells that can be told are one family.

    Source: Benjamini and Hochberg (1995), JRSS B 57, 289-300; cells of one theme rather agree than contradict each other.
    """
    places = [place for place, one in enumerate(cells) if one.p is not None]
    q_values: list[float | None] = [None] * len(cells)
    if places:
        adjusted = stats.false_discovery_control([cells[place].p for place in places])
        for place, q in zip(places, adjusted, strict=True):
            q_values[place] = float(q)
    return q_values, [q is not None and q <= Q and one.mentions >= FEWEST_MENTIONS for one, q in zip(cells, q_values, strict=True)]
