"""Initiatives: what is done about a cause, and what it brought."""

from __future__ import annotations
