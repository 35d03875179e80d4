"""The signals: each counts one thing among rows of one programme. docs/gaming-review.md says what each can see, and what it cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from shopkeeper.analysis.gaming import case_mix
from shopkeeper.analysis.gaming.exposure import Array, Exposure

# What is looked at: a year and a half, so that a unit that gets three answers a week has enough of them; and for a branch's standing
# three years. The models cut it: macros/gaming.sql.
DAYS, STANDING_DAYS = 540, 1095
# Asked before the interaction had ended, or so soon after it that the customer may not have put down the receiver.
EARLY_SECONDS = 3600
# The quickest of the answers of a usual branch; who is quicker than those did not read the questions.
QUICKEST_SHARE = 0.02
# Two answers about one unit so close together.
BURST_SECONDS = 300
FEWEST_PAIRS = 8
# How far branches usually stand from each other, in log odds of promoters: with few answers a standing is drawn towards 0.
USUAL_STANDING = 0.25
# Under this share of asked, a state in which customers can be is a quarantine.
LEAST_ASKED = 0.1


@dataclass(frozen=True)
class Rows:
    """Rows of one programme: the units of each, its case mix, what stands as evidence, and columns that signals count."""

    programme: str
    group: Array
    units: Mapping[str, Array]
    case_mix: Mapping[str, Array]
    subject: Array
    columns: Mapping[str, Array]

    def exposure(
        self, signal: str, outcome: Array, *, among: Array | None = None, with_case_mix: bool = True, measured: Sequence[str] = ()
    ) -> Exposure:
        rows = np.ones(len(self.group), bool) if among is None else among
        return Exposure(
            programme=self.programme,
            signal=signal,
            outcome=outcome[rows].astype(bool),
            group=self.group[rows],
            units={level: codes[rows] for level, codes in self.units.items()},
            case_mix={name: codes[rows] for name, codes in self.case_mix.items()} if with_case_mix else {},
            measured={name: self.columns[name][rows] for name in measured if name in self.columns},
            subject=self.subject[rows],
        )

    def where(self, chosen: Array) -> Rows:
        return replace(
            self,
            group=self.group[chosen],
            units={level: codes[chosen] for level, codes in self.units.items()},
            case_mix={name: codes[chosen] for name, codes in self.case_mix.items()},
            subject=self.subject[chosen],
            columns={name: column[chosen] for name, column in self.columns.items()},
        )

    def standing_at(self, groups: Array, standing: Array) -> Rows:
        """The same with the column `standing`; 0, as a usual branch, where nothing is known."""
        by_group = dict(zip(groups.tolist(), standing.tolist(), strict=True))
        known = np.array([by_group.get(group, 0.0) for group in self.group.tolist()])
        return replace(self, columns={**self.columns, "standing": known})


def of_interactions(rows: Rows) -> list[Exposure]:
    """Interactions that could have been asked about.

    Columns: `is_asked`; `state`, a code for how long ago the customer was asked before: in states in which next to nobody is asked a
    quarantine holds, and nobody is missing there.
    """
    is_asked, state = rows.columns["is_asked"], rows.columns["state"]
    share = np.bincount(state, is_asked.astype(float)) / np.maximum(np.bincount(state), 1)
    return [rows.exposure("not_asked", ~is_asked, among=share[state] >= LEAST_ASKED)]


def of_invitations(rows: Rows) -> list[Exposure]:
    """Invitations that were sent.

    Columns: `is_bounced_after_edit`; `seconds_since_resolved`, from the end of the interaction to the sending, NaN where there is none.
    """
    since = rows.columns["seconds_since_resolved"]
    signals = [rows.exposure("bounced_after_edit", rows.columns["is_bounced_after_edit"])]
    if np.isfinite(since).any():
        signals.append(rows.exposure("asked_early", since < EARLY_SECONDS, among=np.isfinite(since)))
    return signals


def standing(programmes: Sequence[Rows]) -> tuple[Array, Array]:
    """(groups, how much more often than others their customers are promoters, in log odds, given the case mix and drawn towards 0).

    Of answers that are about no interaction: nobody stood beside the customer. What a branch's customers think of the company is
    held in its favour when their answers about its work are looked at. Columns: `is_promoter` and `is_scored`.
    """
    groups = np.unique(np.concatenate([rows.group for rows in programmes])) if programmes else np.zeros(0, int)
    excess, information = np.zeros(len(groups)), np.full(len(groups), 1 / USUAL_STANDING**2)
    for rows in programmes:
        exposure = rows.exposure("standing", rows.columns["is_promoter"], among=rows.columns["is_scored"])
        cell, design = exposure.cells
        count = np.bincount(cell, minlength=len(design)).astype(float)
        happened = np.bincount(cell, exposure.outcome.astype(float), len(design))
        level = np.log((happened.sum() + 0.5) / (count.sum() - happened.sum() + 0.5))
        chance = expit(case_mix.slopes(design, count, happened) + level)[cell]
        place = np.searchsorted(groups, exposure.group)
        excess += np.bincount(place, exposure.outcome - chance, len(groups))
        information += np.bincount(place, chance * (1 - chance), len(groups))
    return groups, excess / information


def of_answers(rows: Rows) -> list[Exposure]:
    """Answers that came in, whether they count or not.

    Columns: `is_promoter` and `is_scored`; `standing` of the branch, where it is known; `is_shared_address`; `seconds_taken` (NaN:
    not known); `day` and `second` of the answer;
    `is_settled` (long enough ago to know what the customer did next) and `has_complained` since.
    """
    columns = rows.columns
    seconds, is_promoter = columns["seconds_taken"], columns["is_promoter"]
    known, settled = np.isfinite(seconds), columns["is_settled"] & is_promoter
    signals = [
        rows.exposure("more_promoters", is_promoter, among=columns["is_scored"], measured=("standing",)),
        rows.exposure("shared_address", columns["is_shared_address"], with_case_mix=False),
        rows.exposure("answered_fast", seconds < usual_quickest(seconds, rows.group), among=known, with_case_mix=False),
        rows.exposure("promoters_complain", columns["has_complained"], among=settled),
    ]
    return [*signals, bursts(rows)]


def usual_quickest(seconds: Array, group: Array) -> float:
    """The time under which the quickest `QUICKEST_SHARE` of a usual branch's answers lie: the median over branches.

    A branch that answers its own surveys does not move it, nor would several.
    """
    known = np.isfinite(seconds)
    floors = [np.quantile(seconds[known & (group == one)], QUICKEST_SHARE, method="lower") for one in np.unique(group[known])]
    return float(np.median(floors)) if floors else 0.0


def bursts(rows: Rows) -> Exposure:
    """Pairs of answers about one unit on one day; counted are those less than `BURST_SECONDS` apart.

    Each answer is in one pair at most, drawn by the order of `subject`, which has nothing to do with time; so pairs are independent,
    and a large unit, which has more answers in a day, has more pairs and no larger share of close ones.
    """
    day, second, group = rows.columns["day"], rows.columns["second"], rows.group
    parts: dict[str, list[Array]] = {"outcome": [], "group": [], "subject": []}
    unit_parts: dict[str, list[Array]] = {level: [] for level in rows.units}
    for level, unit in rows.units.items():
        order = np.lexsort((rows.subject, day, unit))
        order = order[unit[order] >= 0]
        starts = np.flatnonzero(np.r_[True, (np.diff(unit[order]) != 0) | (np.diff(day[order]) != 0)]) if len(order) else np.zeros(0, int)
        place = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
        same = np.zeros(len(order), bool)
        same[:-1] = place[1:] > place[:-1]
        first = np.flatnonzero(same & (place % 2 == 0))
        one, other = order[first], order[first + 1]
        parts["outcome"].append(np.abs(second[one] - second[other]) < BURST_SECONDS)
        parts["group"].append(group[one])
        parts["subject"].append(np.column_stack([rows.subject[one], rows.subject[other]]))
        for name in rows.units:
            unit_parts[name].append(unit[one] if name == level else np.full(len(one), -1))
    return Exposure(
        programme=rows.programme,
        signal="answered_in_bursts",
        outcome=np.concatenate(parts["outcome"]),
        group=np.concatenate(parts["group"]),
        units={name: np.concatenate(codes) for name, codes in unit_parts.items()},
        subject=np.concatenate(parts["subject"]),
        fewest=FEWEST_PAIRS,
    )
