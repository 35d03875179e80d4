"""Answers on their way into `raw`: from the survey page and from providers, with nothing lost and the ledger told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.survey.invitations import put_invitations, put_wave

from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import ShopkeeperError
from shopkeeper.survey import collect, ledger
from shopkeeper.warehouse import batches
from shopkeeper.warehouse.survey_tables import SURVEY_SUBMISSIONS

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
SENT = NOW - timedelta(days=2)


@pytest.fixture
def folder(make_programmes: Any) -> CompanyFolder:
    made: CompanyFolder = make_programmes(visit={})
    return made


@pytest.fixture
def asked(warehouse: sa.Engine, folder: CompanyFolder) -> list[UUID]:
    """Three invitations, sent two days ago; the first is about an interaction."""
    wave = put_wave(warehouse, folder, "visit", SENT)
    ids = put_invitations(warehouse, wave, ["C1", "C2", "C3"], SENT, interactions=["I1", None, None], in_queue=False)
    with warehouse.begin() as connection:
        for each in ids:
            ledger.record(connection, each, "sent", message="invitation", occurred_at=SENT)
    return ids


def submit(engine: sa.Engine, invitation: UUID, minute: int, **said: Any) -> None:
    """One POST of the survey page, `minute` minutes after an hour before NOW."""
    usual = {"is_complete": False, "locale": "de", "received_at": NOW + timedelta(minutes=minute - 60)}
    with engine.begin() as connection:
        connection.execute(sa.insert(SURVEY_SUBMISSIONS).values(invitation_id=invitation, **{**usual, **said}))


def rows(engine: sa.Engine, query: str) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(sa.text(query)).mappings()]


LATEST = """
    select distinct on (_key) responses.*, personal.verbatim, personal.free_answers, personal.extra
    from raw.survey_responses as responses
    left join pii.survey_responses as personal using (_key, _batch_id)
    order by _key, responses.updated_at desc nulls last, responses._loaded_at desc, responses._batch_id desc
"""


def events(engine: sa.Engine, invitation: UUID) -> list[str]:
    query = f"select event from ops.invitation_events where invitation_id = '{invitation}' order by event_id"
    return [row["event"] for row in rows(engine, query)]


# --- the survey page --------------------------------------------------------------------------------------------------


def test_what_one_invitation_sent_in_parts_is_one_answer(warehouse: sa.Engine, folder: CompanyFolder, asked: list[UUID]) -> None:
    # A customer answers a page at a time, changes his mind about the score, and gives words last.
    opened = NOW - timedelta(minutes=61)
    submit(warehouse, asked[0], 0, score=3, answers={"ease": 2}, client_hash="abc", started_at=opened)
    submit(warehouse, asked[0], 1, score=6, free_answers={"verbatim": "Waited too long.", "improvement": "More staff"})
    submit(warehouse, asked[0], 2, answers={"reason": "waiting"}, may_call_back=True, is_complete=True)
    batch = collect.close_batch(warehouse, folder, now=NOW)
    assert batch is not None
    assert (batch.kind, batch.source, batch.rows_in, batch.accepted, batch.interval_end) == ("web", "survey_page", 1, 1, NOW)
    (answer,) = rows(warehouse, LATEST)
    expected = {
        "provider": "shopkeeper", "account": None, "native_id": str(asked[0]), "invitation_id": str(asked[0]),
        "customer_id": "C1", "interaction_id": "I1", "programme": "visit", "scale": "0-10", "score": 6, "is_complete": True,
        "may_call_back": True, "locale": "de", "answers": {"ease": 2, "reason": "waiting"}, "verbatim": "Waited too long.",
        "free_answers": {"improvement": "More staff"}, "extra": {"client_hash": "abc"}, "started_at": opened,
        "responded_at": NOW - timedelta(minutes=58),
    }  # fmt: skip
    assert {name: answer[name] or None for name in expected} == expected
    assert events(warehouse, asked[0]) == ["sent", "started", "completed"]
    assert rows(warehouse, "select distinct batch_id from pii.survey_submissions") == [{"batch_id": batch.batch_id}]
    assert collect.close_batch(warehouse, folder, now=NOW + timedelta(hours=1)) is None, "nothing came since"


def test_an_answer_that_is_completed_later_is_a_new_version(warehouse: sa.Engine, folder: CompanyFolder, asked: list[UUID]) -> None:
    # Otherwise the customer who comes back is either counted twice or for ever partial.
    submit(warehouse, asked[1], 0, score=9)
    first = collect.close_batch(warehouse, folder, now=NOW)
    assert [row["is_complete"] for row in rows(warehouse, LATEST)] == [False]
    submit(warehouse, asked[1], 90, free_answers={"verbatim": "Good."}, is_complete=True)
    second = collect.close_batch(warehouse, folder, now=NOW + timedelta(hours=1))
    assert first is not None
    assert second is not None
    (answer,) = rows(warehouse, LATEST)
    assert (answer["score"], answer["is_complete"], answer["verbatim"], answer["_batch_id"]) == (9, True, "Good.", second.batch_id)
    assert events(warehouse, asked[1]) == ["sent", "partial", "completed"]
    with warehouse.connect() as connection:
        assert batches.covered(connection, "survey_responses", "survey_page") == [(batches.EARLIEST, NOW + timedelta(hours=1))]


def test_a_batch_whose_end_is_cut_off_leaves_nothing(
    warehouse: sa.Engine, folder: CompanyFolder, asked: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Submissions that were marked as taken by a batch that is not there would be lost.
    submit(warehouse, asked[0], 0, score=9, is_complete=True)

    def broken(*_: Any, **__: Any) -> int:
        raise psycopg.errors.AdminShutdown("Key (verbatim)=(secret words)")

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "record_many", broken)
        with pytest.raises(ShopkeeperError, match="the warehouse gave up: AdminShutdown") as told:
            collect.close_batch(warehouse, folder, now=NOW)
    assert "secret" not in str(told.value)
    assert rows(warehouse, "select from raw.survey_responses") == rows(warehouse, "select from ops.batches") == []
    assert rows(warehouse, "select batch_id from pii.survey_submissions") == [{"batch_id": None}]
    batch = collect.close_batch(warehouse, folder, now=NOW)
    assert batch is not None
    assert batch.accepted == 1


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sent=st.lists(
        st.tuples(
            st.integers(0, 2),
            st.none() | st.integers(0, 10),
            st.dictionaries(st.sampled_from(["ease", "reason"]), st.none() | st.integers(1, 5), max_size=2),
            st.booleans(),
            st.booleans(),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_however_the_posts_fall_into_batches_the_last_word_on_each_question_counts(
    warehouse: sa.Engine, folder: CompanyFolder, asked: list[UUID], sent: list[tuple[int, int | None, dict[str, Any], bool, bool]]
) -> None:
    with warehouse.begin() as connection:
        tables = "raw.survey_responses, pii.survey_responses, pii.survey_submissions, ops.batches, ops.batch_events, ops.coverage"
        connection.execute(sa.text(f"truncate {tables}"))
    expected: dict[UUID, dict[str, Any]] = {}
    for minute, (who, score, said, is_complete, then_close) in enumerate(sent):
        submit(warehouse, asked[who], minute, score=score, answers=said, is_complete=is_complete)
        one = expected.setdefault(asked[who], {"score": None, "answers": {}, "is_complete": False})
        one["score"] = one["score"] if score is None else score
        one["answers"] |= {role: answer for role, answer in said.items() if answer is not None}
        one["is_complete"] |= is_complete
        if then_close:
            collect.close_batch(warehouse, folder, now=NOW + timedelta(minutes=minute))
    collect.close_batch(warehouse, folder, now=NOW + timedelta(hours=1))
    found = {
        UUID(row["native_id"]): {"score": row["score"], "answers": row["answers"] or {}, "is_complete": row["is_complete"]}
        for row in rows(warehouse, LATEST)
    }
    assert found == expected
    assert not rows(warehouse, "select from ops.batches where rejected > 0")


# --- providers --------------------------------------------------------------------------------------------------------


def land(engine: sa.Engine, folder: CompanyFolder, given: Sequence[dict[str, str | None]], **more: Any) -> batches.BatchResult:
    options = {"source": "phone", "provider": "ivr", "account": "", "now": NOW, "run_id": None, **more}
    return collect.land(engine, folder, iter(given), **options)


def answer(native_id: str, **columns: str | None) -> dict[str, str | None]:
    return {
        "native_id": native_id,
        "responded_at": "2026-03-09T10:00:00+01:00",
        "score": "9",
        "updated_at": "2026-03-09 09:00:00+00",
        **columns,
    }


def test_a_providers_answers_are_tied_to_the_ledger_and_nothing_is_lost(
    warehouse: sa.Engine, folder: CompanyFolder, asked: list[UUID]
) -> None:
    given = [
        answer("a", invitation_id=str(asked[0]).upper(), started_at="2026-03-09 08:58:00+00", answers=json.dumps({"ease": 4})),
        answer("b", invitation_id=str(asked[1]), is_complete="false", score=None, customer_id="somebody else"),
        answer("c", invitation_id=str(uuid4()), customer_id="C9"),
        answer("d", invitation_id="not ours", agent_ext="17"),
        answer("e", invitation_id=str(asked[2]), score="11"),
        answer("e2", responded_at=None),
    ]
    batch = land(warehouse, folder, given)
    assert (batch.rows_in, batch.accepted, batch.unchanged, batch.rejected) == (6, 3, 0, 3)
    found = {row["native_id"]: row for row in rows(warehouse, LATEST)}
    assert {key: (row["customer_id"], row["interaction_id"], row["programme"]) for key, row in found.items()} == {
        "a": ("C1", "I1", "visit"),
        "b": ("C2", None, "visit"),
        "c": ("C9", None, "survey"),
    }
    assert found["a"]["invitation_id"] == str(asked[0]), "an id is found whatever its capitals, and stored as ours"
    assert {row["provider"] for row in found.values()} == {"ivr"}
    reasons = {row["natural_key"].split(chr(31))[-1]: row["column_name"] for row in rows(warehouse, "select * from rejected.rows")}
    assert reasons == {"d": "invitation_id", "e": "score", "e2": "responded_at"}
    assert events(warehouse, asked[0]) == ["sent", "started", "completed"]
    assert events(warehouse, asked[1]) == ["sent", "partial"]
    assert events(warehouse, asked[2]) == ["sent"], "what was rejected did not happen"

    again = land(warehouse, folder, given, now=NOW + timedelta(hours=1))
    assert (again.rows_in, again.accepted, again.unchanged, again.rejected) == (6, 0, 3, 3)
    assert events(warehouse, asked[0]) == ["sent", "started", "completed"], "read again, nothing has happened again"


def test_late_and_corrected_answers_are_versions(warehouse: sa.Engine, folder: CompanyFolder, asked: list[UUID]) -> None:
    collect.expire(warehouse, now=SENT + timedelta(days=31))
    assert events(warehouse, asked[0]) == ["sent", "expired"]
    late = answer("a", invitation_id=str(asked[0]), responded_at="2026-05-01 10:00:00+00", updated_at="2026-05-01 10:00:00+00")
    land(warehouse, folder, [late], now=NOW + timedelta(days=60))
    corrected = {**late, "score": "2", "updated_at": "2026-05-02 10:00:00+00"}
    land(warehouse, folder, [corrected], now=NOW + timedelta(days=61))
    stale = land(warehouse, folder, [late], now=NOW + timedelta(days=62))
    assert stale.unchanged == 1, "an old page that is read again changes nothing"
    assert [row["score"] for row in rows(warehouse, LATEST)] == [2]
    assert events(warehouse, asked[0]) == ["sent", "expired", "completed"]


def test_undeclared_fields_are_kept_as_personal_data(warehouse: sa.Engine, folder: CompanyFolder) -> None:
    # A provider adds a question overnight: its answers may hold anything, and must not be lost either.
    land(warehouse, folder, [answer("a", new_question="call me: +49 30 1234", may_call_back="yes")])
    (row,) = rows(warehouse, LATEST)
    assert row["extra"] == {"new_question": "call me: +49 30 1234"}
    assert row["may_call_back"] is True
    assert "1234" not in str(rows(warehouse, "select * from raw.survey_responses"))


# --- expiry -----------------------------------------------------------------------------------------------------------


def test_only_what_was_sent_and_has_not_ended_expires_and_does_so_once(
    warehouse: sa.Engine, folder: CompanyFolder, asked: list[UUID]
) -> None:
    wave = put_wave(warehouse, folder, "visit", SENT, name="w2")
    unsent, bounced_reminder, expired_by = *put_invitations(warehouse, wave, ["C4", "C5"], SENT, in_queue=False), SENT + timedelta(days=30)
    with warehouse.begin() as connection:
        ledger.record(connection, asked[0], "completed", occurred_at=NOW)
        ledger.record(connection, asked[1], "partial", occurred_at=NOW)
        ledger.record(connection, bounced_reminder, "sent", message="invitation", occurred_at=SENT)
        ledger.record(connection, bounced_reminder, "refused", message="reminder", occurred_at=SENT + timedelta(days=7))
    assert collect.expire(warehouse, now=expired_by - timedelta(seconds=1)) == 0
    assert collect.expire(warehouse, now=expired_by) == 3
    assert collect.expire(warehouse, now=expired_by + timedelta(days=1)) == 0
    assert [events(warehouse, each)[-1] for each in (asked[1], asked[2], bounced_reminder)] == ["expired"] * 3
    assert events(warehouse, unsent) == []
    assert events(warehouse, asked[0])[-1] == "completed"
