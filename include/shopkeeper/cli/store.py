"""The warehouse and what lies in it: `db`, `batch`, `migrate`, `retry-rejected`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from shopkeeper.cli.app import CompanyOption, ReasonOption, actor, app, err, now, out, print_table, short, warehouse

database = typer.Typer(no_args_is_help=True, help="The embedded warehouse: start, stop, look inside, back up.")
batch = typer.Typer(no_args_is_help=True, help="Batches: list them, waive a failed one, withdraw a bad one.")
app.add_typer(database, name="db", rich_help_panel="Operate")
app.add_typer(batch, name="batch", rich_help_panel="Operate")


@database.command("start")
def db_start() -> None:
    """Start the embedded warehouse and leave it running."""
    from shopkeeper.warehouse.embedded import default_server
    from shopkeeper.warehouse.engine import engine
    from shopkeeper.warehouse.schema import migrate

    with err.status("starting Postgres"):
        default_server().start()
        migrate(engine(default_server().url("warehouse")))
    out.print("started; [bold]./shopkeeper db url[/bold] says where, [bold]./shopkeeper db stop[/bold] ends it")


@database.command("stop")
def db_stop() -> None:
    """Stop the embedded warehouse."""
    from shopkeeper.warehouse.embedded import default_server

    with err.status("stopping Postgres"):
        default_server().stop()


@database.command("url")
def db_url(
    role: Annotated[str | None, typer.Option(help="Make (or renew) a login of this role, such as bi_reader, and print its URL.")] = None,
    employee: Annotated[str | None, typer.Option(help="With --role frontline_manager: whose own part of frontline it reads.")] = None,
    login: Annotated[str | None, typer.Option(help="With --role: its name, so that renewing another leaves it alone.")] = None,
) -> None:
    """Print the URL of the warehouse, password included: for a BI tool, or psql elsewhere."""
    import sqlalchemy as sa

    from shopkeeper.warehouse.engine import engine, warehouse_url
    from shopkeeper.warehouse.roles import create_login

    url = warehouse_url()
    if role is not None:
        name = login or f"{role}_{employee or 'login'}"
        password = create_login(engine(), name, role, employee_id=employee)
        url = sa.make_url(url).set(username=name, password=password).render_as_string(hide_password=False)
    typer.echo(url)


@database.command("psql", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def db_psql(context: typer.Context) -> None:
    """Open psql on the warehouse; further arguments go to psql."""
    from shopkeeper.warehouse.programs import psql_argv

    argv, environment = psql_argv()
    os.execve(argv[0], [*argv, *context.args], environment)


@database.command("backup")
def db_backup(file: Annotated[Path, typer.Argument(help="Where to; must not exist yet.")]) -> None:
    """Write the whole warehouse to one file, readable by you alone. It holds personal data."""
    from shopkeeper.warehouse.backup import backup

    with warehouse(), err.status("backing up") as progress:
        backup(file, now=now(), progress=progress.update)
    out.print(f"{file}: {file.stat().st_size:,} bytes")


@database.command("restore")
def db_restore(
    file: Annotated[Path, typer.Argument(help="A file made by ./shopkeeper db backup.")],
    yes: Annotated[bool, typer.Option("--yes", help="Yes, replace everything that is in the embedded warehouse.")] = False,
    company: CompanyOption = None,
) -> None:
    """Replace the embedded warehouse by a backup. The restored one gets a new instance id, so it cannot send surveys, and whoever was
    erased since is erased in it too."""
    from functools import partial

    from shopkeeper.company.load import load_company
    from shopkeeper.privacy.erasure.erasing import replay
    from shopkeeper.warehouse.backup import restore

    erased = partial(replay, company=load_company(company))
    with warehouse(), err.status("restoring") as progress:
        instance = restore(file, yes=yes, progress=progress.update, replay=erased)
    out.print(f"restored; its instance id is now {instance}")


@app.command(rich_help_panel="Operate")
def migrate() -> None:
    """Bring the warehouse's schemas, tables and roles to the newest revision."""
    from shopkeeper.warehouse import schema
    from shopkeeper.warehouse.engine import engine, secret

    if secret("WAREHOUSE_URL"):
        schema.migrate(engine())
    else:
        with warehouse():
            pass  # entering it migrates the embedded one
    out.print("the warehouse is at the newest revision")


@batch.command("list")
def batch_list(
    entity: Annotated[str | None, typer.Option(help="Of one entity.")] = None,
    status: Annotated[str | None, typer.Option(help="landed, passed, failed, waived or withdrawn.")] = None,
    limit: Annotated[int, typer.Option(help="How many, newest first.")] = 30,
) -> None:
    """What each batch brought: rows in = accepted + unchanged + rejected."""
    from shopkeeper.warehouse.batches import list_batches
    from shopkeeper.warehouse.engine import engine

    with warehouse():
        found = list_batches(engine(), entity=entity, status=status, limit=limit)
    heads = ["batch", "entity", "source", "kind", "up to", ">in", ">accepted", ">unchanged", ">rejected", ">deleted", "status", "reason"]
    rows = [
        [
            *(str(b.batch_id), b.entity, b.source, b.kind, short(b.interval_end)),
            *(f"{count:,}" for count in (b.rows_in, b.accepted, b.unchanged, b.rejected, b.deleted)),
            *(b.status, b.reason or ""),
        ]
        for b in found
    ]
    print_table(heads, rows, empty="no such batch; ./shopkeeper run makes batches")


@batch.command("waive")
def batch_waive(batch_id: int, reason: ReasonOption) -> None:
    """Let a failed batch be read all the same. Audited."""
    from shopkeeper.warehouse.batches import waive
    from shopkeeper.warehouse.engine import engine

    with warehouse():
        waive(engine(), batch_id, reason=reason, actor=actor(), now=now())
    out.print(f"batch {batch_id} is waived; the next build reads it")


@batch.command("withdraw")
def batch_withdraw(batch_id: int, reason: ReasonOption) -> None:
    """Take a passed batch out of what is read; its window is read again by the next run. Audited."""
    from shopkeeper.warehouse.batches import withdraw
    from shopkeeper.warehouse.engine import engine

    with warehouse():
        withdraw(engine(), batch_id, reason=reason, actor=actor(), now=now())
    out.print(f"batch {batch_id} is withdrawn; the next build leaves it out")


@app.command("retry-rejected", rich_help_panel="Operate")
def retry_rejected(entity: Annotated[str, typer.Argument(help="Such as survey_responses.")], company: CompanyOption = None) -> None:
    """Try the rejected rows of an entity again, after the mapping or the rule was mended."""
    from shopkeeper.cli.sample import company_folder
    from shopkeeper.sources.ingest import retry_rejected as retry

    with warehouse():
        results = retry(company_folder(company), entity, now())
    for result in results:
        passed = result.accepted + result.unchanged
        out.print(f"batch {result.batch_id} from {result.source}: {passed:,} of {result.rows_in:,} rows pass now")
    if not results:
        out.print("no rejected row is open")
