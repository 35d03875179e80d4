"""Run as a process, to be killed: freezes, builds, judges and publishes the stand-in, and prints where it is.

Arguments: the stand-in's folder. The warehouse comes from WAREHOUSE_URL.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from building import COMPANY, run_dbt

from shopkeeper.company.config import CompanyFolder
from shopkeeper.pipeline import analyses, dbt_runner
from shopkeeper.pipeline import build as build_module
from shopkeeper.pipeline.build import freeze
from shopkeeper.pipeline.publish import publish
from shopkeeper.quality.gates import gate_publication
from shopkeeper.warehouse.engine import engine

NOW = datetime(2025, 4, 1, tzinfo=UTC)


def say(what: str) -> None:
    print(what, flush=True)


def main(standin: Path) -> None:
    dbt_runner.PROJECT = standin / "dbt_project"
    analyses.ANALYSES = {}  # the stand-in has none of the models that they read
    build_module.CODE = (standin / "dbt_project", standin / "expectations")
    say("freeze")
    build = freeze(CompanyFolder(folder=standin, company=COMPANY, sources={}, config_hash="one"), now=NOW)
    say("build")
    run_dbt(build, note=lambda line: say(f"model {line}"))
    say("judge")
    gate_publication(engine(), build.build_id, NOW, standin / "expectations")
    say("publish")
    publish(build.build_id, NOW, note=say)
    say("done")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
