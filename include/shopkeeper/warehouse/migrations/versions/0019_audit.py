"""Tracing a number, and making a past report again: what auditors may see of the pipeline's own state, and what a build was set to.

Views and functions rather than copies: what is erased or withdrawn below is so here, too. None shows a name, an address, a word that a
customer wrote, or an employee.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0019"
down_revision = "0018"

# `pg_temp` last: a caller's temporary table must not stand in for one of ours.
DEFINER = "security definer set search_path = pg_catalog, pg_temp"

VIEWS = {
    # Each build with the settings that it was made with; ops.current_build has those of the one at work.
    "builds": """
        select
            build_id, as_of, known_at, last_event_id, config_hash, code_hash, git_commit, is_full_refresh, why_full_refresh, started_at,
            status,
            cast(settings ->> 'as_of_on' as date) as as_of_on,
            settings ->> 'company_timezone' as company_timezone,
            settings ->> 'company_currency' as company_currency,
            cast(settings ->> 'maturity_days' as integer) as maturity_days,
            cast(settings ->> 'hidden_below' as integer) as hidden_below,
            cast(settings ->> 'indicative_below' as integer) as indicative_below,
            cast(settings ->> 'indicative_half_width' as numeric(6, 2)) as indicative_half_width,
            cast(settings ->> 'hierarchy_on' as date) as hierarchy_on
        from ops.builds
    """,
    "build_batches": "select build_id, batch_id from ops.build_batches",
    "batches": """
        select
            batch_id, attempt, entity, source, kind, interval_start, interval_end, loaded_at, rows_in, accepted, unchanged, rejected,
            deleted, status, reason
        from ops.batches
    """,
    "bands": "select kind, name, position, lower_bound, upper_bound from ops.bands",
    # Without the payload, which holds whatever the source sent.
    "rejected_rows": """
        select entity, source, natural_key, column_name, reason, first_batch_id, last_batch_id, times_seen, closed_by_batch_id
        from rejected.rows
    """,
    "waves": """
        select
            wave_id, programme, name, config ->> 'kind' as kind, config ->> 'scale' as scale, covers_from, covers_to, as_of, config_hash,
            method, delivery, plan_id, candidates, turned_away, drawn, drawn_at, run_id
        from ops.waves
    """,
    "wave_events": "select event_id, wave_id, event, recorded_at from ops.wave_events",
    "invitations": """
        select
            invitation_id, wave_id, programme, customer_id, interaction_id, provider, channel, locale, stratum, inclusion_probability,
            design_weight, arms, invited_at, due_at, expires_at
        from ops.invitations
        where employee_id is null
    """,
    "invitation_events": """
        select
            event_id, events.invitation_id, message, event, code, reason, actor <> 'shopkeeper' as is_by_hand, occurred_at, recorded_at
        from ops.invitation_events as events
        where exists (
            select from ops.invitations where invitations.invitation_id = events.invitation_id and invitations.employee_id is null
        )
    """,
}

# An interaction may be known from any source of interactions; keys find it without a scan.
INTERACTION_VERSIONS = f"""
    create function quality.interaction_versions(interaction text) returns table (
        interaction_id text, source text, batch_id bigint, customer_id text, occurred_at timestamptz, resolved_at timestamptz, channel text,
        interaction_type text, outcome text, product_id text, org_unit_id text, is_deleted boolean, updated_at timestamptz,
        loaded_at timestamptz
    )
    language sql stable {DEFINER}
    as $$
        select
            known.interaction_id, known._source, known._batch_id, known.customer_id, known.occurred_at, known.resolved_at, known.channel,
            known.interaction_type, known.outcome, known.product_id, known.org_unit_id, known._is_deleted, known.updated_at,
            known._loaded_at
        from (select distinct batches.source from ops.batches where batches.entity = 'interactions') as sources
        join raw.interactions as known
            on known._key = ops.stable_id('interactions:' || sources.source, interaction_versions.interaction)
        order by known.updated_at desc nulls last, known._loaded_at desc, known._batch_id desc
    $$
"""

# quality.answer_disputes() speaks of answers by their key in raw, marts by their id.
DISPUTED_RESPONSES = f"""
    create function quality.disputed_responses() returns table (response_key text, response_id uuid)
    language sql stable {DEFINER}
    as $$
        select distinct
            disputes.response_key,
            ops.stable_id('response', concat_ws(chr(31), answers.provider, answers.account, answers.native_id))
        from ops.disputes
        join raw.survey_responses as answers on answers._key = disputes.response_key::uuid
    $$
"""


def upgrade() -> None:
    op.add_column("builds", sa.Column("settings", JSONB(), comment="The row of current_build that it was made with."), schema="ops")
    op.add_column(
        "current_build",
        sa.Column(
            "hierarchy_on", sa.Date(), comment="Units stand where they stood on this day; empty: on the day that an answer is about."
        ),
        schema="ops",
    )
    op.execute("update ops.builds set settings = to_jsonb(current_build) - 'only_row' from ops.current_build")
    for name, query in VIEWS.items():
        op.execute(f"create view quality.{name} as {query}")
    op.execute(INTERACTION_VERSIONS)
    op.execute(DISPUTED_RESPONSES)
