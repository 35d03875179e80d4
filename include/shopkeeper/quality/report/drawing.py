"""Renders charts of Altair as static SVG that fits its page: its colours, its letters, light and dark, wide and on a phone.

Nothing is fetched and no font of the machine is measured, so the same chart gives the same bytes anywhere. Pictures are as wide as half a
desk's page and can be read on a phone; one that needs the whole page is drawn a second time for the phone. Colours are those of Okabe
and Ito (2008), which colour-blind people tell apart; what a colour says is also said by a shape, a dash or a word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import altair as alt
import vl_convert
from markupsafe import escape

from shopkeeper.quality.report.layout import Picture

Layers = alt.LayerChart | alt.FacetChart  # what alt.layer makes

WIDTH, WIDE, NARROW = 460, 900, 360  # pixels, with labels
FONT = "Liberation Sans"  # comes with vl-convert; the page sets its own letters, of nearly the same width

# Name in the style sheet → what stands there for a viewer without it.
COLOURS = {
    "ink": "#1b2430",
    "faint": "#5b6878",
    "rule": "#dfe4ea",
    "paper": "#ffffff",
    "blue": "#0072b2",
    "sky": "#56b4e9",
    "orange": "#d55e00",
    "amber": "#e69f00",
    "green": "#009e73",
    "purple": "#cc79a7",
    "idle": "#9aa5b4",
}
INK, FAINT, RULE, PAPER = (COLOURS[name] for name in ("ink", "faint", "rule", "paper"))
BLUE, SKY, ORANGE, AMBER, GREEN, PURPLE, IDLE = (COLOURS[name] for name in ("blue", "sky", "orange", "amber", "green", "purple", "idle"))

_CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": FONT,
    "view": {"stroke": None},
    "padding": {"left": 6, "right": 6, "top": 2, "bottom": 2},
    "autosize": {"type": "fit", "contains": "padding"},
    "axis": {
        "labelColor": FAINT,
        "labelFontSize": 12,
        "titleColor": FAINT,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "gridColor": RULE,
        "domain": False,
        "ticks": False,
        "labelPadding": 6,
        "labelLimit": 230,
    },
    "legend": {
        "labelColor": INK,
        "labelFontSize": 12,
        "orient": "top",
        "title": None,
        "symbolType": "stroke",
        "offset": 4,
        "labelLimit": 320,
    },
    "text": {"color": INK, "fontSize": 12},
    "header": {"labelColor": INK, "labelFontSize": 12, "labelFontWeight": "bold", "title": None, "labelAnchor": "start"},
}


def picture(title: str, told: str, chart: Layers, height: int) -> Picture:
    """A chart as a picture of the usual width; `told` says in words what it shows."""
    return Picture(title, told, _svg(chart.properties(width=WIDTH, height=height), title, told))


def wide_picture(title: str, told: str, draw: Callable[[int], Layers]) -> Picture:
    """A picture over the whole page, and another one for a phone: `draw` makes the chart for a width in pixels."""
    return Picture(title, told, _svg(draw(WIDE), title, told), _svg(draw(NARROW), title, told))


def values(rows: list[dict[str, Any]]) -> alt.InlineData:
    """Rows as data of a chart."""
    return alt.InlineData(values=rows)


def spark(rows: list[dict[str, Any]], title: str, told: str) -> str:
    """A small line without axes, as an SVG: where a score comes from. Rows: day, score, low, high, is_break."""
    part, drawn = 0, []
    for row in rows:
        part += row["is_break"] or row["score"] is None
        if row["score"] is not None:
            drawn.append({"day": epoch(row["day"]), "part": part, **{name: float(row[name]) for name in ("score", "low", "high")}})
    x = alt.X("day:T", scale=alt.Scale(type="utc", nice=False, padding=6), axis=None)
    ends = [min(row["low"] for row in drawn), max(row["high"] for row in drawn)]
    scale, base = alt.Scale(domain=ends, zero=False), alt.Chart(values(drawn))
    low, score = (alt.Y(f"{name}:Q", scale=scale, axis=None) for name in ("low", "score"))
    chart = alt.layer(
        base.mark_area(color=BLUE, opacity=0.16).encode(x=x, y=low, y2=alt.Y2("high:Q"), detail=alt.Detail("part:N")),
        base.mark_line(color=BLUE, strokeWidth=2).encode(x=x, y=score, detail=alt.Detail("part:N")),
        alt.Chart(values(drawn[-1:])).mark_point(filled=True, color=BLUE, size=50, opacity=1).encode(x=x, y=score),
    )
    return _svg(chart.properties(width=200, height=56), title, told)


def epoch(day: date) -> int:
    """A day as milliseconds since 1970, UTC, so that no clock of the machine has a say in where it lies."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def _svg(chart: alt.TopLevelMixin, title: str, told: str) -> str:
    spec = chart.to_dict(validate=False)
    spec["config"] = _CONFIG
    svg = vl_convert.vegalite_to_svg(json.dumps(spec), allowed_base_urls=[], format_locale="en-US", time_format_locale="en-GB")
    return _of_the_page(svg, title, told)


def _of_the_page(svg: str, title: str, told: str) -> str:
    """Scaled by its viewBox, in the page's own colours, and one thing to a screen reader: its title and what it tells."""
    start, _, body = svg.partition(">")
    box = re.search(r'viewBox="[^"]*"', start)
    for name, colour in COLOURS.items():
        body = body.replace(f'"{colour}"', f'"var(--{name},{colour})"')
    # Rounded bars would bring clip paths, whose names go on counting from picture to picture: no chart here has any.
    # Vega describes every mark to screen readers; with hundreds of marks nobody can hear what the picture says.
    body = re.sub(r' (?:aria-[a-z]+|role)="[^"]*"', "", body)
    frame, label = box.group(0) if box else "", escape(f"{title}. {told}")
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {frame} class="chart" role="img" aria-label="{label}">'
    return head + body
