"""The waves of a build as joint counts, out of what dbt has counted; no row is about one customer."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from shopkeeper.analysis import columns
from shopkeeper.analysis.weights.replicates import Answers
from shopkeeper.analysis.weights.wave import GROUPS, Array, Wave
from shopkeeper.company.weights import VARIABLES

BANDS = ("detractor", "passive", "promoter")
CELL = ("programme", "metric", "period_grain", "period_starts_on", "dimension", "dimension_value")

# What a weighting cell is known by in both queries below.
_WEIGHTING_CELL = "concat_ws(' ', {programme}, weighting_wave, margin_cell, design_weight)"

_CELLS = f"""
    select programme, weighting_wave, cast(margin_cell as text) as margin_cell, {", ".join(VARIABLES)}, frame
    from marts_next._weighting_cells
    order by programme, weighting_wave, margin_cell
"""

_COUNTS = f"""
    select programme, weighting_wave, cast(margin_cell as text) as margin_cell,
        {_WEIGHTING_CELL.format(programme="programme")} as weighting_cell, design_weight, replicate_group, band,
        sum(answers)::bigint as answers
    from marts_next._weighting_counts
    group by programme, weighting_wave, margin_cell, design_weight, replicate_group, band
    order by programme, weighting_wave, margin_cell, design_weight, replicate_group, band
"""

_SCORED = f"""
    select concat_ws(chr(31), programme, metric, period_grain, period_starts_on, dimension, dimension_value) as cell,
        {_WEIGHTING_CELL.format(programme="asked_programme")} as weighting_cell, replicate_group, band, answers
    from (
        select programme, metric, period_grain, period_starts_on, dimension, dimension_value,
            asked_programme, weighting_wave, margin_cell, design_weight, replicate_group, band, answers
        from intermediate.int_weighting__scored_counts
        union all
        select programme, metric, period_grain, period_starts_on, 'all', 'all',
            asked_programme, weighting_wave, margin_cell, design_weight, replicate_group, band, answers
        from marts_next._weighted_period_counts
    ) as counted
    order by programme, metric, period_grain, period_starts_on, dimension, dimension_value, asked_programme, weighting_wave, margin_cell,
        design_weight, replicate_group, band
"""


@dataclass(frozen=True)
class ReadWave:
    """A weighting wave of a programme. `margin_cells`: id of each frame cell; `weighting_cells`: name of each weighting cell, as in
    `ScoredCells`. `bands` K × GROUPS × 3: its answers by band. `unweighted`: answers whose chance of being asked nobody knows."""

    programme: str
    name: str
    margin_cells: Sequence[str]
    weighting_cells: Sequence[str]
    wave: Wave
    bands: Array
    unweighted: int


@dataclass(frozen=True)
class ScoredCells:
    """Cells to score, by what each is known by: the names of `CELL`, and the answers that are counted in them."""

    cells: Sequence[Mapping[str, str]]
    answers: Answers


def waves(connection: sa.Connection) -> list[ReadWave]:
    """Every weighting wave of the programmes that declare margins, in the order of programme and name."""
    counts = dict(_parts(columns.read(connection, _COUNTS)))
    return [_wave(key, cells, counts.get(key)) for key, cells in _parts(columns.read(connection, _CELLS))]


def _parts(table: pa.Table) -> Iterator[tuple[tuple[str, str], pa.Table]]:
    keys = list(zip(table["programme"].to_pylist(), table["weighting_wave"].to_pylist(), strict=True))
    bounds = [0, *(row for row in range(1, len(keys)) if keys[row] != keys[row - 1]), len(keys)]
    for start, end in itertools.pairwise(bounds):
        if end > start:
            yield keys[start], table.slice(start, end - start)


def _wave(key: tuple[str, str], cells: pa.Table, counts: pa.Table | None) -> ReadWave:
    margin_cells = cells["margin_cell"].to_pylist()
    variables = {name: np.array(cells[name].to_pylist(), object) for name in VARIABLES if cells[name].null_count == 0}
    place = {cell: number for number, cell in enumerate(margin_cells)}
    rows = [] if counts is None else counts.to_pylist()
    known = [row for row in rows if row["design_weight"] is not None]
    names = {row["weighting_cell"]: row for row in known}  # in the order in which they came
    number = {name: k for k, name in enumerate(names)}
    bands = np.zeros((len(names), GROUPS, len(BANDS)))
    for row in known:
        bands[number[row["weighting_cell"]], row["replicate_group"], BANDS.index(row["band"])] += row["answers"]
    wave = Wave(
        variables=variables,
        frame=cells["frame"].to_numpy().astype(float),
        cell=np.array([place[row["margin_cell"]] for row in names.values()], int),
        design_weight=np.array([row["design_weight"] for row in names.values()], float),
        answers=bands.sum(axis=2),
    )
    unweighted = sum(row["answers"] for row in rows if row["design_weight"] is None)
    return ReadWave(*key, margin_cells, list(names), wave, bands, unweighted)


def scored_cells(connection: sa.Connection, weighting_cells: Mapping[str, int]) -> ScoredCells:
    """The answers that weighted scores are made of; `weighting_cells` says the row of each weighting cell in the stacked weights."""
    table = columns.read(connection, _SCORED)
    keys = table["cell"].unique().to_pylist()
    answers = Answers(
        cell=_numbers(table["cell"], {key: number for number, key in enumerate(keys)}),
        weighting_cell=_numbers(table["weighting_cell"], weighting_cells),
        group=table["replicate_group"].to_numpy().astype(int),
        band=_numbers(table["band"], {name: number for number, name in enumerate(BANDS)}),
        count=table["answers"].to_numpy().astype(float),
    )
    return ScoredCells([dict(zip(CELL, key.split("\x1f"), strict=True)) for key in keys], answers)


def _numbers(column: pa.ChunkedArray, number: Mapping[str, int]) -> Array:
    encoded = column.combine_chunks().dictionary_encode()
    found: Array = np.array([number[name] for name in encoded.dictionary.to_pylist()], int)[encoded.indices.to_numpy().astype(int)]
    return found
