"""How English words feel, by VADER's lexicon and rules. It knows no other language, and gives none a number.

It reads words, not meanings: irony, and complaints in polite words ("nobody called back"), pass it by. So it stands beside the score
and is never put in its place.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

LANGUAGE = "en"


@lru_cache(maxsize=1)
def _analyser() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()


@lru_cache(maxsize=20_000)
def sentiment(text: str) -> float:
    """VADER's compound score of an English text, -1 to 1; 0 is neutral, and so is a text without a word that the lexicon knows.

    Source: Hutto and Gilbert (2014), VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text, ICWSM.
    """
    return float(_analyser().polarity_scores(text)["compound"])
