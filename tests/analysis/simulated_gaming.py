"""A year of the simulator as the rows that signals count, clean or with one way of gaming, as the SQL models have them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from shopkeeper.analysis.gaming import signals
from shopkeeper.analysis.gaming.exposure import Array, Exposure
from shopkeeper.analysis.gaming.review import Reviewed, review
from shopkeeper.demo import Gaming, Part, Simulation, SimulationConfig, gaming, simulate
from shopkeeper.demo.config import DAY, NEVER, PROGRAMMES, RELATIONSHIP, TRANSACTIONAL
from shopkeeper.demo.population import CLAIM, Complaints
from shopkeeper.demo.surveys import BOUNCED, Frame

RESOLUTION_EDGES = np.array([24, 72, 168, 336]) * 3600


@dataclass(frozen=True)
class Played:
    """What the review found; `branch` is the one that games, None in a clean company."""

    reviewed: Reviewed
    exposures: list[Exposure]
    branch: int | None

    @property
    def is_found(self) -> bool:
        return bool((self.reviewed.needs_review & (self.reviewed.group == self.branch)).any())

    @property
    def named(self) -> set[tuple[str, int]]:
        """(signal, branch) of all that needs review."""
        found = self.reviewed
        return {(self.exposures[found.exposure[i]].signal, int(found.group[i])) for i in np.flatnonzero(found.needs_review)}

    @property
    def accused(self) -> list[tuple[str, str, int, int]]:
        """(programme, signal, level, unit) of everyone who needs review and is not in the branch that games."""
        wrong = self.reviewed.needs_review & (self.reviewed.group != (-1 if self.branch is None else self.branch))
        return self._named(wrong)

    @property
    def found_by(self) -> list[str]:
        right = self.reviewed.needs_review & (self.reviewed.group == self.branch)
        return sorted({signal for _, signal, _, _ in self._named(right)})

    def _named(self, chosen: Array) -> list[tuple[str, str, int, int]]:
        found = self.reviewed
        return [
            (self.exposures[found.exposure[i]].programme, self.exposures[found.exposure[i]].signal, int(found.level[i]), int(found.unit[i]))
            for i in np.flatnonzero(chosen)
        ]


def company(seed: int, **settings: object) -> tuple[Simulation, Part]:
    simulation = simulate(SimulationConfig(seed=seed, **settings))  # type: ignore[arg-type]
    return simulation, simulation.whole


def play(simulation: Simulation, clean: Part, played: Iterable[Gaming] = ()) -> list[Exposure]:
    """The exposures of a company whose frame was gamed so: the same arrays as simulating it gamed from the start."""
    config = SimulationConfig(**{**vars(simulation.config), "gaming": tuple(played)})
    frame, altered, _ = gaming.play(config, clean.clean_frame, clean.events, 0)
    return exposures(simulation, clean, frame, altered)


def reviewed(simulation: Simulation, clean: Part, played: Gaming | None = None) -> Played:
    found = play(simulation, clean, [played] if played else [])
    return Played(review(found), found, played.branch_index if played else None)


def typed_in_one_evening(part: Part, branch: int, share: float) -> Part:
    """So that at a branch the answers of some weeks came in on the week's last evening, one after the other."""
    frame, responded = part.clean_frame, part.clean_frame.responded.copy()
    rows = np.flatnonzero((frame.programme == TRANSACTIONAL) & (frame.branch == branch) & frame.answered)
    week = responded[rows] // (7 * DAY)
    typed = np.random.default_rng(branch).random(week.max() + 1) < share
    rows, week = rows[typed[week]], week[typed[week]]
    order = np.argsort(week, kind="stable")
    place = np.arange(len(rows)) - np.searchsorted(week[order], week[order])
    responded[rows[order]] = (week[order] + 1) * 7 * DAY - 6 * 3600 + 100 * place
    return replace(part, clean_frame=replace(frame, responded=responded))


def complaining_later(part: Part, branch: int, share: float) -> Part:
    """So that some of the promoters of a branch complain a month after their answer."""
    frame, complaints = part.clean_frame, part.complaints
    rows = np.flatnonzero((frame.programme == TRANSACTIONAL) & (frame.branch == branch) & frame.answered & (frame.given_band == 2))
    rows = rows[np.random.default_rng(branch).random(len(rows)) < share]
    added = {name: np.full(len(rows), -1) for name in vars(complaints)}
    added |= {"customer": frame.customer[rows], "opened": frame.responded[rows] + 30 * DAY}
    return replace(part, complaints=Complaints(**{name: np.r_[column, added[name]] for name, column in vars(complaints).items()}))


def exposures(simulation: Simulation, part: Part, frame: Frame, altered: Array) -> list[Exposure]:
    config, events = simulation.config, part.events
    end = config.end_day * DAY
    since = end - signals.DAYS * DAY
    found: list[Exposure] = []
    was_altered = np.zeros(len(frame), bool)
    was_altered[altered] = True
    for code in range(len(PROGRAMMES)):
        of_it = frame.programme == code
        if code == TRANSACTIONAL:
            could_be = of_it & frame.in_frame & (frame.moment >= since) & (frame.moment < end - 14 * DAY)
            rows = _rows(simulation, part, frame, could_be, {"is_asked": frame.drawn, "state": np.zeros(len(frame), int)})
            found += signals.of_interactions(rows)
        about = np.maximum(frame.event, 0)
        waited = np.where(frame.event >= 0, frame.moment - events.resolved[about], np.nan)
        sent = of_it & frame.drawn & (frame.moment >= since)
        bounced = (frame.disposition == BOUNCED) & was_altered
        found += signals.of_invitations(
            _rows(simulation, part, frame, sent, {"is_bounced_after_edit": bounced, "seconds_since_resolved": waited})
        )
        answered = of_it & frame.answered
        complained = _complains_within(part, frame, 90)
        is_own = frame.is_gamed & (frame.seconds_taken < 25)  # the branch's own device
        columns = {
            "is_promoter": frame.given_band == 2,
            "is_scored": np.ones(len(frame), bool),
            "is_shared_address": is_own,
            "seconds_taken": frame.seconds_taken.astype(float),
            "day": frame.responded // DAY,
            "second": frame.responded,
            "is_settled": frame.responded < end - 90 * DAY,
            "has_complained": complained,
        }
        rows = _rows(simulation, part, frame, answered & (frame.responded >= since), columns)
        if code == RELATIONSHIP:
            before = answered & (frame.responded >= end - signals.STANDING_DAYS * DAY)
            standing = signals.standing([_rows(simulation, part, frame, before, columns)])
        else:
            rows = rows.standing_at(*standing)
        found += signals.of_answers(rows)
    return found


def _rows(simulation: Simulation, part: Part, frame: Frame, chosen: Array, columns: dict[str, Array]) -> signals.Rows:
    rows = np.flatnonzero(chosen)
    of = frame.where(rows)
    events, about = part.events, np.maximum(of.event, 0)
    is_about = of.event >= 0
    team = np.where(is_about, events.team[about], part.customers.team[of.customer])
    served_on = events.occurred[about] // DAY
    employee = np.where(is_about, simulation.organisation.employee_at(team, events.slot[about], served_on), -1)
    case_mix = {
        "segment": of.segment,
        "tenure_band": of.tenure_band,
        "recent_complaint": of.complaint.astype(int),
        "failed_interaction_band": of.failed_band,
    }
    if is_about.all() and len(rows):
        taken = events.resolved[about] - events.occurred[about]
        case_mix |= {
            "interaction_type": (events.kind[about] == CLAIM).astype(int),
            "outcome": events.outcome[about],
            "resolution_band": np.searchsorted(RESOLUTION_EDGES, taken, side="right"),
        }
    return signals.Rows(
        programme=PROGRAMMES[int(of.programme[0])] if len(rows) else "",
        group=of.branch,
        units={"branch": of.branch, "team": team, "employee": employee},
        case_mix=case_mix,
        subject=rows * 2_654_435_761 % 2**32,  # an id in no order of time
        columns={name: column[rows] for name, column in columns.items()},
    )


def _complains_within(part: Part, frame: Frame, days: int) -> Array:
    """Whether the customer of each answer complains in so many days after it."""
    keys = np.sort(part.complaints.customer * NEVER + part.complaints.opened)
    at = frame.customer * NEVER + np.where(frame.answered, frame.responded, 0)
    found: Array = np.searchsorted(keys, at + days * DAY, side="right") > np.searchsorted(keys, at, side="right")
    return found
