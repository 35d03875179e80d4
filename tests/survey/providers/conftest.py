"""Fakes that are served, and company folders that are connected to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.survey.conftest import MakeProgrammes
from tests.survey.providers.fakes import FakeFormbricks, FakeLimeSurvey, serving

from shopkeeper.company.config import CompanyFolder

QUESTIONS = {"nps": "score", "why": "verbatim", "ease": "ease", "better": "improvement", "call": "may_call_back"}


@pytest.fixture
def waits() -> list[float]:
    """The seconds that a client has waited, in place of waiting."""
    return []


@pytest.fixture
def formbricks() -> Iterator[FakeFormbricks]:
    fake = FakeFormbricks()
    with serving(fake) as fake.url:  # type: ignore[attr-defined]
        yield fake


@pytest.fixture
def limesurvey() -> Iterator[FakeLimeSurvey]:
    fake = FakeLimeSurvey()
    with serving(fake) as fake.url:  # type: ignore[attr-defined]
        yield fake


@pytest.fixture
def connected(make_programmes: MakeProgrammes) -> Any:
    """`connected(kind, …)`: a folder whose provider `them` is of that kind and serves the programme `visit`."""

    def make(kind: str, *, programme: dict[str, Any] | None = None, **settings: Any) -> CompanyFolder:
        provider = {"kind": kind, "questions": QUESTIONS, **settings}
        channel = {"ivr": "ivr", "file_drop": "file"}.get(kind, "email")
        visit = {"provider": "them", "channel": channel, **(programme or {})}
        return make_programmes(providers={"them": provider}, visit=visit)

    return make


@pytest.fixture
def formbricks_folder(connected: Any, formbricks: Any) -> CompanyFolder:
    made: CompanyFolder = connected(
        "formbricks", url=formbricks.url, api_key=formbricks.KEY, survey_id=formbricks.SURVEY, account=formbricks.ENVIRONMENT
    )
    return made


@pytest.fixture
def limesurvey_folder(connected: Any, limesurvey: Any) -> CompanyFolder:
    made: CompanyFolder = connected(
        "limesurvey", url=limesurvey.url, user=limesurvey.USER, password=limesurvey.PASSWORD, survey_id=str(limesurvey.SURVEY)
    )
    return made
