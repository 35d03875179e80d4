"""The rows that signals count, out of what dbt has made, programme by programme."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from shopkeeper.analysis import columns
from shopkeeper.analysis.gaming import signals
from shopkeeper.analysis.gaming.exposure import LEVELS, Array, Exposure
from shopkeeper.warehouse.typing import literal

UNITS = {"branch": "branch_id", "team": "team_id", "employee": "employee_id"}
CASE_MIX = ("segment", "tenure_band", "recent_complaint", "failed_interaction_band", "interaction_type", "outcome", "resolution_band")
# How long before the sending an employee's edit of the contact data can have been what made it bounce.
EDIT_DAYS = 30

_COMMON = """
    {rows}.programme, {rows}.group_id, {rows}.branch_id, {rows}.team_id, {rows}.employee_id, {rows}.segment, {rows}.tenure_band,
    moments.recent_complaint::text as recent_complaint, moments.failed_interaction_band,
    {rows}.interaction_type, {rows}.outcome, {rows}.resolution_band
"""

_INTERACTIONS = f"""
    select interactions.interaction_id as id, interactions.settled_on - date '1970-01-01' as moment,
        {_COMMON.format(rows="interactions")},
        interactions.asked || ', ' || interactions.asked_the_same as state, interactions.is_asked
    from intermediate.int_gaming__interactions as interactions
    inner join intermediate.int_gaming__moments as moments
        on interactions.customer_id = moments.customer_id and interactions.settled_on = moments.moment_on
    order by interactions.programme, interactions.interaction_id
"""

_INVITATIONS = f"""
    select invitations.invitation_id as id, extract(epoch from invitations.invited_at) as moment,
        {_COMMON.format(rows="invitations")},
        invitations.disposition = 'bounced' and (invitations.has_new_address or exists (
            select from intermediate.int_interactions__latest as edits
            where edits.customer_id = invitations.customer_id
                and edits.interaction_type = any (array[{{types}}]::text[])
                and edits.occurred_at between invitations.invited_at - interval '{EDIT_DAYS} days' and invitations.invited_at
        )) as is_bounced_after_edit,
        invitations.hours_since_settled * 3600 as seconds_since_resolved
    from intermediate.int_gaming__invitations as invitations
    inner join intermediate.int_gaming__moments as moments
        on invitations.customer_id = moments.customer_id and invitations.invited_on = moments.moment_on
    order by invitations.programme, invitations.invitation_id
"""

_ANSWERS = f"""
    select answers.response_id as id, extract(epoch from answers.responded_at) as moment,
        {_COMMON.format(rows="answers")}, answers.metric,
        answers.band = 'promoter' and answers.is_scored as is_promoter, answers.is_scored, answers.is_shared_address, answers.is_settled,
        answers.is_about_interaction, answers.is_recent,
        answers.has_complained, answers.responded_on - date '1970-01-01' as day,
        case when answers.is_complete and answers.responded_at >= answers.started_at
            then extract(epoch from answers.responded_at - answers.started_at) end as seconds_taken
    from intermediate.int_gaming__answers as answers
    inner join intermediate.int_gaming__moments as moments
        on answers.customer_id = moments.customer_id and answers.reference_on = moments.moment_on
    order by answers.programme, answers.response_id
"""


@dataclass(frozen=True)
class Told:
    """The exposures; `names` of their unit and group codes; per exposure the ids that its subjects are, their moments and their kind."""

    exposures: list[Exposure]
    names: Sequence[str]
    evidence: list[tuple[str, pa.ChunkedArray, Array]]


def read(connection: sa.Connection, contact_edits: Sequence[str]) -> Told:
    """All signals of all programmes of the current build. `contact_edits`: types of interactions that edit contact data."""
    types = ", ".join(literal(name) for name in contact_edits)
    tables: list[tuple[str, pa.Table, Callable[[signals.Rows], list[Exposure]]]] = [
        ("interaction", columns.read(connection, _INTERACTIONS), signals.of_interactions),
        ("invitation", columns.read(connection, _INVITATIONS.format(types=types)), signals.of_invitations),
        ("response", columns.read(connection, _ANSWERS), signals.of_answers),
    ]
    named = [table[name] for _, table, _ in tables for name in ("group_id", *UNITS.values())]
    names = sorted({name for column in named for name in pc.unique(column).to_pylist() if name is not None})
    exposures: list[Exposure] = []
    evidence: list[tuple[str, pa.ChunkedArray, Array]] = []
    for kind, table, signals_of in tables:
        moments = table["moment"].to_numpy().astype(float)
        programmes = _by_programme(table, names)
        for rows in _with_standing(programmes) if kind == "response" else programmes:
            found = signals_of(rows)
            exposures += found
            evidence += [(kind, table["id"], moments)] * len(found)
    return Told(exposures, names, evidence)


def _by_programme(table: pa.Table, names: Sequence[str]) -> list[signals.Rows]:
    """Of the rows that are some unit's."""
    programmes = table["programme"].to_numpy(zero_copy_only=False)
    has_unit = pc.is_valid(table["group_id"]).to_numpy(zero_copy_only=False)
    mixed = [name for name in (*CASE_MIX, "metric") if name in table.column_names]
    found = []
    for programme in np.unique(programmes):
        place = np.flatnonzero((programmes == programme) & has_unit)
        if not len(place):
            continue
        part = table.take(pa.array(place))
        values = {name: _values(part[name]) for name in _counted(part)}
        if "moment" in values and "day" in values:
            values["second"] = values["moment"]
        if "state" in part.column_names:
            values["state"] = _codes(part["state"])
        rows = signals.Rows(
            programme=str(programme),
            group=_places(part["group_id"], names),
            units={level: _places(part[UNITS[level]], names) for level in LEVELS},
            case_mix={name: _codes(part[name]) for name in mixed},
            subject=place,
            columns=values,
        )
        found.append(rows)
    return found


def _with_standing(programmes: Sequence[signals.Rows]) -> list[signals.Rows]:
    """The recent answers of each programme; those about interactions with the standing of their branch."""
    elsewhere = [rows.where(~rows.columns["is_about_interaction"] & rows.columns["is_scored"]) for rows in programmes]
    known = signals.standing([rows for rows in elsewhere if len(rows.group)])
    recent = [rows.where(rows.columns["is_recent"]) for rows in programmes]
    return [rows.standing_at(*known) if rows.columns["is_about_interaction"].any() else rows for rows in recent if len(rows.group)]


def _counted(part: pa.Table) -> list[str]:
    return [name for name, kind in zip(part.column_names, part.schema.types, strict=True) if pa.types.is_boolean(kind) or _is_number(kind)]


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _values(column: pa.ChunkedArray) -> Array:
    """Booleans (unknown is false), or numbers (unknown is NaN)."""
    if pa.types.is_boolean(column.type):
        flags: Array = column.fill_null(False).to_numpy(zero_copy_only=False).astype(bool)
        return flags
    numbers: Array = column.cast(pa.float64()).fill_null(float("nan")).to_numpy(zero_copy_only=False)
    return numbers


def _codes(column: pa.ChunkedArray) -> Array:
    """Codes from 0 in the order of the values; unknown is a value of its own."""
    text = column.fill_null("").to_numpy(zero_copy_only=False).astype(str)
    codes: Array = np.unique(text, return_inverse=True)[1]
    return codes


def _places(column: pa.ChunkedArray, names: Sequence[str]) -> Array:
    """The place of each value in `names`; -1 where there is none."""
    places: Array = pc.index_in(column, pa.array(names, pa.string())).fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return places
