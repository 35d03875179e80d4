"""A small CRM behind HTTP that follows docs/crm-write-back.md, and the SQL tables of one that is written to directly."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import sqlalchemy as sa
import yaml
from tests.survey.providers.fakes import Reply, reply

from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.load import load

TASK, CUSTOMER = "tasks", "scores"
ORDER = "0f0f0f0f-0000-4000-8000-{:012}"


class HttpCrm:
    """Keeps what it is sent, under our key; `before` holds what it does instead, one per request."""

    KEY = "crm_secret"

    def __init__(self) -> None:
        self.records: dict[str, dict[str, dict[str, Any]]] = {TASK: {}, CUSTOMER: {}}
        self.puts: list[tuple[str, str, int]] = []  # (path, external id, version), in the order in which they arrived
        self.created = Counter[str]()
        self.asked = 0
        self.before: list[Callable[[Callable[[], Reply]], Reply | None]] = []

    def __call__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply | None:
        self.asked += 1
        if headers.get("authorization") != f"Bearer {self.KEY}":
            return reply({"error": "who are you?"}, 401)

        def answer() -> Reply:
            return self._answer(method, path, body)

        return self.before.pop(0)(answer) if self.before else answer()

    def _answer(self, method: str, path: str, body: bytes) -> Reply:
        url = urlsplit(path)
        kind, _, external_id = url.path.removeprefix("/api/").partition("/")
        if method == "GET" and kind == TASK:
            asked = parse_qs(url.query).get("external_id", [])
            return reply([self.records[TASK][each] for each in asked if each in self.records[TASK]])
        if method != "PUT" or kind not in self.records:
            return reply({"error": "no such thing"}, 404)
        told, there, key = json.loads(body), self.records[kind], unquote(external_id)
        self.puts.append((kind, key, told["version"]))
        if key not in there:
            self.created[key] += 1
            there[key] = {"crm_id": f"{kind}-{len(there) + 1}"}
        if told["version"] >= there[key].get("version", 0):
            there[key] |= told
        return reply({"crm_id": there[key]["crm_id"]})


def make_folder(folder: Path, crm: dict[str, Any] | None, **loop: Any) -> CompanyFolder:
    """A company with this CRM, whose customers may be called at any time."""
    folder.mkdir(exist_ok=True)
    (folder / "company.yml").write_text(yaml.safe_dump({"name": "Brunnenhof", "timezone": "Europe/Berlin", "currency": "EUR"}))
    entities = {"customers": {"table": "customers"}}
    (folder / "sources.yml").write_text(yaml.safe_dump({"crm": {"connection": "sqlite:///crm.db", "entities": entities}}))
    (folder / "closed_loop.yml").write_text(yaml.safe_dump({"crm": crm, **loop}))
    return load(folder, environ={})


def http_settings(url: str) -> dict[str, Any]:
    return {"kind": "rest", "url": f"{url}/api/", "api_key": HttpCrm.KEY, "tasks": f"/{TASK}", "customers": CUSTOMER}


SQL_TABLES = (Path(__file__).parents[2] / "docs" / "crm-write-back.md").read_text().partition("```sql\n")[2].partition("```")[0]


def make_sql_crm(url: str) -> sa.Engine:
    """A database with the two tables, made as the documentation says."""
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.execute(sa.text(SQL_TABLES))
    return engine
