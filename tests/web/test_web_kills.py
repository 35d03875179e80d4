"""An answer that was acknowledged is there, whatever dies: a customer who read "thank you" does not come again."""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from uuid import UUID

import httpx
import psycopg
import pytest
from tests.web.survey_site import Site, a_company, a_programme, add_invitations, add_wave, serving, token

from shopkeeper.warehouse import roles
from shopkeeper.warehouse.embedded import Server
from shopkeeper.warehouse.engine import engine as make_engine
from shopkeeper.warehouse.schema import migrate


@pytest.fixture(scope="module")
def durable() -> Iterator[Server]:
    """A server that waits for its disk, and that only these tests kill."""
    folder = Path(tempfile.mkdtemp(prefix="shopkeeper-kills-"))
    folder.chmod(0o755)
    server = Server(folder / "cluster")
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def killable(durable: Server) -> Iterator[Site]:
    engine = make_engine(durable.url("warehouse"))
    migrate(engine)
    login = engine.url.set(username="page", password=roles.create_login(engine, "page", "survey_page"), drivername="postgresql")
    add_wave(engine, a_programme())
    engine.dispose()
    with serving(a_company(durable.folder.parent / "company"), login.render_as_string(hide_password=False), workers=2) as site:
        yield site


class Customers:
    """Several at once, each sending score and words as fast as they are taken; what was acknowledged is remembered."""

    def __init__(self, site: Site, invitations: list[UUID]) -> None:
        self.site, self.invitations, self.over = site, iter(invitations), threading.Event()
        self.acknowledged: list[tuple[UUID, bool]] = []
        self.threads = [threading.Thread(target=self._come) for _ in range(4)]
        for thread in self.threads:
            thread.start()

    def _come(self) -> None:
        steps = (({"step": "score", "score": "9"}, False), ({"step": "rest", "verbatim": "kept"}, True))
        client = self.site.client()
        while not self.over.is_set() and (invitation := next(self.invitations, None)):
            address = {"x-forwarded-for": str(IPv4Address(0xC6120000 + random.getrandbits(16)))}
            for form, is_last in steps:
                try:
                    if client.post(f"/s/{token(invitation)}", data=form, headers=address).status_code != 303:
                        break
                except httpx.TransportError:
                    time.sleep(0.2)
                    break
                self.acknowledged.append((invitation, is_last))
        client.close()

    def stop(self) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive()


def kill_postgres(server: Server) -> None:
    os.kill(int((server.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)


def lose(site: Site, invitations: list[UUID]) -> httpx.Response:
    """The first answer that is not taken; the killed server's children may take some before they notice."""
    with site.client("198.51.100.99") as client:
        for invitation in invitations:
            response = client.post(f"/s/{token(invitation)}", data={"step": "score", "score": "3"})
            if response.status_code != 303:
                break
        return response


def survives(server: Server, site: Site, victim: str, after: float) -> None:
    engine = make_engine(server.url("warehouse"))
    with engine.connect() as connection:
        wave_id = connection.exec_driver_sql("select wave_id from ops.waves").scalar()
    invitations = add_invitations(engine, wave_id, 3000)  # type: ignore[arg-type]
    engine.dispose()
    customers = Customers(site, invitations)
    while len(customers.acknowledged) < 20:
        time.sleep(0.01)
    time.sleep(after)
    before = len(customers.acknowledged)
    if victim == "page":
        site.kill()
        site.start()
    else:
        kill_postgres(server)
        lost = lose(site, invitations[-20:])
        server.start()
        assert lost.status_code == 503, "never a thank you that is not meant"
        assert lost.headers["retry-after"]
        assert 'name="score" value="3"' in lost.text, "what the customer sent goes along with the next try"
    deadline = time.monotonic() + 30
    while len(customers.acknowledged) < before + 20:
        assert time.monotonic() < deadline, "answers are taken again once all is up"
        time.sleep(0.05)
    customers.stop()
    with psycopg.connect(server.url("warehouse")) as connection:
        found = connection.execute("select invitation_id, is_complete from pii.survey_submissions").fetchall()
    assert set(customers.acknowledged) <= set(found)
    # One that was kept but not acknowledged may be sent again before it is complete, and never after.
    assert len([row for row in found if row[1]]) == len({row for row in found if row[1]})


@pytest.mark.parametrize("victim", ["page", "postgres"])
def test_what_was_acknowledged_is_there(durable: Server, killable: Site, victim: str) -> None:
    survives(durable, killable, victim, after=random.random() / 2)


@pytest.mark.long
@pytest.mark.parametrize("victim", ["page", "postgres"])
def test_what_was_acknowledged_is_there_after_many_kills(durable: Server, killable: Site, victim: str) -> None:
    for _ in range(25):
        survives(durable, killable, victim, after=random.random())
