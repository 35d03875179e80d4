"""Changes of rules and goals that leaders proposed at the desk: `change list`, `show`, `apply`. docs/desk.md"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from shopkeeper.cli.app import CompanyOption, actor, app, now, out, print_table, short, warehouse
from shopkeeper.errors import fail

if TYPE_CHECKING:
    from shopkeeper.closed_loop.changes import Change

change = typer.Typer(no_args_is_help=True, help="Changes of rules and goals that leaders proposed: list, show, apply.")
app.add_typer(change, name="change", rich_help_panel="Closed loop")


@change.command("list")
def change_list(every: Annotated[bool, typer.Option("--all", help="Those too that are over.")] = False) -> None:
    """Changes that wait: for another leader's word (proposed), or to be written (approved)."""
    found = [one for one in _changes() if every or one.is_open]
    rows = [[str(one.change_id), one.state, one.file, ", ".join(one.places), one.proposed_by, short(one.proposed_at)] for one in found]
    print_table(["change", "state", "file", "about", "by", "proposed (UTC)"], rows, empty="there are none")


@change.command("show")
def change_show(which: Annotated[str, typer.Argument(metavar="CHANGE", help="Its id, or how it begins.")]) -> None:
    """One change as a unified diff, and what became of it. Reasons, in people's words, are on the desk."""
    one = _one(which)
    out.print(f"[bold]{one.change_id}[/bold]  {escape(one.file)}, {one.state}")
    typer.echo(one.diff)
    rows = [[short(event.happened_at), event.event, event.actor, event.commit_id or ""] for event in one.history]
    print_table(["at (UTC)", "event", "by", "commit"], rows, title="What happened")


@change.command("apply")
def change_apply(
    which: Annotated[
        str | None, typer.Argument(metavar="CHANGE", help="Its id, or how it begins; without it, all that are approved.")
    ] = None,
    company: CompanyOption = None,
    branch: Annotated[
        bool, typer.Option("--branch", help="As a commit on a branch of the folder's repository; the files stay as they are.")
    ] = False,
) -> None:
    """Write approved changes into the company folder; they hold from the next run. Exits with 1 where a file was changed meanwhile."""
    from shopkeeper.cli.sample import company_folder
    from shopkeeper.closed_loop.change_files import apply, branch_of
    from shopkeeper.warehouse.engine import engine

    waiting = [_one(which)] if which else [one for one in reversed(_changes()) if one.state in ("approved", "branched")]
    outcomes = []
    with warehouse():
        folder = company_folder(company).folder
        for one in waiting:
            outcome = apply(engine(), folder, one.change_id, actor=actor(), now=now(), to_branch=branch)
            where = f" {branch_of(one.change_id)}" if outcome == "branched" else ""
            out.print(f"{outcome}{where}  {one.change_id}  {escape(one.file)}: {escape(', '.join(one.places))}")
            if outcome == "conflicted":
                out.print("  the file was changed since the proposal, and was left as it is; look at it at the desk, and propose it anew")
            outcomes.append(outcome)
    if not waiting:
        out.print("no change is approved and not yet written")
    sys.exit(1 if "conflicted" in outcomes else 0)


def _changes() -> list[Change]:
    from shopkeeper.closed_loop.changes import visible
    from shopkeeper.warehouse.engine import engine

    with warehouse(), engine().connect() as connection:
        return visible(connection, limit=1000)


def _one(which: str) -> Change:
    found = [one for one in _changes() if str(one.change_id).startswith(which.lower())]
    if len(found) != 1:
        what = "names several changes" if found else "names no change"
        raise fail(f"change {which}", what, "./shopkeeper change list --all shows them")
    return found[0]
