"""A company that has nothing but answers gets a score, and is told how far it can be trusted.

The expected figures are counted here from the file with csv and pandas alone.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from decimal import Decimal
from math import sqrt
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

pytestmark = [pytest.mark.real_data, pytest.mark.slow]


@pytest.fixture(scope="module")
def marts(published: Callable[..., sa.Engine]) -> sa.Engine:
    return published("garden_centre")


@pytest.fixture(scope="module")
def answers(real_data: Callable[[str], Path]) -> pd.DataFrame:
    """The file, decoded byte by byte with a rule written anew: DOS where cp1252 makes no sense."""
    dos = {*range(0x80, 0xA1), 0xAE, 0xAF, 0xB7, 0xD2, 0xD3, 0xD4, 0xF5, 0xF8} - {0x85}
    content = (real_data("garden_centre") / "nps.csv").read_bytes()
    text = "".join(bytes([byte]).decode("cp850" if byte in dos else "cp1252") for byte in content)
    return pd.DataFrame(csv.DictReader(io.StringIO(text, newline=""))).set_index("id")


def query(engine: sa.Engine, sql: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(sql))]


def test_all_rows_are_accounted_for(marts: sa.Engine, answers: pd.DataFrame) -> None:
    assert len(answers) == 13954
    assert query(marts, "select entity, rows_in, accepted, unchanged, rejected, status from ops.batches") == [
        ("survey_responses", 13954, 13954, 0, 0, "passed")
    ]
    assert query(marts, "select count(*), count(score) from raw.survey_responses") == [(13954, 13612)]
    assert query(marts, "select excluded_reason, count(*) from marts.fct_survey_responses group by 1 order by 1 nulls first") == [
        (None, 13612),
        ("no_score", 342),
    ]
    assert (answers["nps"] == "NA").sum() == 342


def test_the_score_is_the_one_that_the_counts_give(marts: sa.Engine, answers: pd.DataFrame) -> None:
    scores = pd.to_numeric(answers["nps"], errors="coerce").dropna()
    promoters, passives, detractors = (scores >= 9).sum(), scores.between(7, 8).sum(), (scores <= 6).sum()
    assert (promoters, passives, detractors) == (8465, 3953, 1194)
    n = len(scores) + 3
    p, d = (promoters + 0.75) / n, (detractors + 0.75) / n
    half = 1.959963984540054 * sqrt((p + d - (p - d) ** 2) / n)

    ((grain, starts, ends, *counts, nps, low, high, reporting),) = query(
        marts,
        """
        select period_grain, period_starts_on::text, period_ends_on::text, responses, promoters, passives, detractors,
            nps, nps_low, nps_high, reporting
        from marts.nps_current where dimension = 'all' and metric = 'nps' and programme = 'customer_survey'
        """,
    )
    assert (grain, starts, ends, reporting) == ("declared", "2013-01-01", "2013-12-31", "reportable")
    assert counts == [13612, 8465, 3953, 1194]
    assert nps == Decimal(str(round(100 * (promoters - detractors) / len(scores), 4)))
    assert (round(float(nps), 2), round(float(low), 2), round(float(high), 2)) == (53.42, 52.31, 54.50)
    assert float(low) == pytest.approx(100 * (p - d - half), abs=1e-4)
    assert float(high) == pytest.approx(100 * (p - d + half), abs=1e-4)


def test_undated_answers_appear_under_the_declared_period_alone(marts: sa.Engine) -> None:
    assert query(marts, "select distinct period_grain, dimension from marts.nps_by_segment") == [("declared", "all")]


def test_the_verdict_says_that_nobody_knows_who_was_asked(marts: sa.Engine) -> None:
    ((verdict, reasons, has_frame, response_rate),) = query(
        marts, "select verdict, reasons, has_frame, response_rate from marts.metric_reliability where is_current"
    )
    assert (verdict, has_frame, response_rate) == ("usable with care", False, None)
    assert "no frame, response unknown" in str(reasons)


def test_words_and_other_answers_arrive_as_they_were_written(marts: sa.Engine, answers: pd.DataFrame) -> None:
    stored = pd.DataFrame(
        query(
            marts,
            """
            select raw.native_id, raw.answers ->> 'satisfaction', raw.answers ->> 'repurchase_intention', pii.verbatim,
                pii.extra ->> 'NbPassageKS', pii.extra ->> 'CaTicket', pii.extra ->> 't',
                (pii.extra - array['NbPassageKS', 'CaTicket', 't'])::text
            from raw.survey_responses as raw inner join pii.survey_responses as pii using (_key, _batch_id)
            """,
        ),
        columns=["id", "satisfaction", "intention", "explication", "NbPassageKS", "CaTicket", "t", "more"],
    ).set_index("id")
    assert set(stored.pop("more")) <= {"{}", None}
    expected = answers[list(stored.columns)].map(str.strip).replace("NA", "").reindex(stored.index)
    assert (stored.fillna("") == expected).all(axis=None)


def test_accents_are_right_in_both_encodings(marts: sa.Engine) -> None:
    comments = " ".join(str(words) for (words,) in query(marts, "select verbatim from pii.survey_responses where verbatim is not null"))
    # Each of these words came in both ways, or only through DOS: a wrong table would turn the accent into something else.
    for word in ("très", "déçu", "êtes", "français", "TRÈS", "NOËL", "À", "«", "»", "n°", "coïncidence…"):
        assert word in comments
    assert not set(comments) & set("‚ƒ„†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ·ø®¯ÒÓÔÙÚÛ€\ufffd")
