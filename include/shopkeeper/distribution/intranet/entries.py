"""How single things read in the intranet, and the index of all that can be searched for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from shopkeeper.distribution import wording
from shopkeeper.distribution.figures import Score
from shopkeeper.distribution.intranet.policies import Policy
from shopkeeper.distribution.rivals import Panel
from shopkeeper.distribution.themes import Theme, Told
from shopkeeper.messages.writing import lines
from shopkeeper.pictures import charts
from shopkeeper.pictures.charts import Estimate

PICTURED = 40  # units on one picture; more stand in the table


def theme(one: Theme) -> dict[str, Any]:
    share = f"{one.share:.0f} % ({one.low:.0f} to {one.high:.0f}), {one.score.n:,} of {one.comments:,}"
    moved = f"{wording.signed(one.change)} points against the 90 days before, more than chance makes" if one.change is not None else ""
    return {"name": one.name, "share": share, "score": wording.score(one.score, "en"), "moved": moved}


def told(one: Told) -> dict[str, Any]:
    effect = ""
    if one.effect:
        risen, low, high = (f"{value:+.1f}".replace("-", "−") for value in one.effect)
        effect = f"{risen} points where it was done, against units where it was not ({low} to {high})"
    return {
        "id": f"i-{one.initiative_id}",
        "title": one.title,
        "done_on": one.done_on.isoformat(),
        "said": lines(one.you_said),
        "did": lines(one.we_did),
        "effect": effect,
    }


def panel(panel: Panel) -> dict[str, Any]:
    ranked = sorted(panel.rivals, key=lambda one: (one.score.score is None, -(one.score.score or 0), one.name))
    estimates = [estimate(one.name, one.score) for one in ranked if one.score.score is not None]
    return {
        "title": panel.name,
        "period": f"{panel.starts_on} to {panel.ends_on}",
        "picture": charts.side_by_side(estimates[:PICTURED], f"{panel.name}: score and interval") if estimates else "",
        "rows": [(one.name, wording.score(one.score, "en"), wording.ahead(one.gap, "en")) for one in ranked],
    }


def estimate(name: str, one: Score, *, is_break: bool = False) -> Estimate:
    return Estimate(name, one.score, one.low, one.high, one.n, one.reporting, is_break)


def index(
    said: Sequence[dict[str, Any]],
    told: Sequence[dict[str, Any]],
    policies: Iterable[Policy],
    groups: Iterable[tuple[str, list[tuple[str, Score]], Score | None]],
) -> str:
    """Everything that can be searched for, as a script: a page from a file share may read no other file in any other way."""
    entries: list[dict[str, str]] = [
        {"k": "policy", "t": one.title, "u": f"policies/{one.name}.html", "x": f"{one.answers}. {' '.join(one.text.split())}"}
        for one in policies
    ]
    for one in told:
        words = " ".join([*one["said"], *one["learned"], *one["said_after"]])
        entries.append(
            {"k": "story", "t": one["title"], "u": f"stories.html#{one['id']}", "x": f"{one['unit'] or ''} {one['action'] or ''} {words}"}
        )
    for title, compared, _ in groups:
        entries += [{"k": "score", "t": name, "u": "scores.html", "x": f"{title}: {wording.score(one, 'en')}"} for name, one in compared]
    for one in said:
        about = " · ".join(part for part in (one["about"], one["unit"], one["day"]) if part)
        text = f"{' '.join(one['words'])} ({about})"
        entries.append({"k": "words", "b": one["band"], "t": one["heading"], "u": f"words.html#{one['id']}", "x": text})
    written = json.dumps(entries, ensure_ascii=False, separators=(",", ":"))
    # Safe inside a script, whatever customers wrote.
    for character, escaped in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029")):
        written = written.replace(character, escaped)
    return f"window.SHOPKEEPER_INDEX = {written};\n"
