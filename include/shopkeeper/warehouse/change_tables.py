"""Changes of a company's own rules and goals: proposed, approved, written back."""

from __future__ import annotations
