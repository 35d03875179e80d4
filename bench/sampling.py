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
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from _bench import Stopwatch, announce, company, connected, report, warehouse

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
    with warehouse(is_parallel=False) as (home, _):
        fill(options.customers)
        return compare(one_programme(home, options.customers), options.customers, options.runs)


def one_programme(home: Path, customers: int) -> Any:
    from shopkeeper.company.load import load

    crm = {"crm": {"connection": "sqlite:///crm.db", "entities": {"customers": {"table": "customers"}}}}
    PROGRAMMES["programmes"]["relationship"]["sampling"]["n"] = customers // SAMPLE_SHARE  # type: ignore[index]
    return load(company(home / "company", sources=crm, programmes=PROGRAMMES), environ={})


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


def compare(folder: Any, customers: int, runs: int) -> int:
    from shopkeeper.survey.sampling import draw
    from shopkeeper.warehouse.engine import engine

    watch = Stopwatch()

    def by_hand() -> None:
        with connected() as connection:
            connection.execute("set work_mem = '256MB'")
            connection.execute(BY_HAND)

    for run in range(runs):
        announce(run, runs, f"{customers:,} customers")
        watch.timed("by hand", by_hand)
        (wave,) = watch.timed("draw", lambda: draw(engine(), folder, as_of=AS_OF, now=AS_OF)).waves
        assert (wave.candidates, wave.drawn) == (customers, customers // SAMPLE_SHARE), wave
        with connected() as connection:
            connection.execute("truncate ops.waves, quality.wave_frames, ops.send_queue")
            connection.execute("delete from ops.invitations where programme = 'relationship'")
    medians = watch.medians()
    ratio = medians["draw"] / medians["by hand"]
    return report(
        f"{customers:,} customers, {customers // SAMPLE_SHARE:,} drawn, median of {runs} alternating runs",
        ("way", "seconds", "customers per second"),
        [(way, f"{median:.1f}", f"{customers / median:,.0f}") for way, median in medians.items()],
        [(f"draw against by hand: {ratio:.2f} times as long, limit {LIMIT}", ratio <= LIMIT)],
    )


if __name__ == "__main__":
    sys.exit(main())
