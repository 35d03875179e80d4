"""Phoning some of the silent: `follow-up draw`, `follow-up estimate`."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from shopkeeper.cli.app import actor, app, err, now, out, warehouse
from shopkeeper.cli.audit import as_auditor
from shopkeeper.errors import fail

if TYPE_CHECKING:
    from shopkeeper.analysis.weights.phone import Phoned, Silence

follow_up = typer.Typer(no_args_is_help=True, help="Phone some of those who did not answer: whom to call, and what the calls say.")
app.add_typer(follow_up, name="follow-up", rich_help_panel="Surveys")

WaveArgument = Annotated[str, typer.Argument(metavar="WAVE", help="PROGRAMME/NAME of a wave that has been sent.")]


def _parts(wave: str) -> tuple[str, str]:
    programme, _, name = wave.partition("/")
    if not name:
        raise fail(wave, "names no wave", "write PROGRAMME/NAME; ./shopkeeper wave list shows them")
    return programme, name


@follow_up.command("draw")
def follow_up_draw(
    wave: WaveArgument, calls: Annotated[int, typer.Option(help="How many customers to call: more cost time, fewer tell less.")] = 400
) -> None:
    """A random sample of those who did not answer, as CSV to fill in: customer_id, score. Who has said no is not in it.

    Ask the same question, write the score from 0 to 10 into the file, and leave it empty where nobody was reached.
    """
    from shopkeeper.analysis.weights import phone

    with as_auditor() as connection:
        drawn = phone.draw(phone.silence(connection, *_parts(wave)), calls)
    typer.echo("customer_id,score")
    for customer in drawn:
        typer.echo(f"{customer},")


@follow_up.command("estimate")
def follow_up_estimate(
    wave: WaveArgument,
    calls: Annotated[Path, typer.Argument(metavar="FILE", help="The file of `follow-up draw`, with scores.")],
    keep: Annotated[bool, typer.Option("--keep/--no-keep", help="For the marts of the next build; or only to look at it.")] = True,
) -> None:
    """What everybody who was invited would have said, from answers and calls, with its 95 % interval. docs/weights.md says how.

    Kept as counts, without customers: `phone_follow_ups` shows it after the next build, and `metric_reliability` says where the calls
    contradict a score. Estimate again when more calls are done; the newest stands.
    """
    from shopkeeper.analysis.weights import phone
    from shopkeeper.warehouse.engine import secret

    given = phone.read_calls(calls)
    with nullcontext() if secret("WAREHOUSE_URL") else warehouse():
        with as_auditor() as connection:
            silence = phone.silence(connection, *_parts(wave))
        said = phone.estimate(silence, given)
        _print(silence, said)
        if keep:
            _keep(silence, said)


def _print(silence: Silence, said: Phoned) -> None:
    found = said.found
    out.print(f"[bold]{escape(silence.wave)}[/bold]  {silence.answered.sum():,} answered, {len(silence.silent):,} did not")
    out.print(f"called {said.called:,}, reached {said.reached:,}; those not reached are taken to think like those who were")
    if said.answered_since:
        out.print(f"{said.answered_since:,} more were called who have answered by themselves since, and count there")
    for who, part in (("those who answered", found.answered), ("the silent", found.silent)):
        out.print(f"{who} {part.nps:.1f} ({part.low:.1f} to {part.high:.1f})")
    out.print(f"a gap of {found.gap:+.1f} points, p {'< 0.001' if found.gap_p < 0.001 else f'{found.gap_p:.3f}'}")
    out.print(f"[bold]everybody invited {found.nps:.1f}[/bold], 95 % interval {found.low:.1f} to {found.high:.1f}")


def _keep(silence: Silence, said: Phoned) -> None:
    import psycopg
    import sqlalchemy as sa

    from shopkeeper.analysis.weights import phone
    from shopkeeper.warehouse.engine import engine

    try:
        with engine().begin() as connection:
            phone.keep(connection, silence, said, actor=actor(), now=now())
    except sa.exc.ProgrammingError as error:
        if not isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
            raise
        err.print("not kept: this login may only read. Run it again as whoever runs the pipeline, or add --no-keep")
        raise typer.Exit(1) from None
    else:
        out.print("kept: in [bold]phone_follow_ups[/bold] with the next build (./shopkeeper run --dag build_marts)")
