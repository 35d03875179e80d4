"""What reading verbatims for themes costs: 100,000 of them, 1 million, and one pass of a single regular expression over each.

    python bench/themes.py [--small 100000] [--large 1000000] [--runs 3]

Comments are made of the labelled sentences of the sample company, two or three at a time and no two alike, in three languages. Reading is
what a build does with words that it has not seen: find them in the warehouse, cut them into words, look for every theme of the
company's themes.yml (19 themes, three languages), and write what was read. Against it stands one pass of one regular expression
over the same words, for a single theme in one language, as a query of the warehouse would do it. A second build, which
has nothing new to read, and sentiment (VADER, English) are told beside it. Sizes and ways take turns and medians count.

Limits: a verbatim of the million costs at most 1.2 times one of the hundred thousand, and at most 5 times the single expression.
"""

from __future__ import annotations

import argparse
import random
import sys
from typing import Any

from _bench import Stopwatch, announce, connected, report, warehouse

GROWTH, AGAINST_ONE = 1.2, 5.0
ONE = r"\m(nobody|never)\M( \S+){0,4} call\w* back|\mwait\w* for (\S+ ){0,4}call ?back"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=int, default=100_000)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    sizes = {"small": options.small, "large": options.large}
    watch = Stopwatch()
    with warehouse(is_parallel=False):
        say(1_000)  # what is imported once is no part of a reading
        read(with_sentiment=True)
        forget()
        for run in range(options.runs):
            for size, count in sizes.items():
                announce(run, options.runs, f"{count:,} verbatims")
                say(count)
                watch.timed(f"{size}: one expression", one_expression)
                forget()
                watch.timed(f"{size}: read", lambda: read(with_sentiment=False))
                watch.timed(f"{size}: nothing new", lambda: read(with_sentiment=False))
                if size == "small":
                    forget()
                    watch.timed("small: read with sentiment", lambda: read(with_sentiment=True))
    seconds = watch.medians()
    rows = [(way, f"{value:.2f}", f"{value / sizes[way.split(':')[0]] * 1e6:.1f}") for way, value in seconds.items()]
    growth = seconds["large: read"] / options.large / (seconds["small: read"] / options.small)
    against = seconds["large: read"] / seconds["large: one expression"]
    return report(
        f"themes, median of {options.runs} alternating runs",
        ("what", "seconds", "microseconds a verbatim"),
        rows,
        [
            (f"a verbatim of {options.large:,} against one of {options.small:,}: {growth:.2f} times, limit {GROWTH}", growth <= GROWTH),
            (f"all themes against one regular expression: {against:.2f} times, limit {AGAINST_ONE:.0f}", against <= AGAINST_ONE),
        ],
    )


def say(count: int) -> None:
    """So many answers in words, no two alike, as the facts of a build hold them."""
    from shopkeeper.company.load import SAMPLE
    from shopkeeper.company.themes import LABELS_FILE, Themes, read_labels

    labelled, _ = read_labels(SAMPLE / LABELS_FILE, Themes())
    by_language: dict[str, list[str]] = {}
    for one in labelled:
        by_language.setdefault(one.language, []).append(one.text)
    chance = random.Random(count)
    languages = chance.choices(["en", "de", "fr"], [0.55, 0.4, 0.05], k=count)
    with connected() as connection:
        connection.execute("create schema if not exists marts_next")
        connection.execute("drop table if exists marts_next.fct_survey_responses")
        connection.execute("create table marts_next.fct_survey_responses (response_id uuid primary key, verbatim text, locale text)")
        with connection.cursor() as cursor, cursor.copy("copy marts_next.fct_survey_responses from stdin") as copy:
            for number, language in enumerate(languages):
                words = chance.choices(by_language[language], k=chance.choice((1, 2, 2, 3)))
                copy.write_row((f"{number:032x}", f"{' '.join(words)} {number}", language))
        connection.execute("analyze marts_next.fct_survey_responses")


def forget() -> None:
    with connected() as connection:
        connection.execute("truncate analysis.theme_readings")


def taxonomy() -> Any:
    import yaml

    from shopkeeper.analysis.themes.taxonomy import taxonomy
    from shopkeeper.company.load import SAMPLE
    from shopkeeper.company.themes import Themes, settings

    themes = Themes.model_validate(yaml.safe_load((SAMPLE / "themes.yml").read_text(encoding="utf-8")))
    patterns = settings(themes, ())["theme_patterns"]
    return taxonomy(themes.parents(), [(row["theme"], row["language"], row["is_excluded"], row["pattern"]) for row in patterns])


def read(*, with_sentiment: bool) -> int:
    from shopkeeper.analysis.themes.matching import read_words
    from shopkeeper.warehouse.engine import engine

    with engine().begin() as connection:
        return read_words(connection, taxonomy(), default_language=None, with_sentiment=with_sentiment)


def one_expression() -> int:
    """One theme in one language, as a query of the warehouse would look for it."""
    with connected() as connection:
        counted = connection.execute("select count(*) from marts_next.fct_survey_responses where verbatim ~* %s", (ONE,)).fetchone()
        return int(counted[0]) if counted else 0


if __name__ == "__main__":
    sys.exit(main())
