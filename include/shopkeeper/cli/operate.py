"""Running the pipeline and looking after it: `run`, `up`, `down`, `status`, `check`, `bench`."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from shopkeeper.cli.app import (
    ROOT,
    AirflowOption,
    CompanyOption,
    app,
    err,
    moment,
    now,
    out,
    print_problems,
    print_table,
    short,
    supervised_warehouse,
    warehouse,
)
from shopkeeper.cli.cycle import cycle, print_scores
from shopkeeper.cli.sample import company_folder
from shopkeeper.errors import Problem, ShopkeeperError, fail

if TYPE_CHECKING:
    from shopkeeper.pipeline.status import Status


@app.command(rich_help_panel="Run")
def run(  # noqa: PLR0917 a command takes options, not arguments
    company: CompanyOption = None,
    dag: Annotated[list[str] | None, typer.Option(help="Only this DAG; may be given more than once. Default: the whole cycle.")] = None,
    read_from: Annotated[str | None, typer.Option("--from", help="Read a past window again: its start …")] = None,
    read_to: Annotated[str | None, typer.Option("--to", help="… and its end.")] = None,
    as_of: Annotated[str | None, typer.Option(help="Business time up to which marts are built.")] = None,
    airflow: AirflowOption = True,
) -> None:
    """Run the cycle once and exit: read the sources, ask, collect, gate, build, publish, audit. Non-zero when a gate stops it."""
    from shopkeeper.pipeline.cycle import Order
    from shopkeeper.pipeline.services import sandbox_inbox

    chosen: dict[str, tuple[str, ...]] = {"dags": tuple(dag)} if dag else {}
    order = Order(**chosen, read_from=moment("--from", read_from), read_to=moment("--to", read_to), as_of=moment("--as-of", as_of))
    with supervised_warehouse() if airflow else warehouse() as supervisor, sandbox_inbox():
        with cycle(company_folder(company), supervisor) as run_order:
            run_order(order)
        print_scores()


@app.command(rich_help_panel="Run")
def up(
    company: CompanyOption = None,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay attached; Ctrl-C ends it.")] = False,
) -> None:
    """Keep Airflow, the survey page and the warehouse up, on 127.0.0.1, with every DAG on its schedule. `down` ends it."""
    from shopkeeper.warehouse.embedded import home
    from shopkeeper.warehouse.supervisor import running

    if running(home()) is not None:
        raise fail("up", "something is up already", "./shopkeeper down ends it")
    if foreground:
        _stay_up(company)
        return
    log = home() / "up.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.touch(mode=0o600)
    with log.open("wb") as file, err.status("starting Postgres and Airflow") as status:
        argv = [sys.executable, "-m", "shopkeeper", "up", "--foreground", *(["--company", str(company)] if company else [])]
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
        while process.poll() is None and READY not in (said := log.read_text(errors="replace")):
            if lines := said.strip().splitlines():
                status.update(escape(lines[-1]))
            time.sleep(0.3)
    said = log.read_text(errors="replace").strip()
    if process.poll() is not None:
        raise fail("up", f"did not come up:\n{said[-2000:]}", f"see {log}")
    out.print(escape(said))


READY = "./shopkeeper down ends it"


def _stay_up(company: Path | None) -> None:
    from shopkeeper.messages.links import desk_link
    from shopkeeper.pipeline.orchestrator import airflow
    from shopkeeper.pipeline.services import sandbox_inbox, start_survey_page
    from shopkeeper.pipeline.upkeep import Upkeep
    from shopkeeper.pipeline.watch import Watch
    from shopkeeper.warehouse.engine import engine

    with supervised_warehouse() as supervisor, sandbox_inbox() as inbox:
        folder = company_folder(company)
        page = start_survey_page(supervisor, folder.folder)
        with airflow(supervisor, folder.folder, is_scheduled=True, note=lambda text: print(text, flush=True)) as running:
            print(f"Airflow      {running.url}  (user {running.user}, password in {running.password_file})")
            print(f"Survey page  {page}")
            print(f"Desk         {desk_link()}  (./shopkeeper desk-link EMPLOYEE makes a link to log in by)")
            print(
                f"Inbox        {inbox}  (e-mails stay on this machine: ./shopkeeper inbox)"
                if inbox
                else "Delivery     as set in the environment"
            )
            print("Warehouse    ./shopkeeper db url")
            print(READY, flush=True)
            watch = Watch(engine(), folder, awake_since=now())
            upkeep = Upkeep(supervisor, folder.folder, watch, note=lambda text: print(text, flush=True), now=now())
            while True:
                time.sleep(1)
                upkeep.do(now())


@app.command(rich_help_panel="Run")
def down() -> None:
    """Stop everything that `up` started, and what a killed command left behind."""
    from shopkeeper.warehouse.embedded import home
    from shopkeeper.warehouse.supervisor import end

    with err.status("stopping"):
        found = end(home())
    out.print("stopped" if found else "nothing was up")


@app.command(rich_help_panel="Run")
def status(
    company: CompanyOption = None,
    tell: Annotated[bool, typer.Option("--tell", help="E-mail the data team what is silent, once per silence: for a timer.")] = False,
) -> None:
    """Last publication, freshness, what is silent, open gates, coverage gaps, pauses, unsent and doubtful e-mails. Non-zero when something
    is stale or silent."""
    from shopkeeper.pipeline.status import status as ask
    from shopkeeper.pipeline.watch import Watch
    from shopkeeper.warehouse.engine import engine

    with warehouse():
        folder = company_folder(company)
        found = ask(engine(), now(), folder.company.freshness)
        if tell:
            Watch(engine(), folder).look(now())
    _print_status(found, now(), has_crm=folder.closed_loop.crm is not None)
    sys.exit(1 if found.is_stale else 0)


def _print_status(found: Status, at: datetime, *, has_crm: bool) -> None:
    if found.published_at is None:
        out.print("[bold]Publication[/bold]  none yet: ./shopkeeper run")
    else:
        stale = "  [red]stale[/red]" if found.publication_is_stale else ""
        out.print(f"[bold]Publication[/bold]  {short(found.published_at)} UTC, as of {short(found.as_of)} UTC{stale}")
    rows = [
        [e.entity, _age(e.age), short(e.newest_record_at), short(e.covered_to), _freshness(e.is_stale, e.limit)] for e in found.entities
    ]
    print_table(["entity", "age", "newest record", "read up to", "freshness"], rows, empty="no entity has been read yet")
    for silence in found.silences:
        out.print(f"[red]silent[/red] {silence.said(at)}")
    for failed in found.failed_batches:
        batch_of = f"{failed.entity} from {failed.source}, {short(failed.loaded_at)}"
        out.print(f"[red]failed batch {failed.batch_id}[/red] {batch_of}: {escape(failed.reason)}")
    for check in found.failed_publication_checks:
        out.print(f"[red]not published[/red] {escape(check)}")
    for gap in found.coverage_gaps:
        out.print(
            f"[yellow]gap[/yellow] {gap.entity} from {gap.source}: {short(gap.gap_from)} to {short(gap.gap_to)}; the next run reads it"
        )
    for reject in found.open_rejects:
        out.print(f"[yellow]{reject.rows:,} rejected rows[/yellow] of {reject.entity} from {reject.source}; the report says why")
    for pause in found.pauses:
        since = f"since {short(pause.paused_at)} by {escape(pause.paused_by)}"
        out.print(f"[yellow]paused[/yellow] {escape(pause.programme or 'everything')} {since}: {escape(pause.reason)}")
    _print_unsent(found, has_crm=has_crm)
    for one in found.running:
        out.print(f"running: {one.dag_id} {one.step} since {short(one.started_at)}")
    for one in found.last_failures:
        out.print(f"[red]failed run[/red] {one.dag_id} {one.step} {short(one.started_at)}: {escape(one.reason)}")


def _age(age: timedelta | None) -> str:
    """Such as 3 h or 12 d; hours as long as days would hide whether it is of today."""
    if age is None:
        return "nothing read"
    hours = int(age.total_seconds() // 3600)
    return f"{hours} h" if hours < 72 else f"{hours // 24} d"


def _freshness(is_stale: bool, limit: timedelta | None) -> str:
    return "stale" if is_stale else f"fresh (limit {_age(limit)})" if limit else "no limit set"


def _print_unsent(found: Status, *, has_crm: bool) -> None:
    """What has not reached those whom it is for."""
    if found.unsent:
        waits = f"; the oldest since {short(found.oldest_unsent_at)}"
        out.print(f"[yellow]{found.unsent:,} e-mails are due and unsent[/yellow]{waits}: ./shopkeeper wave list")
    if found.doubtful:
        out.print(f"[red]{found.doubtful:,} messages are doubtful[/red]: ./shopkeeper doubtful list")
    if found.crm_waiting and has_crm:
        out.print(f"[yellow]{found.crm_waiting:,} records wait for the CRM[/yellow]; the oldest since {short(found.oldest_crm_waiting_at)}")
    for task in found.crm_differences:
        out.print(f"[yellow]differs in the CRM[/yellow] order {escape(task.external_id)}: {escape(task.difference)}")


@app.command(rich_help_panel="Run")
def check(company: CompanyOption = None) -> None:
    """Validate a company folder and try its connections, without writing: every problem in one list, and what each source would bring."""
    from shopkeeper.cli.sample import place_sample
    from shopkeeper.company import load
    from shopkeeper.sources.check import check as ask

    if load.company_folder(company) == load.SAMPLE:
        place_sample()
    with err.status("checking") as progress:
        report = ask(company, now=now(), progress=lambda text: progress.update(escape(text)))
    rows = [
        [
            *(one.source, one.entity, f"{one.rows:,}", f"{one.unreadable:,}"),
            "" if one.reachable is None else f"{one.reachable:,}",
            "" if one.with_employee is None else f"{one.with_employee:,}",
            ", ".join(f"{match.column} {match.known:,} of {match.ids:,}" for match in one.matches),
            "" if one.delay is None else f"{one.delay.total_seconds() / 3600:,.0f} h",
        ]
        for one in report.brings
    ]
    heads = ["source", "entity", ">rows", ">unreadable", ">reachable", ">with employee", "ids that match", ">newest is old"]
    print_table(heads, rows, title="What each source would bring", empty="no source could be read")
    for note in report.notes:
        out.print(escape(note))
    problems = [*report.problems, *_of_others(company)]
    print_problems(problems)
    if problems:
        sys.exit(1)
    out.print("[green]✓[/green] no problem found")


def _of_others(company: Path | None) -> list[Problem]:
    """What is wrong with providers of surveys, and with the CRM that is written to."""
    from shopkeeper.closed_loop.crm.adapter import problems as of_crm
    from shopkeeper.company.load import load
    from shopkeeper.survey.providers import problems as of_providers

    try:
        folder = load(company)
    except ShopkeeperError:
        return []  # what is wrong with the folder has been said
    return [*of_providers(folder), *of_crm(folder)]


@app.command(rich_help_panel="Operate")
def bench(name: Annotated[str | None, typer.Argument(help="One of the files in bench/, without .py; all where left out.")] = None) -> None:
    """Measure speed as ratios against a named limit; non-zero when a limit is missed."""
    names = sorted(file.stem for file in (ROOT / "bench").glob("*.py") if not file.stem.startswith("_"))
    if name is not None and name not in names:
        raise fail(f"bench {name}", "there is no such benchmark", f"one of {', '.join(names)}")
    codes = [
        subprocess.run([sys.executable, str(ROOT / "bench" / f"{one}.py")], cwd=ROOT, check=False).returncode
        for one in ([name] if name else names)
    ]
    sys.exit(max(codes, default=0))
