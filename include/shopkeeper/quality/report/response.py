"""Who was asked, who answered, and what became of the others."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from shopkeeper.quality.report import pictures
from shopkeeper.quality.report.flow import Flow, flow
from shopkeeper.quality.report.layout import Column, Names, Page, Picture, Row, Section, Table, by, spoken, written
from shopkeeper.quality.report.reading import rows
from shopkeeper.quality.report.tracing import traced, with_trace
from shopkeeper.survey.frame import REASONS

FLOW = """
select programme, period_starts_on, period_ends_on, from_step, to_step, invitations
from response_flow
where period_grain = 'rolling_90_days'
order by programme, from_step, invitations desc, to_step
"""

RATES = """
select *
from response_rates
where dimension = 'all'
order by programme, period_grain <> 'rolling_90_days', period_grain, period_starts_on desc
"""

BY_DIMENSION = """
select response_rates.*
from response_rates
where period_grain = 'rolling_90_days' and dimension <> 'all'
order by programme, dimension, dimension_value
"""

# How a way ends. A step that others follow is passed through; whoever is in neither was left in peace, or stayed silent.
KEPT, LOST = {"completed", "partial"}, {"refused", "unknown", "other", "not sent"}

FEWEST_MONTHS = 3  # of a line
SHOWN_REASONS = 3

COUNTS = (
    Column("invitations_sent", "Sent", "count"),
    Column("eligible", "Eligible", "count"),
    Column("completed", "Completed", "count"),
    Column("partial", "Partial", "count"),
    Column("refused", "Refused", "count"),
    Column("not_started", "Not started", "count"),
    Column("other", "Other", "count"),
    Column("unknown", "Unknown", "count"),
    Column("not_eligible", "Not eligible", "count"),
    Column("not_sent", "Not sent", "count"),
)
RATE_COLUMNS = (
    Column("rr1", "RR1", "share"),
    Column("completed_of_sent", "Completed of sent", "share"),
    Column("coverage", "Coverage", "share"),
    Column("is_mature", "Matured", "flag"),
    *(Column(f"rr{number}", f"RR{number}", "share") for number in range(2, 7)),
    Column("cooperation_rate", "Cooperation", "share"),
    Column("refusal_rate", "Refusal", "share"),
    Column("contact_rate", "Contact", "share"),
)


def page(connection: sa.Connection, names: Names) -> Page:
    flows = by(rows(connection, FLOW), "programme")
    rates = by(rows(connection, RATES), "programme")
    dimensions = by(rows(connection, BY_DIMENSION), "programme")
    sections = []
    for (programme,), found in rates.items():
        current = found[0]
        drawn = flows.get((programme,), [])
        text = (
            f"Of {written(current['invitations_sent'], 'count')} invitations whose time to be answered is over"
            f" {written(current['completed'], 'count')} were completed: response rate {written(current['rr1'], 'share')} (AAPOR RR1)."
            f" {_covered(current, drawn)}"
        )
        tables = (
            Table(
                f"response_rates_{programme}",
                f"{spoken(programme)}: response rates by period",
                (Column("period_grain", "Grain", "code"), Column("period_starts_on", "From", "day"), *RATE_COLUMNS, *COUNTS),
                with_trace("response_rates", found),
                shown=14,
            ),
            Table(
                f"response_rates_by_dimension_{programme}",
                f"{spoken(programme)}: the last 90 days by dimension",
                (Column("dimension", "Dimension", "code"), Column("value", "Value"), *RATE_COLUMNS, *COUNTS),
                [
                    row
                    | {
                        "trace": traced("response_rates", row),
                        "value": names.get((row["dimension"], row["dimension_value"]), row["dimension_value"]),
                    }
                    for row in dimensions.get((programme,), [])
                ],
                shown=20,
            ),
        )
        shown = tuple(picture for picture in (_way(programme, drawn), _by_month(programme, found)) if picture)
        sections.append(Section(programme, spoken(programme), text, shown, tables, programme=programme))
    return Page(
        "response",
        "Response",
        "Who was asked, who answered, and what became of the others?",
        "" if sections else "No invitation is known: nobody knows who was asked, nor how many answered.",
        tuple(sections),
    )


def stages(found: Sequence[Row]) -> list[list[str]]:
    """Steps by how many others come before them; one that a way begins with stands right before the step that follows it."""
    place: dict[str, int] = {}
    for _ in found:  # a way is never longer than there are links
        for row in found:
            place[row["to_step"]] = max(place.get(row["to_step"], 0), place.setdefault(row["from_step"], 0) + 1)
    reached = {row["to_step"] for row in found}
    for step in place.keys() - reached:
        place[step] = min(place[row["to_step"]] for row in found if row["from_step"] == step) - 1
    told = dict.fromkeys(step for row in found for step in (row["from_step"], row["to_step"]))
    return [[step for step in told if place[step] == number] for number in range(max(place.values(), default=-1) + 1)]


def _covered(current: Row, found: Sequence[Row]) -> str:
    """How much of the eligible base waves of ours could reach, and what kept them from the rest: most of it was asked not long before."""
    if current["coverage"] is None:
        return "No wave of ours drew them, so nobody knows whom they could have reached."
    lost = [row for row in found if row["from_step"] == "eligible" and row["to_step"] in REASONS]
    largest = sorted(lost, key=lambda row: -row["invitations"])[:SHOWN_REASONS]
    eligible, covered = (written(current[name], "count") for name in ("eligible", "covered"))
    told = f"Our own waves of these 90 days found {eligible} eligible and could ask {covered}: {written(current['coverage'], 'share')}."
    kept = "; ".join(f"{REASONS[row['to_step']]} ({row['invitations']:,})" for row in largest)
    return f"{told} What kept them from the others: {kept}." if kept else told


def _way(programme: str, found: Sequence[Row]) -> Picture | None:
    if not found:
        return None
    passed = {row["from_step"] for row in found}
    flows = [Flow(spoken(row["from_step"]), spoken(row["to_step"]), row["invitations"], _fate(row["to_step"], passed)) for row in found]
    told = "; ".join(f"{item.origin} to {item.target}: {item.count:,}" for item in flows)
    named = [[spoken(step) for step in stage] for stage in stages(found)]
    return flow(flows, named, f"{spoken(programme)}: from eligible to completed, 90 days", told)


def _fate(step: str, passed: set[str]) -> str:
    return "kept" if step in passed or step in KEPT else "lost" if step in LOST else "idle"


def _by_month(programme: str, found: Sequence[Row]) -> Picture | None:
    months = [row for row in found if row["period_grain"] == "month" and row["is_mature"] and row["rr1"] is not None]
    if len(months) < FEWEST_MONTHS:
        return None
    months.sort(key=lambda row: row["period_starts_on"])
    always = {"series": "response rate", "reporting": "reportable", "is_break": False}
    drawn = [{"day": row["period_starts_on"], **dict.fromkeys(("score", "low", "high"), 100 * row["rr1"]), **always} for row in months]
    ends = " to ".join(f"{written(row['rr1'], 'share')} in {row['period_starts_on']:%b %Y}" for row in (months[0], months[-1]))
    return pictures.over_time(drawn, f"{spoken(programme)}: response rate (RR1) by month of sending, %", f"{len(months)} months, {ends}")
