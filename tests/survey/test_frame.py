"""Who is turned away, why, and when the others are asked."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.survey.conftest import MakeProgrammes
from tests.survey.people import customer, customers, interaction, put

from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.programmes import SendWindow
from shopkeeper.survey import ledger
from shopkeeper.survey.sampling import draw
from shopkeeper.survey.windows import opens_and_closes

MONDAY = datetime(2026, 1, 5, 1, tzinfo=UTC)


def rows(engine: sa.Engine, query: str, **binds: Any) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(sa.text(query), binds).all())


def reasons(engine: sa.Engine) -> dict[str, str | None]:
    return dict(rows(engine, "select customer_id, reason from quality.wave_frames"))


BLOCK = """
    insert into pii.contact_blocks (kind, customer_id, address_hash, blocked_by, blocked_at, lifted_at)
    values ('hard_bounce', 'blocked', null, 'x', now(), null),
        ('complaint', null, encode(sha256('hash@x.example'), 'hex'), 'x', now(), null),
        ('soft_bounces', 'lifted', null, 'x', now(), now())
"""


def test_everyone_who_may_not_be_asked_is_kept_with_the_first_reason(warehouse: sa.Engine, make_programmes: MakeProgrammes) -> None:
    # Each of these, asked all the same, is a bounce, a complaint or a broken promise; dropped without a word, a hole in the score.
    expected = {
        "fine": None,
        "lifted": None,
        "umlaut": None,
        "lapsed": "not_eligible",
        "unknown": "not_eligible",
        "new": "not_eligible",
        "staff": "staff",
        "opted": "opted_out",
        "never": "do_not_contact",
        "blocked": "blocked",
        "hash": "blocked",
        "none": "no_email",
        "bad": "malformed_email",
        "header": "malformed_email",
        "two": "malformed_email",
    }
    otherwise: dict[str, dict[str, Any]] = {
        "umlaut": {"email": "jörg@köln.example"},
        "lapsed": {"status": "lapsed", "email": None},
        "unknown": {"status": None},
        "new": {"joined_on": date(2025, 12, 20)},
        "staff": {"is_staff": True, "opted_out": True},
        "opted": {"opted_out": True},
        "never": {"do_not_contact": "asked by letter"},
        "hash": {"email": "Hash@X.example"},
        "none": {"email": None},
        "bad": {"email": "erna@berg"},
        "header": {"email": "erna@berg.example\nBcc: all@berg.example"},
        "two": {"email": "erna@berg.example,karl@berg.example"},
    }
    put(warehouse, "customers", [customer(one, **otherwise.get(one, {})) for one in expected])
    gone = customer("erased")
    put(warehouse, "customers", [gone])
    put(warehouse, "customers", [gone], deleted=True)
    with warehouse.begin() as connection:
        connection.execute(sa.text(BLOCK))
    rule = "customer.status == 'active' and customer.tenure_days >= 30"
    (wave,) = draw(warehouse, make_programmes(relationship={"eligibility": rule}), as_of=MONDAY, now=MONDAY).waves
    assert reasons(warehouse) == expected
    assert (wave.candidates, wave.turned_away, wave.drawn) == (15, 12, 3)


def test_a_record_that_was_merged_away_is_nobody(warehouse: sa.Engine, make_programmes: MakeProgrammes) -> None:
    # One person asked twice under two numbers, or asked again after saying no under the other one, notices.
    merges = {"A": "B", "B": "C", "D": "nobody", "E": "F", "F": "E", "G": "E", "H": "I", "J": "K"}
    people = [customer(one, merged_into=merges.get(one)) for one in "ABCDEFGHIJK"]
    put(warehouse, "customers", people)
    put(warehouse, "customers", [people[0]], deleted=True)  # a deletion undoes no merge
    sent = {"A": 3, "H": 25, "G": 3}
    history = [
        {"invitation_id": f"V{one}", "customer_id": one, "programme": "nps", "sent_at": MONDAY - timedelta(days=days)}
        for one, days in sent.items()
    ]
    put(warehouse, "survey_invitations", history)
    put(warehouse, "interactions", [interaction("I1", "J", MONDAY - timedelta(days=1)), interaction("I2", "A", MONDAY - timedelta(days=1))])
    with warehouse.begin() as connection:
        connection.execute(
            sa.text("insert into pii.contact_blocks (kind, customer_id, blocked_by, blocked_at) values ('complaint', 'J', 'x', now())")
        )
    claims = {"kind": "transactional", "after": {"wait_hours": 2, "too_old_days": 30}}
    folder = make_programmes(nps={"quarantine_days": 20}, claims=claims)
    draw(warehouse, folder, as_of=MONDAY, now=MONDAY, programmes=["nps"])
    assert reasons(warehouse) == {
        **dict.fromkeys("BGHJ", "merged"),
        "C": "quarantine_programme",  # A was asked
        "D": None,  # merged into a customer whom nobody knows
        "E": "quarantine_programme",  # G was asked; a ring holds nobody back
        "F": None,
        "I": None,
        "K": "blocked",  # J complained
    }
    draw(warehouse, folder, as_of=MONDAY, now=MONDAY, programmes=["claims"])
    about = "select customer_id, reason from quality.wave_frames where interaction_id is not null"
    assert dict(rows(warehouse, about)) == {"K": "blocked", "C": "quarantine_any"}, "what happened to a merged record happened to the other"


def test_two_customers_with_one_address_get_one_survey_between_them(warehouse: sa.Engine, make_programmes: MakeProgrammes) -> None:
    # Nor may the second be asked by the next programme the day after the first was: it is one person, or at least one inbox.
    put(warehouse, "customers", [customer("C1", email="both@x.example"), customer("C2", email="Both@x.example"), customer("C3")])
    folder = make_programmes(first={}, second={}, quarantine={"any_programme_days": 30})
    draw(warehouse, folder, as_of=MONDAY, now=MONDAY, programmes=["first"])
    found = reasons(warehouse)
    assert sorted(filter(None, found.values())) == ["shared_address"]
    assert dict(rows(warehouse, "select customer_id, design_weight from ops.invitations")) in ({"C1": 2, "C3": 1}, {"C2": 2, "C3": 1})
    draw(warehouse, folder, as_of=MONDAY + timedelta(days=1), now=MONDAY, programmes=["second"])
    assert rows(warehouse, "select count(*) from ops.invitations") == [(2,)]


# --- when -------------------------------------------------------------------------------------------------------------

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Tokyo", "Pacific/Kiritimati", "America/St_Johns", "Mars/Olympus", None)


@pytest.mark.parametrize("as_of", ["2026-03-26 23:30", "2026-10-22 11:00", "2026-01-05 01:00"])
def test_invitations_are_due_in_the_window_on_the_customers_own_clock(
    warehouse: sa.Engine, make_programmes: MakeProgrammes, as_of: str
) -> None:
    # The clocks change on 29 March and 25 October. An e-mail at three in the morning looks like fraud, and is never read.
    moment = datetime.fromisoformat(as_of).replace(tzinfo=UTC)
    people = [customer(f"C{n:04}", timezone=ZONES[n % len(ZONES)]) for n in range(700)]
    put(warehouse, "customers", people)
    happened = [interaction(f"I{n}", f"C{n:04}", moment - timedelta(hours=n % 40)) for n in range(350)]
    put(warehouse, "interactions", happened)
    weekend = {"weekdays": ["mon", "tue", "sun"]}
    after = {"kind": "transactional", "after": {"wait_hours": 12}, "window": weekend}
    cadence = {"kind": "relationship", "cadence": {"every_days": 91, "starts_on": moment.date(), "spread_days": 5}, "window": weekend}
    free = {"any_programme_days": 0}
    draw(warehouse, make_programmes(after=after, cadence=cadence, quarantine=free), as_of=moment, now=moment)
    zone = {row["customer_id"]: row["timezone"] if row["timezone"] in ZONES[:5] else "Europe/Berlin" for row in people}
    happened_at = {row["interaction_id"]: row["occurred_at"] for row in happened}
    due = rows(warehouse, "select customer_id, interaction_id, due_at, expires_at from ops.invitations")
    assert len(due) == 1050
    for customer_id, interaction_id, due_at, expires_at in due:
        local = due_at.astimezone(ZoneInfo(zone[customer_id]))
        assert 5 <= local.hour < 10, local
        assert local.strftime("%a") in ("Mon", "Tue", "Sun"), local
        assert due_at >= moment
        assert expires_at - due_at == timedelta(days=30)
        if interaction_id:
            assert due_at >= happened_at[interaction_id] + timedelta(hours=12)
    # Evenly: no hour of the window has much more than a fifth of the wave.
    hours = Counter(due_at.astimezone(ZoneInfo(zone[one])).hour for one, about, due_at, _ in due if about is None)
    assert max(hours.values()) < 0.3 * 700


@given(
    st.sampled_from(["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Tokyo"]),
    st.dates(date(2026, 1, 1), date(2026, 12, 31)),
    st.lists(st.times().map(lambda moment: moment.replace(second=0, microsecond=0)), min_size=2, max_size=2, unique=True),
)
@example("Europe/Berlin", date(2026, 3, 29), [time(1, 30), time(2, 30)])
@example("Europe/Berlin", date(2026, 3, 29), [time(2), time(3)])
@example("Europe/Berlin", date(2026, 10, 25), [time(2, 30), time(4)])
@example("Europe/Berlin", date(2026, 10, 25), [time(2, 10), time(2, 50)])
def test_between_opening_and_closing_the_local_clock_never_leaves_the_window(zone: str, day: date, clocks: list[time]) -> None:
    window = SendWindow(starts=min(clocks), ends=max(clocks))
    opens, closes = opens_and_closes(window, day, ZoneInfo(zone))
    for part in range(20):
        local = (opens + (closes - opens) * part / 20).astimezone(ZoneInfo(zone))
        assert opens == closes or (local.date() == day and window.starts <= local.time() < window.ends)


def test_after_a_call_the_survey_is_due_at_once(warehouse: sa.Engine, make_programmes: MakeProgrammes) -> None:
    put(warehouse, "customers", customers(1))
    put(warehouse, "interactions", [interaction("I1", "C000001", MONDAY - timedelta(minutes=3))])
    ivr = {"kind": "post_call", "after": {"moment": "occurred_at"}, "provider": "phones", "channel": "ivr"}
    folder = make_programmes(calls=ivr, providers={"phones": {"kind": "ivr", "out_path": "out"}})
    draw(warehouse, folder, as_of=MONDAY, now=MONDAY)
    assert rows(warehouse, "select due_at, channel, provider from ops.invitations") == [(MONDAY, "ivr", "phones")]


# --- left alone -------------------------------------------------------------------------------------------------------

QUARANTINE = {"any_programme_days": 7, "after_decline_days": 10}
OWN_DAYS = {"slow": 20, "quick": 5, "claims": 12}


def company(make_programmes: MakeProgrammes) -> CompanyFolder:
    def cadence(days: int, own: int) -> dict[str, Any]:
        rhythm = {"every_days": days, "starts_on": "2026-01-05", "spread_days": min(days, 3)}
        return {"kind": "relationship", "cadence": rhythm, "quarantine_days": own, "sampling": {"take": "fraction", "fraction": 0.6}}

    claims = {"kind": "transactional", "after": {"wait_hours": 20, "too_old_days": 30}, "quarantine_days": OWN_DAYS["claims"]}
    return make_programmes(quarantine=QUARANTINE, slow=cadence(10, OWN_DAYS["slow"]), quick=cadence(4, OWN_DAYS["quick"]), claims=claims)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(["slow", "quick", "claims"]), st.integers(0, 40), st.booleans()),
        min_size=4,
        max_size=9,
    )
)
@example([("claims", 20, False), ("quick", 16, False), ("slow", 13, False)])  # for an earlier moment after a later one
@example([("slow", 0, False), ("claims", 28, False), ("claims", 29, False)])  # the neighbour had no interaction in the second wave
def test_no_two_invitations_are_closer_than_the_quarantine(
    warehouse: sa.Engine, make_programmes: MakeProgrammes, runs: list[tuple[str, int, bool]]
) -> None:
    """In whatever order programmes run, are run again, or are run for an earlier moment after a later one."""
    with warehouse.begin() as connection:
        tables = "ops.waves, quality.wave_frames, ops.invitations, ops.send_queue, ops.invitation_events, raw.customers, pii.customers"
        connection.execute(sa.text(f"truncate {tables}, raw.interactions, raw.survey_invitations, ops.batches"))
    put(warehouse, "customers", [customer(f"C{n:02}", email=f"c{n % 20}@x.example") for n in range(24)])
    happened = [interaction(f"I{n:03}", f"C{n % 24:02}", MONDAY + timedelta(hours=7 * n)) for n in range(120)]
    put(warehouse, "interactions", happened)
    history = [{"invitation_id": "H1", "customer_id": "C05", "programme": "slow", "sent_at": MONDAY + timedelta(days=3)}]
    put(warehouse, "survey_invitations", history)
    folder = company(make_programmes)
    for name, day, is_unsent in runs:
        as_of = MONDAY + timedelta(days=day)
        draw(warehouse, folder, as_of=as_of, now=as_of, programmes=[name])
        with warehouse.begin() as connection:
            for (one,) in connection.execute(sa.text("select invitation_id from ops.invitations where due_at < :as_of"), {"as_of": as_of}):
                if is_unsent:
                    ledger.record(connection, one, "not_sent", message="invitation", reason="expired", occurred_at=as_of)
    sends = rows(
        warehouse,
        """
        select customer_id, programme, due_at from ops.invitations
        where invitation_id not in (select invitation_id from ops.invitation_events where event = 'not_sent')
        union all select customer_id, programme, sent_at from raw.survey_invitations
        """,
    )
    by_address: dict[int, list[tuple[str, datetime]]] = {}
    for one, programme, at in sends:
        by_address.setdefault(int(one[1:]) % 20, []).append((programme, at))
    for together in by_address.values():
        for (programme, at), (other, other_at) in itertools.combinations(together, 2):
            days = OWN_DAYS[programme] if programme == other else QUARANTINE["any_programme_days"]
            assert abs(at - other_at) >= timedelta(days=days), (programme, at, other, other_at)


def test_nobody_is_starved_by_having_been_a_candidate(warehouse: sa.Engine, make_programmes: MakeProgrammes) -> None:
    # Were candidates put in quarantine, a customer who was never drawn would never be asked in his life.
    put(warehouse, "customers", customers(60))
    sampling = {"take": "fraction", "fraction": 0.3}
    rhythm = {"kind": "relationship", "cadence": {"every_days": 5, "starts_on": "2026-01-05"}, "quarantine_days": 12, "sampling": sampling}
    folder = make_programmes(often=rhythm)
    for wave in range(24):
        as_of = MONDAY + timedelta(days=5 * wave)
        draw(warehouse, folder, as_of=as_of, now=as_of)
    assert rows(warehouse, "select count(distinct customer_id) from ops.invitations") == [(60,)]
    assert {reason for _, reason in rows(warehouse, "select customer_id, reason from quality.wave_frames")} == {
        None,
        "quarantine_programme",
    }


def test_who_declined_and_what_was_never_sent_count_as_they_should(warehouse: sa.Engine, make_programmes: MakeProgrammes) -> None:
    put(warehouse, "customers", customers(4))
    folder = make_programmes(
        quarantine={"any_programme_days": 5, "after_decline_days": 60},
        first={},
        second={"kind": "relationship", "cadence": {"every_days": 1, "starts_on": "2026-01-05"}},
    )
    draw(warehouse, folder, as_of=MONDAY, now=MONDAY, programmes=["first"])
    ids = dict(rows(warehouse, "select customer_id, invitation_id from ops.invitations"))
    with warehouse.begin() as connection:
        events = [
            ("C000001", "sent", MONDAY + timedelta(days=20)),  # a pause held it up
            ("C000002", "not_sent", MONDAY),
            ("C000003", "sent", MONDAY),
            ("C000003", "declined", MONDAY + timedelta(days=2)),
            ("C000004", "sent", MONDAY),
        ]
        for one, event, at in events:
            ledger.record(connection, ids[one], event, message="invitation" if event != "declined" else None, occurred_at=at)
    later = MONDAY + timedelta(days=21)
    draw(warehouse, folder, as_of=later, now=later, programmes=["second"])
    second = dict(
        rows(
            warehouse, "select customer_id, reason from quality.wave_frames inner join ops.waves using (wave_id) where programme = 'second'"
        )
    )
    assert second == {"C000001": "quarantine_any", "C000002": None, "C000003": "after_decline", "C000004": None}
