"""What the sample company's customers say about who recommended it to them: in ways that a name can be found by, and in others.

Those who came before the CRM recorded referrals know who sent them too, so a survey brings out edges that no record has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shopkeeper.demo import words
from shopkeeper.demo.config import Array, SimulationConfig
from shopkeeper.demo.population import ACQUISITION, REFERRAL, Customers
from shopkeeper.demo.referrals import ANYWAY_SHARE, Referrals

SAYS_SHARE = 0.85  # answer the question how they first heard of the company
COLLEAGUE_SHARE = 0.2
CODES = {"advertising": "advertising", "comparison site": "comparison_site", "broker": "broker", "branch": "branch"}  # by channel
WAYS = ("nobody", "a stranger", "full name", "e-mail", "customer number", "a switchboard")
SHARES = (0.2, 0.1, 0.4, 0.15, 0.1, 0.05)


@dataclass(frozen=True)
class Told:
    """By customer of the part. `parent` is who recommended the company in truth, -1 where nobody did; the rest is what is said."""

    parent: Array
    heard_from: list[str | None]
    recommended_by: list[str | None]
    anyway: list[str | None]


def names(config: SimulationConfig, part: int, count: int) -> tuple[np.random.Generator, Array, Array]:
    """First and last name of each customer of a part, as places in `words`; and the stream, for what else is drawn of a person."""
    random = config.stream("persons", part)
    first, last = random.integers(0, len(words.FIRST_NAMES), count), random.integers(0, len(words.LAST_NAMES), count)
    return random, first, last


def true_parents(config: SimulationConfig, customers: Customers, referrals: Referrals, part: int) -> Array:
    """Of customers who came by referral: the recorded referrer, or for those who came before there were records, somebody before them."""
    parent = np.full(len(customers), -1)
    by_day = np.argsort(customers.joined_day, kind="stable")
    earlier = np.searchsorted(customers.joined_day[by_day], customers.joined_day, side="left")
    drawn = by_day[(config.stream("true parents", part).random(len(customers)) * earlier).astype(int)]
    came = (customers.channel == REFERRAL) & (earlier > 0)
    parent[came] = drawn[came]
    real = (referrals.fault == 0) & (referrals.child >= 0)
    parent[referrals.child[real]] = referrals.parent[real]
    return parent


def told(config: SimulationConfig, customers: Customers, referrals: Referrals, part: int) -> Told:
    """What each customer of the part would say in a survey; the same at any time."""
    count = len(customers)
    parent = true_parents(config, customers, referrals, part)
    _, first, last = names(config, part, count)
    random = config.stream("telling", part)
    says, is_colleague = random.random(count) < SAYS_SHARE, random.random(count) < COLLEAGUE_SHARE
    way = random.choice(len(WAYS), count, p=SHARES)
    would = random.random(count) < ANYWAY_SHARE
    recorded = referrals.child[(referrals.fault == 0) & (referrals.child >= 0) & (referrals.anyway >= 0)]
    would[recorded] = referrals.anyway[(referrals.fault == 0) & (referrals.child >= 0) & (referrals.anyway >= 0)] == 1

    def words_of(customer: int) -> str | None:
        of = parent[customer]
        name = f"{words.FIRST_NAMES[first[of]]} {words.LAST_NAMES[last[of]]}"
        number = f"{of + customers.first_number}"
        match WAYS[way[customer]]:
            case "full name":
                return name
            case "e-mail" if customers.has_email[of]:
                return f"{name.replace(' ', '.')}.{number}@Example.org"
            case "customer number":
                return f"c{number:0>7}"
            case "a switchboard":
                return "030 23125-0"
            case "a stranger":
                return "my neighbour Herta"
            case _:
                return None

    channel = customers.channel.tolist()
    was_referred = (customers.channel == REFERRAL) & (parent >= 0)
    heard = [
        CODES.get(ACQUISITION[channel[i]], "colleague" if is_colleague[i] else "friend_or_family") if says[i] else None
        for i in range(count)
    ]
    asked = (was_referred & says).tolist()
    return Told(
        parent,
        heard,
        [words_of(i) if asked[i] else None for i in range(count)],
        [("yes" if would[i] else "no") if asked[i] else None for i in range(count)],
    )
