"""Webhooks over the real app, and the calls of an IVR: believed only when signed, kept before acknowledged, called back in time."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
import sqlalchemy as sa
from anyio.from_thread import BlockingPortal, start_blocking_portal
from starlette.applications import Starlette
from tests.survey.conftest import MakeProgrammes
from tests.survey.invitations import put_invitations, put_wave
from tests.survey.people import put

from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import ShopkeeperError
from shopkeeper.survey import control, ledger
from shopkeeper.survey.links import Keys
from shopkeeper.survey.providers import provider_for, standard_webhooks
from shopkeeper.survey.providers.fetch import FetchFailed, fetch_all
from shopkeeper.survey.providers.hand_over import hand_over
from shopkeeper.warehouse import roles
from shopkeeper.web import webhooks
from shopkeeper.web.app import make_app
from shopkeeper.web.guard import networks

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
QUESTIONS = {"q1": "score", "q2": "ease"}
AFTER = {"interaction_types": ["call"], "moment": "occurred_at"}


# --- Standard Webhooks -------------------------------------------------------------------------------------------------


def test_the_published_signature_is_ours() -> None:
    # The vector of the specification's reference libraries; other senders sign like this and not otherwise.
    key = standard_webhooks.key_of(SECRET)
    assert key == standard_webhooks.key_of(SECRET.removeprefix("whsec_"))
    signature = standard_webhooks.sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("change", "is_believed"),
    [
        ({}, True),
        ({"now": 300}, True),
        ({"now": -300}, True),
        ({"now": 301}, False),
        ({"now": -301}, False),
        ({"signatures": "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v2,x {good} v1,y"}, True),
        ({"signatures": "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="}, False),
        ({"signatures": "v1,g0hM9"}, False),
        ({"signatures": "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}, False),
        ({"signatures": "v1,"}, False),
        ({"signatures": "v1,é"}, False),
        ({"signatures": ""}, False),
        ({"message_id": ""}, False),
        ({"message_id": "msg_other"}, False),
        ({"timestamp": ""}, False),
        ({"timestamp": "hello"}, False),
        ({"timestamp": "1614265331"}, False),
        ({"timestamp": "９" * 10}, False),
        ({"body": b'{"test": 2432232315}'}, False),
    ],
)
def test_only_what_was_signed_now_is_believed(change: dict[str, Any], is_believed: bool) -> None:
    key, sent = standard_webhooks.key_of(SECRET), 1614265330
    body: bytes = change.get("body", b'{"test": 2432232314}')
    good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    told = {"message_id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "timestamp": str(sent), "signatures": "{good}"}
    told |= {name: value for name, value in change.items() if name in told}
    told["signatures"] = told["signatures"].replace("{good}", good)
    if is_believed:
        standard_webhooks.verify(key, body, **told, now=sent + change.get("now", 0))
    else:
        with pytest.raises(standard_webhooks.Forged):
            standard_webhooks.verify(key, body, **told, now=sent + change.get("now", 0))


# --- the app ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(make_programmes: MakeProgrammes, tmp_path: Path) -> CompanyFolder:
    return make_programmes(
        providers={
            "phone": {"kind": "ivr", "webhook_secret": SECRET, "questions": QUESTIONS, "in_path": str(tmp_path / "calls" / "*.csv")},
            "cloud": {"kind": "formbricks", "webhook_secret": SECRET, "questions": {"nps": "score"}, "url": "http://127.0.0.1:9",
                      "api_key": "k", "survey_id": "s1"},
        },
        after_a_call={"kind": "post_call", "provider": "phone", "channel": "ivr", "after": AFTER},
    )  # fmt: skip


class Sender:
    """Somebody who knows the secret, in front of the app, which runs in a thread of its own."""

    def __init__(self, portal: BlockingPortal, client: httpx.AsyncClient) -> None:
        self.portal, self.client, self.sent = portal, client, 0

    def from_somewhere(self) -> dict[str, str]:
        """Each message from another address, but where a test says from which: none counts for another's limit."""
        self.sent += 1
        return {"x-forwarded-for": f"198.51.100.{self.sent % 256}"}

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.portal.call(partial(self.client.request, method, path, **options))

    def post(
        self,
        provider: str,
        payload: Any,
        *,
        message_id: str | None = None,
        secret: str = SECRET,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        body = json.dumps(payload).encode() if raw is None else raw
        message_id, now = message_id or str(uuid4()), str(int(time.time()))
        mac = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), f"{message_id}.{now}.".encode() + body, hashlib.sha256)
        signed = {"webhook-id": message_id, "webhook-timestamp": now, "webhook-signature": f"v1,{base64.b64encode(mac).decode()}"}
        return self.request("POST", f"/webhooks/{provider}", content=body, headers=self.from_somewhere() | signed | (headers or {}))

    def call(self, event: str, call_id: str, *, ago: float = 0, customer: str = "C1", message_id: str | None = None, **data: Any) -> Any:
        moment = (datetime.now(UTC) - timedelta(seconds=ago)).isoformat()
        told = {"type": f"call.{event}", "timestamp": moment, "data": {"call_id": call_id, "customer_id": customer, **data}}
        return self.post("phone", told, message_id=message_id)


@pytest.fixture
def web(warehouse: sa.Engine, folder: CompanyFolder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sender]:
    """The app with the role of the survey page, on the machine and database that are the live ones."""
    with warehouse.connect() as connection:
        instance = str(connection.scalar(sa.text("select instance_id from ops.instance")))
    monkeypatch.setenv("SHOPKEEPER_DELIVERY", "live")
    monkeypatch.setenv("SHOPKEEPER_INSTANCE_ID", instance)
    monkeypatch.setenv("SMTP_URL", "smtp://127.0.0.1:9")
    name = f"page_{warehouse.url.database}"
    password = roles.create_login(warehouse, name, "survey_page")
    url = warehouse.url.set(drivername="postgresql", username=name, password=password).render_as_string(hide_password=False)
    limits = replace(webhooks.LIMITS, per_client=20)
    app = make_app(
        folder.company,
        Keys([("k", b"secret" * 6)]),
        url,
        programmes=folder.programmes,
        webhook_limits=limits,
        trusted=networks("127.0.0.1"),
    )
    assert isinstance(app.app, Starlette)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app, client=("127.0.0.1", 1)), base_url="http://127.0.0.1")
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(app.app.router.lifespan_context(app.app)):
        yield Sender(portal, client)
        portal.call(client.aclose)


def kept(engine: sa.Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(
            connection.execute(sa.text("select provider, native_id, payload, reply from pii.provider_messages order by message_id"))
        )


def test_what_is_acknowledged_is_kept_once_and_nothing_else_is(web: Sender, warehouse: sa.Engine) -> None:
    payload = [{"event": "responseFinished", "data": {"id": "r1"}}]
    assert web.post("cloud", payload, message_id="m1").json() == {"received": True, "is_new": True}
    assert web.post("cloud", payload, message_id="m1").json() == {"received": True, "is_new": False}, "sent again, it is the same message"
    assert web.post("cloud", {"other": 1}, message_id="m1").json()["is_new"] is False
    other = "whsec_" + base64.b64encode(b"other" * 6).decode()
    refused = {
        401: [web.post("cloud", payload, secret=other), web.request("POST", "/webhooks/cloud", json=payload)],
        400: [web.post("cloud", None, raw=b"{not json"), web.post("cloud", {"a": "\x00"}), web.post("cloud", {}, message_id="x" * 300)],
        413: [web.post("cloud", ["x" * (1 << 20)])],
        404: [web.post("nobody", payload)],
        405: [web.request("GET", "/webhooks/cloud")],
        422: [web.post("phone", {"type": "call.exploded", "data": {}}), web.call("ended", "")],
    }  # fmt: skip
    for status, answers in refused.items():
        assert [answer.status_code for answer in answers] == [status] * len(answers)
    assert [tuple(row)[:3] for row in kept(warehouse)] == [("cloud", "m1", payload)]


def test_a_flood_of_messages_is_told_when_to_come_back(web: Sender, warehouse: sa.Engine) -> None:
    """Forged ones too: each costs work. A provider keeps what was not acknowledged, and other providers are not held up."""
    flood = {"x-forwarded-for": "203.0.113.5"}
    answers = [web.request("POST", "/webhooks/cloud", content=b"forged", headers=flood) for _ in range(20)]
    assert {answer.status_code for answer in answers} == {401}
    refused = web.post("cloud", {"a": 1}, message_id="m1", headers=flood)
    assert (refused.status_code, "too many" in refused.json()["error"]) == (429, True)
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert kept(warehouse) == []
    assert web.post("cloud", {"a": 1}, message_id="m1", headers={"x-forwarded-for": "203.0.113.6"}).json()["is_new"] is True


def test_a_warehouse_that_is_away_acknowledges_nothing(web: Sender, warehouse: sa.Engine) -> None:
    # The sender keeps what it was not thanked for, and sends it again.
    login = f"page_{warehouse.url.database}"
    end = sa.text("select pg_terminate_backend(pid) from pg_stat_activity where usename = :login")
    with warehouse.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text(f'alter role "{login}" nologin'))
        connection.execute(end, {"login": login})
        assert web.post("cloud", {"a": 1}, message_id="m1").status_code == 503
        connection.execute(sa.text(f'alter role "{login}" login'))
    deadline = time.monotonic() + 60  # the pool waits longer after each try; a sender tries again too
    while (answer := web.post("cloud", {"a": 1}, message_id="m1")).status_code == 503 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert answer.json()["is_new"] is True


def test_a_message_that_says_nothing_known_is_told_once_and_holds_up_nothing(
    web: Sender, warehouse: sa.Engine, folder: CompanyFolder
) -> None:
    row = {"id": "r1", "surveyId": "s1", "createdAt": "2026-03-01T10:00:00Z", "updatedAt": "2026-03-01T10:00:00Z", "finished": True}
    web.post("cloud", {"event": "ping"})
    web.post("cloud", [{"webhookId": "w", "event": "responseFinished", "data": {**row, "data": {"nps": 0}}}])
    now = datetime.now(UTC)
    for known in (["cannot be reached", "is no answer"], ["cannot be reached"]):
        with pytest.raises(FetchFailed) as raised:
            fetch_all(warehouse, folder, now=now, sleep=lambda seconds: None)
        assert sorted(known_one for known_one in known if known_one in str(raised.value)) == known
        assert len(raised.value.problems) == len(known)
    with warehouse.connect() as connection:
        assert connection.execute(sa.text("select native_id, score from raw.survey_responses")).all() == [("r1", 0)]


# --- calls ------------------------------------------------------------------------------------------------------------


def told(engine: sa.Engine, invitation: UUID) -> list[tuple[str, str | None]]:
    query = sa.text("select event, reason from ops.invitation_events where invitation_id = :id order by event_id")
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query, {"id": invitation})]


def invite(engine: sa.Engine, folder: CompanyFolder, calls: dict[str, str]) -> list[UUID]:
    """What the trigger draws once the calls have come from the CRM, an hour later."""
    now = datetime.now(UTC)
    people = sorted(set(calls.values()))
    put(engine, "customers", [{"customer_id": each, "joined_on": now.date(), "email": f"{each}@x.example"} for each in people])
    wave = put_wave(engine, folder, "after_a_call", now, delivery="live")
    with engine.begin() as connection:
        connection.execute(
            sa.text("insert into ops.wave_events (wave_id, event, actor, recorded_at) values (:wave, 'approved', 'me', now())"),
            {"wave": wave},
        )
    return put_invitations(engine, wave, list(calls.values()), now, interactions=list(calls), provider="phone", channel="ivr")


def test_a_call_goes_from_the_offer_to_the_answer(web: Sender, warehouse: sa.Engine, folder: CompanyFolder) -> None:
    # The call-back is asked for in the reply to the hang-up. The CRM tells of the call an hour later: by then everything has
    # happened, and it must all find its invitation, once.
    web.call("offered", "call1", ago=300)
    web.call("agreed", "call1", ago=295)
    assert web.call("ended", "call1", ago=5, message_id="bye").json() == {"call_back": True, "reason": None}
    assert web.call("ended", "call1", ago=5, message_id="bye").json() == {"call_back": True, "reason": None}, "asked again, the same reply"
    assert web.call("ended", "call1", ago=5).json() == {"call_back": False, "reason": "already_requested"}, "nobody is called twice"
    web.call("called_back", "call1")
    web.call("reached", "call1")
    web.call("answered", "call1", answers={"q1": 0, "q2": "3"})
    early = fetch_once(warehouse, folder)
    assert (early["accepted"], early["events"], early["unmatched_events"]) == (1, 0, 5)
    [invitation] = invite(warehouse, folder, {"call1": "C1"})
    assert hand_over(warehouse, folder, clock=lambda: datetime.now(UTC)).summary()["sent"] == 1
    late = fetch_once(warehouse, folder)
    assert (late["events"], late["unmatched_events"]) == (5, 0)
    events = [event for event, _ in told(warehouse, invitation)]
    assert events[:3] == ["claimed", "sending", "sent"]
    assert sorted(events[3:]) == sorted(["completed", "offered", "agreed", "called_back", "reached", "answered"])
    assert fetch_once(warehouse, folder)["rows_in"] == 0
    answer = """
        select invitation_id, score, answers, programme, customer_id from raw.survey_responses
        order by _loaded_at desc, _batch_id desc limit 1
    """
    with warehouse.connect() as connection:
        assert tuple(connection.execute(sa.text(answer)).one()) == (str(invitation), 0, {"ease": "3"}, "after_a_call", "C1")
        assert ledger.contradictions(connection) == []


def fetch_once(engine: sa.Engine, folder: CompanyFolder) -> dict[str, Any]:
    with pytest.raises(FetchFailed) as raised:  # the other provider is away
        fetch_all(engine, folder, now=datetime.now(UTC), sleep=lambda seconds: None)
    return raised.value.fetched.summary()


def test_nobody_is_called_back_late_unasked_or_against_their_will(
    web: Sender, warehouse: sa.Engine, folder: CompanyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A minute after the hang-up people are doing something else. Each refusal says why, to us, and that is where it ends.
    now = datetime.now(UTC)
    customers = {"late": "C1", "silent": "C2", "blocked": "C3", "twice": "C5", "paused": "C6", "sandbox": "C7"}
    for call, customer in customers.items():
        web.call("offered", call, customer=customer, ago=200)
        if call != "silent":
            web.call("agreed", call, customer=customer, ago=190)
    assert web.call("ended", "late", customer="C1", ago=61).json() == {"call_back": False, "reason": "late"}
    assert web.call("ended", "silent", customer="C2").json() == {"call_back": False, "reason": "not_agreed"}
    with warehouse.begin() as connection:
        connection.execute(
            sa.text(
                "insert into pii.contact_blocks (kind, customer_id, blocked_by, blocked_at) values ('do_not_contact', 'C3', 'me', now())"
            )
        )
    assert web.call("ended", "blocked", customer="C3").json() == {"call_back": False, "reason": "not_now"}
    web.call("agreed", "earlier", customer="C5", ago=90)
    assert web.call("ended", "earlier", customer="C5").json()["call_back"] is True
    assert web.call("ended", "twice", customer="C5").json() == {"call_back": False, "reason": "not_now"}
    control.pause(warehouse, programme=None, reason="storm", actor="me", now=now)
    assert web.call("ended", "paused", customer="C6").json() == {"call_back": False, "reason": "not_now"}
    invitations = invite(warehouse, folder, customers | {"unheard": "C8"})
    replies = {row.payload["data"]["call_id"]: row.reply for row in kept(warehouse) if row.reply}
    expected = {"late": "late", "silent": "not_agreed", "blocked": "blocked", "twice": "quarantine", "paused": "paused"}
    assert {call: replies.get(call) for call in expected} == expected
    control.resume(warehouse, programme=None, actor="me", now=now)
    hand_over(warehouse, folder, clock=lambda: datetime.now(UTC))
    reasons = [told(warehouse, each)[-1] for each in invitations]
    assert reasons[:5] == [("not_sent", reason) for reason in expected.values()]
    assert reasons[-1] == ("not_sent", "no_hang_up_heard")


def test_a_laptop_with_live_settings_calls_nobody(
    warehouse: sa.Engine, folder: CompanyFolder, web: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A restored copy of the database has an id of its own: what the environment names is another.
    with warehouse.begin() as connection:
        connection.execute(sa.text("update ops.instance set instance_id = gen_random_uuid()"))
    web.call("agreed", "call1", ago=30)
    assert web.call("ended", "call1").json()["call_back"] is False
    assert kept(warehouse)[-1].reply == "sandbox"


def test_calls_come_in_files_too(web: Sender, warehouse: sa.Engine, folder: CompanyFolder, tmp_path: Path) -> None:
    # Read again and again; a hang-up that has lain in a file for an hour is late, and nobody is called back for it.
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    (tmp_path / "calls").mkdir()
    lines = ["event,call_id,customer_id,occurred_at,q1,q2"]
    lines += [
        f"{event},call9,C9,{(hour_ago + timedelta(seconds=place)).isoformat()},,"
        for place, event in enumerate(("offered", "agreed", "ended"))
    ]
    lines += [f"answered,call8,C8,{hour_ago.isoformat()},0,5", f"answered,call7,C7,{hour_ago.isoformat()},11,5"]
    (tmp_path / "calls" / "1.csv").write_text("\n".join(lines))
    summary = fetch_once(warehouse, folder)
    assert (summary["accepted"], summary["rejected"]) == (1, 1)
    assert [row.reply for row in kept(warehouse)] == [None, None, "late", None, None]
    fetch_once(warehouse, folder)
    assert len(kept(warehouse)) == 5
    moment = hour_ago.isoformat()
    rows = f"offered,call6,yesterday\nexploded,call6,{moment}\noffered,,{moment}\noffered,call6,{moment}\n"
    (tmp_path / "calls" / "0.csv").write_text(f"event,call_id,occurred_at\n{rows}")
    with pytest.raises(FetchFailed, match=r"0\.csv, row 1: does not say when") as raised:
        fetch_all(warehouse, folder, now=datetime.now(UTC), sleep=lambda seconds: None)
    assert sum("0.csv" in problem.where for problem in raised.value.problems) == 3
    assert len(kept(warehouse)) == 6, "a bad row holds up no good one"


def test_six_questions_are_too_many_by_telephone(make_programmes: MakeProgrammes) -> None:
    questions = {"q0": "score", **{f"q{number}": f"role_{number}" for number in range(1, 6)}}
    folder = make_programmes(providers={"phone": {"kind": "ivr", "questions": questions}})
    with pytest.raises(ShopkeeperError, match="nobody answers more than 5"):
        provider_for(folder, "phone")


def test_the_role_of_the_page_reads_no_message(web: Sender, warehouse: sa.Engine) -> None:
    web.post("cloud", {"a": 1})
    with warehouse.connect() as connection:
        connection.execute(sa.text("set local role survey_page"))
        with pytest.raises(sa.exc.ProgrammingError) as raised:
            connection.execute(sa.text("select * from pii.provider_messages"))
        assert isinstance(raised.value.orig, psycopg.errors.InsufficientPrivilege)
