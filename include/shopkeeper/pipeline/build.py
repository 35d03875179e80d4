"""A build: what it reads is frozen first, then dbt makes `marts_next` from exactly that.

`marts_next._applied` and `_applied_state` say which batches, clocks, configuration and code the tables beside them hold.
They travel with the schema when it is published, so each of the two schemas knows for itself what it lacks.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shopkeeper.company.config import Band, CompanyFolder
from shopkeeper.company.goals import goal_settings
from shopkeeper.company.themes import settings as theme_settings
from shopkeeper.errors import ShopkeeperError, fail
from shopkeeper.pipeline import dbt_runner
from shopkeeper.pipeline.availability import refresh_availability
from shopkeeper.pipeline.stated import keep_stated
from shopkeeper.warehouse import locks, roles
from shopkeeper.warehouse.employee_tables import EMPLOYEE_PROGRAMMES
from shopkeeper.warehouse.engine import engine as default_engine
from shopkeeper.warehouse.goal_tables import GOALS
from shopkeeper.warehouse.tables import BANDS, BATCHES, BUILD_BATCHES, BUILDS, CURRENT_BUILD, DBT_RESULTS, EXCHANGE_RATES, SCALES
from shopkeeper.warehouse.theme_tables import THEME_EXAMPLES, THEME_LANGUAGES, THEME_PATTERNS, THEMES
from shopkeeper.warehouse.weight_tables import WEIGHTING_VARIABLES

CHECKOUT = Path(__file__).resolve().parents[3]
PACKAGE = CHECKOUT / "include" / "shopkeeper"
CODE = (CHECKOUT / "dbt_project", CHECKOUT / "expectations", PACKAGE / "analysis", PACKAGE / "privacy")
OPEN = ("frozen", "failed", "built")  # a build in one of these, and no other, may still become a publication

_STATE = """
    create table if not exists marts_next._applied (batch_id bigint primary key);
    create table if not exists marts_next._applied_state (
        only_row boolean primary key default true check (only_row),
        build_id bigint not null,
        as_of timestamptz not null,
        known_at timestamptz not null,
        last_event_id bigint not null,
        config_hash text not null,
        code_hash text not null,
        is_complete boolean not null
    )
"""


@dataclass(frozen=True)
class Build:
    """One frozen build. `as_of` cuts business time; `known_at` cuts batches by the time they were loaded, and events of the ledger
    by the time they were recorded, up to `last_event_id`; those of work orders up to `last_order_event_id`."""

    build_id: int
    as_of: datetime
    known_at: datetime
    last_event_id: int
    last_order_event_id: int
    config_hash: str
    code_hash: str
    is_full_refresh: bool
    why_full_refresh: str | None
    status: str


@dataclass(frozen=True)
class Past:
    """How a past report is made again. `repeats`: the build whose clocks, batches and ends of the ledgers it reads.
    `is_in_hierarchy_of_today`: units stand where an ordinary build of today would see them standing on its last day."""

    repeats: int | None = None
    is_in_hierarchy_of_today: bool = False


def find(build_id: int) -> Build:
    """The build with this id. Raises ShopkeeperError when there is none."""
    with default_engine().connect() as connection:
        return _find(connection, build_id)


def freeze(
    folder: CompanyFolder,
    *,
    as_of: datetime | None = None,
    known_at: datetime | None = None,
    full_refresh: bool = False,
    past: Past | None = None,
    now: datetime,
) -> Build:
    """Fix what the next marts are made from: both clocks, the list of batches, the end of the ledger, the company's settings.

    `known_at` defaults to the newest load or event, and `as_of` to the greatest interval end, among batches that passed or were
    waived. `past` makes it a build for a past report, from scratch; its marts are for pipeline/past_report.py alone. A build that was
    not published is abandoned: it can go no further. Raises ShopkeeperError when nothing has passed, a moment has no timezone, or
    another run is at work.
    """
    for name, moment in (("as_of", as_of), ("known_at", known_at)):
        if moment is not None and moment.tzinfo is None:
            raise fail(name, f"{moment} has no timezone", "write it with one, such as 2025-03-01T00:00:00+00:00")
    engine = default_engine()
    with locks.exclusive(engine, locks.MARTS), engine.begin() as connection:
        (last_event_id, last_order_event_id), newest_event = _ends_of_ledgers(engine)
        today, _ = _clocks(connection, None, None, newest_event)
        if past and past.repeats is not None:
            repeated = _find(connection, past.repeats)
            as_of, known_at = repeated.as_of, repeated.known_at
            last_event_id, last_order_event_id = repeated.last_event_id, repeated.last_order_event_id
        else:
            as_of, known_at = _clocks(connection, as_of, known_at, newest_event)
        connection.execute(sa.update(BUILDS).where(BUILDS.c.status.in_(OPEN)).values(status="abandoned"))
        row = {
            "as_of": as_of,
            "known_at": known_at,
            "last_event_id": last_event_id,
            "last_order_event_id": last_order_event_id,
            "config_hash": folder.config_hash,
            "code_hash": code_hash(),
            "git_commit": _git_commit(),
            "started_at": now,
            "is_full_refresh": False,
            "status": "frozen",
        }
        build_id: int = connection.execute(sa.insert(BUILDS).values(row).returning(BUILDS.c.build_id)).scalar_one()
        batches = _batches(known_at, past).subquery()
        frozen = sa.select(sa.literal(build_id), batches.c.batch_id)
        connection.execute(sa.insert(BUILD_BATCHES).from_select(["build_id", "batch_id"], frozen))
        for statement in _STATE.split(";"):
            connection.execute(sa.text(statement))
        build = _find(connection, build_id)
        why = "a past report is made again" if past else "asked for" if full_refresh else _why_full_refresh(connection, build)
        _set_full_refresh(connection, build, why)
        _write_settings(connection, folder, build, hierarchy_as_of=today if past and past.is_in_hierarchy_of_today else None)
        refresh_availability(connection, folder, build_id)
        keep_stated(connection, folder.company, build_id, repeats=past.repeats if past else None)
        return _find(connection, build_id)


def build_models(build: Build, *, note: Callable[[str], None] | None = None) -> dict[str, Any]:
    """Build what needs no analysis of `marts_next` from what `build` froze, and return how many models and tests ran.

    From its start until `complete_models` has succeeded the schema counts as incomplete; whatever ends it in between, the next
    run builds from scratch. Raises ShopkeeperError with each model or test that failed.
    """
    engine = default_engine()
    with locks.exclusive(engine, locks.MARTS):
        dbt_runner.end_leftovers(engine)
        with engine.begin() as connection:
            build = require_current(connection, build.build_id)
            if not build.is_full_refresh and not _is_complete(connection):
                build = _set_full_refresh(connection, build, "an earlier attempt ended half way")
            _begin(connection, full_refresh=build.is_full_refresh)
        return _run(engine, build, dbt_runner.Part.BEFORE_ANALYSES, note)


def complete_models(build: Build, *, note: Callable[[str], None] | None = None) -> dict[str, Any]:
    """Build the rest of `marts_next`: what reads analyses. Then it holds all of `build`. Raises as `build_models` does."""
    engine = default_engine()
    with locks.exclusive(engine, locks.MARTS):
        dbt_runner.end_leftovers(engine)
        with engine.begin() as connection:
            build = require_current(connection, build.build_id)
        summary = _run(engine, build, dbt_runner.Part.AFTER_ANALYSES, note)
        with engine.begin() as connection:
            _mark_built(connection, build)
        return summary


def _run(engine: sa.Engine, build: Build, part: dbt_runner.Part, note: Callable[[str], None] | None) -> dict[str, Any]:
    try:
        done = dbt_runner.build(engine, part, full_refresh=build.is_full_refresh, note=note)
        _keep_results(engine, build, done)
        if done.problems:
            raise ShopkeeperError(done.problems)
    except ShopkeeperError:
        with engine.begin() as connection:
            _set_status(connection, build, "failed")
        raise
    counts = {kind: sum(result.resource_type == kind for result in done.results) for kind in ("model", "test")}
    return {"build_id": build.build_id, "full_refresh": build.is_full_refresh, "models": counts["model"], "tests": counts["test"]}


def require_current(connection: sa.Connection, build_id: int) -> Build:
    """The build, when it is the one that was frozen last and has not been published. Raises ShopkeeperError otherwise."""
    build = _find(connection, build_id)
    current = connection.scalar(sa.select(CURRENT_BUILD.c.build_id))
    if build_id != current or build.status not in OPEN:
        what = f"is {build.status}" if build_id == current else f"is no longer the current one: build {current} was frozen after it"
        raise fail(f"build {build_id}", what, "run build_marts from its start")
    return build


def code_hash() -> str:
    """Over every file that decides what marts hold or whether they may be published."""
    digest = hashlib.sha256()
    for folder in CODE:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = file.relative_to(folder.parent)
            if not {"target", "logs", "__pycache__"} & set(name.parts):
                digest.update(f"{name.as_posix()}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


# --- freezing --------------------------------------------------------------------------------------------------------


def _find(connection: sa.Connection, build_id: int) -> Build:
    columns = [BUILDS.c[name] for name in Build.__dataclass_fields__]
    row = connection.execute(sa.select(*columns).where(BUILDS.c.build_id == build_id)).mappings().one_or_none()
    if row is None:
        raise fail(f"build {build_id}", "there is no such build", "run build_marts from its start")
    return Build(**row)


def _usable(known_at: datetime | None) -> list[sa.ColumnElement[bool]]:
    passed = BATCHES.c.status.in_(("passed", "waived"))
    return [passed] if known_at is None else [passed, BATCHES.c.loaded_at <= known_at]


def _batches(known_at: datetime, past: Past | None) -> sa.Select[Any] | sa.CompoundSelect[Any]:
    """What a build reads. One that is repeated may have read what was withdrawn since, and lacked what was waived since."""
    batches: sa.Select[Any] | sa.CompoundSelect[Any] = sa.select(BATCHES.c.batch_id).where(*_usable(known_at))
    if past and past.repeats is not None:
        batches = sa.select(BUILD_BATCHES.c.batch_id).where(BUILD_BATCHES.c.build_id == past.repeats)
    if past and past.is_in_hierarchy_of_today:
        batches = sa.union(batches, sa.select(BATCHES.c.batch_id).where(BATCHES.c.entity == "org_units", *_usable(None)))
    return batches


# What waits for whom, and the newest that is there: of invitations, of work orders, and of what the desk wrote down.
_LEDGERS = (
    ("ops.waves, ops.invitation_events", "select event_id, recorded_at from ops.invitation_events order by event_id desc limit 1"),
    ("ops.work_order_events", "select event_id, recorded_at from ops.work_order_events order by event_id desc limit 1"),
    ("ops.dispute_decisions", "select decision_id, recorded_at from ops.dispute_decisions order by decision_id desc limit 1"),
    ("ops.coachings", "select 0, max(recorded_at) from ops.coachings"),
    ("ops.huddles", "select 0, max(recorded_at) from ops.huddles"),
    ("ops.initiative_events", "select event_id, recorded_at from ops.initiative_events order by event_id desc limit 1"),
)


def _ends_of_ledgers(engine: sa.Engine) -> tuple[tuple[int, int], datetime | None]:
    """The last event of invitations and of work orders that is surely there with all before it, and when the newest was recorded.

    An id is given out before its transaction commits, so events are awaited that are being written: none with a smaller id can
    turn up later. Each ledger in a transaction of its own: nobody can send, answer or call back while it holds the lock, and who
    writes in two ledgers never waits for us in one of them while we wait for him in the other.
    """
    ends: list[tuple[int, datetime | None]] = []
    for tables, newest in _LEDGERS:
        with engine.begin() as connection:
            connection.execute(sa.text(f"lock table {tables} in share mode"))
            found = connection.execute(sa.text(newest)).one_or_none()
        ends.append((found[0], found[1]) if found else (0, None))
    recorded = [moment for _, moment in ends if moment is not None]
    return (ends[0][0], ends[1][0]), max(recorded, default=None)


def _clocks(
    connection: sa.Connection, as_of: datetime | None, known_at: datetime | None, newest_event: datetime | None
) -> tuple[datetime, datetime]:
    newest = sa.select(sa.func.max(BATCHES.c.loaded_at), sa.func.max(BATCHES.c.interval_end)).where(*_usable(known_at))
    loaded, covered = tuple[datetime | None, datetime | None](connection.execute(newest).one())
    if loaded is None:
        when = f" by {known_at}" if known_at else ""
        raise fail("marts", f"no batch has passed its gate{when}, so there is nothing to build from", "see ./shopkeeper batch list")
    return as_of or covered or loaded, known_at or max(loaded, newest_event or loaded)


def _write_settings(connection: sa.Connection, folder: CompanyFolder, build: Build, *, hierarchy_as_of: datetime | None) -> None:
    company = folder.company
    current = {
        "build_id": build.build_id,
        "as_of": build.as_of,
        "known_at": build.known_at,
        "last_event_id": build.last_event_id,
        "last_order_event_id": build.last_order_event_id,
        "as_of_on": build.as_of.astimezone(company.zone).date(),
        "company_timezone": company.timezone,
        "company_currency": company.currency,
        "maturity_days": company.maturity_days,
        "fiscal_year_starts_month": company.fiscal_year_starts_month,
        "recovery_programme": folder.closed_loop.cycle.recovery_programme,
        "panel_name": (company.panel_name or company.name).strip().lower(),
        "hierarchy_on": None if hierarchy_as_of is None else hierarchy_as_of.astimezone(company.zone).date(),
        **company.minimum_n.model_dump(),
    }
    scales = [{"scale": name, **scale.model_dump()} for name, scale in company.scales.items()]
    bands = [
        *_edges("tenure", company.tenure_bands),
        *_edges("value", company.value_bands),
        *_edges("resolution", company.resolution_bands),
        *_edges("share_of_wallet", company.share_of_wallet_bands),
    ]
    rates = [
        {"currency": currency, "valid_from": first_day, "rate": rate}
        for currency, days in company.exchange_rates.items()
        for first_day, rate in days.items()
    ]
    variables = [{"programme": programme, "variable": name} for programme, how in company.weights.items() for name in how.variables]
    of_employees = [{"programme": name} for name, programme in folder.programmes.programmes.items() if programme.kind == "employee"]
    of_themes = theme_settings(folder.themes, folder.labelled)
    settings = (
        (CURRENT_BUILD, [current]),
        (SCALES, scales),
        (BANDS, bands),
        (EXCHANGE_RATES, rates),
        (WEIGHTING_VARIABLES, variables),
        (EMPLOYEE_PROGRAMMES, of_employees),
        (GOALS, goal_settings(folder.goals)),
        *((table, of_themes[table.name]) for table in (THEMES, THEME_PATTERNS, THEME_LANGUAGES, THEME_EXAMPLES)),
    )
    for table, rows in settings:
        connection.execute(sa.delete(table))
        if rows:
            connection.execute(sa.insert(table), rows)
    connection.execute(
        sa.text("""
            update ops.builds set settings = to_jsonb(current_build) - 'only_row'
            from ops.current_build where builds.build_id = current_build.build_id
        """)
    )


def _edges(kind: str, bands: tuple[Band, ...]) -> list[dict[str, Any]]:
    lower: list[Decimal | None] = [None, *(band.below for band in bands)]
    return [
        {"kind": kind, "name": band.name, "position": position, "lower_bound": lower[position - 1], "upper_bound": band.below}
        for position, band in enumerate(bands, 1)
    ]


def _git_commit() -> str | None:
    """Of the code that builds: `SHOPKEEPER_GIT_COMMIT` (set in an image), else what git says, else unknown."""
    if commit := os.environ.get("SHOPKEEPER_GIT_COMMIT"):
        return commit
    try:
        asked = subprocess.run(["git", "rev-parse", "HEAD"], cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked.stdout.strip() or None


# --- what the schema under construction holds ------------------------------------------------------------------------


def _why_full_refresh(connection: sa.Connection, build: Build) -> str | None:
    state = connection.execute(sa.text("select * from marts_next._applied_state")).mappings().one_or_none()
    gone = connection.scalar(
        sa.text("""
            select count(*) from marts_next._applied
            where batch_id not in (select batch_id from ops.build_batches where build_id = :build_id)
        """),
        {"build_id": build.build_id},
    )
    if state is None and connection.scalar(sa.text("select exists (select from quality.erasures)")):
        return "somebody was erased since the last build"
    if state is None:
        return "nothing has been built here yet"
    reasons = {
        "the last build here ended half way": not state["is_complete"],
        f"{gone} of the batches in the tables are not in this build: withdrawn, or loaded after known_at": bool(gone),
        "the company's configuration has changed": state["config_hash"] != build.config_hash,
        "models or expectations have changed": state["code_hash"] != build.code_hash,
        f"as_of lies before {state['as_of'].isoformat()}, which the tables reach": build.as_of < state["as_of"],
        f"known_at lies before {state['known_at'].isoformat()}, which the tables know": build.known_at < state["known_at"],
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _set_full_refresh(connection: sa.Connection, build: Build, why: str | None) -> Build:
    values = {"is_full_refresh": why is not None, "why_full_refresh": why}
    connection.execute(sa.update(BUILDS).where(BUILDS.c.build_id == build.build_id).values(values))
    return _find(connection, build.build_id)


def _is_complete(connection: sa.Connection) -> bool:
    return bool(connection.scalar(sa.text("select is_complete from marts_next._applied_state")))


def _begin(connection: sa.Connection, *, full_refresh: bool) -> None:
    if not full_refresh:
        connection.execute(sa.text("update marts_next._applied_state set is_complete = false"))
        return
    empty_workshop(connection)


def empty_workshop(connection: sa.Connection) -> None:
    """Take away all that is being built. Emptied whole: a table that no model makes any more must not be published again."""
    connection.execute(sa.text("set local lock_timeout = '60s'"))
    for schema in ("marts_next", "frontline_next"):
        connection.execute(sa.text(f"drop schema if exists {schema} cascade"))
        connection.execute(sa.schema.CreateSchema(schema))
        roles.grant_schema(connection, schema)
    for statement in _STATE.split(";"):
        connection.execute(sa.text(statement))


def _keep_results(engine: sa.Engine, build: Build, done: dbt_runner.Invocation) -> None:
    if not done.results:
        return
    rows = [{"build_id": build.build_id, "invocation_id": done.invocation_id, **result.row()} for result in done.results]
    with engine.begin() as connection:
        connection.execute(sa.insert(DBT_RESULTS), rows)


def _set_status(connection: sa.Connection, build: Build, status: str) -> None:
    connection.execute(sa.update(BUILDS).where(BUILDS.c.build_id == build.build_id).values(status=status))


def _mark_built(connection: sa.Connection, build: Build) -> None:
    _set_status(connection, build, "built")
    connection.execute(sa.text("delete from marts_next._applied"))
    frozen = "insert into marts_next._applied select batch_id from ops.build_batches where build_id = :build_id"
    connection.execute(sa.text(frozen), {"build_id": build.build_id})
    connection.execute(sa.text("delete from marts_next._applied_state"))
    connection.execute(
        sa.text("""
            insert into marts_next._applied_state (build_id, as_of, known_at, last_event_id, config_hash, code_hash, is_complete)
            select build_id, as_of, known_at, last_event_id, config_hash, code_hash, true from ops.builds where build_id = :build_id
        """),
        {"build_id": build.build_id},
    )
    for table in sorted(sa.inspect(connection).get_table_names("marts_next")):
        connection.execute(sa.text(f'analyze marts_next."{table}"'))
