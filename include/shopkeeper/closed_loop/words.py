"""What customers wrote, by answer: from batches whatever their gate says, and from the survey page before it is in any batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import sqlalchemy as sa


@dataclass(frozen=True)
class Words:
    """The verbatim, and question role → words of the other open questions."""

    verbatim: str | None = field(repr=False)
    free_answers: Mapping[str, str] = field(repr=False)


_WORDS = """
    with landed as (
        select distinct on (personal._key) personal._key as response_key, personal.verbatim, personal.free_answers
        from pii.survey_responses as personal
        inner join ops.batches on personal._batch_id = batches.batch_id
        where personal._key = any(:keys) and batches.status <> 'withdrawn'
        order by personal._key, personal.updated_at desc nulls last, personal._loaded_at desc, personal._batch_id desc
    ),
    -- Each submission adds to what the same invitation said before; the last word on each question counts.
    said as (
        select
            ops.stable_id('survey_responses:survey_page', concat_ws(chr(31), 'shopkeeper', '', sent.invitation_id)) as response_key,
            answers.key as question, answers.value as words, sent.submission_id
        from pii.survey_submissions as sent
        left join lateral jsonb_each_text(sent.free_answers) as answers on true
        where sent.invitation_id in (select invitation_id from pii.survey_submissions where batch_id is null)
    ),
    fresh as (
        select response_key, coalesce(jsonb_object_agg(question, words order by submission_id) filter (where words <> ''), '{}') as words
        from said where response_key = any(:keys) group by response_key
    )
    select response_key, words ->> 'verbatim' as verbatim, words - 'verbatim' as free_answers from fresh
    union all
    select response_key, verbatim, coalesce(free_answers, '{}') from landed where response_key not in (select response_key from fresh)
"""


def words_of(connection: sa.Connection, keys: Sequence[UUID]) -> dict[UUID, Words]:
    """Answer (`_key` in raw) → its words; those of which nothing is known are left out."""
    if not keys:
        return {}
    rows = connection.execute(sa.text(_WORDS), {"keys": list(keys)})
    return {row.response_key: Words(row.verbatim, row.free_answers) for row in rows}
