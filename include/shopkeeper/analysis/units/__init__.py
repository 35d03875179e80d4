"""Scores of units of the organisation, side by side."""
