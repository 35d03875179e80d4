"""For auditors: follow a number to where it comes from (`trace`), and make a past report again (`report`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from shopkeeper.cli.app import CompanyOption, app, err, moment, now, out, print_table, short, warehouse
from shopkeeper.errors import fail

if TYPE_CHECKING:
    import sqlalchemy as sa

    from shopkeeper.quality.tracing import Section, Trace

LATEST = "latest"


class Hierarchy(StrEnum):
    AS_WAS = "as_was"
    TODAY = "today"


# --- trace -----------------------------------------------------------------------------------------------------------


@app.command(rich_help_panel="Audit", context_settings={"ignore_unknown_options": False})
def trace(
    mart: Annotated[str, typer.Argument(help="A mart, such as nps_current; or wave_frames, or interactions.")],
    key: Annotated[list[str] | None, typer.Argument(help="Values of its key in order, or column=value.", show_default=False)] = None,
    rows: Annotated[int, typer.Option(help="How many answers to list.", min=0)] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="For a program: everything, all answers included.")] = False,
) -> None:
    """Where does this number come from? Computes it anew from its answers, says which were left out and why, and who was asked how.

    One command per step; each ends with the commands that lead on.

    a number: answers, exclusions, weights, disputes, publication, commit, checks
      [bold]trace nps_current relationship nps all all[/bold]
    an answer: its weight and its disputes
      [bold]trace fct_survey_responses RESPONSE[/bold]
    its invitation, with every event of the ledger
      [bold]trace fct_survey_invitations INVITATION[/bold]
    the frame that it was drawn from, and with which chance
      [bold]trace wave_frames PROGRAMME WAVE CUSTOMER[/bold]
    what it was about, in all versions
      [bold]trace interactions INTERACTION[/bold]

    Keys: nps_current PROGRAMME METRIC DIMENSION VALUE; nps_by_segment PROGRAMME METRIC GRAIN FIRST-DAY DIMENSION VALUE; others are in
    docs/tracing.md, and column=value goes everywhere. Ends with 1 when the number does not follow from its answers.

    It reads as cx_auditor, whoever runs it: marts and quality, no personal data. A login of that role is enough:
      [bold]export WAREHOUSE_URL=$(./shopkeeper db url --role cx_auditor)[/bold]
    """
    from shopkeeper.quality.tracing import trace as follow

    with as_auditor() as connection:
        found = follow(connection, mart, key or [], shown=None if as_json else rows)
    if as_json:
        typer.echo(json.dumps(_plain(found), indent=2, default=str))
    else:
        _show(found)
    if found.agrees is False:
        raise typer.Exit(1)


@contextmanager
def as_auditor() -> Iterator[sa.Connection]:
    """A connection that may do what a member of cx_auditor may, and nothing else; one snapshot for the whole of it.

    Raises ShopkeeperError when the login may not read as an auditor, or the warehouse is of an older version.
    """
    import psycopg
    import sqlalchemy as sa

    from shopkeeper.warehouse.engine import engine, secret

    with ExitStack() as stack:
        if not secret("WAREHOUSE_URL"):
            stack.enter_context(warehouse())
        connection = stack.enter_context(engine().connect().execution_options(isolation_level="REPEATABLE READ"))
        try:
            connection.execute(sa.text("set local role cx_auditor"))
            if connection.scalar(sa.text("select to_regclass('quality.builds')")) is None:
                raise fail("warehouse", "is not at this version's revision", "./shopkeeper migrate")
            yield connection
        except sa.exc.ProgrammingError as error:
            if isinstance(error.orig, psycopg.errors.InsufficientPrivilege | psycopg.errors.UndefinedObject):
                hint = "use a login of that role: ./shopkeeper db url --role cx_auditor"
                raise fail("trace", "this login may not read as cx_auditor", hint) from None
            if isinstance(error.orig, psycopg.errors.UndefinedColumn | psycopg.errors.UndefinedTable | psycopg.errors.UndefinedFunction):
                hint = "./shopkeeper migrate, then ./shopkeeper run --dag build_marts"
                raise fail("warehouse", "it, or what is published, was made by another version than this", hint) from None
            raise


def _plain(found: Trace) -> dict[str, Any]:
    sections = {
        section.name: {"title": section.title, "note": section.note, "rows": list(section.rows)} | _total(section)
        for section in found.sections
    }
    return {"subject": found.subject, "agrees": found.agrees, "sections": sections, "following": list(found.following)}


def _total(section: Section) -> dict[str, int]:
    return {} if section.total is None else {"total": section.total}


def _show(found: Trace) -> None:
    out.print(f"[bold]{escape(found.subject)}[/bold]")
    for section in found.sections:
        total = f" ({len(section.rows):,} of {section.total:,})" if section.total is not None else ""
        out.print(f"\n[bold]{escape(section.title)}[/bold]{total}" + (f"   [dim]{escape(section.note)}[/dim]" if section.note else ""))
        if len(section.rows) == 1:
            _show_one(section)
        else:
            _show_many(section)
    if found.agrees is not None:
        verdict = (
            "[green]✓ The number follows from these answers.[/green]" if found.agrees else "[red]✗ It does not follow from them.[/red]"
        )
        out.print(f"\n{verdict}")
    for number, line in enumerate(found.following):
        out.print(f"{'then' if not number else '  or'}  {escape(line)}", soft_wrap=True)


def _show_one(section: Section) -> None:
    (row,) = section.rows
    shown = {name: value for name, value in row.items() if value is not None}
    width = max((len(name) for name in shown), default=0)
    for name, value in shown.items():
        out.print(f"  [dim]{name:<{width}}[/dim]  {escape(_cell(value))}", soft_wrap=True)


def _show_many(section: Section) -> None:
    """A table without the columns that are empty. No id is cut short: the next step is asked for with it."""
    from rich.table import Table

    heads = [head for head in section.rows[0] if any(row[head] is not None for row in section.rows)] if section.rows else []
    if not out.is_terminal or not heads:
        table = [[_cell(row[head]) for head in heads] for row in section.rows]
        print_table([head.replace("_", " ") for head in heads], table, empty="" if section.note else "[dim]none[/dim]")
        return
    shown = Table(box=None, header_style="dim", pad_edge=False)
    for head in heads:
        values = [row[head] for row in section.rows if row[head] is not None]
        is_number = all(hasattr(value, "__abs__") and not isinstance(value, bool) for value in values)
        shown.add_column(
            head.replace("_", " "),
            justify="right" if is_number else "left",
            overflow="fold",
            no_wrap=head.endswith("_id") and head == heads[0],
        )
    for row in section.rows:
        shown.add_row(*(escape(_cell(row[head])) for head in heads))
    out.print(shown)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if hasattr(value, "hour"):
        return f"{value:%Y-%m-%d %H:%M:%S}Z"
    return f"{value:,}" if isinstance(value, int) else str(value)


# --- report ----------------------------------------------------------------------------------------------------------


@app.command(rich_help_panel="Audit")
def report(  # noqa: PLR0917 a command takes options, not arguments
    to: Annotated[Path, typer.Option("--to", help="A folder to write the site into.", file_okay=False)],
    publication: Annotated[int | None, typer.Option(help="Make the report of this publication again.")] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="Where business time ends.", metavar="TIME")] = None,
    known_at: Annotated[
        str | None, typer.Option("--known-at", help="What had been loaded by then; latest is today's knowledge.", metavar="TIME|latest")
    ] = None,
    hierarchy: Annotated[Hierarchy, typer.Option(help="Branches and regions as they were, or as they stand today.")] = Hierarchy.AS_WAS,
    company: CompanyOption = None,
) -> None:
    """Write the report on what is published into a folder; or make a past one again, without publishing anything.

    what is published
      [bold]report --to now[/bold]
    publication 3 again, to the byte
      [bold]report --publication 3 --to then[/bold]
    March, with what is known of it today
      [bold]report --as-of 2026-04-01 --known-at latest --to known-today[/bold]
    publication 3 in today's hierarchy
      [bold]report --publication 3 --hierarchy today --to moved[/bold]

    A past report is built in the workshop, marts_next; readers of marts notice nothing. It takes as long as a build from scratch, and
    so does the build after it. It stops a build that is under way: let none be running.
    """
    from shopkeeper.cli.sample import company_folder
    from shopkeeper.pipeline.past_report import make_again
    from shopkeeper.quality import sites
    from shopkeeper.quality.report import build_report
    from shopkeeper.warehouse.engine import engine

    if publication is not None and (as_of or known_at):
        raise fail("--publication", "it has clocks of its own", "give either it, or --as-of and --known-at")
    folder = company_folder(company)
    clocks = {"as_of": moment("--as-of", as_of), "known_at": None if known_at == LATEST else moment("--known-at", known_at)}
    with warehouse():
        if publication is None and as_of is None and known_at is None and hierarchy is Hierarchy.AS_WAS:
            index = sites.write(build_report(engine(), folder.company.name), to)
        else:
            with err.status("freezing what was known") as status:
                made = make_again(
                    folder,
                    publication_id=publication,
                    in_hierarchy_of_today=hierarchy is Hierarchy.TODAY,
                    now=now(),
                    note=lambda line: status.update(escape(line)),
                    **clocks,
                )
            index = sites.write(made.content, to)
            out.print(f"as of {short(made.as_of)} UTC, as known at {short(made.known_at)} UTC; build {made.build_id}, not published")
            if made.hierarchy_on:
                out.print(f"units stand where they stood on {made.hierarchy_on}")
            if made.is_identical is not None:
                same = "the same bytes as" if made.is_identical else "not the same as"
                out.print(f"{same} the report kept with publication {made.publication_id}")
            for difference in made.differences:
                out.print(f"[yellow]![/yellow] {escape(difference)}")
    out.print(escape(str(index)), soft_wrap=True)
