"""Logging in at the desk: whoever gets in as somebody else reads what that one's customers said, and acts in that one's name."""

from __future__ import annotations

import email
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from tests.closed_loop.loop_world import SINCE
from tests.survey.mail_server import MailServer
from tests.survey.people import employee, put
from tests.web.desk_world import LATER, Running, desk, desk_of, hidden, login_of, order_of
from tests.web.survey_site import KEYS, Site

from shopkeeper.survey.links import Keys
from shopkeeper.survey.mode import SANDBOX_URL
from shopkeeper.web.desk import session

NOW = datetime(2026, 3, 3, tzinfo=UTC)
KEY = Keys.read(KEYS)


@pytest.fixture(scope="module")
def running(database: sa.Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with desk(database, tmp_path_factory.mktemp("login") / "company") as found:
        newer = {"valid_from": SINCE, "updated_at": LATER, "email": "shared@work.example"}
        put(database, "employees", [employee(who, org_unit_id="T1", **newer) for who in ("BEN", "LEAD1")], loaded_at=LATER)
        yield found


@given(st.text(min_size=1, max_size=40).filter(lambda name: name.isprintable()), st.integers(0, 400), st.data())
def test_no_token_can_be_bent(employee_id: str, place: int, data: st.DataObject) -> None:
    """Change any character, the purpose, the key or the hour, and a token is worth nothing; a survey's link never opens the desk."""
    token = session.sign(KEY, "link", employee_id, NOW)
    found = session.verify(KEY, "link", token, NOW + timedelta(minutes=29))
    assert found is not None
    assert found.employee_id == employee_id
    assert session.verify(KEY, "session", token, NOW) is None
    assert session.verify(KEY, "link", token, NOW + timedelta(minutes=30)) is None
    assert session.verify(Keys.read("k1:" + "another-secret-" * 3), "link", token, NOW) is None
    place %= len(token)
    other = data.draw(st.characters(min_codepoint=32, max_codepoint=126).filter(lambda character: character != token[place]))
    bent = session.verify(KEY, "link", token[:place] + other + token[place + 1 :], NOW)
    assert bent is None or bent == found, "unused bits of the last character may say the same in two ways"


@given(st.text(max_size=80))
def test_rubbish_is_no_token(written: str) -> None:
    assert session.verify(KEY, "session", written, NOW) is None
    assert not session.is_ours(KEY, "ANN 1", written)


def test_keys_may_be_renewed() -> None:
    """A new key in front: what the old one signed still holds, so nobody is thrown out in the middle of a call."""
    old, both = KEY, Keys.read(f"k2:{'a-new-secret-' * 3},{KEYS}")
    assert session.verify(both, "session", session.sign(old, "session", "ANN", NOW), NOW) is not None
    assert session.is_ours(both, "ANN 1", session.form_proof(old, "ANN 1"))
    assert session.verify(old, "session", session.sign(both, "session", "ANN", NOW), NOW) is None


def test_a_link_logs_in_once_its_button_is_pressed(running: Running) -> None:
    """Programs that look through e-mail open links: that alone must log nobody in. The cookie is for us alone, out of scripts' reach."""
    with running.stranger() as client:
        page = client.get(running.link("ANN", "overdue"))
        assert "ANN" in page.text
        assert "desk=" not in page.headers["set-cookie"].replace("desk-login=", "")
        assert client.post(page.request.url, data={"proof": "x"}).status_code == 403
        entered = client.post(page.request.url, data=hidden(page.text))
        cookie = entered.headers["set-cookie"]
        assert all(flag in cookie for flag in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"))
        assert client.get(entered.headers["location"].replace("../../", "/")).status_code == 200
        left = client.post("/desk/logout", data=hidden(client.get("/desk").text))
        assert left.headers["location"] == "./login"
        assert client.get("/desk").status_code == 303
    with running.stranger() as client:
        for wrong in (running.link("ANN")[:-4] + "xxxx", running.link("NOBODY"), f"{running.url}/desk/login/x"):
            page = client.get(wrong)
            if page.status_code == 200:
                page = client.post(page.request.url, data=hidden(page.text))
            assert page.status_code == 403, wrong
        for place in ("https://evil.example", "//evil.example", "../../x", "javascript:x"):
            page = client.get(running.link("ANN"), params={"to": place})
            page = client.get(str(page.request.url))
            entered = client.post(page.request.url, data=hidden(page.text))
            assert entered.headers["location"] == "../../desk", place


def test_under_https_the_cookie_goes_no_other_way(running: Running) -> None:
    """Sent once in the clear it is everybody's on that network; and another site of the domain must not be able to plant one."""
    with desk_of(running.engine, running.folder, is_https=True) as secure, secure.stranger() as client:
        page = client.get(secure.link("ANN"))
        planted = page.headers["set-cookie"]
        assert planted.startswith("__Host-desk-login=")
        visitor = planted.split(";")[0]
        entered = client.post(page.request.url, data=hidden(page.text), headers={"cookie": visitor})
        cookie = entered.headers["set-cookie"]
        assert cookie.startswith("__Host-desk=")
        assert all(flag in cookie for flag in ("Secure", "HttpOnly", "Path=/", "SameSite=strict"))
        assert "Domain" not in cookie
        assert client.get("/desk", headers={"cookie": cookie.split(";")[0].replace("__Host-desk", "desk")}).status_code == 303


def test_no_form_is_taken_from_elsewhere(running: Running) -> None:
    """Another site that makes a browser send a form has the cookie with it, at worst, but never the proof; nor does a colleague's."""
    ann, lead = running.client("ANN"), running.client("LEAD1")
    page = f"/desk/orders/{order_of(running.engine, 'C1')}"
    command = {"command_id": str(uuid4())}
    proofs = {"none": command, "empty": {"proof": "", **command}, "another session's": hidden(lead.get(page).text)}
    for name, proof in proofs.items():
        answer = ann.post(f"{page}/note", data={**proof, "note": "forged"})
        assert answer.status_code == 403, name
    assert running.client("ANN").post(f"{page}/note", data={**hidden(ann.get(page).text), "note": "forged"}).status_code == 403
    assert ann.post(f"{page}/note", json={"note": "forged"}).status_code == 403
    with running.engine.connect() as connection:
        assert connection.scalar(sa.text("select count(*) from pii.work_order_texts where note = 'forged'")) == 0


def test_a_link_by_mail_tells_nobody_who_works_here(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page says the same whether the address is known, unknown or two people's; only the mailbox learns more."""
    with MailServer() as server, running.stranger() as client:
        monkeypatch.setenv(SANDBOX_URL, server.url)
        texts = set()
        for address in ("ann@work.example", "ANN@Work.Example", "nobody@work.example", "shared@work.example", "x"):
            page = client.get("/desk/login?to=overdue")
            answer = client.post(page.request.url, data={**hidden(page.text), "address": address})
            assert answer.status_code == 200
            texts.add(re.sub(r'value="[0-9a-f]{64}"', "", answer.text))
        assert len(texts) == 1
        deadline = time.monotonic() + 10  # the answer is there before the e-mail
        while len(server.mails) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert [recipient.lower() for recipient, _ in server.mails] == ["ann@work.example"] * 2
        letter = email.message_from_bytes(server.mails[0][1])
        found = re.search(r"https?://\S+", str(letter.get_payload(decode=True), "utf-8"))
        assert found is not None
        link = found[0].replace("http://127.0.0.1:8090", running.url)
        page = client.get(link)
        assert client.post(page.request.url, data=hidden(page.text)).headers["location"] == "../../desk/overdue"
        many = [client.post("/desk/login", data={**hidden(page.text), "address": "ann@work.example"}).status_code for _ in range(4)]
        assert 429 in many


def test_a_link_in_web_mail_finds_the_session(running: Running) -> None:
    """A strict cookie stays at home when one comes from another site: without a second look an employee would log in for each alert."""
    with running.stranger() as client:
        page = client.get("/desk/overdue", headers={"sec-fetch-site": "cross-site"})
        assert page.status_code == 200
        assert 'content="0; url=?again"' in page.text
        assert client.get("/desk/overdue?again", headers={"sec-fetch-site": "cross-site"}).headers["location"] == "../desk/login?to=overdue"


@pytest.mark.slow
def test_the_command_lines_link_opens_the_desk_of_the_served_app(running: Running, tmp_path: Path) -> None:
    """As `./shopkeeper up` starts it: the web app makes its own logins, and a link of the command line is good for it."""
    url = running.engine.url.render_as_string(hide_password=False)
    # Where the page was given a login of its own there is none for the desk, unless it was given one too.
    alone = Site(tmp_path, login_of(running.engine, "survey_page"))
    served = Site(running.folder.folder, "", WAREHOUSE_URL=url, SHOPKEEPER_DESK_URL="")
    for site in (served, alone):
        site._environment["SHOPKEEPER_COMPANY"] = str(running.folder.folder)
        site.start()
    try:
        assert alone.client().get("/desk").status_code == 404
        environment = {**served._environment, "SHOPKEEPER_DESK_URL": served.url}
        command = [sys.executable, "-m", "shopkeeper", "desk-link"]
        told = subprocess.run([*command, "ANN"], env=environment, capture_output=True, text=True, check=True)
        client = served.client()
        page = client.get(told.stdout.strip())
        assert client.post(page.request.url, data=hidden(page.text)).status_code == 303
        assert "My orders" in client.get("/desk").text
        wrong = subprocess.run([*command, "NOBODY"], env=environment, capture_output=True, text=True, check=False)
        assert (wrong.returncode, "is not in ops.directory" in wrong.stderr) == (1, True)
    finally:
        served.stop()
        alone.stop()
