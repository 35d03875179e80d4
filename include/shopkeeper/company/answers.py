"""What every answer to a survey must keep to, whoever collected it: as SQL, for the loader."""

from __future__ import annotations

from shopkeeper.company.config import Company
from shopkeeper.warehouse.typing import literal


def defaults(source_name: str) -> dict[str, str]:
    """Canonical column of survey_responses → SQL for its value where none came."""
    return {"provider": literal(source_name), "account": "''", "programme": "'survey'", "scale": "'0-10'", "is_complete": "true"}


def rules(company: Company) -> list[tuple[str, str, str]]:
    """(SQL that is true where an answer breaks the rule, column, reason), in the order in which they are judged."""
    scales = company.scales
    on_scale = " ".join(f"when {literal(name)} then score between {s.score_from} and {s.score_to}" for name, s in scales.items())
    return [
        (f"scale not in ({', '.join(literal(each) for each in scales)})", "scale", "has no bands under scales in company.yml"),
        (f"score is not null and not case scale {on_scale} end", "score", "is not on its scale"),
        ("responded_at is null and (period_from is null or period_to is null)", "responded_at", "is missing, and no period is declared"),
        ("period_from > period_to", "period_to", "is before period_from"),
    ]
