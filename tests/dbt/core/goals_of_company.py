"""Goals of the small company: parts that do not add up to their goal, a branch that is not in its parent's, a typing error."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from shopkeeper.analysis.goals import publication
from shopkeeper.company.config import Company
from shopkeeper.company.goals import COLUMNS, Known, goal_settings, parse_goals
from shopkeeper.warehouse.goal_tables import GOALS

FILE = """
year,,visit,nps,Board,all,all,,,year,2026-01-01,10
gold,year,visit,nps,Gold,segment,gold,,,year,2026-01-01,12
silver,year,visit,nps,Silver,segment,silver,,,year,2026-01-01,-60
gold-b1,gold,visit,nps,Branch 1,branch,B1,segment,gold,quarter,2026-04-01,-90
second,,visit,nps,Board,all,all,,,quarter,2026-04-01,-100
third,year,visit,nps,Board,all,all,,,month,2026-08-01,99
p1,,visit,nps,Product 1,product,P1,interaction_type,claim,year,2026-01-01,-90
b1,year,visit,nps,Branch 1,branch,B1,,,year,2026-01-01,0
t1,b1,visit,nps,Team 1,team,T1,,,year,2026-01-01,0
stray,b1,visit,nps,Team 9,team,T9,,,year,2026-01-01,0
typo,year,visit,nps,Gold,segment,goold,,,month,2026-06-01,0
asked,,relationship,nps,Gold,tenure_band,over 3 years,segment,gold,year,2026-01-01,0
"""


def goals() -> list[dict[str, Any]]:
    known = Known(programmes=(), employee_programmes=(), metrics=("nps",), values={})
    found, problems = parse_goals(",".join(COLUMNS) + FILE, known)
    assert problems == ()
    return goal_settings(found)


def write(engine: sa.Engine) -> None:
    """As freezing does it from goals.csv."""
    with engine.begin() as connection:
        connection.execute(sa.insert(GOALS), goals())


def analyse(connection: sa.Connection, build_id: int, company: Company) -> None:
    """Done again, it writes the same again."""
    written = sa.text("select * from analysis.goal_projections order by goal_id")
    first = publication.analyse(connection, build_id, company)
    rows = connection.execute(written).all()
    assert publication.analyse(connection, build_id, company) == first
    assert connection.execute(written).all() == rows != []
