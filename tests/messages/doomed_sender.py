"""A process that sends messages as the DAG does, for tests that kill it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path


def start(context: ForkServerContext, settings: Mapping[str, str], company: Path, now: datetime) -> ForkServerProcess:
    """`context` is tests.survey.doomed.fork_server()."""
    process = context.Process(target=send, args=(dict(settings), company, now), daemon=True)
    process.start()
    return process


def send(settings: dict[str, str], company: Path, now: datetime) -> None:
    os.environ |= settings
    from shopkeeper.company.load import load
    from shopkeeper.messages import sending
    from shopkeeper.warehouse.engine import engine

    sending.CHUNK = 5  # so that all of them have something to do
    sending.send_due(engine(), load(company, environ=settings), clock=lambda: now, workers=2)
