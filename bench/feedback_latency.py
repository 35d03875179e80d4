"""How long until somebody knows: from an answer's last POST to the alert accepted by SMTP, and to the work order in the CRM.

    python bench/feedback_latency.py [--minutes 60] [--per-hour 1000]

The real thing on this machine: Airflow with all its DAGs by clock and signal, the survey page, Postgres that waits for its disk, a mail
server, a CRM's database. Unhappy customers answer at that rate, evenly, each about another of fifty employees; the hourly DAGs run
beside it, as they do. Limit: 95 of 100 alerts and 95 of 100 work orders within 60 seconds, and none missing.
"""

from __future__ import annotations

import argparse
import os
import re
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from _bench import announce, company, report, warehouse

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "include")]
from tests.survey.invitations import put_invitations, put_wave  # noqa: E402
from tests.survey.people import customers, employee, interaction, put  # noqa: E402
from tests.web.survey_site import KEYS, free_port, serving, token  # noqa: E402

LIMIT_SECONDS, SHARE = 60.0, 0.95
EMPLOYEES, TEAMS = 50, 10
LAST_SECONDS = 180  # so long after the last answer everything may still come
PROGRAMMES = {
    "sender": {"name": "Bench", "address": "bench@example.org"},
    "programmes": {
        "after_call": {
            "kind": "transactional",
            "after": {"interaction_types": ["visit"]},  # of which there are none: the hourly DAG runs, and asks nobody
            "questions": {"score": {}, "verbatim": {}, "may_call_back": {}},
        }
    },
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--per-hour", type=int, default=1000)
    options = parser.parse_args()
    count = max(1, round(options.minutes * options.per_hour / 60))
    with running(count) as there:
        announce(0, 1, f"{count:,} answers in {options.minutes:g} minutes")
        sent = answer_all(there, 3600 / options.per_hour)
        deadline = time.monotonic() + LAST_SECONDS
        while time.monotonic() < deadline and not (len(there.alerts()) >= count and len(there.tasks()) >= count):
            time.sleep(1)
        return judge(options.per_hour, sent, there.alerts(), there.tasks())


@dataclass
class There:
    """All that runs, and what came out of it by invitation: seconds since the epoch."""

    engine: sa.Engine
    crm: sa.Engine
    inbox: Path
    site: Any
    invitations: list[UUID]
    read: dict[str, set[str]] = field(default_factory=dict)

    def of_orders(self) -> dict[str, UUID]:
        """order → the invitation whose answer opened it."""
        key = "ops.stable_id('survey_responses:survey_page', concat_ws(chr(31), 'shopkeeper', '', invitation_id))"
        query = f"""
            select cast(orders.order_id as text), asked.invitation_id
            from ops.work_orders as orders
            inner join ops.invitations as asked on cast({key} as text) = orders.response_key
        """
        with self.engine.connect() as connection:
            return dict(connection.execute(sa.text(query)).all())

    def alerts(self) -> dict[UUID, float]:
        """When the mail server had accepted the alert of each."""
        orders, found = self.of_orders(), {}
        for path in (self.inbox / "new").iterdir():
            second, micro = re.match(r"(\d+)\.M(\d+)P", path.name).groups()  # type: ignore[union-attr]
            at = int(second) + int(micro) / 1e6
            for order_id in self._named(path) & orders.keys():
                found[orders[order_id]] = min(at, found.get(orders[order_id], at))
        return found

    def _named(self, path: Path) -> set[str]:
        """The orders that an e-mail links to."""
        if path.name not in self.read:
            body = BytesParser(policy=policy.default).parsebytes(path.read_bytes()).get_body(("plain",))
            text = body.get_content() if body else ""
            self.read[path.name] = set(re.findall(r"/desk/orders/([0-9a-f-]{36})", text))
        return self.read[path.name]

    def tasks(self) -> dict[UUID, float]:
        """When the CRM had the task of each."""
        orders = self.of_orders()
        with self.crm.connect() as connection:
            rows = connection.execute(sa.text("select external_id, extract(epoch from taken_at) from shopkeeper_tasks"))
            return {orders[external_id]: float(at) for external_id, at in rows if external_id in orders}


@contextmanager
def running(count: int) -> Iterator[There]:
    from shopkeeper.company.load import load
    from shopkeeper.pipeline.orchestrator import CONNECTION, airflow
    from shopkeeper.survey.inbox import Inbox
    from shopkeeper.survey.mode import SANDBOX_URL
    from shopkeeper.warehouse import roles
    from shopkeeper.warehouse.engine import engine as make_engine
    from shopkeeper.warehouse.supervisor import Supervisor

    with warehouse() as (home, server):
        server.create_database("crm")
        os.environ |= {"SHOPKEEPER_HOME": str(home), CONNECTION: server.url("airflow"), "SHOPKEEPER_LINK_KEYS": KEYS}
        folder = load(_company(home / "company", server.url("crm")), environ=dict(os.environ))
        engine, crm = make_engine(), make_engine(server.url("crm"))
        _crm_tables(folder, crm)
        invitations = _people(engine, folder, count)
        password = roles.create_login(engine, "page", "survey_page")
        login = engine.url.set(drivername="postgresql", username="page", password=password).render_as_string(hide_password=False)
        with Inbox(home / "inbox", port=free_port()) as inbox, serving(folder.folder, login) as site:
            os.environ[SANDBOX_URL] = inbox.url
            with Supervisor(home) as supervisor, airflow(supervisor, folder.folder, is_scheduled=True, note=print):
                yield There(engine, crm, home / "inbox", site, invitations)
        crm.dispose()


def _company(folder: Path, crm_url: str) -> Path:
    folder.mkdir()
    with sqlite3.connect(folder / "shop.db") as shop:
        shop.execute("create table people (customer_id, joined_on, updated_at)")
        shop.executemany("insert into people values (?, '2024-05-01', '2026-01-01 10:00:00')", [(f"X{n}",) for n in range(200)])
    shop_source = {"shop": {"connection": "sqlite:///shop.db", "entities": {"customers": {"table": "people", "cursor": "updated_at"}}}}
    loop = {"rules": {"low_score": {"kind": "low_score"}}, "crm": {"kind": "sql", "url": crm_url}}
    return company(folder, sources=shop_source, programmes=PROGRAMMES, closed_loop=loop)


def _crm_tables(folder: Any, crm: sa.Engine) -> None:
    """As docs/crm-write-back.md shows them, and a column of the CRM's own that says when it was told."""
    from shopkeeper.closed_loop.crm.sql import SqlCrm

    adapter = SqlCrm(folder.closed_loop.crm)
    with crm.begin() as connection:
        for table in adapter.tables.values():
            table.metadata.create_all(connection)
        connection.execute(sa.text("alter table shopkeeper_tasks add column taken_at timestamptz not null default clock_timestamp()"))
    adapter.close()


def _people(engine: sa.Engine, folder: Any, count: int) -> list[UUID]:
    """Customers who were served yesterday, each invited, and those who served them."""
    now, since = datetime.now(UTC), date(2020, 1, 1)
    units = [("HQ", None, "company"), *((f"T{n}", "HQ", "team") for n in range(TEAMS))]
    staff = [("BOSS", "HQ", None), *((f"LEAD{n}", f"T{n}", "BOSS") for n in range(TEAMS))]
    staff += [(f"E{n}", f"T{n % TEAMS}", f"LEAD{n % TEAMS}") for n in range(EMPLOYEES)]
    put(engine, "org_units", [{"org_unit_id": unit, "parent_id": above, "kind": kind, "valid_from": since} for unit, above, kind in units])
    put(engine, "employees", [employee(who, org_unit_id=unit, manager_id=above, valid_from=since) for who, unit, above in staff])
    asked = [person["customer_id"] for person in customers(count)]
    put(engine, "customers", customers(count), loaded_at=now)
    happened = {"at": now - timedelta(days=1), "interaction_type": "call"}
    served = [
        interaction(f"I{n}", one, employee_id=f"E{n % EMPLOYEES}", org_unit_id=f"T{n % TEAMS}", **happened) for n, one in enumerate(asked)
    ]
    put(engine, "interactions", served, loaded_at=now)
    wave = put_wave(engine, folder, "after_call", now)
    return put_invitations(engine, wave, asked, now, interactions=[f"I{n}" for n in range(count)], in_queue=False)


def answer_all(there: There, every: float) -> dict[UUID, float]:
    """Each customer opens the link, gives a low score, says why, and sends it; when the last POST was sent, by invitation."""
    sent, start = {}, time.monotonic()
    for number, invitation in enumerate(there.invitations):
        if (early := start + number * every - time.monotonic()) > 0:
            time.sleep(early)
        link = f"/s/{token(invitation)}"
        with there.site.client(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}") as client:
            client.get(link).raise_for_status()
            opened = str(int(time.time()) - 20)
            client.post(link, data={"step": "score", "opened": opened, "score": str(number % 5)})
            sent[invitation] = time.time()
            said = client.post(link, data={"step": "rest", "opened": opened, "verbatim": "Nobody called me back."})
            assert said.status_code < 400, said.status_code
    return sent


def judge(per_hour: int, sent: dict[UUID, float], alerts: dict[UUID, float], tasks: dict[UUID, float]) -> int:
    rows, verdicts = [], []
    for name, came in (("alert accepted by SMTP", alerts), ("work order in the CRM", tasks)):
        waits = sorted(came[each] - at for each, at in sent.items() if each in came)
        missing = len(sent) - len(waits)
        figures = [waits[min(len(waits) - 1, int(share * len(waits)))] if waits else float("inf") for share in (0.5, SHARE, 1)]
        rows.append((name, f"{len(waits):,}", f"{missing:,}", *(f"{figure:.1f}" for figure in figures)))
        line = f"{name}: 95 of 100 within {figures[1]:.1f} s, limit {LIMIT_SECONDS:.0f} s; missing {missing}"
        verdicts.append((line, figures[1] < LIMIT_SECONDS and not missing))
    headings = ("from an answer's last POST to", "came", "missing", "p50 s", "p95 s", "slowest s")
    title = f"{len(sent):,} answers at {per_hour:,} an hour, Airflow beside it, on {len(os.sched_getaffinity(0))} cores"
    return report(title, headings, rows, verdicts)


if __name__ == "__main__":
    sys.exit(main())
