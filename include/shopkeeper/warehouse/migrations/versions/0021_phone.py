"""What calls to the silent told; and which quarantine over all programmes a wave had to keep."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

# An auditor who asks whether the quarantine was kept has to see which one it was.
WAVES = """
    select
        wave_id, programme, name, config ->> 'kind' as kind, config ->> 'scale' as scale, covers_from, covers_to, as_of, config_hash,
        method, delivery, plan_id, candidates, turned_away, drawn, drawn_at, run_id,
        (config ->> 'quarantine_days')::integer as quarantine_days,
        (quarantine ->> 'any_programme_days')::integer as any_programme_days,
        (quarantine ->> 'after_decline_days')::integer as after_decline_days
    from ops.waves
"""


def upgrade() -> None:
    op.add_column(
        "waves",
        sa.Column("quarantine", sa.JSON(), nullable=True, comment="The quarantine over all programmes as it was; empty in old waves."),
        schema="ops",
    )
    op.execute(f"create or replace view quality.waves as {WAVES}")
    op.create_table(
        "phone_follow_ups",
        sa.Column("follow_up_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("wave", sa.Text(), nullable=False),
        sa.Column("silent", sa.Integer(), nullable=False, comment="Customers who were invited and had not answered, called or not."),
        sa.Column("called", sa.Integer(), nullable=False),
        sa.Column("answered_detractors", sa.Integer(), nullable=False, comment="Of those who had answered by themselves."),
        sa.Column("answered_passives", sa.Integer(), nullable=False),
        sa.Column("answered_promoters", sa.Integer(), nullable=False),
        sa.Column("phone_detractors", sa.Integer(), nullable=False, comment="Of those whom a call reached."),
        sa.Column("phone_passives", sa.Integer(), nullable=False),
        sa.Column("phone_promoters", sa.Integer(), nullable=False),
        sa.Column(
            "nps_answered",
            sa.Numeric(precision=9, scale=4),
            nullable=False,
            comment="Score of those who had answered by themselves, points, by design weight.",
        ),
        sa.Column(
            "nps_answered_low", sa.Numeric(precision=9, scale=4), nullable=False, comment="95 %, adjusted Wald of the effective number."
        ),
        sa.Column("nps_answered_high", sa.Numeric(precision=9, scale=4), nullable=False),
        sa.Column("nps_silent", sa.Numeric(precision=9, scale=4), nullable=False, comment="Of those whom a call reached."),
        sa.Column("nps_silent_low", sa.Numeric(precision=9, scale=4), nullable=False),
        sa.Column("nps_silent_high", sa.Numeric(precision=9, scale=4), nullable=False),
        sa.Column("nps", sa.Numeric(precision=9, scale=4), nullable=False, comment="Of everybody invited."),
        sa.Column("nps_low", sa.Numeric(precision=9, scale=4), nullable=False, comment="95 %, double sampling."),
        sa.Column("nps_high", sa.Numeric(precision=9, scale=4), nullable=False),
        sa.Column("gap", sa.Numeric(precision=9, scale=4), nullable=False, comment="The silent less those who answered, points."),
        sa.Column("gap_p", sa.Numeric(precision=9, scale=6), nullable=False, comment="Chance of such a gap where there is none."),
        sa.Column("publication_id", sa.BigInteger(), nullable=False, comment="Whose marts told who had answered and who had not."),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, comment="known_at cuts here."),
        sa.PrimaryKeyConstraint("follow_up_id", name=op.f("phone_follow_ups_pkey")),
        schema="ops",
        comment="Append-only: each estimate from calls to some of the silent of a wave, in counts alone; the newest of a wave stands.",
    )
    op.create_index(op.f("phone_follow_ups_programme_wave_idx"), "phone_follow_ups", ["programme", "wave"], unique=False, schema="ops")
