"""Who answers, and whom the answers speak for."""

from __future__ import annotations
