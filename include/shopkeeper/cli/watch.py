"""Watching a scheduler that `up` does not keep: `watch`, for a container beside it."""

from __future__ import annotations

import subprocess
import time
from datetime import datetime, timedelta
from typing import Annotated

import typer

from shopkeeper.cli.app import CompanyOption, app, now, out
from shopkeeper.cli.sample import company_folder
from shopkeeper.errors import ShopkeeperError


@app.command(rich_help_panel="Operate")
def watch(
    company: CompanyOption = None,
    clean_airflow: Annotated[
        bool,
        typer.Option("--clean-airflow", help="Once a day, let this environment's Airflow forget what is older than retention.logs_days."),
    ] = False,
) -> None:
    """Stay, look once a minute whether anything is silent, and e-mail the data team, once per silence.

    For a container beside a scheduler that is meant to be up all the time; `up` does this itself, and `status --tell` is for a timer.
    """
    from shopkeeper.pipeline.upkeep import LOOK_EVERY
    from shopkeeper.pipeline.watch import Watch
    from shopkeeper.warehouse.engine import engine

    folder = company_folder(company)
    days = folder.company.retention.logs_days if clean_airflow else None
    cleaning = None if days is None else _Cleaning(timedelta(days=days))
    looking = Watch(engine(), folder, awake_since=now())
    out.print(f"watching: {', '.join(folder.company.freshness.tell) or 'nobody is told, freshness.tell in company.yml is empty'}")
    silent: tuple[str, ...] = ()
    while True:
        try:
            found = looking.look(now())
            subjects = tuple(one.subject for one in found)
            if subjects != silent:
                silent = subjects
                out.print("\n".join(one.said(now()) for one in found) or "nothing is silent any more", markup=False)
        except ShopkeeperError as error:
            out.print(str(error), markup=False)
        if cleaning:
            cleaning.do(now())
        time.sleep(LOOK_EVERY.total_seconds())


class _Cleaning:
    """Airflow's history, once a day, beside the looking."""

    def __init__(self, keeps: timedelta) -> None:
        self._keeps = keeps
        self._began: datetime | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def do(self, at: datetime) -> None:
        from shopkeeper.pipeline.orchestrator import clean_command
        from shopkeeper.pipeline.upkeep import CLEAN_EVERY

        if self._process is not None and self._process.poll():
            out.print(f"airflow db clean ended with status {self._process.returncode}")
            self._process = None
        if self._began is None or at - self._began >= CLEAN_EVERY:
            self._began = at
            self._process = subprocess.Popen(clean_command(before=at - self._keeps), stdin=subprocess.DEVNULL)
