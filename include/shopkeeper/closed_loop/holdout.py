"""A randomised delay of some orders: who is in which arm, by permanent random number, so that anyone can draw it again."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal
from uuid import UUID

from shopkeeper.company.closed_loop import Comparison
from shopkeeper.survey.random_numbers import random_number

SALT = "closed_loop|delay"
# Whoever asks to be called, or complains, is never made to wait for the sake of a comparison; and the effect of closing the loop is
# measured on those who said something, never on those of whom a model did.
NEVER_DELAYED = ("call_back_requested", "complaint", "predicted")

Arm = Literal["treated", "delayed"]


def arm(comparison: Comparison, signal_id: UUID, *, kinds: Collection[str]) -> Arm | None:
    """The arm of the order that this signal opens; None where it takes no part in a comparison.

    `kinds` are those of all rules that were met with it. The draw hangs on nothing but the signal, so neither a customer nor an
    employee can bring it about, and looking again gives the same arm.
    """
    if not comparison.share or any(kind in NEVER_DELAYED for kind in kinds):
        return None
    return "delayed" if random_number(SALT, str(signal_id)) < comparison.share else "treated"
