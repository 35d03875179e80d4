"""The CRM's tables: its own names, its own codes, naive local times."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopkeeper.demo import population, telling, words
from shopkeeper.demo.attitude import OFFERS
from shopkeeper.demo.columns import days, ids, labels, moments, numbers, only_where, person_ids, table
from shopkeeper.demo.config import DAY, NEVER, NEVER_DAY, Array, date_of
from shopkeeper.demo.faults import Tally, chosen
from shopkeeper.demo.organisation import (
    BRANCHES,
    CITIES,
    COMPANY_CODE,
    FOUNDED,
    PRODUCTS,
    REGIONS,
    TEAMS,
    TEAMS_PER_BRANCH,
    Organisation,
    branch_code,
    region_code,
    region_of,
    team_code,
)
from shopkeeper.demo.population import CALL, FAILED_EDGES, PURCHASE, WEB
from shopkeeper.demo.referrals import Referrals
from shopkeeper.demo.simulation import Part, Simulation

SEGMENT_CODES = ("P", "F", "G")
COMPANY_NAME = "Brunnenhof Insurance"


def staff_code(employee: int) -> str:
    return f"E{employee + 1:04d}"


def common_tables(simulation: Simulation) -> Iterator[tuple[str, pa.Table]]:
    """Tables about the company itself."""
    yield "crm.segment", table(code=SEGMENT_CODES, title=population.SEGMENTS)
    yield "crm.article", pa.table(dict(zip(("article_no", "title", "family"), zip(*PRODUCTS, strict=True), strict=True)))
    yield "crm.unit", _units(simulation.organisation)
    postings = simulation.organisation.postings
    yield (
        "crm.staff_post",
        table(
            staff_no=[staff_code(p.employee) for p in postings],
            from_date=[date_of(p.from_day) for p in postings],
            unit_code=[p.unit for p in postings],
            superior_no=[None if p.manager is None else staff_code(p.manager) for p in postings],
            post=[p.role for p in postings],
            mail=[f"{staff_code(p.employee).lower()}@brunnenhof.example" for p in postings],
        ),
    )


def _units(organisation: Organisation) -> pa.Table:
    rows: list[tuple[str, str, str | None, str, str]] = [(COMPANY_CODE, FOUNDED, None, "C", COMPANY_NAME)]
    rows += [(region_code(r), FOUNDED, COMPANY_CODE, "R", f"Region {name}") for r, name in enumerate(REGIONS)]
    rows += [(branch_code(b), FOUNDED, region_code(int(region_of(np.array(b)))), "B", f"Branch {CITIES[b]}") for b in range(BRANCHES)]
    for team in range(TEAMS):
        branch, moves_on = int(organisation.team_branch[team]), int(organisation.team_moves_on[team])
        title = f"Team {CITIES[branch]} {team % TEAMS_PER_BRANCH + 1}"
        rows.append((team_code(team), FOUNDED, branch_code(branch), "T", title))
        if moves_on < NEVER_DAY:
            rows.append(
                (team_code(team), date_of(moves_on).isoformat(), branch_code(int(organisation.team_branch_later[team])), "T", title)
            )
    return pa.table(dict(zip(("unit_code", "from_date", "belongs_to", "level", "title"), zip(*rows, strict=True), strict=True)))


def part_tables(simulation: Simulation, part: Part, tally: Tally) -> Iterator[tuple[str, pa.Table]]:
    """Tables about one part of the customers."""
    yield "crm.person", _persons(simulation, part)
    yield "crm.company", _companies(simulation, part)
    yield "crm.contact_event", _events(simulation, part, tally)
    yield "crm.call_record", _calls(simulation, part)
    yield "crm.grievance", _grievances(part)
    yield "crm.proposal", _proposals(part)
    yield "crm.recommendation", _recommendations(part)


def _persons(simulation: Simulation, part: Part) -> pa.Table:
    customers, config = part.customers, simulation.config
    count = len(customers)
    random, first, last = telling.names(config, part.number, count)
    first_name, last_name = labels(first, words.FIRST_NAMES), labels(last, words.LAST_NAMES)
    number = pa.array(np.arange(count) + customers.first_number).cast(pa.string())
    local_part = pc.binary_join_element_wise(pc.utf8_lower(first_name), pc.utf8_lower(last_name), number, ".")
    post = config.stream("company posts", part.number).choice(len(population.CONTACT_ROLES), count, p=population.CONTACT_ROLE_SHARES)
    phone = pc.binary_join_element_wise("+49 30 23125 ", pa.array(random.integers(100, 1000, count)).cast(pa.string()), "")
    options = [words.HEARD_FROM[channel] for channel in population.ACQUISITION]
    heard = tuple(text for choices in options for text in choices)
    offset = np.cumsum([0, *map(len, options)])
    which = offset[customers.channel] + (random.random(count) * np.array([len(o) for o in options])[customers.channel]).astype(int)
    has_left = customers.left_day < NEVER_DAY
    changed = np.where(has_left, customers.left_day, np.maximum(customers.joined_day, config.start_day)) * DAY + random.integers(
        8 * 3600, 20 * 3600, count
    )
    return table(
        person_no=person_ids(np.arange(count), customers.first_number),
        company_no=ids("K", customers.account, part.number),
        company_post=only_where(labels(post, population.CONTACT_ROLES), customers.account >= 0),
        first_name=first_name,
        last_name=last_name,
        mail=only_where(pc.binary_join_element_wise(local_part, "example.org", "@"), customers.has_email),
        phone_no=only_where(phone, customers.has_phone),
        lang=labels(customers.locale, population.LOCALES),
        segment_code=labels(customers.segment, SEGMENT_CODES),
        sales_region=labels(customers.region, REGIONS),
        country_code=labels(customers.country, population.COUNTRIES),
        customer_since=days(customers.joined_day),
        won_through=labels(customers.channel, population.ACQUISITION),
        first_heard=only_where(labels(which, heard), random.random(count) < 0.8),
        state=labels(has_left.astype(int), ("active", "left")),
        refuses_surveys=pa.array(customers.opted_out),
        block_reason=only_where(labels(random.integers(0, len(words.BLOCKED), count), words.BLOCKED), customers.do_not_contact),
        works_here=pa.array(customers.is_staff),
        newsletter=pa.array(random.random(count) < 0.4),
        changed_at=moments(changed),
    )


def _companies(simulation: Simulation, part: Part) -> pa.Table:
    random = simulation.config.stream("companies", part.number)
    account, first = np.unique(part.customers.account, return_index=True)
    account, first = account[account >= 0], first[account >= 0]
    count = len(account)
    kind = random.integers(0, len(words.COMPANY_KINDS), count)
    title = pc.binary_join_element_wise(
        labels(random.integers(0, len(words.COMPANY_STEMS), count), words.COMPANY_STEMS), labels(kind, words.COMPANY_KINDS), " "
    )
    owner = simulation.organisation.employee_at(
        part.customers.team[first], np.zeros(count, int), np.full(count, simulation.config.end_day - 1)
    )
    return table(
        company_no=ids("K", account, part.number),
        title=title,
        trade=labels(kind, words.TRADES),
        key_account_no=_staff(owner),
        changed_at=moments(np.full(count, simulation.config.start_day * DAY + 9 * 3600)),
    )


def _staff(employee: Array) -> pa.Array:
    return ids("E", np.where(employee < 0, -1, employee + 1), width=4)


def _events(simulation: Simulation, part: Part, tally: Tally) -> pa.Table:
    events, config = part.events, simulation.config
    count = len(events)
    employee = simulation.organisation.employee_at(events.team, events.slot, events.occurred // DAY)
    # nobody serves what is done on the web or in the app, except claims
    alone = (events.channel >= WEB) & (events.kind != population.CLAIM)
    true = table(
        event_no=ids("V", np.arange(count), part.number),
        person_no=person_ids(events.customer, part.customers.first_number),
        started_at=moments(events.occurred),
        settled_at=moments(events.resolved),
        medium=labels(events.channel, population.CHANNELS),
        kind=labels(events.kind, population.KINDS),
        result=labels(events.outcome, population.OUTCOMES),
        article_no=labels(events.product, [product[0] for product in PRODUCTS]),
        staff_no=_staff(np.where(alone, -1, employee)),
        unit_code=only_where(ids("T", events.team + 1, width=3), ~alone | (events.kind != PURCHASE)),
        wait_minutes=numbers(events.wait_minutes),
        transfers=only_where(pa.array(events.transfers), events.kind == CALL),
        changed_at=moments(np.where(events.resolved < NEVER, events.resolved, events.occurred)),
        damage=_damage(simulation, part),
    )
    settled_later = (events.resolved < NEVER) & (events.resolved > events.occurred)
    faulty = chosen(
        config, "interactions", part.number, rows=count, answers=part.answers, may_be={"duplicate_key": settled_later}, tally=tally
    )
    blank = true.take(pa.array(faulty["id_with_blank"]))
    blank = blank.set_column(0, "event_no", pc.replace_substring(pc.binary_join_element_wise(blank["event_no"], "X", ""), "V", "V "))
    # the same number once more, as it stood before it was settled
    older = true.take(pa.array(faulty["duplicate_key"]))
    older = older.set_column(3, "settled_at", pa.nulls(older.num_rows, pa.timestamp("s"))).set_column(12, "changed_at", older["started_at"])
    return pa.concat_tables([true, blank, older])


def _damage(simulation: Simulation, part: Part) -> pa.Array:
    """What each claim is about, by the contract that it is under; it changes nothing else."""
    events = part.events
    types = population.CLAIM_TYPES
    random = simulation.config.stream("claim types", part.number)
    drawn = random.choice(len(population.CLAIM_TYPE_SHARES), len(events), p=population.CLAIM_TYPE_SHARES)
    named = tuple(name for of_contract in types for name in of_contract)
    return only_where(labels(np.minimum(events.product, len(types) - 1) * len(types[0]) + drawn, named), events.kind == population.CLAIM)


def _calls(simulation: Simulation, part: Part) -> pa.Table:
    events = part.events
    rows = np.flatnonzero(events.kind == CALL)
    random = simulation.config.stream("calls", part.number)
    topic = labels(random.integers(0, len(words.TOPICS), len(rows)), words.TOPICS)
    second = only_where(labels(random.integers(0, len(words.TOPICS), len(rows)), words.TOPICS), events.failed[rows] >= FAILED_EDGES[1])
    return table(
        call_no=ids("A", rows, part.number),
        event_no=ids("V", rows, part.number),
        sentiment=pa.array(events.sentiment[rows]),
        failure_score=pa.array(events.failed[rows]),
        topics=pc.binary_join_element_wise(topic, second, ",", null_handling="skip"),
        recording=pc.binary_join_element_wise("https://recordings.brunnenhof.example/", ids("A", rows, part.number), ""),
        changed_at=moments(events.occurred[rows] // DAY * DAY + 21 * 3600),
    )


def _grievances(part: Part) -> pa.Table:
    complaints = part.complaints
    return table(
        grievance_no=ids("G", np.arange(len(complaints)), part.number),
        person_no=person_ids(complaints.customer, part.customers.first_number),
        event_no=ids("V", complaints.event, part.number),
        raised_at=moments(complaints.opened),
        settled_at=moments(complaints.resolved),
        area=labels(complaints.category, population.COMPLAINT_CATEGORIES),
        changed_at=moments(np.where(complaints.resolved < NEVER, complaints.resolved, complaints.opened)),
    )


def _proposals(part: Part) -> pa.Table:
    offers = part.offers
    accepted = np.where(offers.is_accepted, offers.presented + 600, NEVER)
    return table(
        proposal_no=ids("O", np.arange(len(offers.event)), part.number),
        event_no=ids("V", offers.event, part.number),
        person_no=person_ids(part.events.customer[offers.event], part.customers.first_number),
        proposal_type=labels(offers.kind, OFFERS),
        made_at=moments(offers.presented),
        accepted_at=moments(accepted),
        changed_at=moments(np.where(offers.is_accepted, accepted, offers.presented)),
    )


def _recommendations(part: Part) -> pa.Table:
    edges: Referrals = part.referrals
    came = np.where(edges.converted_day < NEVER_DAY, edges.converted_day, edges.referred_day)
    return table(
        recommendation_no=ids("W", np.arange(len(edges)), part.number),
        recommender_no=person_ids(edges.parent, part.customers.first_number),
        newcomer_no=person_ids(edges.child, part.customers.first_number),
        recommended_on=days(edges.referred_day),
        came_on=days(edges.converted_day),
        anyway=pa.array(edges.anyway == 1, mask=edges.anyway < 0),
        changed_at=moments(came * DAY + 19 * 3600),
    )
