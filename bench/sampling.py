"""How fast a wave is drawn, as a ratio against one hand-written query over the same rows.

    python bench/sampling.py [--customers 5000000] [--runs 3]

Both read the same customers and addresses. The query scans them, makes the random number of each and sorts by stratum and
number, and its result is counted and thrown away. The draw does all of its work besides: newest versions, eligibility, suppression
list, addresses, quarantine against a wave before, a stratified sample, and it writes the frame of every candidate, the
invitations and the queue. They take turns, and the median of the runs counts. Both go without parallel workers, so that the
ratio does not hang on how many cores happen to be idle. Limit: a draw takes at most 3 times as long.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import yaml
from rich.console import Console
from rich.table import Table

LIMIT = 3.0
AS_OF = datetime(2026, 1, 5, 1, tzinfo=UTC)
SAMPLE_SHARE = 50  # one customer in so many is drawn
PROGRAMMES = {
    "sender": {"name": "Bench", "address": "bench@example.org"},
    "programmes": {
        "relationship": {
            "kind": "relationship",
            "eligibility": "customer.status == 'active' and customer.tenure_days >= 30",
            "cadence": {"every_days": 91, "starts_on": "2026-01-05", "spread_days": 5},
            "sampling": {"take": "stratified", "by": "customer.segment", "allocation": "neyman", "floor": 100},
        },
    },
}
BY_HAND = """
    select count(*) from (
        select customers.customer_id, email, segment,
            ('x' || substr(md5('relationship|2026-01-05|' || customers.customer_id), 1, 8))::bit(32)::bigint
                / 4294967296::float8 as random_number
        from raw.customers
        inner join pii.customers as personal using (_key, _batch_id)
        where status = 'active' and joined_on <= date '2025-12-06' and email is not null
        order by segment, random_number, customer_id
        offset 0
    ) as sorted
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with warehouse() as folder:
        fill(options.customers)
        return compare(folder, options.customers, options.runs)


@contextmanager
def warehouse() -> Iterator[Path]:
    """A server of its own with a migrated warehouse, and a company folder with one programme."""
    from shopkeeper.warehouse.embedded import Server
    from shopkeeper.warehouse.engine import engine
    from shopkeeper.warehouse.schema import migrate

    home = Path(tempfile.mkdtemp(prefix="shopkeeper-bench-"))
    home.chmod(0o755)
    server = Server(home / "cluster")
    server.start()
    try:
        os.environ["WAREHOUSE_URL"] = server.url("warehouse")
        migrate(engine())
        with psycopg.connect(os.environ["WAREHOUSE_URL"], autocommit=True) as connection:
            connection.execute("alter database warehouse set max_parallel_workers_per_gather = 0")
        engine().dispose()
        yield home
        engine().dispose()
    finally:
        server.stop()
        shutil.rmtree(home)


def company(home: Path, customers: int) -> Any:
    from shopkeeper.company.load import load

    folder = home / "company"
    folder.mkdir(exist_ok=True)
    crm = {"crm": {"connection": "sqlite:///crm.db", "entities": {"customers": {"table": "customers"}}}}
    PROGRAMMES["programmes"]["relationship"]["sampling"]["n"] = customers // SAMPLE_SHARE  # type: ignore[index]
    (folder / "company.yml").write_text(yaml.safe_dump({"name": "Bench", "timezone": "Europe/Berlin", "currency": "EUR"}))
    (folder / "sources.yml").write_text(yaml.safe_dump(crm))
    (folder / "programmes.yml").write_text(yaml.safe_dump(PROGRAMMES))
    return load(folder, environ={})


def fill(customers: int) -> None:
    """A first load of all customers, a day's changes to one in a hundred, blocked addresses, and an earlier survey of one in fifty."""
    with psycopg.connect(os.environ["WAREHOUSE_URL"]) as connection:
        connection.execute("set work_mem = '256MB'")
        for where, at in (("true", "2025-12-01"), ("i %% 100 = 0", "2025-12-02")):
            row = connection.execute(
                """
                insert into ops.batches (entity, source, kind, loaded_at, rows_in, accepted, unchanged, rejected, status)
                values ('customers', 'crm', 'window', %s, %s, %s, 0, 0, 'passed') returning batch_id
                """,
                [at, customers, customers],
            ).fetchone()
            assert row is not None
            connection.execute(
                f"""
                insert into raw.customers (
                    _key, _batch_id, customer_id, has_email, locale, timezone, segment, region, country, joined_on, status,
                    opted_out, is_staff, updated_at, _source, _row_number, _row_hash, _loaded_at
                )
                select ops.stable_id('customers:crm', id), %(batch)s, id, true, (array['de-DE', 'en-GB', 'fr-FR'])[1 + i %% 3],
                    (array['Europe/Berlin', 'Europe/London', 'America/New_York'])[1 + i %% 3],
                    (array['private', 'business', 'young', 'key'])[1 + (i * 7919) %% 4], 'R' || i %% 16, 'DE',
                    date '2015-01-01' + (i %% 4000)::integer, (array['active', 'active', 'active', 'lapsed'])[1 + (i / 7) %% 4],
                    i %% 90 = 0, i %% 1000 = 0, %(at)s, 'crm', i, md5(id)::uuid, %(at)s
                from generate_series(1, %(customers)s::bigint) as i, lateral (select 'C' || lpad(i::text, 9, '0') as id) as named
                where {where}
                order by md5(id)
                """,  # type: ignore[arg-type]
                {"batch": row[0], "at": at, "customers": customers},
            )
            connection.execute(
                """
                insert into pii.customers (_key, _batch_id, full_name, email, phone, updated_at, _pii_hash, _loaded_at)
                select _key, _batch_id, 'Name of ' || customer_id,
                    case when _row_number %% 50 > 0 then lower(customer_id) || '@mail' || _row_number %% 40 || '.example' end,
                    '+49 40 ' || _row_number, updated_at, _row_hash, _loaded_at
                from raw.customers where _batch_id = %s
                """,
                [row[0]],
            )
        connection.execute(
            """
            insert into pii.contact_blocks (kind, customer_id, address_hash, blocked_by, blocked_at)
            select 'hard_bounce', customer_id, encode(sha256(convert_to(lower(email), 'UTF8')), 'hex'), 'mail server', now()
            from raw.customers inner join pii.customers using (_key, _batch_id) where _row_number % 200 = 1
            """
        )
        connection.execute(
            """
            insert into ops.invitations (
                invitation_id, wave_id, programme, customer_id, provider, channel, locale, invited_at, due_at, expires_at
            )
            select _key, md5('before')::uuid, 'before', customer_id, 'built_in', 'email', 'de', at, at, at + interval '30 days'
            from raw.customers, lateral (select timestamptz '2025-12-20' as at) as moment
            where _row_number % 50 = 7 and _batch_id = (select min(_batch_id) from raw.customers)
            """
        )
        connection.commit()
        connection.autocommit = True
        connection.execute("vacuum analyze")


def compare(home: Path, customers: int, runs: int) -> int:
    from shopkeeper.survey.sampling import draw
    from shopkeeper.warehouse.engine import engine

    console, folder = Console(), company(home, customers)
    seconds: dict[str, list[float]] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        with psycopg.connect(os.environ["WAREHOUSE_URL"], autocommit=True) as connection:
            connection.execute("checkpoint")
        start = time.perf_counter()
        done = work()
        seconds.setdefault(name, []).append(time.perf_counter() - start)
        return done

    def by_hand() -> None:
        with psycopg.connect(os.environ["WAREHOUSE_URL"]) as connection:
            connection.execute("set work_mem = '256MB'")
            connection.execute(BY_HAND)  # type: ignore[arg-type]

    for run in range(runs):
        if console.is_terminal:
            console.print(f"run {run + 1} of {runs}, {customers:,} customers")
        timed("by hand", by_hand)
        (wave,) = timed("draw", lambda: draw(engine(), folder, as_of=AS_OF, now=AS_OF)).waves
        assert (wave.candidates, wave.drawn) == (customers, customers // SAMPLE_SHARE), wave
        with psycopg.connect(os.environ["WAREHOUSE_URL"], autocommit=True) as connection:
            connection.execute("truncate ops.waves, quality.wave_frames, ops.send_queue")
            connection.execute("delete from ops.invitations where programme = 'relationship'")
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    table = Table(title=f"{customers:,} customers, {customers // SAMPLE_SHARE:,} drawn, median of {runs} alternating runs")
    for heading in ("way", "seconds", "customers per second"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    for name, median in medians.items():
        table.add_row(name, f"{median:.1f}", f"{customers / median:,.0f}")
    console.print(table)
    ratio = medians["draw"] / medians["by hand"]
    console.print(f"draw against by hand: {ratio:.2f} times as long, limit {LIMIT}: {'met' if ratio <= LIMIT else 'MISSED'}")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
