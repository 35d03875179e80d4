"""The metric-quality report: seconds per answer with 100,000 answers and with a million.

    .venv/bin/python bench/report.py

Limit: an answer of a million takes at most 1.2 times what one of 100,000 takes. The report reads marts, whose cells do not grow with the
answers; what it counts from the answers themselves (who collected them, why some are excluded) grows with them. Both warehouses are
published side by side, with the same units and periods, and take turns.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from _bench import Stopwatch, announce, report, warehouse

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "include")]
from tests.quality import report_world  # noqa: E402

SIZES = {"100,000 answers": 100_000, "1,000,000 answers": 1_000_000}
LIMIT, RUNS = 1.2, 3


def main() -> int:
    from shopkeeper.quality.report import build_report
    from shopkeeper.warehouse.engine import engine as make_engine
    from shopkeeper.warehouse.schema import migrate

    watch = Stopwatch()
    with warehouse(is_parallel=False) as (_, server):
        engines = {}
        for number, (name, answers) in enumerate(SIZES.items()):
            server.create_database(f"report_{number}")
            engines[name] = make_engine(server.url(f"report_{number}"))
            migrate(engines[name])
            with engines[name].begin() as connection:
                report_world.fill(connection, answers=answers)
        sizes = {name: len(build_report(engine, "Bench")) for name, engine in engines.items()}  # warm
        for run in range(RUNS):
            for name, engine in engines.items():
                announce(run, RUNS, name)
                watch.timed(name, lambda engine=engine: build_report(engine, "Bench"))
        for engine in engines.values():
            engine.dispose()
    return judge(watch.medians(), sizes)


def judge(seconds: dict[str, float], sizes: dict[str, int]) -> int:
    per_answer = {name: 1e6 * seconds[name] / answers for name, answers in SIZES.items()}
    few, many = per_answer.values()
    rows = [(name, f"{seconds[name]:.2f}", f"{per_answer[name]:.2f}", f"{sizes[name]:,}") for name in SIZES]
    return report(
        f"Metric-quality report on {len(os.sched_getaffinity(0))} cores",
        ("", "seconds", "microseconds per answer", "bytes"),
        rows,
        [(f"per answer, a million against 100,000: {many / few:.2f}, limit {LIMIT}", many / few <= LIMIT)],
    )


if __name__ == "__main__":
    sys.exit(main())
