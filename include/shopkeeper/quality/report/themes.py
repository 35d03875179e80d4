"""What customers write about: audited counts of themes, what is new, how well the patterns read, and what nobody has named yet."""

from __future__ import annotations

import sqlalchemy as sa

from shopkeeper.quality.report import pictures
from shopkeeper.quality.report.layout import Column, Names, Page, Picture, Row, Section, Table, by, metric_name, spoken, written
from shopkeeper.quality.report.reading import has_rows, rows
from shopkeeper.quality.report.tracing import traced, with_trace

NOW = """
select *
from theme_trends
where
    period_grain = 'rolling_90_days'
    and dimension in ('all', 'segment', 'region', 'product', 'interaction_type', 'outcome', 'resolution_band')
    and period_ends_on = (select max(period_ends_on) from theme_trends where period_grain = 'rolling_90_days')
order by metric <> 'nps', programme, metric, dimension <> 'all', dimension, dimension_value, mentions desc, theme
"""

MONTHS = """
select programme, metric, theme, theme_name, period_starts_on, share, share_low, share_high
from theme_trends
where period_grain = 'month' and dimension = 'all'
order by programme, metric, theme, period_starts_on
"""

EMERGING = """
select *
from theme_trends
where is_emerging
order by metric <> 'nps', programme, metric, q_value, mentions desc, dimension <> 'all', dimension, dimension_value, theme
"""

QUALITY = "select * from theme_quality order by theme <> 'all', label_set <> 'own', label_set, language, theme_name"

DISCOVERED = "select * from discovered_themes order by comments desc, language, place"

MOST = 16  # themes on one picture
LINES = 4  # themes over time on one picture
FEWEST_MONTHS = 3

THEME_COLUMNS = (
    Column("theme_name", "Theme"),
    Column("parent_name", "Part of"),
    Column("mentions", "Mentions", "count"),
    Column("comments", "Of comments", "count"),
    Column("share", "%", "points"),
    Column("share_low", "Low", "points"),
    Column("share_high", "High", "points"),
    Column("share_before", "90 days before", "points"),
    Column("change", "Change", "change"),
    Column("change_low", "Low", "change"),
    Column("change_high", "High", "change"),
    Column("nps", "Score of those who mention it", "points"),
    Column("nps_low", "Low", "points"),
    Column("nps_high", "High", "points"),
    Column("sentiment", "Sentiment of English ones, −1 to 1", "number"),
    Column("sentiment_n", "English ones", "count"),
)
EMERGING_COLUMNS = (
    Column("theme_name", "Theme"),
    Column("where_name", "Where"),
    Column("programme", "Programme", "code"),
    Column("mentions", "Mentions in 28 days", "count"),
    Column("comments", "Of comments", "count"),
    Column("share", "%", "points"),
    Column("share_before", "% in the 336 days before", "points"),
    Column("q_value", "q", "p"),
    Column("example", "Newest answer", "code"),
)
QUALITY_COLUMNS = (
    Column("theme_name", "Theme"),
    Column("label_set", "Labelled set"),
    Column("language", "Language"),
    Column("n", "Texts", "count"),
    Column("labelled", "A reader finds", "count"),
    Column("found", "Patterns find", "count"),
    Column("precision_share", "Precision, %", "points"),
    Column("precision_low", "Low", "points"),
    Column("precision_high", "High", "points"),
    Column("recall_share", "Recall, %", "points"),
    Column("recall_low", "Low", "points"),
    Column("recall_high", "High", "points"),
)
DISCOVERED_COLUMNS = (
    Column("label", "Words that set the group apart", "words"),
    Column("language", "Language"),
    Column("comments", "Comments", "count"),
    Column("share", "% of those without a theme", "points"),
    Column("product", "Product that stands out"),
    Column("nps", "Their score", "points"),
    Column("nps_low", "Low", "points"),
    Column("nps_high", "High", "points"),
)


def page(connection: sa.Connection, names: Names) -> Page | None:
    if not any(has_rows(connection, mart) for mart in ("theme_trends", "discovered_themes")):
        return None
    called = {row["theme"]: row["theme_name"] for row in rows(connection, "select distinct theme, theme_name from theme_trends")}
    now = by([_named(row, called, names) for row in rows(connection, NOW)], "programme", "metric")
    months = by(rows(connection, MONTHS), "programme", "metric")
    emerging = [_named(row, called, names) for row in rows(connection, EMERGING)]
    sections = [_emerging(emerging)] if now else []
    sections += [_programme(key[0], key[1], found, months.get(key, [])) for key, found in now.items()]
    sections += [_quality(rows(connection, QUALITY)), _discovered(rows(connection, DISCOVERED), names)]
    return Page(
        "themes",
        "Themes",
        "What do they write about?",
        "Words are read by the patterns of themes.yml, which people review, in the language of each answer. Who writes nothing, or in a"
        " language that a theme has no patterns for, is in none of its counts. The score of those who mention a theme is no effect of the"
        " theme.",
        tuple(section for section in sections if section.tables or section.empty),
    )


def _named(row: Row, called: dict[str, str], names: Names) -> Row:
    value = names.get((row["dimension"], row["dimension_value"]), row["dimension_value"])
    where = "everywhere" if row["dimension"] == "all" else f"{spoken(row['dimension'])} {value}"
    examples = (row["example_response_ids"] or "").split(",")
    return row | {"parent_name": called.get(row["parent_theme"]), "where_name": where, "example": examples[0] or None}


def _emerging(found: list[Row]) -> Section:
    told = "; ".join(dict.fromkeys(f"{row['theme_name']}" for row in found))
    text = f"{told}. A reason to read the newest answers, by their ids." if found else ""
    traced_rows = [row | {"trace": traced("fct_survey_responses", {"response_id": row["example"]})} for row in found]
    note = (
        "The newest 28 days against the 336 before, the usual ups and downs of each theme allowed for, over all themes and cells of the run"
        " (Benjamini–Hochberg, q of 0.05 / 12: of twenty quiet years about one would name anything)."
    )
    table = Table("themes_emerging", "What is new", EMERGING_COLUMNS, traced_rows, 12, note)
    return Section(
        "emerging", "Emerging", text, (), (table,), empty="Nothing: no theme is mentioned more in the newest 28 days than before."
    )


def _programme(programme: str, metric: str, found: list[Row], months: list[Row]) -> Section:
    overall = [row for row in found if row["dimension"] == "all"]
    suffix, title = f"{programme}_{metric}", f"{spoken(programme)}, {metric_name(metric)}"
    parts = [row for row in found if row["dimension"] != "all" and row["reporting"] != "hidden"]
    tables = (
        Table(f"themes_{suffix}", "Themes, the last 90 days", THEME_COLUMNS, with_trace("theme_trends", overall), shown=24),
        Table(
            f"themes_by_{suffix}",
            "The same by product, segment, region and what happened",
            (Column("where_name", "Where"), *THEME_COLUMNS),
            with_trace("theme_trends", sorted(parts, key=lambda row: (-row["mentions"], row["theme"], row["where_name"]))),
            shown=10,
        ),
    )
    moved = [row for row in overall if row["change_low"] is not None and (row["change_low"] > 0 or row["change_high"] < 0)]
    told = "; ".join(f"{row['theme_name']} {written(row['change'], 'change')} points" for row in moved)
    text = f"{overall[0]['comments'] if overall else 0:,} answers in words. " + (
        f"Against the 90 days before: {told}. Of twenty themes that did not move, one seems to."
        if moved
        else "No theme moved by more than chance."
    )
    drawn = tuple(one for one in (_shares(title, overall), _scores(title, overall), _over_time(title, overall, months)) if one)
    return Section(f"{programme}-{metric}", title, text, drawn, tables, programme=programme)


def _shares(title: str, overall: list[Row]) -> Picture | None:
    known = [row for row in overall if row["share"] is not None and row["mentions"]]
    drawn = [
        {
            "label": row["theme_name"],
            "score": row["share"],
            "low": row["share_low"],
            "high": row["share_high"],
            "beside": row["share_before"],
        }
        for row in known[:MOST]
    ]
    if len(drawn) < 2:
        return None
    told = "; ".join(f"{row['label']} {written(row['score'], 'points')} %" for row in drawn[:6])
    before = " (90 days before: square)" if any(row["beside"] is not None for row in drawn) else ""
    return pictures.side_by_side(drawn, f"{title}: mentioned by so many of those who write, %{before}", told)


def _scores(title: str, overall: list[Row]) -> Picture | None:
    known = sorted((row for row in overall if row["nps"] is not None), key=lambda row: (row["nps"], row["theme"]))
    drawn = [{"label": row["theme_name"], "score": row["nps"], "low": row["nps_low"], "high": row["nps_high"]} for row in known[:MOST]]
    if len(drawn) < 2:
        return None
    told = "; ".join(f"{row['label']} {written(row['score'], 'points')}" for row in drawn[:6])
    return pictures.side_by_side(drawn, f"{title}: score of those who mention it", told)


def _over_time(title: str, overall: list[Row], months: list[Row]) -> Picture | None:
    """Months of the most frequent themes that are no sum of others."""
    sums = {row["parent_theme"] for row in overall}
    chosen = [row["theme"] for row in overall if row["theme"] not in sums and row["mentions"]][:LINES]
    drawn = [
        {
            "day": row["period_starts_on"],
            "series": row["theme_name"],
            "score": row["share"],
            "low": row["share_low"],
            "high": row["share_high"],
            "reporting": "reportable",
            "is_break": False,
        }
        for theme in chosen
        for row in months
        if row["theme"] == theme
    ]
    if len({row["day"] for row in drawn if row["score"] is not None}) < FEWEST_MONTHS:
        return None
    told = f"months of {', '.join(dict.fromkeys(row['series'] for row in drawn))}"
    return pictures.over_time(drawn, f"{title}: mentions by month, %", told)


def _quality(found: list[Row]) -> Section:
    table = Table(
        "theme_quality",
        "Patterns against readers",
        QUALITY_COLUMNS,
        [row | {"trace": traced("theme_quality", row)} for row in found],
        shown=max(6, sum(row["theme"] == "all" for row in found)),
        note="Of what the patterns find, precision is what a reader finds too; of what a reader finds, recall is what they find. Sets of"
        " invented sentences are kinder than customers: ./shopkeeper label makes one of your own answers.",
    )
    return Section(
        "quality", "How well the patterns read", "", (), (table,), empty="No text is labelled: nobody knows how good these counts are."
    )


def _discovered(found: list[Row], names: Names) -> Section:
    shown = [
        row
        | {
            "product": names.get(("product", row["product_id"]), row["product_id"]),
            "trace": traced("fct_survey_responses", {"response_id": row["example_response_ids"].split(",")[0]}),
        }
        for row in found
    ]
    table = Table(
        "themes_discovered",
        "Groups of comments that no theme explains",
        DISCOVERED_COLUMNS,
        shown,
        shown=16,
        note="For a person to read and to name in themes.yml, never for counting: another month gives other groups.",
    )
    return Section("discovered", "What nobody has named yet", "", (), (table,), empty="Too few comments are without a theme.")
