"""Words are read once, and again when they or the taxonomy change; people's labels are held against what was found."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from shopkeeper.analysis.themes import agreement, matching
from shopkeeper.analysis.themes.matching import read_words
from shopkeeper.analysis.themes.taxonomy import read_taxonomy, taxonomy
from shopkeeper.cli import app as cli
from shopkeeper.cli import label  # noqa: F401 registers the command
from shopkeeper.warehouse.theme_tables import THEME_LANGUAGES, THEME_PATTERNS, THEMES

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PATTERNS = [("price", "en", False, "expensive"), ("price", "de", False, "teuer*"), ("phone", "en", False, "call* back")]
PARENTS = {"service": None, "phone": "service", "price": None}
SAID = {
    1: ("Too expensive, and nobody called back.", "en-GB"),
    2: ("Zu teuer!", "de_AT"),
    3: ("Zu teuer!", None),  # nobody says in which language
    4: ("Lovely people, thank you!", "en"),
    5: (None, "en"),
}


def say(engine: sa.Engine, said: dict[int, tuple[str | None, str | None]]) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("create schema if not exists marts_next"))
        connection.execute(sa.text("drop table if exists marts_next.fct_survey_responses"))
        connection.execute(
            sa.text("create table marts_next.fct_survey_responses (response_id uuid, verbatim text, locale text, excluded_reason text)")
        )
        rows = [{"id": f"{number:032x}", "words": words, "locale": locale} for number, (words, locale) in said.items()]
        connection.execute(sa.text("insert into marts_next.fct_survey_responses values (cast(:id as uuid), :words, :locale, null)"), rows)


def read(engine: sa.Engine, patterns: list[tuple[str, str, bool, str]] = PATTERNS) -> tuple[int, dict[int, set[str]]]:
    """How many were read, and what is kept of each."""
    with engine.begin() as connection:
        number = read_words(connection, taxonomy(dict(PARENTS), patterns), default_language=None)
        rows = connection.execute(sa.text("select response_id, themes from analysis.theme_readings where cardinality(themes) > 0"))
        kept = {row.response_id.int: set(row.themes) for row in rows}
    return number, kept


def test_a_build_reads_what_is_new_and_forgets_what_nobody_says_any_more(warehouse: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "CHUNK", 2)  # more chunks than one
    say(warehouse, SAID)
    assert read(warehouse) == (4, {1: {"price", "phone", "service"}, 2: {"price"}})
    assert read(warehouse)[0] == 0
    # Words that changed are read in their new version, words that are gone count no longer, and the others are left alone.
    say(warehouse, {**SAID, 1: ("Nobody called back.", "en-GB"), 2: (None, "de"), 6: ("expensive", "en")})
    assert read(warehouse) == (2, {1: {"phone", "service"}, 6: {"price"}})
    # Another taxonomy is another reading of everything: a theme must not begin on the day on which somebody wrote its patterns.
    more = [*PATTERNS, ("price", "en", False, "lovely people")]
    assert read(warehouse, more) == (4, {1: {"phone", "service"}, 4: {"price"}, 6: {"price"}})
    with warehouse.connect() as connection:
        felt = connection.execute(
            sa.text("select response_id, language, sentiment from analysis.theme_readings order by response_id")
        ).all()
        kept = connection.scalar(sa.text("select string_agg(t::text, ' ') from analysis.theme_readings as t"))
    # English alone has a sentiment, and no word of anybody is kept.
    assert [(row.response_id.int, row.language, row.sentiment is None) for row in felt] == [
        (1, "en", False), (3, "", True), (4, "en", False), (6, "en", False),
    ]  # fmt: skip
    assert felt[2].sentiment > 0.5
    assert "Lovely" not in kept


def test_what_people_label_is_held_against_the_patterns(warehouse: sa.Engine) -> None:
    say(warehouse, SAID)
    with warehouse.begin() as connection:
        rows = [
            {"theme": theme, "name": theme, "parent": parent, "position": place} for place, (theme, parent) in enumerate(PARENTS.items())
        ]
        connection.execute(sa.insert(THEMES), rows)
        patterns = [
            {"theme": theme, "language": language, "is_excluded": False, "position": place, "pattern": pattern}
            for place, (theme, language, _, pattern) in enumerate(PATTERNS)
        ]
        connection.execute(sa.insert(THEME_PATTERNS), patterns)
        connection.execute(sa.insert(THEME_LANGUAGES), [{"theme": "price", "language": "en"}])
        read_words(connection, read_taxonomy(connection), default_language=None)
        connection.execute(sa.text("create schema if not exists marts"))
        connection.execute(sa.text("drop table if exists marts.fct_survey_responses"))
        connection.execute(sa.text("create table marts.fct_survey_responses as select * from marts_next.fct_survey_responses"))
    # A wrong key is asked again; the second answer is passed on.
    first = CliRunner().invoke(cli.app, ["label", "--number", "2"], input="prize\nprice\n-\n")
    assert first.exit_code == 0, first.output
    assert "did you mean price?" in first.output
    assert "1 kept" in first.output
    again = CliRunner().invoke(cli.app, ["label"], input="\n")
    assert "1 of 1" in again.output, "what was labelled is not asked again, what was passed on is"
    assert "nothing to label" in CliRunner().invoke(cli.app, ["label"]).output
    with warehouse.connect() as connection:
        own = [one for one in agreement.labelled_texts(connection, read_taxonomy(connection)) if one.label_set == agreement.OWN]
        quality = {row["theme"]: row for row in agreement.measure(own, PARENTS)}
    assert quality["price"]["n"] == 2
    assert quality["all"]["agreed"] <= quality["all"]["labelled"] == 1
