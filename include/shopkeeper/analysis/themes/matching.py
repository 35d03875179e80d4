"""Which words have to be read, and which themes they mention: once per answer, and again when words or taxonomy change.

What is read is kept in schema `analysis` under the answer's id, because it follows from the words, their language and the taxonomy
alone: a build reads what is new. Words come out of the warehouse and readings go back in one stream each, a row per answer: rows and
entries of an index cost more than looking for the themes does.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from io import BytesIO

import psycopg
import pyarrow as pa
import pyarrow.csv
import sqlalchemy as sa

from shopkeeper.analysis.themes.sentiment import LANGUAGE, sentiment
from shopkeeper.analysis.themes.taxonomy import Taxonomy

CHUNK = 5_000  # answers that are read at a time: while these are, the warehouse prepares the next
IN_MEMORY = 64 << 20  # bytes of readings; more than these wait on the disk until all words are read


def read_words(connection: sa.Connection, known: Taxonomy, *, default_language: str | None, with_sentiment: bool = True) -> int:
    """Bring `analysis.theme_readings` up to date with the words of `marts_next`; returns how many were read.

    `default_language` is that of answers without a locale; without one they are read in no language.
    """
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    given = {"method": known.method, "default_language": default_language or ""}
    read = 0
    # A copy takes no parameters: those of a client cursor are written into its text.
    with psycopg.ClientCursor(driver) as cursor, tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as readings:
        cursor.execute(_FORGET, given)
        with cursor.copy(_TO_READ, given) as words:
            for rows in _chunks(words):
                found = _readings(rows, known, with_sentiment=with_sentiment)
                pyarrow.csv.write_csv(found, readings, pyarrow.csv.WriteOptions(include_header=False))
                read += len(rows)
        readings.seek(0)
        with cursor.copy("copy analysis.theme_readings (response_id, words, language, method, sentiment, themes) from stdin csv") as copy:
            while block := readings.read(1 << 20):
                copy.write(block)
        if read:
            cursor.execute("analyze analysis.theme_readings")
    return read


def _chunks(words: psycopg.Copy) -> Iterator[pa.Table]:
    names = ("response_id", "words", "language", "verbatim")
    options = {
        "read_options": pyarrow.csv.ReadOptions(column_names=names),
        "parse_options": pyarrow.csv.ParseOptions(newlines_in_values=True),
        "convert_options": pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
    }
    while content := b"".join(map(bytes, itertools.islice(words, CHUNK))):  # each block of a copy is a row
        yield pyarrow.csv.read_csv(BytesIO(content), **options)


def _readings(rows: pa.Table, known: Taxonomy, *, with_sentiment: bool) -> pa.Table:
    languages, texts = (rows[name].to_pylist() for name in ("language", "verbatim"))
    themes = [known.themes_in(text, language) for text, language in zip(texts, languages, strict=True)]
    spelled = {found: f"{{{','.join(sorted(found))}}}" for found in set(themes)}  # many texts mention the same
    english = [text if with_sentiment and language == LANGUAGE else None for text, language in zip(texts, languages, strict=True)]
    return pa.table(
        {
            "response_id": rows["response_id"],
            "words": rows["words"],
            "language": rows["language"],
            "method": pa.repeat(known.method, len(rows)),
            "sentiment": pa.array([None if text is None else f"{sentiment(text):.4f}" for text in english], pa.string()),
            "themes": pa.array(map(spelled.__getitem__, themes), pa.string()),
        }
    )


# The answers in words: fingerprint of the words, and the language in which they are read.
_SAID = """
    select
        response_id, cast(md5(verbatim) as uuid) as words,
        coalesce(nullif(split_part(replace(lower(btrim(locale)), '_', '-'), '-', 1), ''), %(default_language)s) as language, verbatim
    from marts_next.fct_survey_responses
    where verbatim is not null
"""

# What is read anew, and what nobody says any more.
_FORGET = f"""
    delete from analysis.theme_readings as kept
    where not exists (
        select from ({_SAID}) as said
        where said.response_id = kept.response_id and said.words = kept.words and said.language = kept.language
            and kept.method = %(method)s
    )
"""

_TO_READ = f"""
    copy (
        select said.* from ({_SAID}) as said
        where not exists (select from analysis.theme_readings as kept where kept.response_id = said.response_id)
    ) to stdout csv
"""
