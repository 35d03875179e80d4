"""A trend in an e-mail: a small picture, and the same in characters for programs that show no pictures."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from shopkeeper.distribution.figures import Period

_BLOCKS = "▁▂▃▄▅▆▇█"
_NOTHING = "·"
WIDTH, HEIGHT, MARGIN = 480, 96, 10


def blocks(values: Sequence[float | None], *, lowest: float | None = None, highest: float | None = None) -> str:
    """One block per value, as high as it stands between the lowest and the highest; a dot where there is none."""
    known = [value for value in values if value is not None]
    if not known:
        return _NOTHING * len(values)
    bottom = min(known) if lowest is None else lowest
    span = ((max(known) if highest is None else highest) - bottom) or 1
    return "".join(
        _NOTHING if value is None else _BLOCKS[min(len(_BLOCKS) - 1, max(0, round((value - bottom) / span * (len(_BLOCKS) - 1))))]
        for value in values
    )


def picture(periods: Sequence[Period], title: str) -> str:
    """The scores as a line within their intervals, as an `<svg>` whose colours serve light and dark; empty with fewer than two scores.

    A hidden period leaves a gap, and so does a change of method: what lies on its two sides cannot be compared.
    """
    shown = [one.score for one in periods if one.score.score is not None]
    if len(shown) < 2:
        return ""
    lows, highs = [one.low or 0 for one in shown], [one.high or 0 for one in shown]
    bottom, span = min(lows), (max(highs) - min(lows)) or 1
    step = (WIDTH - 2 * MARGIN) / max(1, len(periods) - 1)

    def at(place: int, value: float) -> str:
        return f"{MARGIN + step * place:.1f},{HEIGHT - MARGIN - (value - bottom) / span * (HEIGHT - 2 * MARGIN):.1f}"

    parts = []
    for run in _runs(periods):
        scores = [(place, periods[place].score) for place in run]
        around = [at(place, one.high or 0) for place, one in scores] + [at(place, one.low or 0) for place, one in reversed(scores)]
        line = " ".join(at(place, one.score or 0) for place, one in scores)
        parts.append(f'<polygon points="{" ".join(around)}" fill="#1f5a92" fill-opacity="0.18"/>')
        parts.append(f'<polyline points="{line}" fill="none" stroke="#3b7fc0" stroke-width="2.5" stroke-linejoin="round"/>')
        for place, one in scores:
            x, y = at(place, one.score or 0).split(",")
            parts.append(f'<circle cx="{x}" cy="{y}" r="3.2" fill="{"#3b7fc0" if one.reporting == "reportable" else "#9fb8cf"}"/>')
    named = escape(title)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img"'
        f' aria-label="{named}" style="max-width: 100%; height: auto;"><title>{named}</title>{"".join(parts)}</svg>'
    )


def _runs(periods: Sequence[Period]) -> list[list[int]]:
    runs: list[list[int]] = [[]]
    for place, one in enumerate(periods):
        if one.score.score is None:
            runs.append([])
        elif one.is_break:
            runs.append([place])
        else:
            runs[-1].append(place)
    return [run for run in runs if run]
