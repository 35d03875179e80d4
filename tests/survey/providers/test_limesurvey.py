"""LimeSurvey, which reports failure as a success, and ten rows as all of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.survey.providers.fakes import FakeLimeSurvey

from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import ShopkeeperError
from shopkeeper.survey.providers import limesurvey as module
from shopkeeper.survey.providers.base import Invitation, Unanswered, Window
from shopkeeper.survey.providers.limesurvey import LimeSurvey

START, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = Window(START, END)


@pytest.fixture
def client(limesurvey_folder: CompanyFolder, waits: list[float]) -> LimeSurvey:
    return LimeSurvey(limesurvey_folder, "them", sleep=waits.append)


def ids(answers: Iterable[Any]) -> list[int]:
    return [int(answer["native_id"]) for answer in answers]


@pytest.mark.parametrize("wrapped", [False, True])
def test_an_answer_says_what_the_customer_said(limesurvey: FakeLimeSurvey, client: LimeSurvey, wrapped: bool) -> None:
    # 0 is a score; times have no zone and are the company's (Berlin); the token says whose answer it is; a survey without dates
    # writes 1980, which is no time of an answer; without a submitdate the customer has not come to the end.
    invitation = uuid4()
    limesurvey.wrapped = wrapped
    limesurvey.put(1, "2026-03-01 10:00:00", ease="4", nps="0", call="Y", why="", token=invitation.hex)
    limesurvey.put(2, None, nps="3", datestamp="2026-07-01 10:00:00", startdate="2026-07-01 09:55:00", token="x1")
    limesurvey.put(3, "1980-01-01 00:00:00", nps="7", datestamp="2026-03-01 11:00:00", brand_new="?")
    first, second, third = client.fetch_responses(WINDOW)
    assert first == {
        "native_id": "1", "invitation_id": str(invitation), "programme": "visit", "score": "0", "may_call_back": "Y",
        "answers": '{"ease": "4"}', "free_answers": None, "unknown_questions": None, "is_complete": "true", "locale": "de",
        "responded_at": "2026-03-01T09:00:00+00:00", "updated_at": "2026-03-01T09:00:00+00:00", "started_at": "2026-03-01T09:00:00+00:00",
    }  # fmt: skip
    assert (second["is_complete"], second["score"], second["invitation_id"]) == ("false", "3", None)
    assert second["responded_at"] == "2026-07-01T08:00:00+00:00"
    assert (third["is_complete"], third["responded_at"], third["unknown_questions"]) == ("true", "2026-03-01T10:00:00+00:00", "brand_new")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    numbers=st.sets(st.integers(1, 120)), at_once=st.integers(1, 9), last=st.none() | st.integers(1, 120), still_open=st.integers(1, 120)
)
def test_every_answer_is_read_whatever_gaps_the_ids_have(  # noqa: PLR0917
    limesurvey: FakeLimeSurvey, client: LimeSurvey, numbers: set[int], at_once: int, last: int | None, still_open: int
) -> None:
    # Answers that were deleted leave gaps; taking the first gap for the end loses everything after it. A pull goes on from the
    # first answer that may still be added to, not from the beginning.
    limesurvey.rows = {}
    for number in numbers:
        limesurvey.put(number, "2026-03-01 10:00:00", nps="9")
    window = Window(START, END, first_open_id=still_open, last_id=last)
    first = 1 if last is None else min(last + 1, still_open)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "IDS_AT_ONCE", at_once)
        assert ids(client.fetch_responses(window)) == sorted(number for number in numbers if number >= first)


def test_an_empty_survey_is_no_error(client: LimeSurvey) -> None:
    assert list(client.fetch_responses(WINDOW)) == []
    assert list(client.fetch_events(WINDOW)) == []


@pytest.mark.parametrize(
    ("result", "why"),
    [
        ({"status": "No permission"}, "No permission"),
        ({"status": "No Data, survey table does not exist."}, "survey table does not exist"),
        ({"status": "Mail to ada@x.example failed"}, "in its own words"),
        ("no base64 of ours", "no list of answers"),
        (17, "no list of answers"),
    ],
)
def test_an_error_inside_a_success_is_an_error(limesurvey: FakeLimeSurvey, client: LimeSurvey, result: Any, why: str) -> None:
    # Taken for "no answers", it would mark them as read. And its words may name a customer: they are not repeated.
    limesurvey.before["export_responses"] = [lambda: result]
    with pytest.raises(ShopkeeperError, match=why) as raised:
        list(client.fetch_responses(WINDOW))
    assert "ada@x.example" not in str(raised.value)
    assert limesurvey.keys == set()


def test_a_session_that_ends_is_opened_again(limesurvey: FakeLimeSurvey, client: LimeSurvey) -> None:
    limesurvey.put(1, "2026-03-01 10:00:00", nps="9")
    limesurvey.before["export_responses"] = [lambda: limesurvey.keys.clear() or {"status": "Invalid session key"}]  # type: ignore[func-returns-value]
    assert ids(client.fetch_responses(WINDOW)) == [1]
    assert limesurvey.calls.count("get_session_key") == 2
    assert limesurvey.keys == set(), "sessions are given back"


def test_a_wrong_password_is_said_and_not_shown(limesurvey: FakeLimeSurvey, client: LimeSurvey) -> None:
    limesurvey.PASSWORD = "other"  # type: ignore[misc]
    with pytest.raises(ShopkeeperError, match="does not let us in") as raised:
        list(client.fetch_responses(WINDOW))
    assert "lime_secret" not in str(raised.value)


def people(count: int) -> list[Invitation]:
    return [
        Invitation(uuid4(), "visit", "de-DE", END, f"C{number}", None, f"p{number}@x.example", f"Ada {number}") for number in range(count)
    ]


def sent_to(limesurvey: FakeLimeSurvey, kind: str = "invite") -> list[UUID]:
    return [UUID(limesurvey.participants[tid]["token"]) for which, tid in limesurvey.mails if which == kind]


def test_everybody_is_written_to_although_it_takes_fifty_at_a_time(limesurvey: FakeLimeSurvey, client: LimeSurvey) -> None:
    # invite_participants stops after fifty and calls that a success: the rest would never hear from us.
    everybody = people(230)
    limesurvey.undeliverable = {"p7@x.example"}
    everybody.append(Invitation(uuid4(), "visit", "de", END, email="no address"))
    everybody.append(Invitation(uuid4(), "visit", "de", END))
    outcomes = list(client.deliver(everybody, message="invitation", batch="b"))
    assert sorted(each.event for each in outcomes) == ["refused"] * 3 + ["sent"] * 229
    assert sorted(map(str, sent_to(limesurvey))) == sorted(str(each.invitation_id) for each in outcomes if each.event == "sent")
    assert not any("example" in f"{each.code} {each.reason}" for each in outcomes)


@pytest.mark.parametrize("broken", ["add_participants", "invite_participants"])
def test_nobody_is_written_to_twice_after_a_connection_that_broke(limesurvey: FakeLimeSurvey, client: LimeSurvey, broken: str) -> None:
    # The request was carried out and its answer lost. Adding again finds the token taken; whether mails went out is for a person
    # to say, and once said "try again", those who have theirs are not written to again.
    everybody = people(60)
    limesurvey.break_after = {broken}
    outcomes = []
    try:
        outcomes += list(client.deliver(everybody, message="invitation", batch="b"))
    except Unanswered:
        assert broken == "invite_participants"
        outcomes += list(client.deliver(everybody, message="invitation", batch="b2"))
    assert len(outcomes) == 60
    assert {each.event for each in outcomes} == {"sent"}
    assert len(sent_to(limesurvey)) == len(set(sent_to(limesurvey))) == 60


def test_reminders_go_to_those_who_were_invited(limesurvey: FakeLimeSurvey, client: LimeSurvey) -> None:
    everybody = people(3)
    list(client.deliver(everybody, message="invitation", batch="b"))
    limesurvey.participants[2]["completed"] = "2026-03-01 11:00"
    outcomes = list(client.deliver([*everybody, *people(1)], message="reminder", batch="r"))
    assert [each.event for each in outcomes].count("sent") == 2
    assert len(sent_to(limesurvey, "remind")) == 2


def test_all_who_opted_out_are_heard_and_not_ten_of_them(limesurvey: FakeLimeSurvey, client: LimeSurvey) -> None:
    # list_participants gives ten and does not say that there are more. Each one lost is a customer who is asked again after
    # having said no.
    everybody = people(45)
    list(client.deliver(everybody, message="invitation", batch="b"))
    for number, one in limesurvey.participants.items():
        one["emailstatus"] = "OptOut" if number % 2 else "OK"
    limesurvey.most_listed = 10
    limesurvey.participants[2]["emailstatus"] = "bounced"
    told = list(client.fetch_events(WINDOW))
    opted_out = {each.invitation_id for each in told if each.event == "opted_out"}
    assert opted_out == {str(each.invitation_id) for each in everybody[::2]}
    assert [each.invitation_id for each in told if each.event == "bounced"] == [str(everybody[1].invitation_id)]


def test_a_page_in_place_of_the_api_is_no_answer(limesurvey: FakeLimeSurvey, client: LimeSurvey) -> None:
    client.api.url += "/blog"
    with pytest.raises(ShopkeeperError, match="no JSON"):
        list(client.fetch_responses(WINDOW))
