"""Whether anything is silent: what should have run and did not, or brings nothing new. A failure is loud; this is what nobody hears."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shopkeeper.company.config import Freshness

SIGNS = "select subject, at from ops.last_signs()"
BY_CLOCK = ("ingest_sources", "trigger_surveys", "collect_responses", "close_loop")  # hourly or more often
PUBLICATION, ENTITY = "publication", "entity "
# A scheduler that is up misses no three hours in a row, whatever the company's own limit.
UNDER_A_SCHEDULER = timedelta(hours=3)


@dataclass(frozen=True)
class Silence:
    """`subject` is a DAG, the publication, or `entity …`; `since` its last sign, None where there never was one."""

    subject: str
    since: datetime | None
    limit: timedelta

    def said(self, now: datetime) -> str:
        """Such as `ingest_sources: no sign since 2026-03-01 10:00 UTC (5 h ago; limit 3 h)`."""
        limit = f"limit {_hours(self.limit)}"
        if self.since is None:
            return f"{self.subject}: no sign ever ({limit})"
        return f"{self.subject}: no sign since {self.since:%Y-%m-%d %H:%M} UTC ({_hours(now - self.since)} ago; {limit})"


def silences(
    signs: Mapping[str, datetime | None], freshness: Freshness, now: datetime, *, awake_since: datetime | None = None
) -> tuple[Silence, ...]:
    """What has given no sign for longer than the company allows, by its last signs as `SIGNS` reads them.

    `awake_since` is when the scheduler was started, for whoever knows it: from then on every DAG of the clock must run, and soon. Without
    it, as for a company that runs the cycle by its own timer, a DAG that never ran is missed by nobody.
    """
    runs = timedelta(hours=freshness.run_hours)
    if awake_since:
        runs = min(runs, UNDER_A_SCHEDULER)
    limits = {PUBLICATION: timedelta(hours=freshness.publication_hours)}
    limits |= {f"{ENTITY}{name}": timedelta(hours=hours) for name, hours in freshness.entity_hours.items() if f"{ENTITY}{name}" in signs}
    limits |= dict.fromkeys(BY_CLOCK if awake_since else (name for name in BY_CLOCK if name in signs), runs)
    found = []
    for subject, limit in limits.items():
        since = signs.get(subject)
        if awake_since and not subject.startswith(ENTITY):  # nothing could run while nothing was up
            since = max(since or awake_since, awake_since)
        if since is None or now - since > limit:
            found.append(Silence(subject, since, limit))
    return tuple(found)


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.0f} h"
