"""The sample company: a seeded simulator with planted truth."""

from shopkeeper.demo.config import Gaming, GamingMode, SimulationConfig
from shopkeeper.demo.simulation import Part, Simulation, simulate
from shopkeeper.demo.write import Filled, fill

__all__ = ["Filled", "Gaming", "GamingMode", "Part", "Simulation", "SimulationConfig", "fill", "simulate"]
