"""Who recommended us to whom: new customers who came by referral, and records that cannot be true."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from shopkeeper.demo import attitude
from shopkeeper.demo.config import BANDS, NEVER_DAY, Array, SimulationConfig
from shopkeeper.demo.population import REFERRAL, Customers

PROPENSITY = np.array([0.15, 0.6, 2.0])  # of a detractor, a passive, a promoter: how often each is the one who refers
ANYWAY_SHARE = 0.25
UNKNOWN_ANYWAY_SHARE = 0.15
LOST_SHARE = 0.3  # recommendations that brought nobody, per one that did
FAULTS = ("cycle", "self", "second_parent")


@dataclass(frozen=True)
class Referrals:
    """`child` is -1 where nobody came; `anyway` is -1 where nobody knows; `fault` is 0 or 1 + its place in FAULTS."""

    parent: Array
    child: Array
    referred_day: Array
    converted_day: Array
    anyway: Array
    parent_band: Array
    fault: Array

    def __len__(self) -> int:
        return len(self.parent)


def draw_referrals(config: SimulationConfig, customers: Customers, scores_by_wave: Array, part: int) -> Referrals:
    """A forest: each parent joined before the half-year in which the child came, and promoters are picked more often."""
    random = config.stream("referrals", part)
    edges = [config.start_day, *config.wave_days.tolist(), config.end_day]
    children, parents, bands = [], [], []
    for period, (start, end) in enumerate(itertools.pairwise(edges)):
        came = np.flatnonzero((customers.joined_day >= start) & (customers.joined_day < end) & (customers.channel == REFERRAL))
        known = np.flatnonzero((customers.joined_day < start) & (customers.left_day > end))
        if not len(came) or not len(known):
            continue
        band = attitude.band(scores_by_wave[known, max(period - 1, 0)])
        weight = np.cumsum(PROPENSITY[band])
        chosen = np.searchsorted(weight, random.random(len(came)) * weight[-1], side="right")
        children.append(came)
        parents.append(known[chosen])
        bands.append(band[chosen])
    child = np.concatenate(children) if children else np.zeros(0, int)
    parent = np.concatenate(parents) if parents else np.zeros(0, int)
    parent_band = np.concatenate(bands) if bands else np.zeros(0, int)
    converted = customers.joined_day[child]
    count = len(child)
    # the recommendation comes after the parent's own first day, and not before the records begin
    referred = np.maximum(np.maximum(converted - random.integers(1, 31, count), customers.joined_day[parent] + 1), config.start_day)
    luck = random.random(count)
    anyway = np.where(luck < UNKNOWN_ANYWAY_SHARE, -1, random.random(count) < ANYWAY_SHARE).astype(int)
    true = Referrals(parent, child, np.minimum(referred, converted), converted, anyway, parent_band, np.zeros(count, int))
    lost = random.integers(0, count, int(LOST_SHARE * count)) if count else np.zeros(0, int)
    nobody = np.full(len(lost), -1)
    vain = Referrals(
        parent[lost], nobody, true.referred_day[lost], np.full(len(lost), NEVER_DAY), nobody, parent_band[lost], np.zeros(len(lost), int)
    )
    return _joined(true, vain, *_faulty(config, customers, true, random))


def _faulty(config: SimulationConfig, customers: Customers, true: Referrals, random: np.random.Generator) -> list[Referrals]:
    """The child refers the parent back; someone refers himself; a second person claims the same child."""
    number = int(np.ceil(config.fault_share * len(true)))
    if not number or len(true) < 3 * number:
        return []
    cycle, itself, second = np.split(random.choice(len(true), 3 * number, replace=False), 3)
    later = np.minimum(true.converted_day + random.integers(5, 60, len(true)), config.end_day - 1)
    known = np.flatnonzero(customers.joined_day < config.start_day)
    other = random.choice(known, number) if len(known) else true.parent[second]
    other = np.where(other == true.parent[second], true.parent[cycle], other)

    def wrong(fault: str, parent: Array, child: Array, rows: Array) -> Referrals:
        unknown = np.full(number, -1)
        return Referrals(parent, child, later[rows], later[rows], unknown, true.parent_band[rows], np.full(number, 1 + FAULTS.index(fault)))

    return [
        wrong("cycle", true.child[cycle], true.parent[cycle], cycle),
        wrong("self", true.child[itself], true.child[itself], itself),
        wrong("second_parent", other, true.child[second], second),
    ]


def _joined(*parts: Referrals) -> Referrals:
    whole = {name: np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])}
    order = np.argsort(whole["referred_day"], kind="stable")
    return Referrals(**{name: column[order] for name, column in whole.items()})


def told(referrals: Referrals) -> dict[str, int]:
    """Counts for the truth file; sums over parts."""
    real = (referrals.fault == 0) & (referrals.child >= 0)
    return {
        "converted": int(real.sum()),
        "without_conversion": int((referrals.child < 0).sum()),
        "would_have_come_anyway": int((real & (referrals.anyway == 1)).sum()),
        "unknown_whether_anyway": int((real & (referrals.anyway == -1)).sum()),
        **{f"by_{name}": int((real & (referrals.parent_band == band)).sum()) for band, name in enumerate(BANDS)},
        **{f"fault_{name}": int((referrals.fault == 1 + i).sum()) for i, name in enumerate(FAULTS)},
    }
