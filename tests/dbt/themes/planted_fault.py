"""The sample company's answers in words about calls and claims, of the newest 13 windows, in a world of their own."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from world import World

from shopkeeper.company.load import SAMPLE
from shopkeeper.company.themes import LABELS_FILE, Themes, read_labels, settings
from shopkeeper.demo import Simulation
from shopkeeper.demo.organisation import PRODUCTS
from shopkeeper.demo.survey_files import answers
from shopkeeper.warehouse.theme_tables import THEME_EXAMPLES, THEME_LANGUAGES, THEME_PATTERNS, THEMES

DAYS = 364


def taxonomy(without: tuple[str, ...] = ()) -> Themes:
    """The sample company's, or what it would be had nobody thought of some themes."""
    import yaml

    written = yaml.safe_load((SAMPLE / "themes.yml").read_text(encoding="utf-8"))
    return Themes.model_validate({"themes": {name: theme for name, theme in written["themes"].items() if name not in without}})


def write_taxonomy(connection: sa.Connection, themes: Themes) -> None:
    """What freezing a build does."""
    labelled, problems = read_labels(SAMPLE / LABELS_FILE, taxonomy())
    assert not problems
    rows = settings(themes, tuple(one for one in labelled if set(one.themes) <= set(themes.themes)))
    for table in (THEMES, THEME_PATTERNS, THEME_LANGUAGES, THEME_EXAMPLES):
        connection.execute(sa.delete(table))
        if rows[table.name]:
            connection.execute(sa.insert(table), rows[table.name])


def told(company: Simulation) -> list[dict[str, Any]]:
    """Answers with words about an interaction, in the newest 364 days: id, customer, event, score, submitted, comment, lang, product."""
    part = company.whole
    since = (datetime.combine(company.config.ends_on, datetime.min.time(), UTC) - timedelta(days=DAYS - 1)).isoformat()
    found: dict[str, dict[str, Any]] = {}
    for _, lines in answers(company, part, Counter()):
        for line in lines:
            one = json.loads(line)
            if (
                one["survey"] == "transactional"
                and one["comment"]
                and one["event"]
                and one["submitted"] >= since
                and not one["id"].endswith("F")
            ):
                found[one["id"]] = one
    for one in found.values():
        one["product"] = PRODUCTS[int(part.events.product[int(one["event"][1:])])][0]
    return [found[name] for name in sorted(found)]


def fill(world: World, company: Simulation, said: list[dict[str, Any]]) -> None:
    """Customers, interactions and answers as the loader writes them, their words redacted."""
    customers = sorted({one["customer"] for one in said})
    world.batch("customers", [{"customer_id": name, "joined_on": date(2020, 1, 1), "segment": "private"} for name in customers])
    world.batch("products", [{"product_id": name, "name": title, "category": family} for name, title, family in PRODUCTS])
    world.batch(
        "interactions",
        [
            {
                "interaction_id": one["event"],
                "customer_id": one["customer"],
                "occurred_at": datetime.fromisoformat(one["submitted"]) - timedelta(days=3),
                "product_id": one["product"],
            }
            for one in said
        ],
    )
    batch_id = world.batch(
        "survey_responses",
        [
            {
                "native_id": one["id"],
                "customer_id": one["customer"],
                "interaction_id": one["event"],
                "programme": "transactional",
                "scale": "0-10",
                "score": int(one["score"]),
                "responded_at": datetime.fromisoformat(one["submitted"]),
                "updated_at": datetime.fromisoformat(one["changed"]),
                "locale": one["lang"],
            }
            for one in said
        ],
    )
    words = {one["id"]: one["comment"] for one in said}
    with world.engine.begin() as connection:
        keys = connection.execute(
            sa.text("select _key, native_id, updated_at from raw.survey_responses where _batch_id = :batch"), {"batch": batch_id}
        )
        rows = [{"key": row._key, "batch": batch_id, "at": row.updated_at, "words": words[row.native_id]} for row in keys]
        connection.execute(
            sa.text(
                "insert into pii.survey_responses (_key, _batch_id, verbatim, updated_at, _pii_hash, _loaded_at)"
                " values (:key, :batch, :words, :at, :key, :at)"
            ),
            rows,
        )
        connection.execute(
            sa.text(
                "insert into ops.redacted_verbatims (_key, _batch_id, verbatim, replaced, method, build_id, redacted_at)"
                " values (:key, :batch, :words, 0, 'test', 0, :at)"
            ),
            rows,
        )
