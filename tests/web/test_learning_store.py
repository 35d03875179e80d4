"""Who reads and writes what of coaching, huddles and disputes: as Postgres decides it, whatever a page may ask for."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.web import learning_world
from tests.web.learning_world import PEOPLE, answered

from shopkeeper.closed_loop import answers, coaching, disputes, huddles
from shopkeeper.closed_loop.huddles import Unit
from shopkeeper.errors import ShopkeeperError
from shopkeeper.warehouse import roles
from shopkeeper.warehouse.embedded import Server
from shopkeeper.warehouse.engine import engine as make_engine
from shopkeeper.web.desk.access import Access

NOW = datetime(2026, 3, 12, 10, tzinfo=UTC)  # a Thursday
WEEK = date(2026, 3, 9)
ZONE = ZoneInfo("Europe/Berlin")
T1 = Unit("T1", "/HQ/B1/T1/")
_numbers = itertools.count()


@pytest.fixture(scope="module")
def warehouse_of_teams(server: Server) -> Iterator[sa.Engine]:
    """One that the tests of this file share: each has answers of its own."""
    name = "learning_store"
    server.create_database(name, template="migrated")
    engine = make_engine(server.url(name))
    learning_world.settle(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def access(warehouse_of_teams: sa.Engine) -> Access:
    password = roles.create_login(warehouse_of_teams, "desk_of_learning", "desk")
    url = warehouse_of_teams.url.set(username="desk_of_learning", password=password)
    return Access(url.render_as_string(hide_password=False))


@contextmanager
def refused() -> Iterator[None]:
    """Row-level security says no."""
    with pytest.raises(sa.exc.DBAPIError) as caught:
        yield
    assert isinstance(caught.value.orig, psycopg.errors.InsufficientPrivilege), caught.value


def answer_of(engine: sa.Engine, employee: str, *, days_ago: float = 1, **more: object) -> str:
    return answered(engine, f"{employee}-{next(_numbers)}", employee, NOW - timedelta(days=days_ago), **more)  # type: ignore[arg-type]


def seen_by(access: Access, reader: str, *keys: str) -> dict[str, str | None]:
    """Of these answers, those that the reader may read: key → whose it is, as far as the reader may know."""
    with access.transaction(reader) as connection:
        return {one.response_key: one.employee_id for one in answers.seen(connection, now=NOW, keys=keys)}


def leads(leader: str, employee: str) -> bool:
    return PEOPLE[leader][2] and PEOPLE[employee][0].startswith(PEOPLE[leader][0])


def a_talk(access: Access, recorder: str, employee: str, coach: str, *keys: str, coaching_id: UUID | None = None) -> UUID:
    coaching_id = coaching_id or uuid4()
    with access.transaction(recorder) as connection:
        coaching.record(
            connection, coaching_id, employee_id=employee, coach=coach, answers=keys, will_try="ask what happened", held_at=NOW, now=NOW
        )
    return coaching_id


def test_everybody_reads_the_own_answers_and_those_of_whom_one_leads(warehouse_of_teams: sa.Engine, access: Access) -> None:
    # A customer's words about one employee are not for colleagues, and not for leaders beside.
    keys = {employee: answer_of(warehouse_of_teams, employee) for employee in PEOPLE}
    for reader in PEOPLE:
        expected = {keys[employee] for employee in PEOPLE if employee == reader or leads(reader, employee)}
        assert seen_by(access, reader, *keys.values()).keys() == expected, reader
        with access.transaction(reader) as connection:
            recent = answers.seen(connection, now=NOW, since=NOW - timedelta(days=2))
        assert {one.response_key for one in recent} & set(keys.values()) == expected, reader
    assert seen_by(access, "gone", *keys.values()) == seen_by(access, "nobody", *keys.values()) == {}


def test_what_a_gate_stopped_is_read_and_what_was_withdrawn_is_not(warehouse_of_teams: sa.Engine, access: Access) -> None:
    # The same day means: before somebody has looked into a gate that stopped the marts.
    kept = {status: answer_of(warehouse_of_teams, "ada", status=status) for status in ("landed", "failed", "waived", "withdrawn")}
    assert seen_by(access, "ada", *kept.values()).keys() == {key for status, key in kept.items() if status != "withdrawn"}
    assert answer_of(warehouse_of_teams, "ada", days_ago=-1) not in seen_by(access, "ada"), "time is what the page says it is"


def test_an_answer_may_be_about_what_its_invitation_was_about(warehouse_of_teams: sa.Engine, access: Access) -> None:
    # Providers that invite by themselves tell us the visit with the invitation; such answers must not be nobody's.
    key = answer_of(warehouse_of_teams, "ada")
    with warehouse_of_teams.begin() as connection:
        batch = learning_world.a_batch(connection, "survey_invitations", NOW, "passed")
        connection.execute(
            sa.text(
                """
                insert into raw.survey_invitations (
                    _key, _batch_id, invitation_id, interaction_id, _source, _row_number, _row_hash, _loaded_at
                )
                select
                    ops.stable_id('survey_invitations:them', 'history-1'), :batch, 'history-1', interaction_id, 'them', 1,
                    gen_random_uuid(), _loaded_at
                from raw.survey_responses where _key = cast(:key as uuid)
                """
            ),
            {"batch": batch, "key": key},
        )
        update = "update raw.survey_responses set interaction_id = null, invitation_id = :named where _key = cast(:key as uuid)"
        connection.execute(sa.text(update), {"key": key, "named": "unheard-of"})
    assert seen_by(access, "boss", key) == {}
    with warehouse_of_teams.begin() as connection:
        connection.execute(sa.text(update), {"key": key, "named": "history-1"})
    assert seen_by(access, "ada", key) == {key: "ada"}


def test_a_coaching_is_for_two_and_for_those_above(warehouse_of_teams: sa.Engine, access: Access) -> None:
    # Whoever must fear that colleagues read what he or she finds hard writes nothing down.
    key, other = answer_of(warehouse_of_teams, "ada"), answer_of(warehouse_of_teams, "ada")
    talk = a_talk(access, "ada", "ada", "ben", key)
    for reader in PEOPLE:
        with access.transaction(reader) as connection:
            found = coaching.find(connection, talk)
            listed = [one.coaching_id for one in coaching.visible(connection)]
        is_for = reader in ("ada", "ben", "leader_1", "manager", "boss")
        assert (found is not None, talk in listed) == (is_for, is_for), reader
        if found:
            assert (found.answers, found.will_try, found.result) == ([key], "ask what happened", None)
    # The peer reads the answer that was talked about, and no other of the colleague's.
    assert seen_by(access, "ben", key, other) == {key: "ada"}


def test_a_talk_is_written_down_once_and_its_result_stays(warehouse_of_teams: sa.Engine, access: Access) -> None:
    # A form that is sent twice must not count an answer as discussed twice, nor may hindsight rewrite what came of it.
    key = answer_of(warehouse_of_teams, "ada")
    talk = a_talk(access, "leader_1", "ada", "leader_1", key)
    a_talk(access, "leader_1", "ada", "leader_1", key, coaching_id=talk)
    for reader, result in (("ada", "it helped"), ("leader_1", "it did not")):
        with access.transaction(reader) as connection:
            coaching.add_result(connection, talk, result=result, now=NOW)
    with access.transaction("manager") as connection:
        found = coaching.find(connection, talk)
    assert found is not None
    assert (found.answers, found.result, found.result_at) == ([key], "it helped", NOW)


def test_nobody_writes_down_what_is_not_so(warehouse_of_teams: sa.Engine, access: Access) -> None:
    # Else a stranger's answers could be read, or called discussed, by writing them into a talk of one's own.
    adas, cleos = answer_of(warehouse_of_teams, "ada"), answer_of(warehouse_of_teams, "cleo")
    for recorder, employee, coach, key in (
        ("ben", "ada", "ben", adas),  # a peer opens a colleague's answers
        ("leader_2", "ada", "leader_2", adas),  # a leader beside
        ("ada", "ada", "cleo", adas),  # a coach from elsewhere
        ("ada", "ada", "ben", cleos),  # somebody else's answer
        ("leader_1", "ada", "ben", adas),  # in another's name
        ("gone", "ada", "ben", adas),
    ):
        with refused():
            a_talk(access, recorder, employee, coach, key)
    for wrong in ({"coach": "ada"}, {"answers": []}, {"will_try": " "}, {"held_at": NOW + timedelta(hours=1)}, {"coach": "gone"}):
        talk = {"employee_id": "ada", "coach": "ben", "answers": [adas], "will_try": "x", "held_at": NOW} | wrong
        with access.transaction("ada") as connection, pytest.raises(ShopkeeperError):
            coaching.record(connection, uuid4(), now=NOW, **talk)  # type: ignore[arg-type]
    assert seen_by(access, "ben", adas) == seen_by(access, "cleo", adas) == seen_by(access, "ada", cleos) == {}
    with warehouse_of_teams.connect() as connection:
        kept = connection.scalars(sa.text("select response_key from ops.coaching_answers")).all()
    assert not {adas, cleos} & set(kept)


def test_a_talk_cannot_be_taken_over(warehouse_of_teams: sa.Engine, access: Access) -> None:
    # Two columns may change after a talk was written down; everything else, and by anybody else, is forgery.
    talk = a_talk(access, "ada", "ada", "ben", answer_of(warehouse_of_teams, "ada"))
    bens = answer_of(warehouse_of_teams, "ben")
    for reader, statement in (
        ("ben", "update ops.coachings set employee_id = 'ben' where coaching_id = :talk"),
        ("ada", "update ops.coachings set coach_employee_id = 'leader_1' where coaching_id = :talk"),
        ("ada", "update pii.coaching_texts set will_try = 'else' where coaching_id = :talk"),
        ("ada", "delete from ops.coachings where coaching_id = :talk"),
        ("ada", "insert into ops.coaching_answers values (:talk, :bens)"),
        ("cleo", "insert into pii.coaching_texts values (:talk, 'x', 'y')"),
        ("cleo", "select * from ops.whose_answers('2026-01-01', null)"),
    ):
        with refused(), access.transaction(reader) as connection:
            connection.execute(sa.text(statement), {"talk": talk, "bens": bens})
    with access.transaction("cleo") as connection:
        for table in ("ops.coachings", "ops.coaching_answers", "pii.coaching_texts"):
            found = connection.execute(sa.text(f"select * from {table} where coaching_id = :talk"), {"talk": talk})
            assert found.all() == [], table
        changed = connection.execute(sa.text("update ops.coachings set result_at = now() where coaching_id = :talk"), {"talk": talk})
        assert changed.rowcount == 0


def test_a_huddle_goes_through_the_answers_of_its_team(warehouse_of_teams: sa.Engine, access: Access) -> None:
    # The agenda is what makes a huddle worth a quarter of an hour: the team's own customers, and nobody's name.
    mine, hers = answer_of(warehouse_of_teams, "ada", days_ago=2), answer_of(warehouse_of_teams, "ben", days_ago=6.9)
    late, strange = answer_of(warehouse_of_teams, "ada", days_ago=7.1), answer_of(warehouse_of_teams, "cleo")

    def agenda(reader: str, week: date = WEEK, now: datetime = NOW) -> huddles.Huddle:
        with access.transaction(reader) as connection:
            return huddles.agenda(connection, T1, week, zone=ZONE, now=now)

    def keys(reader: str) -> set[str]:
        return {one.response_key for one in agenda(reader).answers} & {mine, hers, late, strange}

    assert {reader: keys(reader) for reader in ("leader_1", "manager", "ada", "cleo", "leader_2")} == {
        "leader_1": {mine, hers},
        "manager": {mine, hers},
        "ada": {mine},  # until it is held, a member reads the own ones
        "cleo": set(),
        "leader_2": set(),
    }
    with access.transaction("ada") as connection:  # only leaders say that it was held
        huddles.hold(connection, T1, WEEK, led_by="ada", discussed=[mine], held_at=NOW, now=NOW)
    with refused(), access.transaction("leader_2") as connection:
        huddles.hold(connection, T1, WEEK, led_by="leader_2", discussed=[mine], held_at=NOW, now=NOW)
    assert agenda("leader_1").held_at is None
    with refused(), access.transaction("leader_1") as connection:
        huddles.hold(connection, T1, WEEK, led_by="ada", discussed=[mine, strange], held_at=NOW, now=NOW)
    for led_by, discussed in (("ada", [mine, hers]), ("ben", [mine])):  # sent twice, it was held as said first
        with access.transaction("leader_1") as connection:
            huddles.hold(connection, T1, WEEK, led_by=led_by, discussed=discussed, held_at=NOW, now=NOW)
    for reader in ("leader_1", "ada", "ben"):
        held = agenda(reader)
        assert (held.held_at, held.led_by, {one.response_key for one in held.answers}) == (NOW, "ada", {mine, hers})
    assert {one.employee_id for one in agenda("ben").answers} == {"ben", None}, "in the team nobody reads whose customer it was"
    assert agenda("cleo").answers == []
    with access.transaction("leader_2") as connection:
        assert huddles.held(connection) == []
    assert not {mine, hers} & {one.response_key for one in agenda("leader_1", WEEK + huddles.WEEK, NOW + timedelta(days=4)).answers}


def test_an_issue_is_seen_to_or_handed_on_once(warehouse_of_teams: sa.Engine, access: Access) -> None:
    # Two clicks must not make two entries in the backlog, and what stays open must come up again.
    team, issue_id, week = Unit("T2", "/HQ/B1/T2/"), uuid4(), WEEK - huddles.WEEK
    for _ in range(2):
        with access.transaction("cleo") as connection:
            huddles.raise_issue(connection, team, week, issue_id, issue="Letters too late", owner="leader_2", actor="cleo", now=NOW)
    for sender in ("cleo", "leader_2", "leader_2"):
        with access.transaction(sender) as connection:
            huddles.send_to_backlog(connection, team, issue_id, actor=sender, now=NOW)
    with warehouse_of_teams.connect() as connection:
        assert connection.execute(sa.text("select source, source_id, org_unit_id, sent_by from ops.backlog")).all() == [
            ("huddle", issue_id, "T2", "cleo")
        ]

    def open_issues(reader: str) -> list[str]:
        with access.transaction(reader) as connection:
            return [one.issue for one in huddles.agenda(connection, team, WEEK, zone=ZONE, now=NOW).still_open]

    assert open_issues("leader_2") == open_issues("manager") == ["Letters too late"]
    assert open_issues("ada") == open_issues("leader_1") == []
    with access.transaction("ada") as connection:
        huddles.finish_issue(connection, issue_id, actor="ada", now=NOW)
    assert open_issues("cleo") == ["Letters too late"], "it is not hers to finish"
    with access.transaction("leader_2") as connection:
        huddles.finish_issue(connection, issue_id, actor="leader_2", now=NOW)
    assert open_issues("cleo") == []
    for reader in ("ada", "leader_1"):
        with refused(), access.transaction(reader) as connection:
            huddles.raise_issue(connection, team, week, uuid4(), issue="x", owner=None, actor=reader, now=NOW)
    with refused(), access.transaction("leader_1") as connection:  # a huddle in the other team's name would take its place
        huddles.raise_issue(
            connection, Unit("T2", T1.unit_path), WEEK + huddles.WEEK, uuid4(), issue="x", owner=None, actor="leader_1", now=NOW
        )


def a_decision(
    access: Access, leader: str, dispute_id: UUID, verdict: str, to: str | None = None, *, command_id: UUID | None = None
) -> None:
    with access.transaction(leader) as connection:
        disputes.decide(connection, dispute_id, command_id=command_id or uuid4(), verdict=verdict, to_employee_id=to, actor=leader, now=NOW)


def a_dispute(access: Access, employee: str, key: str) -> UUID:
    with access.transaction(employee) as connection:
        return disputes.dispute(connection, key, employee_id=employee, reason="not_my_customer", now=NOW)


def test_an_upheld_dispute_moves_the_answer(warehouse_of_teams: sa.Engine, access: Access) -> None:
    # An answer that stays with the wrong person teaches that person nothing but that the score is unfair.
    key = answer_of(warehouse_of_teams, "ada")
    first = a_dispute(access, "ada", key)
    assert first == a_dispute(access, "ada", key)
    assert seen_by(access, "ada", key) == {key: "ada"}, "until somebody decides it is hers"
    a_decision(access, "leader_1", first, "upheld", "cleo")
    assert seen_by(access, "ada", key) == seen_by(access, "leader_1", key) == {}
    assert seen_by(access, "cleo", key) == seen_by(access, "leader_2", key) == {key: "cleo"}
    with refused():
        a_dispute(access, "ada", key)
    second = a_dispute(access, "cleo", key)
    a_decision(access, "leader_2", second, "upheld")
    assert all(seen_by(access, reader, key) == {} for reader in PEOPLE), "nobody's"
    a_decision(access, "manager", second, "rejected")
    assert seen_by(access, "cleo", key) == {key: "cleo"}
    with access.transaction("manager") as connection:
        (told,) = disputes.visible(connection, dispute_id=second)
    assert [(one.decision, one.decided_by) for one in told.decisions] == [("upheld", "leader_2"), ("rejected", "manager")]


def test_only_a_leader_above_decides_and_nobody_the_own_dispute(warehouse_of_teams: sa.Engine, access: Access) -> None:
    # Whoever could decide for himself would have no bad answers.
    of_ada, of_leader = answer_of(warehouse_of_teams, "ada"), answer_of(warehouse_of_teams, "leader_1")
    with refused():
        a_dispute(access, "ben", of_ada)
    hers, leaders = a_dispute(access, "ada", of_ada), a_dispute(access, "leader_1", of_leader)
    for actor, dispute_id in (("ada", hers), ("ben", hers), ("leader_2", hers), ("leader_1", leaders), ("gone", hers)):
        with refused():
            a_decision(access, actor, dispute_id, "upheld")
    for reader in PEOPLE:
        with access.transaction(reader) as connection:
            (found,) = disputes.visible(connection, dispute_id=hers) or [None]
        may_decide = reader in ("leader_1", "manager", "boss")
        assert (found is not None, bool(found and found.may_decide)) == (may_decide or reader == "ada", may_decide), reader
    for verdict, to in (("maybe", None), ("rejected", "ben"), ("upheld", "gone"), ("upheld", "leader_1")):
        with pytest.raises(ShopkeeperError):
            a_decision(access, "manager", leaders, verdict, to)
    twice = uuid4()
    for _ in range(2):
        a_decision(access, "manager", leaders, "rejected", command_id=twice)
    with access.transaction("manager") as connection:
        (found,) = disputes.visible(connection, dispute_id=leaders)
    assert len(found.decisions) == 1


Steps = st.lists(st.tuples(st.sampled_from(["first", "second"]), st.sampled_from(["rejected", "nobody", "ben", "cleo"])), max_size=6)


@given(steps=Steps)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_last_decision_holds(warehouse_of_teams: sa.Engine, access: Access, steps: list[tuple[str, str]]) -> None:
    # However often leaders think anew, the desk, the marts and the audit must agree on whose answer it is.
    key = answer_of(warehouse_of_teams, "ada")
    cases = {"first": a_dispute(access, "ada", key)}
    upheld: dict[str, tuple[int, str | None]] = {}
    for number, (which, what) in enumerate(steps):
        if which == "second" and which not in cases:
            if seen_by(access, "cleo", key) != {key: "cleo"}:
                continue
            cases["second"] = a_dispute(access, "cleo", key)
        if what == ("ada" if which == "first" else "cleo"):
            continue
        a_decision(
            access,
            "manager",
            cases[which],
            "rejected" if what == "rejected" else "upheld",
            None if what in ("rejected", "nobody") else what,
        )
        upheld.pop(which, None)
        if what != "rejected":
            upheld[which] = (number, None if what == "nobody" else what)
    expected = max(upheld.values(), key=lambda one: one[0])[1] if upheld else "ada"
    with warehouse_of_teams.connect() as connection:
        found = connection.execute(
            sa.text("select employee_id, is_moved from ops.whose_answers(null, array[cast(:key as uuid)])"), {"key": key}
        ).one()
    assert tuple(found) == (expected, bool(upheld))


def test_an_auditor_reads_every_decision_and_no_employee(warehouse_of_teams: sa.Engine, access: Access) -> None:
    # Whether answers are argued away must be open to whoever vouches for the score; who argued is not.
    key = answer_of(warehouse_of_teams, "ben")
    dispute_id = a_dispute(access, "ben", key)
    a_decision(access, "leader_1", dispute_id, "rejected")
    a_decision(access, "manager", dispute_id, "upheld", "cleo")
    password = roles.create_login(warehouse_of_teams, "auditor_of_learning", "cx_auditor")
    auditor = make_engine(
        warehouse_of_teams.url.set(username="auditor_of_learning", password=password).render_as_string(hide_password=False)
    )
    with auditor.connect() as connection:
        rows = connection.execute(sa.text("select * from quality.answer_disputes()")).mappings().all()
    told = [
        (row["org_unit_id"], row["reason"], row["decision_number"], row["decision"], row["goes_to"], row["is_last"])
        for row in rows
        if row["dispute_id"] == dispute_id
    ]
    assert told == [
        ("T1", "not_my_customer", 1, "rejected", "stays", False),
        ("T1", "not_my_customer", 2, "upheld", "another employee", True),
    ]
    assert not set(PEOPLE) & {str(value) for row in rows for value in row.values()}
    with pytest.raises(sa.exc.DBAPIError), auditor.connect() as connection:
        connection.execute(sa.text("select * from ops.disputes"))
    auditor.dispose()


def test_the_marts_wait_as_long_as_the_desk() -> None:
    # A rule that is said twice must be said alike, or the share of answers discussed in time is of another time.
    macros = Path(__file__).resolve().parents[2] / "dbt_project" / "macros" / "closed_loop.sql"
    (days,) = re.findall(r"macro days_to_discuss\(\) %}(\d+){%", macros.read_text())
    assert timedelta(days=int(days)) == answers.DISCUSS_WITHIN
