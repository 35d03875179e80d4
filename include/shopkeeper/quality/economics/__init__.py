"""The economics of loyalty: one page that says what customers of each band are worth, and what of it is known."""

from shopkeeper.quality.economics.build import build_economics

__all__ = ["build_economics"]
