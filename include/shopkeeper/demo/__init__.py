"""The sample company: a seeded simulator with planted truth."""

from shopkeeper.demo.config import Gaming, GamingMode, SimulationConfig
from shopkeeper.demo.simulation import Part, Simulation, simulate

__all__ = ["Gaming", "GamingMode", "Part", "Simulation", "SimulationConfig", "simulate"]
