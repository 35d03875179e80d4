"""The themes of a build: words read, what is emerging, what the taxonomy does not know, and how well its patterns agree with readers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from shopkeeper.analysis import columns
from shopkeeper.analysis.effects.records import told
from shopkeeper.analysis.themes.agreement import labelled_texts, measure
from shopkeeper.analysis.themes.discovery import MOST_TEXTS, discover
from shopkeeper.analysis.themes.emerging import WINDOW_DAYS, WINDOWS, changes, judged
from shopkeeper.analysis.themes.matching import read_words
from shopkeeper.analysis.themes.taxonomy import read_taxonomy
from shopkeeper.company.config import Company
from shopkeeper.warehouse.theme_tables import DISCOVERED_THEMES, THEME_CHANGES, THEME_QUALITY

# Twin of the macro theme_dimensions: dimension → column of the survey facts.
DIMENSIONS = {
    "segment": "segment",
    "region": "region",
    "product": "product_id",
    "product_category": "product_category",
    "channel": "channel",
    "interaction_type": "interaction_type",
    "outcome": "outcome",
    "branch": "branch_id",
    "resolution_band": "resolution_band",
}
CELL = ("programme", "metric", "theme", "dimension", "dimension_value")
DISCOVERY_DAYS = 365


def analyse(connection: sa.Connection, build_id: int, company: Company) -> dict[str, Any]:
    """Read new words; write `theme_changes`, `discovered_themes` and `theme_quality`. Returns how much of each there is."""
    known = read_taxonomy(connection)
    read = read_words(connection, known, default_language=company.language)
    changed = _changes(connection)
    _keep(connection, THEME_CHANGES, build_id, changed)
    discovered = _discovered(connection)
    _keep(connection, DISCOVERED_THEMES, build_id, discovered)
    quality = measure(labelled_texts(connection, known), known.parents)
    _keep(connection, THEME_QUALITY, build_id, quality)
    emerging = sum(row["is_emerging"] for row in changed)
    return {"read": read, "cells": len(changed), "emerging": emerging, "discovered": len(discovered), "labelled": len(quality)}


def _keep(connection: sa.Connection, table: sa.Table, build_id: int, rows: list[dict[str, Any]]) -> None:
    columns.forget_other_builds(connection, table, build_id)
    columns.write(connection, table, build_id, told(table, rows))


def _changes(connection: sa.Connection) -> list[dict[str, Any]]:
    counts = columns.read(connection, _COUNTS)
    keys = list(zip(*(counts[name].to_pylist() for name in CELL), strict=True))
    windows, mentions, comments = (counts[name].to_pylist() for name in ("window_number", "mentions", "comments"))
    cells = list(dict.fromkeys(keys))
    place_of = {key: place for place, key in enumerate(cells)}
    found, asked = np.zeros((2, len(cells), WINDOWS + 1))
    for key, window, mentioned, commented in zip(keys, windows, mentions, comments, strict=True):
        found[place_of[key], window], asked[place_of[key], window] = mentioned, commented
    told_changes = changes(found, asked)
    q_values, emerging = judged(told_changes)
    return [
        {**dict(zip(CELL, key, strict=True)), **vars(one), "q_value": q, "is_emerging": is_emerging}
        for key, one, q, is_emerging in zip(cells, told_changes, q_values, emerging, strict=True)
    ]


def _discovered(connection: sa.Connection) -> list[dict[str, Any]]:
    words = columns.read(connection, _UNTHEMED)
    languages = words["language"].to_pylist()
    rows = []
    for language in sorted(set(languages)):
        newest = [place for place, one in enumerate(languages) if one == language][:MOST_TEXTS]
        said = words.take(newest)
        products = _counts(said["product_id"].to_pylist())
        for place, one in enumerate(discover(said["verbatim"].to_pylist(), language), 1):
            group = {"language": language, "place": place, "label": one.label, "comments_looked_at": len(said)}
            rows.append(group | _group(said.take(list(one.members)), products))
    return rows


def _group(members: pa.Table, products: dict[str, int]) -> dict[str, Any]:
    bands = _counts(members["band"].to_pylist())
    return {
        "comments": len(members),
        **{f"{band}s": bands.get(band, 0) for band in ("detractor", "passive", "promoter")},
        "examples": ",".join(members["response_id"].to_pylist()[:3]),
        **_product(_counts(members["product_id"].to_pylist()), products),
    }


def _counts(values: list[Any]) -> dict[Any, int]:
    found: dict[Any, int] = {}
    for value in values:
        if value is not None:
            found[value] = found.get(value, 0) + 1
    return found


def _product(here: dict[str, int], everywhere: dict[str, int]) -> dict[str, Any]:
    """The product that stands out: the most comments beyond its share of all that were looked at."""
    total, all_of_them = sum(here.values()), sum(everywhere.values())
    if not total:
        return {"product_id": None, "comments_of_product": None}
    product = max(sorted(here), key=lambda one: here[one] - total * everywhere[one] / all_of_them)
    return {"product_id": product, "comments_of_product": here[product]}


_LAST_DAY = """(
    select cast(timezone(company_timezone, as_of - interval '1 microsecond') as date) from ops.current_build
)"""

_WORDS = f"""
    select said.*, readings.language, readings.themes, ({_LAST_DAY} - said.responded_on) / {WINDOW_DAYS} as window_number
    from marts_next.fct_survey_responses as said
    inner join analysis.theme_readings as readings on said.response_id = readings.response_id
    where said.verbatim is not null and said.excluded_reason is null and said.metric is not null
        and said.responded_on <= {_LAST_DAY} and said.responded_on > {_LAST_DAY} - {{days}}
"""

# Every theme in every cell with words of a language that it can be found in, window by window; none mentioned is a count of 0.
_COUNTS = f"""
    with said as materialized ({_WORDS.format(days=WINDOW_DAYS * (WINDOWS + 1))}),
    placed as materialized (
        select said.programme, said.metric, said.language, said.window_number, said.themes, cells.dimension, cells.dimension_value
        from said
        cross join lateral (
            values ('all', 'all'){"".join(f", ('{name}', said.{column})" for name, column in DIMENSIONS.items())}
        ) as cells (dimension, dimension_value)
        where cells.dimension_value is not null
    ),
    of_languages as (
        select programme, metric, dimension, dimension_value, window_number, language, count(*) as comments
        from placed group by 1, 2, 3, 4, 5, 6
    ),
    asked as (
        select of_languages.programme, of_languages.metric, languages.theme, dimension, dimension_value, window_number,
            sum(comments) as comments
        from of_languages inner join ops.theme_languages as languages using (language)
        group by 1, 2, 3, 4, 5, 6
    ),
    mentioned as (
        select programme, metric, theme, dimension, dimension_value, window_number, count(*) as mentions
        from placed cross join unnest(placed.themes) as mentions (theme)
        group by 1, 2, 3, 4, 5, 6
    )
    select programme, metric, theme, dimension, dimension_value, window_number, cast(comments as bigint) as comments,
        coalesce(mentions, 0) as mentions
    from asked
    left join mentioned using (programme, metric, theme, dimension, dimension_value, window_number)
    order by 1, 2, 3, 4, 5, 6
"""

_UNTHEMED = f"""
    select cast(said.response_id as text) as response_id, said.language, said.product_id, said.band, said.verbatim
    from ({_WORDS.format(days=DISCOVERY_DAYS)}) as said
    where cardinality(said.themes) = 0
    order by said.language, said.responded_at desc, said.response_id
"""
