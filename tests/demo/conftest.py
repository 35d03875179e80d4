"""The default sample company, made once for all tests that only look at it."""

from __future__ import annotations

import pytest

from shopkeeper.demo import Part, Simulation, SimulationConfig, simulate


@pytest.fixture(scope="session")
def company() -> Simulation:
    return simulate(SimulationConfig())


@pytest.fixture(scope="session")
def clean(company: Simulation) -> Part:
    return company.whole
