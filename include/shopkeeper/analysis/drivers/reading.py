"""Answers and all that is recorded of them, from `int_drivers__answers` and the themes of their words, as drivers."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from shopkeeper.analysis import columns
from shopkeeper.analysis.drivers.effects import BANDS, Answers
from shopkeeper.analysis.drivers.levels import Driver, banded, mentions, named, unfolded
from shopkeeper.analysis.drivers.ordinal import Array
from shopkeeper.company.config import Company

# what an answer says that is no driver: who it is from, and what becomes of it
NO_DRIVERS = frozenset({"score", "heard_from", "recommended_by", "would_have_come_anyway", "may_call_back"})
MOST_ANSWERS = 200_000
# Of too many answers those of one customer in so many are taken, all of hers, whoever she is by a fingerprint that never changes.
# Themes are read before drivers are: what answers mention in words, without what merely sums up other themes.
_ANSWERS = """
    with counted as (
        select programme, metric, ceil(count(*) / cast({most} as numeric)) as every
        from intermediate.int_drivers__answers
        group by programme, metric
    )
    select answers.programme, answers.metric, answers.period_starts_on, answers.period_ends_on, answers.customer_id, answers.band,
        answers.segment, answers.tenure_band, answers.value_band, answers.region, answers.resolution_band, answers.hours_to_resolution,
        answers.outcome, answers.interaction_subtype, answers.channel, answers.product_category, answers.complained_before,
        answers.worst_call_before, answers.failed_interaction_score, answers.speech_sentiment, answers.topics, answers.attributes,
        answers.interaction_type, answers.answers,
        case when readings.response_id is not null then array_to_string(array(
            select theme from unnest(readings.themes) as mentions (theme)
            where theme not in (select parent from ops.themes where parent is not null)
        ), ',') end as themes
    from intermediate.int_drivers__answers as answers
    inner join counted on answers.programme = counted.programme and answers.metric = counted.metric
    left join analysis.theme_readings as readings on answers.response_id = readings.response_id
    where counted.every = 1 or mod(
        cast(cast('x' || left(md5(coalesce(answers.customer_id, cast(answers.response_id as text))), 7) as bit(28)) as integer),
        counted.every
    ) = 0
    order by answers.programme, answers.metric, answers.response_id
"""
_FAILED = (np.array([0.3, 0.6]), ("low", "middle", "high"))
_SENTIMENT = (np.array([-0.25, 0.25]), ("negative", "neutral", "positive"))


@dataclass(frozen=True)
class Programme:
    """All answers of one programme and metric in the period. `scopes` number each answer's segment and type of interaction."""

    programme: str
    metric: str
    starts_on: date
    ends_on: date
    answers: Answers
    hours: Array
    scopes: tuple[Driver, ...]


def read(connection: sa.Connection, company: Company) -> Iterator[Programme]:
    """Each programme and metric with answers in the period.

    Of more than 200,000 answers those of one customer in so many are taken: no more are needed for three digits.
    """
    table = columns.read(connection, _ANSWERS.format(most=MOST_ANSWERS))
    keys = list(zip(table["programme"].to_pylist(), table["metric"].to_pylist(), strict=True))
    bounds = [0, *(row for row in range(1, len(keys)) if keys[row] != keys[row - 1]), len(keys)]
    for start, end in itertools.pairwise(bounds):
        if end > start:
            yield _programme(table.slice(start, end - start), company)


def _programme(table: pa.Table, company: Company) -> Programme:
    code, names = coded(table, "band")
    band = np.array([BANDS.index(name) for name in names], int)[code]
    first = table.slice(0, 1).to_pylist()[0]
    return Programme(
        first["programme"],
        first["metric"],
        first["period_starts_on"],
        first["period_ends_on"],
        Answers(band, _customers(table), tuple(drivers(table, company))),
        numbers(table, "hours_to_resolution"),
        tuple(named(name, "scope", *coded(table, name)) for name in ("segment", "interaction_type")),
    )


def _customers(table: pa.Table) -> Array:
    """Number of each answer's customer; an answer of nobody known is one of its own."""
    code, names = coded(table, "customer_id")
    customer: Array = np.where(code >= 0, code, len(names) + np.arange(len(code)))
    return customer


def drivers(table: pa.Table, company: Company) -> list[Driver]:
    """Everything recorded, in the order in which it may speak: what two say alike, the earlier one says."""
    orders = {
        "tenure_band": [band.name for band in company.tenure_bands],
        "value_band": [band.name for band in company.value_bands],
        "resolution_band": [band.name for band in company.resolution_bands],
        "complained_before": ["no", "yes"],
    }

    def by_name(name: str, kind: str) -> Driver:
        return named(name, kind, *coded(table, name), order=orders.get(name, ()))

    def in_bands(name: str, edges: Array, levels: tuple[str, ...]) -> Driver:
        return banded(name, "experience", numbers(table, name), edges, levels)

    return [
        *(by_name(name, "customer") for name in ("segment", "tenure_band", "value_band", "region")),
        *(by_name(name, "experience") for name in ("resolution_band", "outcome", "interaction_subtype", "channel", "product_category")),
        by_name("complained_before", "experience"),
        in_bands("worst_call_before", *_FAILED),
        in_bands("failed_interaction_score", *_FAILED),
        in_bands("speech_sentiment", *_SENTIMENT),
        *mentions("call_topic", "experience", *coded(table, "topics")),
        *_unfolded(table, "attributes", "experience"),
        by_name("interaction_type", "experience"),
        *_unfolded(table, "answers", "said"),
        *mentions("theme", "said", *coded(table, "themes")),
    ]


def _unfolded(table: pa.Table, column: str, kind: str) -> Iterator[Driver]:
    """One driver per key of a JSON column."""
    code, texts = coded(table, column)
    records = [json.loads(text) for text in texts]
    for key in sorted({key for record in records if isinstance(record, dict) for key in record} - NO_DRIVERS):
        values = [_told(record.get(key)) if isinstance(record, dict) else None for record in records]
        different = sorted({value for value in values if value is not None})
        place = {value: number for number, value in enumerate(different)}
        of_record = np.array([*(-1 if value is None else place[value] for value in values), -1])
        yield unfolded(key, kind, of_record[code], different)


def _told(value: Any) -> str | None:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).strip() or None if isinstance(value, (str, int, float)) else None


def coded(table: pa.Table, name: str) -> tuple[Array, list[str]]:
    """A column as numbers and the texts that they stand for, in their order; −1 where it is empty."""
    column = pc.dictionary_encode(table[name].combine_chunks())
    names = [str(text) for text in column.dictionary.to_pylist()]
    code = pc.fill_null(column.indices, -1).to_numpy(zero_copy_only=False).astype(int)
    order = sorted(range(len(names)), key=names.__getitem__)
    to = np.full(len(names) + 1, -1)
    to[order] = np.arange(len(names))
    return to[code], [names[k] for k in order]


def numbers(table: pa.Table, name: str) -> Array:
    values: Array = pc.fill_null(table[name].cast(pa.float64()), float("nan")).to_numpy().astype(float)
    return values
