"""What a scorecard costs, per employee, in a small company and in one a hundred times as large.

    python bench/digests.py [--employees 5000] [--runs 3]

Both companies have the same answers and open orders per employee. Making all scorecards and posting them is timed in each,
in turns, each time with an empty outbox; divided by how many were posted, the median of the runs counts. Limit: a scorecard in the large
company takes at most 1.2 times as long as in the small one.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from _bench import announce, company, report, warehouse

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.distribution import published

LIMIT = 1.2
SMALL = 50
SHORT_RUNS = 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--employees", type=int, default=5_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with warehouse(is_parallel=False) as (home, server):
        return compare(home, server, options.employees, options.runs)


def compare(home: Path, server: Any, employees: int, runs: int) -> int:
    from shopkeeper.company.load import load
    from shopkeeper.warehouse.engine import engine
    from shopkeeper.warehouse.schema import migrate

    calendar = {"calendar": {"weekdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}}
    folder = load(company(home / "company", sources={}, closed_loop=calendar), environ=os.environ)
    companies = {}
    for size in (SMALL, employees):
        server.create_database(f"of_{size}")
        companies[size] = engine(server.url(f"of_{size}"))
        migrate(companies[size])
        with companies[size].begin() as connection:
            published.fill(connection, employees=size)
        with companies[size].connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("vacuum analyze")
    per_card: dict[int, list[float]] = {size: [] for size in companies}
    for run in range(runs + 1):  # the first warms up
        announce(run - 1, runs, "not counted" if run == 0 else "both companies")
        # The small company's run is short: it is timed so often, before and after, that both are seen under the same load.
        for size in [*[SMALL] * SHORT_RUNS, employees, *[SMALL] * SHORT_RUNS]:
            taken = seconds_per_card(companies[size], folder)
            if run:
                per_card[size].append(taken)
    milliseconds = {size: statistics.median(taken) * 1000 for size, taken in per_card.items()}
    ratio = milliseconds[employees] / milliseconds[SMALL]
    rows = [[f"{size:,}", f"{len(per_card[size])}", f"{milliseconds[size]:.2f}"] for size in companies]
    verdict = f"a scorecard of {employees:,} employees takes {ratio:.2f} times as long as one of {SMALL}; at most {LIMIT} times"
    return report("scorecards made and posted", ["employees", "runs", "milliseconds each"], rows, [(verdict, ratio <= LIMIT)])


def seconds_per_card(engine: Any, folder: Any) -> float:
    """Empty the outbox, and post the day's scorecards."""
    from shopkeeper.distribution.scorecards import post_scorecards

    with engine.begin() as connection:
        connection.exec_driver_sql("truncate ops.messages, pii.message_texts, ops.message_queue")
    began = time.perf_counter()
    posted = int(post_scorecards(engine, folder, now=published.AS_OF)["posted"])
    return (time.perf_counter() - began) / posted


if __name__ == "__main__":
    sys.exit(main())
