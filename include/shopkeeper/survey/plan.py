"""How many to invite, so that each cell's score is known to within a stated margin; and when each unit can be reported at all.

Planned from the company's own published answers: how much they differ, how many of the invited answer, how often one customer
answers for two. Where a cell has too few of its own it is planned like its whole programme, and that from programmes.yml and
the worst case. Nothing is planned with the people whom the quarantine keeps out: they are counted, and left alone.
Nobody knows who will have an interaction; what is asked after one is planned with as many as there were in the last 90 days.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from shopkeeper.company.base import did_you_mean
from shopkeeper.company.config import CompanyFolder, MinimumN
from shopkeeper.errors import fail
from shopkeeper.survey.known import ALL, History, Population, dimension_of, read_history, read_populations
from shopkeeper.survey.precision import answers_needed, margin_reached, reportable, unequal_weighting, variance
from shopkeeper.warehouse.survey_tables import PLANS

WORST_VARIANCE = 1.0  # half promoters, half detractors
ENOUGH = 30  # answers, or invitations, from which a cell is planned by its own numbers


@dataclass(frozen=True)
class Cell:
    """One cell of a plan. Rates are 0 to 1, margins in points; what nobody can know is None.

    `variance_from` and `rate_from` say whose numbers they are: the cell's own, the programme's, or assumed.
    """

    cell: str
    eligible: int | None
    available: int | None
    variance: float
    variance_from: str
    rate: float
    rate_from: str
    design_effect: float
    answers: int
    invitations: int
    margin_if_all_are_asked: float | None
    answers_90_days: int
    reportable_answers: int
    reportable_on: date | None

    @property
    def is_reportable_now(self) -> bool:
        return self.answers_90_days >= self.reportable_answers


@dataclass(frozen=True)
class Plan:
    """Invitations per cell for a margin. `whole_margin` is that of the score over all cells, from those who are free to be asked.

    `counts` says what `eligible` and `available` count: customers, or interactions in 90 days.
    """

    programme: str
    config_hash: str
    by: str
    margin: float
    cells: tuple[Cell, ...]
    invitations: int
    whole_margin: float | None
    counts: str = "customers"


def make(engine: sa.Engine, folder: CompanyFolder, programme: str, *, by: str | None, margin: float, now: datetime) -> Plan:
    """Plan one programme from what is published and who may be asked at `now`; `by` defaults to what its sampling goes by.

    Raises ShopkeeperError for a dimension that scores are not published by.
    """
    configured = folder.programmes.programmes[programme]
    dimension = dimension_of(by or configured.sampling.by or "customer.segment")
    today = now.astimezone(folder.company.zone).date()
    metric = folder.company.scales[configured.scale].metric
    with engine.connect() as connection:
        history = read_history(connection, programme=programme, metric=metric, dimension=dimension, today=today)
        populations = read_populations(connection, folder, programme, dimension=dimension, now=now)
    return over_cells(folder, programme, by=dimension, margin=margin, today=today, history=history, populations=populations)


def over_cells(
    folder: CompanyFolder,
    programme: str,
    *,
    by: str,
    margin: float,
    today: date,
    history: Mapping[str, History],
    populations: Mapping[str, Population],
) -> Plan:
    """The plan over the cells that have a history or a population; `history` holds the whole under `all`."""
    expected_rate = float(folder.programmes.programmes[programme].expected_response_rate)
    whole = history.get(ALL, History())
    cells = tuple(
        _cell(
            name,
            own=history.get(name, History()),
            whole=whole,
            people=populations.get(name),
            margin=margin,
            expected_rate=expected_rate,
            minimum=folder.company.minimum_n,
            today=today,
        )
        for name in sorted({*history, *populations} - {ALL})
    )
    asked = [(cell.eligible, min(cell.invitations, cell.available or 0) * cell.rate) for cell in cells if cell.eligible is not None]
    effect = unequal_weighting([size for size, _ in asked], [answers for _, answers in asked])
    expected = sum(answers for _, answers in asked)
    whole_margin = margin_reached(expected, _variance(whole, whole)[0], effect * whole.design_effect)
    return Plan(
        programme=programme,
        config_hash=folder.programmes.config_hash(programme),
        by=by,
        margin=margin,
        cells=cells,
        invitations=sum(cell.invitations for cell in cells),
        whole_margin=whole_margin if expected else None,
        counts="interactions in 90 days" if folder.programmes.programmes[programme].after else "customers",
    )


def _cell(
    name: str,
    *,
    own: History,
    whole: History,
    people: Population | None,
    margin: float,
    expected_rate: float,
    minimum: MinimumN,
    today: date,
) -> Cell:
    v, v_from = _variance(own, whole)
    rate, rate_from = _rate(own, whole, expected_rate)
    effect = own.design_effect if own.scored >= ENOUGH else whole.design_effect
    answers = answers_needed(margin, v, effect)
    worth = max(minimum.indicative_below, answers_needed(float(minimum.indicative_half_width), v, effect))
    when = reportable(needed=worth, current=own.current, this_year=own.this_year, today=today)
    return Cell(
        cell=name,
        eligible=None if people is None else people.eligible,
        available=None if people is None else people.available,
        variance=v,
        variance_from=v_from,
        rate=rate,
        rate_from=rate_from,
        design_effect=effect,
        answers=answers,
        invitations=math.ceil(answers / rate),
        margin_if_all_are_asked=None if people is None else margin_reached(people.available * rate, v, effect),
        answers_90_days=own.current,
        reportable_answers=worth,
        reportable_on=when,
    )


def _variance(own: History, whole: History) -> tuple[float, str]:
    for counts, whose in ((own, "own"), (whole, "programme")):
        if counts.scored >= ENOUGH:
            return variance(counts.detractors, counts.passives, counts.promoters), whose
    return WORST_VARIANCE, "assumed"


def _rate(own: History, whole: History, expected: float) -> tuple[float, str]:
    for counts, whose in ((own, "own"), (whole, "programme")):
        if counts.cohort_invitations >= ENOUGH and counts.cohort_responses:
            return counts.cohort_responses / counts.cohort_invitations, whose
    return expected, "assumed"


# --- kept plans -------------------------------------------------------------------------------------------------------


def store(engine: sa.Engine, plan: Plan, *, actor: str, now: datetime, is_approved: bool) -> int:
    """Keep a plan in ops.plans; with `is_approved`, waves of the same programme and config follow it from now on."""
    cells = json.loads(json.dumps([asdict(cell) for cell in plan.cells], default=str))
    values: dict[str, Any] = {
        "programme": plan.programme,
        "config_hash": plan.config_hash,
        "margin": plan.margin,
        "cells": cells,
        "invitations": plan.invitations,
        "made_at": now,
        "made_by": actor,
        "approved_at": now if is_approved else None,
        "approved_by": actor if is_approved else None,
    }
    with engine.begin() as connection:
        return int(connection.execute(sa.insert(PLANS).values(values).returning(PLANS.c.plan_id)).scalar_one())


def approved_plan(connection: sa.Connection, programme: str, config_hash: str) -> int | None:
    """The newest approved plan of a programme as it is configured now; None where there is none."""
    query = (
        sa.select(PLANS.c.plan_id)
        .where(PLANS.c.programme == programme, PLANS.c.config_hash == config_hash, PLANS.c.approved_at.is_not(None))
        .order_by(PLANS.c.plan_id.desc())
        .limit(1)
    )
    return connection.scalar(query)


def chosen(folder: CompanyFolder, programme: str | None) -> Iterable[str]:
    """The programmes to plan: the one that is named, else every active one."""
    known = folder.programmes.programmes
    if programme is None:
        return [name for name, one in known.items() if one.is_active]
    if programme not in known:
        raise fail(f"programme {programme}", "is not in programmes.yml", did_you_mean(programme, list(known)))
    return [programme]
