"""How the cost of the referral forest grows: judging, tree and ledger of 1 million edges, against one scan-and-join of the same rows.

    python bench/referrals.py [--small 100000] [--large 1000000] [--runs 3]

Edges are as a CRM has them: lines of referrals up to a dozen deep, second parents, self-referrals, people who joined on one day and
referred each other in a ring. What is timed is what a build does: the SQL that dbt makes of int_referrals__judged and
int_referrals__tree, each written to a table, then the ledger in Python, read, summed level by level and written. Beside it stands one
query by hand that joins each edge to the value of both customers and writes that. Ways and sizes take turns and the median counts.
Limits: the forest of the large size takes at most 10 times as long as its join by hand; an edge of it costs at most 1.3 times one
of the small size.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from _bench import Stopwatch, announce, connected, report, warehouse

AGAINST_JOIN, AGAINST_SMALL = 10, 1.3
PROJECT = Path(__file__).resolve().parents[1] / "dbt_project"
MODELS = ("int_referrals__judged", "int_referrals__tree")
FILL = """
    drop table if exists intermediate.int_customers__values, intermediate.int_referrals__latest, intermediate.int_referrals__yearly;
    create table intermediate.int_customers__values as
    select 'C' || lpad(i::text, 9, '0') as customer_id, date '2010-01-01' + (i * 5000 / {edges})::integer as joined_on,
        (i * 7919 % 200000 / 100.0 - 200)::numeric(18, 4) as lifetime_value_to_date
    from generate_series(1, {edges} * 11 / 10::bigint) as i
    order by md5(i::text);
    alter table intermediate.int_customers__values add primary key (customer_id);
    create table intermediate.int_referrals__latest as
    with drawn as (
        select i, i + {edges} / 10 as child,
            case
                when i % 100 = 0 then i + {edges} / 10  -- oneself
                when i % 100 = 1 then i + {edges} / 10 + 1  -- a ring of two, mostly on one day
                when i % 100 = 2 then i + {edges} / 10 - 1
                else 1 + floor((i + {edges} / 10 - 1) * (('x' || substr(md5(i::text), 1, 7))::bit(28)::integer / 268435456.0))::integer
            end as parent
        from generate_series(1, {edges}::bigint) as i
    ),
    named as (
        select i, 'C' || lpad((case when i % 20 = 7 then child - 1 else child end)::text, 9, '0') as child,  -- some are claimed twice
            'C' || lpad(least(parent, {edges} * 11 / 10)::text, 9, '0') as parent
        from drawn
    )
    select md5(named.i::text)::uuid as referral_key, 'R' || named.i as referral_id, 'record' as origin, 'record' as match_rule,
        1.00::numeric(3, 2) as confidence, parent as referrer_customer_id, child as referred_customer_id, null::text as why_no_edge,
        named.i % 3 = 0 as would_have_come_anyway, children.joined_on as referred_on, children.joined_on as converted_on,
        parents.joined_on as referrer_joined_on, children.joined_on as referred_joined_on
    from named
    inner join intermediate.int_customers__values as parents on parents.customer_id = parent
    inner join intermediate.int_customers__values as children on children.customer_id = child
    order by md5(named.i::text);
    create table intermediate.int_referrals__yearly (
        referral_key uuid, referrer_customer_id text, year_number integer, would_have_come_anyway boolean,
        net_margin numeric(18, 4), saved_acquisition numeric(18, 4)
    );
    analyze intermediate.int_customers__values; analyze intermediate.int_referrals__latest
"""
BY_HAND = """
    drop table if exists by_hand;
    create table by_hand as
    select edges.*, parents.lifetime_value_to_date as of_parent, children.lifetime_value_to_date as of_child
    from intermediate.int_referrals__latest as edges
    left join intermediate.int_customers__values as parents on edges.referrer_customer_id = parents.customer_id
    left join intermediate.int_customers__values as children on edges.referred_customer_id = children.customer_id
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=int, default=100_000)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    watch, sizes = Stopwatch(), {"small": options.small, "large": options.large}
    with warehouse(is_parallel=False) as (home, _):
        queries = compiled(home)
        for run in range(options.runs):
            for size, edges in sizes.items():
                announce(run, options.runs, f"{edges:,} edges")
                fill(edges)
                watch.timed(f"join {size}", lambda: execute(BY_HAND))
                kept = watch.timed(f"forest {size}", lambda: forest(queries))
                assert edges * 0.8 < kept < edges, f"{kept:,} of {edges:,} edges are kept"
    seconds = watch.medians()
    rows = [
        (
            f"{edges:,}",
            f"{seconds[f'join {size}']:.1f}",
            f"{seconds[f'forest {size}']:.1f}",
            f"{1e6 * seconds[f'forest {size}'] / edges:.1f}",
        )
        for size, edges in sizes.items()
    ]
    against_join = seconds["forest large"] / seconds["join large"]
    per_edge = seconds["forest large"] / sizes["large"] / (seconds["forest small"] / sizes["small"])
    return report(
        f"referrals, median of {options.runs} alternating runs",
        ["edges", "join by hand, seconds", "judge, tree and ledger, seconds", "µs per edge"],
        rows,
        [
            (f"forest against one scan-and-join: {against_join:.2f} times as long, limit {AGAINST_JOIN}", against_join <= AGAINST_JOIN),
            (f"an edge of the large against one of the small: {per_edge:.2f}, limit {AGAINST_SMALL}", per_edge <= AGAINST_SMALL),
        ],
    )


def compiled(home: Path) -> dict[str, str]:
    """The SQL that dbt makes of the models."""
    from shopkeeper.pipeline.dbt_runner import profile_environment
    from shopkeeper.warehouse.engine import engine

    dbt = Path(sys.executable).parent / "dbt"
    paths = ["--project-dir", PROJECT, "--profiles-dir", PROJECT, "--target-path", home / "dbt", "--log-path", home / "logs"]
    command = [dbt, "compile", "--quiet", "--select", *MODELS, *paths]
    subprocess.run(list(map(str, command)), check=True, env={**os.environ, **profile_environment(engine().url)}, stdout=subprocess.DEVNULL)
    folder = home / "dbt" / "compiled" / "shopkeeper" / "models"
    return {name: next(folder.rglob(f"{name}.sql")).read_text() for name in MODELS}


def fill(edges: int) -> None:
    execute(FILL.format(edges=edges))


def execute(statements: str) -> None:
    with connected() as connection:
        connection.execute(statements)  # type: ignore[arg-type]


def forest(queries: dict[str, str]) -> Any:
    """What a build does of referrals; returns how many edges are kept."""
    from shopkeeper.analysis import referrals
    from shopkeeper.company.config import Company
    from shopkeeper.warehouse.engine import engine

    for name, query in queries.items():
        # with what the first model's hooks do
        before, after = ("set enable_nestloop = off;", f"; analyze intermediate.{name}") if name == MODELS[0] else ("", "")
        execute(f"drop table if exists intermediate.{name}; {before} create table intermediate.{name} as {query}{after}")
    with engine().begin() as connection:
        found = referrals.analyse(connection, 1, Company(name="Bench", timezone="UTC", currency="EUR"))
    assert found["own"] == found["held"], found
    return found["referrals"]


if __name__ == "__main__":
    sys.exit(main())
