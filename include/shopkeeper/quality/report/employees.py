"""What our own people say of working here, as far as a group is large enough that nobody in it can be told apart.

Only what the mart shows is shown: hidden groups have no row here, no count and no name. Comments stay in the mart, because a report is
handed around.
"""

from __future__ import annotations

import sqlalchemy as sa

from shopkeeper.quality.report import pictures
from shopkeeper.quality.report.layout import Column, Names, Page, Picture, Row, Section, Table, by, metric_name, spoken, written
from shopkeeper.quality.report.reading import has_rows, rows
from shopkeeper.quality.report.tracing import with_trace

SHOWN = """
select *
from employee_nps
where reporting <> 'hidden'
order by
    programme, metric, period_starts_on desc, period, unit_kind <> 'everybody',
    case unit_kind when 'company' then 1 when 'region' then 2 when 'branch' then 3 else 4 end, org_unit_id
"""

HIDDEN = """
select programme, metric, period, count(*) as units, count(*) filter (where reporting = 'hidden') as hidden
from employee_nps
where org_unit_id is not null
group by programme, metric, period
"""

COLUMNS = (
    Column("unit", "Unit"),
    Column("unit_kind", "Kind", "code"),
    Column("period", "Survey"),
    Column("responses", "Answers", "count"),
    Column("nps", "Score", "points"),
    Column("nps_low", "Low", "points"),
    Column("nps_high", "High", "points"),
    Column("reporting", "Reporting", "code"),
)
DIMENSIONS = {"team": "team", "branch": "branch", "region": "org_region", "company": "company"}
PICTURED = ("everybody", "company", "region", "branch")
MOST = 30


def page(connection: sa.Connection, names: Names) -> Page | None:
    if not has_rows(connection, "employee_nps"):
        return None
    hidden = {(row["programme"], row["metric"], row["period"]): row for row in rows(connection, HIDDEN)}
    shown = [row | {"unit": _unit(row, names)} for row in rows(connection, SHOWN)]
    return Page(
        "employees",
        "Our own people",
        "What do our own people say of working here?",
        "A group is shown from five answers that are not all alike, and only if no smaller one can be found by subtracting those shown."
        " What is hidden has no row here. These are no scores of customers, and no unit should be ranked by them.",
        tuple(_section(key[0], key[1], found, hidden) for key, found in by(shown, "programme", "metric").items()),
    )


def _unit(row: Row, names: Names) -> str:
    unit = row["org_unit_id"]
    return "everybody" if unit is None else names.get((DIMENSIONS.get(row["unit_kind"], ""), unit), str(unit))


def _section(programme: str, metric: str, found: list[Row], hidden: dict[tuple[str, str, str], Row]) -> Section:
    newest = [row for row in found if row["period"] == found[0]["period"]]
    left_out = hidden.get((programme, metric, found[0]["period"]))
    text = f"The newest survey that is over: {found[0]['period']}."
    if left_out:
        text += f" Of {left_out['units']:,} units {left_out['hidden']:,} are hidden: too small, or needed to hide others."
    table = Table(f"employees_{programme}_{metric}", "By unit and survey", COLUMNS, with_trace("employee_nps", found), shown=20)
    title = f"{spoken(programme)}, {metric_name(metric)}"
    return Section(
        f"{programme}-{metric}", title, text, tuple(one for one in (_units(title, newest), _surveys(title, found)) if one), (table,)
    )


def _units(title: str, newest: list[Row]) -> Picture | None:
    drawn = [
        {"label": row["unit"], "score": row["nps"], "low": row["nps_low"], "high": row["nps_high"]}
        for row in newest
        if row["unit_kind"] in PICTURED
    ][:MOST]
    if len(drawn) < 2:
        return None
    everybody = next((float(row["nps"]) for row in newest if row["org_unit_id"] is None), None)
    told = "; ".join(f"{row['label']} {written(row['score'], 'points')}" for row in drawn[:6])
    return pictures.side_by_side(drawn, f"{title}: units of the newest survey that may be shown", told, everybody)


def _surveys(title: str, found: list[Row]) -> Picture | None:
    everybody = sorted((row for row in found if row["org_unit_id"] is None), key=lambda row: row["period_starts_on"])
    if len(everybody) < 2:
        return None
    drawn = [{"label": row["period"], "score": row["nps"], "low": row["nps_low"], "high": row["nps_high"]} for row in everybody]
    told = "; ".join(f"{row['label']} {written(row['score'], 'points')}" for row in drawn)
    return pictures.side_by_side(drawn, f"{title}: everybody, survey by survey", told)
