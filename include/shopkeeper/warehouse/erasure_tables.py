"""Erasure, retention, and alerts when nothing ran."""

from __future__ import annotations
