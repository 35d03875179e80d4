"""A person who writes programmes.yml sees every mistake at once; a condition means what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.company import conditions
from shopkeeper.company.load import load
from shopkeeper.errors import ShopkeeperError

ABOUT = conditions.ABOUT["transactional"]


def write(folder: Path, programmes: str) -> Path:
    (folder / "company.yml").write_text(yaml.safe_dump({"name": "Example", "timezone": "Europe/Berlin", "currency": "EUR"}))
    crm = {"crm": {"connection": "sqlite:///crm.db", "entities": {"customers": {"table": "customers"}}}}
    (folder / "sources.yml").write_text(yaml.safe_dump(crm))
    (folder / "programmes.yml").write_text(programmes)
    return folder


def test_every_mistake_of_programmes_yml_is_in_one_list_with_key_and_line(tmp_path: Path) -> None:
    write(
        tmp_path,
        """
quarantine: {any_days: 3}
programmes:
  relationship:
    kind: relationship
    eligibility: customer.status = 'active'
    cadence: {every_days: 5, starts_on: 2026-01-06, spread_days: 9}
    sampling: {take: stratified, n: 10, by: customer.sgment, floor: 2}
  claims:
    kind: transactional
    eligibility: custmer.status == 'active' and interaction.outcom == 'paid' and customer.email is None
    after: {moment: settled_at}
    sampling: {take: fraction, by: customer.segment, quotas: {key: 3}}
  calls: {kind: post_call, after: {}, provider: phones}
  visits: {kind: transactional}
  sound: {kind: relationship, cadence: {every_days: 90, starts_on: 2026-01-06}}
  staff:
    kind: employee
    eligibility: customer.status == 'active'
    cadence: {every_days: 90, starts_on: 2026-01-06}
    window: {starts: '10:00', ends: '05:00'}
    split_tests:
      a: {varies: subject, arms: {x: {share: 0.5}, y: {share: 0.6}}}
""",
    )
    with pytest.raises(ShopkeeperError) as caught:
        load(tmp_path, {})
    listed = str(caught.value)
    at = "programmes.yml › programmes"
    for expected in (
        "programmes.yml › quarantine › any_days (line 2): there is no key any_days\n    did you mean any_programme_days?",
        f"{at} › relationship › eligibility (line 6): is no condition; it cannot be read near",
        "    write == to compare",
        f"{at} › relationship › cadence (line 7): a wave must be out before the next one begins",
        f"{at} › relationship › sampling › by (line 8): customers has no column sgment\n    did you mean segment?",
        f"{at} › claims › eligibility (line 11): there is no custmer here\n    did you mean customer?",
        f"{at} › claims › eligibility (line 11): interactions has no column outcom\n    did you mean outcome?",
        f"{at} › claims › eligibility (line 11): customer.email is personal and takes no part in choosing\n    use customer.has_email",
        f"{at} › claims › after › moment (line 12)",
        f"{at} › claims › sampling › fraction (line 13): is needed to take fraction",
        f"{at} › visits › after (line 15): is needed by a transactional programme",
        f"{at} › calls › provider (line 14): there is no phones under providers",
        f"{at} › staff › eligibility (line 19): there is no customer here\n    this kind of programme knows employee only",
        f"{at} › staff › window (line 21): needs starts before ends",
        f"{at} › staff › split_tests › a › arms (line 23): shares do not add up to 1",
        "programmes.yml › sender: is needed",
    ):
        assert expected in listed, f"{expected}\n\n{listed}"


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("status == 'active'", "status is no column", "write customer.status"),
        ("customer.status == active", "active is no column", "write a text in quotes"),
        ("customer.is_staff == true", "true is no column", "write True"),
        ("customer.tenure_days > '30'", "'30' is compared with a number", "write a number"),
        ("customer.joined_on > '31.12.2025'", "compared with a date", "such as '2026-01-31'"),
        ("customer.segment > 'a'", "has no order", "compare it with =="),
        ("customer.status in 'active'", "`in` needs a list", "('one',)"),
        ("customer.status && customer.segment", "cannot be read", "write and in place of &&"),
        ("customer.segment", "neither true nor false", "compare it"),
        ("interaction.attributes == 'x'", "holds several values", "a column of its own"),
        ("__import__('os').system('true')", "cannot be used here", "use and, or, not"),
        ("customer.__class__ == 'x'", "customers has no column __class__", ""),
        ("(lambda: customer.status)() == 'x'", "cannot be used here", "use and"),
        ("customer.segment is 'a'", "`is` goes with a column and None", "write =="),
        ("'a' == 'a'", "two fixed values", "name a column"),
        ("(" * 300 + "customer.is_staff" + ")" * 300, "is no condition", "use and"),
    ],
)
def test_a_wrong_condition_is_explained(text: str, what: str, hint: str) -> None:
    (mistake, *_) = conditions.mistakes(text, ABOUT)
    assert what in mistake.what
    assert hint in mistake.hint
    with pytest.raises(ValueError, match=r"."):
        conditions.condition(text, ABOUT)


def test_a_relationship_programme_knows_no_interaction() -> None:
    (mistake,) = conditions.mistakes("interaction.outcome == 'paid'", conditions.ABOUT["relationship"])
    assert mistake == conditions.Mistake("there is no interaction here", "this kind of programme knows customer only")


# --- what a condition means -------------------------------------------------------------------------------------------

PEOPLE = """
    (values ('a', 'key', true, date '2025-12-31'), ('b', null, null, date '2026-01-01'), ('c', 'o''k', false, date '2024-01-01'))
    as customer (customer_id, segment, is_staff, joined_on)
"""


@pytest.fixture(scope="module")
def matching(server: Any) -> Any:
    """Customers for whom a condition is true, as of 31 January 2026."""
    engine = sa.create_engine(sa.make_url(server.url("migrated")).set(drivername="postgresql+psycopg"))

    def find(text: str) -> str:
        parsed = conditions.condition(text, ABOUT)
        query = sa.text(f"select string_agg(customer_id, '' order by customer_id) from {PEOPLE} where {parsed.sql}")
        with engine.connect() as connection:
            return connection.scalar(query, {**parsed.binds, "as_of_on": "2026-01-31", "timezone": "UTC"}) or ""

    yield find
    engine.dispose()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "abc"),
        ("customer.segment == 'key'", "a"),
        ("customer.segment != 'key'", "bc"),  # who has no segment is not in that one
        ("customer.segment is None", "b"),
        ('customer.segment == None or customer.segment == "o\'k"', "bc"),
        ("customer.segment in ('key', \"o'k\")", "ac"),
        ("customer.segment not in ('key',)", "bc"),
        ("not customer.is_staff", "bc"),
        ("customer.is_staff == False", "c"),
        ("customer.tenure_days > 30", "ac"),
        ("30 <= customer.tenure_days < 100", "ab"),
        ("customer.joined_on >= '2026-01-01' or customer.is_staff and customer.segment == 'key'", "ab"),
        ("(customer.joined_on >= '2026-01-01' or customer.is_staff)\n  and customer.segment == 'key'", "a"),
    ],
)
def test_a_condition_means_what_it_says(matching: Any, text: str, found: str) -> None:
    assert matching(text) == found


@given(st.text(max_size=40), st.text(max_size=8))
def test_no_text_whatever_breaks_out_of_a_condition(text: str, value: str) -> None:
    # The condition stands in a statement that writes the ledger.
    conditions.mistakes(text, ABOUT)
    written = f"customer.segment == {value!r}"
    if not conditions.mistakes(written, ABOUT):
        parsed = conditions.condition(written, ABOUT)
        assert list(parsed.binds.values()) == [value]
        assert parsed.sql == '((customer."segment" is not distinct from cast(:condition_0 as text)))'
