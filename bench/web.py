"""Answers a second of the survey page, and how long a customer waits: the real server, a real Postgres that waits for its disk.

    .venv/bin/python bench/web.py             20 seconds at the rate that is asked for, then 10 seconds as fast as it goes
    .venv/bin/python bench/web.py --seconds 60 --rate 500

The load comes from this very machine and its cores count. Each customer opens the link of the e-mail, sends the score, is shown what
else there is to say, and sends that: two pages and two answers, each committed before it is acknowledged. At a fixed rate, customers
come when they are due, however slow the server is, and the wait is counted from then. Afterwards everything that was acknowledged
must be in the database.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa
from _bench import report, warehouse

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "include")]
from tests.web.survey_site import Site, a_company, a_programme, add_interaction, add_invitations, add_wave, serving, token  # noqa: E402

ANSWERS_LIMIT, P99_LIMIT_MS = 300, 100
WORDS = "Schnell+und+freundlich%2C+und+das+Geld+war+nach+vier+Tagen+da"
STEPS = ("page", "score", "more", "rest")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=float, default=ANSWERS_LIMIT, help="answers a second to come at (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--connections", type=int, default=16, help="open at once when going as fast as it can")
    options = parser.parse_args()
    with survey_page(options.workers) as (site, engine, wave_id):

        def invite(count: int) -> list[str]:
            return [token(each) for each in add_invitations(engine, wave_id, count, interaction_id="I1")]

        asyncio.run(flat_out(site.port, invite(400), 8, 60))  # warm
        steady = asyncio.run(at_rate(site.port, invite(math.ceil(options.rate / 2 * options.seconds)), options.rate / 2))
        fastest = asyncio.run(flat_out(site.port, invite(20_000), options.connections, min(10, options.seconds)))
        with engine.connect() as connection:
            kept = connection.scalar(sa.text("select count(*) from pii.survey_submissions"))
            waits = connection.scalar(sa.text("select current_setting('fsync') || current_setting('synchronous_commit')"))
    return judge(options.rate, steady, fastest, kept, waits)


@contextmanager
def survey_page(workers: int) -> Iterator[tuple[Site, sa.Engine, UUID]]:
    from shopkeeper.warehouse import roles
    from shopkeeper.warehouse.engine import engine as make_engine

    with warehouse() as (home, _):
        engine = make_engine()
        password = roles.create_login(engine, "page", "survey_page")
        login = engine.url.set(drivername="postgresql", username="page", password=password).render_as_string(hide_password=False)
        wave_id = add_wave(engine, a_programme())
        add_interaction(engine, "I1", "claim", "2026-03-03T10:00:00Z")
        with serving(a_company(home / "company"), login, workers) as site:
            yield site, engine, wave_id


# --- customers --------------------------------------------------------------------------------------------------------


@dataclass
class Seen:
    """Milliseconds per step, from when it was due to when the whole response had come; what was not as it should be."""

    waits: dict[str, list[float]] = field(default_factory=lambda: {step: [] for step in STEPS})
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0

    @property
    def answers(self) -> int:
        return len(self.waits["score"]) + len(self.waits["rest"])

    def quantile(self, share: float, *steps: str) -> float:
        waits = sorted(wait for step in steps for wait in self.waits[step])
        return waits[min(len(waits) - 1, int(share * len(waits)))] if waits else math.nan


class Connection(asyncio.Protocol):
    """One kept-alive HTTP/1.1 connection; the least that does it, because the client's time is the server's."""

    def __init__(self) -> None:
        self.buffer, self.waiting, self.needed = b"", None, -1
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.needed < 0 and (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            place = head.find(b"content-length:")
            length = int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
            self.needed = end + 4 + length
        if 0 <= self.needed <= len(self.buffer) and self.waiting is not None:
            status, self.buffer, self.needed = int(self.buffer[9:12]), self.buffer[self.needed :], -1
            self.waiting.set_result(status)
            self.waiting = None

    def connection_lost(self, error: Exception | None) -> None:
        if self.waiting is not None:
            self.waiting.set_exception(ConnectionError("closed"))

    async def ask(self, request: bytes) -> int:
        self.waiting = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self.waiting


def requests(link: str, number: int) -> Iterator[tuple[str, int, bytes]]:
    """(step, status that is right, request) of one customer, who comes from an address of their own."""
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    head = f"Host: localhost\r\nX-Forwarded-For: {address}\r\nUser-Agent: Mozilla/5.0 (bench)\r\n"
    form = f"{head}Content-Type: application/x-www-form-urlencoded\r\n"
    score = f"step=score&opened={int(time.time())}&score={number % 11}"
    rest = f"step=rest&opened={int(time.time())}&verbatim={WORDS}&reason=service&ease=4&may_call_back=yes"
    yield "page", 200, f"GET /s/{link}?score=9 HTTP/1.1\r\n{head}\r\n".encode()
    yield "score", 303, f"POST /s/{link} HTTP/1.1\r\n{form}Content-Length: {len(score)}\r\n\r\n{score}".encode()
    yield "more", 200, f"GET /s/{link} HTTP/1.1\r\n{head}\r\n".encode()
    yield "rest", 303, f"POST /s/{link} HTTP/1.1\r\n{form}Content-Length: {len(rest)}\r\n\r\n{rest}".encode()


async def visit(connection: Connection, link: str, number: int, seen: Seen, due: float) -> None:
    for step, right, request in requests(link, number):
        status = await connection.ask(request)
        now = time.perf_counter()
        if status != right:
            seen.wrong.append(f"{step}: {status}")
            return
        seen.waits[step].append((now - due) * 1000)
        due = now


async def connect(port: int) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return connection


async def flat_out(port: int, links: list[str], connections: int, seconds: float) -> Seen:
    """So many customers at a time, the next one as soon as one is through."""
    seen, numbered, start = Seen(), iter(enumerate(links)), time.perf_counter()

    async def come() -> None:
        connection = await connect(port)
        for number, link in numbered:
            if time.perf_counter() - start > seconds:
                break
            await visit(connection, link, number, seen, time.perf_counter())
        connection.transport.close()

    await asyncio.gather(*(come() for _ in range(connections)))
    seen.seconds = time.perf_counter() - start
    return seen


async def at_rate(port: int, links: list[str], visits_per_second: float) -> Seen:
    """A customer every so often, whatever the server does; connections are kept, as a proxy keeps them."""
    seen, idle, running, start = Seen(), list[Connection](), set[asyncio.Task[None]](), time.perf_counter()

    async def come(number: int, link: str, due: float) -> None:
        connection = idle.pop() if idle else await connect(port)
        await visit(connection, link, number, seen, due)
        idle.append(connection)

    for number, link in enumerate(links):
        due = start + number / visits_per_second
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        running.add(task := asyncio.create_task(come(number, link, due)))
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    seen.seconds = time.perf_counter() - start
    for connection in idle:
        connection.transport.close()
    return seen


# --- the verdict ------------------------------------------------------------------------------------------------------


def judge(rate: float, steady: Seen, fastest: Seen, kept: int | None, waits: str | None) -> int:
    def row(name: str, seen: Seen) -> tuple[str, ...]:
        figures = (seen.quantile(share, "score", "rest") for share in (0.5, 0.99, 1))
        pages = seen.quantile(0.99, "page", "more")
        return name, f"{seen.answers / seen.seconds:,.0f}", *(f"{figure:.1f}" for figure in figures), f"{pages:.1f}"

    speed = fastest.answers / fastest.seconds
    p99 = steady.quantile(0.99, "score", "rest")
    warm = 2 * 400
    acknowledged = steady.answers + fastest.answers + warm
    wrong = [*steady.wrong, *fastest.wrong]
    verdicts = [
        (f"answers a second: {speed:,.0f}, limit {ANSWERS_LIMIT}", speed >= ANSWERS_LIMIT),
        (f"99 of 100 answers acknowledged within {p99:.1f} ms, limit {P99_LIMIT_MS} ms", p99 < P99_LIMIT_MS),
        (f"refused or failed: {len(wrong)} {sorted(set(wrong))[:3] if wrong else ''}, limit 0", not wrong),
        (f"acknowledged {acknowledged:,}, in the database {kept:,}", kept == acknowledged),
        (f"Postgres waits for its disk: {waits}", waits == "onon"),
    ]
    return report(
        f"Survey page, load generator included, on {len(os.sched_getaffinity(0))} cores",
        ("", "answers a second", "p50 ms", "p99 ms", "slowest ms", "page p99 ms"),
        [row(f"at {rate:g} a second", steady), row("as fast as it goes", fastest)],
        verdicts,
    )


if __name__ == "__main__":
    sys.exit(main())
