"""Formbricks, whose answers move while they are read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.survey.providers.fakes import FakeFormbricks, reply

from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import ShopkeeperError
from shopkeeper.survey.providers.base import Invitation, Window
from shopkeeper.survey.providers.formbricks import Formbricks

START, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = Window(START, END)


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.fixture
def client(formbricks_folder: CompanyFolder, waits: list[float]) -> Formbricks:
    return Formbricks(formbricks_folder, "them", sleep=waits.append)


def ids(answers: Iterable[Any]) -> list[str]:
    return sorted({answer["native_id"] for answer in answers})


def test_an_answer_says_what_the_customer_said(formbricks: FakeFormbricks, client: Formbricks) -> None:
    # A score of 0 is the angriest customer there is, not an empty cell; and the score is the question that was declared to be
    # it, not the first one. A partial answer is one too, and told apart.
    attributes = {"userId": "C7", "invitation_id": "8c7e6b9e-56f4-4f7b-8c3e-3f1f0a4f5a11"}
    formbricks.put(
        "r1", at(90), {"ease": 4, "nps": 0, "why": "", "call": "accepted", "better": "Hours"}, contactAttributes=attributes,
        createdAt=at(60), ttc={"nps": 4000, "_total": 45000}, language="de",
    )  # fmt: skip
    formbricks.put("r2", at(120), {"ease": 2}, finished=False)
    first, second = client.fetch_responses(WINDOW)
    assert first == {
        "native_id": "r1", "invitation_id": attributes["invitation_id"], "customer_id": "C7", "interaction_id": None, "programme": "visit",
        "score": "0", "may_call_back": "true", "answers": '{"ease": "4"}', "free_answers": '{"improvement": "Hours"}',
        "unknown_questions": None, "responded_at": at(90), "updated_at": at(90),
        "started_at": at(45), "is_complete": "true", "locale": "de",
    }  # fmt: skip
    assert (second["is_complete"], second.get("score"), second["answers"]) == ("false", None, '{"ease": "2"}')


def test_a_question_without_a_role_is_named(formbricks: FakeFormbricks, client: Formbricks) -> None:
    # Somebody adds a question at the provider: its answers must not vanish, nor be taken for something else.
    formbricks.put("r1", at(1), {"nps": 9, "brand_new": "x"})
    formbricks.put("r2", at(2), {"nps": 9, "brand_new": ""})
    assert [answer["unknown_questions"] for answer in client.fetch_responses(WINDOW)] == ["brand_new", None]


@pytest.mark.parametrize("largest_page", [250, 10])
def test_answers_that_are_changed_while_they_are_read_push_no_other_out(
    formbricks: FakeFormbricks, client: Formbricks, largest_page: int
) -> None:
    # With pages by offset, each answer that is changed meanwhile lets another one slip between two pages, for ever. And a server
    # that gives ten rows at a time without saying so has not come to its end.
    formbricks.largest_page = largest_page
    for number in range(600):
        formbricks.put(f"r{number:03}", at(number), {"nps": number % 11})

    def change(page: int) -> None:
        for number in (page * 3, page * 3 + 1):
            if f"r{number:03}" in formbricks.rows:
                formbricks.rows[f"r{number:03}"]["updatedAt"] = at(86400 * 2 + page)  # after the window: the next one has it

    formbricks.after_page = change
    untouched = set(formbricks.rows)
    found = set(ids(client.fetch_responses(WINDOW)))
    gone = {row_id for row_id, row in formbricks.rows.items() if row["updatedAt"] > at(86400)}
    assert untouched - found <= gone
    assert found >= untouched - gone


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moments=st.lists(st.integers(0, 6), min_size=1, max_size=60), largest_page=st.integers(1, 9), nulls=st.sets(st.integers(0, 59)))
def test_every_answer_is_read_however_many_share_a_moment(
    formbricks: FakeFormbricks, client: Formbricks, moments: list[int], largest_page: int, nulls: set[int]
) -> None:
    # An import gives thousands of answers one and the same updatedAt; a cursor that goes by time alone would stand still or jump.
    formbricks.rows.clear()
    formbricks.largest_page = largest_page
    for number, second in enumerate(moments):
        formbricks.put(f"r{number:02}", None if number in nulls else at(second), {"nps": 5}, createdAt=at(second))
    found = list(client.fetch_responses(WINDOW))
    assert ids(found) == sorted(formbricks.rows)
    assert {answer["updated_at"] for answer in found} == {at(second) for second in moments}


def test_the_window_is_inclusive_at_its_start(formbricks: FakeFormbricks, client: Formbricks) -> None:
    # Two answers of one moment, of which the last run saw one: an exclusive cursor loses the other.
    formbricks.put("r1", at(0), {"nps": 1})
    formbricks.put("r2", at(86400), {"nps": 1})
    formbricks.put("r3", at(86401), {"nps": 1})
    assert ids(client.fetch_responses(WINDOW)) == ["r1", "r2"]


def test_it_waits_as_long_as_it_is_asked_to_and_no_longer_than_patience(
    formbricks: FakeFormbricks, client: Formbricks, waits: list[float]
) -> None:
    formbricks.put("r1", at(1), {"nps": 10})
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    now = format_datetime(datetime.now(UTC), usegmt=True)
    formbricks.before = [
        lambda: reply({"error": {"code": 429}}, 429, retry_after="7"),
        lambda: reply({"error": {"code": 429}}, 429, retry_after=later, date=now),
        lambda: reply({}, 500),
        lambda: None,
    ]
    assert ids(client.fetch_responses(WINDOW)) == ["r1"]
    assert waits[0] == 7
    assert 28 <= waits[1] <= 31
    formbricks.before = [lambda: reply({}, 429, retry_after="3600")]
    waits.clear()
    with pytest.raises(ShopkeeperError, match="come back later"):
        list(client.fetch_responses(WINDOW))
    assert waits == []


def test_an_api_that_hangs_is_given_up_on(formbricks: FakeFormbricks, client: Formbricks, waits: list[float]) -> None:
    import time

    client.api.client.timeout = httpx.Timeout(0.05)
    formbricks.before = [lambda: time.sleep(0.4) or "go on"] * 5  # type: ignore[func-returns-value]
    with pytest.raises(ShopkeeperError, match="does not answer in time"):
        list(client.fetch_responses(WINDOW))
    assert len(waits) == 4


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"error": {"code": 500, "message": "Internal Server Error"}}, "sends an error in place of answers"),
        ({"data": [], "meta": {"total": 3, "limit": 250, "offset": 0}}, "counts 3 answers and stops after 0"),
        ({"data": [{"id": "r1"}]}, "sends an error in place of answers"),
        ([], "sends an error in place of answers"),
    ],
)
def test_an_error_inside_a_success_is_an_error(formbricks: FakeFormbricks, client: Formbricks, told: Any, why: str) -> None:
    # Taken for "no answers", it would mark the window as read, and its answers would never be asked for again.
    formbricks.before = [lambda: reply(told)]
    with pytest.raises(ShopkeeperError, match=why):
        list(client.fetch_responses(WINDOW))


def test_a_wrong_key_is_said_and_not_shown(formbricks: FakeFormbricks, client: Formbricks) -> None:
    formbricks.KEY = "fbk_other"  # type: ignore[misc]
    with pytest.raises(ShopkeeperError, match="does not let us in") as raised:
        list(client.fetch_responses(WINDOW))
    assert "fbk_secret" not in str(raised.value)


def test_a_page_of_a_proxy_is_no_answer(formbricks: FakeFormbricks, client: Formbricks) -> None:
    formbricks.before = [lambda: (200, {"content-type": "text/html"}, b"<html>Sign in</html>")]
    with pytest.raises(ShopkeeperError, match="no JSON"):
        list(client.fetch_responses(WINDOW))


def invitation(email: str | None, customer: str) -> Invitation:
    return Invitation(uuid4(), "visit", "de", END, customer, "I1", email, "Ada", packet={"about_type": "claim"})


def test_invitations_become_contacts_with_the_packet(formbricks: FakeFormbricks, client: Formbricks, waits: list[float]) -> None:
    # The connection breaks after the contacts were taken: they are put again, which changes nothing, and nobody is in doubt.
    people = [invitation(f"p{number}@x.example", f"C{number}") for number in range(260)]
    people.append(invitation(None, "C999"))
    formbricks.conflicting = {"C3"}
    formbricks.before = [lambda: None, lambda: reply({}, 502)]
    outcomes = {each.invitation_id: each for each in client.deliver(people, message="invitation", batch="b")}
    assert len(formbricks.contacts) == 259
    assert formbricks.contacts["p0@x.example"]["invitation_id"] == str(people[0].invitation_id)
    assert formbricks.contacts["p0@x.example"]["about_type"] == "claim"
    assert formbricks.contacts["p0@x.example"]["userId"] == "C0"
    refused = {each.invitation_id: each.reason for each in outcomes.values() if each.event == "refused"}
    assert refused == {people[3].invitation_id: "provider_refused", people[-1].invitation_id: "no_email"}
    assert len(outcomes) == len(people)


@pytest.mark.parametrize("in_array", [True, False])
def test_a_webhook_says_what_the_api_would(formbricks: FakeFormbricks, client: Formbricks, in_array: bool) -> None:
    formbricks.put("r1", at(5), {"nps": 0})
    notice = {"webhookId": "w1", "event": "responseFinished", "data": {**formbricks.rows["r1"], "survey": {"title": "x"}}}
    other = {"webhookId": "w1", "event": "responseCreated", "data": {**formbricks.rows["r1"], "id": "r2", "surveyId": "another"}}
    answers, events = client.read_message([notice, other] if in_array else notice)
    assert list(answers) == list(client.fetch_responses(WINDOW))
    assert list(events) == []
    with pytest.raises(ShopkeeperError, match="no answer"):
        client.read_message({"event": "ping"})
