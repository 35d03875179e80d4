"""Doubts about the quality of answers, from whatever source. They mark an answer and never delete it.

Answers of landed batches are flagged before their gate, so that a batch's flags are as fixed as its rows. One flag leaves an
answer out of scores: `own_staff`, for a customer who writes from an employee's address. That a customer is staff says the CRM
itself, as of the moment of the answer; the marts exclude those by that rule alone.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from shopkeeper.survey.current import newest
from shopkeeper.warehouse.typing import literal

# Nobody reads and answers a closed question in less, or writes words; one question alone is a click, and quick by nature.
SECONDS_PER_CHOICE, SECONDS_PER_TEXT = 1, 3
# So many ratings alike, the score not among them: who is pleased gives 10 to two questions without being careless.
STRAIGHT_LINE_FROM = 3
# Two customers may say "all was very good"; a sentence that somebody else wrote word for word was pasted.
SAME_WORDS_FROM = 20
# A household shares a device; so many customers on one are an office, a shop's tablet, or somebody who answers for others.
SAME_DEVICE_FROM = 4
COMPARED_WITH = timedelta(days=30)

# Words of no language: neighbours on a keyboard, ten consonants in a row (the longest of real words is eight), or one letter over
# and over. What has no Latin letters is left alone.
KEYBOARD = "asdf|sdfg|dfgh|fghj|ghjk|hjkl|qwert|wertz|werty|azert|yxcv|zxcv|xcvb|cvbn"
CONSONANTS = "[bcdfghjklmnpqrstvwxz]{10,}"


def flag_landed(engine: sa.Engine, *, now: datetime) -> dict[str, int]:
    """Flag the answers of all batches that wait for their gate; returns how many got each flag. Again, it adds none."""
    with engine.begin() as connection:
        parameters = {"known_at": now, "compared_from": now - COMPARED_WITH}
        connection.execute(sa.text(_LANDED), parameters)
        connection.execute(sa.text("analyze landed_answers"))
        added = {
            flag: connection.execute(
                sa.text(
                    f"insert into ops.response_flags (_key, _batch_id, flag, excludes)"
                    f" select _key, _batch_id, {literal(flag)}, bool_or(excludes) from ({found}) as found"
                    f" group by _key, _batch_id on conflict do nothing"
                ),
                parameters,
            ).rowcount
            for flag, found in FLAGS.items()
        }
        return {flag: count for flag, count in added.items() if count}


# An answer's customer: its own, else its invitation's in a history. Those of the ledger came with the answer.
_LANDED = f"""
    create temporary table landed_answers on commit drop as
    with answers as (
        select
            responses._key, responses._batch_id, responses.invitation_id, responses.customer_id, responses.score, responses.answers,
            responses.may_call_back, extract(epoch from responses.responded_at - responses.started_at) as seconds,
            personal.verbatim, personal.free_answers, personal.extra ->> 'client_hash' as client_hash,
            lower(regexp_replace(btrim(personal.verbatim), '\\s+', ' ', 'g')) as words
        from raw.survey_responses as responses
        left join pii.survey_responses as personal using (_key, _batch_id)
        where not responses._is_deleted
            and responses._batch_id in (select batch_id from ops.batches where entity = 'survey_responses' and status = 'landed')
    ),
    invitations as (
        {newest("survey_invitations", among="select invitation_id from answers where customer_id is null and invitation_id is not null")}
    )
    select answers.*, coalesce(answers.customer_id, invitations.customer_id) as asked_customer_id
    from answers
    left join invitations using (invitation_id)
"""

_SPEEDER = f"""
    select _key, _batch_id, false as excludes
    from (
        select *,
            num_nonnulls(score, may_call_back) + (select count(*) from jsonb_object_keys(coalesce(answers, '{{}}'))) as choices,
            num_nonnulls(verbatim) + (select count(*) from jsonb_object_keys(coalesce(free_answers, '{{}}'))) as texts
        from landed_answers
    ) as counted
    where seconds >= 0 and choices + texts >= 2
        and seconds < choices * {SECONDS_PER_CHOICE} + texts * {SECONDS_PER_TEXT}
"""

_STRAIGHT_LINE = f"""
    select _key, _batch_id, false as excludes
    from landed_answers
    cross join lateral jsonb_each_text(answers) as given (role, answer)
    where given.answer ~ '^[0-9]+$'
    group by _key, _batch_id
    having count(*) >= {STRAIGHT_LINE_FROM} and count(distinct given.answer) = 1
"""

# The words, or the device, of answers of the last weeks; versions of one answer are one answer.
_DUPLICATE = f"""
    with recent as (
        select
            responses._key, coalesce(responses.customer_id, responses._key::text) as customer,
            lower(regexp_replace(btrim(personal.verbatim), '\\s+', ' ', 'g')) as words, personal.extra ->> 'client_hash' as client_hash
        from raw.survey_responses as responses
        inner join pii.survey_responses as personal using (_key, _batch_id)
        where responses._batch_id in (
            select batch_id from ops.batches
            where entity = 'survey_responses' and status in ('landed', 'passed', 'waived') and loaded_at >= :compared_from
        )
    ),
    pasted as (
        select words from recent where length(words) >= {SAME_WORDS_FROM} group by words having count(distinct customer) > 1
    ),
    shared as (
        select client_hash from recent where client_hash is not null
        group by client_hash having count(distinct customer) >= {SAME_DEVICE_FROM}
    )
    select _key, _batch_id, false as excludes from landed_answers where words in (select words from pasted)
    union all
    select _key, _batch_id, false from landed_answers where client_hash in (select client_hash from shared)
"""

_GIBBERISH = f"""
    select _key, _batch_id, false as excludes
    from landed_answers
    where words ~ {literal(KEYBOARD)} or words ~ {literal(CONSONANTS)} or replace(words, ' ', '') ~ '^([a-z])\\1{{5,}}$'
"""

_OWN_STAFF = f"""
    with customers as (
        {newest("customers", pii=["email"], among="select asked_customer_id from landed_answers where asked_customer_id is not null")}
    ),
    employees as ({newest("employees", pii=["email"])}),
    addresses as (select distinct lower(btrim(email)) as address from employees where email is not null)
    select landed_answers._key, landed_answers._batch_id, addresses.address is not null as excludes
    from landed_answers
    inner join customers on landed_answers.asked_customer_id = customers.customer_id
    left join addresses on lower(btrim(customers.email)) = addresses.address
    where customers.is_staff or addresses.address is not null
"""

FLAGS = {
    "speeder": _SPEEDER,
    "straight_line": _STRAIGHT_LINE,
    "duplicate": _DUPLICATE,
    "gibberish": _GIBBERISH,
    "own_staff": _OWN_STAFF,
}
