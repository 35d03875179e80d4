"""A small seeded company with the faults that finance and CRM records have, as one list of rows per entity."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

Rows = list[dict[str, Any]]

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
FIRST_DAY = date(2023, 1, 1)
DAYS = (AS_OF.date() - FIRST_DAY).days
CURRENCY = "EUR"
EXCHANGE_RATES = [("USD", FIRST_DAY, Decimal("0.91")), ("USD", date(2025, 1, 1), Decimal("0.9637"))]

SEGMENTS = ("private", "business", None)
REGIONS = ("north", "south")
CHANNELS = ("search", "referral", "shop")


def _day(draw: random.Random, first: date = FIRST_DAY, days: int = DAYS) -> date:
    return first + timedelta(days=draw.randrange(days))


def _moment(day: date, hour: int = 10) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def _money(draw: random.Random, low: int, high: int) -> Decimal:
    return Decimal(draw.randrange(low * 100, high * 100)) / 100


def _last_of_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def customers(draw: random.Random, number: int = 400) -> Rows:
    return [
        {
            "customer_id": f"C{i:04}",
            "segment": draw.choice(SEGMENTS),
            "region": draw.choice(REGIONS),
            "joined_on": _day(draw),
            "acquisition_channel": draw.choice(CHANNELS),
            "status": "active",
        }
        for i in range(number)
    ]


def org_units() -> Rows:
    """A company of two regions with two teams each."""
    regions = [{"org_unit_id": region, "kind": "region", "parent_id": "CO"} for region in ("N", "S")]
    teams = [{"org_unit_id": f"T{i}", "kind": "team", "parent_id": "NS"[i % 2]} for i in range(4)]
    return [{"org_unit_id": "CO", "kind": "company"}, *regions, *teams]


def survey_responses(draw: random.Random, people: Rows) -> Rows:
    """A third never answers; the others answer up to three times, now and then about an interaction. Some answers are of nobody we know."""
    rows: Rows = []
    for person in people:
        for _ in range(draw.choice((0, 0, 1, 2, 3, 3))):
            day = _day(draw, FIRST_DAY, DAYS)
            rows.append(
                {"customer_id": person["customer_id"], "responded_at": _moment(day, draw.randrange(24)), "score": draw.randrange(11)}
            )
    rows += [{"customer_id": f"X{i}", "responded_at": _moment(_day(draw)), "score": 10} for i in range(7)]
    about = [{"programme": "visit", "interaction_id": f"I{i}"} if i % 5 == 0 else {"programme": "relationship"} for i in range(len(rows))]
    return [row | {"native_id": f"A{i}", "provider": "file", "scale": "0-10"} | about[i] for i, row in enumerate(rows)]


def revenue(draw: random.Random, people: Rows) -> Rows:
    """Euro, dollars (converted) and yen (no rate); refunds; postings of unknown customers; some without direct cost."""
    rows: Rows = []
    for i in range(4000):
        customer_id = draw.choice(people)["customer_id"] if i % 40 else f"X{i}"
        amount = _money(draw, -20 if i % 25 == 0 else 5, 300)
        rows.append(
            {
                "revenue_id": f"R{i}",
                "customer_id": customer_id,
                "booked_on": _day(draw),
                "amount": amount,
                "direct_cost": None if i % 30 == 0 else (amount * Decimal("0.6")).quantize(Decimal("0.0001")),
                "currency": draw.choice((None, "EUR", "EUR", "USD")) if i % 100 else "JPY",
            }
        )
    return rows


def interactions(draw: random.Random, people: Rows) -> Rows:
    return [
        {
            "interaction_id": f"I{i}",
            "customer_id": draw.choice(people)["customer_id"],
            "occurred_at": _moment(_day(draw), draw.randrange(24)),
            "org_unit_id": f"T{i % 4}",
        }
        for i in range(1500)
    ]


def service_costs(draw: random.Random, people: Rows, contacts: Rows) -> Rows:
    """By customer, by interaction alone, of nobody, without an amount, without a date."""
    rows: Rows = []
    for i in range(1200):
        row: dict[str, Any] = {"cost_id": f"S{i}", "customer_id": None, "interaction_id": None, "booked_on": _day(draw)}
        if i % 3:
            row["customer_id"] = draw.choice(people)["customer_id"]
        elif i % 2:
            row["interaction_id"] = draw.choice(contacts)["interaction_id"]
            row["booked_on"] = None
        row["amount"] = None if i % 100 == 50 else _money(draw, 1, 40)
        if i % 150 == 1:
            row["booked_on"] = None
        rows.append(row)
    return rows


def acquisition_costs(draw: random.Random, people: Rows) -> Rows:
    """By channel and month from the second year on, the month after the last day too; a channel nobody came through; some by customer."""
    rows: Rows = []
    for month in range(12, 37):
        first = date(2023 + month // 12, month % 12 + 1, 1)
        for channel in (*CHANNELS, "aeroplane"):
            rows.append(
                {"acquisition_channel": channel, "period_from": first, "period_to": _last_of_month(first), "amount": _money(draw, 50, 900)}
            )
    for person in draw.sample(people, 30):
        rows.append({"customer_id": person["customer_id"], "period_from": person["joined_on"], "amount": _money(draw, 5, 80)})
    rows.append({"customer_id": "X1", "period_from": date(2024, 2, 1), "amount": Decimal("12.34")})
    rows.append({"acquisition_channel": "search", "period_from": date(2024, 2, 1), "amount": Decimal("5.00")})
    return [row | {"cost_id": f"Q{i}"} for i, row in enumerate(rows)]


def category_spend(draw: random.Random, people: Rows) -> Rows:
    rows: Rows = []
    for person in draw.sample(people, 150):
        for quarter in range(draw.randrange(1, 13)):
            first = date(2023 + quarter // 4, quarter % 4 * 3 + 1, 1)
            last = _last_of_month(first.replace(month=first.month + 2))
            rows.append({"customer_id": person["customer_id"], "period_from": first, "period_to": last, "amount": _money(draw, 100, 2000)})
    return rows


def complaints(draw: random.Random, people: Rows, contacts: Rows) -> Rows:
    return [
        {
            "complaint_id": f"P{i}",
            "customer_id": draw.choice(people)["customer_id"] if i % 4 else None,
            "interaction_id": draw.choice(contacts)["interaction_id"],
            "opened_at": _moment(_day(draw), draw.randrange(24)),
        }
        for i in range(500)
    ]


def calls(draw: random.Random, contacts: Rows) -> Rows:
    return [{"call_id": f"K{i}", "interaction_id": contact["interaction_id"]} for i, contact in enumerate(draw.sample(contacts, 700))]


def referrals(draw: random.Random, people: Rows) -> Rows:
    """Mostly real ones, with second parents, self-referrals, unknown customers and referrers who came later."""
    by_day = sorted(people, key=lambda person: (person["joined_on"], person["customer_id"]))
    rows: Rows = []
    for i in range(200):
        later = draw.randrange(1, len(by_day))
        parent, child = by_day[draw.randrange(later)], by_day[later]
        if i % 20 == 0:
            parent, child = child, parent
        referrer, referred = parent["customer_id"], child["customer_id"]
        if i % 23 == 1:
            referred = referrer
        if i % 29 == 2:
            referrer = f"X{i}"
        if i % 31 == 3:
            referred = None
        rows.append(
            {
                "referral_id": f"F{i:03}",
                "referrer_customer_id": referrer,
                "referred_customer_id": referred,
                "referred_on": _day(draw),
                "converted_on": child["joined_on"] if referred else None,
            }
        )
    return rows


def company(seed: int = 1) -> dict[str, Rows]:
    """Every entity of the small company; the same seed gives the same rows."""
    draw = random.Random(seed)
    people = customers(draw)
    contacts = interactions(draw, people)
    return {
        "customers": people,
        "org_units": org_units(),
        "interactions": contacts,
        "survey_responses": survey_responses(draw, people),
        "revenue": revenue(draw, people),
        "service_costs": service_costs(draw, people, contacts),
        "acquisition_costs": acquisition_costs(draw, people),
        "category_spend": category_spend(draw, people),
        "complaints": complaints(draw, people, contacts),
        "calls": calls(draw, contacts),
        "referrals": referrals(draw, people),
    }
