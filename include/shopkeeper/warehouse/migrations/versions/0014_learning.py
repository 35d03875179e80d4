"""Coaching, huddles and disputes: whose each answer is, who reads its words, and that what is written down of it is true.

Stands on `ops.current_employee()`, `ops.led_unit()` and `ops.own_unit()` of 0013, and says more of what may be added than 0013 does.
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"

# `pg_temp` last: a caller's temporary table must not stand in for one of ours.
DEFINER = "security definer set search_path = pg_catalog, pg_temp"

UNIT_PATH_OF = f"""
    create function ops.unit_path_of(employee text) returns text language sql stable {DEFINER}
    as $$
        select directory.unit_path from ops.directory where directory.employee_id = unit_path_of.employee and directory.is_here
    $$
"""

# Answers given since a moment, or those of some keys, gated or not: a gate that stops the marts must not keep a customer's words
# from whom they are about. Newest versions, ordered as everywhere (docs/adr/0002-batches-and-versions.md). An answer cannot have
# been loaded before it was given, so batches before that moment need no look. An answer about no interaction is nobody's in
# particular; an answer that names none may name an invitation that does. What employees say about working here is left out, and
# what is not counted. What an upheld dispute says of an answer comes before what its interaction says.
WHOSE_ANSWERS = f"""
    create function ops.whose_answers(since timestamptz, wanted uuid[]) returns table (
        response_key text, responded_at timestamptz, programme text, scale text, score integer, interaction_type text,
        employee_id text, unit_path text, is_moved boolean
    )
    language sql stable {DEFINER}
    as $$
        with
        keys as (
            select versions._key
            from raw.survey_responses as versions
            where whose_answers.since is not null
                and versions.responded_at >= whose_answers.since
                and versions._batch_id >= (
                    select min(batches.batch_id) from ops.batches
                    where batches.entity = 'survey_responses' and batches.loaded_at >= whose_answers.since
                )
            union
            select unnest(whose_answers.wanted)
        ),
        answers as (
            select distinct on (versions._key) versions.*
            from keys
            inner join raw.survey_responses as versions on versions._key = keys._key
            inner join ops.batches on batches.batch_id = versions._batch_id and batches.status <> 'withdrawn'
            order by versions._key, versions.updated_at desc nulls last, versions._loaded_at desc, versions._batch_id desc
        ),
        sources as (
            select distinct batches.source from ops.batches where batches.entity = 'interactions'
        ),
        decided as (select * from ops.upheld_disputes),
        owned as (
            select
                answers._key::text as response_key, answers.responded_at, answers.programme, answers.scale, answers.score,
                interaction.interaction_type, decided.response_key is not null as is_moved, interaction.org_unit_id,
                case when decided.response_key is null then interaction.employee_id else decided.to_employee_id end as employee_id
            from answers
            cross join lateral (
                select coalesce(
                    answers.interaction_id,
                    (
                        select versions.interaction_id
                        from (select distinct batches.source from ops.batches where batches.entity = 'survey_invitations') as sources
                        inner join raw.survey_invitations as versions
                            on versions._key = ops.stable_id('survey_invitations:' || sources.source, answers.invitation_id)
                        inner join ops.batches on batches.batch_id = versions._batch_id and batches.status in ('passed', 'waived')
                        where not versions._is_deleted
                        order by versions.updated_at desc nulls last, versions._loaded_at desc, versions._batch_id desc
                        limit 1
                    )
                ) as interaction_id
            ) as about
            cross join lateral (
                select versions.employee_id, versions.org_unit_id, versions.interaction_type, versions._is_deleted
                from sources
                inner join raw.interactions as versions
                    on versions._key = ops.stable_id('interactions:' || sources.source, about.interaction_id)
                inner join ops.batches on batches.batch_id = versions._batch_id and batches.status in ('passed', 'waived')
                order by versions.updated_at desc nulls last, versions._loaded_at desc, versions._batch_id desc, versions._key
                limit 1
            ) as interaction
            left join decided on decided.response_key = answers._key::text
            where not answers._is_deleted and not interaction._is_deleted
                and not exists (select from ops.response_flags as flags where flags._key = answers._key and flags.excludes)
                and not exists (
                    select from ops.invitations
                    where invitations.employee_id is not null and invitations.invitation_id
                        = case when pg_input_is_valid(answers.invitation_id, 'uuid') then answers.invitation_id::uuid end
                )
        ),
        units as (
            select directory.org_unit_id, min(directory.unit_path) as unit_path
            from ops.directory
            where directory.is_here
            group by directory.org_unit_id
        )
        select
            owned.response_key, owned.responded_at, owned.programme, owned.scale, owned.score, owned.interaction_type, owned.employee_id,
            coalesce(people.unit_path, units.unit_path), owned.is_moved
        from owned
        left join ops.directory as people on people.employee_id = owned.employee_id and people.is_here
        left join units on units.org_unit_id = owned.org_unit_id and not owned.is_moved
    $$
"""

# One's own answers and those of the people one leads; besides, what was talked about in a coaching that one gave or was given,
# and in a huddle of one's team, but of that not whose it is. Of these only some people's, or those under a unit, where asked for.
SEEN_ANSWERS = f"""
    create function ops.seen_answers(since timestamptz, wanted uuid[], people text[], under text) returns table (
        response_key text, responded_at timestamptz, programme text, scale text, score integer, interaction_type text,
        employee_id text, unit_path text, is_moved boolean, verbatim text, free_answers jsonb
    )
    language sql stable {DEFINER}
    as $$
        with
        me as materialized (
            select ops.current_employee() as employee_id, ops.led_unit() as led, ops.own_unit() as own
        ),
        coached as (
            select talked.response_key
            from me
            inner join ops.coachings on me.employee_id in (coachings.employee_id, coachings.coach_employee_id)
            inner join ops.coaching_answers as talked on talked.coaching_id = coachings.coaching_id
        ),
        huddled as (
            select talked.response_key
            from me
            inner join ops.huddles on huddles.unit_path = me.own
            inner join ops.huddle_answers as talked on talked.huddle_id = huddles.huddle_id
        ),
        found as (
            select
                answers.*,
                coalesce(
                    answers.employee_id = me.employee_id or starts_with(answers.unit_path, me.led)
                    or answers.response_key in (select coached.response_key from coached),
                    false
                ) as is_known
            from me
            cross join ops.whose_answers(seen_answers.since, seen_answers.wanted) as answers
        ),
        seen as (
            select
                found.response_key, found.responded_at, found.programme, found.scale, found.score, found.interaction_type,
                case when found.is_known then found.employee_id end as employee_id, found.unit_path, found.is_moved
            from found
            where found.is_known or found.response_key in (select huddled.response_key from huddled)
        )
        select seen.*, words.verbatim, words.free_answers
        from seen
        left join lateral (
            select personal.verbatim, personal.free_answers
            from pii.survey_responses as personal
            inner join ops.batches on batches.batch_id = personal._batch_id and batches.status <> 'withdrawn'
            where personal._key = seen.response_key::uuid
            order by personal.updated_at desc nulls last, personal._loaded_at desc, personal._batch_id desc
            limit 1
        ) as words on true
        where (seen_answers.people is null or seen.employee_id = any(seen_answers.people))
            and (seen_answers.under is null or starts_with(seen.unit_path, seen_answers.under))
    $$
"""

# For the policies below: whether an answer is this employee's, or of this unit.
IS_ANSWER_OF = f"""
    create function ops.is_answer_of(response_key text, employee text, unit_path text) returns boolean language sql stable {DEFINER}
    as $$
        select exists (
            select from ops.whose_answers(null, array[is_answer_of.response_key::uuid]) as answers
            where answers.employee_id = is_answer_of.employee or starts_with(answers.unit_path, is_answer_of.unit_path)
        )
    $$
"""

# For auditors, who see no employee: every dispute with every decision, in order.
ANSWER_DISPUTES = f"""
    create function quality.answer_disputes() returns table (
        dispute_id uuid, response_key text, org_unit_id text, reason text, opened_at timestamptz, decision_number bigint, decision text,
        goes_to text, decided_at timestamptz, recorded_at timestamptz, is_last boolean
    )
    language sql stable {DEFINER}
    as $$
        select
            disputes.dispute_id, disputes.response_key, split_part(rtrim(disputes.unit_path, '/'), '/', -1),
            disputes.reason, disputes.opened_at,
            case when decisions.dispute_id is not null then row_number() over decided end, decisions.decision,
            case
                when decisions.decision = 'rejected' then 'stays'
                when decisions.decision = 'upheld' and decisions.to_employee_id is null then 'nobody'
                when decisions.decision = 'upheld' then 'another employee'
            end,
            decisions.decided_at, decisions.recorded_at,
            case when decisions.dispute_id is not null then lead(decisions.decision_id) over decided is null end
        from ops.disputes
        left join ops.dispute_decisions as decisions on decisions.dispute_id = disputes.dispute_id
        window decided as (partition by disputes.dispute_id order by decisions.decision_id)
        order by disputes.opened_at, disputes.dispute_id, decisions.decision_id
    $$
"""

ME, LED, OWN = "(select ops.current_employee())", "(select ops.led_unit())", "(select ops.own_unit())"

PIPELINE = "(select pg_has_role(nspowner, 'usage') from pg_catalog.pg_namespace where nspname = 'ops')"

# What is added has to be true, besides being somebody's to write down (0013).
TRUE = {
    # A leader writes down the talks with those below; whoever was coached by a peer, or by a leader, names him or her.
    "ops.coachings": f"""
        employee_id <> coach_employee_id and unit_path = ops.unit_path_of(employee_id) and (
            coach_employee_id = {ME} and starts_with(unit_path, {LED})
            or employee_id = {ME} and starts_with(unit_path, ops.unit_path_of(coach_employee_id))
        )
    """,
    # Otherwise a stranger's answer could be read by writing it into a talk of one's own.
    "ops.coaching_answers": """
        exists (
            select from ops.coachings
            where coachings.coaching_id = coaching_answers.coaching_id
                and ops.is_answer_of(coaching_answers.response_key, coachings.employee_id, null)
        )
    """,
    "ops.huddle_answers": f"""
        exists (
            select from ops.huddles
            where huddles.huddle_id = huddle_answers.huddle_id and starts_with(huddles.unit_path, {LED})
                and ops.is_answer_of(huddle_answers.response_key, null, huddles.unit_path)
        )
    """,
    # Under another unit's name it would take that unit's place; and no huddle begins with its end.
    "ops.huddles": "held_at is null and right(unit_path, length(org_unit_id) + 2) = '/' || org_unit_id || '/'",
    "ops.disputes": f"unit_path = {OWN} and ops.is_answer_of(response_key, {ME}, null)",
}


def upgrade() -> None:
    for statement in (UNIT_PATH_OF, WHOSE_ANSWERS, SEEN_ANSWERS, IS_ANSWER_OF, ANSWER_DISPUTES):
        op.execute(statement)
    # As 0013 does it for the other tables.
    seen = "exists (select from ops.huddles where huddles.huddle_id = huddle_answers.huddle_id)"
    op.execute("alter table ops.huddle_answers enable row level security, force row level security")
    op.execute(f"create policy pipeline on ops.huddle_answers using ({PIPELINE}) with check ({PIPELINE})")
    op.execute(f"create policy desk_sees on ops.huddle_answers for select to desk using ({seen})")
    op.execute(f"create policy desk_adds on ops.huddle_answers for insert to desk with check ({seen})")
    for table, condition in TRUE.items():
        op.execute(f"create policy true_rows on {table} as restrictive for insert to desk with check ({condition})")
    op.execute(f"create policy leaders_hold on ops.huddles as restrictive for update to desk using (starts_with(unit_path, {LED}))")
