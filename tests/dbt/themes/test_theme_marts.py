"""From raw answers to `theme_trends`: three causes of a product's fault are found by name, and nothing else is said to be new."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from planted_fault import fill, taxonomy, told, write_taxonomy
from world import World

from shopkeeper.analysis.themes import publication
from shopkeeper.company.config import Company
from shopkeeper.demo import SimulationConfig, product_fault, simulate

MARTS = ("+theme_trends", "+theme_mentions", "+theme_quality", "+discovered_themes")
COMPANY = Company(name="Sample", timezone="Europe/Berlin", currency="EUR", language="en")
SUITES = Path(__file__).resolve().parents[3] / "expectations" / "suites"
NEWEST = "period_grain = 'rolling_28_days' and programme = 'transactional'"


@pytest.mark.slow
def test_three_causes_are_found_by_name(warehouse: sa.Engine, tmp_path: Path) -> None:
    company = simulate(SimulationConfig())
    said = told(company)
    world = World(warehouse, tmp_path, timezone="Europe/Berlin")
    fill(world, company, said)
    with warehouse.begin() as connection:
        write_taxonomy(connection, taxonomy())
    as_of = company.config.as_of

    def analyse(connection: sa.Connection, build_id: int) -> dict[str, Any]:
        return publication.analyse(connection, build_id, COMPANY)

    world.build(as_of, select=MARTS, analyse=analyse)

    # A product manager who looks at the product sees the three causes and what they are a part of, and no false alarm beside them.
    parents = {theme: one.parent for theme, one in taxonomy().themes.items()}
    emerging = world.rows(f"select * from marts_next.theme_trends where {NEWEST} and is_emerging order by theme, dimension")
    of_product = {row["theme"] for row in emerging if (row["dimension"], row["dimension_value"]) == ("product", product_fault.product())}
    assert set(product_fault.CAUSES) <= of_product
    assert {row["theme"] for row in emerging} <= {*product_fault.CAUSES, *(parents[cause] for cause in product_fault.CAUSES)}
    assert not [row for row in emerging if row["dimension"] == "product" and row["dimension_value"] != product_fault.product()]

    # What was planted lies inside of the interval, and the examples are words that name the cause.
    answers, mentions = product_fault.expected(company.config, company.whole)
    for row in emerging:
        if row["theme"] in product_fault.CAUSES and row["dimension"] == "product":
            assert row["share_low"] <= 100 * mentions / answers <= row["share_high"], row["theme"]
            assert row["share_before"] < 3
            words = world.rows(
                "select verbatim from marts_next.fct_survey_responses"
                f" where cast(response_id as text) = any(string_to_array('{row['example_response_ids']}', ','))"
            )
            place = product_fault.CAUSES.index(row["theme"])
            known = {text.casefold() for causes in product_fault.WORDS.values() for text in causes[place]}
            assert all(any(text in one["verbatim"].casefold() for text in known) for one in words)

    # Counts of the mart are counts of the answers: by hand, for one theme in one cell.
    motor = world.rows(
        "select verbatim from marts_next.fct_survey_responses where verbatim is not null and excluded_reason is null"
        f" and product_id = 'motor' and responded_on > date '{company.config.ends_on}' - 28"
    )
    row = next(row for row in emerging if row["theme"] == "login" and row["dimension"] == "product")
    named = {text.casefold() for causes in product_fault.WORDS.values() for text in causes[product_fault.CAUSES.index("login")]}
    assert row["comments"] == len(motor)
    assert row["mentions"] == sum(any(text in one["verbatim"].casefold() for text in named) for one in motor)
    mentioned = world.rows("select count(*) as n, count(distinct response_id) as answers from marts_next.theme_mentions")[0]
    assert 0 < mentioned["answers"] <= len(said)

    # Of English words alone it is said how they feel.
    assert not world.rows("select 1 from marts_next.theme_mentions where (sentiment is not null) <> (language = 'en')")
    # Both label sets are there; the patterns are held against sentences that they were not made for.
    quality = world.rows("select * from marts_next.theme_quality where theme = 'all' and language = 'en' order by label_set")
    assert [row["label_set"] for row in quality] == ["held_out", "reviewed"]
    assert all(row["precision_share"] >= 90 and row["recall_share"] >= 80 for row in quality)

    # The gate lets it pass: none of its queries finds a row.
    for mart in ("theme_trends", "theme_mentions", "theme_quality", "discovered_themes"):
        suite = json.loads((SUITES / f"mart_{mart}.json").read_text())
        for one in suite["expectations"]:
            query = one["kwargs"]["unexpected_rows_query"].replace("{batch}", f"marts_next.{mart}")
            assert not world.rows(query.replace(":", "\\:")), one["description"]

    # Made again, it is the same to the byte: nothing is read twice, and nothing is drawn.
    checksum = "select md5(string_agg(t::text, '|' order by theme, dimension, dimension_value)) from analysis.theme_changes as t"
    before = world.rows(checksum)
    with warehouse.begin() as connection:
        again = publication.analyse(connection, connection.scalar(sa.text("select build_id from ops.current_build")), COMPANY)
    assert again["read"] == 0
    assert world.rows(checksum) == before
