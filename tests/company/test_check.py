"""Before anything is loaded, one command says whether the sources answer, and whether what they hold will fit together."""

from __future__ import annotations

import hashlib
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from shopkeeper.sources.check import Match, check
from shopkeeper.warehouse.embedded import Server

NOW = datetime(2024, 7, 1, 12, tzinfo=UTC)

SOURCES = """
crm:
  connection: sqlite:///crm.db
  timezone: Europe/Berlin
  entities:
    customers:
      table: people
      columns: {customer_id: id, joined_on: since}
    interactions:
      query: |
        select id as interaction_id, person as customer_id, day as occurred_at, clerk as employee_id
        from visits where day > :window_start
survey:
  entities:
    survey_responses:
      path: answers/*.csv
      missing: ["", NA]
      lower_case_ids: true
      date_order: dmy
      timezone: Europe/Berlin
      columns: {native_id: id, responded_at: answered, score: q1, customer_id: person}
"""


@pytest.fixture(autouse=True)
def _no_warehouse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://nobody@127.0.0.1:1/nothing")


@pytest.fixture
def company(tmp_path: Path) -> Path:
    (tmp_path / "company.yml").write_text("name: Example\ntimezone: Europe/Berlin\ncurrency: EUR\n")
    (tmp_path / "sources.yml").write_text(SOURCES)
    with sqlite3.connect(tmp_path / "crm.db") as crm:
        crm.execute("create table people (id text, since text, email text, opted_out integer, do_not_contact text, shoe_size text)")
        crm.executemany(
            "insert into people values (?, ?, ?, ?, ?, null)",
            [
                ("a", "2020-01-01", "a@example.com", 0, None),
                ("b", "2020-01-01", "b@example.com", 1, None),
                ("c", "2024-06-30", None, 0, None),
                ("d", "2020-01-01", " ", None, None),
                ("e", "2020-01-01", "e@example.com", 0, "deceased"),
            ],
        )
        crm.execute("create table visits (id text, person text, day text, clerk text)")
        crm.executemany(
            "insert into visits values (?, ?, ?, ?)",
            [("1", "a", "2024-06-30 10:00:00", "x"), ("2", "b", "2024-06-29 10:00:00", ""), ("3", "gone", "2024-06-01", None)],
        )
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "june.csv").write_text(
        'id,person,answered,q1,why\n1,A,01.06.2024 09:00,10,"two\nlines"\n2, b ,30.06.2024,9,\n3,stranger,1.1.24,NA,\n4,ragged\n'
    )
    (tmp_path / "answers" / "may.csv").write_text("person,id,answered,q1\nNA,9,31.05.2024 10:00,3\n")
    return tmp_path


def test_it_says_what_each_source_would_bring(company: Path) -> None:
    report = check(company, {}, now=NOW)
    assert report.problems == ()
    responses, customers, interactions = (
        next(each for each in report.brings if each.entity == entity) for entity in ("survey_responses", "customers", "interactions")
    )
    assert (customers.source, customers.rows, customers.reachable) == ("crm", 5, 1)
    assert customers.undeclared == ("shoe_size",)
    assert customers.delay == timedelta(days=1, hours=14), "since the midnight in Berlin that began 30 June"
    assert (interactions.rows, interactions.with_employee, interactions.matches) == (3, 1, (Match("customer_id", 3, 2),))
    assert interactions.newest == datetime(2024, 6, 30, 8, tzinfo=UTC)
    assert (responses.rows, responses.unreadable, responses.matches) == (5, 1, (Match("customer_id", 3, 2),))
    assert responses.newest == datetime(2024, 6, 29, 22, tzinfo=UTC)


def test_it_writes_nothing(company: Path) -> None:
    def state() -> dict[str, str]:
        return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in company.rglob("*") if file.is_file()}

    before = state()
    check(company, {}, now=NOW)
    assert state() == before


def test_mistakes_of_the_folder_come_without_a_look_at_the_sources(company: Path) -> None:
    (company / "company.yml").write_text("name: Example\n")
    report = check(company, {}, now=NOW)
    assert [problem.where for problem in report.problems] == ["company.yml › timezone", "company.yml › currency"]
    assert report.brings == ()


def test_every_source_that_fails_is_in_one_list_and_the_others_are_read(company: Path, server: Server) -> None:
    with (company / "sources.yml").open("a") as sources:
        sources.write(
            """
wrong_password: {connection: "${WRONG}", entities: {products: {table: products}}}
nobody_there: {connection: "postgresql://me@127.0.0.1:1/db", entities: {products: {table: products}}}
no_table: {connection: "sqlite:///crm.db", entities: {products: {table: goods}}}
no_column: {connection: "sqlite:///crm.db", entities: {revenue: {table: visits, columns: {amount: amont, revenue_id: id}}}}
no_sql: {connection: "sqlite:///crm.db", entities: {products: {query: selct 1}}}
no_file: {entities: {offers: {path: offers.csv}, complaints: {path: "complaints/*.csv"}}}
no_join: {files: {goods: {path: goods.csv}}, entities: {products: {table: goods}, offers: {query: select 1 from goods}}}
no_parquet: {entities: {offers: {path: answers/may.csv, format: parquet}}}
"""
        )
    wrong = sa.make_url(server.url("warehouse")).set(password="hush").render_as_string(hide_password=False)
    report = check(company, {"WRONG": wrong}, now=NOW)
    listed = "\n".join(str(problem) for problem in report.problems)
    for place, what in {
        "wrong_password › entities › products": "the login is refused",
        "nobody_there › entities › products": "cannot be reached",
        "no_table › entities › products › table": "has no table goods",
        "no_column › entities › revenue › columns › amount": "has no column amont",
        "no_column › entities › revenue › columns › customer_id": "nothing gives customer_id",
        "no_column › entities › revenue › columns › booked_on": "nothing gives booked_on",
        "no_sql › entities › products": "is no SQL",
        "no_file › entities › offers › path": "there is no file",
        "no_file › entities › complaints › path": "no file matches",
        "no_join › files › goods › path": "there is no file",
        "no_parquet › entities › offers": "is no Parquet file",
    }.items():
        assert any(f"sources.yml › {place}" in problem.where and what in problem.what for problem in report.problems), (place, listed)
    assert "hush" not in listed
    assert {each.entity for each in report.brings} == {"survey_responses", "customers", "interactions"}


def test_a_company_without_answers_and_an_empty_source_are_pointed_out(company: Path) -> None:
    (company / "sources.yml").write_text(
        "shop: {entities: {products: {path: products.csv}, offers: {path: offers.csv}}}",
    )
    (company / "products.csv").write_text("product_id,name\n")
    (company / "offers.csv").write_text("")
    report = check(company, {}, now=NOW)
    assert report.problems == ()
    assert report.notes == (
        "survey_responses is not mapped: there will be no score",
        "shop › products is empty",
        "shop › offers is empty",
    )


# A goal for a segment that nobody has is never judged, and its owner waits for a year.
def test_goals_name_what_the_sources_hold(company: Path) -> None:
    heads = "goal_id,programme,metric,owner,dimension,dimension_value,period_grain,period_starts_on,target"
    sources = SOURCES.replace("joined_on: since}", "joined_on: since, segment: id}")
    (company / "sources.yml").write_text(sources)
    rows = [f"g{value},visit,nps,A,{dimension},{value},year,2026-01-01,1" for dimension, value in (("segment", "e"), ("segment", "ee"))]
    (company / "goals.csv").write_text("\n".join([heads, *rows, "gx,visit,nps,A,product,x,year,2026-01-01,1"]))
    report = check(company, {}, now=NOW)
    assert [str(problem) for problem in report.problems] == [
        "goals.csv › gee › dimension_value: customers know no segment ee\n    did you mean e?",
    ], "no source says what products there are"
