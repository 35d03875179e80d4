"""Units whose score has moved by more than noise: four weeks against the four before, from the published marts.

Windows do not overlap and are the same for everybody: blocks of 28 days, from a fixed Monday on. Once per publication all units,
levels and programmes are tested as one family, so that a company of a hundred teams is not told of five by chance each month
(Benjamini and Hochberg; what is expected of false alarms is one in the table of a year's blocks).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from shopkeeper.closed_loop.acting import write_signals
from shopkeeper.closed_loop.owners import About, Owner, Staff, owner_of
from shopkeeper.closed_loop.signals import Signal
from shopkeeper.company.closed_loop import Rule
from shopkeeper.company.config import CompanyFolder
from shopkeeper.messages import outbox
from shopkeeper.messages.letters import Letters, Reader
from shopkeeper.messages.outbox import Message

BLOCK = timedelta(days=28)
FIRST_BLOCK = date(2024, 1, 1)
FALSE_ALARMS = 0.05 / 12
LEVELS = ("team_id", "branch_id", "org_region_id", "company_id")
# What adjusted Wald adds to the detractors, passives and promoters of each window (Rocks 2016).
ADDED = (0.75, 1.5, 0.75)


@dataclass(frozen=True)
class Counts:
    """Answers of one unit to one programme in one block."""

    detractors: int
    passives: int
    promoters: int

    @property
    def answers(self) -> int:
        return self.detractors + self.passives + self.promoters

    @property
    def score(self) -> float:
        """In points."""
        return 100 * (self.promoters - self.detractors) / self.answers

    @property
    def adjusted(self) -> tuple[float, float]:
        """Score and its squared standard error on the scale -1 to 1, with the pseudo-answers of adjusted Wald."""
        detractors, passives, promoters = (count + more for count, more in zip(self._counts, ADDED, strict=True))
        count = detractors + passives + promoters
        score = (promoters - detractors) / count
        return score, ((promoters + detractors) / count - score**2) / count

    @property
    def _counts(self) -> tuple[int, int, int]:
        return self.detractors, self.passives, self.promoters


@dataclass(frozen=True)
class Change:
    """A unit's two blocks, the earlier one first, and how likely so much difference is where nothing has changed."""

    unit: str
    name: str | None
    programme: str
    before: Counts
    now: Counts

    @property
    def z(self) -> float:
        (score_before, error_before), (score, error) = self.before.adjusted, self.now.adjusted
        return (score - score_before) / math.sqrt(error_before + error)

    @property
    def p(self) -> float:
        return math.erfc(abs(self.z) / math.sqrt(2))

    @property
    def moved(self) -> Decimal:
        """In points; below 0 the score has fallen."""
        return _points(self.now.score - self.before.score)

    @property
    def margin(self) -> float:
        """Half the width of the 95 % interval of the difference, in points."""
        return 196 * math.sqrt(self.before.adjusted[1] + self.now.adjusted[1])


def beyond_noise(changes: Sequence[Change], *, q: float = FALSE_ALARMS) -> list[Change]:
    """Those changes that are no chance, among all that were looked at: the share of false alarms among them is expected to be `q`."""
    ranked = sorted(changes, key=lambda change: change.p)
    kept = max((place for place, change in enumerate(ranked, 1) if change.p <= q * place / len(ranked)), default=0)
    return ranked[:kept]


# --- from the marts to whoever leads the unit ---------------------------------------------------------------------------

_COUNTS = """
    select
        units.unit_id, fct_survey_responses.programme, responded_on > :middle as is_now,
        count(*) filter (where band = 'detractor') as detractors,
        count(*) filter (where band = 'passive') as passives,
        count(*) filter (where band = 'promoter') as promoters
    from marts.fct_survey_responses
    cross join lateral (values {levels}) as units (unit_id)
    where excluded_reason is null and band is not null and units.unit_id is not null
        and responded_on > :first and responded_on <= :last
    group by 1, 2, 3
"""


def notice(connection: sa.Connection, folder: CompanyFolder, staff: Staff, *, now: datetime) -> int:
    """Look at the last publication, once: tell those who lead units whose score has moved; returns how many signals that made."""
    rules = {name: rule for name, rule in folder.closed_loop.rules.items() if rule.kind == "unit_changed"}
    publication = _unread_publication(connection, now) if rules else None
    if publication is None:
        return 0
    last = _last_block_end(publication.as_of.astimezone(folder.company.zone).date())
    ended_at = datetime.combine(last + timedelta(days=1), time(), folder.company.zone)
    made = 0
    for name, rule in rules.items():
        if ended_at > now - timedelta(days=rule.too_old_days):
            for change in beyond_noise(_changes(connection, folder, rule, last)):
                signal = Signal(
                    name,
                    rule.kind,
                    "unit",
                    f"{change.unit}|{change.programme}|{last}",
                    ended_at,
                    org_unit_id=change.unit,
                    programme=change.programme,
                    value=change.moved,
                )
                owner = owner_of(staff, rule.owners, About(org_unit_id=change.unit), folder.closed_loop)
                if owner is not None and _is_new(connection, signal):
                    write_signals(connection, [(signal, "told", None)], now)
                    outbox.post(connection, [_message(folder, staff, owner, signal, change, now=now)], now=now)
                    made += 1
    return made


def _unread_publication(connection: sa.Connection, now: datetime) -> Any:
    """The newest publication, where it has not been looked at; noted as read."""
    query = """
        select publication_id, as_of from quality.publications order by publication_id desc limit 1
    """
    newest = connection.execute(sa.text(query)).one_or_none()
    mark = "insert into ops.loop_reads (kind, id, read_at) values ('publication', :id, :now) on conflict do nothing"
    if newest is None or not connection.execute(sa.text(mark), {"id": newest.publication_id, "now": now}).rowcount:
        return None
    return newest


def _last_block_end(as_of_on: date) -> date:
    """The last day of the last block that is over."""
    return FIRST_BLOCK + (as_of_on - FIRST_BLOCK) // BLOCK * BLOCK - timedelta(days=1)


def _changes(connection: sa.Connection, folder: CompanyFolder, rule: Rule, last: date) -> list[Change]:
    """Every unit that has enough answers in both blocks."""
    given = {"first": last - 2 * BLOCK, "middle": last - BLOCK, "last": last}
    levels = ", ".join(f"({level})" for level in LEVELS)
    found: dict[tuple[str, str], dict[bool, Counts]] = {}
    for unit, programme, is_now, *counts in connection.execute(sa.text(_COUNTS.format(levels=levels)), given).tuples():
        if not rule.programmes or programme in rule.programmes:
            found.setdefault((unit, programme), {})[is_now] = Counts(*counts)
    named = "select org_unit_id, name from marts.dim_org_units where is_current"
    names: dict[str, str | None] = dict(connection.execute(sa.text(named)).tuples().all())
    enough = folder.company.minimum_n.hidden_below
    return [
        Change(unit, names.get(unit), programme, blocks[False], blocks[True])
        for (unit, programme), blocks in sorted(found.items())
        if len(blocks) > 1 and min(block.answers for block in blocks.values()) >= enough
    ]


def _is_new(connection: sa.Connection, signal: Signal) -> bool:
    known = sa.text("select exists (select from ops.signals where signal_id = :id)")
    return not connection.scalar(known, {"id": signal.signal_id})


def _message(folder: CompanyFolder, staff: Staff, owner: Owner, signal: Signal, change: Change, *, now: datetime) -> Message:
    return Letters(folder).unit_changed(
        Reader(owner.employee_id, staff.locale_of(owner.employee_id)),
        identity=f"told|{owner.employee_id}|unit|{signal.subject_key}",
        unit=change.name or change.unit,
        previous=_points(change.before.score),
        score=_points(change.now.score),
        margin=_points(change.margin),
        due_at=now,
    )


def _points(value: float) -> Decimal:
    return Decimal(str(round(value, 4)))
