"""Which answers judge an initiative: those before and after it, of the registered kind, at units where nothing else began."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from shopkeeper.analysis.initiatives.publication import analyse
from shopkeeper.company.config import Company

STARTED, DONE, TODAY = date(2026, 1, 10), date(2026, 2, 1), date(2026, 5, 1)
TABLES = (
    "create schema if not exists marts_next",
    "create schema if not exists intermediate",
    """create table marts_next.nps_daily_counts (
        counted_on date, programme text, metric text, interaction_type text, team_id text, branch_id text, org_region_id text,
        responses integer, promoters integer, passives integer, detractors integer
    )""",
    """create table intermediate.int_initiatives__told (
        initiative_id text, state text, started_on date, done_on date, is_registered_before_start boolean, measure text,
        measure_programme text, measure_dimension text, measure_value text, measure_units text
    )""",
    """insert into intermediate.int_initiatives__told values
        ('clerk', 'done', '2026-01-10', '2026-02-01', true, 'nps', 'calls', 'interaction_type', 'claim', 'B01 B02 B03'),
        ('paint', 'done', '2026-02-10', '2026-02-20', true, 'nps', 'calls', 'all', 'all', 'B15 B16'),
        ('later', 'done', '2026-01-10', '2026-04-20', true, 'nps', 'calls', 'all', 'all', 'B01 B02'),
        ('after', 'done', '2026-01-10', '2026-02-01', false, 'nps', 'calls', 'all', 'all', 'B01 B02'),
        ('idea', 'proposed', null, null, false, null, null, null, null, null)""",
    """insert into ops.current_build (build_id, as_of, known_at, as_of_on, company_timezone, company_currency, maturity_days,
        hidden_below, indicative_below, indicative_half_width, fiscal_year_starts_month)
    values (7, '2026-05-01', '2026-05-01', '2026-05-01', 'UTC', 'EUR', 30, 10, 30, 15, 1)""",
)
ADD = """
    insert into marts_next.nps_daily_counts
    select :day, :programme, :metric, :kind, branch || 'T', branch, 'R1', :p + :n + :d, :p, :n, :d
    from unnest(cast(:branches as text[])) as branch
"""
BRANCHES = [f"B{number:02}" for number in range(1, 17)]


def _add(connection: sa.Connection, day: date, branches: list[str], bands: tuple[int, int, int], **other: str) -> None:
    given = {"programme": "calls", "metric": "nps", "kind": "claim", **other}
    connection.execute(sa.text(ADD), {"day": day, "branches": branches, **dict(zip("dnp", bands, strict=True)), **given})


# A bad month is often why something is begun. Counted as the time before, the month after it is a success whatever was done.
def test_neither_the_month_before_nor_the_work_itself_nor_others_answers_count(warehouse: sa.Engine) -> None:
    before_to = STARTED - timedelta(days=29)
    with warehouse.begin() as connection:
        for statement in TABLES:
            connection.execute(sa.text(statement))
        for back in (300, 200, 100, 0):
            _add(connection, before_to - timedelta(days=back), BRANCHES, (5, 10, 10))
        _add(connection, DONE, BRANCHES[3:], (10, 20, 20))
        _add(connection, DONE, BRANCHES[:3], (5, 15, 30))
        _add(connection, TODAY - timedelta(days=1), BRANCHES, (10, 20, 20))
        nowhere = (before_to + timedelta(days=1), STARTED, DONE - timedelta(days=1), TODAY, before_to - timedelta(days=365))
        for day in nowhere:  # all of them unhappy where it is done
            _add(connection, day, BRANCHES[:3], (500, 0, 0))
        _add(connection, DONE, BRANCHES[:3], (500, 0, 0), kind="call")
        _add(connection, DONE, BRANCHES[:3], (500, 0, 0), programme="employees")
        _add(connection, DONE, BRANCHES[:3], (5, 0, 0), metric="another")
        for _ in range(2):
            assert analyse(connection, 7, Company(name="A", timezone="UTC", currency="EUR")) == {"initiatives": 5, "usable": 2}
        found = {row.initiative_id: row for row in connection.execute(sa.text("select * from analysis.initiative_effects"))}
    clerk = found["clerk"]
    # where it was done 25 of 100 more promoters than detractors before, hence 20; then (25 + 10) of 100
    assert float(clerk.effect) == pytest.approx(100 * ((25 + 10) / 100 - 0.2), abs=0.001)
    assert (clerk.before_starts_on, clerk.before_ends_on) == (before_to - timedelta(days=364), before_to)
    assert (clerk.after_starts_on, clerk.after_ends_on) == (DONE, TODAY - timedelta(days=1))
    assert (clerk.treated_units, clerk.comparable_units) == (3, 11)  # B15 and B16 were painted meanwhile
    assert (found["paint"].treated_units, found["paint"].comparable_units) == (2, 11)
    assert clerk.responses == 14 * 200
    assert {name: row.verdict for name, row in found.items() if name != "clerk"} == {
        "paint": "usable",
        "later": "done for less than four weeks",
        "after": "the measure was registered after the start",
        "idea": "no measure was registered",
    }
