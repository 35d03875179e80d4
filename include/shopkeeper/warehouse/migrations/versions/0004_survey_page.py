"""What the survey page may do: three functions that run as the owner. It has no right to any table."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

# `pg_temp` last: a caller's temporary table must not stand in for one of ours.
DEFINER = "security definer set search_path = pg_catalog, pg_temp"

# Nothing here names a person: no customer, no employee, none of the customer's own words.
# The interaction is its newest version, ordered as everywhere (docs/adr/0002-batches-and-versions.md), found by the keys that
# it would have in each source. Sources are skipped through by index, because there are thousands of batches of each.
OPEN_SURVEY = f"""
    create function ops.open_survey(invitation uuid) returns table (
        state text, locale text, arms jsonb, wave_id uuid, config text,
        interaction_type text, occurred_at timestamptz, score integer, answered_at timestamptz
    )
    language sql stable {DEFINER}
    as $$
        select
            case
                when said.is_complete then 'completed'
                when clock_timestamp() >= invitations.expires_at then 'expired'
                when said.is_complete is null then 'open'
                else 'partial'
            end,
            invitations.locale, invitations.arms, invitations.wave_id, waves.config::text,
            interaction.interaction_type, interaction.occurred_at, said.score, said.answered_at
        from ops.invitations
        join ops.waves on waves.wave_id = invitations.wave_id
        cross join lateral (
            select
                (
                    array_agg(submissions.score order by submissions.submission_id desc) filter (where submissions.score is not null)
                )[1] as score,
                bool_or(submissions.is_complete) as is_complete,
                max(submissions.received_at) as answered_at
            from pii.survey_submissions as submissions
            where submissions.invitation_id = invitations.invitation_id
        ) as said
        left join lateral (
            with recursive sources (source) as (
                select min(batches.source) from ops.batches where batches.entity = 'interactions'
                union all
                select (
                    select min(batches.source)
                    from ops.batches
                    where batches.entity = 'interactions' and batches.source > sources.source
                )
                from sources
                where sources.source is not null
            )
            select versions.interaction_type, versions.occurred_at, versions._is_deleted
            from sources
            join raw.interactions as versions
                on versions._key = ops.stable_id('interactions:' || sources.source, invitations.interaction_id)
            join ops.batches on batches.batch_id = versions._batch_id and batches.status in ('passed', 'waived')
            order by versions.updated_at desc nulls last, versions._loaded_at desc, versions._batch_id desc, versions._key
            limit 1
        ) as interaction on not interaction._is_deleted
        where invitations.invitation_id = open_survey.invitation
    $$
"""

# The lock makes two answers to one invitation come one after the other, so that only one of them can be the last.
RECORD_ANSWER = f"""
    create function ops.record_answer(
        invitation uuid, score integer, is_complete boolean, answers jsonb, free_answers jsonb, may_call_back boolean,
        started_at timestamptz, client_hash text
    ) returns text
    language plpgsql volatile {DEFINER}
    as $$
    declare
        asked ops.invitations;
        earlier bigint;
        was_complete boolean;
    begin
        perform pg_advisory_xact_lock(hashtextextended('shopkeeper.answer/' || record_answer.invitation, 0));
        select * into asked from ops.invitations where invitation_id = record_answer.invitation;
        if not found then
            return 'unknown';
        end if;
        select count(*), bool_or(submissions.is_complete) into earlier, was_complete
        from pii.survey_submissions as submissions
        where submissions.invitation_id = record_answer.invitation;
        if was_complete then
            return 'already_answered';
        elsif clock_timestamp() >= asked.expires_at then
            return 'expired';
        elsif earlier >= 200 then
            return 'too_often';
        end if;
        insert into pii.survey_submissions (
            invitation_id, score, is_complete, answers, free_answers, may_call_back, locale, started_at, client_hash
        )
        values (
            record_answer.invitation, record_answer.score, record_answer.is_complete, record_answer.answers, record_answer.free_answers,
            record_answer.may_call_back, asked.locale, case when earlier = 0 then record_answer.started_at end, record_answer.client_hash
        );
        return 'recorded';
    end
    $$
"""

# In an employee programme the block names the employee. Unsubscribing again while blocked adds nothing.
RECORD_OPT_OUT = f"""
    create function ops.record_opt_out(invitation uuid) returns text
    language plpgsql volatile {DEFINER}
    as $$
    declare
        asked ops.invitations;
        moment timestamptz := clock_timestamp();
    begin
        perform pg_advisory_xact_lock(hashtextextended('shopkeeper.opt_out/' || record_opt_out.invitation, 0));
        select * into asked from ops.invitations where invitation_id = record_opt_out.invitation;
        if not found then
            return 'unknown';
        end if;
        if not exists (
            select from pii.contact_blocks as blocks
            where blocks.invitation_id = record_opt_out.invitation and blocks.kind = 'opted_out' and blocks.lifted_at is null
        ) then
            insert into pii.contact_blocks (kind, customer_id, reason, invitation_id, blocked_by, blocked_at)
            values (
                'opted_out', coalesce(asked.customer_id, asked.employee_id), 'unsubscribed by link', asked.invitation_id, 'customer', moment
            );
            insert into ops.invitation_events (invitation_id, event, reason, actor, occurred_at)
            values (asked.invitation_id, 'opted_out', 'unsubscribed by link', 'customer', moment);
        end if;
        return 'opted_out';
    end
    $$
"""


def upgrade() -> None:
    for statement in (OPEN_SURVEY, RECORD_ANSWER, RECORD_OPT_OUT):
        op.execute(statement)
