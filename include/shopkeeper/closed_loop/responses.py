"""Answers as the closed loop finds them: on the survey page, before they join a batch, or landed, before they are judged.

Both ways lead to the same answer under the same key. Who is meant follows the rule of the marts: the invitation knows best, then the
answer itself, then the interaction. What employees say about working here is no business of the front line, and left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.closed_loop.facts import LANDED, NEWS, OF_FOUND, PEOPLE, Facts, read
from shopkeeper.closed_loop.words import words_of
from shopkeeper.survey.current import newest

_RESPONSES = LANDED.format(entity="survey_responses")

# The latest version of each answer of `changed`.
_LANDED_ANSWERS = f"""
    answers as materialized (
        select * from (
            select distinct on (responses._key)
                responses._key as response_key, responses.provider, responses.account, responses.native_id, responses.invitation_id,
                responses.customer_id, responses.interaction_id, responses.programme, responses.scale, responses.score,
                coalesce(responses.is_complete, true) as is_complete, responses.may_call_back, responses.responded_at, responses._is_deleted
            from raw.survey_responses as responses
            where responses._key in (select _key from changed) and responses._batch_id in ({_RESPONSES})
            order by responses._key, updated_at desc nulls last, _loaded_at desc, _batch_id desc
        ) as latest
        where not _is_deleted and responded_at {NEWS}
            and not exists (
                select from ops.response_flags as flags where flags._key = latest.response_key and flags.excludes
            )
    )
"""

# What one invitation has sent so far, as `survey.collect` will put it together when it closes the batch.
_SENT_ANSWERS = """
    sent as materialized (
        select * from pii.survey_submissions
        where invitation_id in (select invitation_id from pii.survey_submissions where submission_id = any(:submissions))
    ),
    together as materialized (
        select
            ops.stable_id('survey_responses:survey_page', concat_ws(chr(31), 'shopkeeper', '', invitation_id)) as response_key,
            cast(invitation_id as text) as invitation_id,
            (array_agg(score order by submission_id desc) filter (where score is not null))[1] as score,
            (array_agg(may_call_back order by submission_id desc) filter (where may_call_back is not null))[1] as may_call_back,
            bool_or(is_complete) as is_complete,
            max(received_at) as responded_at
        from sent
        group by invitation_id
    ),
    answers as materialized (
        select
            response_key, 'shopkeeper' as provider, '' as account, invitation_id as native_id, invitation_id,
            cast(null as text) as customer_id, cast(null as text) as interaction_id, cast(null as text) as programme,
            cast(null as text) as scale, score, is_complete, may_call_back, responded_at
        from together
        where responded_at >= :oldest
    )
"""

# A ledger's invitation knows customer, interaction, programme and scale; one of a history the customer at least.
_SUBJECTS = f"""
    histories as materialized (
        {newest("survey_invitations", among="select invitation_id from answers where customer_id is null and invitation_id is not null")}
    ),
    subjects as materialized (
        select
            'response' as subject, cast(answers.response_key as text) as key, answers.responded_at as occurred_at,
            coalesce(ours.customer_id, histories.customer_id, answers.customer_id) as customer_id,
            coalesce(answers.interaction_id, ours.interaction_id, histories.interaction_id) as interaction_id,
            coalesce(answers.programme, ours.programme, histories.programme, 'survey') as programme,
            coalesce(answers.scale, waves.config ->> 'scale', '0-10') as scale,
            answers.score, answers.is_complete, answers.may_call_back, answers.invitation_id,
            ops.stable_id('response', concat_ws(chr(31), answers.provider, answers.account, answers.native_id)) as response_id
        from answers
        left join ops.invitations as ours
            on ours.invitation_id = case when pg_input_is_valid(answers.invitation_id, 'uuid') then cast(answers.invitation_id as uuid) end
        left join ops.waves as waves on ours.wave_id = waves.wave_id
        left join histories on answers.invitation_id = histories.invitation_id
        where ours.employee_id is null
    )
"""


def of_submissions(connection: sa.Connection, submission_ids: Sequence[int], *, oldest: datetime, now: datetime) -> list[Facts]:
    """The answers that these submissions of the survey page belong to, given since `oldest`."""
    return _answers(connection, _SENT_ANSWERS, {"submissions": list(submission_ids), "oldest": oldest, "now": now})


def of_answers(connection: sa.Connection, changed: str, given: dict[str, Any], *, oldest: datetime, now: datetime) -> list[Facts]:
    """The landed answers whose `_key` the query `changed` names, given since `oldest`."""
    return _answers(connection, f"changed as materialized ({changed}), {_LANDED_ANSWERS}", {**given, "oldest": oldest, "now": now})


def _answers(connection: sa.Connection, answers: str, given: dict[str, Any]) -> list[Facts]:
    earlier, more = _earlier(connection)
    query = f"""
        with {answers}, {_SUBJECTS}, {PEOPLE}, earlier as materialized ({earlier}),
        ranked as (
            select
                subjects.key, earlier.score,
                row_number() over (partition by subjects.key order by earlier.responded_at desc, earlier.response_id desc) as place
            from subjects
            inner join found using (subject, key)
            inner join earlier
                on earlier.customer_id = found.customer_id and earlier.programme = subjects.programme and earlier.scale = subjects.scale
            where (earlier.responded_at, earlier.response_id) < (subjects.occurred_at, subjects.response_id)
                and (earlier.invitation_id is null or earlier.invitation_id is distinct from subjects.invitation_id)
        )
        select
            {OF_FOUND}, subjects.programme, subjects.scale, subjects.score, subjects.is_complete, subjects.may_call_back,
            ranked.score as previous_score
        from found
        inner join subjects using (subject, key)
        left join ranked on ranked.key = found.key and ranked.place = 1
        order by found.occurred_at, found.key
    """
    found = read(connection, query, {**given, **more})
    words = words_of(connection, [UUID(one.key) for one in found])
    return [replace(one, words=said.verbatim) if (said := words.get(UUID(one.key))) else one for one in found]


def _earlier(connection: sa.Connection) -> tuple[str, dict[str, Any]]:
    """A query, and what it is given, for counted answers of the customers in `found`: in the marts, and landed since."""
    tables = ("marts.fct_survey_responses", "marts._applied")
    are_published = all(connection.scalar(sa.text("select to_regclass(:name)"), {"name": name}) is not None for name in tables)
    not_in_marts = " and batch_id not in (select batch_id from marts._applied)" if are_published else ""
    # Named as numbers, so that the index over batches finds them without a scan of the rest.
    landed_since = connection.scalars(sa.text(f"{_RESPONSES} and accepted > 0{not_in_marts}")).all()
    landed = """
        select distinct on (responses._key)
            ops.stable_id('response', concat_ws(chr(31), responses.provider, responses.account, responses.native_id)) as response_id,
            responses.invitation_id, coalesce(merged.survivor_customer_id, responses.customer_id) as customer_id,
            coalesce(responses.programme, 'survey') as programme, responses.scale, responses.score, responses.responded_at,
            not responses._is_deleted and coalesce(responses.is_complete, true) and responses.score is not null as counts
        from raw.survey_responses as responses
        left join merged on responses.customer_id = merged.customer_id
        where responses._batch_id = any(:landed_since)
            and coalesce(merged.survivor_customer_id, responses.customer_id) in (select customer_id from found)
        order by responses._key, responses.updated_at desc nulls last, responses._loaded_at desc, responses._batch_id desc
    """
    columns = "response_id, invitation_id, customer_id, programme, scale, score, responded_at"
    query = f"select {columns} from ({landed}) as landed where counts"
    if are_published:
        # A version in the marts gives way to any newer one of the same answer.
        query = f"""
            with landed as materialized ({landed})
            select {columns} from landed where counts
            union all
            select {columns} from marts.fct_survey_responses
            where customer_id in (select customer_id from found) and excluded_reason is null and score is not null
                and responded_at is not null and response_id not in (select response_id from landed)
        """
    return query, {"landed_since": list(landed_since)}
