"""Changes of a company's own rules and goals: proposed by a leader, decided on by another, written back to the company folder."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from shopkeeper.warehouse.tables import metadata, moment

EVENTS = ("proposed", "approved", "refused", "withdrawn", "branched", "applied", "conflicted")
DECISIONS, ENDS = ("approved", "refused"), ("refused", "withdrawn", "applied", "conflicted")


def _among(names: tuple[str, ...]) -> str:
    return f"event in ({', '.join(repr(name) for name in names)})"


CHANGES = Table(
    "changes",
    metadata,
    Column("change_id", UUID(), primary_key=True),
    Column("file", Text, nullable=False, comment="In the company folder: closed_loop.yml or goals.csv."),
    Column("edits", JSONB, nullable=False, comment="What is to be set, added and taken out; from it the new file is made."),
    Column("diff", Text, nullable=False, comment="The same for people: a unified diff, without the lines that may hold addresses or keys."),
    Column("before_hash", Text, nullable=False, comment="SHA-256 of the file that was changed; empty where there was none."),
    Column("after_hash", Text, nullable=False, comment="SHA-256 of the file that comes of it."),
    Column("proposed_by", Text, nullable=False),
    moment("proposed_at", required=True),
    CheckConstraint("file in ('closed_loop.yml', 'goals.csv')", name="file"),
    Index(None, "proposed_at"),
    schema="ops",
    comment="One row per change of a company's own rules or goals that a leader has proposed at the desk. Append-only.",
)

CHANGE_EVENTS = Table(
    "change_events",
    metadata,
    Column("event_id", BigInteger, Identity(always=True), primary_key=True),
    Column("change_id", UUID(), nullable=False),
    Column("command_id", UUID(), nullable=False, unique=True, comment="Names what was asked for: asked twice, it happens once."),
    Column("event", Text, nullable=False, comment=", ".join(EVENTS)),
    Column("actor", Text, nullable=False, comment="The employee; for what the command line did, who was at the keyboard."),
    Column("commit_id", Text, comment="branched: the commit."),
    moment("happened_at", required=True),
    Column("recorded_at", moment("recorded_at").type, nullable=False, server_default=text("clock_timestamp()")),
    CheckConstraint(_among(EVENTS), name="event"),
    Index(None, "change_id"),
    Index("change_events_one_decision", "change_id", unique=True, postgresql_where=text(_among(DECISIONS))),
    Index("change_events_one_end", "change_id", unique=True, postgresql_where=text(_among(ENDS))),
    schema="ops",
    comment="What became of each change, by whom and when. Append-only. Nobody decides on his own.",
)

CHANGE_TEXTS = Table(
    "change_texts",
    metadata,
    Column("event_id", BigInteger, primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False, comment="Why, in the leader's words."),
    schema="pii",
)
