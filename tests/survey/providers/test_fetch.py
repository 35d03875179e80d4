"""What providers have, on its way into `raw` and the ledger: whole, once, and whoever else fails."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.survey.conftest import MakeProgrammes
from tests.survey.invitations import put_invitations, put_wave
from tests.survey.people import put
from tests.survey.providers.conftest import QUESTIONS
from tests.survey.providers.fakes import FakeFormbricks, FakeLimeSurvey, reply

from shopkeeper.company.config import CompanyFolder
from shopkeeper.survey import ledger
from shopkeeper.survey.providers.fetch import FetchFailed, fetch_all
from shopkeeper.warehouse import batches

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def at(**ago: float) -> str:
    return (NOW - timedelta(**ago)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rows(engine: sa.Engine, query: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(sa.text(query)).all())


LATEST = """
    select distinct on (_key)
        native_id, invitation_id, customer_id, programme, score, is_complete, answers, verbatim, free_answers, responses.updated_at
    from raw.survey_responses as responses left join pii.survey_responses as personal using (_key, _batch_id)
    order by _key, responses.updated_at desc nulls last, responses._loaded_at desc
"""


def latest(engine: sa.Engine) -> dict[str, Any]:
    return {row.native_id: row for row in rows(engine, LATEST)}


@pytest.fixture
def drop(connected: Any, tmp_path: Path) -> tuple[CompanyFolder, Path]:
    (tmp_path / "back").mkdir()
    return connected("file_drop", in_path=str(tmp_path / "back" / "*.csv"), out_path=str(tmp_path / "out")), tmp_path / "back"


@pytest.fixture
def asked(warehouse: sa.Engine, formbricks_folder: CompanyFolder) -> list[UUID]:
    return ask(warehouse, formbricks_folder)


def ask(engine: sa.Engine, folder: CompanyFolder, **columns: Any) -> list[UUID]:
    """Three invitations that the provider `them` was given two days ago."""
    wave = put_wave(engine, folder, "visit", NOW - timedelta(days=2))
    people = [{"customer_id": f"C{number}", "joined_on": NOW.date(), "email": f"c{number}@x.example"} for number in (1, 2, 3)]
    put(engine, "customers", people)
    columns = {"interactions": ["I1", "I2", "I3"], **columns}
    ids = put_invitations(engine, wave, ["C1", "C2", "C3"], NOW - timedelta(days=2), in_queue=False, provider="them", **columns)
    with engine.begin() as connection:
        for each in ids:
            ledger.record(connection, each, "sent", message="invitation", occurred_at=NOW - timedelta(days=2))
    return ids


def told(engine: sa.Engine, invitation: UUID) -> list[str]:
    query = sa.text("select event from ops.invitation_events where invitation_id = :id order by event_id")
    with engine.connect() as connection:
        return list(connection.scalars(query, {"id": invitation}))


# --- answers ----------------------------------------------------------------------------------------------------------


def test_an_answer_is_tied_and_a_partial_one_is_kept_until_it_is_completed(
    warehouse: sa.Engine, formbricks: FakeFormbricks, formbricks_folder: CompanyFolder, asked: list[UUID]
) -> None:
    # A partial answer that is dropped is a customer who began to complain and was not heard.
    formbricks.put("r1", at(hours=3), {"nps": 0, "invitation_id": str(asked[0])}, finished=False)
    formbricks.put("r2", at(hours=3), {"nps": 9, "why": "Kind", "better": "Hours"}, contactAttributes={"userId": "C9"})
    first = fetch_all(warehouse, formbricks_folder, now=NOW).summary()
    assert (first["rows_in"], first["accepted"], first["rejected"]) == (2, 2, 0)
    found = latest(warehouse)
    assert (found["r1"].score, found["r1"].is_complete, found["r1"].customer_id) == (0, False, "C1")
    assert (found["r2"].score, found["r2"].verbatim, found["r2"].free_answers) == (9, "Kind", {"improvement": "Hours"})
    assert told(warehouse, asked[0]) == ["sent", "started", "partial"]
    formbricks.put("r1", at(hours=1), {"nps": 1, "invitation_id": str(asked[0])})
    fetch_all(warehouse, formbricks_folder, now=NOW + timedelta(hours=1))
    assert (latest(warehouse)["r1"].score, latest(warehouse)["r1"].is_complete) == (1, True)
    assert told(warehouse, asked[0]) == ["sent", "started", "partial", "completed"]
    again = fetch_all(warehouse, formbricks_folder, now=NOW + timedelta(hours=2)).summary()
    assert (again["accepted"], again["unchanged"]) == (0, 2), "the overlap reads again, and changes nothing"


RANDOM_RUNS = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


@settings(max_examples=2, **RANDOM_RUNS)
@given(seed=st.integers(0, 10**6))
def test_any_order_of_runs_pages_and_webhooks_lands_the_same_answers(
    server: Any, formbricks: FakeFormbricks, formbricks_folder: CompanyFolder, seed: int
) -> None:
    random_runs(server, formbricks, formbricks_folder, seed)


@pytest.mark.long
@settings(max_examples=40, **RANDOM_RUNS)
@given(seed=st.integers(0, 10**6))
def test_any_order_again_and_again(server: Any, formbricks: FakeFormbricks, formbricks_folder: CompanyFolder, seed: int) -> None:
    random_runs(server, formbricks, formbricks_folder, seed)


def random_runs(server: Any, formbricks: FakeFormbricks, folder: CompanyFolder, seed: int) -> None:
    # The same answers, read in one go or in whatever pieces and with whatever repetitions: the score must not depend on it.
    from tests.conftest import _numbers

    from shopkeeper.warehouse.engine import engine as make_engine

    chance = random.Random(seed)
    versions = []
    for number in range(6):
        for _ in range(3):
            changed = NOW + timedelta(hours=chance.uniform(0, 200))
            shows = changed + timedelta(hours=chance.uniform(0, 20))  # some only show some hours later
            versions.append((shows, changed, f"r{number}", {"nps": chance.randint(0, 10)}, chance.random() < 0.5))
    name = f"any_order_{next(_numbers)}"
    server.create_database(name, template="migrated")
    warehouse = make_engine(server.url(name))
    formbricks.rows.clear()
    formbricks.largest_page = chance.choice([1, 2, 250])
    for step, (shows, changed, native_id, data, finished) in enumerate(sorted(versions, key=lambda each: each[0])):
        updated = changed.isoformat(timespec="milliseconds")
        if native_id not in formbricks.rows or updated > formbricks.rows[native_id]["updatedAt"]:
            formbricks.put(native_id, updated, data, finished=finished)
        if chance.random() < 0.3:
            receive(warehouse, f"m{step}", [{"webhookId": "w", "event": "responseUpdated", "data": dict(formbricks.rows[native_id])}])
        if chance.random() < 0.3:
            fetch_all(warehouse, folder, now=shows)
        if chance.random() < 0.2:
            withdraw_newest(warehouse)
    fetch_all(warehouse, folder, now=NOW + timedelta(days=10))
    found = latest_of_readable(warehouse)
    warehouse.dispose()
    expected = {key: (data["nps"], finished) for _, _, key, data, finished in sorted(versions, key=lambda each: each[1])}
    assert found == expected


def receive(engine: sa.Engine, message_id: str, payload: Any, provider: str = "them") -> None:
    with engine.begin() as connection:
        given = {"provider": provider, "id": message_id, "payload": json.dumps(payload)}
        connection.execute(sa.text("select ops.receive_message(:provider, :id, cast(:payload as jsonb))"), given)


def withdraw_newest(engine: sa.Engine) -> None:
    """A batch is judged, and taken back: what it covered must be read again."""
    with engine.begin() as connection:
        newest = connection.scalar(sa.text("select max(batch_id) from ops.batches where status = 'landed' and source = 'them'"))
        if newest is not None:
            batches.set_status(connection, newest, "failed", reason="test", actor="test", now=NOW)


def latest_of_readable(engine: sa.Engine) -> dict[str, Any]:
    query = """
        select distinct on (_key) native_id, score, is_complete from raw.survey_responses
        where _batch_id in (select batch_id from ops.batches where status = 'landed')
        order by _key, updated_at desc nulls last, _loaded_at desc, _batch_id desc
    """
    return {row.native_id: (row.score, row.is_complete) for row in rows(engine, query)}


def test_a_question_without_a_role_keeps_an_answer_aside_until_it_has_one(
    warehouse: sa.Engine, formbricks: FakeFormbricks, formbricks_folder: CompanyFolder, connected: Any
) -> None:
    # Somebody adds a question at the provider. Its answers are kept whole, the batch says so, and once the question has a role
    # they come in, however long ago that was.
    formbricks.put("r1", at(days=40), {"nps": 3, "brand_new": "x"})
    formbricks.put("r2", at(days=40), {"nps": 4})
    notes: list[str] = []
    summary = fetch_all(warehouse, formbricks_folder, now=NOW, note=notes.append).summary()
    assert (summary["accepted"], summary["rejected"]) == (1, 1)
    assert any("1 of them answer brand_new" in note for note in notes)
    [(column, reason)] = rows(warehouse, "select column_name, reason from rejected.rows")
    assert (column, "no role" in reason) == ("answers", True)
    mended = connected(
        "formbricks", url=formbricks.url, api_key=formbricks.KEY, survey_id=formbricks.SURVEY, account=formbricks.ENVIRONMENT,  # type: ignore[attr-defined]
        questions={**QUESTIONS, "brand_new": "topic"},
    )  # fmt: skip
    assert fetch_all(warehouse, mended, now=NOW + timedelta(hours=1)).summary()["accepted"] == 1
    assert latest(warehouse)["r1"].free_answers == {"topic": "x"}, "of a role that nobody describes, it may be in own words"
    assert rows(warehouse, "select count(*) from rejected.rows where closed_by_batch_id is null") == [(0,)]
    formbricks.requests.clear()
    fetch_all(warehouse, mended, now=NOW + timedelta(hours=2))
    assert formbricks.requests[0]["startDate"] > at(days=2), "and then reading goes on where it was"


def test_one_that_fails_holds_up_no_other_and_loses_nothing(
    warehouse: sa.Engine, make_programmes: MakeProgrammes, formbricks: FakeFormbricks, limesurvey: FakeLimeSurvey, tmp_path: Path
) -> None:
    # One provider is down tonight: the answers of the others come in, the run says which one is missing, and the next run
    # reads what it could not, from where it stood, not from the beginning.
    questions = {"nps": "score"}
    folder = make_programmes(
        providers={
            "down": {"kind": "formbricks", "url": "http://127.0.0.1:9", "api_key": "k", "survey_id": "s", "questions": questions},
            "cloud": {
                "kind": "formbricks", "url": formbricks.url, "api_key": formbricks.KEY, "survey_id": formbricks.SURVEY,  # type: ignore[attr-defined]
                "questions": questions,
            },
            "half": {"kind": "limesurvey", "url": "http://127.0.0.1:9", "questions": questions},
            "lime": {
                "kind": "limesurvey", "url": limesurvey.url, "user": limesurvey.USER, "password": limesurvey.PASSWORD,  # type: ignore[attr-defined]
                "survey_id": str(limesurvey.SURVEY), "questions": questions,
            },
        }
    )  # fmt: skip
    formbricks.put("r1", at(hours=1), {"nps": 10})
    limesurvey.put(1, "2026-03-10 10:00:00", nps="0")
    with pytest.raises(FetchFailed) as raised:
        fetch_all(warehouse, folder, now=NOW, sleep=lambda seconds: None)
    assert {row.native_id: row.score for row in latest(warehouse).values()} == {"r1": 10, "1": 0}
    assert sorted(str(problem.where) for problem in raised.value.problems) == [
        "programmes.yml › providers › down",
        "programmes.yml › providers › half › survey_id",
    ]
    with warehouse.connect() as connection:
        assert batches.covered(connection, "survey_responses", "down") == []
    # It breaks on the second page: nothing of the window has landed, nor counts as read.
    for number in range(5):
        formbricks.put(f"s{number}", at(minutes=-number - 1), {"nps": 5})
    formbricks.largest_page = 2
    formbricks.before = [lambda: "go on", *[lambda: reply({}, 500)] * 5]
    with pytest.raises(FetchFailed):
        fetch_all(warehouse, folder, now=NOW + timedelta(hours=1), sleep=lambda seconds: None)
    assert len(latest(warehouse)) == 2
    with pytest.raises(FetchFailed):
        fetch_all(warehouse, folder, now=NOW + timedelta(hours=2), sleep=lambda seconds: None)
    assert len(latest(warehouse)) == 7


def test_limesurvey_goes_on_from_the_first_that_is_still_partial(
    warehouse: sa.Engine, limesurvey: FakeLimeSurvey, limesurvey_folder: CompanyFolder
) -> None:
    # Its answers cannot be asked for by time. A cursor behind the last id would never see a partial answer completed.
    limesurvey.put(1, "2026-03-09 10:00:00", nps="9")
    limesurvey.put(2, None, nps="3", startdate="2026-03-09 10:00:00", datestamp="2026-03-09 10:05:00")
    limesurvey.put(3, "2026-03-09 11:00:00", nps="8")
    fetch_all(warehouse, limesurvey_folder, now=NOW)
    limesurvey.put(2, "2026-03-10 11:00:00", nps="2")
    limesurvey.put(4, "2026-03-10 11:00:00", nps="7")
    summary = fetch_all(warehouse, limesurvey_folder, now=NOW + timedelta(hours=1)).summary()
    assert (summary["rows_in"], summary["accepted"]) == (3, 2)
    assert {key: row.score for key, row in latest(warehouse).items()} == {"1": 9, "2": 2, "3": 8, "4": 7}
    assert fetch_all(warehouse, limesurvey_folder, now=NOW + timedelta(hours=2)).summary()["rows_in"] == 0


# --- files ------------------------------------------------------------------------------------------------------------


def test_files_are_read_whatever_they_are_like_and_as_often_as_you_like(warehouse: sa.Engine, drop: tuple[CompanyFolder, Path]) -> None:
    # Spreadsheets write semicolons and a byte order mark; the score is a column of its own name, wherever it stands; 0 is one;
    # a torn last line and a bad byte cost that row and no other; times are in company time.
    folder, back = drop
    ids = ask(warehouse, folder)
    (back / "1.csv").write_bytes(
        "\ufeffwhy;nps;invitation_id;native_id;responded_at;is_complete\r\n".encode()
        + f"Schlecht;0;{ids[0]};a1;2026-03-10 09:00;true\r\n".encode()
        + b"M\xfcde;3;;a2;2026-03-10 09:00;true\r\n"
        + f"Gut;10;{ids[1]};a3;2026-03-10 09:00;false\r\n".encode()
        + b"torn;5;"
    )
    (back / "2.csv").write_text(
        "native_id,responded_at,nps,colour\na4,2026-03-10 09:00,7,red\na5,2026-03-10 09:00,7.5,\na6,2026-03-10 09:00,8,\n"
    )
    (back / ".3.csv.half").write_text("native_id,responded_at,nps\nx,2026-03-10,1\n")
    summary = fetch_all(warehouse, folder, now=NOW).summary()
    assert (summary["rows_in"], summary["accepted"], summary["rejected"]) == (7, 3, 4)
    found = latest(warehouse)
    assert {key: (row.score, row.is_complete) for key, row in found.items()} == {"a1": (0, True), "a3": (10, False), "a6": (8, True)}
    assert (found["a1"].customer_id, found["a1"].verbatim) == ("C1", "Schlecht")
    assert rows(warehouse, "select distinct responded_at from raw.survey_responses") == [(datetime(2026, 3, 10, 8, tzinfo=UTC),)]
    reasons = {row.reason for row in rows(warehouse, "select reason from rejected.rows")}
    assert reasons == {
        "is not written in UTF-8", "has 3 cells, and the first line 6", "is no whole number",
        "has an answer to a question that has no role under questions of its provider",
    }  # fmt: skip
    assert told(warehouse, ids[0]) == ["sent", "completed"]
    again = fetch_all(warehouse, folder, now=NOW + timedelta(hours=1)).summary()
    assert (again["accepted"], again["rejected"], again["events"]) == (0, 4, 0)
    assert told(warehouse, ids[0]) == ["sent", "completed"]
    for file in back.glob("*.csv"):
        file.unlink()
    assert fetch_all(warehouse, folder, now=NOW + timedelta(hours=2)).summary()["rows_in"] == 0


def test_events_of_files_reach_the_ledger_and_the_suppression_list(warehouse: sa.Engine, drop: tuple[CompanyFolder, Path]) -> None:
    # Who says "never again" to a provider has said it to us. One that names somebody else's invitation says nothing.
    folder, back = drop
    ids = ask(warehouse, folder)
    strangers = put_invitations(warehouse, put_wave(warehouse, folder, "visit", NOW, name="w2"), ["C9"], NOW)
    lines = [
        f"{ids[0]},opted_out,2026-03-10T10:00:00+01:00,",
        f"{ids[0]},opted_out,2026-03-10T10:00:00+01:00,",
        f"{ids[1]},bounced,2026-03-10T10:00:00+01:00,hard",
        f"{ids[2]},bounced,2026-03-10T10:00:00+01:00,soft",
        f"{strangers[0]},opted_out,2026-03-10T10:00:00+01:00,",
        "nobody,delivered,2026-03-10T10:00:00+01:00,",
    ]
    (back / "events.csv").write_text("\n".join(["invitation_id,event,occurred_at,code", *lines]))
    summary = fetch_all(warehouse, folder, now=NOW).summary()
    assert (summary["events"], summary["unmatched_events"]) == (3, 2)
    assert [told(warehouse, each) for each in (*ids, *strangers)] == [["sent", "opted_out"], ["sent", "bounced"], ["sent", "bounced"], []]
    blocks = "select kind, customer_id, address_hash is not null as by_address from pii.contact_blocks order by kind"
    assert [tuple(row) for row in rows(warehouse, blocks)] == [("hard_bounce", None, True), ("opted_out", "C1", False)]
    assert fetch_all(warehouse, folder, now=NOW + timedelta(hours=1)).summary()["events"] == 0
    bad = f"x,exploded,2026-03-10\nx,opened,\n{ids[1]},opened,2026-03-10\n"
    (back / "a_more.csv").write_text(f"invitation_id,event,occurred_at\n{bad}")
    with pytest.raises(FetchFailed, match=r"more\.csv, row 1: tells an event that there is not") as raised:
        fetch_all(warehouse, folder, now=NOW + timedelta(hours=2))
    assert (len(raised.value.problems), raised.value.fetched.events) == (2, 1), "a bad row holds up no good one"


def test_who_opted_out_at_limesurvey_is_blocked(warehouse: sa.Engine, limesurvey: FakeLimeSurvey, limesurvey_folder: CompanyFolder) -> None:
    ids = ask(warehouse, limesurvey_folder)
    person = {"firstname": "", "lastname": "", "email": "c1@x.example", "sent": "2026-03-01", "remindersent": "N", "completed": "N"}
    limesurvey.participants[1] = {"tid": "1", "token": ids[0].hex, "emailstatus": "OptOut", **person}
    for hour in range(3):
        fetch_all(warehouse, limesurvey_folder, now=NOW + timedelta(hours=hour))
    assert told(warehouse, ids[0]) == ["sent", "opted_out"]
    assert [tuple(row) for row in rows(warehouse, "select kind, customer_id from pii.contact_blocks")] == [("opted_out", "C1")]
