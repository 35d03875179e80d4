"""Writes assets/datasets/warehouse/*.yaml, one per mart that a dashboard or an explorer needs, from the dbt project's YAML.

.venv/bin/python explorer/make_datasets.py     after a mart's columns or their descriptions changed
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
MODELS = ROOT / "dbt_project" / "models" / "marts"
DATASETS = ROOT / "explorer" / "assets" / "datasets" / "warehouse"
WAREHOUSE = "5f6b8f0e-6a0f-5a52-9c5c-0d1c1a5f4e01"
# Which day a row belongs to, where there is one.
DAYS = ("counted_on", "period_starts_on", "responded_on", "opened_on", "attempted_at")
MARTS = (
    *("nps_current", "nps_by_segment", "nps_daily_counts", "metric_reliability", "unit_comparisons", "control_charts", "benchmark_nps"),
    *("driver_effects", "driver_curves", "theme_trends", "theme_quality", "fct_survey_responses"),
    *("band_economics", "band_conversion_values", "referral_value_by_period", "earned_growth"),
    *("closed_loop_performance", "fct_work_orders", "fct_contact_attempts"),
    *("goal_attainment", "initiative_priorities"),
)

# How the ends of an interval are written; all others are rounded to one decimal.
PERCENT = {"retention", "share_of_wallet"}
FINE = {"referrals_made", "complaints_per_customer_year", "service_calls_per_customer_year", "importance"}

PLACE = "1.0 * (sum(promoters) - sum(detractors)) / (sum(responses) + 3)"
SPREAD = f"((sum(promoters) + sum(detractors) + 1.5) / (sum(responses) + 3) - power({PLACE}, 2)) / (sum(responses) + 3)"
ENOUGH = "count(distinct metric) = 1 and sum(responses) >= 10"
# Scores of a mart of counts may be added up; those of all others stand as they are, in one row or not at all.
METRICS = {
    "nps_daily_counts": [
        ("answers", "Answers", "sum(responses)", "Answers that count."),
        (
            *("score", "Score", f"case when {ENOUGH} then 100.0 * (sum(promoters) - sum(detractors)) / sum(responses) end"),
            "Share of promoters less share of detractors, in points; empty under 10 answers, and where two scales would be mixed.",
        ),
        (
            *("score_low", "Score, lower end", f"case when {ENOUGH} then 100 * greatest(-1, {PLACE} - 1.96 * sqrt({SPREAD})) end"),
            "Lower end of its 95 % interval (adjusted Wald), as if each answer were another customer's.",
        ),
        (
            *("score_high", "Score, upper end", f"case when {ENOUGH} then 100 * least(1, {PLACE} + 1.96 * sqrt({SPREAD})) end"),
            "Upper end of its 95 % interval (adjusted Wald), as if each answer were another customer's.",
        ),
    ]
}
MOST_ANSWERS = [("most_answers", "Most answers", "max(responses)", "Answers of the row that has most of them.")]
ROWS = [("rows", "Rows", "count(*)", "Rows of the mart.")]


def described() -> dict[str, dict[str, Any]]:
    """Each mart's entry in the dbt project's YAML, by name."""
    files = sorted(MODELS.rglob("*.yml"))
    return {model["name"]: model for file in files for model in (yaml.safe_load(file.read_text()) or {}).get("models", [])}


def identity(kind: str, name: str) -> str:
    return str(uuid.uuid5(uuid.UUID(WAREHOUSE), f"{kind}/{name}"))


def interval(stem: str) -> dict[str, Any]:
    """A column that Superset computes: both ends of an interval as one text, empty where there is none."""
    factor, decimals, unit = ("100 * ", 1, " || ' %'") if stem in PERCENT else ("", 3 if stem in FINE else 1, "")
    low, high = (f"round({factor}{stem}_{end}, {decimals})" for end in ("low", "high"))
    one = {"column_name": f"{stem}_interval", "verbose_name": f"{stem.replace('_', ' ')}, interval", "type": "TEXT"}
    return {
        **one,
        "description": f"Both ends of the interval, {stem}_low and {stem}_high.",
        "expression": f"{low} || ' to ' || {high}{unit}",
    }


def dataset(model: dict[str, Any]) -> dict[str, Any]:
    """The mart as Superset's data set; a column's description is what it shows beside the column."""
    names = [column["name"] for column in model["columns"]]
    columns: list[dict[str, Any]] = []
    for column in model["columns"]:
        kind = column["data_type"].partition("(")[0].strip()
        is_day = kind == "date" or kind.startswith("timestamp")
        meaning = " ".join(column["description"].split())
        one = {
            "column_name": column["name"],
            "verbose_name": column["name"].replace("_", " "),
            "type": kind.upper(),
            "description": meaning,
        }
        columns.append({**one, "is_dttm": True} if is_day else one)
    stems = [name.removesuffix("_low") for name in names if name.endswith("_low")]
    columns += [interval(stem) for stem in stems if f"{stem}_high" in names]
    metrics = [
        {
            "metric_name": name,
            "verbose_name": title,
            "expression": expression,
            "description": meaning,
            "d3format": ",d" if name in ("answers", "most_answers", "rows") else ",.1f",
        }
        for name, title, expression, meaning in METRICS.get(model["name"], ROWS + MOST_ANSWERS * ("responses" in names))
    ]
    return {
        "table_name": model["name"],
        "schema": "marts",
        "description": " ".join(model["description"].split()),
        "main_dttm_col": next((day for day in DAYS if day in names), None),
        "columns": columns,
        "metrics": metrics,
        "uuid": identity("dataset", model["name"]),
        "database_uuid": WAREHOUSE,
        "version": "1.0.0",
    }


def main() -> None:
    DATASETS.mkdir(parents=True, exist_ok=True)
    models = described()
    for file in DATASETS.glob("*.yaml"):
        file.unlink()
    for name in MARTS:
        text = yaml.safe_dump(dataset(models[name]), sort_keys=False, allow_unicode=True, width=140, default_flow_style=None)
        (DATASETS / f"{name}.yaml").write_text(f"# Written by explorer/make_datasets.py from the dbt project; do not edit by hand.\n{text}")


if __name__ == "__main__":
    main()
