"""Five ways of gaming the score, each at one branch, laid over a clean history.

Each acts on the branch's newest transactional invitations, as many as give the wanted number of answers, and raises the
share of promoters among those answers by the wanted lift. Nothing else in the company changes: the same seed without
gaming gives the same rows everywhere else, which is how the tests tell.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from shopkeeper.demo.config import DAY, NEVER, TRANSACTIONAL, Array, Gaming, GamingMode, SimulationConfig
from shopkeeper.demo.population import Events
from shopkeeper.demo.surveys import BOUNCED, COMPLETED, Frame, awake

CEILING = 0.97


@dataclass(frozen=True)
class Gamed:
    """What one way of gaming did: answers in its window, and the share of promoters among them with and without it."""

    mode: GamingMode
    branch: int
    since: int
    answers: int
    answers_clean: int
    promoter_share: float
    promoter_share_clean: float
    rows_touched: int


def play(config: SimulationConfig, frame: Frame, events: Events, part: int) -> tuple[Frame, Array, list[Gamed]]:
    """The frame after gaming, the frame rows whose customer's address was altered, and what was done."""
    altered: list[Array] = []
    done = []
    for gaming in config.gaming:
        random = config.stream(f"gaming {gaming.mode}", part)
        share = min(config.part_size, config.customers - part * config.part_size) / config.customers
        before = frame
        rows, clean_rows = _window(config, frame, gaming, max(1, round(gaming.answers * share)))
        if len(rows):
            frame = _act(gaming, frame, rows, events=events, random=random, end=config.end_day * DAY)
            done.append(_told(gaming, before, frame, rows, clean_rows))
            if gaming.mode is GamingMode.ALTERED_ADDRESSES:
                altered.append(rows[frame.is_gamed[rows]])
    return frame, np.concatenate(altered) if altered else np.zeros(0, int), done


def _window(config: SimulationConfig, frame: Frame, gaming: Gaming, answers: int) -> tuple[Array, Array]:
    """Newest invitations of the branch, newest first, until they will give so many answers; and the clean answers among them.

    Those of the last four weeks are left out: who will answer them is not known yet.
    """
    is_mature = frame.moment < (config.end_day - 28) * DAY
    rows = np.flatnonzero((frame.programme == TRANSACTIONAL) & frame.drawn & (frame.branch == gaming.branch_index) & is_mature)
    rows = rows[np.argsort(-frame.moment[rows], kind="stable")]
    is_answered = frame.answered[rows]
    if not is_answered.any():
        return rows[:0], rows[:0]
    promoters = float((frame.band[rows[is_answered]] == 2).mean())
    kept, taken = _strength(gaming, promoters, float(is_answered.mean()))
    happy = frame.band[rows] == 2
    expected = is_answered * np.where(happy, 1.0, kept) * (1 - taken) + taken
    enough = int(np.searchsorted(np.cumsum(expected), answers)) + 1
    rows = rows[:enough]
    return rows, rows[frame.answered[rows]]


def _strength(gaming: Gaming, promoters: float, answering: float) -> tuple[float, float]:
    """(share of the unhappy who are still asked, share of the invitations that an employee answers)."""
    target = min(promoters + gaming.promoter_lift, CEILING)
    if gaming.mode in (GamingMode.ASKING_ONLY_THE_HAPPY, GamingMode.ALTERED_ADDRESSES):
        return promoters * (1 - target) / (target * (1 - promoters)), 0.0
    if gaming.mode is GamingMode.ANSWERING_ONESELF:
        own = (target - promoters) / (1 - promoters)
        return 1.0, own * answering / (1 - own + own * answering)
    return 1.0, 0.0


def _act(gaming: Gaming, frame: Frame, rows: Array, *, events: Events, random: np.random.Generator, end: int) -> Frame:
    score, drawn, moment = frame.given_score.copy(), frame.drawn.copy(), frame.moment.copy()
    answered, responded, disposition = frame.answered.copy(), frame.responded.copy(), frame.disposition.copy()
    seconds_taken, is_gamed = frame.seconds_taken.copy(), frame.is_gamed.copy()
    unhappy = rows[frame.band[rows] < 2]
    answering = rows[frame.answered[rows]]
    promoters = float((frame.band[answering] == 2).mean())
    kept, taken = _strength(gaming, promoters, len(answering) / len(rows))
    if gaming.mode in (GamingMode.ASKING_ONLY_THE_HAPPY, GamingMode.ALTERED_ADDRESSES):
        gone = unhappy[random.random(len(unhappy)) >= kept]
        answered[gone], responded[gone] = False, NEVER
        if gaming.mode is GamingMode.ASKING_ONLY_THE_HAPPY:
            drawn[gone] = False
        else:
            disposition[gone] = BOUNCED
        is_gamed[gone] = True
    elif gaming.mode is GamingMode.ANSWERING_ONESELF:
        own = rows[random.random(len(rows)) < taken]
        answered[own], disposition[own] = True, COMPLETED
        score[own] = np.where(random.random(len(own)) < 0.8, 10, 9)
        soon = moment[own] + random.integers(120, 6 * 3600, len(own))
        responded[own] = np.minimum(soon, end - 1)
        seconds_taken[own] = random.integers(6, 16, len(own))
        is_gamed[own] = True
    else:
        target = min(promoters + gaming.promoter_lift, CEILING)
        raised = unhappy[random.random(len(unhappy)) < (target - promoters) / (1 - promoters)]
        score[raised] = np.where(random.random(len(raised)) < 0.85, 10, 9)
        is_gamed[raised] = True
        if gaming.mode is GamingMode.STRATEGIC_TIMING:
            # asked while still on the line or just paid, in place of the next morning
            early = events.resolved[frame.event[raised]] + random.integers(60, 900, len(raised))
            later = np.minimum(awake(responded[raised] - moment[raised] + early), end - 1)
            responded[raised] = np.where(answered[raised], later, NEVER)
            moment[raised] = early
    return replace(
        frame,
        given_score=score,
        drawn=drawn,
        moment=moment,
        answered=answered,
        responded=responded,
        disposition=disposition,
        seconds_taken=seconds_taken,
        is_gamed=is_gamed,
    )


def _told(gaming: Gaming, before: Frame, after: Frame, rows: Array, clean_rows: Array) -> Gamed:
    answered = rows[after.answered[rows]]
    return Gamed(
        mode=gaming.mode,
        branch=gaming.branch_index,
        since=int(before.moment[rows].min() // DAY),
        answers=len(answered),
        answers_clean=len(clean_rows),
        promoter_share=float((after.given_band[answered] == 2).mean()) if len(answered) else float("nan"),
        promoter_share_clean=float((before.band[clean_rows] == 2).mean()),
        rows_touched=int(after.is_gamed[rows].sum()),
    )
