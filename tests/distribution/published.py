"""Published marts for tests and benchmarks: tables exactly as dbt's contracts say, and a company of any size in them.

Teams of ten, three of them to a branch, four branches to a region. Each employee but the supervisors has a few answers; their words come
from a short list, and some are hostile.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from string import Template

import sqlalchemy as sa
import yaml

MODELS = Path(__file__).resolve().parents[2] / "dbt_project" / "models" / "marts"
READ = {
    "marts": (
        "dim_org_units",
        "nps_current",
        "nps_by_segment",
        "fct_survey_responses",
        "fct_work_orders",
        "fct_contact_attempts",
        "benchmark_nps",
        "theme_trends",
        "theme_mentions",
        "initiative_priorities",
    ),
    "frontline": ("fct_employee_responses", "nps_by_employee"),
}
AS_OF = datetime(2026, 3, 3, 23, tzinfo=UTC)  # a Wednesday by then in Berlin
WORDS = (
    "nobody called me back",
    "<script>alert('x')</script> <img src=x onerror=alert(1)>",
    "quick and friendly, thank you",
    "the payment took far too long\nand nobody said why",
    "[name] knew my case & solved it",
    '\'); drop table answers; -- "quoted" {{ braces }} ${HOME}',
    "größer gleich: ≥ 7 “anführend” \u202etxet",
)


def contracts() -> dict[str, dict[str, str]]:
    """Mart → column → type, as dbt enforces them."""
    found: dict[str, dict[str, str]] = {}
    for file in MODELS.rglob("_*.yml"):
        for model in yaml.safe_load(file.read_text()).get("models") or ():
            found[model["name"]] = {column["name"]: column["data_type"] for column in model.get("columns", ()) if "data_type" in column}
    return found


def create(connection: sa.Connection) -> None:
    """Empty marts."""
    known = contracts()
    for schema, names in READ.items():
        for name in names:
            columns = ", ".join(f'"{column}" {kind}' for column, kind in known[name].items())
            connection.execute(sa.text(f"create table {schema}.{name} ({columns})"))


def fill(connection: sa.Connection, *, employees: int, answers: int = 12, orders: int = 2, as_of: datetime = AS_OF) -> None:
    """A company of so many employees, each with so many answers of the last 90 days and open orders, and one publication."""
    create(connection)
    values = {"employees": employees, "answers": answers, "orders": orders, "as_of": as_of, "words": list(WORDS)}
    script = Template((Path(__file__).parent / "published.sql").read_text()).substitute(_PARTS)
    for statement in filter(str.strip, script.split(";;")):
        connection.execute(sa.text(statement), values)


def publish(connection: sa.Connection, as_of: datetime, *, build_id: int) -> None:
    """Say that the marts were published again, as of then."""
    connection.execute(
        sa.text("""
            insert into quality.publications (build_id, as_of, known_at, config_hash, gates_passed, gates_warned, published_at)
            values (:build_id, :as_of, :as_of, 'c', 0, 0, :as_of)
        """),
        {"build_id": build_id, "as_of": as_of},
    )


# Stand-ins for the marts' own intervals: wide where answers are few.
_PARTS = {
    "counted": """
        count(*) as n,
        100.0 * (count(*) filter (where band = 'promoter') - count(*) filter (where band = 'detractor')) / count(*) as nps
    """,
    "scored": """
        case when n < 10 then 'hidden' when n < 30 then 'indicative' else 'reportable' end, n,
        case when n >= 10 then nps end, case when n >= 10 then greatest(-100, nps - 90 / sqrt(n)) end,
        case when n >= 10 then least(100, nps + 90 / sqrt(n)) end
    """,
    "each_unit": """
        cross join lateral (
            values ('all', 'all'), ('team', team_id), ('branch', branch_id), ('org_region', org_region_id), ('company', company_id)
        ) as d (d, v)
    """,
}
