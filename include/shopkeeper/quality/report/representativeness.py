"""Whom the answers speak for: those who answered beside those who were to be asked."""

from __future__ import annotations

import sqlalchemy as sa

from shopkeeper.quality.report import pictures
from shopkeeper.quality.report.layout import Column, Page, Picture, Row, Section, Table, by, spoken, written
from shopkeeper.quality.report.reading import rows
from shopkeeper.quality.report.tracing import with_trace

# The newest wave of each programme that has an R-indicator, with all its variables.
NEWEST = """
with

judged as (
    select programme, wave, row_number() over (partition by programme order by wave desc) as place
    from representativeness
    where variable = 'all'
)

select representativeness.*
from representativeness
inner join judged
    on representativeness.programme = judged.programme and representativeness.wave = judged.wave
left join quality.bands
    on representativeness.variable = bands.kind || '_band' and representativeness.category = bands.name
where judged.place = 1
order by representativeness.programme, representativeness.variable, bands.position, representativeness.category
"""

WAVES = "select * from representativeness where variable = 'all' order by programme, wave desc"

WEIGHTINGS = "select * from survey_weightings order by programme, invited_from desc, wave"

SENSITIVITY = "select * from sensitivity_bands order by metric <> 'nps', programme, metric"

PHONE = "select * from phone_follow_ups order by programme, wave_as_of_on desc, wave"

PHONE_COLUMNS = (
    Column("wave", "Wave"),
    Column("invited", "Invited", "count"),
    Column("answered", "Answered", "count"),
    Column("silent", "Silent", "count"),
    Column("tried", "Called", "count"),
    Column("reached", "Reached", "count"),
    Column("nps_answered", "Of those who answered", "points"),
    Column("nps_answered_low", "Low", "points"),
    Column("nps_answered_high", "High", "points"),
    Column("nps_silent", "Of the silent", "points"),
    Column("nps_silent_low", "Low", "points"),
    Column("nps_silent_high", "High", "points"),
    Column("nps", "Of all invited", "points"),
    Column("nps_low", "Low", "points"),
    Column("nps_high", "High", "points"),
    Column("gap", "Gap", "change"),
    Column("gap_p", "p", "p"),
)
MARKS = (("frame_share", "in the frame"), ("respondent_share", "answered"), ("weighted_share", "weighted"))


def page(connection: sa.Connection) -> Page:
    waves, newest = by(rows(connection, WAVES), "programme"), by(rows(connection, NEWEST), "programme")
    weightings, bands = by(rows(connection, WEIGHTINGS), "programme"), by(rows(connection, SENSITIVITY), "programme")
    sections = [
        _programme(programme, found, newest.get((programme,), []), weightings.get((programme,), []), bands.get((programme,), []))
        for (programme,), found in waves.items()
    ]
    sections += [_called(programme, found) for (programme,), found in by(rows(connection, PHONE), "programme").items()]
    return Page(
        "representativeness",
        "Representativeness",
        "Whom do the answers speak for?",
        "An R-indicator of 1 means that everybody was equally likely to answer, as far as these variables tell. None of them says whether"
        " answering hangs on the score itself: for that there is the sensitivity band."
        if sections
        else "No frame is known, so nobody can say whom the answers speak for.",
        tuple(sections),
    )


def _programme(programme: str, waves: list[Row], newest: list[Row], weightings: list[Row], bands: list[Row]) -> Section:
    overall = waves[0]
    text = (
        f"Wave {overall['wave']}: R-indicator {written(overall['r_indicator'], 'number')}"
        f" ({written(overall['r_low'], 'number')} to {written(overall['r_high'], 'number')});"
        f" through these variables the score can be off by at most {written(overall['bias_bound'], 'points')} points."
    )
    variables = by([row for row in newest if row["variable"] not in ("all", "early_late")], "variable")
    drawn = tuple(_shares(programme, variable, found) for (variable,), found in variables.items())
    tables = (
        Table(
            f"representativeness_{programme}",
            f"{spoken(programme)}: frame and respondents, wave {overall['wave']}",
            (
                Column("variable", "Variable", "code"),
                Column("category", "Category"),
                Column("frame_share", "In the frame", "share"),
                Column("respondent_share", "Among those who answered", "share"),
                Column("weighted_share", "Weighted", "share"),
                Column("response_propensity", "Answered", "share"),
                Column("partial_r", "Partial R", "number"),
            ),
            with_trace("representativeness", [row for found in variables.values() for row in found]),
        ),
        Table(
            f"r_indicators_{programme}",
            f"{spoken(programme)}: R-indicator by wave",
            (
                Column("wave", "Wave"),
                Column("r_indicator", "R-indicator", "number"),
                Column("r_low", "Low", "number"),
                Column("r_high", "High", "number"),
                Column("bias_bound", "Bias at most, points", "points"),
            ),
            with_trace("representativeness", waves),
            shown=12,
        ),
        Table(
            f"early_late_{programme}",
            f"{spoken(programme)}: early against late answers",
            (Column("category", "Compared"), Column("gap", "Gap, points", "change"), Column("z", "z", "number"), Column("p", "p", "p")),
            with_trace("representativeness", [row for row in newest if row["variable"] == "early_late"]),
        ),
        Table(
            f"weightings_{programme}",
            f"{spoken(programme)}: weights by wave",
            (
                Column("wave", "Wave"),
                Column("method", "Method", "code"),
                Column("margins", "Margins"),
                Column("invited", "Invited", "count"),
                Column("answers", "Answers", "count"),
                Column("is_converged", "Converged", "flag"),
                Column("trimmed", "Trimmed", "count"),
                Column("design_effect", "Design effect", "number"),
                Column("n_effective", "Effective n", "count"),
                Column("crossings_differ", "Crossings differ", "flag"),
                Column("warnings", "Warnings", "words"),
            ),
            with_trace("survey_weightings", weightings),
            shown=12,
        ),
        Table(
            f"sensitivity_{programme}",
            f"{spoken(programme)}: if answering hangs on the score",
            (
                Column("metric", "Metric"),
                Column("nps_weighted", "Weighted", "points"),
                Column("answering_from", "Detractors answer, per promoter: from", "number"),
                Column("nps_low_end", "Score there", "points"),
                Column("nps_low_end_low", "At the lowest", "points"),
                Column("answering_to", "to", "number"),
                Column("nps_high_end", "Score there", "points"),
                Column("nps_high_end_high", "At the highest", "points"),
                Column("tipping_ratio", "Tipping ratio", "number"),
                Column("sign_flips", "Sign flips", "flag"),
                Column("goal_flips", "Goal flips", "flag"),
            ),
            with_trace("sensitivity_bands", bands),
        ),
    )
    return Section(programme, spoken(programme), text, drawn, tables, programme=programme)


def _called(programme: str, found: list[Row]) -> Section:
    """What calls to some of those who did not answer told, wave by wave."""
    newest = found[0]
    text = (
        f"Of {written(newest['silent'], 'count')} silent customers of wave {newest['wave']} {newest['tried']:,} were called and"
        f" {newest['reached']:,} reached. They say {written(newest['nps_silent'], 'points')}, those who answered by themselves"
        f" {written(newest['nps_answered'], 'points')}; all whom the wave speaks for {written(newest['nps'], 'points')}"
        f" ({written(newest['nps_low'], 'points')} to {written(newest['nps_high'], 'points')})."
    )
    table = Table(f"phone_follow_ups_{programme}", "Calls to the silent, by wave", PHONE_COLUMNS, with_trace("phone_follow_ups", found), 12)
    return Section(f"{programme}-calls", f"{spoken(programme)}: calls to the silent", text, (), (table,), programme=programme)


def _shares(programme: str, variable: str, found: list[Row]) -> Picture:
    drawn = [row | {"label": row["category"]} for row in found]
    furthest = max(found, key=lambda row: abs((row["respondent_share"] or 0) - (row["frame_share"] or 0)))
    told = (
        f"furthest apart: {furthest['category']}, {written(furthest['frame_share'], 'share')} of the frame and"
        f" {written(furthest['respondent_share'], 'share')} of those who answered"
    )
    return pictures.dumbbell(drawn, f"{spoken(programme)}: {spoken(variable)}", told, MARKS)
