"""A programme of 600 answers, in which segment a is content and b is not, and customers who were asked and said nothing."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from world import at

PROGRAMME = "half silent"
ASKED = at("2025-11-01 09:00")
SCORES = {"a": (10, 9, 8, 10, 7, 9, 10, 3, 8, 9), "b": (3, 9, 2, 6, 7, 5, 10, 0, 8, 4)}
SILENT = 40  # of each segment
# asked, and all the same not silent: there is still time, it was long ago, there is another answer, it is one of us
NOT_SILENT = {"late": at("2026-03-20"), "stale": at("2025-03-01"), "answered": ASKED, "staff": ASKED}
TRAP = "a-silent-0"


def rows() -> dict[str, list[dict[str, Any]]]:
    """Entity → rows. What is known of the trap's invitation came partly after it was sent."""
    asked: dict[str, tuple[datetime, str]] = {}
    answers = []
    for i in range(600):
        segment = "ab"[i % 2]
        asked[f"{segment}-{i}"] = at("2025-04-15 09:00") + timedelta(days=i // 2), segment
        score = SCORES[segment][i // 2 % 10]
        answers.append(_answer(f"{segment}-{i}", f"{segment}-{i}", asked[f"{segment}-{i}"][0] + timedelta(hours=3), score))
    asked |= {f"{segment}-silent-{i}": (ASKED, segment) for segment in "ab" for i in range(SILENT)}
    asked |= {name: (moment, "a") for name, moment in NOT_SILENT.items()}
    answers.append(_answer("answered before", "answered", at("2025-09-01"), 9))
    served = {"customer_id": TRAP, "interaction_type": "call"}
    return {
        "survey_responses": answers,
        "survey_invitations": [
            {
                "invitation_id": name,
                "customer_id": name,
                "programme": PROGRAMME,
                "sent_at": moment,
                "interaction_id": "before" if name == TRAP else None,
            }
            for name, (moment, _) in asked.items()
        ],
        "customers": [
            {"customer_id": name, "segment": segment, "joined_on": date(2020, 1, 1), "is_staff": name == "staff"}
            for name, (_, segment) in asked.items()
        ],
        "interactions": [
            {"interaction_id": "before", "occurred_at": ASKED - timedelta(hours=1), "outcome": "solved", **served}
            | {"resolved_at": ASKED + timedelta(days=1)},
            {"interaction_id": "after", "occurred_at": ASKED + timedelta(hours=1), **served},
        ],
        "calls": [
            {"call_id": "K1", "interaction_id": "before", "failed_interaction_score": 0.4},
            {"call_id": "K2", "interaction_id": "after", "failed_interaction_score": 0.9},
        ],
        "complaints": [
            {"complaint_id": f"P{day}", "customer_id": TRAP, "opened_at": ASKED + timedelta(days=day)} for day in (-366, -1, 0, 1)
        ],
    }


def _answer(name: str, customer: str, moment: datetime, score: int) -> dict[str, Any]:
    return {
        "native_id": f"silence {name}",
        "programme": PROGRAMME,
        "customer_id": customer,
        "invitation_id": name,
        "responded_at": moment,
        "scale": "0-10",
        "score": score,
    }
