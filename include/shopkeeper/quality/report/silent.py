"""What those who are silent would say, by a model: on the last page, never beside what was measured, and only where the model may speak."""

from __future__ import annotations

import sqlalchemy as sa

from shopkeeper.quality.report import pictures
from shopkeeper.quality.report.layout import Column, Page, Picture, Row, Section, Table, by, metric_name, spoken, written
from shopkeeper.quality.report.reading import has_rows, rows
from shopkeeper.quality.report.tracing import with_trace

QUALITY = "select * from predicted_quality order by metric <> 'nps', programme, metric, not is_published, model"

# Bands keep their own order.
SCORES = """
select scores.*
from predicted_scores as scores
left join quality.bands
    on scores.dimension = bands.kind || '_band' and scores.dimension_value = bands.name
order by
    scores.metric <> 'nps', scores.programme, scores.metric, scores.dimension <> 'all', scores.dimension, bands.position,
    scores.dimension_value
"""

SCORE_COLUMNS = (
    Column("dimension", "Dimension", "code"),
    Column("dimension_value", "Value"),
    Column("silent_customers", "Silent customers", "count"),
    Column("predicted_nps", "Modelled score", "points"),
    Column("predicted_nps_low", "Low", "points"),
    Column("predicted_nps_high", "High", "points"),
    Column("predicted_promoter_share", "Modelled promoters, %", "points"),
    Column("predicted_detractor_share", "Modelled detractors, %", "points"),
    Column("held_out_responses", "Judged on answers", "count"),
    Column("reporting", "Reporting", "code"),
)
QUALITY_COLUMNS = (
    Column("model", "Model"),
    Column("verdict", "Verdict", "words"),
    Column("responses", "Answers", "count"),
    Column("n_train", "Fitted on", "count"),
    Column("n_calibration", "Calibrated on", "count"),
    Column("n_test", "Judged on", "count"),
    Column("test_starts_on", "Asked from", "day"),
    Column("brier", "Brier score", "p"),
    Column("prior_brier", "Without a model", "p"),
    Column("brier_gain", "Gain", "p"),
    Column("brier_gain_low", "Low", "p"),
    Column("brier_gain_high", "High", "p"),
    Column("calibration_error", "Calibration error", "p"),
    Column("reliability", "Reliability", "p"),
    Column("quadratic_kappa", "Quadratic kappa", "number"),
    Column("missed_by", "Missed the score by", "change"),
    Column("missed_by_low", "Low", "change"),
    Column("missed_by_high", "High", "change"),
)


def page(connection: sa.Connection) -> Page | None:
    if not has_rows(connection, "predicted_quality"):
        return None
    scores = by(rows(connection, SCORES), "programme", "metric")
    judged = by(rows(connection, QUALITY), "programme", "metric")
    return Page(
        "silent",
        "The silent (modelled)",
        "What would those who are silent say?",
        "Modelled, not measured: nobody said this. What is known of customers who did not answer, and what such customers answered, give"
        " each a chance of every band; a group's score is the mean of these, never a count of likeliest bands. It supposes that the silent"
        " are like those who answered and are alike in what is known. No score on any other page has any of it.",
        tuple(_section(key[0], key[1], found, scores.get(key, [])) for key, found in judged.items()),
    )


def _section(programme: str, metric: str, judged: list[Row], scores: list[Row]) -> Section:
    title, suffix = f"{spoken(programme)}, {metric_name(metric)}, modelled", f"{programme}_{metric}"
    drawn = (_groups(title, scores),)
    tables = (
        Table(f"silent_{suffix}", "Modelled scores of the silent", SCORE_COLUMNS, with_trace("predicted_scores", scores), shown=24),
        Table(
            f"silent_models_{suffix}",
            "How good the models are on the newest answers, which they have not seen",
            QUALITY_COLUMNS,
            with_trace("predicted_quality", judged),
            note="Brier score over three bands, 0 is best. Refused under 500 answers, and where a model may be no better than none.",
        ),
    )
    pictured = tuple(picture for picture in drawn if picture)
    return Section(f"{programme}-{metric}", title, _told(judged, scores), pictured, tables, programme=programme)


def _told(judged: list[Row], scores: list[Row]) -> str:
    published = next((row for row in judged if row["is_published"]), None)
    if published is None:
        return f"Nothing is predicted. {judged[0]['verdict'][:1].upper()}{judged[0]['verdict'][1:]}."
    told = f"Of {published['silent_customers']:,} silent customers, by {published['model']}"
    overall = next((row for row in scores if row["dimension"] == "all" and row["predicted_nps"] is not None), None)
    if overall:
        low, high = (written(overall[name], "points") for name in ("predicted_nps_low", "predicted_nps_high"))
        told += f": {written(overall['predicted_nps'], 'points')} ({low} to {high})"
    missed = written(published["missed_by"], "change")
    return f"{told}. On the newest {published['n_test']:,} answers the model missed the score by {missed} points."


def _label(row: Row) -> str:
    if row["dimension"].endswith("_band"):  # low and high say nothing by themselves
        return f"{spoken(row['dimension'].removesuffix('_band'))}: {row['dimension_value']}"
    return "all" if row["dimension"] == "all" else str(row["dimension_value"])


def _groups(title: str, scores: list[Row]) -> Picture | None:
    shown = [row for row in scores if row["predicted_nps"] is not None]
    drawn = [
        {
            "label": _label(row),
            "score": row["predicted_nps"],
            "low": row["predicted_nps_low"],
            "high": row["predicted_nps_high"],
        }
        for row in shown
    ]
    if len(drawn) < 2:
        return None
    told = "; ".join(f"{row['label']} {written(row['score'], 'points')}" for row in drawn[:6])
    return pictures.side_by_side(drawn, f"{title}: scores that the silent would give", told)
