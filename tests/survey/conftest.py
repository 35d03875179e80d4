"""A company folder with survey programmes, made for one test. `people` has the customers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.load import load

MakeProgrammes = Callable[..., CompanyFolder]

SENDER = {"name": "Brunnenhof", "address": "service@brunnenhof.example"}
CADENCE = {"every_days": 91, "starts_on": "2026-01-05"}


@pytest.fixture
def make_programmes(tmp_path: Path) -> MakeProgrammes:
    """`make_programmes(relationship={…}, quarantine={…}, …)` writes a folder with those programmes and loads it.

    `quarantine`, `sender`, `providers` and `company` are parts of their own; any other name is a programme.
    A programme without kind, cadence and after is a relationship programme with a wave every 91 days from 2026-01-05 on.
    """

    def make(
        *,
        quarantine: dict[str, Any] | None = None,
        sender: dict[str, Any] | None = None,
        providers: dict[str, Any] | None = None,
        company: dict[str, Any] | None = None,
        **programmes: dict[str, Any],
    ) -> CompanyFolder:
        folder = tmp_path / "company"
        folder.mkdir(exist_ok=True)
        about = {"name": "Brunnenhof", "timezone": "Europe/Berlin", "currency": "EUR", **(company or {})}
        (folder / "company.yml").write_text(yaml.safe_dump(about))
        crm = {"connection": "sqlite:///crm.db", "entities": {"customers": {"table": "customers"}}}
        (folder / "sources.yml").write_text(yaml.safe_dump({"crm": crm}))
        usual = {"kind": "relationship", "cadence": CADENCE}
        written = {
            "quarantine": quarantine or {},
            "sender": sender or SENDER,
            "providers": providers or {},
            "programmes": {
                name: programme if programme.keys() & {"kind", "cadence", "after"} else {**usual, **programme}
                for name, programme in programmes.items()
            },
        }
        (folder / "programmes.yml").write_text(yaml.safe_dump(written, sort_keys=False))
        return load(folder, environ={})

    return make
