"""A process that draws and sends as the hourly run does, for tests that kill it. Started from a fork server, so that it is quick."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Mapping
from datetime import datetime
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path


def fork_server() -> ForkServerContext:
    """The server reads no path from us but this one; without it, it could preload another checkout's code."""
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.survey.doomed_imports"])
    return context


def start(context: ForkServerContext, settings: Mapping[str, str], company: Path, as_of: datetime, now: datetime) -> ForkServerProcess:
    process = context.Process(target=draw_and_send, args=(dict(settings), company, as_of, now), daemon=True)
    process.start()
    return process


def draw_and_send(settings: dict[str, str], company: Path, as_of: datetime, now: datetime) -> None:
    os.environ |= settings
    from shopkeeper.company.load import load
    from shopkeeper.errors import ShopkeeperError
    from shopkeeper.survey import delivery
    from shopkeeper.survey.sampling import draw
    from shopkeeper.warehouse.engine import engine

    folder, warehouse = load(company), engine()
    try:
        draw(warehouse, folder, as_of=as_of, now=now)
    except ShopkeeperError as error:
        if "another run is at work" not in str(error):
            raise
    delivery.CHUNK = 5  # so that all of them have something to do
    delivery.send_due(warehouse, folder, clock=lambda: now, as_of=as_of, workers=2)
