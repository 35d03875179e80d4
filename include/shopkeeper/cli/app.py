"""What the commands share: the Typer app, two consoles, options, and how errors and tables are shown."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from shopkeeper.errors import Problem, ShopkeeperError, fail

if TYPE_CHECKING:
    from shopkeeper.warehouse.supervisor import Supervisor

ROOT = Path(__file__).resolve().parents[3]

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    help="The operational infrastructure of a Net Promoter System. Begin with [bold]./shopkeeper demo[/bold].",
)

out = Console(soft_wrap=not sys.stdout.isatty(), highlight=False)
err = Console(stderr=True, soft_wrap=not sys.stderr.isatty(), highlight=False)

CompanyOption = Annotated[
    Path | None, typer.Option("--company", help="Company folder.", show_default="$SHOPKEEPER_COMPANY, else include/company")
]
AirflowOption = Annotated[
    bool, typer.Option("--airflow/--no-airflow", help="Under a real scheduler, or the same steps in this one process.")
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept for auditors.")]


def main() -> None:
    """Run the command line; a user's mistake prints its problems and exits with 1, without a stack trace."""
    try:
        app(prog_name="./shopkeeper")
    except ShopkeeperError as error:
        print_problems(error.problems)
        sys.exit(1)
    except KeyboardInterrupt:
        err.print("stopped")
        sys.exit(130)


def print_problems(problems: Sequence[Problem]) -> None:
    """Each problem with where it is and what to do about it."""
    for problem in problems:
        err.print(f"[bold red]✗[/bold red] {escape(problem.where)}: {escape(problem.what)}")
        if problem.hint:
            err.print(f"  [dim]→ {escape(problem.hint)}[/dim]")


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, title: str | None = None, empty: str = "") -> None:
    """A table on a terminal, tab-separated lines elsewhere. A head that begins with > is a column of numbers."""
    from rich.table import Table

    if not rows:
        out.print(empty)
    elif out.is_terminal:
        table = Table(title=title, title_justify="left", header_style="bold")
        for head in heads:
            table.add_column(head.lstrip(">"), justify="right" if head.startswith(">") else "left")
        for row in rows:
            table.add_row(*(escape(cell) for cell in row))
        out.print(table)
    else:
        for row in [[head.lstrip(">") for head in heads], *rows]:
            typer.echo("\t".join(row))


def now() -> datetime:
    """The one place where the command line reads the clock."""
    return datetime.now(UTC)


def moment(option: str, text: str | None) -> datetime | None:
    """An ISO date or time; UTC where it names no offset."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise fail(option, f"{text!r} is no date or time", "write 2026-03-31 or 2026-03-31T18:00+02:00") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def short(when: datetime | None) -> str:
    return "" if when is None else f"{when:%Y-%m-%d %H:%M}"


def actor() -> str:
    """Who is at the keyboard, for audited commands."""
    import getpass

    return os.environ.get("SHOPKEEPER_ACTOR") or getpass.getuser()


@contextmanager
def warehouse() -> Iterator[None]:
    """A warehouse for the length of a command: the one of WAREHOUSE_URL, the running embedded one, or one started for it."""
    from shopkeeper.warehouse.embedded import default_server
    from shopkeeper.warehouse.engine import secret

    if secret("WAREHOUSE_URL") or default_server().is_running():
        _make_current()
        yield
    else:
        with supervised_warehouse():
            yield


@contextmanager
def supervised_warehouse() -> Iterator[Supervisor]:
    """The same, with the supervisor that owns what a run starts. Raises ShopkeeperError when another one is at work."""
    from shopkeeper.warehouse.embedded import default_server, home
    from shopkeeper.warehouse.engine import secret
    from shopkeeper.warehouse.supervisor import Supervisor

    with Supervisor(home()) as supervisor:
        if not secret("WAREHOUSE_URL"):
            supervisor.start_server(default_server())
        _make_current()
        yield supervisor


def _make_current() -> None:
    """The embedded warehouse is brought to the newest revision; any other is left as it is until `./shopkeeper migrate`."""
    from shopkeeper.warehouse.engine import engine, secret
    from shopkeeper.warehouse.schema import is_current, migrate

    if not secret("WAREHOUSE_URL"):
        migrate(engine())
    elif not is_current(engine()):
        raise fail("WAREHOUSE_URL", "the warehouse is not at this version's revision", "./shopkeeper migrate")
