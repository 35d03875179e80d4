"""What drives each programme's score, for everybody, by segment and by type of interaction: schema `analysis`.

What was said in the same answer may stand for the score itself, so nothing else is adjusted for it: what happened is judged among what
happened, and what was said among both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import sqlalchemy as sa

from shopkeeper.analysis import columns
from shopkeeper.analysis.drivers.curve import Bucket, curve
from shopkeeper.analysis.drivers.effects import USABLE, Answers, Effect, Interval, Model, adjusted, effects
from shopkeeper.analysis.drivers.levels import FEWEST
from shopkeeper.analysis.drivers.ordinal import Array
from shopkeeper.analysis.drivers.reading import Programme, read
from shopkeeper.analysis.effects.records import keep_fits, told
from shopkeeper.company.config import Company
from shopkeeper.warehouse.driver_tables import DRIVER_CURVES, DRIVER_EFFECTS

ANALYSIS = "drivers"
MODELS = (("happened", ("customer", "experience"), ("customer", "experience")), ("said", ("customer", "experience", "said"), ("said",)))


def analyse(connection: sa.Connection, build_id: int, company: Company) -> dict[str, Any]:
    """Write `driver_effects`, `driver_curves` and the fits; returns how many effects there are, and how many may be published."""
    rows: list[dict[str, Any]] = []
    buckets: list[dict[str, Any]] = []
    fits: dict[str, dict[str, Any]] = {}
    for programme in read(connection, company):
        for scope, answers, hours in _scopes(programme):
            for name, model, shown in models(answers):
                rows += [scope | row for row in effect_rows(model, shown)]
                if model.checks:
                    fits[" ".join([*_part(scope), name])] = model.checks
            found, _ = curve(answers.of_kinds("customer", "experience"), hours, instead_of="resolution_band")
            buckets += [scope | bucket_row(number, bucket, len(hours)) for number, bucket in enumerate(found)]
    columns.forget_other_builds(connection, DRIVER_EFFECTS, build_id)
    columns.forget_other_builds(connection, DRIVER_CURVES, build_id)
    columns.write(connection, DRIVER_EFFECTS, build_id, told(DRIVER_EFFECTS, rows))
    columns.write(connection, DRIVER_CURVES, build_id, told(DRIVER_CURVES, buckets))
    keep_fits(connection, build_id, ANALYSIS, fits)
    return {"effects": len(rows), "usable": sum(row["verdict"] == USABLE for row in rows), "buckets": len(buckets)}


def _scopes(programme: Programme) -> Iterator[tuple[dict[str, Any], Answers, Array]]:
    """Everybody, and each segment and type of interaction that is worth a look of its own."""
    period = {
        "programme": programme.programme,
        "metric": programme.metric,
        "period_starts_on": programme.starts_on,
        "period_ends_on": programme.ends_on,
    }
    yield period | {"dimension": "all", "dimension_value": "all"}, programme.answers, programme.hours
    for scope in programme.scopes:
        if len(scope.levels) > 1:
            for level, value in enumerate(scope.levels):
                chosen = np.flatnonzero(scope.place == level)
                if len(chosen) >= FEWEST:
                    answers = programme.answers.where(chosen)
                    yield period | {"dimension": scope.name, "dimension_value": value}, answers, programme.hours[chosen]


def _part(scope: dict[str, Any]) -> list[str]:
    return [scope[name] for name in ("programme", "metric", "dimension", "dimension_value")]


def models(answers: Answers) -> Iterator[tuple[str, Model, tuple[str, ...]]]:
    """Name, model and the kinds of drivers that are taken from it."""
    for name, taken, shown in MODELS:
        yield name, effects(answers.of_kinds(*taken)), shown


def effect_rows(model: Model, kinds: tuple[str, ...]) -> list[dict[str, Any]]:
    """One row per level of the drivers of these kinds; q-values are over all levels of a model."""
    q_values = adjusted([effect.p for effect in model.effects], method="fdr")
    return [
        {
            "kind": effect.driver.kind,
            "driver": effect.driver.name,
            "level": effect.driver.levels[effect.level],
            "level_place": effect.level,
            "reference_level": effect.driver.levels[effect.driver.reference],
            "answers": model.answers,
            "level_answers": effect.answers,
            **_figures(effect),
            **_ends("importance", effect.importance),
            "explained": model.explained,
            "p": effect.p,
            "q": q,
            "verdict": effect.verdict,
        }
        for effect, q in zip(model.effects, q_values, strict=True)
        if effect.driver.kind in kinds
    ]


def _figures(effect: Effect) -> dict[str, Any]:
    named = {
        "promoter_effect": effect.promoters,
        "detractor_effect": effect.detractors,
        "nps_effect": effect.score,
        "promoters_if_all": effect.promoters_if_all,
        "detractors_if_all": effect.detractors_if_all,
    }
    return {column: value for name, interval in named.items() for column, value in _ends(name, interval).items()}


def _ends(name: str, interval: Interval | None) -> dict[str, Any]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), interval or (None,) * 3, strict=True))


def bucket_row(number: int, bucket: Bucket, answers: int) -> dict[str, Any]:
    effect = bucket.effect
    detractors, passives, promoters = bucket.counts.tolist()
    return {
        "bucket": bucket.name,
        "bucket_place": number,
        "from_days": bucket.from_days,
        "to_days": bucket.to_days,
        "answers": answers,
        "detractors": detractors,
        "passives": passives,
        "promoters": promoters,
        **_ends("promoter_effect", effect.promoters),
        **_ends("detractor_effect", effect.detractors),
        "p": bucket.p,
        "is_threshold": bucket.is_threshold,
        "verdict": effect.verdict,
    }
