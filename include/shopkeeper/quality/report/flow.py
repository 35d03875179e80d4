"""The way of things from stage to stage, as ribbons as thick as what they carry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from shopkeeper.quality.report import drawing
from shopkeeper.quality.report.drawing import BLUE, FAINT, IDLE, NARROW, ORANGE, Layers, values
from shopkeeper.quality.report.layout import Picture

STEPS = 16  # points of a ribbon's edge
COLOURS = {"kept": BLUE, "idle": IDLE, "lost": ORANGE}
ROOM = 0.35  # of the picture's height, between those that stand in one stage


@dataclass(frozen=True)
class Flow:
    """`count` things go from one named stage to another; `fate` is kept, idle or lost."""

    origin: str
    target: str
    count: int
    fate: str = "kept"


def flow(flows: Sequence[Flow], stages: Sequence[Sequence[str]], title: str, told: str) -> Picture:
    """Stages from left to right. What is named in a flow must stand in a stage."""
    shown = [item for item in flows if item.count]
    nodes = _nodes(shown, uncrossed(shown, stages))
    ribbons = [point for number, item in enumerate(_placed(shown, nodes)) for point in _ribbon(number, *item)]
    boxes = list(nodes.values())
    last = max(1, len(stages) - 1)

    def draw(width: int) -> Layers:
        x = alt.X("x:Q", scale=alt.Scale(domain=[0, last + (0.42 if width > NARROW else 0.8)], nice=False), axis=None)
        y = alt.Y(
            "y:Q",
            scale=alt.Scale(domain=[0, max((box["end"] for box in boxes), default=1.0) + 0.03], reverse=True, nice=False),
            axis=None,
        )
        box = alt.Chart(values(boxes))
        small = 12 if width > NARROW else 10
        return alt.layer(
            alt.Chart(values(ribbons))
            .mark_area(opacity=0.5)
            .encode(
                x=x,
                y=y,
                y2=alt.Y2("end:Q"),
                detail=alt.Detail("ribbon:N"),
                color=alt.Color("fate:N", scale=alt.Scale(domain=list(COLOURS), range=list(COLOURS.values())), legend=None),
            ),
            box.mark_bar(width=7, color=FAINT).encode(x=x, y=y, y2=alt.Y2("end:Q")),
            box.mark_text(align="left", dx=7, dy=-1, fontSize=small, baseline="bottom", lineBreak="\n").encode(
                x=x, y=alt.Y("middle:Q"), text=alt.Text("name:N")
            ),
            box.mark_text(align="left", dx=7, dy=1, fontSize=small, color=FAINT, baseline="top").encode(
                x=x, y=alt.Y("middle:Q"), text=alt.Text("told:N")
            ),
        ).properties(width=width, height=max(260, 44 * max(len(stage) for stage in stages)))

    return drawing.wide_picture(title, told, draw)


def uncrossed(flows: Sequence[Flow], stages: Sequence[Sequence[str]]) -> list[list[str]]:
    """Each stage in the order of where its things come from, so that few ribbons cross (Sugiyama's barycentre, from left to right).

    Among those that come from the same place the order is kept; what comes from nowhere stays below what others begin with.
    """
    height: dict[str, float] = {}
    ordered = []
    for stage in stages:
        coming = {name: [item for item in flows if item.target == name and item.origin in height] for name in stage}
        centre = {
            name: sum(height[item.origin] * item.count for item in into) / sum(item.count for item in into) if into else float(len(stage))
            for name, into in coming.items()
        }
        ordered.append(sorted(stage, key=lambda name: centre[name]) if height else list(stage))
        height |= {name: float(place) for place, name in enumerate(ordered[-1])}
    return ordered


def _nodes(flows: Sequence[Flow], stages: Sequence[Sequence[str]]) -> dict[str, dict[str, Any]]:
    """Name → where its bar stands: x is the stage, y to end its thickness, as a share of the picture's height."""
    carried: dict[str, int] = {}
    for name in (name for stage in stages for name in stage):
        carried[name] = max(sum(f.count for f in flows if f.origin == name), sum(f.count for f in flows if f.target == name))
    fullest = max((sum(carried[name] for name in stage) for stage in stages), default=0) or 1
    gap = ROOM / max((len(stage) for stage in stages), default=1)
    nodes: dict[str, dict[str, Any]] = {}
    for column, stage in enumerate(stages):
        y = gap / 2
        for name in stage:
            thick = max(0.004, (1 - ROOM) * carried[name] / fullest)
            where = {"x": column, "y": y, "end": y + thick, "middle": y + thick / 2}
            nodes[name] = where | {"name": name, "told": f"{carried[name]:,}", "count": carried[name]}
            y += max(thick, gap) + gap
    return nodes


def _placed(
    flows: Sequence[Flow], nodes: dict[str, dict[str, Any]]
) -> list[tuple[Flow, tuple[float, float], tuple[float, float], tuple[int, int]]]:
    """Each flow with its two ends: from where to where it leaves the one bar, and reaches the other."""
    left, reached = dict.fromkeys(nodes, 0.0), dict.fromkeys(nodes, 0.0)
    placed = []
    for item in sorted(flows, key=lambda item: (nodes[item.origin]["y"], nodes[item.target]["y"])):  # so that they leave side by side
        origin, target = nodes[item.origin], nodes[item.target]
        out, into = ((box["end"] - box["y"]) * item.count / box["count"] if box["count"] else 0.0 for box in (origin, target))
        start, end = origin["y"] + left[item.origin], target["y"] + reached[item.target]
        placed.append((item, (start, start + out), (end, end + into), (origin["x"], target["x"])))
        left[item.origin] += out
        reached[item.target] += into
    return placed


def _ribbon(number: int, item: Flow, start: tuple[float, float], end: tuple[float, float], stages: tuple[int, int]) -> list[dict[str, Any]]:
    """The ribbon's two edges, as smooth steps from one stage to the next."""
    points = []
    for step in range(STEPS + 1):
        t = step / STEPS
        smooth = t * t * (3 - 2 * t)
        upper, lower = (start[edge] + (end[edge] - start[edge]) * smooth for edge in (0, 1))
        points.append(
            {
                "ribbon": number,
                "fate": item.fate,
                "x": round(stages[0] + (stages[1] - stages[0]) * t, 5),
                "y": round(upper, 5),
                "end": round(max(lower, upper + 0.003), 5),
            }
        )
    return points
