"""Phoning some of the silent: `follow-up draw`, `follow-up estimate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from shopkeeper.cli.app import app, out
from shopkeeper.cli.audit import as_auditor
from shopkeeper.errors import fail

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
    wave: WaveArgument, calls: Annotated[Path, typer.Argument(metavar="FILE", help="The file of `follow-up draw`, with scores.")]
) -> None:
    """What everybody who was invited would have said, from answers and calls, with its 95 % interval. docs/weights.md says how."""
    from shopkeeper.analysis.weights import phone

    given = phone.read_calls(calls)
    with as_auditor() as connection:
        silence = phone.silence(connection, *_parts(wave))
    said = phone.estimate(silence, given)
    found = said.found
    out.print(f"[bold]{escape(silence.wave)}[/bold]  {silence.answered.sum():,} answered, {len(silence.silent):,} did not")
    out.print(f"called {said.called:,}, reached {said.reached:,}; those not reached are taken to think like those who were")
    out.print(
        f"those who answered {found.answered:.1f}, the silent {found.silent:.1f}: a gap of {found.gap:+.1f} points, p {found.gap_p:.3f}"
    )
    out.print(f"[bold]everybody invited {found.nps:.1f}[/bold], 95 % interval {found.low:.1f} to {found.high:.1f}")
