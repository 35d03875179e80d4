"""Signs that a score is gamed."""

from __future__ import annotations
