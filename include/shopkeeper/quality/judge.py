"""Great Expectations, kept to what the gates need of it: judge one query by one suite, and hand back checks without values.

The import takes seconds, so it happens where a judge is opened and nowhere else. Everything the library writes goes
to a copy of `expectations/` that lives as long as the judge.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shopkeeper.errors import fail

EXPECTATIONS = Path(__file__).resolve().parents[3] / "expectations"
MOST_KEYS = 100
URL_VARIABLE = "SHOPKEEPER_GATE_URL"

CRITICAL = "critical"


@dataclass(frozen=True)
class Suite:
    """What stands in one file of `expectations/suites`: `table` is what it judges, `key` tells its rows apart."""

    name: str
    table: str
    key: tuple[str, ...]
    expectations: int


@dataclass(frozen=True)
class Check:
    """One expectation, judged. `failing_keys` holds up to 100 keys; values of the rows at fault are nowhere."""

    expectation: str
    column: str | None
    description: str
    severity: str
    succeeded: bool
    rows_checked: int | None
    rows_failed: int | None
    failing_keys: list[Any]
    reason: str | None

    @property
    def stops(self) -> bool:
        return not self.succeeded and self.severity == CRITICAL


@dataclass(frozen=True)
class Validation:
    """One suite, judged on one query; `result` is the library's own record of it, without values."""

    suite: str
    checks: tuple[Check, ...]
    result: dict[str, Any]


def read_suites(folder: Path = EXPECTATIONS) -> dict[str, Suite]:
    """The committed suites by name. Needs no import of the library."""
    suites = {}
    for file in sorted((folder / "suites").glob("*.json")):
        content = json.loads(file.read_text())
        meta = content["meta"]
        suites[content["name"]] = Suite(content["name"], meta["table"], tuple(meta["key"]), len(content["expectations"]))
    return suites


class Judge:
    """Judges queries on the warehouse that `engine` reaches. Made by `open_judge`."""

    def __init__(self, context: Any, engine: sa.Engine, suites: dict[str, Suite]) -> None:
        self._context = context
        self._engine = engine
        self._suites = suites
        options = {"options": "-c TimeZone=UTC", "application_name": "shopkeeper"}
        # The library writes the string down as it is given: a name, so that no password reaches the copy's files.
        self._source = context.data_sources.add_postgres(
            "warehouse", connection_string=f"${{{URL_VARIABLE}}}", kwargs={"connect_args": options}
        )

    def validate(self, suite_name: str, query: str, *, about: str, now: datetime) -> Validation:
        """Judge the rows of `query` by a suite. `about` names the run in the Data Docs; it must differ between calls."""
        import great_expectations as gx
        from great_expectations.core.run_identifier import RunIdentifier

        suite = self._suites[suite_name]
        batch = self._source.add_query_asset(about, query=query).add_batch_definition("whole")
        definition = gx.ValidationDefinition(name=about, data=batch, suite=self._context.suites.get(suite_name))
        done = self._context.validation_definitions.add(definition).run(
            # SUMMARY bounds what is read back; COMPLETE would fetch every failing value into memory only to leave it out.
            result_format={
                "result_format": "SUMMARY",
                "exclude_unexpected_values": True,
                "unexpected_index_column_names": list(suite.key),
                "partial_unexpected_count": MOST_KEYS,
                "return_unexpected_index_query": False,
            },
            run_id=RunIdentifier(run_name=about, run_time=now),
        )
        result = _without_messages(done.to_json_dict())
        return Validation(suite_name, tuple(self._check(one, suite, query) for one in result["results"]), result)

    def _check(self, result: dict[str, Any], suite: Suite, query: str) -> Check:
        config, found = result["expectation_config"], result["result"]
        error = result["exception_info"]["exception_message"]
        rows_query = config["kwargs"].get("unexpected_rows_query")
        failed = found.get("observed_value" if rows_query else "unexpected_count")
        keys: list[Any] = []
        if rows_query and failed:
            keys = self._keys(rows_query.replace("{batch}", f"({query}) as batch"), suite)
        elif failed:
            keys = _keys(found.get("partial_unexpected_index_list") or [], suite)
        columns = [config["kwargs"][name] for name in ("column", "column_A", "column_B") if name in config["kwargs"]]
        return Check(
            expectation=config["type"],
            column=", ".join(columns) or None,
            description=config["description"],
            severity=CRITICAL if error else config["severity"],
            succeeded=result["success"],
            rows_checked=found.get("element_count"),
            rows_failed=int(failed) if isinstance(failed, int | float) else None,
            failing_keys=keys,
            reason=None if result["success"] else error or _reason(failed, found.get("element_count")),
        )

    def _keys(self, query: str, suite: Suite) -> list[Any]:
        with self._engine.connect() as connection:
            rows = connection.exec_driver_sql(f"select * from ({query}) as failing limit {MOST_KEYS}").mappings().all()
        keys = (_key({name: row[name] for name in suite.key}) for row in rows)
        return [key for key in keys if key is not None]  # a check on a whole table has none


@contextmanager
def open_judge(engine: sa.Engine, folder: Path = EXPECTATIONS) -> Iterator[Judge]:
    """A judge over a copy of the context in `folder`; the copy goes when the block ends."""
    with context_copy(folder) as context, _silence(), _url_in_environment(engine):
        yield Judge(context, engine, read_suites(folder))


@contextmanager
def context_copy(folder: Path = EXPECTATIONS) -> Iterator[Any]:
    """A Great Expectations context on a copy of `folder`, which goes when the block ends."""
    if not (folder / "great_expectations.yml").exists():
        raise fail(str(folder), "is no Great Expectations context", "run from a full checkout: expectations/ belongs beside include/")
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # before the import, which would report home
    import great_expectations as gx

    with tempfile.TemporaryDirectory(prefix="shopkeeper-gates-") as scratch:
        copy = shutil.copytree(folder, Path(scratch) / "expectations")
        yield gx.get_context(mode="file", context_root_dir=str(copy))


@contextmanager
def _silence() -> Iterator[None]:
    """The library logs a failing query with its text and its values; what failed is in the results instead."""
    logger = logging.getLogger("great_expectations")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextmanager
def _url_in_environment(engine: sa.Engine) -> Iterator[None]:
    """Where the library looks the name up. It takes only a plain TCP URL, with a driver that it knows."""
    os.environ[URL_VARIABLE] = engine.url.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)
    try:
        yield
    finally:
        del os.environ[URL_VARIABLE]


def _without_messages(result: dict[str, Any]) -> dict[str, Any]:
    """An error's message and traceback may quote a row: only its kind stays."""
    for one in result["results"]:
        info = one["exception_info"]
        errors = [info] if "raised_exception" in info else list(info.values())
        messages = [error["exception_message"] for error in errors if error.get("raised_exception")]
        if messages and _PASSING.search(messages[0]):
            raise fail("gate", f"could not ask the warehouse ({_kind(messages[0])})", "nothing was judged; run the gate again")
        kind = _kind(messages[0]) if messages else None
        kept = "not kept: it may quote a row" if kind else None  # its pages need a text
        one["exception_info"] = {"raised_exception": bool(kind), "exception_message": kind, "exception_traceback": kept}
    return result


# The server's trouble, not the data's: nothing may fail its gate for it.
_PASSING = re.compile(
    r"psycopg2\.(OperationalError|InterfaceError)|errors\.(AdminShutdown|CrashShutdown|CannotConnectNow|TooManyConnections|QueryCanceled"
    r"|DiskFull|OutOfMemory|DeadlockDetected|LockNotAvailable|SerializationFailure)\b"
)


def _kind(message: str) -> str:
    missing = re.search(r'(?:Undefined\w+\) (?:column|relation) |The column |unexpected_index_column: )"?([\w.]+)"?', message)
    if missing:
        return f"the check could not be made: there is no {missing.group(1)}"
    error = re.search(r"psycopg2\.(?:errors\.)?(\w+)", message)
    return "the check could not be made" + (f" ({error.group(1)})" if error else "")


def _keys(index: list[dict[str, Any]], suite: Suite) -> list[Any]:
    """The library gives one dict of lists, column by column; we keep one key per row."""
    columns = [[key for part in index for key in part.get(name, ())] for name in suite.key]
    return [_key(dict(zip(suite.key, row, strict=True))) for row in zip(*columns, strict=True)][:MOST_KEYS]


def _key(parts: dict[str, Any]) -> Any:
    plain = {name: part if isinstance(part, int | str | None) else str(part) for name, part in parts.items()}
    return next(iter(plain.values())) if len(plain) == 1 else plain


def _reason(failed: Any, checked: Any) -> str | None:
    if not isinstance(failed, int | float):
        return None
    return f"Broken by {int(failed):,}" + (f" of {int(checked):,} rows." if checked else f" row{'s'[: int(failed) != 1]}.")
