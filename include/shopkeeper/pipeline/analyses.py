"""The analyses of a build, in their order. Each reads what dbt has made so far and writes schema `analysis` in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from shopkeeper.analysis import answering, employees, referrals
from shopkeeper.analysis.drivers import publication as drivers
from shopkeeper.analysis.effects import band_conversions, offers
from shopkeeper.analysis.gaming import publication as gaming
from shopkeeper.analysis.goals import publication as goals
from shopkeeper.analysis.initiatives import publication as initiatives
from shopkeeper.analysis.lifetime import values as lifetime_values
from shopkeeper.analysis.predicted import publication as predicted
from shopkeeper.analysis.themes import publication as themes
from shopkeeper.analysis.units import scores as unit_scores
from shopkeeper.analysis.weights import publication as weights
from shopkeeper.company.config import Company
from shopkeeper.pipeline.build import Build, require_current
from shopkeeper.warehouse import locks
from shopkeeper.warehouse.engine import engine as default_engine

# name → function of (connection, build_id, company), which returns what it found, for the run's summary
ANALYSES: Mapping[str, Callable[[sa.Connection, int, Company], dict[str, Any]]] = {
    "weights": weights.analyse,
    "answering": answering.analyse,
    "themes": themes.analyse,
    "band conversions": band_conversions.analyse,
    "offers": offers.analyse,
    "lifetime values": lifetime_values.analyse,
    "referrals": referrals.analyse,
    "gaming": gaming.analyse,
    "unit scores": unit_scores.analyse,
    "drivers": drivers.analyse,
    "employees": employees.analyse,
    "initiatives": initiatives.analyse,
    "predicted": predicted.analyse,
    "goals": goals.analyse,
}


def run(build: Build, company: Company, *, note: Callable[[str], None] | None = None) -> dict[str, Any]:
    """Do all analyses for the current build. Done again, they write the same again.

    Raises ShopkeeperError when the build is no longer the current one, or another run is at work.
    """
    engine = default_engine()
    summary: dict[str, Any] = {"build_id": build.build_id}
    with locks.exclusive(engine, locks.MARTS):
        with engine.connect() as connection:
            require_current(connection, build.build_id)
        for name, analyse in ANALYSES.items():
            if note:
                note(name)
            with engine.begin() as connection:
                summary[name] = analyse(connection, build.build_id, company)
    return summary
