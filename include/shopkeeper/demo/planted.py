"""Figures of the truth that nobody planted as such: they follow from what was planted, part by part, and add up over parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

import numpy as np

from shopkeeper.demo import attitude, value
from shopkeeper.demo.config import BANDS, DAY, NEVER, PROGRAMMES, RELATIONSHIP, TRANSACTIONAL, Array, SimulationConfig
from shopkeeper.demo.organisation import Organisation
from shopkeeper.demo.population import RECENT_DAYS, REFERRAL, SEGMENTS
from shopkeeper.demo.simulation import Part
from shopkeeper.demo.surveys import Frame

OFFER_DAYS = 365
DRIVER_DAYS = 365
SILENT_DAYS = (30, 365)  # an invitation so many days old may still be answered; one so old is about another time
SAME_DAY = 1 - 10 / 3 / 24  # days that what is settled within 24 hours but not at once takes on average: from 8-18 o'clock to the next 8-18


def last_year(config: SimulationConfig) -> int | None:
    """The newest calendar year that lies in the history as a whole and has another one before it; None without one."""
    year = (config.ends_on + timedelta(days=1)).year - 1
    return year if config.starts_on <= date(year - 1, 1, 1) else None


def growth(config: SimulationConfig, part: Part, year: int) -> dict[str, float]:
    """Revenue of a year in euros by where its customers came from, beside that of the year before.

    Retained: of customers who bought in the year before. New: of those who joined since the records began and first bought in it.
    """
    customers, postings = part.customers, part.postings
    rates = value.euros_per_unit(config, customers, postings.customer, postings.day)
    euros = np.rint(postings.cents * rates * 100) / 10_000
    years = postings.day.astype("datetime64[D]").astype("datetime64[Y]").astype(int) + 1970
    bought = postings.cents > 0
    count = len(customers)

    def buyers(chosen: Array) -> Array:
        return np.bincount(postings.customer[bought & chosen], minlength=count) > 0

    before, now = buyers(years == year - 1), buyers(years == year)
    is_new = now & ~buyers(years < year) & (customers.joined_day >= config.start_day)
    referred = customers.channel == REFERRAL
    revenue = np.bincount(postings.customer[years == year], euros[years == year], count)
    return {
        "revenue_before": float(euros[years == year - 1].sum()),
        "revenue": float(revenue.sum()),
        "retained_revenue": float(revenue[before].sum()),
        "earned_new_revenue": float(revenue[is_new & ~before & referred].sum()),
        "bought_new_revenue": float(revenue[is_new & ~before & ~referred].sum()),
    }


def growth_told(year: int, sums: Mapping[str, float]) -> dict[str, float | int | None]:
    """As rates of the year before's revenue, and in euros."""
    base = sums["revenue_before"]
    earned = (sums["retained_revenue"] + sums["earned_new_revenue"]) / base - 1 if base > 0 else None
    return {
        "year": year,
        **{name: round(amount, 2) for name, amount in sums.items()},
        "net_revenue_retention": round(sums["retained_revenue"] / base, 6) if base > 0 else None,
        "earned_growth_rate": None if earned is None else round(earned, 6),
    }


def referrers(config: SimulationConfig, part: Part) -> dict[str, int]:
    """Recommendations that brought somebody by band of those who had answered the wave before, which is what marts can know."""
    referrals, frame = part.referrals, part.frame
    edges = np.array([config.start_day, *config.wave_days.tolist()])
    wave = np.searchsorted(edges, referrals.converted_day, side="right") - 2  # -1 before the first
    answered = np.zeros((len(part.customers), len(config.wave_days)), bool)
    rows = frame.answered & (frame.programme == RELATIONSHIP)
    answered[frame.customer[rows], frame.wave[rows]] = True
    real = (referrals.fault == 0) & (referrals.child >= 0) & (wave >= 0) & answered[referrals.parent, np.maximum(wave, 0)]
    return {f"answered_by_{name}": int((real & (referrals.parent_band == band)).sum()) for band, name in enumerate(BANDS)}


def offer_points(config: SimulationConfig, organisation: Organisation, part: Part) -> Array:
    """What each kind of offer adds to the expected score, in points: one row per call or claim of a year that a survey follows."""
    frame = part.clean_frame
    about = frame.where(frame.in_frame & (frame.programme == TRANSACTIONAL) & (frame.moment >= (config.end_day - OFFER_DAYS) * DAY))
    events = part.events.where(about.event)
    without = attitude.attitude(about, part.customers, organisation, events.team, config.overlap)
    without = without + attitude.interaction_effect(events, np.full(len(events), -1))
    points: Array = 100 * (_expected_mark(without[:, None] + attitude.OFFER) - _expected_mark(without)[:, None])
    return points


def _expected_mark(sure: Array) -> Array:
    """P(promoter) less P(detractor) under logistic noise."""
    promoter, detractor = _shares(sure)
    mark: Array = promoter - detractor
    return mark


def _shares(sure: Array) -> tuple[Array, Array]:
    """P(promoter) and P(detractor)."""
    return 1 / (1 + np.exp(attitude.THRESHOLDS[8] - sure)), 1 / (1 + np.exp(sure - attitude.THRESHOLDS[6]))


def answered_lately(config: SimulationConfig, part: Part) -> Array:
    """Rows of the clean frame: answers about calls and claims in the last 365 days."""
    frame = part.clean_frame
    lately = frame.responded >= (config.end_day - DRIVER_DAYS) * DAY
    return np.flatnonzero(frame.answered & lately & (frame.programme == TRANSACTIONAL))


def same_day_points(config: SimulationConfig, organisation: Organisation, part: Part) -> Array:
    """Points of promoters and detractors that settling everything the same day would bring: one row per answer of `answered_lately`.

    What is settled the same day anyway stays as it is. Nobody would have complained of it before being asked.
    """
    frame = part.clean_frame.where(answered_lately(config, part))
    events = part.events.where(frame.event)
    offer = np.full(len(part.events), -1)
    offer[part.offers.event] = part.offers.kind
    is_slow = events.resolved - events.occurred >= DAY
    sooner = replace(events, resolved=np.where(is_slow, events.occurred + np.int64(SAME_DAY * DAY), events.resolved))
    other = replace(frame, complaint=np.where(is_slow, _complained_of_other_things(part, frame), frame.complaint))
    shares = []
    for rows, about in ((frame, events), (other, sooner)):
        sure = attitude.attitude(rows, part.customers, organisation, about.team, config.overlap)
        sure = sure + attitude.interaction_effect(about, offer[frame.event])
        shares.append(np.column_stack(_shares(sure)))
    points: Array = 100 * (shares[1] - shares[0])
    return points


def _complained_of_other_things(part: Part, frame: Frame) -> Array:
    """Whether the customer complained in the year before the invitation of anything but what the invitation is about."""
    complaints, span = part.complaints, RECENT_DAYS * DAY
    keys, key = np.sort(complaints.customer * NEVER + complaints.opened), frame.customer * NEVER + frame.moment
    all_of_them = np.searchsorted(keys, key, side="right") - np.searchsorted(keys, key - span, side="right")
    own = np.sort(complaints.event * NEVER + complaints.opened)
    about = frame.event * NEVER + frame.moment
    about_it = np.searchsorted(own, about, side="right") - np.searchsorted(own, about - span, side="right")
    return all_of_them > about_it


def silent(config: SimulationConfig, part: Part) -> dict[int, Array]:
    """Programme → rows of the frame: the last invitation of each customer who was asked lately, had time, and has not answered lately."""
    frame = part.frame
    until, since = (config.end_day - days for days in SILENT_DAYS)
    day = frame.moment // DAY
    found = {}
    for programme in (RELATIONSHIP, TRANSACTIONAL):
        of_it = frame.programme == programme
        answered = frame.customer[of_it & frame.answered & (frame.responded >= since * DAY)]
        asked = np.flatnonzero(of_it & frame.drawn & (day >= since))
        asked = asked[np.argsort(frame.moment[asked], kind="stable")][::-1]
        last = asked[np.unique(frame.customer[asked], return_index=True)[1]]
        found[programme] = np.sort(last[(day[last] < until) & ~frame.answered[last] & ~np.isin(frame.customer[last], answered)])
    return found


def chances(config: SimulationConfig, organisation: Organisation, part: Part, chosen: Array) -> Array:
    """P(detractor), P(passive) and P(promoter) of these rows of the frame, whatever was answered: rows × 3."""
    rows = part.clean_frame.where(chosen)
    is_about = rows.event >= 0
    events = part.events.where(np.maximum(rows.event, 0))
    offer = np.full(len(part.events), -1)
    offer[part.offers.event] = part.offers.kind
    team = np.where(is_about, events.team, part.customers.team[rows.customer])
    sure = attitude.attitude(rows, part.customers, organisation, team, config.overlap)
    sure = sure + np.where(is_about, attitude.interaction_effect(events, offer[rows.event]), 0.0)
    promoter, detractor = _shares(sure)
    return np.column_stack([detractor, 1 - detractor - promoter, promoter])


def improved_points(config: SimulationConfig, organisation: Organisation, part: Part) -> Array:
    """Points of score that the initiative brings where it works: one row per answer about calls and claims since it is done."""
    frame = part.clean_frame
    about_service = frame.answered & (frame.programme == TRANSACTIONAL)
    rows = np.flatnonzero(about_service & organisation.is_improved(frame.branch, frame.moment // DAY))
    answers, events = frame.where(rows), part.events.where(frame.event[rows])
    offer = np.full(len(part.events), -1)
    offer[part.offers.event] = part.offers.kind
    sure = attitude.attitude(answers, part.customers, organisation, events.team, config.overlap)
    sure = sure + attitude.interaction_effect(events, offer[answers.event])
    points: Array = 100 * (_expected_mark(sure) - _expected_mark(sure - attitude.IMPROVEMENT))
    return points


def silent_sums(config: SimulationConfig, organisation: Organisation, part: Part) -> dict[tuple[str, str], Array]:
    """Of programme and segment, or `all`: how many are silent, and the sums of their chances of the bands."""
    sums = {}
    for programme, rows in silent(config, part).items():
        each = np.column_stack([np.ones(len(rows)), chances(config, organisation, part, rows)])
        segment = part.frame.segment[rows]
        sums[PROGRAMMES[programme], "all"] = each.sum(axis=0)
        sums |= {(PROGRAMMES[programme], name): each[segment == code].sum(axis=0) for code, name in enumerate(SEGMENTS)}
    return sums
