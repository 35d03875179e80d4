from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.messages import world
from tests.survey.mail_server import MailServer

from shopkeeper.company.config import CompanyFolder

GoLive = Callable[[], None]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CompanyFolder:
    for name in ("SHOPKEEPER_DELIVERY", "SHOPKEEPER_INSTANCE_ID", "SMTP_URL", "SHOPKEEPER_SANDBOX_ALLOW", "SHOPKEEPER_DESK_URL"):
        monkeypatch.delenv(name, raising=False)
    return world.company(tmp_path / "company")


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    with MailServer() as mail:
        monkeypatch.setenv("SHOPKEEPER_SANDBOX_SMTP_URL", mail.url)
        yield mail


@pytest.fixture
def go_live(warehouse: sa.Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch) -> GoLive:
    """From then on delivery is live, to the same mail server on this machine."""

    def go() -> None:
        with warehouse.connect() as connection:
            own = connection.scalar(sa.text("select instance_id from ops.instance"))
        for name, value in {"SHOPKEEPER_DELIVERY": "live", "SHOPKEEPER_INSTANCE_ID": str(own), "SMTP_URL": mail.url}.items():
            monkeypatch.setenv(name, value)

    return go
