"""Erasure: receipts, the list of whom never to take in again, backups that may hold them; and silences, in which nothing ran."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Index, PrimaryKeyConstraint, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from shopkeeper.warehouse.tables import metadata, moment

ERASURES = Table(
    "erasures",
    metadata,
    Column("erasure_id", UUID(), primary_key=True),
    Column("person_hash", Text, nullable=False, comment="Of the customer's id, with a salt that only the pipeline can read."),
    Column("reason", Text, nullable=False, comment="Why, in the words of whoever asked for it; never the person's data."),
    Column("requested_by", Text, nullable=False),
    moment("erased_at", required=True),
    Column("answers", Text, nullable=False, comment="keep_anonymous or remove: what became of the scores."),
    Column("removed", JSONB, nullable=False, comment="Place → how many rows, e-mails or passages were removed there."),
    Column("kept_anonymous", BigInteger, nullable=False, comment="Answers that count on without anybody's."),
    Column("not_looked_for", JSONB, nullable=False, comment="What others have too, such as a name: it leads to nobody any more."),
    Column("backups", JSONB, nullable=False, comment="Backups made before: they hold the person until they are deleted."),
    Column("checked", JSONB, comment="What was searched in proof: tables, columns, sites, files. Empty until nothing was found."),
    moment("proven_at"),
    CheckConstraint("answers in ('keep_anonymous', 'remove')", name="answers"),
    Index(None, "person_hash"),
    schema="quality",
    comment="A receipt for each erasure of a person, without the person.",
)

ERASURE_LIST = Table(
    "erasure_list",
    metadata,
    Column("salt", Text, nullable=False),
    Column("hash", Text, nullable=False, comment="sha256 of salt, kind and id: see privacy/erasure/listed.py."),
    Column("kind", Text, nullable=False, comment="customer, interaction, invitation, work_order or record"),
    Column("erasure_id", UUID(), nullable=False),
    PrimaryKeyConstraint("hash", "salt"),
    schema="pii",
    comment="Of whom nothing is taken in again, whichever source sends it. Hashes, and not to be read without need.",
)

BACKUPS = Table(
    "backups",
    metadata,
    Column("backup_id", BigInteger, Identity(always=True), primary_key=True),
    Column("file", Text, nullable=False, comment="Where it was written to."),
    Column("bytes", BigInteger, nullable=False),
    moment("made_at", required=True),
    schema="ops",
    comment="Backups that ./shopkeeper db backup made of this warehouse.",
)

SILENCES = Table(
    "silences",
    metadata,
    Column("silence_id", BigInteger, Identity(always=True), primary_key=True),
    Column("subject", Text, nullable=False, comment="What is silent: a DAG, the publication, or an entity."),
    moment("since"),
    moment("noticed_at", required=True),
    moment("told_at"),
    moment("ended_at"),
    Index("silences_one_open_per_subject", "subject", unique=True, postgresql_where=text("ended_at is null")),
    schema="ops",
    comment="When nothing ran, and whether the data team was told. One row per silence.",
)
