"""Whether the rules about whom not to ask again were kept, and whom they left out."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from shopkeeper.quality.report import pictures
from shopkeeper.quality.report.layout import Column, Page, Picture, Row, Section, Table, by, spoken, written
from shopkeeper.quality.report.reading import rows
from shopkeeper.quality.report.tracing import with_trace

KEPT = """
select *
from metric_reliability
where period_grain in ('month', 'rolling_90_days') and has_frame
order by metric <> 'nps', programme, metric, period_grain <> 'rolling_90_days', period_starts_on desc
"""

FRAMES = """
select programme, outcome, reason, sum(candidates)::bigint as candidates
from survey_frame_coverage
where as_of_on > :since
group by programme, outcome, reason
order by programme, sum(candidates) desc, reason
"""

WAVES = "select * from survey_frame_coverage order by programme, as_of_on desc, wave, candidates desc, reason"

# Which rule a send broke; of several the first in this order.
BREACHES = {
    "breaches_same_programme": "After the same programme",
    "breaches_other_programme": "After another programme",
    "breaches_after_decline": "After a refusal",
}

KEPT_COLUMNS = (
    Column("metric", "Metric", "code"),
    Column("period_grain", "Grain", "code"),
    Column("period_starts_on", "From", "day"),
    Column("quarantined_sends", "Invitations under a quarantine", "count"),
    Column("quarantine_breaches", "Of these too early", "count"),
    *(Column(name, title, "count") for name, title in BREACHES.items()),
    Column("quarantine_compliance", "Kept", "share"),
)
WAVE_COLUMNS = (
    Column("as_of_on", "Drawn", "day"),
    Column("wave", "Wave"),
    Column("outcome", "Outcome", "code"),
    Column("reason", "Reason", "code"),
    Column("candidates", "Candidates", "count"),
    Column("share_of_wave", "Of the wave", "share"),
)


def page(connection: sa.Connection, since: date) -> Page:
    kept, frames, waves = (
        by(rows(connection, query, **bound), "programme") for query, bound in ((KEPT, {}), (FRAMES, {"since": since}), (WAVES, {}))
    )
    sections = []
    for key in dict.fromkeys([*kept, *waves]):
        programme, months = key[0], [row for row in kept.get(key, []) if row["quarantined_sends"] is not None]
        tables = (
            Table(f"quarantine_{programme}", "Quarantine kept", KEPT_COLUMNS, with_trace("metric_reliability", months), shown=8),
            Table(
                f"frame_coverage_{programme}",
                "Frames of all waves",
                WAVE_COLUMNS,
                with_trace("survey_frame_coverage", waves.get(key, [])),
                shown=12,
            ),
        )
        drawn = _turned_away(programme, frames.get(key, []))
        sections.append(Section(programme, spoken(programme), _told(months), drawn, tables, programme=programme))
    return Page(
        "quarantine",
        "Quarantine",
        "Was everybody left in peace as promised, and whom did that leave out?",
        "Each candidate of each wave is kept with the outcome. Customers in quarantine are uncovered population: reported here, and never"
        " weighted away."
        if sections
        else "No wave of ours was drawn, and no invitation is known.",
        tuple(sections),
    )


def _told(months: list[Row]) -> str:
    if not months or months[0]["period_grain"] != "rolling_90_days" or not months[0]["quarantined_sends"]:
        return "No invitation of the last 90 days was under a quarantine of ours."
    sends, breaches = (written(months[0][name], "count") for name in ("quarantined_sends", "quarantine_breaches"))
    broken = "; ".join(f"{title.lower()} {months[0][name]:,}" for name, title in BREACHES.items() if months[0][name])
    return f"Of {sends} invitations of the last 90 days {breaches} came too early{f': {broken}' if broken else ''}."


def _turned_away(programme: str, found: list[Row]) -> tuple[Picture, ...]:
    if not found:
        return ()
    drawn = [{"label": spoken(row["reason"]), "value": row["candidates"]} for row in found]
    told = "; ".join(f"{row['label']} {row['value']:,}" for row in drawn)
    return (pictures.bars(drawn, f"{spoken(programme)}: candidates of the last 90 days, and what became of them", told),)
