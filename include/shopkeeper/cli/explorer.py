"""The explorer from the command line: dashboards over the marts, in a browser."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.markup import escape

from shopkeeper.cli.app import app, err, out, warehouse


@app.command(rich_help_panel="Run")
def explorer(port: Annotated[int, typer.Option(help="Where it listens, on 127.0.0.1.")] = 8088) -> None:
    """Open the marts' dashboards in a browser, in Apache Superset. Installs it the first time; Ctrl-C ends it."""
    from shopkeeper.pipeline.explorer import start
    from shopkeeper.warehouse.embedded import home
    from shopkeeper.warehouse.supervisor import Supervisor

    with warehouse(), Supervisor(home() / "explorer") as supervisor:
        with err.status("looking for Superset") as status:
            running = start(supervisor, port=port, note=status.update)
        out.print(f"Explorer     {escape(running.url)}  (user {running.user}, password in {escape(str(running.password_file))})")
        out.print("Ctrl-C ends it")
        while True:
            time.sleep(1)
            supervisor.check()
