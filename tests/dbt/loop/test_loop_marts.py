"""What the closed loop did, in the marts: the same story as the short cut tells, told to nobody whom it does not concern."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from small_loop import ANSWERS, AS_OF, MARTS, Loop, key_of, published, response_id
from typer.testing import CliRunner
from world import World, at

from shopkeeper.cli.app import app
from shopkeeper.closed_loop import coaching, disputes
from shopkeeper.quality.tracing import Trace, trace
from shopkeeper.warehouse import roles
from shopkeeper.warehouse.engine import engine as make_engine
from shopkeeper.warehouse.ids import stable_id
from shopkeeper.warehouse.survey_tables import WAVE_FRAMES

TRACED = ("+nps_current", "+response_rates", "+fct_response_weights", "+survey_weightings", "+fct_response_follow_ups")


@pytest.fixture(scope="module")
def loop(world: World) -> Loop:
    loop = Loop(world)
    loop.act()
    loop.recover()
    loop.redact()
    loop.say("settled", "Mr Smith never called back")
    with world.engine.begin() as connection:
        talk = {"employee_id": "E1", "coach": "M1", "will_try": "Call at once", "now": at("2026-03-20")}
        coaching.record(connection, uuid4(), answers=[str(key_of("settled"))], held_at=at("2026-03-18"), **talk)
        coaching.record(connection, uuid4(), answers=[str(key_of("thanked"))], held_at=at("2026-03-19 12:01"), **talk)
    dispute(loop, "forgotten", "E1", to="E2")
    assert world.build(AS_OF, select=(*MARTS, *TRACED), full_refresh=True, run_tests=False)
    return loop


def dispute(loop: Loop, name: str, employee: str, *, to: str | None, verdict: str = "upheld", decided: str = "2026-03-25") -> None:
    with loop.world.engine.begin() as connection:
        raised = disputes.dispute(connection, str(key_of(name)), employee_id=employee, reason="not_my_customer", now=at("2026-03-14"))
        decision = {"verdict": verdict, "to_employee_id": to, "actor": "M1"}
        disputes.decide(connection, raised, command_id=uuid4(), now=at(decided), **decision)


def one(world: World, sql: str) -> dict[str, Any]:
    (row,) = world.rows(sql)
    return row


def order(loop: Loop, name: str) -> dict[str, Any]:
    return one(loop.world, f"select * from marts_next.fct_work_orders where work_order_id = '{loop.order(name)}'")


def test_the_short_cut_and_the_marts_tell_the_same_story(world: World, loop: Loop) -> None:
    # Two ways to one answer: were its band one thing to whoever calls and another in the score, neither would be believed.
    told = world.rows("""
        select signals.rule, signals.score, signals.previous_score, signals.customer_id, signals.org_unit_id, answers.band,
            answers.score as score_in_marts, answers.previous_score as previous_in_marts, answers.customer_id as customer_in_marts,
            answers.org_unit_id as unit_in_marts, answers.response_id
        from ops.signals
        left join (select distinct _key, response_id from staging.stg_survey_responses) as keys on signals.subject_key = keys._key::text
        left join marts_next.fct_survey_responses as answers on keys.response_id = answers.response_id
    """)
    assert {(row["rule"], row["score"]) for row in told} == {
        ("low_score", 2), ("low_score", 6), ("fallen_score", 6), ("call_back_requested", 6), ("low_score", 3), ("low_score", 0),
        ("thank_promoter", 10),
    }  # fmt: skip
    for row in told:
        assert (row["score"], row["previous_score"], row["customer_id"], row["org_unit_id"]) == (
            row["score_in_marts"], row["previous_in_marts"], row["customer_in_marts"], row["unit_in_marts"],
        )  # fmt: skip
    bands = {row["response_id"]: row["band"] for row in told if row["rule"] in ("low_score", "thank_promoter")}
    counted = world.rows(
        "select response_id, band from marts_next.fct_survey_responses where excluded_reason is null and programme = 'visit'"
        " and responded_at > '2026-03-01'"
    )
    assert bands == {row["response_id"]: row["band"] for row in counted if row["band"] != "passive"}


def test_a_work_order_in_the_marts_is_what_its_events_made_of_it(world: World, loop: Loop) -> None:
    # The desk and the mart fold the same events; where they differ, somebody is judged by an order that is another.
    same = ("state", "close_reason", "cost", "first_attempt_at", "reached_at", "closed_at", "close_due_at", "org_unit_id", "arm")
    difference = world.rows(f"""
        select theirs.order_id from ops.work_orders as theirs
        full join marts_next.fct_work_orders as ours on theirs.order_id = ours.work_order_id
        where ({", ".join(f"theirs.{name}" for name in same)}) is distinct from ({", ".join(f"ours.{name}" for name in same)})
    """)
    assert difference == []
    settled = order(loop, "settled")
    assert (settled["score"], settled["band"], settled["recovery_score"], settled["recovery_band"]) == (2, "detractor", 9, "promoter")
    assert (settled["attempts"], float(settled["cost"]), settled["action"], settled["impact"]) == (2, 20.0, "refund", "saved")
    assert (settled["is_contacted_in_time"], settled["is_closed_in_time"], float(settled["hours_to_close"])) == (True, True, 30.0)
    assert [order(loop, name)["is_contacted_in_time"] for name in ("fallen", "declined", "forgotten")] == [False, None, False]
    assert (order(loop, "fallen")["team_id"], order(loop, "fallen")["org_region_id"], order(loop, "declined")["team_id"]) == (
        "T1", "R1", "T2",
    )  # fmt: skip


def test_calls_say_what_was_learned_in_redacted_words(world: World, loop: Loop) -> None:
    calls = world.rows("select * from marts_next.fct_contact_attempts order by attempted_at")
    assert [(row["attempt_number"], row["is_reached"], row["learned"]) for row in calls] == [
        (1, False, None), (2, True, "Nobody had told [name] of it"), (1, True, None),
    ]  # fmt: skip
    assert calls[2]["follow_up_due_at"] == at("2026-03-17 10:00")
    # from an answer down to what its follow-up taught; one that nobody has to call about leads nowhere
    drilled = world.rows("""
        select responses.score, attempts.attempt_number, attempts.learned
        from marts_next.fct_survey_responses as responses
        inner join marts_next.fct_response_follow_ups as follow_ups on responses.response_id = follow_ups.response_id
        left join marts_next.fct_contact_attempts as attempts on follow_ups.work_order_id = attempts.work_order_id
        order by 1, 2
    """)
    assert [tuple(row.values()) for row in drilled] == [
        (0, None, None), (2, 1, None), (2, 2, "Nobody had told [name] of it"), (3, None, None), (6, 1, None),
    ]  # fmt: skip


def test_performance_counts_what_was_due_and_says_nothing_of_an_effect_that_nobody_can_know(world: World, loop: Loop) -> None:
    query = "select * from marts_next.closed_loop_performance where period_grain = 'month' and period_starts_on = '2026-03-01' and "
    team = one(world, query + "dimension = 'team' and dimension_value = 'T1'")
    counts = ("opened", "contacts_due", "contacted_in_time", "reached", "closed", "closed_resolved", "closed_not_pursued", "closings_due")
    assert [team[name] for name in counts] == [3, 3, 1, 2, 2, 1, 1, 3]
    assert (team["closed_in_time"], float(team["closed_in_time_share"]), float(team["cost"])) == (2, 0.6667, 20.0)
    assert (team["recovery_answers"], team["recovery_answers_better"]) == (1, 1)
    assert team["effect"] is None
    assert team["effect_verdict"] == "not estimable: nobody was held back at random"
    # one of five answers was talked about in time, another a minute late; what was answered to the recovery survey counts as well
    assert (team["answers"], team["answers_discussed"]) == (6, 1)
    everybody = one(world, query + "dimension = 'all'")
    assert (everybody["opened"], everybody["closed_no_call_wanted"], everybody["contacts_due"]) == (4, 1, 3)


def test_an_upheld_dispute_moves_an_answer_and_no_score_of_the_company(world: World, loop: Loop) -> None:
    answers = {row["response_id"]: row for row in world.rows("select * from frontline_next.fct_employee_responses")}
    assert {name: answers[response_id(name)]["employee_id"] for name in ANSWERS} == {
        "settled": "E1", "fallen": "E2", "declined": "E3", "thanked": "E1", "passive": "E2", "forgotten": "E2",
    }  # fmt: skip
    # The desk says so too, and waits for no publication.
    at_the_desk = world.rows("select * from ops.whose_answers(null, array(select _key from raw.survey_responses))")
    assert {response_id(name): answers[response_id(name)]["employee_id"] for name in ANSWERS} == {
        response_id(name): row["employee_id"] for name in ANSWERS for row in at_the_desk if row["response_key"] == str(key_of(name))
    }
    moved = answers[response_id("forgotten")]
    assert (moved["is_reattributed"], moved["org_unit_id"], moved["unit_path"]) == (True, "T1", "/HQ/R1/B1/T1/")
    months = world.rows("select * from frontline_next.nps_by_employee where period_grain = 'month' and programme = 'visit'")
    assert {row["employee_id"]: (row["responses"], row["detractors"]) for row in months} == {"E1": (2, 1), "E2": (3, 2), "E3": (1, 1)}
    company = "select * from marts_next.nps_by_segment where period_grain = 'month' and programme = 'visit' and dimension = 'team'"
    assert {row["dimension_value"]: row["responses"] for row in world.rows(company)} == {"T1": 5, "T2": 1}


def test_marts_carry_words_only_as_privacy_left_them(world: World, loop: Loop) -> None:
    words = world.rows("select response_id, verbatim from marts_next.fct_survey_responses where verbatim is not null")
    assert words == [{"response_id": response_id("settled"), "verbatim": "Mr [name] never called back"}]
    mine = "select verbatim from frontline_next.fct_employee_responses where employee_id = 'E1' and verbatim is not null"
    assert one(world, mine)["verbatim"] == "Mr [name] never called back"


# --- who sees it --------------------------------------------------------------------------------------------------------

EVERYBODY = {"E1", "E2", "E3"}
SEEN = {
    "E1": {"E1"},
    "E3": {"E3"},
    "M1": {"E1", "E2"},
    "M2": {"E3"},
    "R": {"E1", "E2"},
    "D": EVERYBODY,
    "somebody else": set(),
    "": set(),
}


@pytest.fixture(scope="module")
def reading(world: World, loop: Loop) -> Iterator[World]:
    with published(world):
        yield world


def login(world: World, role: str, name: str) -> sa.Engine:
    password = roles.create_login(world.engine, name, role)
    return make_engine(world.engine.url.set(username=name, password=password).render_as_string(hide_password=False))


TABLES = ("fct_employee_responses", "nps_by_employee")


@pytest.mark.parametrize("table", TABLES)
def test_the_desk_reads_for_an_employee_what_is_the_employees(reading: World, table: str) -> None:
    # An employee who reads a colleague's answers, by whatever page, would never be told the truth by anybody again.
    desk = login(reading, "desk", f"desk_{os.getpid()}")
    for employee, expected in SEEN.items():
        with desk.begin() as connection:
            connection.execute(sa.text("select set_config('shopkeeper.employee', :employee, true)"), {"employee": employee})
            assert set(connection.scalars(sa.text(f"select employee_id from frontline.{table}"))) == expected, employee
    desk.dispose()


def test_a_manager_reads_the_own_part_with_a_login_of_the_own(reading: World) -> None:
    manager = f"manager_{os.getpid()}"
    engine = login(reading, "frontline_manager", manager)
    said = "select set_config('shopkeeper.employee', 'D', true)"
    with engine.begin() as connection:
        # whose login nobody has named is nobody, whatever the session says
        connection.execute(sa.text(said))
        assert [connection.scalar(sa.text(f"select count(*) from frontline.{table}")) for table in TABLES] == [0, 0]
    with reading.engine.begin() as connection:
        connection.execute(sa.text("insert into ops.logins values (:login, 'R', now())"), {"login": manager})
    with engine.begin() as connection:
        connection.execute(sa.text(said))
        for table in TABLES:
            assert set(connection.scalars(sa.text(f"select employee_id from frontline.{table}"))) == SEEN["R"]
        assert connection.scalar(sa.text("select count(*) from marts.fct_work_orders")) == 4
    engine.dispose()


def test_nobody_else_reads_the_front_lines_rows_nor_the_workshop(reading: World) -> None:
    for role in ("bi_reader", "cx_auditor", "survey_page"):
        engine = login(reading, role, f"{role}_{os.getpid()}")
        for table in TABLES:
            with engine.connect() as connection, pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
                connection.execute(sa.text(f"select * from frontline.{table}"))
        engine.dispose()
    for role in ("frontline_manager", "desk"):
        engine = login(reading, role, f"workshop_{role}_{os.getpid()}")
        with engine.connect() as connection, pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
            connection.execute(sa.text("select * from frontline_next.fct_employee_responses"))
        engine.dispose()


def test_the_security_is_forced_and_lets_a_pipeline_work_that_is_no_superuser(reading: World) -> None:
    # The embedded warehouse's user sees everything. Where another one builds, a table that hides its rows from its maker is empty.
    query = (
        "select relname from pg_class where relnamespace = 'frontline'::regnamespace and relkind = 'r' and relforcerowsecurity order by 1"
    )
    assert [row["relname"] for row in reading.rows(query)] == list(TABLES)
    with reading.engine.connect() as connection:  # never committed
        owner, count = connection.execute(sa.text("select current_user, count(*) from frontline.nps_by_employee")).one()
        connection.execute(sa.text(f'create role plain_{os.getpid()} in role "{owner}"'))
        connection.execute(sa.text(f"set local role plain_{os.getpid()}"))
        assert not connection.scalar(sa.text("select rolsuper or rolbypassrls from pg_roles where rolname = current_user"))
        assert connection.execute(sa.text("update frontline.nps_by_employee set nps = nps")).rowcount == count > 0


@pytest.fixture(scope="module")
def audited(reading: World) -> Iterator[tuple[World, sa.Engine]]:
    """The company as it was published, and an engine on a login that is a member of cx_auditor and of nothing else."""
    wave = {"wave_id": stable_id("wave", "recovery", "w1"), "stratum": None, "random_number": 0.1, "interaction_id": "I-settled"}
    frame = [
        {**wave, "customer_id": "C1", "outcome": "drawn", "reason": None, "inclusion_probability": "0.25"},
        {**wave, "customer_id": "C2", "outcome": "turned_away", "reason": "quarantine", "inclusion_probability": None},
    ]
    with reading.engine.begin() as connection:
        connection.execute(sa.insert(WAVE_FRAMES), frame)
        connection.execute(
            sa.text("update ops.builds set settings = to_jsonb(now) from ops.current_build as now where builds.build_id = now.build_id")
        )
        publish = """
            insert into quality.publications (build_id, as_of, known_at, config_hash, gates_passed, gates_warned, published_at)
            select build_id, as_of, known_at, '', 1, 0, as_of from ops.current_build
        """
        connection.execute(sa.text(publish))
    auditor = login(reading, "cx_auditor", f"auditor_{os.getpid()}")
    yield reading, auditor
    auditor.dispose()


def section(found: Trace, name: str) -> list[dict[str, Any]]:
    return next(list(part.rows) for part in found.sections if part.name == name)


def test_an_auditor_walks_from_a_number_to_the_interaction_with_one_login(audited: tuple[World, sa.Engine]) -> None:
    # A number whose origin only its makers can show is believed by nobody else.
    _, auditor = audited

    def step(command: str) -> Trace:
        _, _, subject, *key = shlex.split(command)
        with auditor.connect() as connection:
            return trace(connection, subject, key)

    number = step("./shopkeeper trace nps_current recovery nps all all")
    assert number.agrees
    assert section(number, "states") == [{"state": "counted", "answers": 1, "with_score": 1}]
    assert section(number, "waves")[0]["wave"] == "w1"
    answer = step(number.following[0])
    assert section(answer, "response")[0]["response_id"] == response_id("again")
    invitation = step(answer.following[0])
    assert [event["event"] for event in section(invitation, "events")] == ["sent"]
    assert section(invitation, "ledger")[0]["customer_id"] == "C1"
    frame = step(invitation.following[0])
    assert section(frame, "candidate")[0]["outcome"] == "drawn"
    assert {(row["outcome"], row["reason"]) for row in section(frame, "frame")} == {("drawn", None), ("turned_away", "quarantine")}
    interaction = step(frame.following[0])
    (version,) = section(interaction, "interaction")
    assert (version["customer_id"], version["is_in_publication"]) == ("C1", True)
    steps = (number, answer, invitation, frame, interaction)
    columns = {name for found in steps for part in found.sections for row in part.rows for name in row}
    assert not columns & {"employee_id", "verbatim", "actor"}
    disputed = step(f"./shopkeeper trace fct_survey_responses {response_id('forgotten')}")
    assert [(row["decision"], row["goes_to"]) for row in section(disputed, "disputes")] == [("upheld", "another employee")]


def test_every_score_follows_from_its_answers(audited: tuple[World, sa.Engine]) -> None:
    # The second way of counting is written anew, so that a mistake in the first shows here.
    world, auditor = audited
    key = "programme, metric, period_grain, period_starts_on, dimension, dimension_value"
    cells = world.rows(f"select {key} from marts.nps_by_segment where period_grain in ('week', 'quarter', 'declared')")
    now = world.rows("select programme, metric, dimension, dimension_value from marts.nps_current")
    rates = world.rows("select programme, period_grain, period_starts_on, dimension, dimension_value from marts.response_rates")
    assert len(cells) > 30
    with auditor.connect() as connection:
        for mart, rows in (("nps_by_segment", cells), ("nps_current", now), ("response_rates", rates)):
            for row in rows:
                found = trace(connection, mart, [f"{name}={value}" for name, value in row.items()])
                assert found.agrees, (found.subject, section(found, "figures"))


def test_a_number_that_was_touched_up_is_found_out_and_strangers_are_told_where_to_go(
    audited: tuple[World, sa.Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, auditor = audited
    monkeypatch.setenv("WAREHOUSE_URL", auditor.url.render_as_string(hide_password=False))
    asked = ["trace", "nps_current", "visit", "nps", "team", "T1"]
    shown = CliRunner().invoke(app, asked)
    assert shown.exit_code == 0, shown.output
    assert "The number follows from these answers" in shown.output
    known = json.loads(CliRunner().invoke(app, [*asked, "--json"]).output)
    scores = [row["band"] for row in known["sections"]["responses"]["rows"] if row["state"] == "counted"]
    assert known["sections"]["row"]["rows"][0]["detractors"] == scores.count("detractor")
    with world.engine.begin() as connection:
        connection.execute(sa.text("update marts.nps_current set detractors = detractors - 1 where dimension_value = 'T1'"))
    touched = CliRunner().invoke(app, asked)
    assert (touched.exit_code, "does not follow" in touched.output) == (1, True)
    with world.engine.begin() as connection:
        connection.execute(sa.text("update marts.nps_current set detractors = detractors + 1 where dimension_value = 'T1'"))
    for words, hint in (
        (["nps_current", "visit", "nps", "team", "T9"], "dimension_value is T1, T2"),
        (["nps_current", "visit", "nps", "team"], "say which dimension_value: T1, T2"),
        (["nps_currant"], "there is no such mart"),
        (["fct_survey_responses", "no-uuid"], "invalid input syntax"),
        (["wave_frames", "recovery", "w9"], "its waves are w1"),
        (["interactions", "I-nowhere"], "nothing is known of it"),
    ):
        failed = CliRunner().invoke(app, ["trace", *words])
        assert hint in str(failed.exception), (words, failed.output, failed.exception)
    stranger = login(world, "bi_reader", f"stranger_{os.getpid()}")
    monkeypatch.setenv("WAREHOUSE_URL", stranger.url.render_as_string(hide_password=False))
    assert "may not read as cx_auditor" in str(CliRunner().invoke(app, asked).exception)
    stranger.dispose()
