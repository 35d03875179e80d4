"""What is aimed at and how likely it is met; what is being changed, in the order of what it is worth; and what came of it."""

from __future__ import annotations

import sqlalchemy as sa

from shopkeeper.quality.report import pictures
from shopkeeper.quality.report.layout import Column, Names, Page, Picture, Row, Section, Table, spoken, written
from shopkeeper.quality.report.reading import has_rows, rows
from shopkeeper.quality.report.tracing import with_trace

GOALS = """
select *
from goal_attainment
order by period_ends_on desc, period_starts_on, parent_goal_id is not null, goal_id
"""

INITIATIVES = "select * from initiative_priorities order by rank nulls last, initiative_id"

STATUS = {
    "not_started": "not started",
    "too_few": "too few answers",
    "likely": "likely to be met",
    "open": "open",
    "unlikely": "unlikely to be met",
    "met": "met",
    "missed": "missed",
}
JUDGED = ("likely", "open", "unlikely", "met", "missed")
STARTED = ("in_progress", "done", "verified")
MOST = 24

GOAL_COLUMNS = (
    Column("goal_id", "Goal", "code"),
    Column("cell", "For"),
    Column("period", "In", "code"),
    Column("target", "Target", "points"),
    Column("nps", "So far", "points"),
    Column("nps_low", "Low", "points"),
    Column("nps_high", "High", "points"),
    Column("responses", "Answers", "count"),
    Column("status_name", "Status", "code"),
    Column("probability_met", "Probability", "share"),
    Column("projected_nps", "At the end, modelled", "points"),
    Column("projected_low", "Low", "points"),
    Column("projected_high", "High", "points"),
    Column("programme", "Programme", "code"),
    Column("owner", "Owner"),
    Column("parent_goal_id", "Part of"),
    Column("children_imply", "Its parts imply", "points"),
    Column("is_consistent", "Parts agree", "flag"),
    Column("is_inside_parent", "Inside whole", "flag"),
)
INITIATIVE_COLUMNS = (
    Column("rank", "Rank", "count"),
    Column("title", "Initiative", "words"),
    Column("state", "State", "code"),
    Column("priority", "Priority", "number"),
    Column("customers_affected", "Customers", "count"),
    Column("value_per_customer", "× value of a moved one", "count"),
    Column("value_per_customer_low", "Low", "count"),
    Column("value_per_customer_high", "High", "count"),
    Column("confidence", "× confidence", "share"),
    Column("cost", "÷ cost", "count"),
    Column("cell", "About"),
    Column("owner", "Owner"),
    Column("due_on", "Due", "day"),
    Column("came_from", "Came from", "code"),
    Column("value_source", "The value is", "words"),
)
EFFECT_COLUMNS = (
    Column("title", "Initiative", "words"),
    Column("state", "State", "code"),
    Column("measure", "Measure, registered before the start", "words"),
    Column("measure_registered_at", "Registered", "day"),
    Column("started_on", "Started", "day"),
    Column("done_on", "Done", "day"),
    Column("effect", "Effect", "change"),
    Column("effect_low", "Low", "change"),
    Column("effect_high", "High", "change"),
    Column("treated_units", "Units", "count"),
    Column("comparable_units", "Compared with", "count"),
    Column("responses", "Answers", "count"),
    Column("placebo_p", "p, by dealing out anew", "p"),
    Column("effect_verdict", "Verdict", "words"),
)


def page(connection: sa.Connection, names: Names) -> Page | None:
    goals = [_goal(row, names) for row in rows(connection, GOALS)] if has_rows(connection, "goal_attainment") else []
    found = rows(connection, INITIATIVES) if has_rows(connection, "initiative_priorities") else []
    initiatives = [row | {"cell": _initiated(row, names)} for row in found]
    if not goals and not initiatives:
        return None
    return Page(
        "goals",
        "Goals and initiatives",
        "What is aimed at, what is done about it, and did it work?",
        "A target is a score of a group in a period. Its probability of being met reckons with the answers still to come, and with how such"
        " scores move from period to period by themselves. Effects compare with units alike before the start, on a measure registered"
        " before it.",
        tuple(section for section in (_goals(goals), _priorities(initiatives), _effects(initiatives)) if section),
    )


def _cell(row: Row, names: Names, *pairs: tuple[str, str]) -> str:
    named: list[str] = []
    for dimension, value in pairs:
        if row[dimension] and row[dimension] != "all":
            called = names.get((row[dimension], row[value]))
            named.append(called or f"{spoken(row[dimension])} {row[value]}")
    return ", ".join(named) or "everybody"


def _goal(row: Row, names: Names) -> Row:
    cell = _cell(row, names, ("dimension", "dimension_value"), ("second_dimension", "second_value"))
    return row | {"cell": cell, "period": _period(row), "status_name": STATUS.get(row["status"], spoken(row["status"]))}


def _period(row: Row) -> str:
    day = row["period_starts_on"]
    return {"month": f"{day:%b %Y}", "quarter": f"Q{(day.month + 2) // 3} {day.year}", "year": f"{day.year}"}.get(
        row["period_grain"], f"{day}"
    )


def _initiated(row: Row, names: Names) -> str:
    theme = f"theme {spoken(row['theme'])}" if row["theme"] else ""
    cell = _cell(row, names, ("dimension", "dimension_value"))
    return ", ".join(part for part in ("" if cell == "everybody" and theme else cell, theme) if part)


def _goals(goals: list[Row]) -> Section | None:
    if not goals:
        return None
    counted = {name: sum(row["status"] == status for row in goals) for status, name in STATUS.items()}
    told = ", ".join(f"{count} {name}" for name, count in counted.items() if count)
    broken = [row for row in goals if row["is_consistent"] is False]
    text = f"{len(goals)} goals: {told}."
    if broken:
        apart = "; ".join(
            f"{row['goal_id']}: {written(row['target'], 'points')}, its parts imply {written(row['children_imply'], 'points')}"
            for row in broken
        )
        text += f" Parts that do not add up to their whole: {apart}."
    table = Table("goals", "Goals", GOAL_COLUMNS, with_trace("goal_attainment", goals), shown=40)
    return Section("goals", "Goals", text, tuple(one for one in (_attained(goals),) if one), (table,))


def _attained(goals: list[Row]) -> Picture | None:
    """Goals that run and can be judged, or those that are over where none does: the score so far with its interval, and the target."""
    judged = [row for row in goals if row["status"] in JUDGED and row["nps"] is not None]
    running = [row for row in judged if row["probability_met"] is not None]
    shown = running or judged
    drawn = [
        {
            "label": row["goal_id"],
            "score": row["nps"],
            "low": row["nps_low"],
            "high": row["nps_high"],
            "beside": row["target"],
        }
        for row in shown[:MOST]
    ]
    if not drawn:
        return None
    told = "; ".join(f"{row['label']} {written(row['score'], 'points')}, target {written(row['beside'], 'points')}" for row in drawn[:6])
    return pictures.side_by_side(drawn, f"{'Goals that run' if running else 'Goals'}: score so far (dot) and target (square)", told)


def _priorities(initiatives: list[Row]) -> Section | None:
    if not initiatives:
        return None
    note = "Priority: customers affected × value of moving one × confidence ÷ cost. Amounts in the company's currency."
    table = Table("initiatives", "Initiatives by priority", INITIATIVE_COLUMNS, with_trace("initiative_priorities", initiatives), 24, note)
    running = sum(row["state"] in ("funded", "in_progress") for row in initiatives)
    waiting = sum(row["state"] == "proposed" for row in initiatives)
    return Section("initiatives", "Initiatives", f"{waiting} proposed, {running} funded or under way.", (), (table,))


def _effects(initiatives: list[Row]) -> Section | None:
    judged = [row for row in initiatives if row["state"] in STARTED or row["effect"] is not None]
    if not judged:
        return None
    known = [row for row in judged if row["effect"] is not None]
    drawn = [{"label": row["title"], "score": row["effect"], "low": row["effect_low"], "high": row["effect_high"]} for row in known[:MOST]]
    told = "; ".join(f"{row['label']} {written(row['score'], 'change')}" for row in drawn[:6])
    pictured = (
        (pictures.side_by_side(drawn, "Effect on the registered measure, against units alike before the start", told, 0),) if drawn else ()
    )
    table = Table("initiative_effects", "What came of them", EFFECT_COLUMNS, with_trace("initiative_priorities", judged), 24)
    text = "" if known else "Nothing can be told yet: the table says why."
    return Section("effects", "Did it work?", text, pictured, (table,))
