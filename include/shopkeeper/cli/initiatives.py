"""Initiatives: `initiative list`, `show`, `propose`, `measure`, `fund`, `start`, `done`, `verify`, `drop`, `tell`, `export`."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid4

import typer
from rich.markup import escape

from shopkeeper.cli.app import CompanyOption, actor, app, now, out, print_table, short, warehouse
from shopkeeper.errors import fail

initiative = typer.Typer(no_args_is_help=True, help="Initiatives: propose, fund, start, finish, verify; and what they brought.")
app.add_typer(initiative, name="initiative", rich_help_panel="Outer loop")

NameArgument = Annotated[str, typer.Argument(metavar="INITIATIVE", help="Its id, as `initiative list` prints it.")]
OnOption = Annotated[str | None, typer.Option("--on", help="A day of the company, such as 2026-09-30. Default: today.")]
WhyOption = Annotated[str, typer.Option("--reason", help="Why, in words that name nobody.")]

_RANKED = """
    select initiative_id, rank, customers_affected, value_at_stake, effect, effect_low, effect_high, effect_verdict
    from marts.initiative_priorities
"""


@initiative.command("list")
def list_initiatives() -> None:
    """All of them, the most promising first: state, owner, customers, value, and the effect where it could be measured."""
    import sqlalchemy as sa

    from shopkeeper.closed_loop import initiatives
    from shopkeeper.warehouse.engine import engine

    with warehouse(), engine().connect() as connection:
        found = initiatives.visible(connection)
        has_marts = connection.scalar(sa.text("select to_regclass('marts.initiative_priorities') is not null"))
        ranked = {row.initiative_id: row for row in connection.execute(sa.text(_RANKED))} if has_marts else {}
    unranked = len(found) + 1
    found.sort(key=lambda one: (getattr(ranked.get(one.initiative_id), "rank", None) or unranked, one.initiative_id))
    rows = []
    for one in found:
        row = ranked.get(one.initiative_id)
        rows.append(
            [
                *("" if row is None or row.rank is None else str(row.rank), one.initiative_id, one.plan.title, one.state.replace("_", " ")),
                *(one.plan.owner or "", "" if one.plan.due_on is None else one.plan.due_on.isoformat()),
                *(_number(one.plan.cost), _number(row and row.customers_affected), _number(row and row.value_at_stake)),
                _effect(row),
            ]
        )
    heads = [">rank", "initiative", "title", "state", "owner", "due", ">cost", ">customers", ">at stake", "effect (points)"]
    print_table(heads, rows, empty="there are none: write initiatives.csv, or ./shopkeeper initiative propose")


def _number(amount: Any) -> str:
    return "" if amount is None else f"{amount:,.0f}"


def _effect(row: Any) -> str:
    if row is None:
        return ""
    return row.effect_verdict if row.effect is None else f"{row.effect:+.1f} ({row.effect_low:+.1f} to {row.effect_high:+.1f})"


@initiative.command("show")
def show(name: NameArgument) -> None:
    """One initiative: its plan, what it is judged by, and everything that was decided."""
    from shopkeeper.closed_loop import initiatives
    from shopkeeper.warehouse.engine import engine

    with warehouse(), engine().connect() as connection:
        one, happened = initiatives.find(connection, name), initiatives.history(connection, name)
    out.print(f"[bold]{escape(one.plan.title)}[/bold]  ({one.initiative_id}, {one.state.replace('_', ' ')}, from {one.came_from})")
    if one.measure is not None:
        cut = "" if one.measure.dimension == "all" else f" of {one.measure.dimension} {one.measure.value}"
        units = " ".join(one.measure.units)
        out.print(f"judged by {one.measure.measure} in {one.measure.programme}{escape(cut)} at {escape(units)}, against the others")
    rows = [[short(event.occurred_at), event.event, event.actor, str(event.happened_on or ""), event.reason or ""] for event in happened]
    print_table(["at (UTC)", "event", "by", "on", "reason"], rows, title="What happened")


@initiative.command("propose")
def propose(  # noqa: PLR0917 a command takes options, not arguments
    name: NameArgument,
    title: Annotated[str | None, typer.Option(help="What is to be done, in a few words that name nobody.")] = None,
    owner: Annotated[str | None, typer.Option(help="Department or role, never a person.")] = None,
    due_on: Annotated[str | None, typer.Option("--due", help="By when, such as 2026-09-30.")] = None,
    cost: Annotated[str | None, typer.Option(help="In the company's currency.")] = None,
    budget: Annotated[str | None, typer.Option(help="In the company's currency.")] = None,
    programme: Annotated[str | None, typer.Option(help="Whose answers tell whom it is for.")] = None,
    dimension: Annotated[str, typer.Option(help="For whom: a dimension of nps_by_segment.")] = "all",
    value: Annotated[str, typer.Option(help="Value of the dimension.")] = "all",
    theme: Annotated[str | None, typer.Option(help="What they write about.")] = None,
    expected: Annotated[str | None, typer.Option(help="Points that it is expected to bring.")] = None,
    confidence: Annotated[str | None, typer.Option(help="How sure of it you are, from 0 to 1.")] = None,
) -> None:
    """Propose an initiative, or give one that is there another plan: what is not named stays."""
    from shopkeeper.closed_loop import initiatives
    from shopkeeper.warehouse.engine import engine

    given: dict[str, Any] = {
        **{"title": title, "owner": owner, "programme": programme, "theme": theme, "due_on": _day("--due", due_on)},
        **{"cost": _amount("--cost", cost), "budget": _amount("--budget", budget)},
        **{"expected_effect": _amount("--expected", expected), "confidence": _amount("--confidence", confidence)},
    }
    if dimension != "all":
        given |= {"dimension": dimension, "dimension_value": value}
    said = {key: item for key, item in given.items() if item is not None}
    with warehouse(), engine().begin() as connection:
        there = {one.initiative_id: one for one in initiatives.visible(connection)}
        if name in there:
            initiatives.revise(connection, name, replace(there[name].plan, **said), **_asked())
        else:
            initiatives.propose(connection, name, initiatives.Plan(**{"title": "", **said}), **_asked())
    out.print(f"[green]✓[/green] {escape(name)} is proposed" if name not in there else f"[green]✓[/green] {escape(name)} is revised")


@initiative.command("measure")
def measure(
    name: NameArgument,
    units: Annotated[list[str], typer.Argument(help="Teams, branches or regions where it is done; all others of the kind compare.")],
    by: Annotated[str, typer.Option(help="nps, promoters or detractors.")] = "nps",
    programme: Annotated[str | None, typer.Option(help="Default: its plan's.")] = None,
) -> None:
    """Say what an initiative will be judged by, among the answers that it is planned for. From its start on that is frozen."""
    from shopkeeper.closed_loop import initiatives
    from shopkeeper.warehouse.engine import engine

    with warehouse(), engine().begin() as connection:
        plan = initiatives.find(connection, name).plan
        if (chosen := programme or plan.programme) is None:
            raise fail("--programme", "is not said, and its plan names none", "name a survey programme")
        judged = initiatives.Measure(by, chosen, tuple(sorted(set(units))), plan.dimension, plan.dimension_value)
        initiatives.register_measure(connection, name, judged, **_asked())
    out.print(f"[green]✓[/green] {escape(name)} will be judged by {escape(by)}")


@initiative.command("fund")
def fund(name: NameArgument) -> None:
    """It gets its money."""
    _move("fund", name)


@initiative.command("start")
def start(name: NameArgument, on: OnOption = None, company: CompanyOption = None) -> None:
    """It begins; what it is judged by must have been said before."""
    _move("start", name, on=_day("--on", on) or _today(company))


@initiative.command("done")
def done(name: NameArgument, on: OnOption = None, company: CompanyOption = None) -> None:
    """All of it is in place."""
    _move("done", name, on=_day("--on", on) or _today(company))


@initiative.command("verify")
def verify(
    name: NameArgument, reason: Annotated[str | None, typer.Option("--reason", help="By what else than its measure.")] = None
) -> None:
    """It has worked: its measured effect excludes nought, or you say how you know."""
    _move("verify", name, reason=reason)


@initiative.command("drop")
def drop(name: NameArgument, reason: WhyOption) -> None:
    """It is not done, or not to its end."""
    _move("drop", name, reason=reason)


@initiative.command("tell")
def tell(
    name: NameArgument,
    you_said: Annotated[str, typer.Option(help="What customers said, in the company's words.")],
    we_did: Annotated[str, typer.Option(help="What was done about it.")],
    customers: Annotated[bool, typer.Option("--customers", help="Customers are to read it too, besides the front line.")] = False,
) -> None:
    """You said, we did: for huddles and intranet, and for customers where you say so."""
    from shopkeeper.closed_loop.initiatives import Told

    _move("tell", name, told=Told(you_said, we_did, customers))


@initiative.command("export")
def export(
    to: Annotated[Path | None, typer.Option("--to", help="File to write; default: the terminal.")] = None, company: CompanyOption = None
) -> None:
    """All initiatives as CSV, for a project tool that imports files. closed_loop.yml › project_tool writes to one by itself."""
    from shopkeeper.closed_loop.project_tool import as_csv
    from shopkeeper.company.load import load_company
    from shopkeeper.warehouse.engine import engine

    currency = load_company(company).currency
    with warehouse(), engine().connect() as connection:
        content = as_csv(connection, currency)
    if to is None:
        typer.echo(content, nl=False)
        return
    try:
        to.write_text(content, encoding="utf-8")
    except OSError as error:
        raise fail(str(to), f"cannot be written ({error.strerror})", "choose another place") from None


def _move(verb: str, name: str, **more: Any) -> None:
    from shopkeeper.closed_loop import initiatives
    from shopkeeper.warehouse.engine import engine

    with warehouse(), engine().begin() as connection:
        getattr(initiatives, verb)(connection, name, **_asked(), **more)
        state = initiatives.find(connection, name).state
    out.print(f"[green]✓[/green] {escape(name)} is {state.replace('_', ' ')}")


def _asked() -> dict[str, Any]:
    command: UUID = uuid4()
    return {"command_id": command, "actor": actor(), "at": now()}


def _today(company: Path | None) -> date:
    from shopkeeper.company.load import load_company

    return now().astimezone(load_company(company).zone).date()


def _day(option: str, text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise fail(option, f"{text!r} is no day", "write it as 2026-09-30") from None


def _amount(option: str, text: str | None) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        raise fail(option, f"{text!r} is no number", "write digits, with a point before decimals") from None
