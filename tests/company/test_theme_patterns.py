"""Patterns of themes.yml find what they say, and nothing else; the sample company's agree with readers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from shopkeeper.company.load import SAMPLE
from shopkeeper.company.theme_patterns import Matcher, Pattern, mistake_in, with_parents, words_of
from shopkeeper.company.themes import LABELS_FILE, Themes, read_labels


@pytest.mark.parametrize(
    ("pattern", "text", "is_there"),
    [
        ("call* back", "Nobody CALLED back.", True),
        ("call* back", "Back then I called.", False),
        ("nobody|never ... call* back", "Nobody from your office ever called back", True),
        ("nobody|never ... call* back", "nobody one two three four five called back", False),
        ("didn't call", "You didn’t call", True),
        ("app", "I am happy", False),  # a word, not letters inside of one
        ("*schaden", "Mein Wasserschaden", True),
        ("name", "[name] was kind", False),  # what redaction left is no word of the customer's
        ("prélevé*", "J'ai été PRÉLEVÉE deux fois", True),
    ],
)
def test_a_pattern_means_what_the_page_says(pattern: str, text: str, is_there: bool) -> None:
    assert (Matcher({"it": ([pattern], [])}).themes_in(text) == {"it"}) is is_there


def test_a_mention_inside_of_an_excluded_phrase_is_none_and_one_beside_it_is() -> None:
    matcher = Matcher({"waiting": (["wait*"], ["did not wait"])})
    assert matcher.themes_in("I did not wait at all") == set()
    assert matcher.themes_in("I did not wait on the phone, but waited for weeks for my money") == {"waiting"}


PIECES = st.sampled_from(["wait*", "call", "back", "no|never", "*ing", "long", "..."])
PATTERNS = st.lists(PIECES, min_size=1, max_size=4).map(" ".join).filter(lambda pattern: mistake_in(pattern) is None)
WORDS = ["waiting", "wait", "call", "calling", "back", "no", "never", "long", "so", "[name]"]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
TAXONOMIES = st.dictionaries(st.sampled_from("abcd"), st.tuples(st.lists(PATTERNS, max_size=3), st.lists(PATTERNS, max_size=2)))


@settings(max_examples=150, deadline=None)
@given(themes=TAXONOMIES, text=TEXTS)
def test_looking_only_where_a_word_stands_finds_what_looking_everywhere_finds(
    themes: dict[str, tuple[list[str], list[str]]], text: str
) -> None:
    # The index over words makes it fast; were it to miss a pattern, a theme's counts would be too small and nobody would know.
    def slowly(include: list[str], exclude: list[str]) -> bool:
        joined = f" {' '.join(words_of(text))} "
        spans = [match.span() for one in exclude for match in Pattern.parsed(one).regex.finditer(joined)]
        mentions = (match for one in include for match in Pattern.parsed(one).regex.finditer(joined))
        return any(not any(low < match.end() and match.start() < high for low, high in spans) for match in mentions)

    assert Matcher(themes).themes_in(text) == {theme for theme, (include, exclude) in themes.items() if slowly(include, exclude)}


def test_who_mentions_a_part_mentions_the_whole() -> None:
    parents = {"price": None, "rise": "price", "sudden": "rise", "other": None}
    assert set(with_parents(["sudden"], parents)) == {"sudden", "rise", "price"}
    assert list(with_parents(["rise", "price", "sudden"], parents)) == ["rise", "price", "sudden"]


@pytest.mark.parametrize(
    ("themes", "said"),
    [
        ({"a": {"name": "A", "parent": "b"}}, "there is no theme b"),
        ({"a": {"name": "A", "parent": "b"}, "b": {"name": "B", "parent": "a"}}, "is a part of itself"),
        ({"a": {"name": "A", "patterns": {"en": {"include": ["(call|back"]}}}}, "is no word"),
        ({"a": {"name": "A", "patterns": {"en": {"include": ["... back"]}}}}, "stands between words"),
        ({"a": {"name": "A", "patterns": {"en": {"include": ["call"]}}, "examples": [{"text": "nothing of it"}]}}, "no pattern finds it"),
        (
            {"a": {"name": "A", "patterns": {"en": {"include": ["call"]}}, "examples": [{"text": "a call", "mentioned": False}]}},
            "a pattern finds it",
        ),
    ],
)
def test_a_mistake_in_the_taxonomy_is_named_before_anything_is_counted(themes: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Themes.model_validate({"themes": themes})
    assert said in repr(raised.value.errors())


def test_labels_that_name_no_theme_are_listed_by_row(tmp_path: Path) -> None:
    themes = Themes.model_validate({"themes": {"price": {"name": "Price"}}})
    (tmp_path / "labels.csv").write_text("label_set,language,text,themes\nown,en,dear,prise\nown,,x,\n")
    labelled, problems = read_labels(tmp_path / "labels.csv", themes)
    assert [re.sub(r".*row", "row", problem.where) for problem in problems] == ["row 2", "row 3"]
    assert problems[0].hint == "did you mean price?"
    assert len(labelled) == 1
    assert read_labels(tmp_path / "none.csv", themes) == ((), ())


def test_the_sample_companys_patterns_agree_with_readers() -> None:
    # A taxonomy that misses a third of what is said tells the product manager that all is well.
    themes = Themes.model_validate(yaml.safe_load((SAMPLE / "themes.yml").read_text(encoding="utf-8")))
    labelled, problems = read_labels(SAMPLE / LABELS_FILE, themes)
    assert not problems
    matchers, parents = themes.matchers(), themes.parents()
    for label_set, least in (("reviewed", 0.95), ("held_out", 0.8)):
        for language in ("en", "de", "fr"):
            pairs = [
                (set(with_parents(one.themes, parents)), themes.mentioned(matchers, one.text, language))
                for one in labelled
                if (one.label_set, one.language) == (label_set, language)
            ]
            agreed, wanted, found = (sum(map(len, sets)) for sets in ((a & b for a, b in pairs), *zip(*pairs, strict=True)))
            assert wanted >= 12
            assert agreed / found >= 0.95, (label_set, language)
            assert agreed / wanted >= least, (label_set, language)
