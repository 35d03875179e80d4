"""What people write about that the taxonomy does not know: groups of comments, and the words that set each apart.

For a person to look at and to name, never for counting: another month gives other groups.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

Array = npt.NDArray[Any]

FEWEST_TEXTS, FEWEST_MEMBERS, FEWEST_WITH_WORD = 60, 15, 5
MOST_TEXTS, MOST_THEMES = 20_000, 15
TEXTS_PER_THEME = 25
LABEL_WORDS = 4
SEED = 20130110
_TOKEN = re.compile(r"\[\w+\]|[^\W\d_]{2,}")


@dataclass(frozen=True)
class Discovered:
    """`members` are places of texts, those that stand for it best first; `label` the terms that set it apart, joined by commas."""

    label: str
    members: tuple[int, ...]


def tokens(text: str) -> list[str]:
    """The words of a text in small letters, without numbers, single letters and what redaction put in the place of names."""
    return [word for word in _TOKEN.findall(text.casefold()) if not word.startswith("[")]


@lru_cache(maxsize=1)
def _stop_words() -> dict[str, list[str]]:
    found: dict[str, list[str]] = yaml.safe_load((Path(__file__).parent / "stop_words.yml").read_text(encoding="utf-8"))
    return found


def stop_words(language: str) -> frozenset[str]:
    """Words that are no theme in any text; none are known of languages that are not in stop_words.yml."""
    return frozenset(_stop_words().get(language, ()))


def class_tfidf(counts: Array) -> Array:
    """c-TF-IDF of classes × terms: a term's share of the words of its class, times log(1 + A/f).

    A is the mean number of words per class, f how often the term is written in all classes. A class or term without words gets 0.
    Source: Grootendorst (2022), BERTopic, arXiv 2203.05794, with term frequencies normalised to 1 per class.
    """
    counts = np.asarray(counts, float)
    words, frequency = counts.sum(axis=1), counts.sum(axis=0)
    share = counts / np.where(words > 0, words, 1)[:, None]
    weights: Array = share * np.log1p(words.mean() / np.where(frequency > 0, frequency, np.inf))
    return weights


def discover(texts: Sequence[str], language: str) -> list[Discovered]:
    """Groups of texts that share words, largest first; none of fewer than 60 texts. The same texts in the same order give the same groups.

    Non-negative matrix factorisation of TF-IDF; a text belongs to the part that explains most of it. A term counts when at least five
    texts have it, so no label gives away what one person wrote.
    Source: Lee and Seung (1999), Nature 401, 788-791.
    """
    from sklearn.decomposition import NMF
    from sklearn.feature_extraction.text import TfidfVectorizer

    if len(texts) < FEWEST_TEXTS:
        return []
    ignored = stop_words(language)

    def terms(text: str) -> list[str]:
        words = [word for word in tokens(text) if word not in ignored]
        return sorted({*words, *(f"{one} {other}" for one, other in itertools.pairwise(words))})

    vectorizer = TfidfVectorizer(analyzer=terms, min_df=FEWEST_WITH_WORD, max_df=0.5)
    try:
        matrix = vectorizer.fit_transform(texts)
    except ValueError:  # no term is common enough
        return []
    parts = int(min(MOST_THEMES, max(2, len(texts) // TEXTS_PER_THEME), min(matrix.shape) - 1))
    if parts < 2:
        return []
    model = NMF(parts, init="nndsvd", random_state=SEED, max_iter=300, tol=1e-3)
    weights = model.fit_transform(matrix)
    # How much of a text each part explains: the length of the part counts, not the scale that the factorisation gave it.
    weights = np.round(weights * np.linalg.norm(model.components_, axis=1), 9)
    own = np.where(weights.max(axis=1) > 0, weights.argmax(axis=1), -1)
    groups = [np.flatnonzero(own == part) for part in range(parts)]
    kept = [part for part in range(parts) if len(groups[part]) >= FEWEST_MEMBERS]
    if not kept:
        return []
    is_there = (matrix > 0).astype(float)
    counts = np.vstack([np.asarray(is_there[groups[part]].sum(axis=0)).ravel() for part in kept])
    labels = _labels(counts, vectorizer.get_feature_names_out())
    found = [
        Discovered(label, tuple(groups[part][np.lexsort((groups[part], -weights[groups[part], part]))].tolist()))
        for part, label in zip(kept, labels, strict=True)
    ]
    return sorted(found, key=lambda one: (-len(one.members), one.label))


def _labels(counts: Array, terms: Array) -> list[str]:
    """The terms that set each class apart; of a phrase and its words the one that says more, and at least five texts with each."""
    rated = np.round(class_tfidf(counts), 9)
    labels = []
    for own, row in zip(counts, rated, strict=True):
        chosen: list[str] = []
        common = np.flatnonzero(own >= FEWEST_WITH_WORD).tolist()
        for *_, term in sorted((-row[place], -len(terms[place]), str(terms[place])) for place in common):
            if not any(set(term.split()) & set(other.split()) for other in chosen):
                chosen.append(term)
            if len(chosen) == LABEL_WORDS:
                break
        labels.append(", ".join(chosen))
    return labels
