"""Scores over time and between units."""

from __future__ import annotations
