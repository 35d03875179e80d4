"""What the review for gaming has to be told about a company."""

from __future__ import annotations

from pydantic import Field

from shopkeeper.company.base import Model


class GamingReview(Model):
    """Signs that somebody games the score: what no record says by itself."""

    contact_edits: tuple[str, ...] = Field(
        (), description="types of interactions, as the CRM names them, in which an employee changes a customer's contact data"
    )
