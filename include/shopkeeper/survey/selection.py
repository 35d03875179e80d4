"""Who of the frame is drawn: everybody, a share, so many, or so many from each stratum, by the permanent random numbers.

Works in temporary tables: `candidates` (see `frame`), and `strata`, with the random number up to which each stratum is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.programmes import Programme
from shopkeeper.survey import addresses, frame, quarantine, windows
from shopkeeper.survey.allocation import allocate
from shopkeeper.survey.deviations import standard_deviations
from shopkeeper.survey.waves import Wave

# Of its n-th smallest random number only those well below are sorted: so far above the expected place it never lies by chance.
SAFETY_DEVIATIONS, SAFETY_ROWS = 8, 20
ABOVE_ALL, BELOW_ALL = 2.0, -1.0
DRAWN = "candidates inner join strata on strata.part = coalesce(candidates.stratum, '')"

Cut = tuple[float, str]  # random number and id of the last that is drawn


@dataclass(frozen=True)
class Stratum:
    """One stratum of a frame: `free` are those who may be asked.

    `probability` is that of one of them, before any pick among several records of one customer; None where nobody can know it.
    """

    name: str | None
    candidates: int
    free: int
    probability: Decimal | None


def select(
    connection: sa.Connection, folder: CompanyFolder, programme: Programme, wave: Wave, *, as_of: datetime, known_at: datetime
) -> tuple[Stratum, ...]:
    """Gather and judge the candidates of a wave and settle up to where each stratum is drawn, all inside the caller's transaction."""
    # A draw is a few large statements; hashing in memory halves their time.
    connection.execute(sa.text("set local work_mem = '256MB'"))
    # The planner cannot know that each customer comes once, and would sort both sides of a join to be safe.
    connection.execute(sa.text("set local enable_mergejoin = off"))
    windows.store(connection, programme, wave, as_of=as_of, company_zone=folder.company.zone)
    frame.gather(connection, folder, programme, wave, as_of=as_of, known_at=known_at)
    is_shared = addresses.settle_shared(connection, programme, wave, known_at=known_at)
    quarantine.settle(connection, folder, programme, wave, as_of=as_of, known_at=known_at, is_shared=is_shared)
    frame.settle_several_interactions(connection, programme, wave)
    frame.settle_quotas(connection, programme)
    counted: Sequence[Any] = connection.execute(
        sa.text("select stratum, count(*), count(*) - count(reason) from candidates group by stratum order by stratum nulls first")
    ).all()
    free = {name: number for name, _, number in counted}
    wanted = _wanted(connection, folder, programme, wave, free, known_at=known_at)
    cuts = _cuts(connection, programme, wanted, free)
    sampling = programme.sampling
    strata = []
    for name, candidates, number in counted:
        probability = sampling.fraction or Decimal(1)
        if wanted:
            of, size = (wanted[name], number) if sampling.take == "stratified" else (wanted[None], sum(free.values()))
            probability = Decimal(of) / size if size else Decimal(0)
        strata.append(Stratum(name, candidates, number, None if name in sampling.quotas else probability))
    _store(connection, strata, cuts)
    return tuple(strata)


def unit(programme: Programme) -> str:
    return "candidates.interaction_id" if frame.asks_about_each(programme) else "candidates.customer_id"


def is_drawn(programme: Programme) -> str:
    """SQL that is true for a row of DRAWN that is."""
    return f"(candidates.reason is null and (candidates.random_number, {unit(programme)}) <= (strata.up_to_number, strata.up_to_id))"


def _wanted(
    connection: sa.Connection,
    folder: CompanyFolder,
    programme: Programme,
    wave: Wave,
    free: Mapping[str | None, int],
    *,
    known_at: datetime,
) -> dict[str | None, int]:
    """How many to draw from each stratum, or, under None, from all together; empty where no number is asked for."""
    sampling = programme.sampling
    if sampling.n is None:
        return {}
    if sampling.take == "n":
        return {None: min(sampling.n, sum(free.values()))}
    deviations = None
    if sampling.allocation == "neyman":
        deviations = standard_deviations(connection, folder, wave.programme, programme, free, known_at=known_at)
    return allocate(sampling.n, free, deviations, floor=sampling.floor)


def _cuts(
    connection: sa.Connection, programme: Programme, wanted: Mapping[str | None, int], free: Mapping[str | None, int]
) -> dict[str | None, Cut]:
    """Stratum → up to where it is drawn."""
    fraction = programme.sampling.fraction
    if not wanted:
        return dict.fromkeys(free, (ABOVE_ALL if fraction is None else float(fraction), ""))
    sizes: Mapping[str | None, int] = free if programme.sampling.take == "stratified" else {None: sum(free.values())}
    cuts: dict[str | None, Cut] = {
        name: (ABOVE_ALL, "") if wanted[name] == size else (BELOW_ALL, "") for name, size in sizes.items() if wanted[name] in (0, size)
    }
    for is_certain in (False, True):
        open_ones = {name: size for name, size in sizes.items() if name not in cuts}
        if open_ones:
            cuts |= _last_ones(connection, programme, wanted, open_ones, is_certain=is_certain)
    return {name: cuts[name if name in cuts else None] for name in free}


def _last_ones(
    connection: sa.Connection, programme: Programme, wanted: Mapping[str | None, int], sizes: Mapping[str | None, int], *, is_certain: bool
) -> dict[str | None, Cut]:
    part = "coalesce(candidates.stratum, '')" if programme.sampling.take == "stratified" else "''"
    bounds = {
        name: ABOVE_ALL if is_certain else (wanted[name] + SAFETY_DEVIATIONS * math.sqrt(wanted[name]) + SAFETY_ROWS) / size
        for name, size in sizes.items()
    }
    found: Sequence[Any] = connection.execute(
        sa.text(
            f"""
            select part, random_number, id from (
                select parts.part, parts.wanted, candidates.random_number, {unit(programme)} as id,
                    row_number() over (partition by parts.part order by candidates.random_number, {unit(programme)}) as place
                from candidates
                inner join unnest(cast(:parts as text[]), cast(:wanted as bigint[]), cast(:bounds as float8[]))
                    as parts (part, wanted, bound) on parts.part = {part}
                where candidates.reason is null and candidates.random_number < parts.bound
            ) as lowest
            where place = wanted
            """
        ),
        {"parts": [name or "" for name in sizes], "wanted": [wanted[name] for name in sizes], "bounds": [bounds[name] for name in sizes]},
    ).all()
    names = {name or "": name for name in sizes}
    return {names[part]: (number, last) for part, number, last in found}


def _store(connection: sa.Connection, strata: list[Stratum], cuts: Mapping[str | None, Cut]) -> None:
    columns: dict[str, list[Any]] = {
        "parts": [stratum.name or "" for stratum in strata],
        "numbers": [cuts[stratum.name][0] for stratum in strata],
        "ids": [cuts[stratum.name][1] for stratum in strata],
        "probabilities": [stratum.probability for stratum in strata],
    }
    connection.execute(
        sa.text(
            """
            create temporary table strata on commit drop as
            select part, up_to_number, up_to_id, probability
            from unnest(cast(:parts as text[]), cast(:numbers as float8[]), cast(:ids as text[]), cast(:probabilities as numeric[]))
                as strata (part, up_to_number, up_to_id, probability)
            """
        ),
        columns,
    )
