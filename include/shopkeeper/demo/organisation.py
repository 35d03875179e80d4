"""The company's shape: regions, branches, teams, employees, products, and what changed in it over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from shopkeeper.demo.config import NEVER_DAY, Array, SimulationConfig

REGIONS = ("North", "East", "South", "West")
CITIES = (
    *("Hamburg", "Bremen", "Kiel", "Rostock", "Hannover", "Lübeck"),
    *("Berlin", "Leipzig", "Dresden", "Erfurt", "Magdeburg", "Potsdam"),
    *("München", "Stuttgart", "Nürnberg", "Augsburg", "Freiburg", "Konstanz"),
    *("Köln", "Düsseldorf", "Frankfurt", "Dortmund", "Essen", "Bonn"),
)
BRANCHES, TEAMS_PER_BRANCH, SLOTS = len(CITIES), 5, 5
TEAMS = BRANCHES * TEAMS_PER_BRANCH
BRANCHES_PER_REGION = BRANCHES // len(REGIONS)
SOUTH = REGIONS.index("South")

# contracts first, then what is sold one at a time
PRODUCTS = (
    ("motor", "Motor insurance", "vehicles"),
    ("household", "Household contents insurance", "home"),
    ("building", "Building insurance", "home"),
    ("liability", "Personal liability insurance", "person"),
    ("legal", "Legal costs insurance", "person"),
    ("business", "Business insurance", "business"),
    ("travel", "Travel cover", "single cover"),
    ("bicycle", "Bicycle cover", "single cover"),
    ("ticket", "Event ticket cover", "single cover"),
    ("roadside", "Roadside assistance", "services"),
)
CONTRACTS = 6

BRANCH_EFFECT_SD = 0.05
IMPROVED = (4, 8, 16, 21)  # B05, B09, B17 and B22, as in include/company/initiatives.csv; nobody games there
IMPROVED_FOR = 215  # days up to the end of the data
FOUNDED = "2010-01-01"


class Posting(NamedTuple):
    """Where one employee works from a day on; a unit of None means that he or she has left."""

    employee: int
    from_day: int
    unit: str | None
    manager: int | None
    role: str


@dataclass(frozen=True)
class Organisation:
    """Teams and employee slots (five per team), each with a first holder and perhaps a second from a day on.

    `branch_effect` is the planted shift of the share of promoters, as a share (0.05 = 5 points). `improves_on`: the day from which
    the branches of IMPROVED do better.
    """

    branch_effect: Array
    branch_weight: Array
    team_branch: Array
    team_moves_on: Array
    team_branch_later: Array
    holder: Array
    holder_changes_on: Array
    holder_later: Array
    postings: tuple[Posting, ...]
    improves_on: int

    def is_improved(self, branch: Array, day: Array) -> Array:
        improved: Array = np.isin(branch, IMPROVED) & (day >= self.improves_on)
        return improved

    def branch_at(self, team: Array, day: Array) -> Array:
        return np.where(day < self.team_moves_on[team], self.team_branch[team], self.team_branch_later[team])

    def employee_at(self, team: Array, slot: Array, day: Array) -> Array:
        place: Array = team * SLOTS + slot
        return np.where(day < self.holder_changes_on[place], self.holder[place], self.holder_later[place])


def region_of(branch: Array) -> Array:
    return branch // BRANCHES_PER_REGION


def branch_code(branch: int) -> str:
    return f"B{branch + 1:02d}"


def team_code(team: int) -> str:
    return f"T{team + 1:03d}"


def region_code(region: int) -> str:
    return f"R{region + 1}"


COMPANY_CODE = "HQ"


def organise(config: SimulationConfig) -> Organisation:
    """Draw branch effects, three teams that change branch, and employees who move or leave."""
    random = config.stream("organisation")
    team_branch = np.repeat(np.arange(BRANCHES), TEAMS_PER_BRANCH)
    moves_on = np.full(TEAMS, NEVER_DAY)
    later = team_branch.copy()
    # branches that are gamed by default keep their teams, so that what is planted there stays one unit
    quiet = np.setdiff1d(np.arange(BRANCHES), np.arange(2, BRANCHES, 4))
    leaving, arriving = np.split(random.choice(quiet, 6, replace=False), 2)
    moving = leaving * TEAMS_PER_BRANCH + random.integers(0, TEAMS_PER_BRANCH, 3)
    moves_on[moving] = config.start_day + np.array([0.4, 0.55, 0.7]) * (config.end_day - config.start_day)
    later[moving] = arriving
    holder, changes_on, holder_later, postings = _employees(config, random, team_branch)
    effect, weight = random.normal(0, BRANCH_EFFECT_SD, BRANCHES), random.uniform(0.75, 1.25, BRANCHES)
    return Organisation(
        branch_effect=effect,
        branch_weight=weight / weight.sum(),
        team_branch=team_branch,
        team_moves_on=moves_on,
        team_branch_later=later,
        holder=holder,
        holder_changes_on=changes_on,
        holder_later=holder_later,
        postings=postings,
        improves_on=config.end_day - IMPROVED_FOR if config.improves else NEVER_DAY,
    )


def _employees(
    config: SimulationConfig, random: np.random.Generator, team_branch: Array
) -> tuple[Array, Array, Array, tuple[Posting, ...]]:
    """In 24 pairs of slots the first one's holder leaves, the second's takes that place, and someone new comes."""
    places = TEAMS * SLOTS
    holder = np.arange(places)
    holder_later = holder.copy()
    changes_on = np.full(places, NEVER_DAY)
    left, moved = random.choice(places, (2, 24), replace=False)
    when = config.start_day + random.integers(60, config.end_day - config.start_day - 60, 24)
    changes_on[left] = changes_on[moved] = when
    holder_later[left] = holder[moved]
    newcomers = places + np.arange(24)
    holder_later[moved] = newcomers
    hired_before = config.start_day - random.integers(100, 4000, places + 24 + TEAMS + BRANCHES + len(REGIONS) + 1)

    supervisor = places + 24 + np.arange(TEAMS)
    branch_manager = supervisor[-1] + 1 + np.arange(BRANCHES)
    region_manager = branch_manager[-1] + 1 + np.arange(len(REGIONS))
    head = int(region_manager[-1] + 1)

    def at(employee: int, day: int, team: int) -> Posting:
        return Posting(employee, day, team_code(team), int(supervisor[team]), "adviser")

    postings = [at(place, int(hired_before[place]), place // SLOTS) for place in range(places)]
    for out, mover, newcomer, day in zip(left.tolist(), moved.tolist(), newcomers.tolist(), when.tolist(), strict=True):
        postings.append(Posting(int(out), day, None, None, "left"))
        postings.append(at(mover, day, out // SLOTS))
        postings.append(at(newcomer, day, mover // SLOTS))
    for team, employee in enumerate(supervisor.tolist()):
        manager = int(branch_manager[team_branch[team]])
        postings.append(Posting(employee, int(hired_before[employee]), team_code(team), manager, "supervisor"))
    for branch, employee in enumerate(branch_manager.tolist()):
        manager = int(region_manager[branch // BRANCHES_PER_REGION])
        postings.append(Posting(employee, int(hired_before[employee]), branch_code(branch), manager, "branch manager"))
    for region, employee in enumerate(region_manager.tolist()):
        postings.append(Posting(employee, int(hired_before[employee]), region_code(region), head, "region manager"))
    postings.append(Posting(head, int(hired_before[head]), COMPANY_CODE, None, "managing director"))
    return holder, changes_on, holder_later, tuple(sorted(postings))
