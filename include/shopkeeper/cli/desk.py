"""The desk from the command line: a link to log in by."""

from __future__ import annotations

from typing import Annotated

import typer

from shopkeeper.cli.app import app, now, warehouse
from shopkeeper.errors import fail


@app.command("desk-link", rich_help_panel="Operate")
def desk_link(employee: Annotated[str, typer.Argument(help="The employee's id, as in the CRM.")]) -> None:
    """Print a link that logs an employee in at the desk. It works for half an hour, for whoever has it."""
    import sqlalchemy as sa

    from shopkeeper.warehouse.engine import engine
    from shopkeeper.web.desk import session
    from shopkeeper.web.desk.login import login_link

    with warehouse(), engine().connect() as connection:
        known = sa.text("select is_here from ops.directory where employee_id = :employee")
        is_here = connection.scalar(known, {"employee": employee})
    if not is_here:
        what = "is not in ops.directory" if is_here is None else "has left"
        raise fail(f"employee {employee}", what, "./shopkeeper run --dag close_loop brings the directory up to date from the CRM")
    typer.echo(login_link(session.sign(session.keys_from_environment(), "link", employee, now())))
