"""How the cost of looking for drivers grows: one programme of 200,000 answers against one of a million.

    python bench/drivers.py [--small 200000] [--large 1000000] [--runs 2]

Answers stand in `int_drivers__answers` as wide as a company has them: four segments, eight regions, what happened, topics of calls,
attributes of the company's own, two questions beside the score and themes of what was written. The analysis is the one that a build
runs: everybody, each segment and each type of interaction; effects, importance with bootstrap and the curve of waiting. Of more than
200,000 answers it takes those of so many customers, so that only finding them grows. Sizes take turns and medians count, in seconds of
this program's processor: the warehouse beside it only reads and is told by the clock. Limit: five times the answers cost at most 1.5 times.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one processor, whatever the machine has

import argparse
import statistics
import sys
import time

from _bench import announce, connected, report, warehouse

LIMIT = 1.5
THEMES = ("price", "phone", "waiting", "app", "claim", "staff")
# column → what it holds; drawn.a to drawn.f are numbers drawn apart, from 0 up to 1, and waited is the hours until it was settled
HELD = {
    "response_id": "cast(md5(drawn.i::text) as uuid)",
    "customer_id": "'C' || drawn.i / 3",
    "programme": "'transactional'",
    "metric": "'nps'",
    "band": "case when drawn.a + drawn.waited / 400 < 0.45 then 'promoter' when drawn.a + drawn.waited / 400 < 0.8 then 'passive'"
    " else 'detractor' end",
    "segment": "(array['private', 'family', 'business', 'young'])[1 + (drawn.b * 3)::integer]",
    "tenure_band": "(array['under 1 year', '1 to 3 years', 'over 3 years'])[1 + (drawn.c * 2)::integer]",
    "value_band": "(array['low', 'middle', 'high'])[1 + (drawn.d * 2)::integer]",
    "region": "'R' || (drawn.b * drawn.c * 8)::integer",
    "resolution_band": "case when drawn.waited < 24 then 'same day' when drawn.waited < 72 then '1 to 3 days' else 'over 3 days' end",
    "outcome": "(array['solved', 'passed on', 'rejected'])[1 + (drawn.e * drawn.d * 2)::integer]",
    "interaction_subtype": "'of type ' || (drawn.e * 6)::integer",
    "channel": "(array['phone', 'branch', 'web', 'app'])[1 + (drawn.f * 3)::integer]",
    "product_category": "'family ' || (drawn.c * 5)::integer",
    "interaction_type": "(array['call', 'claim'])[1 + drawn.e::integer]",
    "complained_before": "case when drawn.e * drawn.f > 0.8 then 'yes' else 'no' end",
    "topics": "(array['invoice', 'cover', 'invoice, cover', 'cancellation'])[1 + (drawn.d * 3)::integer]",
    "attributes": "jsonb_build_object('queue', (drawn.f * 4)::integer, 'is_first_call', drawn.c > 0.7)",
    "answers": "jsonb_build_object('rep', (drawn.a + drawn.f * 3)::integer, 'ease', (drawn.b * 4)::integer)",
    "hours_to_resolution": "cast(drawn.waited as numeric(12, 4))",
    "worst_call_before": "case when drawn.b < 0.2 then cast(drawn.c as numeric(9, 6)) end",
    "failed_interaction_score": "cast(drawn.d as numeric(9, 6))",
    "speech_sentiment": "cast(drawn.e * 2 - 1 as numeric(9, 6))",
    "period_starts_on": "date '2025-01-01'",
    "period_ends_on": "date '2025-12-31'",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=int, default=200_000)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=2)
    options = parser.parse_args()
    sizes = {"small": options.small, "large": options.large}
    processor: dict[str, list[float]] = {size: [] for size in sizes}
    clock: dict[str, list[float]] = {size: [] for size in sizes}
    with warehouse(is_parallel=False):
        answer(3_000)  # what is imported once is no part of an analysis
        analyse()
        for run in range(options.runs):
            for size, count in sizes.items():
                announce(run, options.runs, f"{count:,} answers")
                answer(count)
                began, worked = time.perf_counter(), time.process_time()
                analyse()
                processor[size].append(time.process_time() - worked)
                clock[size].append(time.perf_counter() - began)
    rows = [(f"{count:,}", *(f"{statistics.median(spent[size]):.1f}" for spent in (processor, clock))) for size, count in sizes.items()]
    ratio = statistics.median(processor["large"]) / statistics.median(processor["small"])
    return report(
        f"drivers, median of {options.runs} alternating runs",
        ("answers", "seconds of this program", "seconds by the clock"),
        rows,
        [(f"{options.large:,} answers against {options.small:,}: {ratio:.2f} times, limit {LIMIT}", ratio <= LIMIT)],
    )


def answer(count: int) -> None:
    """So many answers of one programme, most of them with words that were read for themes."""
    drawn = f"""
        select i, a, b, c, d, e, f, -48 * ln(1 - d * 0.999) as waited
        from (select i, {", ".join(f"random() as {name}" for name in "abcdef")} from generate_series(1, {count}) as i offset 0) as numbers
    """
    listed = ", ".join(f"case when mod(drawn.i, {place + 3}) = 0 then '{theme}' end" for place, theme in enumerate(THEMES))
    with connected() as connection:
        connection.execute("create schema if not exists intermediate")
        connection.execute("drop table if exists intermediate.int_drivers__answers")
        connection.execute("truncate analysis.theme_readings")
        connection.execute("select setseed(0.5)")
        columns = ", ".join(f"{value} as {name}" for name, value in HELD.items())
        connection.execute(f"create table intermediate.int_drivers__answers as select {columns} from ({drawn} offset 0) as drawn")
        connection.execute(f"""
            insert into analysis.theme_readings (response_id, words, language, method, themes)
            select cast(md5(drawn.i::text) as uuid), cast(md5('') as uuid), 'en', '', array_remove(array[{listed}], null)
            from generate_series(1, {count}) as drawn (i) where mod(drawn.i, 5) > 0
        """)
        connection.execute("analyze intermediate.int_drivers__answers, analysis.theme_readings")


def analyse() -> None:
    from shopkeeper.analysis.drivers.publication import analyse
    from shopkeeper.company.config import Company
    from shopkeeper.warehouse.engine import engine

    with engine().begin() as connection:
        found = analyse(connection, 1, Company(name="Bench", timezone="UTC", currency="EUR"))
        assert found["usable"] > 50, found


if __name__ == "__main__":
    sys.exit(main())
