"""What is to be expected of a row, given its case mix: a logit on cells, so that a million rows cost what their cells cost."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from shopkeeper.analysis.gaming.exposure import Array

RIDGE = 1.0  # on columns of 0 and 1: a level in which everything or nothing happens has a finite coefficient
EVENTS_PER_COLUMN = 10  # with fewer a case mix would be noise: everybody is expected alike
STEPS = 50


def slopes(design: Array, rows: Array, events: Array) -> Array:
    """What the case mix adds to the log odds of each cell; 0 on average over rows.

    `design` cells × columns of 0 and 1; `rows` and `events` counts per cell. With too few events (or non-events) for its columns
    there is no case mix, and all is 0. Newton's method with halved steps on the likelihood less a ridge.
    """
    total, happened = float(rows.sum()), float(events.sum())
    if not design.shape[1] or min(happened, total - happened) < EVENTS_PER_COLUMN * design.shape[1]:
        return np.zeros(len(design))
    columns = np.column_stack([np.ones(len(design)), design])
    penalty = np.r_[0.0, np.full(design.shape[1], RIDGE)]
    at = np.r_[np.log(happened / (total - happened)), np.zeros(design.shape[1])]

    def likelihood(trial: Array) -> float:
        odds = columns @ trial
        return float(events @ odds - rows @ np.logaddexp(0, odds) - penalty @ trial**2 / 2)

    best = likelihood(at)
    for _ in range(STEPS):
        chance = expit(columns @ at)
        gradient = columns.T @ (events - rows * chance) - penalty * at
        information = (columns * (rows * chance * (1 - chance))[:, None]).T @ columns + np.diag(penalty)
        step = np.linalg.lstsq(information, gradient, rcond=None)[0]
        reached = likelihood(at + step)
        while reached < best and np.abs(step).max() > 1e-9:
            step /= 2
            reached = likelihood(at + step)
        at, gained, best = at + step, reached - best, max(reached, best)
        if gained < 1e-9 * (1 + abs(best)):
            break
    added: Array = design @ at[1:]
    return added - float(rows @ added) / total
