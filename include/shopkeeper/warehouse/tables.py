"""Every table outside dbt, as SQLAlchemy Core. Alembic migrates them; a test holds both equal."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID
from sqlalchemy.types import TypeEngine

from shopkeeper.warehouse.entities import ENTITIES, Entity, Type

SCHEMAS = {
    "raw": "Canonical entities: append-only versions, no personal data.",
    "pii": "Personal data under the raw row's key.",
    "rejected": "Rows that could not be typed or broke a hard rule, whole. Personal data.",
    "landing": "Where the loader types rows; unlogged, emptied after each batch. Personal data.",
    "ops": "The pipeline's own state.",
    "staging": "dbt: all versions of the passed batches, renamed and cast.",
    "intermediate": "dbt: where rules are applied.",
    "analysis": "Outputs of analyses in Python, keyed by run.",
    "marts": "What people read.",
    "marts_next": "The next publication, being built.",
    "frontline": "Employee-level rows, under row-level security.",
    "frontline_next": "The next publication of it.",
    "quality": "Evidence: gates, publications, traces, sites. No personal data.",
}

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)

STORED_TYPE: dict[Type, TypeEngine[Any]] = {
    Type.ID: Text(),
    Type.TEXT: Text(),
    Type.SCORE: Integer(),
    Type.INTEGER: BigInteger(),
    Type.NUMERIC: Numeric(18, 4),
    Type.BOOLEAN: Boolean(),
    Type.DATE: Date(),
    Type.TIMESTAMP: DateTime(timezone=True),
    Type.JSON: JSONB(),
}


def moment(name: str, *, required: bool = False) -> Column[Any]:
    return Column(name, DateTime(timezone=True), nullable=not required)


def _raw_table(entity: Entity) -> Table:
    """One version per key and batch. `_is_deleted` marks a key that left a full snapshot."""
    return Table(
        entity.name,
        metadata,
        Column("_key", UUID(), nullable=False, comment="ids.stable(entity, source, natural key)"),
        Column("_batch_id", BigInteger, nullable=False),
        *(Column(c.name, STORED_TYPE[c.type], comment=c.description) for c in entity.plain_columns),
        Column("_source", Text, nullable=False),
        Column("_row_number", BigInteger, nullable=False, comment="Place in the batch: file order."),
        Column("_flags", Text, comment="What the loader mended, comma separated, such as score_trimmed."),
        Column("_is_deleted", Boolean, nullable=False, server_default=text("false")),
        Column("_row_hash", UUID(), nullable=False, comment="Over the source texts of the plain columns and how they are read."),
        moment("_loaded_at", required=True),
        PrimaryKeyConstraint("_key", "_batch_id"),
        # Rows lie in the order of their batches, so a tiny block range index finds one batch without a scan.
        Index(None, "_batch_id", postgresql_using="brin", postgresql_with={"autosummarize": "on"}),
        # The few records that were merged into others are looked up before every e-mail.
        *(Index(None, c.name, postgresql_where=text(f"{c.name} is not null")) for c in entity.plain_columns if c.name == "merged_into"),
        schema="raw",
        comment=entity.description,
    )


def _pii_table(entity: Entity) -> Table:
    return Table(
        entity.name,
        metadata,
        Column("_key", UUID(), nullable=False),
        Column("_batch_id", BigInteger, nullable=False),
        *(Column(c.name, STORED_TYPE[c.type], comment=c.description) for c in entity.pii_columns),
        Column("extra", JSONB, comment="Undeclared source columns."),
        moment("updated_at"),  # the record's own, so that these versions order as the raw ones do
        Column("_pii_hash", UUID(), nullable=False),
        moment("_loaded_at", required=True),
        PrimaryKeyConstraint("_key", "_batch_id"),
        schema="pii",
        comment=entity.description,
    )


RAW: dict[str, Table] = {name: _raw_table(entity) for name, entity in ENTITIES.items()}
PII: dict[str, Table] = {name: _pii_table(entity) for name, entity in ENTITIES.items()}

REJECTED_ROWS = Table(
    "rows",
    metadata,
    Column("entity", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("payload_hash", UUID(), nullable=False),
    Column("payload", JSONB, nullable=False, comment="The row as it came, whole. Personal data."),
    Column("natural_key", Text, comment="The record's key where it could be read."),
    Column("file", Text),
    Column("row_number", BigInteger),
    Column("column_name", Text, comment="The column at fault; empty when the whole row is."),
    Column("reason", Text, nullable=False),
    Column("first_batch_id", BigInteger, nullable=False),
    Column("last_batch_id", BigInteger, nullable=False),
    Column("times_seen", Integer, nullable=False, server_default=text("1")),
    Column("closed_by_batch_id", BigInteger, comment="The batch in which a later version of the record passed."),
    PrimaryKeyConstraint("entity", "source", "payload_hash"),
    schema="rejected",
    comment="Stored once per payload; closed when a later version passes.",
)

BATCH_STATUSES = ("landed", "passed", "failed", "waived", "withdrawn")

BATCHES = Table(
    "batches",
    metadata,
    Column("batch_id", BigInteger, Identity(always=True), primary_key=True),
    Column("attempt", Integer, nullable=False, server_default=text("1")),
    Column("entity", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("kind", Text, nullable=False, comment="window, snapshot, backfill, retry or web"),
    moment("interval_start"),
    moment("interval_end"),
    moment("loaded_at", required=True),
    Column("rows_in", BigInteger, nullable=False),
    Column("accepted", BigInteger, nullable=False),
    Column("unchanged", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("deleted", BigInteger, nullable=False, server_default=text("0"), comment="Keys that left a full snapshot."),
    Column("status", Text, nullable=False),
    Column("reason", Text, comment="Why it failed, was waived or was withdrawn."),
    Column("details", JSONB, nullable=False, server_default=text("'{}'"), comment="Drift at the source, flags counted, files."),
    Column("run_id", Text),
    CheckConstraint("status in ('landed', 'passed', 'failed', 'waived', 'withdrawn')", name="status"),
    CheckConstraint("rows_in = accepted + unchanged + rejected", name="nothing_lost"),
    Index(None, "entity", "source", "status"),
    schema="ops",
)

BATCH_EVENTS = Table(
    "batch_events",
    metadata,
    Column("event_id", BigInteger, Identity(always=True), primary_key=True),
    Column("batch_id", BigInteger, nullable=False),
    Column("from_status", Text),
    Column("to_status", Text, nullable=False),
    Column("reason", Text),
    Column("actor", Text, nullable=False),
    moment("recorded_at", required=True),
    Index(None, "batch_id"),
    schema="ops",
    comment="Append-only: who moved which batch, when and why.",
)

COVERAGE = Table(
    "coverage",
    metadata,
    Column("entity", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("covered_from", DateTime(timezone=True), nullable=False),
    Column("covered_to", DateTime(timezone=True), nullable=False),
    Column("batch_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("batch_id"),
    Index(None, "entity", "source"),
    schema="ops",
    comment="The window that each batch read; while a batch is failed or withdrawn its window counts as unread.",
)

RUNS = Table(
    "runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("step", Text, nullable=False),
    Column("dag_id", Text),
    moment("started_at", required=True),
    moment("ended_at"),
    Column("status", Text, nullable=False, comment="running, succeeded or failed"),
    Column("summary", JSONB, nullable=False, server_default=text("'{}'")),
    schema="ops",
    comment="Each run of a step, from the scheduler or the command line.",
)

BUILDS = Table(
    "builds",
    metadata,
    Column("build_id", BigInteger, Identity(always=True), primary_key=True),
    moment("as_of", required=True),
    moment("known_at", required=True),
    Column("last_event_id", BigInteger, nullable=False, server_default=text("0"), comment="Events of the ledger up to this one are read."),
    Column(
        "last_order_event_id",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="Events of work orders up to this one are read.",
    ),
    Column("config_hash", Text, nullable=False),
    Column("code_hash", Text, nullable=False),
    Column("git_commit", Text),
    Column("is_full_refresh", Boolean, nullable=False),
    Column("why_full_refresh", Text),
    moment("started_at", required=True),
    Column("status", Text, nullable=False, comment="frozen, built, failed, published or abandoned"),
    Column("settings", JSONB, comment="The row of current_build that it was made with."),
    schema="ops",
    comment="One row per freeze. The newest frozen or built one is the current build.",
)

BUILD_BATCHES = Table(
    "build_batches",
    metadata,
    Column("build_id", BigInteger, nullable=False),
    Column("batch_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("build_id", "batch_id"),
    schema="ops",
    comment="The list of batches that a build freezes first.",
)

CURRENT_BUILD = Table(
    "current_build",
    metadata,
    Column("only_row", Boolean, primary_key=True, server_default=text("true")),
    Column("build_id", BigInteger, nullable=False),
    moment("as_of", required=True),
    moment("known_at", required=True),
    Column("last_event_id", BigInteger, nullable=False, server_default=text("0"), comment="Events of the ledger up to this one are read."),
    Column(
        "last_order_event_id",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="Events of work orders up to this one are read.",
    ),
    Column("as_of_on", Date, nullable=False, comment="The date of as_of in company time."),
    Column("company_timezone", Text, nullable=False),
    Column("company_currency", Text, nullable=False),
    Column("maturity_days", Integer, nullable=False),
    Column("hidden_below", Integer, nullable=False),
    Column("indicative_below", Integer, nullable=False),
    Column("indicative_half_width", Numeric(6, 2), nullable=False),
    Column("fiscal_year_starts_month", Integer, nullable=False),
    Column("recovery_programme", Text, comment="Asks again after an order was resolved."),
    Column("panel_name", Text, comment="How panels call this company, in small letters."),
    Column("hierarchy_on", Date, comment="Units stand where they stood on this day; empty: on the day that an answer is about."),
    CheckConstraint("only_row", name="only_row"),
    schema="ops",
    comment="What dbt models read in place of a clock and of vars: one row, rewritten by freeze.",
)

SCALES = Table(
    "scales",
    metadata,
    Column("scale", Text, primary_key=True),
    Column("metric", Text, nullable=False),
    Column("score_from", Integer, nullable=False),
    Column("score_to", Integer, nullable=False),
    Column("passive_from", Integer, nullable=False, comment="Scores below are detractors."),
    Column("promoter_from", Integer, nullable=False),
    schema="ops",
    comment="Bands per scale, from company.yml.",
)

BANDS = Table(
    "bands",
    metadata,
    Column(
        "kind",
        Text,
        nullable=False,
        comment="tenure (days), value (money per year), resolution (hours), share_of_wallet (0.25 is a quarter)",
    ),
    Column("name", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("lower_bound", Numeric(18, 4), comment="Inclusive; empty means no bound."),
    Column("upper_bound", Numeric(18, 4), comment="Exclusive; empty means no bound."),
    PrimaryKeyConstraint("kind", "name"),
    schema="ops",
    comment="Edges of the tenure, value, resolution and share-of-wallet bands, from company.yml.",
)

EXCHANGE_RATES = Table(
    "exchange_rates",
    metadata,
    Column("currency", Text, nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("rate", Numeric(18, 8), nullable=False, comment="Company currency for one unit."),
    PrimaryKeyConstraint("currency", "valid_from"),
    schema="ops",
)

INSTANCE = Table(
    "instance",
    metadata,
    Column("only_row", Boolean, primary_key=True, server_default=text("true")),
    Column("instance_id", UUID(), nullable=False),
    moment("registered_at", required=True),
    CheckConstraint("only_row", name="only_row"),
    schema="ops",
    comment="Identity of this database; a restored one gets a new id, so that it cannot send.",
)

GATE_RESULTS = Table(
    "gate_results",
    metadata,
    Column("result_id", BigInteger, Identity(always=True), primary_key=True),
    Column("subject", Text, nullable=False, comment="batch or publication"),
    Column("batch_id", BigInteger),
    Column("build_id", BigInteger),
    Column("suite", Text, nullable=False),
    Column("expectation", Text, nullable=False),
    Column("column_name", Text),
    Column("description", Text, nullable=False),
    Column("severity", Text, nullable=False, comment="critical or warning"),
    Column("succeeded", Boolean, nullable=False),
    Column("rows_checked", BigInteger),
    Column("rows_failed", BigInteger),
    Column("failing_keys", JSONB, nullable=False, server_default=text("'[]'"), comment="Up to 100 keys; never values."),
    Column("reason", Text, comment="What went wrong, without values."),
    moment("checked_at", required=True),
    Index(None, "batch_id"),
    Index(None, "build_id"),
    schema="quality",
)

VALIDATIONS = Table(
    "validations",
    metadata,
    Column("validation_id", BigInteger, Identity(always=True), primary_key=True),
    Column("subject", Text, nullable=False, comment="batch or publication"),
    Column("batch_id", BigInteger),
    Column("build_id", BigInteger),
    Column("suite", Text, nullable=False),
    Column("result", JSONB, nullable=False, comment="The validation result as Great Expectations gave it, without values."),
    moment("checked_at", required=True),
    Index(None, "batch_id"),
    Index(None, "build_id"),
    schema="quality",
    comment="What the Data Docs are made from.",
)

PUBLICATIONS = Table(
    "publications",
    metadata,
    Column("publication_id", BigInteger, Identity(always=True), primary_key=True),
    Column("build_id", BigInteger, nullable=False),
    moment("as_of", required=True),
    moment("known_at", required=True),
    Column("config_hash", Text, nullable=False),
    Column("git_commit", Text),
    Column("run_id", Text),
    Column("gates_passed", Integer, nullable=False),
    Column("gates_warned", Integer, nullable=False),
    Column("swap_milliseconds", Numeric(12, 3)),
    moment("published_at", required=True),
    UniqueConstraint("build_id"),
    schema="quality",
)

DBT_RESULTS = Table(
    "dbt_results",
    metadata,
    Column("build_id", BigInteger, nullable=False),
    Column("invocation_id", Text, nullable=False),
    Column("node_id", Text, nullable=False),
    Column("resource_type", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("failures", BigInteger),
    Column("rows_affected", BigInteger),
    Column("seconds", Numeric(12, 3), nullable=False),
    Column("message", Text),
    PrimaryKeyConstraint("invocation_id", "node_id"),
    schema="quality",
)

ENTITY_AVAILABILITY = Table(
    "entity_availability",
    metadata,
    Column("entity", Text, primary_key=True),
    Column("is_mapped", Boolean, nullable=False),
    Column("sources", Text, nullable=False),
    Column("newest_record_at", DateTime(timezone=True)),
    Column("rows_current", BigInteger, nullable=False),
    schema="quality",
    comment="Which entities the company maps; an absent one leaves the marts that need it empty.",
)

SITES = Table(
    "sites",
    metadata,
    Column("name", Text, nullable=False, comment="report, data_docs, dbt_docs"),
    Column("publication_id", BigInteger, nullable=False, server_default=text("0")),
    Column("content", LargeBinary, nullable=False, comment="A zip with index.html at its root."),
    moment("built_at", required=True),
    PrimaryKeyConstraint("name", "publication_id"),
    schema="quality",
)
