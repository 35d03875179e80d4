"""company.yml: how long what is kept, and what becomes of the answers of somebody who is erased."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shopkeeper.company.base import Model

Days = Annotated[int, Field(ge=1)]


class Retention(Model):
    """Days after which something is removed; null keeps it for ever. What a mart of today needs is kept in any case."""

    versions_days: Days | None = Field(730, description="versions of records and words since a newer one took their place; customers' stay")
    rejects_days: Days | None = Field(365, description="rejected rows, since they last came")
    events_days: Days | None = Field(730, description="runs of steps, what the CRM confirmed, messages to staff and what became of them")
    evidence_days: Days | None = Field(730, description="results of checks and models, of batches and builds no longer in use")
    sites_days: Days | None = Field(730, description="pages kept for one publication, since they were built; the newest stay")
    words_days: Days | None = Field(None, description="customers' own words as they wrote them, since the answer; redacted ones stay")
    submissions_days: Days | None = Field(180, description="what the survey page and providers sent, since it became an answer")
    message_texts_days: Days | None = Field(90, description="texts of messages to staff, since they were sent or given up")
    logs_days: Days | None = Field(90, description="log files, Airflow's history, and e-mails in the sandbox's inbox")


class Privacy(Model):
    """What becomes of a person who asks to be forgotten."""

    erased_answers: Literal["keep_anonymous", "remove"] = Field(
        "remove", description="whether counted scores of somebody who is erased stay, as answers of nobody, or go too"
    )
