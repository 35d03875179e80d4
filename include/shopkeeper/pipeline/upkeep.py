"""What `up` does besides keeping processes up: look whether anything is silent, and let Airflow forget what is old."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from shopkeeper.errors import ShopkeeperError
from shopkeeper.pipeline.orchestrator import clean_history
from shopkeeper.pipeline.watch import Watch
from shopkeeper.warehouse.supervisor import Process, Supervisor

LOOK_EVERY = timedelta(minutes=1)
CLEAN_EVERY = timedelta(days=1)


class Upkeep:
    """Asked every second; does something when it is time to. Its own troubles are noted and stop nothing."""

    def __init__(self, supervisor: Supervisor, company: Path, watch: Watch, note: Callable[[str], None], *, now: datetime) -> None:
        self.supervisor, self.company, self.watch, self.note = supervisor, company, watch, note
        self._looked_at, self._cleaned_at = now, now - CLEAN_EVERY  # the first cleaning at once: a machine may be up for an hour a day
        self._cleaning: Process | None = None

    def do(self, now: datetime) -> None:
        """Raises ShopkeeperError when a process that should be running has ended, after the data team was told."""
        try:
            self.supervisor.check()
        except ShopkeeperError as error:
            lines = [str(error), "", "./shopkeeper up starts it again."]
            self._try(lambda: self.watch.tell("what runs the pipeline has ended", lines, now))
            raise
        if now - self._looked_at >= LOOK_EVERY:
            self._looked_at = now
            self._try(lambda: self.watch.look(now))
        days = self.watch.folder.company.retention.logs_days
        if days is not None and now - self._cleaned_at >= CLEAN_EVERY:
            self._cleaned_at = now
            self._cleaning = clean_history(self.supervisor, self.company, before=now - timedelta(days=days))
        elif self._cleaning is not None and self._cleaning.returncode is not None:
            if self._cleaning.returncode:
                self.note(f"airflow db clean ended with status {self._cleaning.returncode}: see {self._cleaning.log_path}")
            self._cleaning = None

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except ShopkeeperError as error:
            self.note(str(error))
