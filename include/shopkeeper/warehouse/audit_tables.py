"""Tracing a number, and making a past report again."""

from __future__ import annotations
