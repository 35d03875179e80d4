"""The real data sets, where they are present; their location comes from SHOPKEEPER_REAL_DATA alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def _folder(name: str, variable: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = os.environ.get("SHOPKEEPER_REAL_DATA")
    if not root:
        pytest.skip(f"NOT RUN: the {name} example was not proven. Set SHOPKEEPER_REAL_DATA to the folder that holds {name}/")
    folder = Path(root).resolve() / name
    if not folder.is_dir():
        pytest.fail(f"SHOPKEEPER_REAL_DATA is set, but {folder} is no folder")
    monkeypatch.setenv(variable, str(folder))
    return folder


@pytest.fixture
def olist_data(monkeypatch: pytest.MonkeyPatch) -> Path:
    return _folder("olist", "OLIST_DATA", monkeypatch)


@pytest.fixture
def garden_centre_data(monkeypatch: pytest.MonkeyPatch) -> Path:
    return _folder("garden_centre", "GARDEN_CENTRE_DATA", monkeypatch)
