"""The sample company stands in when no other is named: its databases and files have a usual place."""

from __future__ import annotations

import os
from pathlib import Path

from shopkeeper.company.config import CompanyFolder

DATABASES = {"CRM_URL": "crm", "FINANCE_URL": "finance"}


def history_folder() -> Path:
    """Where the sample company's survey history lies."""
    from shopkeeper.warehouse.embedded import home

    return home() / "sample"


def company_folder(folder: Path | None = None) -> CompanyFolder:
    """The company to work on; for the sample company, connections that are not set point to where `demo` put it."""
    from shopkeeper.company import load

    if load.company_folder(folder) == load.SAMPLE:
        place_sample()
    return load.load(folder)


def place_sample() -> None:
    """Set the sample company's variables, for this process and those that it starts, where they are not set."""
    from shopkeeper.warehouse.embedded import default_server

    os.environ.setdefault("SURVEY_HISTORY", str(history_folder()))
    if default_server().is_running():
        for variable, name in DATABASES.items():
            os.environ.setdefault(variable, default_server().url(name))
