"""Scores as inline SVG. Colours are CSS variables of the page, so one picture serves light, dark and paper.

Each function returns an `<svg>` with a `<title>`, sized by its viewBox; texts are escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 860


@dataclass(frozen=True)
class Estimate:
    """A score in points with its interval; `score` is None where the cell is hidden.

    `is_break`: it was asked for in another way than the one before, so no line joins them.
    """

    label: str
    score: float | None
    low: float | None
    high: float | None
    n: int
    reporting: str = "reportable"
    is_break: bool = False


def _scale(lowest: float, highest: float, start: float, end: float) -> tuple[float, float]:
    """Slope and offset of the linear map lowest→start, highest→end."""
    slope = (end - start) / ((highest - lowest) or 1)
    return slope, start - slope * lowest


def _ticks(lowest: float, highest: float) -> list[int]:
    span = highest - lowest
    step = next(step for step in (5, 10, 20, 50, 100) if span / step <= 8)
    return [value for value in range(-100, 101, step) if lowest <= value <= highest]


def _range(estimates: Sequence[Estimate]) -> tuple[float, float]:
    values = [value for item in estimates for value in (item.low, item.high, item.score) if value is not None] or [-100.0, 100.0]
    lowest, highest = min(values), max(values)
    room = max(2.5, (highest - lowest) * 0.08)
    return max(-100.0, lowest - room), min(100.0, highest + room)


def _svg(height: float, title: str, body: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(title)}" class="chart">'
        f"<title>{escape(title)}</title>{''.join(body)}</svg>"
    )


def _text(x: float, y: float, text: str, css: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{css}" text-anchor="{anchor}">{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{css}"/>'


def over_time(estimates: Sequence[Estimate], title: str) -> str:
    """The score period by period as a line inside its interval; hidden periods leave a gap, indicative ones are hollow.

    Where the method changed the line is broken, and a dashed line says so.
    """
    height, left, right, top, bottom = 300.0, 48.0, 12.0, 14.0, 44.0
    lowest, highest = _range(estimates)
    slope, offset = _scale(lowest, highest, height - bottom, top)
    step = (WIDTH - left - right) / max(1, len(estimates))
    places = [left + step * (number + 0.5) for number in range(len(estimates))]

    def y(value: float) -> float:
        return slope * value + offset

    body = []
    for tick in _ticks(lowest, highest):
        body.append(_line(left, y(tick), WIDTH - right, y(tick), "zero" if tick == 0 else "grid"))
        body.append(_text(left - 8, y(tick) + 4, f"{tick}".replace("-", "−"), "axis", "end"))
    for segment in _unbroken(estimates):
        upper = [f"{places[i]:.1f},{y(estimates[i].high or 0):.1f}" for i in segment]
        lower = [f"{places[i]:.1f},{y(estimates[i].low or 0):.1f}" for i in reversed(segment)]
        body.append(f'<polygon points="{" ".join(upper + lower)}" class="band"/>')
        line = " ".join(f"{places[i]:.1f},{y(estimates[i].score or 0):.1f}" for i in segment)
        body.append(f'<polyline points="{line}" class="line"/>')
    for number, item in enumerate(estimates):
        if item.is_break:
            x = places[number] - step / 2
            body.append(_line(x, top, x, height - bottom, "break"))
            body.append(_text(x + 4, top + 10, "method changed", "axis faint"))
    every = -(-len(estimates) // 12) if estimates else 1
    for number, item in enumerate(estimates):
        if number % every == 0:
            body.append(_text(places[number], height - bottom + 18, item.label, "axis", "middle"))
            body.append(_text(places[number], height - bottom + 34, f"n {item.n:,}", "axis faint", "middle"))
        if item.score is not None:
            body.append(_dot(places[number], y(item.score), item))
    return _svg(height, title, body)


def _unbroken(estimates: Sequence[Estimate]) -> list[list[int]]:
    segments: list[list[int]] = [[]]
    for number, item in enumerate(estimates):
        if item.score is None or item.low is None or item.high is None:
            segments.append([])
        elif item.is_break:
            segments.append([number])
        else:
            segments[-1].append(number)
    return [segment for segment in segments if segment]


def _dot(x: float, y: float, item: Estimate) -> str:
    css = "dot" if item.reporting == "reportable" else "dot indicative"
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.6" class="{css}"><title>{escape(_spoken(item))}</title></circle>'


def _spoken(item: Estimate) -> str:
    if item.score is None:
        return f"{item.label}: hidden, n {item.n}"
    return f"{item.label}: {item.score:.1f} ({item.low:.1f} to {item.high:.1f}), n {item.n:,}, {item.reporting}"


def side_by_side(estimates: Sequence[Estimate], title: str, reference: float | None = None) -> str:
    """One row per value of a dimension: score, interval and n on a common axis; `reference` is the overall score."""
    row, top, left, right = 26.0, 26.0, 230.0, 190.0
    height = top + row * len(estimates) + 8
    lowest, highest = _range([*estimates, Estimate("", reference, reference, reference, 0)])
    slope, offset = _scale(lowest, highest, left, WIDTH - right)
    body = []
    for tick in _ticks(lowest, highest):
        x = slope * tick + offset
        body.append(_line(x, top - 8, x, height - 6, "zero" if tick == 0 else "grid"))
        body.append(_text(x, top - 12, f"{tick}".replace("-", "−"), "axis", "middle"))
    if reference is not None:
        x = slope * reference + offset
        body.append(_line(x, top - 8, x, height - 6, "reference"))
    for number, item in enumerate(estimates):
        y = top + row * (number + 0.5)
        body.append(_text(left - 14, y + 4, _shorten(item.label), "label", "end"))
        if item.score is None or item.low is None or item.high is None:
            body.append(_text(WIDTH - right + 14, y + 4, f"hidden (n {item.n:,})", "axis faint"))
            continue
        body.append(_line(slope * item.low + offset, y, slope * item.high + offset, y, "whisker"))
        body.append(_dot(slope * item.score + offset, y, item))
        numbers = f"{_points(item.score)} ({_points(item.low)} to {_points(item.high)})"
        body.append(_text(WIDTH - right + 14, y + 4, numbers, "axis"))
        body.append(_text(WIDTH - 4, y + 4, f"{item.n:,}", "axis faint", "end"))
    return _svg(height, title, body)


def _points(value: float) -> str:
    return f"{value:.1f}".replace("-", "−")


def _shorten(label: str, length: int = 30) -> str:
    return label if len(label) <= length else label[: length - 1] + "…"
