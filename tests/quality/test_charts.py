"""Pictures of the report."""

from __future__ import annotations

import re

from shopkeeper.pictures.charts import Estimate, over_time


def test_a_change_of_method_breaks_the_line_and_says_so() -> None:
    # A line through the change would tell a rise of customers' opinion that is one of how they are asked.
    months = [Estimate(f"month {n}", 10.0 * n, 10.0 * n - 5, 10.0 * n + 5, 100, is_break=n == 3) for n in range(1, 6)]
    drawn = over_time(months, "by month")
    lines = [len(points.split()) for points in re.findall(r'<polyline points="([^"]+)"', drawn)]
    assert lines == [2, 3]
    assert drawn.count("method changed") == 1
    assert [len(points.split()) for points in re.findall(r'<polyline points="([^"]+)"', over_time(months[:2], "by month"))] == [2]
