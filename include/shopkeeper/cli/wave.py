"""Waves: `wave list`, `preview`, `test`, `approve`, `cancel`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from shopkeeper.cli.app import CompanyOption, ReasonOption, actor, app, now, out, print_table, short, warehouse
from shopkeeper.cli.sample import company_folder

if TYPE_CHECKING:
    from shopkeeper.survey import sampling
    from shopkeeper.survey.approval import Preview

wave = typer.Typer(no_args_is_help=True, help="Waves: list, preview, test on staff, approve, cancel.")
app.add_typer(wave, name="wave", rich_help_panel="Surveys")

WaveArgument = Annotated[str, typer.Argument(metavar="WAVE", help="PROGRAMME for its newest wave, or PROGRAMME/NAME.")]


@wave.command("list")
def wave_list(
    programme: Annotated[str | None, typer.Argument(help="Of one programme.")] = None,
    limit: Annotated[int, typer.Option(help="How many, newest first.")] = 20,
) -> None:
    """Waves, and how far each is: candidates = turned away + not drawn + drawn."""
    from shopkeeper.survey import approval
    from shopkeeper.warehouse.engine import engine

    with warehouse():
        found = approval.list_waves(engine(), programme=programme, limit=limit)
    rows = [
        [
            *(f"{one.programme}/{one.name}", one.delivery, one.state, short(one.covers_to)),
            *(f"{n:,}" for n in (one.candidates, one.turned_away, one.drawn, one.to_send, one.sent, one.answered)),
            "" if one.plan_id is None else str(one.plan_id),
        ]
        for one in found
    ]
    heads = [
        "wave",
        "delivery",
        "state",
        "covers up to",
        ">candidates",
        ">turned away",
        ">drawn",
        ">to send",
        ">sent",
        ">answered",
        ">plan",
    ]
    print_table(heads, rows, empty="no wave has been drawn; ./shopkeeper run --dag trigger_surveys draws what is due")


@wave.command("preview")
def wave_preview(
    name: WaveArgument,
    following: Annotated[
        bool, typer.Option("--next", help="The programme's next wave, as it would be drawn now; nothing is written.")
    ] = False,
    company: CompanyOption = None,
) -> None:
    """What a wave will do: each stratum, why people are turned away, when it goes out and in which languages."""
    from shopkeeper.survey import approval, sampling
    from shopkeeper.warehouse.engine import engine

    with warehouse():
        if following:
            at = now()
            _print_next(sampling.preview(engine(), company_folder(company), name, as_of=at, now=at))
        else:
            print_drawn(approval.preview(engine(), approval.find(engine(), name)))


def print_drawn(shown: Preview) -> None:
    one = shown.wave
    out.print(f"[bold]{escape(one.programme)}/{escape(one.name)}[/bold]  {one.delivery}, {one.state}, drawn {short(one.drawn_at)} UTC")
    out.print(f"covers {short(one.covers_from)} to {short(one.covers_to)} UTC; due {short(shown.due_from)} to {short(shown.due_to)} UTC")
    strata = [(one.stratum, one.candidates, one.turned_away, one.drawn, one.probability) for one in shown.strata]
    _print_strata(strata)
    _print_counts("turned away", shown.reasons)
    _print_counts("languages", shown.locales)
    _print_counts("arms", shown.arms)


def _print_next(shown: sampling.Preview) -> None:
    out.print(f"[bold]{escape(shown.programme)}/{escape(shown.name)}[/bold]  not drawn yet; this is how it would be drawn now")
    strata = [
        (
            *(one.name or "", one.candidates, one.candidates - one.free, shown.drawn.get(one.name, 0)),
            None if one.probability is None else float(one.probability),
        )
        for one in shown.strata
    ]
    _print_strata(strata)
    _print_counts("turned away", shown.turned_away)
    _print_counts("due on", {f"{day}": count for day, count in shown.due.items()})


def _print_strata(strata: Sequence[tuple[str, int, int, int, float | None]]) -> None:
    rows = [
        [name or "all", f"{candidates:,}", f"{turned_away:,}", f"{drawn:,}", "" if probability is None else f"{probability:.4f}"]
        for name, candidates, turned_away, drawn, probability in strata
    ]
    print_table(["stratum", ">candidates", ">turned away", ">drawn", ">probability"], rows, title="Drawn", empty="the frame is empty")


def _print_counts(title: str, counts: Mapping[str, int]) -> None:
    if counts:
        out.print(f"{title}: {escape(', '.join(f'{name} {n:,}' for name, n in counts.items()))}")


@wave.command("approve")
def wave_approve(name: WaveArgument, note: Annotated[str | None, typer.Option(help="Kept for auditors.")] = None) -> None:
    """Let a wave go out live, in your name. Needed once; later waves follow until the programme's configuration changes."""
    from shopkeeper.survey import approval
    from shopkeeper.warehouse.engine import engine

    with warehouse():
        found = approval.find(engine(), name)
        approval.approve(engine(), found, note=note, actor=actor(), now=now())
    out.print(f"{escape(found.programme)}/{escape(found.name)} is approved; {found.to_send:,} e-mails go out as they fall due")


@wave.command("cancel")
def wave_cancel(name: WaveArgument, reason: ReasonOption) -> None:
    """Call a wave off. What was sent stays sent; nothing more goes out."""
    from shopkeeper.survey import approval
    from shopkeeper.warehouse.engine import engine

    with warehouse():
        found = approval.find(engine(), name)
        stopped = approval.cancel(engine(), found, reason=reason, actor=actor(), now=now())
    out.print(f"{escape(found.programme)}/{escape(found.name)} is cancelled; {stopped:,} e-mails will not be sent")


@wave.command("test")
def wave_test(
    name: WaveArgument,
    addresses: Annotated[list[str], typer.Argument(metavar="ADDRESS…", help="Of colleagues who are to look at it.")],
    company: CompanyOption = None,
) -> None:
    """Send the wave's e-mail to staff, in each language and arm, marked [Test]. Its links record nothing."""
    from shopkeeper.survey import approval, rehearsal
    from shopkeeper.warehouse.engine import engine

    with warehouse():
        found = approval.find(engine(), name)
        sent = rehearsal.send_test(engine(), company_folder(company), found, addresses, actor=actor(), now=now())
    out.print(f"{sent} e-mails are on their way to {len(addresses)} addresses")
