"""The front door: `demo` and `test`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from shopkeeper.cli.app import ROOT, AirflowOption, app, err, now, out, print_table, supervised_warehouse
from shopkeeper.cli.cycle import cycle, print_scores
from shopkeeper.cli.sample import DATABASES, company_folder, history_folder, place_sample
from shopkeeper.errors import fail

if TYPE_CHECKING:
    from shopkeeper.demo import SimulationConfig
    from shopkeeper.warehouse.embedded import Server

SITES = {
    "report": "the metric-quality report",
    "economics": "what loyalty is worth, on a page",
    "intranet_front_line": "what customers say, for the front line",
    "intranet_executives": "the same for executives",
    "huddle_packs": "a page per team for the week's huddle",
    "you_said": "what was done about it, for customers",
    "data_docs": "every check and its result",
    "dbt_docs": "every model and its lineage",
}


@app.command(rich_help_panel="Begin here")
def demo(
    customers: Annotated[int, typer.Option(help="How many customers the sample company has.", min=1)] = 20_000,
    seed: Annotated[int, typer.Option(help="Another seed is another company.", min=0)] = 1,
    airflow: AirflowOption = True,
    fresh: Annotated[bool, typer.Option("--fresh", help="Replace what is in the embedded warehouse.")] = False,
) -> None:
    """Everything on a fresh machine: a sample company with planted truth, the whole pipeline, a survey that its customers answer, the score
    and a report."""
    from shopkeeper.cli.asking import ask_and_collect
    from shopkeeper.company.load import SAMPLE
    from shopkeeper.demo import SimulationConfig, improvement, simulate
    from shopkeeper.messages.links import DESK_URL
    from shopkeeper.pipeline.cycle import Order
    from shopkeeper.pipeline.services import sandbox_inbox, start_survey_page
    from shopkeeper.quality.sites import unpack
    from shopkeeper.survey.links import SURVEY_URL
    from shopkeeper.survey.mode import DELIVERY, SANDBOX_ALLOW, SANDBOX_URL
    from shopkeeper.warehouse.embedded import home
    from shopkeeper.warehouse.engine import engine
    from shopkeeper.web.guard import TRUSTED_PROXIES

    began = time.monotonic()
    for name in ("WAREHOUSE_URL", DELIVERY, SANDBOX_URL, SANDBOX_ALLOW, SURVEY_URL, DESK_URL):
        os.environ.pop(name, None)  # the demo keeps to the embedded warehouse, its own inbox, its own survey page and its own desk
    with supervised_warehouse() as supervisor, sandbox_inbox():
        config = SimulationConfig(seed=seed, customers=customers, ends_on=now().date() - timedelta(days=1), improves=True)
        sample = _sample(config, fresh=fresh)
        place_sample()
        company = company_folder(SAMPLE)
        os.environ.setdefault(TRUSTED_PROXIES, "127.0.0.1/32")  # the simulated customers come through one, each from elsewhere
        start_survey_page(supervisor, company.folder)
        with cycle(company, supervisor if airflow else None) as run_order:
            as_of = datetime.fromisoformat(sample["as_of"])
            round_of = replace(config, ends_on=date.fromisoformat(sample["config"]["ends_on"]))
            improvement.decide(engine(), company, round_of)
            run_order(Order(dags=("ingest_sources", "build_marts"), as_of=as_of))
            ask_and_collect(company, simulate(round_of), run_order, as_of=as_of)
        places = {name: unpack(engine(), name, home() / "sites" / name) for name in SITES}
        print_scores()
        _print_truth(sample)
    out.print(f"\n[bold]Where to look[/bold]   (made in {time.monotonic() - began:.0f} s)")
    for name, what in SITES.items():
        out.print(f"  {what:<34} {escape(str(places[name]))}")
    out.print("  the marts                          ./shopkeeper db start, then ./shopkeeper db psql -c 'table marts.nps_current'")
    out.print("  the e-mails that were sent         ./shopkeeper inbox")
    out.print("  why a customer was asked, or not   ./shopkeeper why C0000001")
    out.print("  Airflow, with every DAG            ./shopkeeper up")
    out.print(f"  what was planted                   {escape(str(history_folder() / 'truth.json'))}")


def _sample(config: SimulationConfig, *, fresh: bool) -> dict[str, Any]:
    """The truth about the sample company, which is made where it is not there yet.

    One that is there with the same seed and size is kept, whatever day it ends on: the run is then a repetition.
    """
    from shopkeeper.demo import fill
    from shopkeeper.warehouse.embedded import default_server

    server, kept = default_server(), history_folder() / "truth.json"
    if kept.exists() and not fresh:
        truth: dict[str, Any] = json.loads(kept.read_text())
        if all(truth["config"][name] == getattr(config, name) for name in ("seed", "customers")):
            return truth
        raise fail(
            "demo", "the embedded warehouse holds another sample company", "add --fresh to replace it, and all that is in the warehouse"
        )
    if fresh:
        _start_anew(server)
    for name in DATABASES.values():
        server.create_database(name)
    with err.status("making the sample company") as status:
        crm, finance = (server.url(name) for name in DATABASES.values())
        filled = fill(
            config, crm, finance, history_folder(), lambda what, done: status.update(f"making the sample company: {what}, {done:.0%}")
        )
    if err.is_terminal:
        err.print(f"[green]✓[/green] sample company with {sum(filled.rows.values()):,} rows in its CRM, its ledger and its survey history")
    return filled.truth


def _start_anew(server: Server) -> None:
    import psycopg

    from shopkeeper.survey import inbox
    from shopkeeper.warehouse.engine import engine
    from shopkeeper.warehouse.schema import migrate

    inbox.open_maildir(inbox.default_folder()).clear()  # its folders stay: the inbox is open
    engine().dispose()
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        for name in ("warehouse", *DATABASES.values()):
            connection.execute(f'drop database if exists "{name}" with (force)')
    server.create_database("warehouse")
    migrate(engine())


def _print_truth(truth: dict[str, Any]) -> None:
    """What was planted beside what was found: the score had everyone in the frame answered, what bands are worth, and so on."""
    from shopkeeper.demo.compared import HEADS, compare
    from shopkeeper.warehouse.engine import engine

    with engine().connect() as connection:
        compared = compare(connection, truth)
    print_table(HEADS, [one.cells() for one in compared], title="Planted, and found again")
    held = [one.holds for one in compared if one.holds is not None]
    out.print(f"{sum(held)} of {len(held)} intervals hold what was planted; of many, one in twenty misses by chance.")
    out.print(
        "In the sample company unhappy customers answer less often, and an interval speaks of chance alone: so the raw scores lie above the"
        " truth. Weights repair what the CRM can tell of those who did not answer."
    )


# What depends on the database's version.
CORE = ("tests/warehouse", "tests/sources/test_versions.py", "tests/dbt/core/test_marts.py", "tests/pipeline/test_publish.py")
OLDEST_POSTGRES = "16"


@app.command(rich_help_panel="Begin here")
def test(
    everything: Annotated[bool, typer.Option("--all", help="Add the long proofs: hundreds of kills and seeds, millions of rows.")] = False,
    slow: Annotated[
        bool, typer.Option("--slow", help="Run those that take minutes each instead: schedulers that are killed, services.")
    ] = False,
    explorer: Annotated[bool, typer.Option("--explorer", help="Run those of the dashboards instead: Superset is installed.")] = False,
    oldest: Annotated[
        bool, typer.Option("--oldest-postgres", help="Run what depends on the database's version on the oldest Postgres that is supported.")
    ] = False,
    arguments: Annotated[list[str] | None, typer.Argument(help="Passed on to pytest, after --.")] = None,
) -> None:
    """Run the test suite: real Postgres, real scheduler, real browser."""
    # Files are handed out in the order of collection, which tests/conftest.py makes longest first.
    pytest = [sys.executable, "-m", "pytest", "-n", "3", "--dist", "loadfile", "--no-loadscope-reorder"]
    environment = {**os.environ, "SHOPKEEPER_TEST_POSTGRES": OLDEST_POSTGRES} if oldest else dict(os.environ)
    environment |= {"SHOPKEEPER_TEST_EXPLORER": "1"} if explorer else {}
    marked = "explorer" if explorer else "slow and not long" if slow else "not slow and not long"
    scope = [*([] if everything else ["-m", marked]), *(CORE if oldest and not everything else ())]
    sys.exit(subprocess.run([*pytest, *scope, *(arguments or [])], cwd=ROOT, env=environment, check=False).returncode)
