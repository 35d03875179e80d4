"""Which words have to be read, and which themes they mention: once per answer, and again when words or taxonomy change.

What is read is kept in schema `analysis` under the answer's id, because it follows from the words, their language and the taxonomy
alone: a build reads what is new.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.csv
import sqlalchemy as sa

from shopkeeper.analysis import columns
from shopkeeper.analysis.themes.sentiment import LANGUAGE, sentiment
from shopkeeper.analysis.themes.taxonomy import Taxonomy

CHUNK = 50_000


def read_words(connection: sa.Connection, known: Taxonomy, *, default_language: str | None, with_sentiment: bool = True) -> int:
    """Bring `analysis.theme_readings` and `theme_mentions` up to date with the words of `marts_next`; returns how many were read.

    `default_language` is that of answers without a locale; without one they are read in no language.
    """
    given = {"method": known.method, "default_language": default_language or ""}
    connection.execute(sa.text(_TO_READ), given)
    connection.execute(sa.text("alter table to_read add primary key (number)"))
    connection.execute(sa.text("analyze to_read"))
    for table in ("theme_mentions", "theme_readings"):
        connection.execute(sa.text(_FORGET.format(table=table)))
    read = 0
    for rows in _chunks(connection):
        _write(connection, rows, known, with_sentiment=with_sentiment)
        read += len(rows)
    if read:
        connection.execute(sa.text("analyze analysis.theme_readings"))
        connection.execute(sa.text("analyze analysis.theme_mentions"))
    return read


def _chunks(connection: sa.Connection) -> Iterator[pa.Table]:
    last: int = connection.scalar(sa.text("select coalesce(max(number), 0) from to_read")) or 0
    for start in range(0, last, CHUNK):
        yield columns.read(
            connection,
            "select cast(response_id as text) as response_id, cast(words as text) as words, language, verbatim from to_read"
            f" where number > {start:d} and number <= {start + CHUNK:d}",
        )


def _write(connection: sa.Connection, rows: pa.Table, known: Taxonomy, *, with_sentiment: bool) -> None:
    ids, languages, texts = (rows[name].to_pylist() for name in ("response_id", "language", "verbatim"))
    who: list[str] = []
    what: list[str] = []
    for response_id, language, text in zip(ids, languages, texts, strict=True):
        if found := known.themes_in(text or "", language or ""):
            what += found
            who += [response_id] * len(found)
    felt = [
        sentiment(text or "") if with_sentiment and language == LANGUAGE else None for language, text in zip(languages, texts, strict=True)
    ]
    readings = {
        "response_id": rows["response_id"],
        "words": rows["words"],
        "language": rows["language"],
        "method": [known.method] * len(ids),
        "sentiment": [None if value is None else f"{value:.4f}" for value in felt],
    }
    _copy(connection, "analysis.theme_readings", readings)
    _copy(connection, "analysis.theme_mentions", {"response_id": who, "theme": what})


def _copy(connection: sa.Connection, table: str, values: dict[str, Any]) -> None:
    rows = pa.table({name: pa.array(column, pa.string()) if isinstance(column, list) else column for name, column in values.items()})
    content = io.BytesIO()
    pyarrow.csv.write_csv(rows, content, pyarrow.csv.WriteOptions(include_header=False))
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    with driver.cursor() as cursor, cursor.copy(f"copy {table} ({', '.join(values)}) from stdin (format csv)") as copy:
        copy.write(content.getbuffer())


_TO_READ = """
    create temporary table to_read on commit drop as
    select row_number() over () as number, said.*
    from (
        select
            response_id, verbatim, cast(md5(verbatim) as uuid) as words,
            coalesce(nullif(split_part(replace(lower(btrim(locale)), '_', '-'), '-', 1), ''), :default_language) as language
        from marts_next.fct_survey_responses
        where verbatim is not null
    ) as said
    left join analysis.theme_readings as done on said.response_id = done.response_id
    where done.response_id is null or (done.words, done.language, done.method) is distinct from (said.words, said.language, :method)
"""

# What is read anew, and what nobody says any more.
_FORGET = """
    delete from analysis.{table} as kept
    where exists (select from to_read where to_read.response_id = kept.response_id)
        or not exists (
            select from marts_next.fct_survey_responses as said where said.response_id = kept.response_id and said.verbatim is not null
        )
"""
