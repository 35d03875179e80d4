"""The invitations behind a response rate: what each counts as, and the counts that the rates are made of.

The classes are AAPOR's, as docs/dispositions.md gives them, written anew over `fct_survey_invitations`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from shopkeeper.quality.tracing.answers import COLUMNS
from shopkeeper.quality.tracing.subject import Row, Section, command, rows

CLASSES = ("completed", "partial", "refused", "not_started", "other", "unknown", "not_eligible", "not_sent")

_BEHIND = """
    with behind as (
        select
            invitation_id, wave, cohort_on, invited_on, completed_at, disposition, aapor_class, reason,
            case
                when is_completed_in_time then 'completed'
                when completed_at is not null then case when invited_on is null then 'unknown' else 'not_started' end
                when disposition = 'not_sent' then 'not_sent'
                else case aapor_class
                    when 'I' then 'partial' when 'P' then 'partial' when 'R' then 'refused' when 'O' then 'other' when 'UO' then 'unknown'
                    when 'NE' then 'not_eligible' else 'not_started'
                end
            end as counted_as
        from marts.fct_survey_invitations
        where
            programme = :programme and cohort_on between :first_day and :last_day
            and cohort_on + cast(:maturity_days as integer) < :as_of_on and {dimension}
    )
"""

_COUNTS = """
    select counted_as, disposition, aapor_class, count(*) as invitations, count(invited_on) as sent
    from behind group by counted_as, disposition, aapor_class order by count(*) desc, counted_as, disposition
"""

_SHOWN = """
    select invitation_id, wave, cohort_on, counted_as, disposition, reason, completed_at
    from behind order by counted_as <> 'completed', cohort_on, invitation_id limit :shown
"""


class Invitations:
    """The invitations behind one cell of `response_rates`, whose days to be answered in are over."""

    def __init__(self, connection: sa.Connection, cell: Mapping[str, Any], build: Mapping[str, Any]) -> None:
        self.connection = connection
        dimension = cell["dimension"]
        column = connection.dialect.identifier_preparer.quote_identifier(COLUMNS.get(dimension, dimension))
        self.behind = _BEHIND.format(dimension="true" if dimension == "all" else f"{column} = :value")
        self.binds = {
            "programme": cell["programme"],
            "first_day": cell["period_starts_on"],
            "last_day": cell["period_ends_on"],
            "value": cell["dimension_value"],
            "maturity_days": build["maturity_days"],
            "as_of_on": build["as_of_on"],
        }

    def figures(self) -> Row:
        """Counts by class, under the names of the mart's columns."""
        counts = self._rows(_COUNTS)
        found: Row = dict.fromkeys(CLASSES, 0)
        for row in counts:
            found[row["counted_as"]] += row["invitations"]
        return found | {"invitations_sent": sum(row["sent"] for row in counts)}

    def sections(self, shown: int | None) -> tuple[Section, ...]:
        counts, listed = self._rows(_COUNTS), self._rows(_SHOWN, shown=shown)
        total = sum(row["invitations"] for row in counts)
        return (
            Section("classes", "What became of the invitations, and what each counts as", counts),
            Section("invitations", "The invitations", listed, "" if len(listed) == total else "--rows shows more, --json all", total),
        )

    def following(self) -> tuple[str, ...]:
        first = self._rows(_SHOWN, shown=1)
        return (command("fct_survey_invitations", first[0]["invitation_id"]),) if first else ()

    def _rows(self, query: str, **values: Any) -> list[Row]:
        return rows(self.connection, self.behind + query, **self.binds, **values)
