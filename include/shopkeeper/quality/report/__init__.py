"""The metric-quality report: a small site per publication that says what the score is, whether it can be trusted, and what changed."""

from shopkeeper.quality.report.build import Marts, build_report, keep_report

__all__ = ["Marts", "build_report", "keep_report"]
