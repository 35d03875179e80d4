"""What is emerging, what is new, how words feel: published numbers, planted causes, and quiet companies in which nothing is found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from shopkeeper.analysis.themes.agreement import Read, measure
from shopkeeper.analysis.themes.discovery import class_tfidf, discover, tokens
from shopkeeper.analysis.themes.emerging import Change, _at_least, changes, judged
from shopkeeper.analysis.themes.sentiment import sentiment
from shopkeeper.demo.product_fault import CAUSES, WORDS


def test_words_that_set_a_class_apart_have_the_published_weights() -> None:
    classes = ["late bill wrong bill fee", "app crash app slow login"]
    terms = sorted({word for text in classes for word in text.split()})
    weights = class_tfidf(np.array([[text.split().count(term) for term in terms] for text in classes]))
    for text, row in zip(classes, weights, strict=True):
        told = {term: round(float(weight), 6) for term, weight in zip(terms, row, strict=True) if weight}
        assert told == {word: 0.501105 if text.split().count(word) == 2 else 0.358352 for word in text.split()}


@pytest.mark.parametrize(
    ("text", "compound"),
    [  # the examples on the page of VADER's authors
        ("VADER is smart, handsome, and funny.", 0.8316),
        ("VADER is smart, handsome, and funny!", 0.8439),
        ("VADER is not smart, handsome, nor funny.", -0.7424),
        ("At least it isn't a horrible book.", 0.431),
        ("The book was good.", 0.4404),
        ("Today SUX!", -0.5461),
    ],
)
def test_sentiment_is_what_its_authors_publish(text: str, compound: float) -> None:
    assert sentiment(text) == compound


WINDOW = st.tuples(st.integers(0, 40), st.integers(0, 40))


@settings(max_examples=40, deadline=None)
@given(st.lists(WINDOW, min_size=13, max_size=13), st.integers(0, 5))
def test_more_mentions_are_never_less_of_a_sign(windows: list[tuple[int, int]], more: int) -> None:
    comments = np.array([[max(pair) for pair in windows]])
    mentions = np.array([[min(pair) for pair in windows]])
    lifted = mentions.copy()
    lifted[0, 0] = min(mentions[0, 0] + more, comments[0, 0])
    (fewer,), (found,) = changes(mentions, comments), changes(lifted, comments)
    if fewer.p is None or found.p is None:
        assert fewer.p is found.p is None
    else:
        assert 0 <= found.p <= fewer.p <= 1


def test_tails_of_few_and_of_many_comments_meet() -> None:
    # Exact sums for few, the beta distribution for many: a jump between them would make alarms depend on the size of the company.
    strength = np.array([20.0, 500.0, 1e4])
    exact = [stats.betabinom.sf(219, 2000, 0.1 * one, 0.9 * one) for one in strength]
    assert _at_least(220, 2000, 0.1, strength) == pytest.approx(exact, rel=1e-6)
    assert _at_least(221, 2001, 0.1, strength) == pytest.approx(exact, abs=0.02)


def test_what_goes_up_and_down_all_year_is_no_news() -> None:
    # A theme of every third month looks like an alarm to whoever compares with the mean alone.
    comments = np.full((41, 13), 100)
    steady, moody = [20, *[7, 6, 8] * 4], [20, *[1, 1, 19] * 4]
    told = changes(np.array([moody, *[steady] * 40]), comments)
    assert told[0].spread is not None
    assert told[1].spread is not None
    assert told[0].spread > 5 * told[1].spread
    assert told[0].p is not None
    assert told[1].p is not None
    assert told[1].p < 0.001
    assert told[0].p > 0.05


def quiet(random: np.random.Generator, cells: int = 150, *, planted: int = 0) -> list[Change]:
    """Cells of all sizes whose shares move by themselves; in the first `planted` of them a quarter of the comments names something new."""
    size = random.integers(15, 120, cells)[:, None]
    share, spread = random.choice([0.005, 0.03, 0.1, 0.25], cells)[:, None], random.choice([1e-4, 0.002, 0.01], cells)[:, None]
    comments = random.poisson(size, (cells, 13))
    share[:planted] = 0.005
    strength = 1 / spread - 1
    mentions = random.binomial(comments, random.beta(share * strength, (1 - share) * strength, (cells, 13)))
    comments[:planted, 0] = np.maximum(comments[:planted, 0], 50)
    mentions[:planted, 0] += random.binomial(comments[:planted, 0] - mentions[:planted, 0], 0.25)
    return changes(mentions, comments)


@pytest.mark.parametrize("seeds", [5, pytest.param(200, marks=pytest.mark.long)])
def test_quiet_companies_are_left_in_peace_and_new_causes_are_found(seeds: int) -> None:
    # At q = 0.05 / 12 a company in which nothing happens hears of something once in twenty years of monthly looks.
    accused = found = others = 0
    for seed in range(seeds):
        accused += any(judged(quiet(np.random.default_rng(seed)))[1])
        _, emerging = judged(quiet(np.random.default_rng(1000 + seed), planted=3))
        found += sum(emerging[:3])
        others += any(emerging[3:])
    assert accused <= max(1, 0.03 * seeds), accused
    assert others <= max(1, 0.06 * seeds), others
    assert found >= 0.85 * 3 * seeds, found


def test_causes_that_nobody_has_named_come_out_as_groups_with_words_that_name_them() -> None:
    # What a product manager reads first: three causes among ordinary remarks, each with the words of its own.
    random = np.random.default_rng(1)
    openings, middles, ends = ("all", "mostly", "really"), ("fine", "good", "friendly", "quick"), ("thanks", "again", "so far")
    ordinary = [f"{one} {middle} {end}" for one in openings for middle in middles for end in ends]
    texts = [str(text) for text in random.choice(ordinary, 150)]
    texts += [str(random.choice(causes)) for causes in WORDS["en"] for _ in range(45)]
    order = random.permutation(len(texts))
    groups = discover([texts[place] for place in order], "en")
    labels = [group.label for group in groups]
    told = (
        ("twice", "double", "invoices", "debit"),
        ("log", "login", "password", "portal"),
        ("plate", "certificate", "contract", "documents"),
    )
    for words in told:
        assert any(any(word in label for word in words) for label in labels), (words, labels)
    assert discover([texts[place] for place in order], "en") == groups
    assert all(len(group.members) >= 15 for group in groups)
    assert len(CAUSES) == 3


def test_no_label_gives_away_what_a_single_person_wrote() -> None:
    texts = [f"the invoice came late number {number}" for number in range(60)] + ["my daughter Rosalind broke the teapot"] * 4
    texts += [f"friendly people in the branch {number}" for number in range(60)]
    words = set(" ".join(group.label for group in discover(texts, "en")).replace(",", "").split())
    assert words
    assert not words & set(tokens("my daughter Rosalind broke the teapot"))
    assert discover(texts[:40], "en") == []


def test_agreement_counts_what_readers_and_patterns_found() -> None:
    both, missed, false = frozenset({"price"}), frozenset({"service"}), frozenset({"app"})
    read = [Read("reviewed", "en", both, both), Read("reviewed", "en", missed, frozenset()), Read("reviewed", "en", frozenset(), false)]
    rows = {row["theme"]: row for row in measure(read, ["price", "service", "app"])}
    assert {(row["n"], row["labelled"], row["found"], row["agreed"]) for row in [rows["all"]]} == {(3, 2, 2, 1)}
    assert [rows[theme]["agreed"] for theme in ("price", "service", "app")] == [1, 0, 0]
