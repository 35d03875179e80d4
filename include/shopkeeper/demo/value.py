"""What customers are worth: contract premiums that the band moves, a shop that it does not, and what serving them costs.

The band on the anchor wave's day changes premiums and leaving in the 365 days after it, and nothing else. Longer tenure
raises both the attitude and the premium: comparing bands without regard to tenure overstates what a band is worth.
All amounts are whole cents, so that what is planted equals what is booked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shopkeeper.demo.attitude import log_years
from shopkeeper.demo.config import BANDS, DAY, NEVER_DAY, Array, SimulationConfig, date_of
from shopkeeper.demo.organisation import CONTRACTS, PRODUCTS, SLOTS
from shopkeeper.demo.population import APP, BRANCH, DONE, PURCHASE, SWISS, WEB, Complaints, Customers, Events

PREMIUM = 120.0  # a year, private, joined today
PREMIUM_TENURE = 300.0  # more per log(1 + years)
PREMIUM_SEGMENT = np.array([1.0, 1.25, 1.0])
PREMIUM_SD = 0.15  # of its logarithm
COST_RATIO = (0.58, 0.66)
UPLIFT = np.array([-0.12, 0.0, 0.12])  # of the premium in the year after the anchor wave
UPLIFT_SEGMENT = np.array([1.0, 1.15, 1.3])
LEAVING = np.array([0.12, 0.05, 0.02])  # within that year

# the shop: BG/NBD with weeks as the unit, Gamma-Gamma for the money; first purchases are not modelled
SHOP = {"r": 0.7, "alpha": 9.0, "a": 0.9, "b": 2.6, "p": 6.0, "q": 4.0, "gamma": 15.0}
SHOP_SHARE = 0.45
SHOP_COST_RATIO = 0.55
REFUND_SHARE = 0.02

SERVICE_COST = np.array([9, 48, 3, 0, 0])  # call, claim, visit, purchase, contact change
COMPLAINT_COST = 26
EXCHANGE_RATES = {"CHF": {"2015-01-01": 0.93, "2023-01-01": 1.02, "2024-01-01": 1.05, "2025-01-01": 1.06, "2026-01-01": 1.07}}


@dataclass(frozen=True)
class Postings:
    """One row per posting: cents in the customer's currency; `event` is the purchase's row among the events, -1 for premiums."""

    customer: Array
    day: Array
    cents: Array
    cost_cents: Array
    product: Array
    event: Array

    def __len__(self) -> int:
        return len(self.customer)


@dataclass(frozen=True)
class Margins:
    """The potential outcomes: margin in euros over the 365 days after the anchor wave, one column per band.

    `band` is the band on that day (what each customer would have answered); NaN and -1 for whom was no customer then.
    """

    customer: Array
    band: Array
    potential: Array
    before: Array

    @property
    def factual(self) -> Array:
        return self.potential[np.arange(len(self.band)), self.band]


@dataclass(frozen=True)
class Contracts:
    """Each customer's premium and when each band would make him or her leave."""

    annual: Array
    cost_ratio: Array
    left_under: Array  # customers × bands, days


def draw_contracts(config: SimulationConfig, customers: Customers, part: int) -> Contracts:
    random = config.stream("contracts", part)
    count = len(customers)
    anchor = int(config.wave_days[config.anchor_wave])
    usual = PREMIUM + PREMIUM_TENURE * log_years(anchor - customers.joined_day)
    annual = usual * PREMIUM_SEGMENT[customers.segment] * np.exp(random.normal(0, PREMIUM_SD, count))
    luck, when = random.random(count), anchor + 30 + random.integers(0, 300, count)
    is_there = (customers.joined_day <= anchor) & (customers.left_day > anchor)
    leaves = is_there[:, None] & (luck[:, None] < LEAVING)
    left = np.minimum(np.where(leaves, when[:, None], NEVER_DAY), customers.left_day[:, None])
    return Contracts(
        annual=annual, cost_ratio=random.uniform(*COST_RATIO, count), left_under=np.where(left < config.end_day, left, NEVER_DAY)
    )


def _premiums(config: SimulationConfig, customers: Customers, contracts: Contracts, bands: Array, left: Array) -> Postings:
    """Quarterly premiums when each customer had the given band on the anchor wave's day (-1: none)."""
    anchor = int(config.wave_days[config.anchor_wave])
    quarters = (config.end_day - config.start_day) // 91 + 1
    phase = np.where(
        customers.joined_day >= config.start_day, customers.joined_day, config.start_day + (customers.joined_day - config.start_day) % 91
    )
    days = phase[:, None] + 91 * np.arange(quarters)
    is_moved = (days > anchor) & (days <= anchor + 365) & (bands >= 0)[:, None]
    uplift = np.where(bands >= 0, UPLIFT[bands] * UPLIFT_SEGMENT[customers.segment], 0.0)
    cents = np.rint(contracts.annual[:, None] / 4 * (1 + is_moved * uplift[:, None]) * 100).astype(int)
    customer, quarter = np.nonzero((days < left[:, None]) & (days < config.end_day))
    chosen = cents[customer, quarter]
    return Postings(
        customer=customer,
        day=days[customer, quarter],
        cents=chosen,
        cost_cents=np.rint(chosen * contracts.cost_ratio[customer]).astype(int),
        product=customers.product[customer],
        event=np.full(len(customer), -1),
    )


def draw_shop(config: SimulationConfig, customers: Customers, part: int) -> tuple[Events, Postings]:
    """Purchases of single covers by some of the customers, contract or not, and refunds of a few."""
    random = config.stream("shop", part)
    buyer = np.flatnonzero(random.random(len(customers)) < SHOP_SHARE)
    opened = np.maximum(customers.joined_day[buyer], config.start_day)
    rate = random.gamma(SHOP["r"], 1 / SHOP["alpha"], len(buyer)) / 7  # a day
    drops = random.beta(SHOP["a"], SHOP["b"], len(buyer))
    moment = opened + random.integers(0, 120, len(buyer)) + random.random(len(buyer))
    alive = np.arange(len(buyer))
    who, when = [alive[:0]], [moment[:0]]
    is_first = True
    while len(alive):
        alive = alive[moment[alive] < config.end_day]
        who.append(alive)
        when.append(moment[alive])
        if not is_first:
            alive = alive[random.random(len(alive)) >= drops[alive]]
        is_first = False
        moment[alive] += random.exponential(1 / rate[alive])
    index, day = np.concatenate(who), np.concatenate(when)
    average = random.gamma(SHOP["q"], 1 / SHOP["gamma"], len(buyer))
    cents = np.maximum(1, np.rint(random.gamma(SHOP["p"], 1 / average[index]) * 100)).astype(int)
    count = len(index)
    product = random.integers(CONTRACTS, len(PRODUCTS), count)
    # the time of day follows the fraction, squeezed into 7 to 23 o'clock
    occurred = (day.astype(int) * DAY + 7 * 3600 + (day % 1) * 16 * 3600).astype(int)
    customer = buyer[index]
    order = np.argsort(occurred, kind="stable")
    customer, occurred, product, cents = customer[order], occurred[order], product[order], cents[order]
    purchases = Events(
        customer=customer,
        kind=np.full(count, PURCHASE),
        occurred=occurred,
        resolved=occurred,
        channel=random.choice([BRANCH, WEB, APP], count, p=[0.15, 0.45, 0.40]),
        outcome=np.full(count, DONE),
        product=product,
        team=customers.team[customer],
        slot=random.integers(0, SLOTS, count),
        failed=np.full(count, np.nan),
        sentiment=np.full(count, np.nan),
        wait_minutes=np.full(count, np.nan),
        transfers=np.zeros(count, int),
    )
    cost = np.rint(cents * SHOP_COST_RATIO).astype(int)
    refunded = np.flatnonzero(random.random(count) < REFUND_SHARE)
    refund_day = occurred[refunded] // DAY + random.integers(2, 15, len(refunded))
    refunded, refund_day = refunded[refund_day < config.end_day], refund_day[refund_day < config.end_day]
    row = np.concatenate([np.arange(count), refunded])
    sign = np.concatenate([np.ones(count, int), np.full(len(refunded), -1)])
    postings = Postings(
        customer=customer[row],
        day=np.concatenate([occurred // DAY, refund_day]),
        cents=sign * cents[row],
        cost_cents=sign * cost[row],
        product=product[row],
        event=row,
    )
    return purchases, postings


def service_cents(events: Events) -> Array:
    """What each interaction cost to handle, in euro cents; 0 for those that cost nothing."""
    return 100 * SERVICE_COST[events.kind]


def euros_per_unit(config: SimulationConfig, customers: Customers, customer: Array, day: Array) -> Array:
    """Exchange rate on each day: 1 for customers who pay in euros."""
    starts = np.array(list(EXCHANGE_RATES["CHF"]), "datetime64[D]").astype(int)
    rates = np.array(list(EXCHANGE_RATES["CHF"].values()))
    return np.where(customers.country[customer] == SWISS, rates[np.maximum(np.searchsorted(starts, day, side="right") - 1, 0)], 1.0)


def book(
    config: SimulationConfig,
    customers: Customers,
    contracts: Contracts,
    *,
    anchor_band: Array,
    left: Array,
    shop: Postings,
    first_purchase: int,
) -> Postings:
    """All postings as they came true, by day; `first_purchase` is the row of the first purchase among all events."""
    premiums = _premiums(config, customers, contracts, anchor_band, left)
    both = [premiums, Postings(**{**vars(shop), "event": shop.event + first_purchase})]
    order = np.argsort(np.concatenate([p.day for p in both]), kind="stable")
    return Postings(**{name: np.concatenate([getattr(p, name) for p in both])[order] for name in vars(premiums)})


def potential_margins(
    config: SimulationConfig,
    customers: Customers,
    contracts: Contracts,
    *,
    anchor_band: Array,
    shop: Postings,
    all_events: Events,
    all_complaints: Complaints,
) -> Margins:
    """Each customer's margin in the year after the anchor wave under each band: revenue less direct and service costs.

    `all_events` and `all_complaints` are those that would happen if nobody left because of the band.
    """
    anchor = int(config.wave_days[config.anchor_wave])
    count = len(customers)

    def total(postings: Postings, first: int, last: int) -> Array:
        chosen = (postings.day > first) & (postings.day <= last)
        customer, day = postings.customer[chosen], postings.day[chosen]
        euros = (postings.cents - postings.cost_cents)[chosen] / 100 * euros_per_unit(config, customers, customer, day)
        return np.bincount(customer, euros, count)

    def served(first: int, last: int, left: Array) -> Array:
        event_day, opened_day = all_events.occurred // DAY, all_complaints.opened // DAY
        events = (event_day > first) & (event_day <= last) & (event_day < left[all_events.customer])
        complaints = (opened_day > first) & (opened_day <= last) & (opened_day < left[all_complaints.customer])
        return (
            np.bincount(all_events.customer[events], service_cents(all_events)[events] / 100, count)
            + np.bincount(all_complaints.customer[complaints], minlength=count) * COMPLAINT_COST
        )

    shop_margin = total(shop, anchor, anchor + 365)
    potential = np.empty((count, len(BANDS)))
    for band in range(len(BANDS)):
        left = contracts.left_under[:, band]
        premiums = _premiums(config, customers, contracts, np.where(anchor_band >= 0, band, -1), left)
        potential[:, band] = total(premiums, anchor, anchor + 365) + shop_margin - served(anchor, anchor + 365, left)
    before = _premiums(config, customers, contracts, anchor_band, customers.left_day)
    margin_before = (
        total(before, anchor - 365, anchor) + total(shop, anchor - 365, anchor) - served(anchor - 365, anchor, customers.left_day)
    )
    there = np.flatnonzero(anchor_band >= 0)
    return Margins(customer=there, band=anchor_band[there], potential=potential[there].round(4), before=margin_before[there].round(4))


def described(config: SimulationConfig) -> dict[str, object]:
    """The planted parameters, for the truth file."""
    anchor = config.wave_days[config.anchor_wave]
    return {
        "anchor_wave_on": date_of(anchor).isoformat(),
        "window": [date_of(anchor + 1).isoformat(), date_of(anchor + 365).isoformat()],
        "premium_per_year": PREMIUM,
        "premium_more_per_log_year": PREMIUM_TENURE,
        "premium_uplift_by_band": dict(zip(BANDS, UPLIFT.tolist(), strict=True)),
        "uplift_factor_by_segment": UPLIFT_SEGMENT.tolist(),
        "leaving_by_band": dict(zip(BANDS, LEAVING.tolist(), strict=True)),
        "shop": {
            "unit": "weeks",
            "bg_nbd": {k: SHOP[k] for k in ("r", "alpha", "a", "b")},
            "gamma_gamma": {k: SHOP[k] for k in ("p", "q", "gamma")},
        },
        "exchange_rates": EXCHANGE_RATES,
    }
