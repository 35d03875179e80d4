"""You said, we did: what was done about what customers said, for those who have just answered.

Only after the answer, so that it colours no score; and never to employees, who were asked about something else.
"""

from __future__ import annotations

import io
import json
import logging
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta

import psycopg

from shopkeeper.web.surveys import Surveys

MOST = 3
ASK_AGAIN_AFTER = timedelta(minutes=5)
log = logging.getLogger("shopkeeper.web")

Told = tuple[tuple[str, str], ...]


class YouSaid:
    """The newest of what a leader said that customers are to read, in the company's own words; looked up every five minutes at most."""

    def __init__(self, surveys: Surveys, *, clock: Callable[[], datetime]) -> None:
        self.surveys, self.clock = surveys, clock
        self._told: Told = ()
        self._good_until: datetime | None = None

    async def newest(self) -> Told:
        """Pairs of what was said and what was done. Without the database what was told last stays: thanks are never refused for it."""
        now = self.clock()
        if self._good_until is None or now >= self._good_until:
            self._good_until = now + ASK_AGAIN_AFTER
            try:
                self._told = read(await self.surveys.told_customers())
            except psycopg.Error as error:
                log.warning("what was told to customers cannot be read: %s", type(error).__name__)
        return self._told


def read(site: bytes | None) -> Told:
    """The first few of the site that `distribute_feedback` makes for customers; nothing where there is none."""
    if site is None:
        return ()
    with zipfile.ZipFile(io.BytesIO(site)) as archive:
        listed = json.loads(archive.read("you-said.json"))
    return tuple((one["you_said"], one["we_did"]) for one in listed[:MOST])
