"""A process that tells the CRM what is due, for tests that kill it."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path


def run(settings: dict[str, str], company: Path, now: datetime) -> None:
    os.environ |= settings
    from shopkeeper.closed_loop.crm.write_back import write_back
    from shopkeeper.company.load import load
    from shopkeeper.warehouse.engine import engine

    write_back(engine(), load(company), now=now)
