"""A leader's change must change what it says, and not a letter more: comments are why a rule is as it is."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.company.edits import Edit, edited
from shopkeeper.company.load import SAMPLE
from shopkeeper.errors import ShopkeeperError

RULES = (SAMPLE / "closed_loop.yml").read_text()
WRITTEN = """\
# why there are rules
rules: # the most urgent first
  low_score:
    kind: low_score  # the one that matters
    bands:
      # those who leave
      - detractor
      - passive # and those who may
    too_old_days: 7

  # from the audit of 2024
  "fallen": {kind: score_moved, by: 2, programmes: [a, 'b c']}   # two points
cycle:
  attempts: 3
  note: |
    kept as it is
  approval_above:   # nobody has said
# the end
"""
NAMES = ("kind", "by", "bands", "owners", "too_old_days", "then", "new_one")
VALUES = st.one_of(
    st.integers(0, 99),
    st.sampled_from(["08:00", "yes", "a: b", "x # y", "tell", "", "ä", "1.5", "- a", "[", "null"]),
    st.lists(st.sampled_from(["detractor", "passive", "a, b", "#"]), min_size=1, max_size=3, unique=True),
    st.sampled_from([0.85, True, None]),
)
PLACES = st.sampled_from(
    [("rules", rule, name) for rule in ("low_score", "fallen") for name in NAMES] + [("cycle", "attempts"), ("cycle", "approval_above")]
)


def comments(text: str) -> list[str]:
    return sorted(re.findall(r"(?m)(?:^|\s)(# [^\n]*?)\s*$", text))


@given(place=PLACES, value=VALUES, newline=st.sampled_from(["\n", "\r\n"]))
def test_only_what_was_meant_is_changed(place: tuple[str, ...], value: Any, newline: str) -> None:
    text = WRITTEN.replace("\n", newline)
    found = edited("closed_loop.yml", text, [Edit(place, value)])
    expected = yaml.safe_load(text)
    above: Any = expected
    for step in place[:-1]:
        above = above[step]
    above[place[-1]] = value
    assert yaml.safe_load(found) == expected
    changed = [line for line in text.split(newline) if line not in found.split(newline)]
    assert all(place[-1] in line or place[-2] in line or place[-1] == "bands" for line in changed), changed
    gone = [comment for comment in comments(WRITTEN) if comment not in found]
    assert place[-1] == "bands" or not gone
    assert newline == "\n" or "\n" not in found.replace("\r\n", "")


def test_rules_come_and_go_where_they_should() -> None:
    """The order of rules says which is the most urgent: a new one may be put in front, and taking one out moves no other."""
    told = Edit(("rules", "angry"), {"kind": "low_score", "bands": ["detractor"], "by": 3}, before="low_score")
    found = edited("x", RULES, [told])
    added = [line for line in found.splitlines() if line not in RULES.splitlines()]
    assert added == ["  angry: {kind: low_score, bands: [detractor], by: 3}"]
    assert list(yaml.safe_load(found)["rules"])[:3] == ["call_back_requested", "angry", "low_score"]
    assert edited("x", found, [Edit(("rules", "angry"), remove=True)]) == RULES
    days = edited("x", RULES, [Edit(("calendar", "holidays"), ["2026-12-25", "2027-01-01", "2027-02-30"])])
    assert "\n  holidays: [2026-12-25, 2027-01-01, '2027-02-30']\n" in days, "days stay days; the loader says which is none"
    last = edited("x", WRITTEN, [Edit(("rules", "angry"), {"kind": "complaint"})])
    assert "# two points\n  angry:\n    kind: complaint\ncycle:" in last
    assert '# from the audit of 2024\n  "fallen"' in edited("x", WRITTEN, [Edit(("rules", "low_score"), remove=True)])
    assert yaml.safe_load(edited("x", "rules: {a: {kind: complaint}}\n", [Edit(("rules", "a"), remove=True)])) == {"rules": {}}
    for start in ("", "# nothing yet\n", "rules:\n", "rules: {}\n", "cycle: {attempts: 3}\n"):
        once = edited("x", start, [Edit(("rules", "a"), {"kind": "complaint"})])
        assert yaml.safe_load(once)["rules"] == {"a": {"kind": "complaint"}}, once
        assert set(comments(start)) <= set(comments(once))


@pytest.mark.parametrize(
    "text",
    [
        "a: &a {kind: complaint}\nrules: {low_score: *a}\n",
        "rules: {low_score: {kind: [a, # why\n  b]}}\n",
        "rules: [1, 2\n",
    ],
)
def test_what_is_written_in_another_way_is_left_alone(text: str) -> None:
    """An alias stands for two places: changed in one it would change the other, unseen by whoever approves."""
    with pytest.raises(ShopkeeperError, match="cannot be made here"):
        edited("closed_loop.yml", text, [Edit(("rules", "low_score", "kind"), "low_score")])
