"""The metric-quality report: one page that says what the score is, how sure it is and where it comes from."""

from shopkeeper.quality.report.build import Marts, build_report

__all__ = ["Marts", "build_report"]
