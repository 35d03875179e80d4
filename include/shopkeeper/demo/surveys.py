"""Survey history: frames, quarantine, samples and answers of the two programmes.

Relationship waves ask a simple random share of the frame; the transactional programme asks after every settled claim
and call, on the morning after. Every row of a frame carries the score that the customer would have given.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, fields

import numpy as np

from shopkeeper.demo import attitude
from shopkeeper.demo.config import DAY, NEVER, RELATIONSHIP, TRANSACTIONAL, Array, SimulationConfig
from shopkeeper.demo.organisation import Organisation
from shopkeeper.demo.population import CALL, CLAIM, Customers, Events, Recent

SAME_PROGRAMME_DAYS = (180, 92)
ANY_PROGRAMME_DAYS = 30
DISPOSITIONS = ("completed", "partial", "opened", "delivered", "bounced", "opted_out")
COMPLETED, PARTIAL, OPENED, DELIVERED, BOUNCED, OPTED_OUT = range(6)


@dataclass(frozen=True)
class Frame(attitude.Situation):
    """One row per customer and wave (relationship) or per settled call and claim (transactional), whether asked or not.

    `in_frame` leaves out the quarantined; `drawn` are the invited; `event` is -1 for waves, `wave` -1 for interactions.
    `moment` is when the invitation goes (or would go). `responded` is NEVER without an answer. `score` is the customer's
    own, `given_score` what stands in the answer: they differ where somebody games.
    """

    programme: Array
    wave: Array
    event: Array
    branch: Array
    score: Array
    given_score: Array
    in_frame: Array
    drawn: Array
    answer_probability: Array
    answered: Array
    responded: Array
    disposition: Array
    seconds_taken: Array
    is_gamed: Array

    def __len__(self) -> int:
        return len(self.customer)

    @property
    def band(self) -> Array:
        return attitude.band(self.score)

    @property
    def given_band(self) -> Array:
        return attitude.band(self.given_score)

    def where(self, chosen: Array) -> Frame:
        return Frame(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})


def situation(customers: Customers, recent: Recent, customer: Array, moment: Array) -> attitude.Situation:
    return attitude.Situation(
        customer=customer,
        moment=moment,
        segment=customers.segment[customer],
        tenure_days=moment // DAY - customers.joined_day[customer],
        complaint=recent.complaint(customer, moment),
        failed_band=recent.failed_band(customer, moment),
    )


def wave_scores(config: SimulationConfig, customers: Customers, organisation: Organisation, recent: Recent, part: int) -> Array:
    """The score that each customer would give on each wave's day: customers × waves, whether a customer then or not."""
    random = config.stream("wave scores", part)
    everyone = np.arange(len(customers))
    scores = np.empty((len(customers), len(config.wave_days)), int)
    for wave, day in enumerate(config.wave_days):
        then = situation(customers, recent, everyone, np.full(len(customers), day * DAY + 8 * 3600))
        attitudes = attitude.attitude(then, customers, organisation, customers.team, config.overlap)
        scores[:, wave] = attitude.score(attitudes + random.logistic(0, 1, len(customers)))
    return scores


def draw_frame(
    config: SimulationConfig,
    customers: Customers,
    organisation: Organisation,
    part: int,
    *,
    events: Events,
    recent: Recent,
    scores_by_wave: Array,
    offer: Array,
) -> Frame:
    """All candidates of both programmes; `offer` is the kind of offer made at each event, -1 for none."""
    random = config.stream("surveys", part)
    count, waves = scores_by_wave.shape
    surveyed = np.flatnonzero(((events.kind == CALL) | (events.kind == CLAIM)) & (events.resolved < NEVER))
    wave_customer, wave = np.repeat(np.arange(count), waves), np.tile(np.arange(waves), count)
    customer = np.concatenate([wave_customer, events.customer[surveyed]])
    day = np.concatenate([config.wave_days[wave], events.resolved[surveyed] // DAY + 1])
    moment = day * DAY + 8 * 3600 + random.integers(0, 2 * 3600, len(customer))
    event = np.concatenate([np.full(len(wave), -1), surveyed])
    score = np.concatenate([scores_by_wave.ravel(), np.zeros(len(surveyed), int)])

    eligible = customers.has_email & ~customers.opted_out & ~customers.do_not_contact & ~customers.is_staff
    kept = np.flatnonzero(
        eligible[customer] & (customers.joined_day[customer] + 30 <= day) & (day < customers.left_day[customer]) & (day < config.end_day)
    )
    customer, moment, event, score = customer[kept], moment[kept], event[kept], score[kept]
    programme = np.where(event < 0, RELATIONSHIP, TRANSACTIONAL)
    wave = np.where(event < 0, np.concatenate([wave, np.full(len(surveyed), -1)])[kept], -1)
    drawn = (programme == TRANSACTIONAL) | (random.random(len(kept)) < config.wave_fraction)
    in_frame = _outside_quarantine(count, customer, moment, programme, drawn)

    then = situation(customers, recent, customer, moment)
    team = np.where(event < 0, customers.team[customer], events.team[event])
    about = event >= 0
    noise = random.logistic(0, 1, int(about.sum()))
    attitudes = attitude.attitude(then, customers, organisation, team, config.overlap)[about]
    effect = attitude.interaction_effect(events.where(event[about]), offer[event[about]])
    score[about] = attitude.score(attitudes + effect + noise)

    drawn = drawn & in_frame
    probability = attitude.answer_probability(then, score, config.nonresponse)
    answered = drawn & (random.random(len(kept)) < probability)
    responded = _answering_time(random, moment)
    answered &= responded < config.end_day * DAY  # the newest have not answered yet
    luck = random.random(len(kept))
    silent = np.select([luck < 0.015, luck < 0.03, luck < 0.035, luck < 0.30], [PARTIAL, BOUNCED, OPTED_OUT, OPENED], DELIVERED)
    return Frame(
        **vars(then),
        programme=programme,
        wave=wave,
        event=event,
        branch=organisation.branch_at(team, moment // DAY),
        score=score,
        given_score=score,
        in_frame=in_frame,
        drawn=drawn,
        answer_probability=probability,
        answered=answered,
        responded=np.where(answered, responded, NEVER),
        disposition=np.where(answered, COMPLETED, silent),
        seconds_taken=np.rint(25 + random.gamma(2, 30, len(kept))).astype(int),
        is_gamed=np.zeros(len(kept), bool),
    )


def _answering_time(random: np.random.Generator, moment: Array) -> Array:
    """Most within two days, some after the reminder on day 7, none after day 29; never at night."""
    count = len(moment)
    reminded = random.random(count) < 0.25
    hours = random.lognormal(np.log(14), 1.1, count)
    delay = np.where(reminded, 7 * 24 + hours, np.minimum(hours, 6.9 * 24))
    responded = moment + 60 + (np.minimum(delay, 28 * 24) * 3600).astype(int)
    return awake(responded)


def awake(moment: Array) -> Array:
    """Nobody answers before 6 o'clock."""
    return np.where(moment % DAY < 6 * 3600, moment + 6 * 3600, moment)


def _outside_quarantine(customers: int, customer: Array, moment: Array, programme: Array, drawn: Array) -> Array:
    """Who may be asked, first come, first served: each customer's k-th candidate of all customers at once.

    A candidate who is not drawn is judged by the same rule and starts no quarantine of its own.
    """
    order = np.lexsort((moment, customer))
    sorted_customer = customer[order]
    first = np.searchsorted(sorted_customer, sorted_customer)
    rank = np.arange(len(order)) - first
    by_rank = np.argsort(rank, kind="stable")
    bounds = np.searchsorted(rank[by_rank], np.arange(rank.max() + 2 if len(rank) else 1))
    last_any = np.full(customers, -NEVER)
    last_same = np.full((2, customers), -NEVER)
    allowed = np.zeros(len(order), bool)
    for start, end in itertools.pairwise(bounds):
        rows = order[by_rank[start:end]]
        who, when, kind = customer[rows], moment[rows], programme[rows]
        gap = np.array(SAME_PROGRAMME_DAYS)[kind] * DAY
        is_free = (when - last_any[who] >= ANY_PROGRAMME_DAYS * DAY) & (when - last_same[kind, who] >= gap)
        allowed[rows] = is_free
        asked = is_free & drawn[rows]
        last_any[who[asked]] = when[asked]
        last_same[kind[asked], who[asked]] = when[asked]
    return allowed
