"""What the benchmarks share: a server of their own, ways that take turns, and a verdict per limit."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import yaml
from rich.console import Console
from rich.table import Table


@contextmanager
def warehouse(*, is_parallel: bool = True) -> Iterator[tuple[Path, Any]]:
    """A folder of its own and the server in it, with a migrated warehouse that WAREHOUSE_URL names. Both are gone afterwards.

    The server waits for its disk, as a real one does. Without `is_parallel` no query gets parallel workers, so that a ratio does not
    hang on how many cores happen to be idle.
    """
    from shopkeeper.warehouse.embedded import Server
    from shopkeeper.warehouse.engine import engine
    from shopkeeper.warehouse.schema import migrate

    home = Path(tempfile.mkdtemp(prefix="shopkeeper-bench-"))
    home.chmod(0o755)
    server = Server(home / "cluster")
    server.start()
    try:
        os.environ["WAREHOUSE_URL"] = server.url("warehouse")
        migrate(engine())
        if not is_parallel:
            with connected() as connection:
                connection.execute("alter database warehouse set max_parallel_workers_per_gather = 0")
        engine().dispose()
        yield home, server
        engine().dispose()
    finally:
        server.stop()
        shutil.rmtree(home)


def connected() -> psycopg.Connection[Any]:
    """A connection of its own to the warehouse, each statement a transaction."""
    return psycopg.connect(os.environ["WAREHOUSE_URL"], autocommit=True)


def company(folder: Path, **files: Any) -> Path:
    """A company folder: `files` are its YAML files beside company.yml, such as sources={…}."""
    folder.mkdir(exist_ok=True)
    parts = {"company": {"name": "Bench", "timezone": "UTC", "currency": "EUR"}} | files
    for name, content in parts.items():
        (folder / f"{name}.yml").write_text(yaml.safe_dump(content))
    return folder


class Stopwatch:
    """Seconds of every run of every way. A checkpoint stands before each, so that none pays for what the one before wrote."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    def timed(self, way: str, work: Callable[[], Any]) -> Any:
        with connected() as connection:
            connection.execute("checkpoint")
        start = time.perf_counter()
        done = work()
        self.seconds.setdefault(way, []).append(time.perf_counter() - start)
        return done

    def medians(self) -> dict[str, float]:
        return {way: statistics.median(seconds) for way, seconds in self.seconds.items()}


def announce(run: int, runs: int, what: str) -> None:
    """Say which run begins, to a terminal."""
    if (console := Console()).is_terminal:
        console.print(f"run {run + 1} of {runs}, {what}")


def report(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], verdicts: Sequence[tuple[str, bool]]) -> int:
    """Print figures and verdicts; 1 when a limit was missed, else 0. The first column is the name of what was measured."""
    console = Console()
    table = Table(title=title)
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    for line, is_met in verdicts:
        console.print(f"{line}: {'met' if is_met else 'MISSED'}")
    return 0 if all(is_met for _, is_met in verdicts) else 1
