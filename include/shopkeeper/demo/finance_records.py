"""The ledger's tables: booking days without a time, amounts in the customer's currency."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopkeeper.demo.columns import days, evening, ids, labels, moments, money, person_ids, table
from shopkeeper.demo.config import DAY, Array, day_number
from shopkeeper.demo.faults import BAD_DAYS, LATE_DAYS, Tally, chosen
from shopkeeper.demo.organisation import PRODUCTS
from shopkeeper.demo.population import ACQUISITION, BROKER, REFERRAL, SWISS
from shopkeeper.demo.simulation import Part, Simulation
from shopkeeper.demo.value import COMPLAINT_COST, service_cents

BROKER_COMMISSION, REFERRAL_BONUS = (80, 121), 40  # euros
CHANNEL_COST = {"advertising": 110, "comparison site": 85, "branch": 60}  # euros per customer won
WALLET_SHARE = 0.6


def part_tables(simulation: Simulation, part: Part, tally: Tally) -> Iterator[tuple[str, pa.Table]]:
    yield "ledger.posting", _postings(simulation, part, tally)
    yield "ledger.service_charge", _service_charges(part)
    yield "ledger.acquisition", _acquisition(simulation, part)
    yield "ledger.wallet_survey", _wallet(simulation, part)


def _postings(simulation: Simulation, part: Part, tally: Tally) -> pa.Table:
    postings, config = part.postings, simulation.config
    count = len(postings)
    is_old = evening(postings.day) < (config.end_day - LATE_DAYS - 1) * DAY
    faulty = chosen(config, "revenue", part.number, rows=count, answers=part.answers, may_be={"late": is_old}, tally=tally)
    late = np.zeros(count, int)
    late[faulty["late"]] = LATE_DAYS
    true = table(
        posting_no=ids("P", np.arange(count), part.number),
        debtor_no=person_ids(postings.customer, part.customers.first_number),
        booking_day=days(postings.day).cast(pa.string()),
        amount=money(postings.cents),
        direct_cost=money(postings.cost_cents),
        # the ledger leaves the company's own currency out
        currency=labels((part.customers.country[postings.customer] == SWISS).astype(int), (None, "CHF")),
        article_no=labels(postings.product, [product[0] for product in PRODUCTS]),
        event_no=ids("V", postings.event, part.number),
        changed_at=moments(evening(postings.day + late)),
    )
    bad = true.take(pa.array(faulty["bad_date"]))
    bad = _renumbered(bad, "D").set_column(
        2, "booking_day", pa.array([BAD_DAYS[i % len(BAD_DAYS)] for i in range(bad.num_rows)], pa.string())
    )
    blank = _renumbered(true.take(pa.array(faulty["id_with_blank"])), "D X")
    # the same posting once more, as it stood before its cost was known
    older = true.take(pa.array(faulty["duplicate_key"]))
    older = older.set_column(4, "direct_cost", pa.nulls(older.num_rows, pa.float64()))
    older = older.set_column(8, "changed_at", moments(evening(postings.day[faulty["duplicate_key"]]) - 3600))
    return pa.concat_tables([true, bad, blank, older])


def _renumbered(rows: pa.Table, suffix: str) -> pa.Table:
    return rows.set_column(0, "posting_no", pc.binary_join_element_wise(rows["posting_no"], suffix, ""))


def _service_charges(part: Part) -> pa.Table:
    events, complaints = part.events, part.complaints
    cents = service_cents(events)
    rows = np.flatnonzero(cents > 0)
    customer = np.concatenate([events.customer[rows], complaints.customer])
    day = np.concatenate([events.occurred[rows], complaints.opened]) // DAY
    order = np.argsort(day, kind="stable")
    number = np.arange(len(order))
    return table(
        charge_no=ids("S", number, part.number),
        debtor_no=person_ids(customer[order], part.customers.first_number),
        event_no=ids("V", np.concatenate([rows, complaints.event])[order], part.number),
        booking_day=days(day[order]),
        amount=money(np.concatenate([cents[rows], np.full(len(complaints), 100 * COMPLAINT_COST)])[order]),
        changed_at=moments(evening(day[order])),
    )


def _acquisition(simulation: Simulation, part: Part) -> pa.Table:
    """Commissions and bonuses per customer; advertising, comparison sites and branches per month."""
    config, customers = simulation.config, part.customers
    random = config.stream("acquisition", part.number)
    is_new = customers.joined_day >= config.start_day
    paid = np.flatnonzero(is_new & np.isin(customers.channel, (BROKER, REFERRAL)))
    euros = np.where(customers.channel[paid] == BROKER, random.integers(*BROKER_COMMISSION, len(paid)), REFERRAL_BONUS)
    own = table(
        entry_no=ids("Q", np.arange(len(paid)), part.number),
        debtor_no=person_ids(paid, customers.first_number),
        channel=pa.nulls(len(paid), pa.string()),
        from_day=days(customers.joined_day[paid]),
        to_day=days(customers.joined_day[paid]),
        amount=money(euros * 100),
        changed_at=moments(evening(customers.joined_day[paid])),
    )
    month_starts = np.array([day_number(first) for first in _months(config.starts_on, config.months + 1)])
    month_ends = np.minimum(month_starts[1:], config.end_day) - 1
    month = np.searchsorted(month_starts, customers.joined_day, side="right") - 1
    blocks = [own]
    for place, (channel, cost) in enumerate(CHANNEL_COST.items()):
        chosen_ones = is_new & (customers.channel == ACQUISITION.index(channel))
        won = np.bincount(month[chosen_ones], minlength=config.months)
        cents = np.rint(won * cost * random.uniform(0.8, 1.2, config.months) * 100).astype(int)
        blocks.append(
            table(
                entry_no=ids("Q", len(paid) + place * config.months + np.arange(config.months), part.number),
                debtor_no=pa.nulls(config.months, pa.string()),
                channel=pa.array([channel] * config.months),
                from_day=days(month_starts[:-1]),
                to_day=days(month_ends),
                amount=money(cents),
                changed_at=moments(evening(month_ends)),
            )
        )
    return pa.concat_tables(blocks)


def _months(first: date, count: int) -> list[date]:
    start = first.year * 12 + first.month - 1
    return [date(month // 12, month % 12 + 1, 1) for month in range(start, start + count)]


def _wallet(simulation: Simulation, part: Part) -> pa.Table:
    """What some customers say they spend on insurance with everyone, per calendar year."""
    config, customers = simulation.config, part.customers
    random = config.stream("wallet", part.number)
    share = random.beta(5, 3, len(customers))
    tells = random.random(len(customers)) < WALLET_SHARE
    blocks: list[tuple[Array, int]] = []
    for year in range(config.starts_on.year, config.ends_on.year):
        middle = day_number(date(year, 7, 1))
        blocks.append((np.flatnonzero(tells & (customers.joined_day <= middle) & (customers.left_day > middle)), year))
    who = np.concatenate([rows for rows, _ in blocks])
    starts = np.concatenate([np.full(len(rows), day_number(date(year, 1, 1))) for rows, year in blocks])
    ends = np.concatenate([np.full(len(rows), day_number(date(year, 12, 31))) for rows, year in blocks])
    spent = np.rint(part.contracts.annual[who] / share[who] * random.uniform(0.95, 1.05, len(who)) * 100).astype(int)
    return table(
        debtor_no=person_ids(who, customers.first_number),
        from_day=days(starts),
        to_day=days(ends),
        spend_with_all=money(spent),
        changed_at=moments(np.minimum(evening(ends + 31), config.end_day * DAY - 3600)),
    )
