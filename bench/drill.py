"""What a cut of ten million answers by any two dimensions costs beside counting them.

    python bench/drill.py [--answers 10000000] [--days 1096]

The answers are put into `fct_survey_responses`, wide as it is, and dbt makes `nps_daily_counts` and `nps_pair_counts` from them. They are
as unlike each other as answers can be: 200 teams, 20 products, 12 types of claims and so on, drawn apart, so that adding up by day saves
next to nothing. The tables are vacuumed, as autovacuum leaves them. Then every pair of dimensions is cut once, and the slowest again.
Limit: a cut of all answers takes at most 4 times a bare `count(*)` over the same answers, at the count's own best: it may read the
smallest index of `fct_survey_responses`. The same holds for a cut of one quarter beside counting that quarter. What the same cuts take
from `nps_daily_counts`, to the day and with as many dimensions as one likes, is said beside them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from pathlib import Path

from _bench import announce, company, connected, report, warehouse

LIMIT = 4.0
SLOWEST, TURNS = 5, 5  # pairs that are timed again, and how often
DIMENSIONS = (
    *("segment", "region", "country", "acquisition_channel", "product_id", "product_category", "channel", "interaction_type"),
    *("interaction_subtype", "outcome", "team_id", "branch_id", "org_region_id", "company_id", "tenure_band", "value_band"),
    *("share_of_wallet_band", "resolution_band"),
)
LAST = date(2026, 1, 1)
# column → what it holds; drawn.a to drawn.h are numbers drawn apart, from 0 up to 1
FILLED = {
    "response_id": "ops.stable_id('response', drawn.i::text)",
    "customer_id": "'C' || (drawn.h * 1000000)::integer",
    "interaction_id": "'I' || drawn.i",
    "product_id": "'P' || (drawn.a * 20)::integer",
    "org_unit_id": "'T' || (drawn.b * 199)::integer",
    "team_id": "'T' || (drawn.b * 199)::integer",
    "branch_id": "'B' || (drawn.b * 199)::integer / 8",
    "org_region_id": "'R' || (drawn.b * 199)::integer / 50",
    "company_id": "'CO'",
    "provider": "'mailer'",
    "programme": "'transactional'",
    "population": "'transactional'",
    "scale": "'0-10'",
    "metric": "'nps'",
    "band": "(array['promoter', 'passive', 'detractor'])[1 + (drawn.c * drawn.c * 2.99)::integer]",
    "segment": "(array['private', 'family', 'business', 'young'])[1 + (drawn.d * 3)::integer]",
    "region": "(array['North', 'East', 'South', 'West'])[1 + (drawn.b * 199)::integer / 50]",
    "country": "(array['DE', 'AT', 'CH'])[1 + (drawn.e * 2)::integer]",
    "acquisition_channel": "(array['referral', 'advertising', 'comparison site', 'broker', 'branch'])[1 + (drawn.f * 4)::integer]",
    "channel": "(array['phone', 'branch', 'web', 'app'])[1 + (drawn.g * 3)::integer]",
    "interaction_type": "(array['call', 'claim', 'visit'])[1 + (drawn.a * drawn.g * 2.99)::integer]",
    "interaction_subtype": "'claim of type ' || (drawn.e * drawn.f * 12)::integer",
    "outcome": "(array['solved', 'passed on', 'paid in full', 'paid in part', 'rejected'])[1 + (drawn.c * drawn.e * 4.99)::integer]",
    "product_category": "'family ' || (drawn.a * 20)::integer / 4",
    "tenure_band": "(array['under 1 year', '1 to 3 years', 'over 3 years'])[1 + (drawn.h * 2)::integer]",
    "value_band": "(array['low', 'middle', 'high'])[1 + (drawn.d * drawn.h * 2.99)::integer]",
    "share_of_wallet_band": "(array['under a quarter', 'up to a half', 'over a half'])[1 + (drawn.f * drawn.g * 2.99)::integer]",
    "resolution_band": "(array['same day', '1 to 3 days', '4 to 7 days', 'over 7 days'])[1 + (drawn.c * drawn.d * 3.99)::integer]",
    "locale": "'de-DE'",
    "verbatim": "case when drawn.c < 0.4 then repeat('What the customer had to say of it. ', 1 + (drawn.d * 4)::integer) end",
    "score": "(drawn.c * 10)::integer",
    "is_complete": "true",
    "reference_on": "drawn.day",
    "responded_on": "drawn.day",
    "responded_at": "drawn.day + interval '10 hours'",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=1096)
    options = parser.parse_args()
    with warehouse() as (home, _):
        os.environ["SHOPKEEPER_HOME"] = str(home)
        announce(0, 3, "an empty company")
        prepare(home)
        announce(1, 3, f"{options.answers:,} answers and their daily counts")
        fill(home, options.answers, options.days)
        announce(2, 3, "cuts")
        return measure(options.answers)


def prepare(home: Path) -> None:
    """Freeze a build of an empty batch, and make its marts."""
    from shopkeeper.company.load import load
    from shopkeeper.pipeline import build as builds

    crm = {"crm": {"connection": "sqlite:///crm.db", "entities": {"customers": {"table": "customers"}}}}
    now = datetime(LAST.year, LAST.month, LAST.day, tzinfo=UTC)
    with connected() as connection:
        connection.execute(
            """
            insert into ops.batches (entity, source, kind, interval_end, loaded_at, rows_in, accepted, unchanged, rejected, status)
            values ('customers', 'crm', 'window', %(now)s, %(now)s, 0, 0, 0, 0, 'passed')
            """,
            {"now": now},
        )
    builds.freeze(load(company(home / "company", sources=crm), environ={}), as_of=now, now=now + timedelta(days=1))
    dbt(home, "+nps_pair_counts")


def dbt(home: Path, *models: str) -> None:
    from shopkeeper.pipeline.dbt_runner import PROJECT, profile_environment
    from shopkeeper.warehouse.engine import engine

    own = {"DBT_TARGET_PATH": str(home / "target"), "DBT_LOG_PATH": str(home / "logs")}
    command = [str(Path(sys.executable).parent / "dbt"), "build", "--full-refresh", "--quiet", "--project-dir", str(PROJECT)]
    command += ["--profiles-dir", str(PROJECT), "--exclude-resource-type", "test", "unit_test", "--select", *models]
    subprocess.run(command, check=True, env={**os.environ, **profile_environment(engine().url), **own})


def fill(home: Path, answers: int, days: int) -> None:
    """The answers, and what dbt counts of them."""
    with connected() as connection:
        connection.execute("set synchronous_commit = off")
        indexes = connection.execute(
            "select indexname, indexdef from pg_indexes where schemaname = 'marts_next' and tablename = 'fct_survey_responses'"
        ).fetchall()
        for name, _ in indexes:
            connection.execute(f'drop index marts_next."{name}"')
        connection.execute("select setseed(0.5)")
        connection.execute(f"""
            insert into marts_next.fct_survey_responses ({", ".join(FILLED)})
            select {", ".join(FILLED.values())}
            from (
                select i, date '{LAST}' - 1 - (i % {days})::integer as day, {", ".join(f"random() as {name}" for name in "abcdefgh")}
                from generate_series(1, {answers}) as i
                offset 0
            ) as drawn
        """)
        for _, definition in indexes:
            connection.execute(definition)
        connection.execute("vacuum analyze marts_next.fct_survey_responses")
    dbt(home, "nps_daily_counts", "nps_pair_counts")
    with connected() as connection:
        connection.execute("vacuum analyze marts_next.nps_daily_counts, marts_next.nps_pair_counts")


def measure(answers: int) -> int:
    with connected() as connection:
        ask = connection.cursor()

        def seconds(query: str) -> float:
            start = time.perf_counter()
            ask.execute(query).fetchall()
            return time.perf_counter() - start

        held = ask.execute("select count(*), sum(responses) from marts_next.nps_daily_counts").fetchone()
        assert held is not None
        assert held[1] == answers, "the daily counts are not of the answers that were put in"
        once = {pair: seconds(cut(pair, None)) for pair in combinations(DIMENSIONS, 2)}
        slowest = sorted(once, key=lambda pair: once[pair])[-SLOWEST:]
        rows, verdicts = [], []
        for name, since in (("all answers", None), ("a quarter", LAST - timedelta(days=92))):
            count = "select count(*) from marts_next.fct_survey_responses" + (f" where responded_on >= date '{since}'" if since else "")
            seconds(count)
            # in turns, so that whatever else the machine does slows down both
            turns = [(seconds(count), *(seconds(cut(pair, since)) for pair in slowest)) for _ in range(TURNS)]
            counting, *took = (statistics.median(column) for column in zip(*turns, strict=True))
            rows.append((f"count(*) of {name}", f"{counting:.3f}", ""))
            for pair, each in zip(slowest, took, strict=True):
                by_day = seconds(daily_cut(pair, since))
                rows.append((f"  {' and '.join(pair)}", f"{each:.3f}", f"{each / counting:.2f}"))
                rows.append(("    the same to the day", f"{by_day:.3f}", f"{by_day / counting:.2f}"))
            worst = max(took) / counting
            verdicts.append((f"slowest cut of {name}: {worst:.2f} times a count(*), limit {LIMIT}", worst <= LIMIT))
    return report(f"{answers:,} answers in {held[0]:,} rows of daily counts: seconds of a cut", ("cut", "seconds", "times"), rows, verdicts)


def cut(pair: tuple[str, str], since: date | None) -> str:
    """Of whole months, by two dimensions."""
    first, second = sorted(pair)
    return f"""
        select dimension_value, other_value, sum(responses) as responses, sum(promoters) as promoters, sum(detractors) as detractors
        from marts_next.nps_pair_counts
        where programme = 'transactional' and metric = 'nps' and dimension = '{first}' and other_dimension = '{second}'
            {f"and month_starts_on >= date '{since}'" if since else ""}
        group by dimension_value, other_value
    """


def daily_cut(dimensions: tuple[str, ...], since: date | None) -> str:
    """To the day, by any number of dimensions."""
    return f"""
        select {", ".join(dimensions)}, sum(responses) as responses, sum(promoters) as promoters, sum(detractors) as detractors
        from marts_next.nps_daily_counts
        where programme = 'transactional' and metric = 'nps' {f"and counted_on >= date '{since}'" if since else ""}
        group by {", ".join(dimensions)}
    """


if __name__ == "__main__":
    sys.exit(main())
