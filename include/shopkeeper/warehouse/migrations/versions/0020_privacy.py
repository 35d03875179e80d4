"""Erasure, retention, and alerts when nothing ran."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"

# For the health address of the web app, whose login reads nothing else of the pipeline: moments, and nobody's data.
LAST_SIGNS = """
    create function ops.last_signs() returns table (subject text, at timestamptz)
    language sql stable security definer set search_path = pg_catalog, pg_temp
    as $$
        select 'publication', max(publications.published_at) from quality.publications
        union all
        select runs.dag_id, max(runs.started_at) from ops.runs where runs.dag_id is not null group by runs.dag_id
        union all
        select 'entity ' || availability.entity, availability.newest_record_at
        from quality.entity_availability as availability
        where availability.is_mapped
    $$
"""


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("erasure_id", sa.UUID(), nullable=False),
        sa.Column("person_hash", sa.Text(), nullable=False, comment="Of the customer's id, with a salt that only the pipeline can read."),
        sa.Column("reason", sa.Text(), nullable=False, comment="Why, in the words of whoever asked for it; never the person's data."),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answers", sa.Text(), nullable=False, comment="keep_anonymous or remove: what became of the scores."),
        sa.Column(
            "removed",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="Place → how many rows, e-mails or passages were removed there.",
        ),
        sa.Column("kept_anonymous", sa.BigInteger(), nullable=False, comment="Answers that count on without anybody's."),
        sa.Column(
            "not_looked_for",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="What others have too, such as a name: it leads to nobody any more.",
        ),
        sa.Column(
            "backups",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="Backups made before: they hold the person until they are deleted.",
        ),
        sa.Column(
            "checked",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="What was searched in proof: tables, columns, sites, files. Empty until nothing was found.",
        ),
        sa.Column("proven_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("answers in ('keep_anonymous', 'remove')", name=op.f("erasures_answers_check")),
        sa.PrimaryKeyConstraint("erasure_id", name=op.f("erasures_pkey")),
        schema="quality",
        comment="A receipt for each erasure of a person, without the person.",
    )
    op.create_index(op.f("erasures_person_hash_idx"), "erasures", ["person_hash"], schema="quality")
    op.create_table(
        "erasure_list",
        sa.Column("salt", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False, comment="sha256 of salt, kind and id: see privacy/erasure/listed.py."),
        sa.Column("kind", sa.Text(), nullable=False, comment="customer, interaction, invitation, work_order or record"),
        sa.Column("erasure_id", sa.UUID(), nullable=False),
        sa.PrimaryKeyConstraint("hash", "salt", name=op.f("erasure_list_pkey")),
        schema="pii",
        comment="Of whom nothing is taken in again, whichever source sends it. Hashes, and not to be read without need.",
    )
    op.create_table(
        "backups",
        sa.Column("backup_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("file", sa.Text(), nullable=False, comment="Where it was written to."),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("backup_id", name=op.f("backups_pkey")),
        schema="ops",
        comment="Backups that ./shopkeeper db backup made of this warehouse.",
    )
    op.create_table(
        "silences",
        sa.Column("silence_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False, comment="What is silent: a DAG, the publication, or an entity."),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("silence_id", name=op.f("silences_pkey")),
        schema="ops",
        comment="When nothing ran, and whether the data team was told. One row per silence.",
    )
    op.create_index(
        "silences_one_open_per_subject",
        "silences",
        ["subject"],
        unique=True,
        schema="ops",
        postgresql_where=sa.text("ended_at is null"),
    )
    op.execute(LAST_SIGNS)
