"""Answers for a person to read, and what was found in them: a labelled set of the company's own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from shopkeeper.errors import fail
from shopkeeper.warehouse.theme_tables import THEME_LABELS


class ToLabel(NamedTuple):
    """One answer's redacted words; `words` is their md5."""

    response_id: UUID
    words: UUID
    verbatim: str


def to_label(connection: sa.Connection, language: str, number: int, *, without_themes: bool) -> list[ToLabel]:
    """Published answers in a language that nobody has labelled in the words that they have now, in an order drawn once for ever.

    `without_themes`: only those in which the patterns find nothing, to see what the taxonomy misses; these measure nothing.
    Raises ShopkeeperError when nothing is published yet.
    """
    if connection.scalar(sa.text("select to_regclass('marts.fct_survey_responses')")) is None:
        raise fail("marts", "nothing is published yet", "./shopkeeper run")
    rows = connection.execute(sa.text(_TO_LABEL), {"language": language, "number": number, "without_themes": without_themes})
    return [ToLabel(row.response_id, row.words, row.verbatim) for row in rows]


def keep(
    connection: sa.Connection, one: ToLabel, themes: Sequence[str], *, is_random: bool, labelled_by: str, labelled_at: datetime
) -> None:
    """Write down what was found in an answer; the newest judgement stands."""
    values = {
        "words": one.words,
        "themes": " ".join(themes),
        "is_random": is_random,
        "labelled_by": labelled_by,
        "labelled_at": labelled_at,
    }
    statement = insert(THEME_LABELS).values(response_id=one.response_id, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["response_id"], set_=values))


_TO_LABEL = """
    select said.response_id, cast(md5(said.verbatim) as uuid) as words, said.verbatim
    from marts.fct_survey_responses as said
    inner join analysis.theme_readings as readings
        on said.response_id = readings.response_id and cast(md5(said.verbatim) as uuid) = readings.words
    left join ops.theme_labels as labels on said.response_id = labels.response_id and readings.words = labels.words
    where said.excluded_reason is null and readings.language = :language and labels.response_id is null
        and not (:without_themes and cardinality(readings.themes) > 0)
    order by md5(cast(said.response_id as text) || '|label'), said.response_id
    limit :number
"""
