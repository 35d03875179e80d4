"""A small company for the dbt tests: rows go into raw batches as the loader would write them, and dbt builds marts from them.

Nothing here knows a rule of the marts: expectations are computed in the tests.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from shopkeeper.company.weights import Weights
from shopkeeper.pipeline.dbt_runner import AFTER_ANALYSES
from shopkeeper.warehouse.engine import warehouse_url
from shopkeeper.warehouse.entities import ENTITIES
from shopkeeper.warehouse.ids import SEPARATOR, stable_id
from shopkeeper.warehouse.survey_tables import INVITATION_EVENTS, INVITATIONS, RESPONSE_FLAGS, SENDING_EVENTS, WAVE_FRAMES, WAVES
from shopkeeper.warehouse.tables import BANDS, BATCHES, BUILD_BATCHES, BUILDS, CURRENT_BUILD, EXCHANGE_RATES, RAW, SCALES
from shopkeeper.warehouse.weight_tables import WEIGHTING_VARIABLES

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
APPLIED_SQL = (
    "create table if not exists marts_next._applied (batch_id bigint primary key)",
    "create table if not exists marts_next._applied_state (only_row boolean primary key default true, build_id bigint not null,"
    " as_of timestamptz not null,"
    " known_at timestamptz not null, last_event_id bigint not null, config_hash text not null,"
    " code_hash text not null, is_complete boolean not null)",
)
DEFAULT_SCALES = (
    {"scale": "0-10", "metric": "nps", "score_from": 0, "score_to": 10, "passive_from": 7, "promoter_from": 9},
    {"scale": "1-5", "metric": "review_score", "score_from": 1, "score_to": 5, "passive_from": 4, "promoter_from": 5},
)
DEFAULT_BANDS = {
    "tenure": (("under 1 year", 365), ("1 to 3 years", 1096), ("over 3 years", None)),
    "value": (("low", 100), ("middle", 500), ("high", None)),
    "share_of_wallet": (("under a quarter", Decimal("0.25")), ("up to a half", Decimal("0.5")), ("over a half", None)),
    "resolution": (("same day", 24), ("1 to 3 days", 72), ("4 to 7 days", 168), ("over 7 days", None)),
}


def at(text: str) -> datetime:
    """`2026-03-01` or `2026-03-01 10:30`, as a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("UTC"))


class World:
    """One warehouse. `batch` adds rows, `withdraw` takes a batch back, `build` freezes and runs dbt."""

    def __init__(self, engine: sa.Engine, folder: Path, *, timezone: str = "UTC", **settings: Any) -> None:
        self.engine = engine
        self.folder = folder
        self.settings: dict[str, Any] = {
            "company_timezone": timezone,
            "company_currency": "EUR",
            "maturity_days": 30,
            "hidden_below": 10,
            "indicative_below": 30,
            "indicative_half_width": Decimal(15),
            "fiscal_year_starts_month": 1,
            **settings,
        }
        self._minutes = itertools.count()
        with engine.begin() as connection:
            connection.execute(sa.insert(SCALES), [dict(row) for row in DEFAULT_SCALES])
            connection.execute(sa.insert(BANDS), list(_bands()))

    def tick(self) -> datetime:
        """A moment a minute after the last one: when something is loaded or recorded."""
        return at("2026-01-01") + timedelta(minutes=next(self._minutes))

    def forget(self) -> None:
        """Back to an empty company; the tables that dbt made stay."""
        with self.engine.begin() as connection:
            ledger = [WAVES, WAVE_FRAMES, INVITATIONS, INVITATION_EVENTS, RESPONSE_FLAGS]
            tables = [*RAW.values(), *ledger, BATCHES, BUILDS, BUILD_BATCHES, CURRENT_BUILD, EXCHANGE_RATES]
            connection.execute(sa.text("truncate " + ", ".join(str(table) for table in tables)))
            connection.execute(sa.text("drop table if exists marts_next._applied, marts_next._applied_state"))

    def exchange_rate(self, currency: str, valid_from: date, rate: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.insert(EXCHANGE_RATES).values(currency=currency, valid_from=valid_from, rate=Decimal(rate)))

    def batch(
        self,
        entity: str,
        rows: Iterable[Mapping[str, Any]],
        *,
        source: str = "crm",
        loaded_at: datetime | None = None,
        status: str = "passed",
        deleted: Iterable[Mapping[str, Any]] = (),
    ) -> int:
        """Write one batch of versions of an entity; `deleted` are rows that left a full snapshot. Returns the batch's id."""
        moment = loaded_at or self.tick()
        written = [_raw_row(entity, source, row, number, is_deleted=False) for number, row in enumerate(rows, 1)]
        gone = [_raw_row(entity, source, row, number, is_deleted=True) for number, row in enumerate(deleted, 1)]
        with self.engine.begin() as connection:
            batch_id: int = connection.execute(
                sa.insert(BATCHES)
                .values(
                    entity=entity,
                    source=source,
                    kind="window",
                    loaded_at=moment,
                    rows_in=len(written),
                    accepted=len(written),
                    unchanged=0,
                    rejected=0,
                    deleted=len(gone),
                    status=status,
                )
                .returning(BATCHES.c.batch_id)
            ).scalar_one()
            if rows_to_write := [{**row, "_batch_id": batch_id, "_loaded_at": moment} for row in (*written, *gone)]:
                connection.execute(sa.insert(RAW[entity]), rows_to_write)
        return batch_id

    def wave(self, programme: str, name: str, *, as_of: datetime, method: str = "m1", **columns: Any) -> UUID:
        """Write a wave of a programme; `columns` as in ops.waves, `config` on top of kind and scale. Returns its id."""
        config = {"kind": "relationship", "scale": "0-10", "split_tests": {}, **columns.pop("config", {})}
        usual: dict[str, Any] = {
            "wave_id": stable_id("wave", programme, name),
            "salt": f"{programme}|{name}",
            "covers_from": as_of,
            "covers_to": as_of,
            "config_hash": "",
            "delivery": "sandbox",
            "candidates": 0,
            "turned_away": 0,
            "drawn": 0,
            "drawn_at": as_of,
        }
        with self.engine.begin() as connection:
            values = {**usual, "programme": programme, "name": name, "as_of": as_of, "method": method, "config": config, **columns}
            connection.execute(sa.insert(WAVES).values(values))
        return stable_id("wave", programme, name)

    def invite(self, wave_id: UUID, programme: str, customer_id: str | None, *, at: datetime, **columns: Any) -> str:
        """Write an invitation, drawn at that moment; `columns` as in ops.invitations. Returns its id as answers name it."""
        about = columns.get("interaction_id") or ""
        invitation_id = stable_id("invitation", str(wave_id), customer_id or columns["employee_id"], about)
        usual: dict[str, Any] = {
            "provider": "built_in",
            "channel": "email",
            "locale": "en",
            "arms": {},
            "invited_at": at,
            "due_at": at,
            "expires_at": at + timedelta(days=30),
        }
        values = {
            "invitation_id": invitation_id,
            "wave_id": wave_id,
            "programme": programme,
            "customer_id": customer_id,
            **usual,
            **columns,
        }
        with self.engine.begin() as connection:
            connection.execute(sa.insert(INVITATIONS).values(values))
        return str(invitation_id)

    def happen(self, invitation_id: str, event: str, *, at: datetime, recorded_at: datetime | None = None, **columns: Any) -> None:
        """Append an event to the ledger; recorded when it happened unless said otherwise. A sending event is about the invitation."""
        if event in SENDING_EVENTS:
            columns = {"message": "invitation", **columns}
        with self.engine.begin() as connection:
            row = {"invitation_id": invitation_id, "event": event, "occurred_at": at, "recorded_at": recorded_at or at, **columns}
            connection.execute(sa.insert(INVITATION_EVENTS).values(row))

    def flag(self, batch_id: int, flag: str, *, excludes: bool = False, native_id: str | None = None) -> None:
        """Flag an answer of a batch, the first one unless another is named."""
        named = f"native_id = '{native_id}'" if native_id else "_row_number = 1"
        self._execute(
            f"insert into ops.response_flags select _key, _batch_id, '{flag}', {excludes} from raw.survey_responses"
            f" where _batch_id = {batch_id} and {named} and not _is_deleted"
        )

    def frame(self, candidates: Iterable[tuple[UUID, str, str | None]], about: Sequence[str | None] = ()) -> None:
        """Write candidates of waves: (wave, outcome, reason) each; customers C0, C1 and so on, `about` their interactions if any."""
        rows = [
            {"wave_id": wave, "customer_id": f"C{number}", "interaction_id": interaction, "outcome": outcome, "reason": reason}
            for number, ((wave, outcome, reason), interaction) in enumerate(itertools.zip_longest(candidates, about))
        ]
        with self.engine.begin() as connection:
            connection.execute(sa.insert(WAVE_FRAMES), rows)

    def weight(self, weights: Mapping[str, Weights]) -> None:
        """Declare margins, as freezing does it from company.yml."""
        rows = [{"programme": programme, "variable": name} for programme, how in weights.items() for name in how.variables]
        with self.engine.begin() as connection:
            connection.execute(sa.delete(WEIGHTING_VARIABLES))
            connection.execute(sa.insert(WEIGHTING_VARIABLES), rows)

    def withdraw(self, batch_id: int) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.update(BATCHES).where(BATCHES.c.batch_id == batch_id).values(status="withdrawn"))

    def build(
        self,
        as_of: datetime,
        *,
        known_at: datetime | None = None,
        full_refresh: bool = False,
        select: Sequence[str] = (),
        run_tests: bool = True,
        analyse: Callable[[sa.Connection, int], object] | None = None,
    ) -> bool:
        """Freeze what is known and run `dbt build`, in two parts around `analyse` where one is given; returns whether it was from scratch.

        Raises AssertionError when a node fails.
        """
        known = known_at or at("2100-01-01")
        full = self._freeze(as_of, known) or full_refresh
        self._execute("update marts_next._applied_state set is_complete = false")
        options = ["--full-refresh"] if full else []
        for kind in ("unit_test",) if run_tests else ("unit_test", "test"):
            options += ["--exclude-resource-type", kind]
        if select:
            options += ["--indirect-selection", "cautious"]
        chosen = ["--select", *select] if select else []
        if analyse:
            run_dbt(self.folder, "build", *options, *chosen, "--exclude", AFTER_ANALYSES)
            with self.engine.begin() as connection:
                analyse(connection, connection.scalar(sa.select(CURRENT_BUILD.c.build_id)))
            chosen = ["--select", *(f"{one},{AFTER_ANALYSES}" for one in select)] if select else ["--select", AFTER_ANALYSES]
        run_dbt(self.folder, "build", *options, *chosen)
        self._execute(
            "delete from marts_next._applied",
            "insert into marts_next._applied select batch_id from ops.build_batches inner join ops.current_build using (build_id)",
            "delete from marts_next._applied_state",
            "insert into marts_next._applied_state (build_id, as_of, known_at, last_event_id, config_hash, code_hash, is_complete) "
            "select build_id, as_of, known_at, last_event_id, '', '', true from ops.current_build",
        )
        return full

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(sa.text(sql)).mappings()]

    def checksums(self, schema: str = "marts_next") -> dict[str, str]:
        """Table → md5 of its sorted rows as text, for every mart (the bookkeeping of what was applied left out)."""
        names = [
            row["table_name"]
            for row in self.rows(
                f"select table_name from information_schema.tables where table_schema = '{schema}' "
                "and table_name not in ('_applied', '_applied_state') order by table_name"
            )
        ]
        return {
            name: self.rows(
                f"select md5(coalesce(string_agg(t::text, chr(10) order by t::text), '')) as sum from {schema}.\"{name}\" as t"
            )[0]["sum"]
            for name in names
        }

    def _freeze(self, as_of: datetime, known_at: datetime) -> bool:
        as_of_on = as_of.astimezone(ZoneInfo(self.settings["company_timezone"])).date()
        self._execute(*APPLIED_SQL)
        with self.engine.begin() as connection:
            build_id = connection.execute(
                sa.insert(BUILDS)
                .values(
                    as_of=as_of,
                    known_at=known_at,
                    config_hash="",
                    code_hash="",
                    is_full_refresh=False,
                    started_at=known_at,
                    status="frozen",
                )
                .returning(BUILDS.c.build_id)
            ).scalar_one()
            frozen = sa.select(sa.literal(build_id), BATCHES.c.batch_id).where(
                BATCHES.c.status.in_(["passed", "waived"]), BATCHES.c.loaded_at <= known_at
            )
            connection.execute(sa.insert(BUILD_BATCHES).from_select(["build_id", "batch_id"], frozen))
            connection.execute(sa.delete(CURRENT_BUILD))
            last_event_id = connection.scalar(sa.text("select coalesce(max(event_id), 0) from ops.invitation_events"))
            last_order_event_id = connection.scalar(sa.text("select coalesce(max(event_id), 0) from ops.work_order_events"))
            ends = {"last_event_id": last_event_id, "last_order_event_id": last_order_event_id}
            clocks = {"as_of": as_of, "known_at": known_at, "as_of_on": as_of_on, **ends}
            connection.execute(sa.insert(CURRENT_BUILD).values(build_id=build_id, **clocks, **self.settings))
            can_add = connection.scalar(
                sa.text(
                    "select exists (select from marts_next._applied_state where is_complete and as_of <= :as_of and known_at <= :known_at)"
                    " and not exists ("
                    "select from marts_next._applied where batch_id not in ("
                    "select batch_id from ops.build_batches where build_id = :build_id))"
                ),
                {"as_of": as_of, "known_at": known_at, "build_id": build_id},
            )
        return not can_add

    def _execute(self, *statements: str) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement))


def run_dbt(folder: Path, *arguments: str) -> list[str]:
    """Run dbt in this process against WAREHOUSE_URL and return the names of the nodes that ran; state and logs go to `folder`.

    Raises AssertionError with what failed.
    """
    from dbt.cli.main import dbtRunner

    url = sa.make_url(warehouse_url())
    settings = {
        "SHOPKEEPER_PG_HOST": url.host or "",
        "SHOPKEEPER_PG_PORT": str(url.port or 5432),
        "SHOPKEEPER_PG_USER": url.username or "",
        "SHOPKEEPER_PG_PASSWORD": url.password or "",
        "SHOPKEEPER_PG_DBNAME": url.database or "",
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        with contextlib.chdir(PROJECT):
            outcome = dbtRunner().invoke(
                [*arguments, "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--quiet", "--log-level", "none"]
            )
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    if not outcome.success:
        failed = [
            f"{result.node.name}: {result.status} {result.message}"
            for result in getattr(outcome.result, "results", [])
            if result.status not in ("success", "pass", "skipped", "no-op")
        ]
        raise AssertionError("\n".join(failed) or str(outcome.exception))
    return [result.node.name for result in getattr(outcome.result, "results", []) if result.node.resource_type != "operation"]


def _bands() -> Iterable[dict[str, Any]]:
    for kind, edges in DEFAULT_BANDS.items():
        lower: int | Decimal | None = None
        for position, (name, upper) in enumerate(edges, 1):
            yield {"kind": kind, "name": name, "position": position, "lower_bound": lower, "upper_bound": upper}
            lower = upper


def _raw_row(entity: str, source: str, row: Mapping[str, Any], number: int, *, is_deleted: bool) -> dict[str, Any]:
    declared = ENTITIES[entity]
    values = {column.name: row.get(column.name) for column in declared.plain_columns}
    if entity == "survey_responses":
        values["provider"] = values["provider"] or source
        values["is_complete"] = True if values["is_complete"] is None else values["is_complete"]
    unknown = set(row) - {column.name for column in declared.columns} - {"_flags"}
    assert not unknown, f"{entity} has no column {', '.join(sorted(unknown))}"
    key = SEPARATOR.join(str(values[name]) for name in declared.key if values[name] is not None)
    return {
        **values,
        "_key": stable_id(f"{entity}:{source}", key),
        "_row_hash": stable_id("row", repr(sorted(values.items(), key=lambda item: item[0]))),
        "_source": source,
        "_row_number": number,
        "_flags": row.get("_flags"),
        "_is_deleted": is_deleted,
    }
