"""How long a DAG file takes to parse beyond importing Airflow: median of 5 fresh processes each, against 0.5 s."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMIT_SECONDS = 0.5
RUNS = 5

PARSE = """
import importlib.util, sys, time
import airflow.sdk
from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, ExceptionRetryPolicy, Param, TriggerRule, dag, task
began = time.perf_counter()
spec = importlib.util.spec_from_file_location("parsed", sys.argv[1])
spec.loader.exec_module(importlib.util.module_from_spec(spec))
print(time.perf_counter() - began)
"""


def seconds(file: Path) -> float:
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        done = subprocess.run([sys.executable, "-c", PARSE, str(file)], env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


def main() -> int:
    missed = 0
    print(f"{'DAG file':<24}{'seconds':>9}{'of limit':>10}")
    for file in sorted((ROOT / "dags").glob("*.py")):
        median = statistics.median(seconds(file) for _ in range(RUNS))
        missed += median > LIMIT_SECONDS
        print(f"{file.name:<24}{median:>9.3f}{median / LIMIT_SECONDS:>10.2f}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
