"""How fast ingestion is, as ratios against plain SQL on the same machine.

    python bench/ingest.py [--rows 1000000] [--runs 5] [--long]

Every way of loading reads the same table of interactions from a second database on the same server. They take turns,
and the median of the runs counts. Limits: a first load at least 0.6 of the rows per second of hand-written SQL that
does the same work (text COPY, casts, hash, one index); an unchanged re-read at least 0.3 of a bare COPY | COPY.
`--long` proves constant memory instead: 10 million rows (or --rows), peak RSS of the loading process under 300 MB.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from _bench import Stopwatch, announce, company, connected, report, warehouse

FIRST_LOAD_LIMIT, REREAD_LIMIT, MEMORY_LIMIT_MB = 0.6, 0.3, 300
COLUMNS = {
    "interaction_id": "text",
    "customer_id": "text",
    "occurred_at": "timestamptz",
    "resolved_at": "timestamptz",
    "channel": "text",
    "interaction_type": "text",
    "outcome": "text",
    "product_id": "text",
    "employee_id": "text",
    "org_unit_id": "text",
    "updated_at": "timestamptz",
}
MOMENTS = count()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--long", action="store_true", help="the proof of constant memory")
    options = parser.parse_args()
    rows = options.rows or (10_000_000 if options.long else 1_000_000)
    with warehouse() as (home, server):
        server.create_database("source")
        os.environ["SOURCE_URL"] = source_url = server.url("source")
        crm = {"connection": "${SOURCE_URL}", "entities": {"interactions": {"table": "interactions"}}}
        folder = company(home / "company", sources={"crm": crm})
        fill(source_url, rows)
        return prove_memory(folder, rows) if options.long else compare(source_url, folder, rows, options.runs)


def fill(url: str, rows: int) -> None:
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    with psycopg.connect(url) as connection:
        connection.execute(f"create table interactions ({columns})")  # type: ignore[arg-type]
        connection.execute(
            """
            insert into interactions
            select 'I' || lpad(i::text, 9, '0'), 'C' || (i * 7919::bigint %% 400000), moment, moment + i %% 96 * interval '1 hour',
                (array['phone', 'branch', 'web', 'letter'])[1 + i %% 4], (array['claim', 'question', 'purchase'])[1 + i %% 3],
                (array['solved', 'open', 'refused', 'handed on', null])[1 + i %% 5], 'P' || i %% 300, 'E' || i %% 900, 'T' || i %% 120,
                moment + i %% 120 * interval '1 hour'
            from generate_series(1, %s::integer) as i, lateral (select timestamptz '2023-01-01' + i * interval '7 seconds' as moment)
            """,
            [rows],
        )
        connection.commit()
        connection.autocommit = True
        connection.execute("vacuum analyze interactions")


# --- ways of loading --------------------------------------------------------------------------------------------------


def ingest(folder: Path) -> Any:
    from shopkeeper.company.load import load
    from shopkeeper.sources.ingest import ingest as ingest_all

    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=next(MOMENTS))
    return ingest_all(load(folder), now=moment)[0]


def pipe(source_url: str, out: str, into: str, connection: psycopg.Connection[Any]) -> None:
    with (
        psycopg.connect(source_url, options="-c TimeZone=UTC") as source,
        source.cursor().copy(out) as reading,  # type: ignore[call-overload]
        connection.cursor().copy(into) as writing,  # type: ignore[call-overload]
    ):
        parts, size = [], 0
        for data in reading:
            parts.append(data)
            size += len(data)
            if size >= 1 << 16:
                writing.write(b"".join(parts))
                parts, size = [], 0
        writing.write(b"".join(parts))


def copy_copy(source_url: str) -> None:
    """The pipe alone: typed rows into a table without an index."""
    with psycopg.connect(os.environ["WAREHOUSE_URL"]) as connection:
        connection.execute("drop table if exists public.copied")
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        connection.execute(f"create table public.copied ({columns})")  # type: ignore[arg-type]
        pipe(
            source_url,
            "copy interactions to stdout (format binary)",
            "copy public.copied from stdin (format binary)",
            connection,
        )


def by_hand(source_url: str) -> None:
    """What a careful person writes: text in, cast, key and hash, one index. No checks, no versions, no rejects."""
    values = ", ".join(name if kind == "text" else f"{name}::{kind}" for name, kind in COLUMNS.items())
    with psycopg.connect(os.environ["WAREHOUSE_URL"], options="-c TimeZone=UTC") as connection:
        connection.execute("drop table if exists public.by_hand")
        texts = ", ".join(f"{name} text" for name in COLUMNS)
        connection.execute(f"create unlogged table public.by_hand_landing ({texts})")  # type: ignore[arg-type]
        pipe(source_url, "copy interactions to stdout", "copy public.by_hand_landing from stdin", connection)
        typed = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        connection.execute(f"create table public.by_hand (key uuid, {typed}, row_hash uuid, loaded_at timestamptz, primary key (key))")  # type: ignore[arg-type]
        connection.execute(
            f"""
            insert into public.by_hand
            select md5('interactions:crm' || chr(31) || interaction_id)::uuid, typed.*, md5(typed::text)::uuid, '2026-01-01'
            from (select {values} from public.by_hand_landing offset 0) as typed
            """  # type: ignore[arg-type]
        )
        connection.execute("drop table public.by_hand_landing")


def to_sql(source_url: str, rows: int) -> None:
    import pandas as pd

    urls = (sa.make_url(url).set(drivername="postgresql+psycopg") for url in (source_url, os.environ["WAREHOUSE_URL"]))
    source, target = (sa.create_engine(url) for url in urls)
    with source.connect() as reading, target.begin() as writing:
        frame = pd.read_sql(sa.text(f"select * from interactions limit {rows}"), reading)
        frame.to_sql("to_sql", writing, schema="public", if_exists="replace", index=False)
    source.dispose()
    target.dispose()


# --- the comparison ---------------------------------------------------------------------------------------------------


def compare(source_url: str, folder: Path, rows: int, runs: int) -> int:
    watch = Stopwatch()
    for run in range(runs):
        announce(run, runs, f"{rows:,} rows")
        watch.timed("COPY | COPY", lambda: copy_copy(source_url))
        watch.timed("by hand", lambda: by_hand(source_url))
        with connected() as connection:
            connection.execute("truncate raw.interactions, pii.interactions, ops.batches, ops.batch_events, ops.coverage, rejected.rows")
        first = watch.timed("first load", lambda: ingest(folder))
        assert (first.rows_in, first.accepted) == (rows, rows), first
        again = watch.timed("unchanged re-read", lambda: ingest(folder))
        assert (again.rows_in, again.unchanged) == (rows, rows), again
    few = min(rows, 50_000)
    watch.timed("to_sql", lambda: to_sql(source_url, few))

    speed = {way: (few if way == "to_sql" else rows) / seconds for way, seconds in watch.medians().items()}
    first_load, reread = speed["first load"] / speed["by hand"], speed["unchanged re-read"] / speed["COPY | COPY"]
    return report(
        f"{rows:,} interactions of {len(COLUMNS)} columns, median of {runs} alternating runs",
        ("way of loading", "rows per second", "against by hand", "against COPY | COPY"),
        [(way, f"{rate:,.0f}", f"{rate / speed['by hand']:.2f}", f"{rate / speed['COPY | COPY']:.2f}") for way, rate in speed.items()],
        [
            (f"first load against by hand: {first_load:.2f}, limit {FIRST_LOAD_LIMIT}", first_load >= FIRST_LOAD_LIMIT),
            (f"unchanged re-read against COPY | COPY: {reread:.2f}, limit {REREAD_LIMIT}", reread >= REREAD_LIMIT),
        ],
    )


def prove_memory(folder: Path, rows: int) -> int:
    before = peak_mb()
    first = ingest(folder)
    again = ingest(folder)
    assert (first.accepted, again.unchanged) == (rows, rows)
    peak = peak_mb()
    figures = [("before", f"{before:.0f}"), (f"after {rows:,} rows, loaded and read again", f"{peak:.0f}")]
    verdict = f"peak RSS: {peak:.0f} MB, limit {MEMORY_LIMIT_MB} MB", peak < MEMORY_LIMIT_MB
    return report("Memory of the loading process", ("", "peak RSS, MB"), figures, [verdict])


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024 * 1024)


if __name__ == "__main__":
    sys.exit(main())
