"""A small company whose customers have answered, its work orders as the closed loop opens them, and the desk on a real port."""

from __future__ import annotations

import itertools
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import sqlalchemy as sa
import uvicorn
from tests.closed_loop.loop_world import NOW, SINCE, a_company, answer, key_of, land, people, run
from tests.survey.people import customer, employee, interaction, put
from tests.web.survey_site import KEYS

from shopkeeper.closed_loop.directory import refresh
from shopkeeper.closed_loop.notice import notice
from shopkeeper.company.config import CompanyFolder
from shopkeeper.survey.links import Keys
from shopkeeper.warehouse import roles
from shopkeeper.web.app import make_app
from shopkeeper.web.desk import session
from shopkeeper.web.desk.site import Settings
from shopkeeper.web.guard import Networks

_logins = itertools.count()
LATER = NOW + timedelta(hours=1)
HEADER = "x-authenticated-user"


def login_of(engine: sa.Engine, role: str) -> str:
    """URL of a login that is a member of this role and of nothing else."""
    name = f"{role}_{engine.url.database}_{next(_logins)}"
    password = roles.create_login(engine, name, role)
    return engine.url.set(drivername="postgresql", username=name, password=password).render_as_string(hide_password=False)


def fill(engine: sa.Engine, folder: CompanyFolder) -> None:
    """ANN of T1 served C1 (score 2), C2 (3) and C3 (10); CAT of T2 served C7 (score 1)."""
    people(engine, customers=6)
    at = NOW - timedelta(days=1)
    put(engine, "customers", [customer("C7", full_name="Gerda Other", phone="+49 30 777")], loaded_at=NOW)
    put(engine, "interactions", [interaction("I7", "C7", at, employee_id="CAT", org_unit_id="T2")], loaded_at=NOW)
    put(engine, "customers", [customer("C1", full_name="Klara Weber", phone="+49 30 111", updated_at=NOW)], loaded_at=NOW)
    land(
        engine,
        answer("a1", 2, 1, verbatim="Nobody called me back", may_call_back=True),
        answer("a2", 3, 2),
        answer("a3", 10, 3, verbatim="So kind on the telephone"),
        answer("a7", 1, 7, verbatim="The other team let me down"),
    )
    run(engine, folder)


def order_of(engine: sa.Engine, customer_id: str) -> UUID:
    with engine.connect() as connection:
        query = sa.text("select order_id from ops.work_orders where customer_id = :id order by opened_at desc limit 1")
        found: UUID = connection.execute(query, {"id": customer_id}).scalar_one()
        return found


def new_order(engine: sa.Engine, folder: CompanyFolder, number: int, score: int = 2, *, employee_id: str = "ANN", **columns: Any) -> UUID:
    """Customer C`number`, served by this employee, answers, and the closed loop opens an order."""
    customer_id, unit = f"C{number}", "T2" if employee_id in ("CAT", "LEAD2") else "T1"
    put(engine, "customers", [customer(customer_id, full_name=f"Person {number}", phone=f"+49 30 {number}")], loaded_at=NOW)
    met = interaction(f"I{number}", customer_id, NOW - timedelta(days=1), employee_id=employee_id, org_unit_id=unit)
    put(engine, "interactions", [met], loaded_at=NOW)
    land(engine, answer(f"b{number}", score, number, **columns))
    refresh(engine, folder, now=NOW)
    notice(engine, folder, now=NOW)
    return order_of(engine, customer_id)


@dataclass
class Running:
    """A desk that is served. `at` is the hour that its clock shows; tests may put it on."""

    url: str
    engine: sa.Engine
    folder: CompanyFolder
    at: datetime

    def link(self, employee_id: str, place: str = "") -> str:
        token = session.sign(Keys.read(KEYS), "link", employee_id, self.at)
        return f"{self.url}/desk/login/{token}" + (f"?to={place}" if place else "")

    def stranger(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=20, verify=False, **options)

    def client(self, employee_id: str) -> httpx.Client:
        """A browser, as far as forms and cookies go, in which this employee has logged in by a link."""
        client = self.stranger()
        page = client.get(self.link(employee_id))
        assert page.status_code == 200, page.text
        entered = client.post(page.request.url, data=hidden(page.text))
        assert entered.status_code == 303, entered.text
        return client

    def send(self, client: httpx.Client, page: str, act: str, **fields: Any) -> httpx.Response:
        """Fill in a form of a page and send it to `act`, where it leads to."""
        return client.post(act, data={**hidden(client.get(page).text), **fields})


def hidden(page: str) -> dict[str, str]:
    """What every form of the page carries: the proof that it is ours, and the command's id."""
    return dict(re.findall(r'<input type="hidden" name="(proof|command_id)" value="([^"]*)"', page))


@contextmanager
def serving(app: Callable[..., Any]) -> Iterator[str]:
    """Serve an app from a thread of this process; yields its address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        settings = uvicorn.Config(app, log_level="error", access_log=False, server_header=False, proxy_headers=False)
        server = uvicorn.Server(settings)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(10)


@contextmanager
def desk_of(
    engine: sa.Engine, folder: CompanyFolder, *, proxy_header: str | None = None, trusted: Networks = (), is_https: bool = False
) -> Iterator[Running]:
    """The desk of a company whose warehouse is filled."""
    running = Running("", engine, folder, LATER)
    app = make_app(
        folder.company,
        Keys.read(KEYS),
        login_of(engine, "survey_page"),
        clock=lambda: running.at,
        trusted=trusted,
        desk=Settings(folder, Keys.read(KEYS), login_of(engine, "desk"), proxy_header, is_https),
    )
    with serving(app) as running.url:
        yield running


@contextmanager
def desk(engine: sa.Engine, path: Path) -> Iterator[Running]:
    """Fill the warehouse of a new company, and serve its desk."""
    folder = a_company(path, cycle={"approval_above": 50})
    fill(engine, folder)
    with desk_of(engine, folder, proxy_header=HEADER) as running:
        yield running


@contextmanager
def leaders_desk(engine: sa.Engine, path: Path) -> Iterator[Running]:
    """BOSS and BRANCH change goals and rules; LEAD1 leads a team and does not."""
    folder = a_company(path, leaders=["head"])
    people(engine)
    for who, unit, above in (("BOSS", "HQ", None), ("BRANCH", "B1", "BOSS")):
        put(engine, "employees", [employee(who, org_unit_id=unit, manager_id=above, role="head", valid_from=SINCE)], loaded_at=NOW)
    refresh(engine, folder, now=NOW)
    with desk_of(engine, folder) as running:
        yield running


__all__ = [
    "HEADER",
    "LATER",
    "NOW",
    "Running",
    "desk",
    "desk_of",
    "fill",
    "hidden",
    "key_of",
    "leaders_desk",
    "login_of",
    "new_order",
    "order_of",
    "serving",
]
