"""Weights of answers, and scores with them."""

from __future__ import annotations
