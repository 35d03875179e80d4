"""Why customers feel so: what goes with more promoters and detractors, all else alike, and from when on waiting hurts."""

from __future__ import annotations

import sqlalchemy as sa

from shopkeeper.quality.report import pictures
from shopkeeper.quality.report.layout import Column, Names, Page, Picture, Row, Section, Table, by, metric_name, spoken, written
from shopkeeper.quality.report.reading import has_rows, rows
from shopkeeper.quality.report.tracing import with_trace

EFFECTS = """
select *
from driver_effects
order by
    metric <> 'nps', programme, metric, dimension <> 'all', dimension, dimension_value, kind = 'said', importance desc nulls last, driver,
    level_place
"""

CURVES = (
    "select * from driver_curves order by metric <> 'nps', programme, metric, dimension <> 'all', dimension, dimension_value, bucket_place"
)

KINDS = {"customer": "who answers", "experience": "what happened", "said": "what they say"}
MOST = 14  # drivers or levels on one picture

EFFECT_COLUMNS = (
    Column("driver_name", "Driver", "code"),
    Column("level", "Level", "code"),
    Column("kind_name", "Is", "code"),
    Column("responses_at_level", "Answers", "count"),
    Column("promoters_if_all", "Promoters if all", "change"),
    Column("promoters_if_all_low", "Low", "change"),
    Column("promoters_if_all_high", "High", "change"),
    Column("detractors_if_all", "Detractors if all", "change"),
    Column("detractors_if_all_low", "Low", "change"),
    Column("detractors_if_all_high", "High", "change"),
    Column("reference_level", "Compared with", "code"),
    Column("nps_effect", "Score against it", "change"),
    Column("nps_effect_low", "Low", "change"),
    Column("nps_effect_high", "High", "change"),
    Column("q", "q", "p"),
    Column("importance", "Part of what is explained", "share"),
    Column("importance_low", "Low", "share"),
    Column("importance_high", "High", "share"),
    Column("responses", "Answers in all", "count"),
)
CURVE_COLUMNS = (
    Column("bucket", "Waited"),
    Column("among", "Among"),
    Column("responses_in_bucket", "Answers", "count"),
    Column("nps", "Score as answered", "points"),
    Column("nps_low", "Low", "points"),
    Column("nps_high", "High", "points"),
    Column("promoter_effect", "Promoters, all else alike", "change"),
    Column("promoter_effect_low", "Low", "change"),
    Column("promoter_effect_high", "High", "change"),
    Column("detractor_effect", "Detractors, all else alike", "change"),
    Column("detractor_effect_low", "Low", "change"),
    Column("detractor_effect_high", "High", "change"),
    Column("p", "p", "p"),
    Column("is_threshold", "Hurts from here", "flag"),
)
IF_ALL = (
    "Promoters if all: how their share among all these answers would differ, had every one been at this level, everything else as it is, in"
    " points. A large effect on few answers brings little."
)
WARNING = (
    "Association: what goes with more promoters among answers that are alike in everything else on record. It is what a change would bring"
    " only if nothing that matters is missing from the record. Before money is spent, try it on some and not on others."
)


def page(connection: sa.Connection, names: Names) -> Page | None:
    if not has_rows(connection, "driver_effects"):
        return None
    effects = by([_named(row, names) for row in rows(connection, EFFECTS)], "programme", "metric")
    curves = by([row | {"among": _among(row, names)} for row in rows(connection, CURVES)], "programme", "metric")
    sections = [_section(key[0], key[1], found, curves.get(key, [])) for key, found in effects.items()]
    return Page("drivers", "Why", "Why do customers feel so?", WARNING, tuple(sections))


def _among(row: Row, names: Names) -> str:
    value = names.get((row["dimension"], row["dimension_value"]), row["dimension_value"])
    return "everybody" if row["dimension"] == "all" else f"{spoken(row['dimension'])} {value}"


def _named(row: Row, names: Names) -> Row:
    return row | {"driver_name": spoken(row["driver"]), "kind_name": KINDS.get(row["kind"], row["kind"]), "among": _among(row, names)}


def _section(programme: str, metric: str, effects: list[Row], curves: list[Row]) -> Section:
    suffix = f"{programme}_{metric}"
    overall = [row for row in effects if row["dimension"] == "all"]
    usable, refused = ([row for row in overall if row["is_usable"] is said] for said in (True, False))
    others = [row for row in effects if row["dimension"] != "all" and row["is_usable"]]
    tables = (
        Table(
            f"drivers_{suffix}",
            "What goes with more promoters and detractors",
            EFFECT_COLUMNS,
            with_trace("driver_effects", usable),
            24,
            IF_ALL,
        ),
        Table(
            f"drivers_among_{suffix}",
            "The same within segments and types of interaction",
            (Column("among", "Among"), *EFFECT_COLUMNS),
            with_trace("driver_effects", others),
            shown=12,
        ),
        Table(f"waiting_{suffix}", "Days to resolution", CURVE_COLUMNS, with_trace("driver_curves", curves), shown=24),
        Table(
            f"drivers_unsaid_{suffix}",
            "Of what nothing is said, and why",
            (
                Column("driver_name", "Driver"),
                Column("level", "Level"),
                Column("among", "Among"),
                Column("responses_at_level", "Answers", "count"),
                Column("verdict", "Why", "words"),
            ),
            with_trace("driver_effects", [row for row in effects if not row["is_usable"]]),
            shown=8,
        ),
    )
    title = f"{spoken(programme)}, {metric_name(metric)}"
    drawn = (_importance(title, usable), _gain(title, usable), *_waiting(title, curves))
    return Section(
        f"{programme}-{metric}", title, _told(usable, refused, curves), tuple(one for one in drawn if one), tables, programme=programme
    )


def _told(usable: list[Row], refused: list[Row], curves: list[Row]) -> str:
    if not usable:
        return f"Nothing can be said: {refused[0]['verdict']}." if refused else ""
    told = []
    for said in (False, True):
        model = [row for row in usable if (row["kind"] == "said") is said and row["explained_share"] is not None]
        if model:
            what = "with what else they say" if said else "who they are and what happened to them"
            told.append(f"{what}: {written(model[0]['explained_share'], 'share')} of the score among {model[0]['responses']:,} answers")
    explained = f"Explained by {'; '.join(told)}." if told else ""
    hurts = [row for row in curves if row["is_threshold"]]
    waiting = "; ".join(f"{row['among']}: from {row['bucket']}" for row in hurts)
    unhurt = "No wait can be told to hurt from these answers." if curves and not hurts else ""
    return " ".join(part for part in (explained, f"Waiting starts to hurt, {waiting}." if hurts else unhurt) if part)


def _importance(title: str, usable: list[Row]) -> Picture | None:
    """Of what happened and who they are; what they say in the same answer is of a model of its own."""
    drivers = {row["driver"]: row for row in usable if row["kind"] != "said" and row["importance"] is not None}
    drawn = [
        {
            "label": row["driver_name"],
            **{name: 100 * row[f"importance{end}"] for name, end in (("score", ""), ("low", "_low"), ("high", "_high"))},
        }
        for row in list(drivers.values())[:MOST]
        if row["importance_low"] is not None
    ]
    if len(drawn) < 2:
        return None
    told = "; ".join(f"{row['label']} {written(row['score'], 'points')} %" for row in drawn[:5])
    return pictures.side_by_side(drawn, f"{title}: part of what is explained, %", told)


def _gain(title: str, usable: list[Row]) -> Picture | None:
    """Levels of what can be changed that would surely bring promoters, had everybody been at them."""
    gains = [row for row in usable if row["kind"] != "customer" and (row["promoters_if_all_low"] or 0) > 0]
    gains.sort(key=lambda row: (-row["promoters_if_all"], row["driver"], row["level_place"]))
    drawn = [
        {
            "label": f"{row['driver_name']}: {row['level']}",
            "score": row["promoters_if_all"],
            "low": row["promoters_if_all_low"],
            "high": row["promoters_if_all_high"],
            "beside": row["detractors_if_all"],
        }
        for row in gains[:MOST]
    ]
    if not drawn:
        return None
    told = "; ".join(f"{row['label']} {written(row['score'], 'change')}" for row in drawn[:5])
    return pictures.side_by_side(drawn, f"{title}: had all been so, promoters (dot) and detractors (square), points", told, 0)


def _waiting(title: str, curves: list[Row]) -> list[Picture]:
    """Shares of promoters by days to resolution against the fastest, all else alike: of everybody, and of the type with most to show."""
    drawn = []
    for (among,), found in list(by(curves, "among").items())[:3]:
        known = [row for row in found if row["promoter_effect"] is not None]
        if len(known) < 2:
            continue
        lines = [
            {
                "label": f"{row['bucket']}{' ← hurts' if row['is_threshold'] else ''}",
                "score": row["promoter_effect"],
                "low": row["promoter_effect_low"],
                "high": row["promoter_effect_high"],
            }
            for row in known
        ]
        told = "; ".join(f"{row['label']} {written(row['score'], 'change')}" for row in lines)
        drawn.append(pictures.side_by_side(lines, f"{title}, {among}: promoters by wait, against {found[0]['bucket']}, points", told, 0))
    return drawn
