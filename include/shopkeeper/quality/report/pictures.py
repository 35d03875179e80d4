"""The report's pictures of scores: over time, in control, side by side, between units, and whom they speak for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from shopkeeper.quality.report import drawing
from shopkeeper.quality.report.drawing import BLUE, FAINT, IDLE, INK, ORANGE, PAPER, SKY, epoch, values
from shopkeeper.quality.report.layout import Kind, Picture, Row, written

SERIES = (BLUE, ORANGE, drawing.GREEN, drawing.PURPLE, drawing.AMBER)
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 4])
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross")
ROW = 22  # pixels of one line of a list


def _days() -> alt.X:
    axis = alt.Axis(format="%b %Y", title=None, grid=False, labelOverlap="greedy", labelSeparation=14, labelFlush=True, tickCount=6)
    return alt.X("day:T", scale=alt.Scale(type="utc", nice=False, padding=10), axis=axis)


def _points(field: str, rows: Sequence[Row], *names: str) -> alt.Y:
    """An axis of points that holds all of these columns, with a little room."""
    scale = alt.Scale(domain=list(_ends(rows, *names)), zero=False)
    return alt.Y(f"{field}:Q", scale=scale, axis=alt.Axis(title=None, tickCount=5, format="d"))


def _ends(rows: Sequence[Row], *names: str, room: float = 0.08) -> tuple[float, float]:
    found = [float(row[name]) for row in rows for name in names if row.get(name) is not None] or [0.0]
    lowest, highest = min(found), max(found)
    more = (highest - lowest) * room or 1.0
    return lowest - more, highest + more


def _names() -> alt.Y:
    """Rows by their label, in the order in which they come."""
    axis = alt.Axis(title=None, grid=False, labelLimit=165, labelColor=INK)
    return alt.Y("label:N", sort=alt.EncodingSortField("order", op="min"), axis=axis)


def _floats(row: Row, *names: str) -> dict[str, Any]:
    return {name: None if row.get(name) is None else float(row[name]) for name in names}


def over_time(rows: Sequence[Row], title: str, told: str) -> Picture:
    """Scores of periods as lines inside their intervals, one per `series`; where `is_break`, a line ends and a dashed one says so.

    Rows: day, series, score, low, high (points), reporting, is_break. A hidden score leaves a gap; an indicative one is hollow.
    """
    names = list(dict.fromkeys(row["series"] for row in rows))
    part = 0
    drawn: list[dict[str, Any]] = []
    for row in sorted(rows, key=lambda row: (names.index(row["series"]), row["day"])):
        begins = not drawn or drawn[-1]["series"] != row["series"] or row["is_break"] or row["score"] is None
        part += begins
        if row["score"] is not None:
            place = {"day": epoch(row["day"]), "series": row["series"], "part": part, "hollow": row["reporting"] != "reportable"}
            drawn.append(place | _floats(row, "score", "low", "high"))
    breaks = sorted({epoch(row["day"]) for row in rows if row["is_break"]})
    legend = alt.Legend() if len(names) > 1 else None
    colour = alt.Color("series:N", scale=alt.Scale(domain=names, range=list(SERIES)), legend=legend)
    dash = alt.StrokeDash("series:N", scale=alt.Scale(domain=names, range=list(DASHES)), legend=legend)
    shape = alt.Shape("series:N", scale=alt.Scale(domain=names, range=list(SHAPES)), legend=None)
    x, score = _days(), alt.Y("score:Q")
    base = alt.Chart(values(drawn))
    line = alt.Chart(values([{"day": day, "text": "method changed"} for day in breaks]))
    points = base.transform_filter("!datum.hollow"), base.transform_filter("datum.hollow")
    layers = (
        base.mark_area(opacity=0.16).encode(
            x=x, y=_points("low", drawn, "low", "high", "score"), y2=alt.Y2("high:Q"), color=colour, detail=alt.Detail("part:N")
        ),
        base.mark_line(strokeWidth=2).encode(x=x, y=score, color=colour, strokeDash=dash, detail=alt.Detail("part:N")),
        points[0].mark_point(filled=True, size=40, opacity=1).encode(x=x, y=score, color=colour, shape=shape),
        points[1].mark_point(fill=PAPER, size=40, strokeWidth=2, opacity=1).encode(x=x, y=score, stroke=colour, shape=shape),
        line.mark_rule(color=FAINT, strokeDash=[3, 3]).encode(x=x),
        line.mark_text(color=FAINT, align="right", dx=-5, dy=6, fontSize=11).encode(x=x, y=alt.value(0), text=alt.Text("text:N")),
    )
    return drawing.picture(title, told, alt.layer(*layers), 220)


def control(rows: Sequence[Row], title: str, told: str) -> Picture:
    """A control chart: value by period, centre line, limits as steps; a period with a signal is an orange diamond.

    Rows: day, value, centre, low, high (all × 100), signals, and phase: each has limits and a line of its own.
    """
    drawn = [
        _floats(row, "value", "centre", "low", "high") | {"day": epoch(row["day"]), "signal": bool(row["signals"]), "phase": row["phase"]}
        for row in rows
    ]
    x, base = _days(), alt.Chart(values(drawn))
    value, phase = alt.Y("value:Q"), alt.Detail("phase:N")
    limit: dict[str, Any] = {"color": FAINT, "strokeWidth": 1, "interpolate": "step"}
    layers = (
        base.mark_area(color=SKY, opacity=0.16, interpolate="step").encode(
            x=x, y=_points("low", drawn, "value", "low", "high"), y2=alt.Y2("high:Q"), detail=phase
        ),
        *(base.mark_line(strokeDash=[4, 3], **limit).encode(x=x, y=alt.Y(f"{name}:Q"), detail=phase) for name in ("low", "high")),
        base.mark_line(**limit).encode(x=x, y=alt.Y("centre:Q"), detail=phase),
        base.mark_line(color=BLUE, strokeWidth=1.6).encode(x=x, y=value, detail=phase),
        base.transform_filter("!datum.signal").mark_point(filled=True, color=BLUE, size=24, opacity=1).encode(x=x, y=value),
        base.transform_filter("datum.signal")
        .mark_point(filled=True, color=ORANGE, shape="diamond", size=110, opacity=1)
        .encode(x=x, y=value),
    )
    return drawing.picture(title, told, alt.layer(*layers), 190)


def side_by_side(rows: Sequence[Row], title: str, told: str, reference: float | None = None) -> Picture:
    """A row each with its interval; `beside`, where there is one, is a second value as a hollow square. `reference` is a dashed line.

    Rows: label, score (may be empty), low, high, beside (may be empty), in points.
    """
    drawn = [_floats(row, "score", "low", "high", "beside") | {"label": row["label"], "order": place} for place, row in enumerate(rows)]
    ends = _ends([*drawn, {"score": reference}], "score", "low", "high", "beside")
    x = alt.X("score:Q", scale=alt.Scale(domain=list(ends), zero=False), axis=alt.Axis(title=None, orient="top", tickCount=5, format="d"))
    y, base = _names(), alt.Chart(values(drawn))
    line = alt.Chart(values([] if reference is None else [{"at": reference}]))
    layers = (
        line.mark_rule(color=FAINT, strokeDash=[4, 3]).encode(x=alt.X("at:Q")),
        base.mark_rule(color=BLUE, strokeWidth=4, opacity=0.4, strokeCap="round").encode(x=alt.X("low:Q"), x2=alt.X2("high:Q"), y=y),
        base.transform_filter("isValid(datum.score)").mark_point(filled=True, color=BLUE, size=60, opacity=1).encode(x=x, y=y),
        base.transform_filter("isValid(datum.beside)")
        .mark_point(shape="square", color=ORANGE, size=46, strokeWidth=2, opacity=1)
        .encode(x=alt.X("beside:Q"), y=y),
    )
    return drawing.picture(title, told, alt.layer(*layers), 30 + ROW * max(1, len(drawn)))


def funnel(rows: Sequence[Row], title: str, told: str, reference: float) -> Picture:
    """Units by how many answers they have, inside limits that narrow with them. Those outside are diamonds; outside the far ones, filled.

    Rows are those of unit_comparisons, with label.
    """
    limits = ("funnel_low_95", "funnel_high_95", "funnel_low_998", "funnel_high_998")
    drawn = [
        _floats(row, "nps", *limits) | {"n": row["n"], "label": row["label"], "outside": row["outside"] or ""}
        for row in sorted(rows, key=lambda row: (row["n"], row["label"]))
    ]
    x = alt.X("n:Q", scale=alt.Scale(zero=False, nice=False, padding=14), axis=alt.Axis(title="answers", grid=False, tickCount=6))
    nps, base = alt.Y("nps:Q"), alt.Chart(values(drawn))
    line: dict[str, Any] = {"strokeWidth": 1, "color": FAINT}
    outside, far = "datum.outside != ''", "indexof(datum.outside, '99.8') >= 0"
    layers = (
        base.mark_area(color=SKY, opacity=0.14).encode(
            x=x, y=_points("funnel_low_95", drawn, "nps", *limits), y2=alt.Y2("funnel_high_95:Q")
        ),
        *(base.mark_line(**line).encode(x=x, y=alt.Y(f"{name}:Q")) for name in limits[:2]),
        *(base.mark_line(strokeDash=[4, 3], **line).encode(x=x, y=alt.Y(f"{name}:Q")) for name in limits[2:]),
        alt.Chart(values([{"at": reference}])).mark_rule(color=FAINT).encode(y=alt.Y("at:Q")),
        base.transform_filter(f"!({outside})").mark_point(filled=True, color=BLUE, size=40, opacity=0.9).encode(x=x, y=nps),
        base.transform_filter(outside)
        .mark_point(stroke=ORANGE, strokeWidth=2, shape="diamond", size=110, opacity=1)
        .encode(x=x, y=nps, fill=alt.condition(far, alt.value(ORANGE), alt.value(PAPER))),
        base.transform_filter(outside).mark_text(align="right", dx=-9, fontSize=11).encode(x=x, y=nps, text=alt.Text("label:N")),
    )
    return drawing.picture(title, told, alt.layer(*layers), 270)


def dumbbell(rows: Sequence[Row], title: str, told: str, marks: Sequence[tuple[str, str]]) -> Picture:
    """Up to three shares of a category beside each other. Rows: label, and the columns that `marks` names, with what each is called."""
    called = [name for _, name in marks]
    drawn = [
        {"label": row["label"], "order": place, "what": name, "share": float(row[column])}
        for place, row in enumerate(rows)
        for column, name in marks
        if row[column] is not None
    ]
    x = alt.X("share:Q", scale=alt.Scale(zero=True), axis=alt.Axis(title=None, orient="top", format="%", tickCount=5))
    y, base = _names(), alt.Chart(values(drawn))
    legend = alt.Legend(columns=len(called), symbolType="circle", columnPadding=18)
    colour = alt.Color("what:N", scale=alt.Scale(domain=called, range=[INK, ORANGE, BLUE]), legend=legend)
    shape = alt.Shape("what:N", scale=alt.Scale(domain=called, range=["diamond", "square", "circle"]), legend=legend)
    size = alt.Size("what:N", scale=alt.Scale(domain=called, range=[210, 70, 60]), legend=None)
    layers = (
        base.mark_rule(color=IDLE, strokeWidth=2).encode(x=alt.X("min(share):Q"), x2=alt.X2("max(share):Q"), y=y),
        # The first is the largest: where weights meet the frame, its corners still show.
        base.mark_point(filled=True, opacity=1).encode(x=x, y=y, color=colour, shape=shape, size=size),
    )
    return drawing.picture(title, told, alt.layer(*layers), 54 + ROW * max(1, len(rows)))


def bars(rows: Sequence[Row], title: str, told: str, kind: Kind = "count") -> Picture:
    """A bar per row from nought, to either side, with its number; those below nought are orange. Rows: label, value."""
    drawn = [
        {"label": row["label"], "value": float(row["value"]), "order": place, "told": written(row["value"], kind)}
        for place, row in enumerate(rows)
    ]
    lowest, highest = _ends([*drawn, {"value": 0.0}], "value", room=0.2)
    ends = [lowest if any(row["value"] < 0 for row in drawn) else 0.0, highest]
    x, y = alt.X("value:Q", scale=alt.Scale(domain=ends), axis=None), _names()
    base = alt.Chart(values(drawn))
    colour = alt.condition("datum.value < 0", alt.value(ORANGE), alt.value(BLUE))
    layers = (
        base.mark_bar(height=12).encode(x=x, y=y, color=colour),
        base.transform_filter("datum.value >= 0").mark_text(align="left", dx=6).encode(x=x, y=y, text=alt.Text("told:N")),
        base.transform_filter("datum.value < 0").mark_text(align="right", dx=-6).encode(x=x, y=y, text=alt.Text("told:N")),
    )
    return drawing.picture(title, told, alt.layer(*layers), 10 + ROW * max(1, len(drawn)))
