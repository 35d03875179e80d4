"""The survey page over HTTP: what is kept, what is refused, and what nobody else gets to see."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa
from starlette.applications import Starlette
from tests.web.survey_site import KEYS, Site, a_company, a_programme, add_interaction, add_invitations, add_wave, submissions, token

from shopkeeper.company.config import Company
from shopkeeper.errors import ShopkeeperError
from shopkeeper.quality import sites
from shopkeeper.survey.links import Keys
from shopkeeper.warehouse.engine import connect_raw
from shopkeeper.web.app import make_app
from shopkeeper.web.guard import Counter, SecurityHeaders, client_address, networks
from shopkeeper.web.server import serve


@pytest.fixture
def invitation(database: sa.Engine) -> UUID:
    return invite(database)


def invite(database: sa.Engine, **columns: object) -> UUID:
    with database.connect() as connection:
        wave_id = connection.scalar(sa.text("select wave_id from ops.waves where name = '2026-03-01'"))
    return add_invitations(database, wave_id, **columns)[0]  # type: ignore[arg-type]


@pytest.fixture
def client(site: Site, address: str) -> httpx.Client:
    return site.client(address)


def score_of(value: object) -> dict[str, str]:
    return {"step": "score", "score": str(value), "opened": str(int(datetime.now(UTC).timestamp()) - 5)}


def kept(database: sa.Engine, invitation: UUID) -> list[tuple[int | None, bool]]:
    return [(row["score"], row["is_complete"]) for row in submissions(database, invitation)]


# --- the way through ---------------------------------------------------------------------------------------------------


def test_an_answer_step_by_step(client: httpx.Client, database: sa.Engine, invitation: UUID) -> None:
    """Mail scanners open every link: opening must not record. A customer who stops half way must not be lost."""
    link = f"/s/{token(invitation)}"
    for _ in range(2):
        opened = client.get(f"{link}?score=9")
        assert opened.status_code == 200
        assert re.findall(r'value="(\d+)" checked', opened.text) == ["9"]
    client.head(f"{link}?score=9")
    assert kept(database, invitation) == []

    sent = client.post(f"{link}?score=9", data=score_of(9))
    assert sent.status_code == 303
    assert kept(database, invitation) == [(9, False)]
    follow_up = client.get(str(httpx.URL(f"{client.base_url}{link}").join(sent.headers["location"])))
    asked = set(re.findall(r'name="(\w+)"', follow_up.text)) - {"step", "opened", "viewport", "color-scheme"}
    assert asked == {"verbatim", "reason", "ease", "heard_from", "would_have_come_anyway", "may_call_back"}, "what fits a promoter"

    rest = {"step": "rest", "verbatim": "Schnell &\r\nfreundlich", "reason": "service", "ease": "5", "may_call_back": "yes"}
    assert client.post(link, data=rest).status_code == 303
    thanks = client.get(link)
    assert (thanks.status_code, "Thank you" in thanks.text) == (200, True)
    first, last = submissions(database, invitation)
    assert (last["is_complete"], last["score"], last["may_call_back"]) == (True, None, True)
    assert last["answers"] == {"reason": "service", "ease": "5"}
    assert last["free_answers"] == {"verbatim": "Schnell &\nfreundlich"}
    assert last["locale"] == "en"
    # Seconds on the page tell speeders; only the first row carries when it was opened.
    assert timedelta(seconds=4) < first["received_at"] - first["started_at"] < timedelta(seconds=20)
    assert last["started_at"] is None
    assert first["client_hash"] == last["client_hash"]
    assert re.fullmatch("[0-9a-f]{32}", first["client_hash"])


def test_once_complete_nothing_is_added(client: httpx.Client, database: sa.Engine, invitation: UUID) -> None:
    """A link that is passed on, or sent again, must not change what the customer said."""
    link = f"/s/{token(invitation)}"
    client.post(link, data=score_of(3))
    client.post(link, data={"step": "rest"})
    for again in (score_of(10), {"step": "rest", "verbatim": "no, wonderful"}):
        refused = client.post(link, data=again)
        assert (refused.status_code, "already answered" in refused.text) == (409, True)
    assert kept(database, invitation) == [(3, False), (None, True)]


def test_two_last_answers_at_once_and_one_counts(database: sa.Engine, invitation: UUID, page_login: str) -> None:
    """Single use holds in the database, where two workers meet, and not in either of them."""
    record = "select ops.record_answer(%s, null, true, '{}', '{}', null, null, null)"
    with connect_raw(page_login) as one, connect_raw(page_login) as other:
        assert one.execute(record, [invitation]).fetchone() == ("recorded",)
        other.autocommit = True
        other.execute("set lock_timeout = '200ms'")
        with pytest.raises(Exception, match="lock timeout"):
            other.execute(record, [invitation])
        one.commit()
        assert other.execute(record, [invitation]).fetchone() == ("already_answered",)
    assert len(submissions(database, invitation)) == 1


def test_a_score_can_be_changed_while_the_survey_is_open(client: httpx.Client, database: sa.Engine, invitation: UUID) -> None:
    link = f"/s/{token(invitation)}"
    client.post(link, data=score_of(9))
    assert 'value="2" checked' in client.get(f"{link}?score=2").text, "another button of the e-mail"
    assert 'value="9" checked' in client.get(f"{link}?change").text
    client.post(link, data=score_of(2))
    assert 'name="improvement"' in client.get(link).text, "now asked what detractors are asked"
    assert kept(database, invitation) == [(9, False), (2, False)]


def test_a_survey_of_the_score_alone_ends_with_it(client: httpx.Client, database: sa.Engine) -> None:
    wave = add_wave(database, a_programme(questions={"score": {}, "improvement": {"ask": ["detractor"]}}), "short")
    happy, unhappy = add_invitations(database, wave, 2)
    client.post(f"/s/{token(happy)}", data=score_of(10))
    client.post(f"/s/{token(unhappy)}", data=score_of(0))
    assert (kept(database, happy), kept(database, unhappy)) == ([(10, True)], [(0, False)])
    assert "Thank you" in client.get(f"/s/{token(happy)}").text


def test_without_a_score_the_page_asks_again(client: httpx.Client, database: sa.Engine, invitation: UUID) -> None:
    again = client.post(f"/s/{token(invitation)}", data={"step": "score", "score": ""})
    assert (again.status_code, "choose a number from 0 to 10" in again.text) == (422, True)
    assert client.post(f"/s/{token(invitation)}", data={"step": "rest", "verbatim": "x"}).status_code == 400
    assert kept(database, invitation) == []


def test_the_page_says_what_it_is_about(client: httpx.Client, database: sa.Engine) -> None:
    """As the CRM has it now, in company time, in the customer's language; a batch that no gate has passed is not shown."""
    add_interaction(database, "I1", "call", "2026-03-01T10:00:00Z")
    add_interaction(database, "I1", "claim", "2026-03-02T23:30:00Z", updated_at="2026-03-06")
    add_interaction(database, "I1", "visit", "2026-03-09T10:00:00Z", updated_at="2026-03-09", status="failed")
    about = invite(database, interaction_id="I1", locale="de")
    page = client.get(f"/s/{token(about)}").text
    assert "Ihr Schadenfall vom 3.\N{NO-BREAK SPACE}März" in page
    assert '<html lang="de">' in page
    assert "Ihr Kontakt" not in client.get(f"/s/{token(invite(database, interaction_id='I-unknown', locale='de'))}").text


def test_hostile_content_stays_text(client: httpx.Client, database: sa.Engine, address: str) -> None:
    """A name or wording with markup in it would run in the customer's browser, on a page that takes their answers."""
    evil = '<script>alert("1")</script>&"\'<b>'
    text = {"en": f"Would you {evil}?"}
    hostile = a_programme(questions={"score": {"text": text}, "colour": {"kind": "choice", "text": text, "choices": {"red": text}}})
    add_interaction(database, evil, evil, "2026-03-02T10:00:00Z")
    invitation = add_invitations(database, add_wave(database, hostile, "hostile"), locale=evil[:30], interaction_id=evil)[0]
    link = f"/s/{token(invitation)}"
    pages = [client.get(f"{link}?score={evil}"), client.post(link, data=score_of(evil)), client.post(link, data={"step": evil})]
    client.post(link, data=score_of(7))
    pages += [client.get(link), client.get(f"/{evil}"), client.get(f"/s/{evil}", headers={"accept-language": evil})]
    assert [page.status_code for page in pages] == [200, 400, 400, 200, 404, 404]
    for page in pages:
        assert "<script>" not in page.text
        assert "<b>" not in page.text
    assert "Would you &lt;script&gt;" in pages[0].text
    client.post(link, data={"step": "rest", "verbatim": "\0" + evil, "colour": "red"})
    assert submissions(database, invitation)[-1]["answers"] == {"colour": "red"}


# --- refusals ----------------------------------------------------------------------------------------------------------


def test_links_that_are_refused(client: httpx.Client, database: sa.Engine, invitation: UUID) -> None:
    good = token(invitation)
    expired = invite(database, days_left=-1, locale="fr")
    refused = {
        good[:-5]: 404,
        good.replace(good[7], "A" if good[7] != "A" else "B", 1): 404,
        token(invitation, keys="k1:" + "another-secret-altogether"): 404,
        token(invitation, keys="k9:" + KEYS.partition(":")[2]): 404,
        token(uuid4()): 404,
        token(expired, days_left=-1): 410,
        token(expired, days_left=1): 410,  # the ledger has the last word
    }
    for link, status in refused.items():
        for response in (client.get(f"/s/{link}"), client.post(f"/s/{link}", data=score_of(9))):
            assert response.status_code == status, link
            assert "text/html" in response.headers["content-type"]
    assert "Cette enquête est terminée" in client.get(f"/s/{token(expired, days_left=-1)}").text, "in the customer's language"
    german = client.get("/s/forged", headers={"accept-language": "ja, de-AT;q=0.8, en;q=0.1"})
    assert "Dieser Link funktioniert nicht" in german.text, "nobody is known: in the browser's"
    assert kept(database, invitation) == kept(database, expired) == []


def test_keys_rotate_and_the_clock_ends_a_link(page_login: str, invitation: UUID) -> None:
    """Links lie in mailboxes for weeks: a new key in front must not break them."""
    company = Company(name="Brunnenhof", timezone="UTC", currency="EUR")
    old = token(invitation)
    for keys, status in ((f"k2:{'n' * 24},{KEYS}", 200), (f"k2:{'n' * 24}", 404)):
        assert statuses(make_app(company, Keys.read(keys), page_login), f"/s/{old}") == [status]
    # The clock is the app's: at the second of expiry the link is over, whatever it was when it was sent.
    at_expiry = datetime.now(UTC) + timedelta(days=30, minutes=1)
    later = make_app(company, Keys.read(KEYS), page_login, clock=lambda: at_expiry)
    assert statuses(later, f"/s/{old}", f"/u/{old}") == [410, 200], "one may still unsubscribe"


@contextlib.asynccontextmanager
async def reading(app: SecurityHeaders) -> AsyncIterator[httpx.AsyncClient]:
    starlette = app.app
    assert isinstance(starlette, Starlette)
    async with starlette.router.lifespan_context(starlette), httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        yield client


def statuses(app: SecurityHeaders, *paths: str) -> list[int]:
    async def get() -> list[int]:
        async with reading(app) as client:
            return [(await client.get(f"http://page{path}")).status_code for path in paths]

    return asyncio.run(get())


def test_who_answered_reads_what_was_done_about_it(client: httpx.Client, page_login: str, database: sa.Engine, invitation: UUID) -> None:
    """Customers who never hear what became of their words stop answering. Before the answer it would colour the score, and employees
    were asked about something else."""
    staff_wave = add_wave(database, a_programme(kind="employee"), "2026-03-02")
    (colleague,) = add_invitations(database, staff_wave, customer_id=None, employee_id="E5")
    for answered in (invitation, colleague):
        client.post(f"/s/{token(answered)}", data=score_of(3))
        assert client.post(f"/s/{token(answered)}", data={"step": "rest"}).status_code == 303
    told = [{"you_said": f"Letters <{n}>", "we_did": f"Plain words {n}"} for n in range(5)]
    now = [datetime.now(UTC)]
    app = make_app(Company(name="Brunnenhof", timezone="UTC", currency="EUR"), Keys.read(KEYS), page_login, clock=lambda: now[0])

    async def walk() -> None:
        async with reading(app) as reader:

            async def words(invitation: UUID) -> list[tuple[str, str]]:
                page = (await reader.get(f"http://page/s/{token(invitation)}")).text
                return re.findall("<blockquote>(.*?)</blockquote><figcaption>(.*?)</figcaption>", page)

            assert await words(invitation) == []
            site = sites.zip_of([("you-said.json", json.dumps(told).encode())])
            sites.store(database, "you_said", site, now=now[0])
            assert await words(invitation) == [], "looked up every five minutes at most"
            now[0] += timedelta(minutes=5)
            assert await words(invitation) == [(f"Letters &lt;{n}&gt;", f"Plain words {n}") for n in range(3)]
            assert await words(invite(database)) == []
            assert await words(colleague) == []
            sites.forget(database, "you_said")
            now[0] += timedelta(minutes=5)
            assert await words(invitation) == [], "what is no longer to be told is gone"

    asyncio.run(walk())


def test_what_is_no_answer_is_refused(client: httpx.Client, database: sa.Engine, invitation: UUID) -> None:
    link = f"/s/{token(invitation)}"
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        refused = client.request(method, link)
        assert refused.status_code == 405
        assert {"GET", "POST"} <= set(refused.headers["allow"].split(", "))
        assert "<h1>" in refused.text
    for score in ("11", "-1", "9.5", "nine", "９"):
        assert client.post(link, data=score_of(score)).status_code == 400, score
    assert client.post(link, json={"score": 9}).status_code == 400
    assert client.post(link, data=dict.fromkeys(map(str, range(200)), "x")).status_code == 400
    client.post(link, data=score_of(9))
    assert client.post(link, data={"step": "rest", "reason": "made up"}).status_code == 400
    assert client.post(link, data={"step": "rest", "verbatim": "x" * 4001}).status_code == 413
    assert client.post(link, data={"step": "rest", "verbatim": "\r\n" * 1999 + "🙂" * 2001}).status_code == 303, "4000 as browsers count"
    assert kept(database, invitation) == [(9, False), (None, True)]


def test_oversized_requests_are_not_read_to_the_end(site: Site, client: httpx.Client, database: sa.Engine, invitation: UUID) -> None:
    link = f"/s/{token(invitation)}"

    def endless():  # type: ignore[no-untyped-def]
        yield b"step=score&score=9&verbatim="
        for _ in range(64):
            yield b"x" * 65536

    form = {"content-type": "application/x-www-form-urlencoded"}
    for body in (b"x" * (200 * 1024), endless()):
        # Or cut off while still sending: as clear a refusal as a flood deserves.
        with contextlib.suppress(httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
            assert client.post(link, content=body, headers=form).status_code == 413
    assert kept(database, invitation) == []


def test_a_flood_is_told_to_wait(page_login: str, database: sa.Engine, invitation: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    """Per link, however many clients; per client, however many links. Others are not held up."""
    monkeypatch.setattr(Counter, "MINUTE", 3600.0)  # on a busy machine the flood takes so long that some of it is let in again
    company = Company(name="Brunnenhof", timezone="UTC", currency="EUR")
    app = make_app(company, Keys.read(KEYS), page_login, trusted=networks("127.0.0.1"))
    link, others = f"/s/{token(invitation)}", [f"/s/{token(invite(database))}" for _ in range(2)]

    async def flood() -> None:
        async with reading(app) as client:

            async def get(path: str, address: str) -> httpx.Response:
                return await client.get(f"http://page{path}", headers={"x-forwarded-for": address, "accept-language": "de"})

            assert [(await get(link, f"203.0.113.{n}")).status_code for n in range(50)].count(200) == 40
            refused = await get(link, "203.0.113.200")
            assert (refused.status_code, "Das ging zu schnell" in refused.text) == (429, True)
            assert 1 <= int(refused.headers["retry-after"]) <= Counter.MINUTE
            statuses = [(await get("/s/guessed", "198.51.100.9")).status_code for _ in range(640)]
            assert (set(statuses[:600]), set(statuses[600:])) == ({404}, {429})
            greedy = {"x-forwarded-for": "198.51.100.9"}
            assert (await client.post(f"http://page{others[0]}", data=score_of(9), headers=greedy)).status_code == 429
            assert (await get(others[1], "203.0.113.201")).status_code == 200

    asyncio.run(flood())


def test_only_a_declared_proxy_is_believed() -> None:
    """A client who could choose its address would have no limit at all, and would be another device with each answer."""
    proxies = networks("127.0.0.1, 10.0.0.0/8, fd00::/8")
    assert client_address("192.0.2.1", ["203.0.113.5"], proxies) == "192.0.2.1"
    assert client_address("127.0.0.1", ["203.0.113.5"], ()) == "127.0.0.1"
    assert client_address("10.1.1.1", ["6.6.6.6, 203.0.113.5, 10.2.2.2"], proxies) == "203.0.113.5"
    assert client_address("10.1.1.1", ["6.6.6.6", "203.0.113.5"], proxies) == "203.0.113.5"
    assert client_address("10.1.1.1", ["6.6.6.6, rubbish, 10.2.2.2"], proxies) == "10.2.2.2"
    assert client_address("fd00::1", ["2001:db8:1:2:aaaa::1"], proxies) == client_address("fd00::1", ["2001:db8:1:2:bbbb::2"], proxies)
    assert client_address("::ffff:192.0.2.1", [], proxies) == "192.0.2.1"
    assert client_address(None, [], proxies) == "None"


# --- saying no to this one ---------------------------------------------------------------------------------------------


def events(database: sa.Engine, invitation: UUID) -> list[tuple[str, str]]:
    query = "select event, actor from ops.invitation_events where invitation_id = :id order by event_id"
    with database.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query), {"id": invitation})]  # type: ignore[misc]


def test_no_thanks_ends_this_survey_and_no_other(client: httpx.Client, database: sa.Engine) -> None:
    """A customer who can only answer or unsubscribe for good unsubscribes. One who thinks better of it may still answer."""
    for locale, (button, heading) in NO_THANKS.items():
        invitation = invite(database, locale=locale)
        link, no = f"/s/{token(invitation)}", {"step": "decline"}
        assert f'<button class="quiet">{button}</button>' in client.get(link).text
        client.get(f"{link}?step=decline")
        client.request("HEAD", f"{link}?step=decline")
        assert events(database, invitation) == [], "scanners open links, and post no forms"
        for _ in range(2):
            declined = client.post(link, data=no)
            assert (declined.status_code, f"<h1>{heading}</h1>" in declined.text) == (200, True)
        assert events(database, invitation) == [("declined", "customer")], "once, however often"
        assert blocks(database, invitation) == [], "other surveys are still welcome"
        assert client.post(link, data=score_of(6)).status_code == 303
        assert kept(database, invitation) == [(6, False)]
        assert button not in client.get(f"{link}?change").text
        late = client.post(link, data=no)
        assert (late.status_code, events(database, invitation)) == (409, [("declined", "customer")]), "an answer stays one"
    expired = invite(database, days_left=-1)
    assert client.post(f"/s/{token(expired)}", data=no).status_code == 410
    assert client.post("/s/forged", data=no).status_code == client.post(f"/s/{token(uuid4())}", data=no).status_code == 404
    assert events(database, expired) == []


NO_THANKS = {
    "en": ("No thanks, not this time", "All right, not this time"),
    "de": ("Nein danke, diesmal nicht", "In Ordnung, diesmal nicht"),
    "fr": ("Non merci, pas cette fois", "Entendu, pas cette fois"),
    "es": ("No, gracias, esta vez no", "De acuerdo, esta vez no"),
    "pt": ("Não, obrigado, desta vez não", "Está bem, desta vez não"),
}


# --- test e-mails ------------------------------------------------------------------------------------------------------


def test_the_link_of_a_test_email_goes_all_the_way_and_records_nothing(client: httpx.Client, database: sa.Engine) -> None:
    """Staff who approve a wave must see its pages; what they click must not become a customer's answer, or end the survey."""
    invitation = invite(database, locale="de")
    client.post(f"/s/{token(invitation)}", data=score_of(3))
    before = submissions(database, invitation)
    link = f"/s/{token(invitation, is_test=True)}"
    first = client.get(f"{link}?score=9")
    assert re.findall(r'value="(\d+)" checked', first.text) == ["9"]
    sent = client.post(link, data=score_of(9))
    following = client.get(str(httpx.URL(f"{client.base_url}{link}").join(sent.headers["location"])))
    assert 'name="heard_from"' in following.text, "what a promoter is asked"
    pages = [first, following, client.post(link, data={"step": "rest", "verbatim": "x"}), client.post(link, data={"step": "decline"})]
    pages += [client.post(link, data={"step": "score"}), client.post(link, data=score_of(99)), client.get(f"{link}?given=99")]
    pages += [client.get(link.replace("/s/", "/u/")), client.post(link.replace("/s/", "/u/"))]
    assert [page.status_code for page in pages] == [200, 200, 200, 200, 422, 422, 200, 200, 200]
    for page in pages:
        assert "Dies ist ein Test. Auf diesen Seiten wird nichts gespeichert." in page.text
        assert "Bewertung 3" not in page.text, "what the customer said is not for staff"
        assert "gegeben" not in page.text
    assert submissions(database, invitation) == before
    assert events(database, invitation) == blocks(database, invitation) == []
    assert "Dies ist ein Test" not in client.get(f"/s/{token(invitation)}").text


# --- unsubscribing -----------------------------------------------------------------------------------------------------


def blocks(database: sa.Engine, invitation: UUID) -> list[tuple[str, str]]:
    with database.connect() as connection:
        found = connection.execute(
            sa.text(
                "select blocks.kind, blocks.customer_id, events.event, events.actor from pii.contact_blocks as blocks"
                " join ops.invitation_events as events using (invitation_id) where invitation_id = :id"
            ),
            {"id": invitation},
        )
        return [tuple(row) for row in found]  # type: ignore[misc]


def test_unsubscribing_by_page_and_by_one_click(client: httpx.Client, database: sa.Engine) -> None:
    """RFC 8058: the mail program posts, in either encoding, and follows nothing. Scanners that open the link unsubscribe nobody."""
    by_page, by_click = invite(database, customer_id="C7", locale="pt"), invite(database, customer_id="C8")
    link = f"/u/{token(by_page)}"
    asked = client.get(link)
    assert (asked.status_code, "Não quer mais inquéritos?" in asked.text) == (200, True)
    client.head(link)
    assert blocks(database, by_page) == []
    assert "Não receberá mais inquéritos" in client.post(link).text
    for one_click in ({"data": {"List-Unsubscribe": "One-Click"}}, {"files": {"List-Unsubscribe": (None, "One-Click")}}):
        assert client.post(f"/u/{token(by_click)}", **one_click).status_code == 200  # type: ignore[arg-type]
    assert blocks(database, by_page) == [("opted_out", "C7", "opted_out", "customer")]
    assert blocks(database, by_click) == [("opted_out", "C8", "opted_out", "customer")], "once, however often"


def test_one_may_unsubscribe_long_after_the_survey(client: httpx.Client, database: sa.Engine) -> None:
    late = invite(database, days_left=-100)
    assert client.post(f"/u/{token(late, days_left=-100)}").status_code == 200
    assert len(blocks(database, late)) == 1
    employee = invite(database, customer_id=None, employee_id="E5")
    client.post(f"/u/{token(employee)}")
    assert blocks(database, employee)[0][1] == "E5"
    assert client.post("/u/forged").status_code == client.post(f"/u/{token(uuid4())}").status_code == 404


# --- around ------------------------------------------------------------------------------------------------------------


def test_headers_of_every_response(client: httpx.Client, invitation: UUID) -> None:
    """The address of a page is a key: it must reach no cache, no other site, no frame, no search engine and no log."""
    link = f"/s/{token(invitation)}"
    responses = [client.get(link), client.get("/s/forged"), client.put(link), client.get("/nowhere"), client.get("/health")]
    responses += [client.post(link, data=score_of(9)), client.get(f"/u/{token(invitation)}")]
    for response in responses:
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "noindex" in response.headers["x-robots-tag"]
        assert not {"server", "set-cookie"} & set(response.headers)
    page = responses[0].text
    assert "style=" not in page
    assert not re.search(r"<script(?! src=)|\bon\w+=", page), "nothing inline"
    assert not re.search(r'(?:src|href|action)="(?:https?:)?//', page), "nothing from elsewhere"
    for address in re.findall(r'(?:src|href)="\.\./(static/[^"]+)"', page):
        assert client.get(f"/{address}").headers["cache-control"].startswith("public")


def test_nothing_of_a_customer_reaches_the_log(site: Site, client: httpx.Client, database: sa.Engine, invitation: UUID) -> None:
    link = token(invitation)
    client.post(f"/s/{link}", data=score_of(9))
    client.post(f"/s/{link}", data={"step": "rest", "verbatim": "a secret of mine"})
    client.get(f"/s/{link[:-1]}")
    log = site.log.read_text()
    assert link[:20] not in log
    assert "secret of mine" not in log


def test_the_page_knows_no_more_than_it_shows(page_login: str, database: sa.Engine, invitation: UUID) -> None:
    """Broken into, the web process must not be a way to customers' names or to what others answered."""
    with connect_raw(page_login) as connection:
        cursor = connection.execute("select * from ops.open_survey(%s)", [invitation])
        assert {column.name for column in cursor.description or ()} == {
            *("state", "locale", "arms", "wave_id", "config", "interaction_type", "occurred_at", "score", "answered_at")
        }
        connection.rollback()
        for table in ("ops.invitations", "pii.survey_submissions", "pii.contact_blocks", "raw.customers", "ops.waves", "pii.customers"):
            for statement in (f"select * from {table}", f"insert into {table} default values", f"delete from {table}"):
                with pytest.raises(Exception, match="permission denied"):
                    connection.execute(statement)
                connection.rollback()
        # A table of one's own under the name of ours must not be taken for it inside the functions.
        connection.execute("create temporary table invitations as select 1 as invitation_id")
        connection.execute("set search_path = pg_temp, ops")
        assert connection.execute("select state from ops.open_survey(%s)", [invitation]).fetchone() == ("open",)


WRONG = {
    "SURVEY_PAGE_URL": "no url with a secret-word",
    "SHOPKEEPER_TRUSTED_PROXIES": "proxy.example",
    "SHOPKEEPER_LINK_KEYS": "k1:secret-word",
    "SHOPKEEPER_COMPANY": "/nowhere",
}


@pytest.mark.parametrize("setting", WRONG)
def test_a_wrong_setting_is_told_before_anything_is_served(
    setting: str, page_login: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that starts with a broken setting refuses every customer, and nobody hears of it."""
    settings = {"SHOPKEEPER_COMPANY": str(a_company(tmp_path)), "SURVEY_PAGE_URL": page_login, "SHOPKEEPER_LINK_KEYS": KEYS}
    for name, value in (settings | {setting: WRONG[setting]}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("uvicorn.run", lambda *arguments, **options: pytest.fail("it serves"))
    with pytest.raises(ShopkeeperError) as error:
        serve()
    assert {"SHOPKEEPER_COMPANY": "company.yml"}.get(setting, setting) in str(error.value)
    assert "secret-word" not in str(error.value)
