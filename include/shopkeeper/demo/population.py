"""Customers, and what happened between them and the company: calls, claims, visits, complaints."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from shopkeeper.demo.config import DAY, NEVER, NEVER_DAY, Array, SimulationConfig
from shopkeeper.demo.organisation import BRANCHES, CONTRACTS, SLOTS, SOUTH, TEAMS_PER_BRANCH, Organisation, region_of

SEGMENTS = ("private", "family", "business")
PRIVATE, FAMILY, BUSINESS = range(3)
TENURE_BANDS = ("under 1 year", "1 to 3 years", "over 3 years")
TENURE_EDGES = (365, 1096)
ACQUISITION = ("referral", "advertising", "comparison site", "broker", "branch")
REFERRAL, BROKER = 0, 3
COUNTRIES = ("DE", "AT", "CH")
SWISS = 2
LOCALES = ("en-GB", "de-DE", "fr-FR")
LANGUAGES = ("en", "de", "fr")

CALL, CLAIM, VISIT, PURCHASE, CONTACT_CHANGE = range(5)
KINDS = ("call", "claim", "visit", "purchase", "contact change")
CHANNELS = ("phone", "branch", "web", "app")
PHONE, BRANCH, WEB, APP = range(4)
OUTCOMES = ("solved", "passed on", "paid in full", "paid in part", "rejected", "done")
SOLVED, PASSED_ON, PAID_IN_FULL, PAID_IN_PART, REJECTED, DONE = range(6)
# what a claim under each contract may be about, the commonest first
CLAIM_TYPES = (
    ("collision", "glass", "theft"),
    ("water", "burglary", "fire"),
    ("water", "storm", "fire"),
    ("damage to others", "injury to others", "lost keys"),
    ("employment", "tenancy", "traffic"),
    ("water", "theft", "liability"),
)
CLAIM_TYPE_SHARES = (0.55, 0.3, 0.15)
CONTACT_ROLES = ("decision maker", "buyer", "user")
CONTACT_ROLE_SHARES = (0.25, 0.2, 0.55)

COMPLAINT_CATEGORIES = ("waiting time", "claim decision", "staff", "price", "website")

CALLS_PER_YEAR, CLAIMS_PER_YEAR, VISITS_PER_YEAR, OTHER_COMPLAINTS_PER_YEAR = 1.1, 0.2, 0.25, 0.02
LEAVING_PER_YEAR = 0.05

RECENT_DAYS = 365
FAILED_BANDS = ("no call", "low", "middle", "high")
FAILED_EDGES = (0.3, 0.6)


@dataclass(frozen=True)
class Customers:
    """One row per customer; `left_day` is the first day without a contract (NEVER_DAY while there is one)."""

    first_number: int
    segment: Array
    joined_day: Array
    left_day: Array
    team: Array
    region: Array
    country: Array
    locale: Array
    channel: Array
    account: Array
    product: Array
    has_email: Array
    has_phone: Array
    opted_out: Array
    do_not_contact: Array
    is_staff: Array
    trait: Array

    def __len__(self) -> int:
        return len(self.segment)


@dataclass(frozen=True)
class Events:
    """One row per interaction. Times are local seconds; `resolved` is NEVER while it is open; scores are NaN without a call."""

    customer: Array
    kind: Array
    occurred: Array
    resolved: Array
    channel: Array
    outcome: Array
    product: Array
    team: Array
    slot: Array
    failed: Array
    sentiment: Array
    wait_minutes: Array
    transfers: Array

    def __len__(self) -> int:
        return len(self.customer)

    def where(self, chosen: Array) -> Events:
        return Events(**{name: column[chosen] for name, column in vars(self).items()})

    def followed_by(self, other: Events) -> Events:
        return Events(**{name: np.concatenate([column, getattr(other, name)]) for name, column in vars(self).items()})


@dataclass(frozen=True)
class Complaints:
    """`event` is the row of the interaction complained about, -1 for none."""

    customer: Array
    event: Array
    opened: Array
    resolved: Array
    category: Array

    def __len__(self) -> int:
        return len(self.customer)


def draw_customers(config: SimulationConfig, organisation: Organisation, part: int) -> Customers:
    first = part * config.part_size
    count = min(config.part_size, config.customers - first)
    random = config.stream("customers", part)
    segment = random.choice(3, count, p=[0.60, 0.28, 0.12])
    start, end = config.start_day, config.end_day
    is_new = random.random(count) < 0.30
    joined = np.where(
        is_new,
        random.integers(start, end, count),
        start - 1 - np.minimum(random.exponential(5 * 365, count), 18 * 365).astype(int),
    )
    leaves = np.maximum(joined + 90, start) + random.exponential(365 / LEAVING_PER_YEAR, count).astype(int)
    branch = random.choice(BRANCHES, count, p=organisation.branch_weight)
    team = branch * TEAMS_PER_BRANCH + random.integers(0, TEAMS_PER_BRANCH, count)
    region = region_of(organisation.branch_at(team, np.full(count, end)))
    abroad = random.random(count)
    country = np.where(region == SOUTH, np.where(abroad < 0.18, SWISS, np.where(abroad < 0.28, 1, 0)), 0)
    is_business = segment == BUSINESS
    channel = random.choice(len(ACQUISITION), count, p=[0.24, 0.20, 0.22, 0.20, 0.14])
    # business customers are contacts of an account, about three to each
    account = np.where(is_business, np.cumsum(is_business) // 3, -1)
    product = np.where(is_business, CONTRACTS - 1, random.choice(CONTRACTS - 1, count, p=[0.42, 0.25, 0.12, 0.13, 0.08]))
    return Customers(
        first_number=first + 1,
        segment=segment,
        joined_day=joined,
        left_day=np.where(leaves < end, leaves, NEVER_DAY),
        team=team,
        region=region,
        country=country,
        locale=random.choice(len(LOCALES), count, p=[0.55, 0.40, 0.05]),
        channel=channel,
        account=account,
        product=product,
        has_email=random.random(count) >= config.missing_email_share,
        has_phone=random.random(count) < 0.85,
        opted_out=random.random(count) < 0.03,
        do_not_contact=random.random(count) < 0.006,
        is_staff=random.random(count) < 0.004,
        trait=random.normal(0, 1, count),
    )


def draw_events(config: SimulationConfig, customers: Customers, part: int) -> Events:
    """Calls, claims and visits of each customer while there is a contract, on working days from 8 to 18 o'clock."""
    random = config.stream("events", part)
    count = len(customers)
    since = np.maximum(customers.joined_day, config.start_day)
    until = np.minimum(customers.left_day, config.end_day)
    days = np.maximum(until - since, 0)
    talkative = random.gamma(2, 0.5, count)
    numbers = [
        random.poisson(rate * weight * days / 365)
        for rate, weight in ((CALLS_PER_YEAR, talkative), (CLAIMS_PER_YEAR, 1.0), (VISITS_PER_YEAR, talkative))
    ]
    customer = np.concatenate([np.repeat(np.arange(count), number) for number in numbers])
    kind = np.repeat([CALL, CLAIM, VISIT], [int(number.sum()) for number in numbers])
    day = since[customer] + (random.random(len(customer)) * days[customer]).astype(int)
    weekday = (day + 3) % 7  # 1970-01-01 was a Thursday
    day = np.where(weekday >= 5, day + 7 - weekday, day)
    occurred = day * DAY + random.integers(8 * 3600, 18 * 3600, len(customer))
    order = np.argsort(occurred, kind="stable")
    customer, kind, occurred, day = customer[order], kind[order], occurred[order], day[order]
    kept = day < until[customer]
    customer, kind, occurred = customer[kept], kind[kept], occurred[kept]
    return _served(config, random, customers, customer=customer, kind=kind, occurred=occurred)


def _served(
    config: SimulationConfig, random: np.random.Generator, customers: Customers, *, customer: Array, kind: Array, occurred: Array
) -> Events:
    count = len(customer)
    is_call, is_claim = kind == CALL, kind == CLAIM
    luck = random.random(count)
    outcome = np.where(is_call, np.where(luck < 0.78, SOLVED, PASSED_ON), DONE)
    outcome = np.where(is_claim, np.where(luck < 0.72, PAID_IN_FULL, np.where(luck < 0.9, PAID_IN_PART, REJECTED)), outcome)
    minutes = np.ceil(random.lognormal(1.8, 0.6, count)) * 60
    slow_days = random.lognormal(np.where(is_claim, np.log(5.5), np.log(2.0)), 0.85)
    is_slow = is_claim | (outcome == PASSED_ON)
    # settled in office hours: the day counts, the hour is drawn
    settled = (occurred // DAY + np.maximum(1, np.rint(slow_days)).astype(int)) * DAY + random.integers(8 * 3600, 18 * 3600, count)
    resolved = np.where(is_slow, settled, occurred + minutes.astype(int))
    resolved = np.where(resolved < config.end_day * DAY, resolved, NEVER)
    failed = np.where(outcome == SOLVED, random.beta(1.1, 7, count), random.beta(2.2, 2.2, count))
    failed = np.where(is_call, np.round(failed, 4), np.nan)
    sentiment = np.round(np.clip(0.7 - 1.4 * failed + random.normal(0, 0.25, count), -1, 1), 4)
    visit_channel = random.choice([BRANCH, WEB, APP], count, p=[0.4, 0.35, 0.25])
    claim_channel = random.choice([PHONE, BRANCH, WEB, APP], count, p=[0.4, 0.15, 0.25, 0.2])
    home = customers.team[customer]
    other = home // TEAMS_PER_BRANCH * TEAMS_PER_BRANCH + random.integers(0, TEAMS_PER_BRANCH, count)
    return Events(
        customer=customer,
        kind=kind,
        occurred=occurred,
        resolved=resolved,
        channel=np.select([is_call, is_claim], [np.full(count, PHONE), claim_channel], visit_channel),
        outcome=outcome,
        product=customers.product[customer],
        team=np.where(random.random(count) < 0.8, home, other),
        slot=random.integers(0, SLOTS, count),
        failed=failed,
        sentiment=sentiment,
        wait_minutes=np.where(is_call, np.round(random.exponential(3 + 6 * np.nan_to_num(failed), count), 1), np.nan),
        transfers=np.where(is_call, random.poisson(0.15 + 1.2 * np.nan_to_num(failed), count), 0),
    )


def draw_complaints(config: SimulationConfig, customers: Customers, events: Events, part: int) -> Complaints:
    """Complaints about slow or rejected claims and failed calls, and a few about nothing on record."""
    random = config.stream("complaints", part)
    days_open = (np.minimum(events.resolved, config.end_day * DAY) - events.occurred) / DAY
    odds = np.select(
        [events.kind == CLAIM, events.kind == CALL],
        [-2.6 + 0.1 * days_open + 1.6 * (events.outcome == REJECTED), -3.9 + 4.5 * np.nan_to_num(events.failed)],
        -5.0,
    )
    about = np.flatnonzero(random.random(len(events)) < 1 / (1 + np.exp(-odds)))
    since = np.maximum(customers.joined_day, config.start_day)
    days = np.maximum(np.minimum(customers.left_day, config.end_day) - since, 0)
    others = np.repeat(np.arange(len(customers)), random.poisson(OTHER_COMPLAINTS_PER_YEAR * days / 365))
    opened = np.concatenate(
        [
            np.minimum(events.resolved, events.occurred + 10 * DAY)[about] // DAY * DAY + DAY * random.integers(1, 5, len(about)),
            (since[others] + (random.random(len(others)) * days[others]).astype(int)) * DAY,
        ]
    ) + random.integers(8 * 3600, 20 * 3600, len(about) + len(others))
    customer = np.concatenate([events.customer[about], others])
    event = np.concatenate([about, np.full(len(others), -1)])
    category = np.concatenate(
        [
            np.where(
                events.kind[about] == CLAIM,
                np.where(events.outcome[about] == REJECTED, 1, 0),
                np.where(random.random(len(about)) < 0.6, 0, 2),
            ),
            random.integers(2, len(COMPLAINT_CATEGORIES), len(others)),
        ]
    )
    resolved = opened + DAY * np.maximum(1, random.poisson(6, len(opened)))
    resolved = np.where(resolved < config.end_day * DAY, resolved, NEVER)
    kept = opened // DAY < np.minimum(customers.left_day[customer], config.end_day)
    order = np.flatnonzero(kept)[np.argsort(opened[kept], kind="stable")]
    return Complaints(customer[order], event[order], opened[order], resolved[order], category[order])


def until_leaving(customers: Customers, events: Events, complaints: Complaints) -> tuple[Events, Complaints]:
    """What is left when nothing happens after a customer has gone; complaints keep pointing at their interactions."""
    kept = events.occurred // DAY < customers.left_day[events.customer]
    new_row = np.where(kept, np.cumsum(kept) - 1, -1)
    stays = complaints.opened // DAY < customers.left_day[complaints.customer]
    about = complaints.event[stays]
    complaints = Complaints(**{name: column[stays] for name, column in vars(complaints).items()})
    return events.where(kept), replace(complaints, event=np.where(about >= 0, new_row[about], -1))


class Recent:
    """What the CRM knows of a customer's last 365 days at any moment: a complaint, the worst call."""

    def __init__(self, events: Events, complaints: Complaints) -> None:
        is_call = events.kind == CALL
        self._complaints = self._keys(complaints.customer, complaints.opened)
        self._calls = [
            self._keys(events.customer[chosen], events.occurred[chosen])
            for chosen in (is_call, *(is_call & (np.nan_to_num(events.failed) >= edge) for edge in FAILED_EDGES))
        ]

    @staticmethod
    def _keys(customer: Array, moment: Array) -> Array:
        return np.sort(customer * NEVER + moment)

    @staticmethod
    def _any(keys: Array, customer: Array, moment: Array) -> Array:
        key = customer * NEVER + moment
        return np.searchsorted(keys, key, side="right") > np.searchsorted(keys, key - RECENT_DAYS * DAY, side="right")

    def complaint(self, customer: Array, moment: Array) -> Array:
        return self._any(self._complaints, customer, moment)

    def failed_band(self, customer: Array, moment: Array) -> Array:
        """0 no call, 1 low (< 0.3), 2 middle, 3 high (>= 0.6): the greatest failed-interaction score of the last 365 days."""
        return sum((self._any(keys, customer, moment).astype(int) for keys in self._calls), np.zeros(len(customer), int))


def tenure_band(tenure_days: Array) -> Array:
    return np.searchsorted(TENURE_EDGES, tenure_days, side="right")
