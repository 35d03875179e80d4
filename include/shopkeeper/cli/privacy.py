"""A person who asks to be forgotten: `erase`, `erasures`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from shopkeeper.cli.app import CompanyOption, ReasonOption, actor, app, err, now, out, print_table, short, warehouse
from shopkeeper.errors import fail

if TYPE_CHECKING:
    from shopkeeper.privacy.erasure.erasing import Erased

PANEL = "Privacy"


@app.command(rich_help_panel=PANEL)
def erase(
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    reason: ReasonOption,
    yes: Annotated[bool, typer.Option("--yes", help="Yes, do it. Without it nothing is changed, and what would be is shown.")] = False,
    company: CompanyOption = None,
) -> None:
    """Delete a person from the warehouse, its pages, logs and inbox; leave a receipt; prove that nothing is left.

    Sources that send the person again are met by the erasure list. The next build makes all marts anew.
    """
    from sqlalchemy.exc import DBAPIError

    from shopkeeper.company.load import load_company
    from shopkeeper.pipeline.runs import reason as reason_of
    from shopkeeper.privacy.erasure import erasing
    from shopkeeper.warehouse.embedded import default_server, home
    from shopkeeper.warehouse.engine import engine, secret

    logs = () if secret("WAREHOUSE_URL") else (default_server().log,)
    asked = erasing.Asked(reason, actor(), now(), home(), logs)
    with warehouse(), err.status("looking") as progress:
        try:
            done = erasing.erase(engine(), load_company(company), customer, asked, is_dry_run=not yes, note=progress.update)
        except DBAPIError as error:  # whose text quotes what was looked for
            hint = "what had not been committed is taken back; mend the cause, and erase again"
            raise fail("warehouse", f"the database said {reason_of(error)}", hint) from None
    _print(done, is_dry_run=not yes)


@app.command(rich_help_panel=PANEL)
def erasures() -> None:
    """The receipts: when, by whom, why, how much, and whether it was proven. None says of whom."""
    import sqlalchemy as sa

    from shopkeeper.warehouse.engine import engine
    from shopkeeper.warehouse.erasure_tables import ERASURES

    with warehouse(), engine().connect() as connection:
        found = connection.execute(sa.select(ERASURES).order_by(ERASURES.c.erased_at)).all()
    rows = [
        [str(row.erasure_id), short(row.erased_at), row.requested_by, row.reason, f"{sum(row.removed.values()):,}", short(row.proven_at)]
        for row in found
    ]
    print_table(["erasure", "when", "by", "reason", ">removed", "proven"], rows, empty="nobody has been erased")


def _print(done: Erased, *, is_dry_run: bool) -> None:
    heads = ["where", ">would be removed" if is_dry_run else ">removed"]
    print_table(heads, [[place, f"{count:,}"] for place, count in done.removed.items()], empty="nothing is there any more")
    if done.kept_anonymous:
        out.print(f"{done.kept_anonymous:,} answers {'would stay' if is_dry_run else 'stay'} in the scores, as answers of nobody")
    if done.not_looked_for:
        out.print(f"not looked for in texts, because others have it too: {', '.join(done.not_looked_for)}")
    for backup in done.backups:
        out.print(f"[yellow]backup that may hold the person[/yellow] {escape(backup)}")
    if is_dry_run:
        out.print("nothing has been changed; add [bold]--yes[/bold] to do it")
        return
    searched = ", ".join(f"{count:,} {what}" for what, count in done.checked.items())
    out.print(f"[green]✓[/green] nothing is left: searched {searched}")
    out.print(f"receipt {done.erasure_id}; the next build makes the marts anew: ./shopkeeper run --dag build_marts")
