"""Goals, and how far they are met."""

from __future__ import annotations
