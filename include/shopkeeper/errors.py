"""Errors that a user can act on: what was wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One mistake: `where` is a file, key or row; `hint` says what to do. Never a secret, never a person's data."""

    where: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f"\n    {self.hint}" if self.hint else "")


class ShopkeeperError(Exception):
    """A mistake the user can mend. The command line prints its problems without a stack trace and exits with 1."""

    def __init__(self, problems: Problem | Sequence[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def fail(where: str, what: str, hint: str = "") -> ShopkeeperError:
    """Shorthand: `raise fail("sources.yml › crm", "no connection", "set CRM_URL")`."""
    return ShopkeeperError(Problem(where, what, hint))


class GateFailed(ShopkeeperError):
    """A critical check failed: the batch or the publication stops here; what was published before stays."""
