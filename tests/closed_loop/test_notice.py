"""From what has landed to signals, orders and messages: once, whatever way it comes, and whoever it is about."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa
from tests.closed_loop.loop_world import (
    NOW,
    a_company,
    answer,
    key_of,
    land,
    messages,
    orders,
    people,
    rows,
    run,
    signals,
)
from tests.survey.invitations import put_invitations, put_wave
from tests.survey.people import customer, interaction, put

from shopkeeper.closed_loop import notice as noticing
from shopkeeper.closed_loop import telling
from shopkeeper.company.config import CompanyFolder
from shopkeeper.survey.collect import close_batch
from shopkeeper.warehouse.ids import stable_id


@pytest.fixture
def folder(warehouse: sa.Engine, tmp_path: Path) -> CompanyFolder:
    people(warehouse)
    return a_company(tmp_path / "company")


def submit(engine: sa.Engine, invitation_id: UUID, score: int, *, is_complete: bool = True, **columns: object) -> None:
    """What the page does with an answer, at an hour of the test's own."""
    given = {"may_call_back": None, "words": "never again", "at": NOW} | columns
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "insert into pii.survey_submissions (invitation_id, score, is_complete, free_answers, may_call_back, locale, received_at)"
                " values (:id, :score, :done, cast(:free as jsonb), :may_call_back, 'de', :at)"
            ),
            {
                "id": invitation_id,
                "score": score,
                "done": is_complete,
                "free": json.dumps({"verbatim": given.pop("words")}),
                **given,
            },
        )


def test_the_same_answer_by_page_and_batch_is_one(warehouse: sa.Engine, folder: CompanyFolder) -> None:
    # The fast way and the hourly batch see the same answer; the customer must not be called twice, nor the employee written to twice.
    wave = put_wave(warehouse, folder, "transactional", NOW - timedelta(days=1))
    (invitation,) = put_invitations(warehouse, wave, ["C1"], NOW - timedelta(days=1), interactions=["I1"])
    submit(warehouse, invitation, 2, is_complete=False, words="")
    assert run(warehouse, folder) == {}, "whoever is still answering is let finish"
    submit(warehouse, invitation, 2)
    assert run(warehouse, folder) == {"looked_at": 1, "opened": 1}
    assert signals(warehouse) == [("low_score", "opened", "C1")]
    assert orders(warehouse) == [("C1", "low_score", "ANN", True)]
    assert messages(warehouse) == [("alert", "ANN")]
    assert rows(warehouse, "select position('never again' in body) > 0 from pii.message_texts") == [(True,)]
    batch = close_batch(warehouse, folder, now=NOW)
    assert batch is not None
    assert rows(warehouse, "select cast(_key as text) from raw.survey_responses") == rows(warehouse, "select subject_key from ops.signals")
    assert run(warehouse, folder) == {"looked_at": 1}
    assert (len(signals(warehouse)), len(orders(warehouse)), len(messages(warehouse))) == (1, 1, 1)
    assert run(warehouse, folder) == {}, "what has been read is read again"


def test_one_contact_per_customer_across_rules_and_answers(warehouse: sa.Engine, folder: CompanyFolder) -> None:
    # Three reasons to call are one call; an answer and a complaint of the same customer too.
    land(warehouse, answer("A1", 9, responded_at=NOW - timedelta(days=20), updated_at=NOW - timedelta(days=20)))
    land(warehouse, answer("A2", 3, may_call_back=True))
    put(warehouse, "complaints", [{"complaint_id": "K1", "customer_id": "C1", "interaction_id": "I1", "opened_at": NOW}], loaded_at=NOW)
    run(warehouse, folder)
    found = rows(warehouse, "select rule, outcome, previous_score from ops.signals order by noticed_at, outcome desc, rule")
    assert found == [
        ("call_back_requested", "opened", 9),
        ("band_changed", "added", 9),
        ("complaint", "added", None),
        ("low_score", "added", 9),
        ("moved", "added", 9),
    ]
    assert orders(warehouse) == [("C1", "call_back_requested", "ANN", True)]
    assert len(rows(warehouse, "select distinct order_id from ops.signals")) == 1
    # One alert per answer and complaint, and no e-mail besides that says the same.
    assert messages(warehouse) == [("alert", "ANN"), ("alert", "ANN")]


def test_who_declined_a_call_is_called_by_nobody(warehouse: sa.Engine, folder: CompanyFolder) -> None:
    put(warehouse, "customers", [customer("C2", do_not_contact="deceased")], loaded_at=NOW)
    land(warehouse, answer("A1", 1, 1, may_call_back=False), answer("A2", 1, 2), answer("A3", 1, 3))
    run(warehouse, folder)
    assert [outcome for _, outcome, _ in signals(warehouse)] == ["supervisor", "supervisor", "opened"]
    assert orders(warehouse) == [
        ("C1", "low_score", "LEAD1", False),
        ("C2", "low_score", "LEAD1", False),
        ("C3", "low_score", "ANN", True),
    ]
    # The employee reads the customer's words all the same.
    assert messages(warehouse) == [("alert", "ANN"), ("alert", "LEAD1"), ("alert", "LEAD1"), ("feedback", "ANN"), ("feedback", "ANN")]


def test_an_order_notes_that_its_answer_was_corrected_and_stays(warehouse: sa.Engine, folder: CompanyFolder) -> None:
    # A mistyped 3 that was meant as a 9 was still an alarm: people have acted on it, and somebody says so to the customer.
    land(warehouse, answer("A1", 3))
    run(warehouse, folder)
    for hours, score in ((1, 9), (2, 9), (3, 8)):
        later = NOW + timedelta(hours=hours)
        put(warehouse, "survey_responses", [answer("A1", score, updated_at=later)], source="mailer", loaded_at=later, status="failed")
        run(warehouse, folder, now=later)
    corrected = "select event, details ->> 'score_before', details ->> 'score' from ops.work_order_events"
    events = rows(warehouse, f"{corrected} where event <> 'opened' order by event_id")
    assert events == [("answer_corrected", "3", "9"), ("answer_corrected", "9", "8")]
    assert rows(warehouse, "select state from ops.work_orders") == [("open",)]
    assert signals(warehouse) == [("low_score", "opened", "C1")], "a corrected answer makes no new alarm"
    # From 9 to 2: nobody has called yet, so somebody has to.
    land(warehouse, answer("B1", 9, 2))
    run(warehouse, folder)
    put(warehouse, "survey_responses", [answer("B1", 2, 2, updated_at=NOW)], source="mailer", loaded_at=NOW)
    run(warehouse, folder)
    assert signals(warehouse)[1:] == [("low_score", "opened", "C2"), ("thank_promoter", "told", "C2")]


def test_an_answer_of_an_unknown_customer_waits_and_is_not_lost(warehouse: sa.Engine, folder: CompanyFolder) -> None:
    # New customers answer before the CRM has brought them; a batch that failed its gate is acted on too.
    land(warehouse, answer("A1", 0, 8), answer("A2", 5, 9, customer_id=None), status="failed")
    assert run(warehouse, folder) == {"looked_at": 2}
    assert signals(warehouse) == []
    put(warehouse, "customers", [customer("C8"), customer("C9")], loaded_at=NOW)
    run(warehouse, folder)
    assert signals(warehouse) == [("low_score", "opened", "C8")]
    put(warehouse, "interactions", [interaction("I9", "C9", NOW - timedelta(days=1), employee_id="CAT")], loaded_at=NOW)
    run(warehouse, folder)
    assert orders(warehouse)[1:] == [("C9", "low_score", "CAT", True)]
    assert run(warehouse, folder) == {}


def test_every_answer_reaches_its_employee_in_the_customers_words(warehouse: sa.Engine, folder: CompanyFolder) -> None:
    land(warehouse, answer("A1", 10, 1), answer("A2", 7, 2), answer("A3", None, 3))
    run(warehouse, folder)
    assert signals(warehouse) == [("thank_promoter", "told", "C1")]
    assert messages(warehouse) == [("feedback", "ANN"), ("feedback", "ANN"), ("thanks", "ANN")]
    said = rows(warehouse, "select count(*) from pii.message_texts where body like '%word of A%'")
    assert said == [(3,)]


def test_what_nobody_is_to_act_on(warehouse: sa.Engine, folder: CompanyFolder) -> None:
    # What is long past, staff's own contracts, and what employees say about working here: none is an alarm for the front line.
    put(warehouse, "customers", [customer("C2", is_staff=True)], loaded_at=NOW)
    old = NOW - timedelta(days=15)
    land(warehouse, answer("A1", 0, 1, responded_at=old, updated_at=old), answer("A2", 0, 2), answer("A3", 0, 3, programme="staff"))
    wave = put_wave(warehouse, folder, "staff", NOW - timedelta(days=1))
    (invitation,) = put_invitations(warehouse, wave, ["C1"], NOW - timedelta(days=1), employee_id="ANN")
    with warehouse.begin() as connection:  # asked by a programme that programmes.yml does not know any more
        connection.execute(sa.text("update ops.invitations set programme = 'staff of before'"))
    submit(warehouse, invitation, 0)
    run(warehouse, folder)
    assert signals(warehouse) == orders(warehouse) == messages(warehouse) == []
    assert rows(warehouse, "select count(*) from ops.loop_reads where kind = 'submission'") == [(1,)]


def test_a_move_counts_against_the_last_counted_answer_of_the_programme(warehouse: sa.Engine, folder: CompanyFolder) -> None:
    # A change is judged against what the customer last said of the same, not against an answer that was broken off or of another survey.
    for number, (native_id, score, columns) in enumerate(
        [
            ("A1", 8, {}),
            ("A2", 7, {}),
            ("A3", 2, {"programme": "relationship"}),
            ("A4", 0, {"is_complete": False}),
        ]
    ):
        at = NOW - timedelta(days=100 - number)
        land(warehouse, answer(native_id, score, responded_at=at, updated_at=at, **columns))
    land(warehouse, answer("A5", 9), answer("B1", 9, 2))
    run(warehouse, folder)
    found = rows(warehouse, "select rule, previous_score from ops.signals where customer_id = 'C1' order by rule")
    assert found == [("band_changed", 7), ("moved", 7), ("thank_promoter", 7)]
    assert [customer_id for customer_id, *_ in orders(warehouse)] == ["C1"]


def test_calls_that_failed_need_no_survey(warehouse: sa.Engine, folder: CompanyFolder) -> None:
    put(
        warehouse,
        "calls",
        [
            {"call_id": "L1", "interaction_id": "I1", "failed_interaction_score": 0.95},
            {"call_id": "L2", "interaction_id": "I2", "failed_interaction_score": 0.5},
            {"call_id": "L3", "interaction_id": "I7", "failed_interaction_score": 0.95},
        ],
        loaded_at=NOW,
        status="landed",
    )
    run(warehouse, folder)
    assert rows(warehouse, "select subject_key, outcome, value from ops.signals") == [("L1", "opened", Decimal("0.9500"))]
    assert orders(warehouse) == [("C1", "failed_call", "ANN", True)]
    # The call had come before the interaction that it belongs to.
    put(warehouse, "interactions", [interaction("I7", "C3", NOW - timedelta(days=2), employee_id="BEN")], loaded_at=NOW)
    run(warehouse, folder)
    assert orders(warehouse)[1:] == [("C3", "failed_call", "BEN", True)]


def test_a_randomised_delay_is_drawn_by_number_and_told_to_nobody(warehouse: sa.Engine, tmp_path: Path) -> None:
    people(warehouse, customers=60)
    folder = a_company(tmp_path / "company", comparison={"share": 0.5, "delay_days": 14})
    land(warehouse, *(answer(f"A{n}", 2, n, may_call_back=True if n > 40 else None) for n in range(1, 61)))
    done = run(warehouse, folder)
    arms = rows(warehouse, "select customer_id, arm, owner_employee_id, due_at, first_attempt_due_at from ops.work_orders")
    drawn = [row for row in arms if int(row[0][1:]) <= 40]
    delayed = [row for row in drawn if row[1] == "delayed"]
    assert done["held_out"] == len(delayed)
    assert 8 <= len(delayed) <= 32, "a share of one half"
    for native_id, arm in ((f"A{row[0][1:]}", row[1]) for row in drawn):
        # anyone can draw it again, by hand
        signal_id = stable_id("signal", "low_score", "response", str(key_of(native_id)))
        number = int(hashlib.md5(f"closed_loop|delay|{signal_id}".encode()).hexdigest()[:8], 16) / 2**32
        assert arm == ("delayed" if number < 0.5 else "treated")
    assert {row[1] for row in arms if int(row[0][1:]) > 40} == {None}, "who asked to be called waits for no comparison"
    assert all(row[2] is None and row[3] is None and row[4] >= NOW + timedelta(days=14) for row in delayed)
    alerted = rows(warehouse, "select about_order_id from ops.messages where kind = 'alert'")
    assert len(alerted) == 60 - len(delayed)


def test_what_fails_in_the_middle_leaves_nothing_and_is_done_again(
    warehouse: sa.Engine, folder: CompanyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An order without its alert is a customer whom nobody calls.
    land(warehouse, answer("A1", 1, 1), answer("A2", 1, 2))
    posted = telling.outbox.post
    calls = iter(range(9))

    def fails_once(*args: object, **kwargs: object) -> int:
        if next(calls) == 0:
            raise RuntimeError("the machine went down")
        return posted(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(telling.outbox, "post", fails_once)
    with pytest.raises(RuntimeError):
        run(warehouse, folder)
    assert signals(warehouse) == orders(warehouse) == messages(warehouse) == []
    assert run(warehouse, folder)["opened"] == 2
    assert (len(orders(warehouse)), len(messages(warehouse))) == (2, 2)


def test_thousands_at_once_take_few_statements(warehouse: sa.Engine, tmp_path: Path) -> None:
    # A source that was repaired brings a week of answers: the run must not ask the database about each of them.
    people(warehouse, customers=400)
    folder = a_company(tmp_path / "company", rules={"low_score": {"kind": "low_score"}})
    land(warehouse, *(answer(f"A{n}", 7 if n % 2 else 3, n, interaction_id=None) for n in range(1, 401)))
    counted = {"reads": 0, "posts": 0}

    @sa.event.listens_for(warehouse, "before_cursor_execute")
    def count(_: object, __: object, statement: str, *___: object) -> None:
        is_post = any(name in statement for name in ("ops.messages", "pii.message_texts", "ops.message_queue"))
        counted["posts" if is_post else "reads"] += 1

    done = run(warehouse, folder)
    sa.event.remove(warehouse, "before_cursor_execute", count)
    assert done == {"looked_at": 400, "opened": 200}
    assert counted["reads"] < 100, "it asks about each answer by itself"
    assert counted["posts"] < 20, "it posts each alert by itself"


# --- units --------------------------------------------------------------------------------------------------------------


def test_noise_is_told_to_nobody_and_a_change_is() -> None:
    import numpy as np

    from shopkeeper.closed_loop.units import Change, Counts, beyond_noise

    random = np.random.default_rng(7)
    wrong = found = 0
    for _ in range(200):  # a company of 100 teams, 16 years of blocks, in which nothing ever changes
        drawn = random.multinomial(40, [0.2, 0.3, 0.5], size=(100, 2))
        units = [Change(f"T{n}", None, "p", Counts(*before), Counts(*now)) for n, (before, now) in enumerate(drawn.tolist())]
        wrong += bool(beyond_noise(units))
        fallen = Change("B", None, "p", Counts(60, 90, 150), Counts(120, 90, 90))
        found += fallen in beyond_noise([*units, fallen])
    assert wrong <= 4, "more runs than one in fifty accuse somebody of chance"
    assert found == 200


def test_units_are_looked_at_once_per_publication(warehouse: sa.Engine, folder: CompanyFolder) -> None:
    ended = datetime(2026, 2, 23, tzinfo=UTC)  # a block of 28 days from 2024-01-01 on ends before this Monday
    assert (ended.date() - noticing.units.FIRST_BLOCK).days % 28 == 0
    with warehouse.begin() as connection:
        connection.execute(
            sa.text(
                """
                create table marts.fct_survey_responses (
                    response_id uuid, invitation_id text, customer_id text, programme text, scale text, band text, score integer,
                    excluded_reason text, responded_on date, responded_at timestamptz,
                    team_id text, branch_id text, org_region_id text, company_id text
                )
                """
            )
        )
        connection.execute(sa.text("create table marts._applied (batch_id bigint)"))
        connection.execute(sa.text("create table marts.dim_org_units (org_unit_id text, name text, is_current boolean)"))
        connection.execute(sa.text("insert into marts.dim_org_units values ('T1', 'Team Altona', true)"))
        connection.execute(
            sa.text(
                """
                insert into marts.fct_survey_responses (programme, band, score, responded_on, team_id)
                select 'transactional', case when n % 10 < bad then 'detractor' else 'promoter' end, 5, day, team
                from (values ('T1', 1, date '2026-01-10'), ('T1', 7, date '2026-02-10'), ('T2', 3, '2026-01-10'), ('T2', 3, '2026-02-10'))
                    as blocks (team, bad, day)
                cross join generate_series(1, 60) as n
                """
            )
        )
        published = """
            insert into quality.publications (build_id, as_of, known_at, config_hash, gates_passed, gates_warned, published_at)
            values (:build, :at, :at, '', 1, 0, :at)
        """
        connection.execute(sa.text(published), {"build": 1, "at": ended})
    assert run(warehouse, folder)["told"] == 1
    assert rows(warehouse, "select org_unit_id, subject, value from ops.signals") == [("T1", "unit", Decimal("-120.0000"))]
    assert messages(warehouse) == [("alert", "LEAD1")]
    assert rows(warehouse, "select title from pii.message_texts") == [("Team Altona: -120 points",)]
    assert "told" not in run(warehouse, folder)
    with warehouse.begin() as connection:
        connection.execute(sa.text(published), {"build": 2, "at": ended + timedelta(days=1)})
    assert "told" not in run(warehouse, folder), "the same block is told of again"
