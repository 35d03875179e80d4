"""The sample company as arrays: everything that happened, and everything that would have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from shopkeeper.demo import attitude, gaming, organisation, population, referrals, surveys, value
from shopkeeper.demo.config import DAY, Array, SimulationConfig
from shopkeeper.errors import fail

OFFER_SHARE = 0.08
ACCEPTED_SHARE = (0.2, 0.7, 0.25)


@dataclass(frozen=True)
class Offers:
    event: Array
    kind: Array
    presented: Array
    is_accepted: Array


@dataclass(frozen=True)
class Part:
    """All about one part of the customers. Customers and events are numbered from 0 within it."""

    number: int
    customers: population.Customers
    events: population.Events
    complaints: population.Complaints
    offers: Offers
    scores_by_wave: Array
    frame: surveys.Frame
    clean_frame: surveys.Frame
    contracts: value.Contracts
    postings: value.Postings
    margins: value.Margins
    referrals: referrals.Referrals
    gamed: tuple[gaming.Gamed, ...]

    @property
    def answers(self) -> int:
        return int(self.frame.answered.sum())


@dataclass(frozen=True)
class Simulation:
    """A company: its organisation at once, its customers part by part."""

    config: SimulationConfig
    organisation: organisation.Organisation

    def parts(self) -> Iterator[Part]:
        """Each part of the customers, made when asked for."""
        if self.config.parts == 1:
            yield self.whole
            return
        for number in range(self.config.parts):
            yield make_part(self.config, self.organisation, number)

    @cached_property
    def whole(self) -> Part:
        """All customers at once. Raises ShopkeeperError where there are more than `part_size`."""
        if self.config.parts > 1:
            raise fail("simulation", f"{self.config.customers} customers are made in {self.config.parts} parts", "read parts() one by one")
        return make_part(self.config, self.organisation, 0)


def simulate(config: SimulationConfig | None = None) -> Simulation:
    """The sample company of a configuration. Arrays are made when first read; the same config gives the same arrays."""
    config = config or SimulationConfig()
    return Simulation(config, organisation.organise(config))


def make_part(config: SimulationConfig, company: organisation.Organisation, number: int) -> Part:
    customers = population.draw_customers(config, company, number)
    all_events = population.draw_events(config, customers, number)
    all_complaints = population.draw_complaints(config, customers, all_events, number)
    recent = population.Recent(all_events, all_complaints)
    scores = surveys.wave_scores(config, customers, company, recent, number)

    contracts = value.draw_contracts(config, customers, number)
    anchor_day = int(config.wave_days[config.anchor_wave])
    there = (customers.joined_day <= anchor_day) & (customers.left_day > anchor_day)
    anchor_band = np.where(there, attitude.band(scores[:, config.anchor_wave]), -1)
    left = np.where(there, contracts.left_under[np.arange(len(customers)), anchor_band], customers.left_day)
    purchases, shop = value.draw_shop(config, customers, number)
    margins = value.potential_margins(
        config,
        customers,
        contracts,
        anchor_band=anchor_band,
        shop=shop,
        all_events=all_events,
        all_complaints=all_complaints,
    )
    customers = _leaving(customers, left)
    served, complaints = population.until_leaving(customers, all_events, all_complaints)
    postings = value.book(config, customers, contracts, anchor_band=anchor_band, left=left, shop=shop, first_purchase=len(served))

    offers, offer_of = _draw_offers(config, customers, served, number)
    clean = surveys.draw_frame(
        config,
        customers,
        company,
        number,
        events=served,
        recent=population.Recent(served, complaints),
        scores_by_wave=scores,
        offer=offer_of,
    )
    frame, altered, gamed = gaming.play(config, clean, served, number)
    events = served.followed_by(purchases).followed_by(_contact_changes(served, frame, altered))
    return Part(
        number=number,
        customers=customers,
        events=events,
        complaints=complaints,
        offers=offers,
        scores_by_wave=scores,
        frame=frame,
        clean_frame=clean,
        contracts=contracts,
        postings=postings,
        margins=margins,
        referrals=referrals.draw_referrals(config, customers, scores, number),
        gamed=tuple(gamed),
    )


def _leaving(customers: population.Customers, left: Array) -> population.Customers:
    return population.Customers(**{**vars(customers), "left_day": left})


def _draw_offers(config: SimulationConfig, customers: population.Customers, events: population.Events, part: int) -> tuple[Offers, Array]:
    """Offers made on calls and claims, more often to customers of long standing; and the offer of each event, -1 for none."""
    random = config.stream("offers", part)
    years = attitude.log_years(events.occurred // DAY - customers.joined_day[events.customer])
    can = (events.kind == population.CALL) | (events.kind == population.CLAIM)
    made = np.flatnonzero(can & (random.random(len(events)) < OFFER_SHARE * (0.4 + 0.5 * years)))
    kind = random.integers(0, len(attitude.OFFERS), len(made))
    offer_of = np.full(len(events), -1)
    offer_of[made] = kind
    accepted = random.random(len(made)) < np.array(ACCEPTED_SHARE)[kind]
    return Offers(made, kind, events.occurred[made] + 120, accepted), offer_of


def _contact_changes(events: population.Events, frame: surveys.Frame, altered: Array) -> population.Events:
    """The trace of an altered address: an employee edits the customer's contact data on the evening before the survey."""
    about = events.where(frame.event[altered])
    count = len(altered)
    edited = frame.moment[altered] // DAY * DAY - DAY + 18 * 3600 + 60 * (np.arange(count) % 60)
    return population.Events(
        **{
            **vars(about),
            "kind": np.full(count, population.CONTACT_CHANGE),
            "occurred": edited,
            "resolved": edited,
            "channel": np.full(count, population.BRANCH),
            "outcome": np.full(count, population.DONE),
            "failed": np.full(count, np.nan),
            "sentiment": np.full(count, np.nan),
            "wait_minutes": np.full(count, np.nan),
            "transfers": np.zeros(count, int),
        }
    )
