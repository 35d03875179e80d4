"""A company of a few rows: customers, revenue and answers in SQLite, coming in over five hours across midnight."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

FIRST = datetime(2026, 3, 1, 22, tzinfo=UTC)
LAST = FIRST + timedelta(hours=5)
CUSTOMERS, ANSWERS = 40, 60

COMPANY = """
name: Corner shop
timezone: Europe/Berlin
currency: EUR
"""

SOURCES = """
shop:
  connection: sqlite:///shop.db
  timezone: UTC
  entities:
    customers:
      table: people
      cursor: updated_at
    revenue:
      table: receipts
      columns: {booked_on: day}
    survey_responses:
      table: answers
      columns: {native_id: id}
      constants: {scale: "0-10", programme: relationship}
      cursor: responded_at
"""


PROGRAMMES = """
sender: {name: Corner shop, address: shop@example.com}
programmes:
  relationship:
    kind: relationship
    cadence: {every_days: 91, starts_on: 2026-01-05}
"""


def make(folder: Path) -> Path:
    """Write the company folder and its sources; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "company.yml").write_text(COMPANY)
    (folder / "sources.yml").write_text(SOURCES)
    with sqlite3.connect(folder / "shop.db") as shop:
        shop.execute("create table people (customer_id, segment, region, joined_on, email, updated_at)")
        shop.execute("create table receipts (revenue_id, customer_id, day, amount, currency, direct_cost)")
        for number in range(CUSTOMERS):
            changed = FIRST + (LAST - FIRST) * number / CUSTOMERS
            made = f"{changed:%Y-%m-%d %H:%M:%S}"
            person = (f"C{number}", "private" if number % 3 else "business", "north" if number % 2 else "south", "2024-05-01")
            shop.execute("insert into people values (?, ?, ?, ?, ?, ?)", (*person, f"c{number}@example.com", made))
            receipt = (f"R{number}", f"C{number}", f"{changed:%Y-%m-%d}", 20 + number, "EUR", 12)
            shop.execute("insert into receipts values (?, ?, ?, ?, ?, ?)", receipt)
        shop.execute("create table answers (id, customer_id, responded_at, score, verbatim)")
        for number in range(ANSWERS):
            answered = FIRST + (LAST - FIRST) * number / ANSWERS
            customer = number * CUSTOMERS // ANSWERS  # one whom the CRM knows by then
            answer = (f"A{number}", f"C{customer}", f"{answered:%Y-%m-%d %H:%M:%S}", (number * 7) % 11, f"word {number}")
            shop.execute("insert into answers values (?, ?, ?, ?, ?)", answer)
    return folder
