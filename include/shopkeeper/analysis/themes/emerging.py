"""Themes that are mentioned more often than they used to be: the newest 28 days against the 336 days before.

A share of mentions moves from month to month without anything having happened. How much it does is estimated from the twelve windows
before, and the newest one is held against a beta-binomial with that spread and with the doubt about the share itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

Array = npt.NDArray[np.float64]

WINDOW_DAYS, WINDOWS = 28, 12
Q = 0.05 / 12  # a year of monthly looks
FEWEST_COMMENTS, FEWEST_EARLIER, FEWEST_WINDOWS, FEWEST_MENTIONS = 10, 60, 6, 5


@dataclass(frozen=True)
class Change:
    """One theme in one cell. `p` is None where too little is known to tell."""

    mentions: int
    comments: int
    earlier_mentions: int
    earlier_comments: int
    spread: float | None
    p: float | None


def change(mentions: Sequence[int], comments: Sequence[int]) -> Change:
    """The newest window against those before it. Both sequences begin with the newest.

    p is the probability of at least as many mentions in the newest window, had its share come from where the earlier ones came from:
    shares of windows vary with intraclass correlation `spread`, their mean is known from N comments in J windows, so the newest
    share has variance π(1−π)(spread + spread/J + 1/N) around π = (K+½)/(N+1), and the mentions are beta-binomial.
    Raises ValueError when there are more mentions than comments.
    """
    found, asked = np.asarray(mentions, float), np.asarray(comments, float)
    if (found > asked).any() or (found < 0).any():
        raise ValueError("mentions must be between 0 and the comments of their window")
    k, n = int(found[0]), int(asked[0])
    there = asked[1:] > 0
    earlier, of_comments = found[1:][there], asked[1:][there]
    total, all_comments = int(earlier.sum()), int(of_comments.sum())
    told = Change(k, n, total, all_comments, None, None)
    if n < FEWEST_COMMENTS or all_comments < FEWEST_EARLIER or len(earlier) < FEWEST_WINDOWS:
        return told
    spread = intraclass_correlation(earlier, of_comments)
    share = (total + 0.5) / (all_comments + 1)
    strength = 1 / (spread + spread / len(earlier) + 1 / all_comments) - 1
    p = float(stats.betabinom.sf(k - 1, n, share * strength, (1 - share) * strength))
    return Change(k, n, total, all_comments, spread, min(1.0, p))


def intraclass_correlation(mentions: Array, comments: Array) -> float:
    """How alike two comments of one window are, beyond chance: the moment estimate of a beta-binomial, at least 0 and at most a half.

    Source: the ANOVA estimate in Ridout, Demétrio and Firth (1999), Biometrics 55, 137-148.
    """
    windows, total = len(comments), comments.sum()
    share = mentions.sum() / total
    between = (comments * (mentions / comments - share) ** 2).sum() / (windows - 1)
    within = (mentions * (1 - mentions / comments)).sum() / (total - windows) if total > windows else 0.0
    usual = (total - (comments**2).sum() / total) / (windows - 1)
    whole = between + (usual - 1) * within
    return float(np.clip((between - within) / whole, 0, 0.5)) if whole > 0 else 0.0


def judged(changes: Sequence[Change]) -> tuple[list[float | None], list[bool]]:
    """q-value and whether the theme is emerging, for each cell of a run: all cells that can be told are one family.

    Source: Benjamini and Hochberg (1995), JRSS B 57, 289-300; cells of one theme rather agree than contradict each other.
    """
    places = [place for place, one in enumerate(changes) if one.p is not None]
    q_values: list[float | None] = [None] * len(changes)
    if places:
        adjusted = stats.false_discovery_control([changes[place].p for place in places])
        for place, q in zip(places, adjusted, strict=True):
            q_values[place] = float(q)
    return q_values, [q is not None and q <= Q and one.mentions >= FEWEST_MENTIONS for one, q in zip(changes, q_values, strict=True)]
