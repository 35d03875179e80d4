"""The pages inside Airflow, asked for as a browser does."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from airflow_process import in_airflow

from shopkeeper.quality import sites
from shopkeeper.warehouse.embedded import Server
from shopkeeper.warehouse.engine import engine
from shopkeeper.warehouse.tables import PUBLICATIONS

# Airflow's own application with its own auth manager, in a process of its own; prints the answers as JSON.
ASK = """
import json, sys
from airflow.utils.db import initdb
initdb()
from fastapi.testclient import TestClient
from airflow.api_fastapi.app import create_app
with TestClient(create_app(apps="core"), base_url="http://testserver") as client:
    password = json.loads(open(sys.argv[1]).read())["admin"]
    def ask(path, **options):
        answer = client.get(path, follow_redirects="/about/" not in path, **options)
        return [answer.status_code, answer.headers.get("location", answer.headers.get("content-type", "")), answer.text[:60]]
    pages = ["/shopkeeper/report/index.html", "/shopkeeper/report/", "/shopkeeper/report/style.css", "/shopkeeper/report/none.html",
             "/shopkeeper/none/index.html", "/shopkeeper/past/", "/shopkeeper/past/3/index.html", "/shopkeeper/past/4/index.html",
             "/shopkeeper/about/build_marts/gate_publication", "/shopkeeper/about/trigger_surveys",
             "/shopkeeper/report/%2e%2e/%2e%2e/etc/passwd", "/shopkeeper/docs", "/shopkeeper/openapi.json"]
    anonymous = {page: ask(page) for page in pages}
    forged = {page: ask(page, headers={"Authorization": "Bearer e30.e30.e30"}) for page in pages}
    token = client.post("/auth/token", json={"username": "admin", "password": password}).json()["access_token"]
    header = {page: ask(page, headers={"Authorization": "Bearer " + token}) for page in pages}
    client.cookies.set("_token", token)
    cookie = {page: ask(page) for page in pages}
    plugins = client.get("/api/v2/plugins").json()["plugins"]
    views = [view for plugin in plugins for view in plugin["external_views"] if plugin["name"] == "shopkeeper_pages"]
    links = {view["name"]: view["href"] for view in views if view["destination"] == "nav"}
    tabs = {view["destination"]: view["href"] for view in views if view["destination"] != "nav"}
print("\\n" + json.dumps({"anonymous": anonymous, "forged": forged, "header": header, "cookie": cookie, "links": links, "tabs": tabs}))
"""


Answers = dict[str, dict[str, list[object]]]


@pytest.fixture(scope="module")
def answers(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    home = tmp_path_factory.mktemp("airflow")
    site = home / "site"
    site.mkdir()
    (site / "index.html").write_text("<h1>How far to trust it</h1>")
    (site / "style.css").write_text("h1 { color: black }")
    server.create_database("pages", template="migrated")
    server.create_database("pages_airflow")
    warehouse = engine(server.url("pages"))
    now = datetime(2026, 1, 1, tzinfo=UTC)
    sites.store(warehouse, "report", site, now=now)
    with warehouse.begin() as connection:
        row = {"build_id": 1, "as_of": now, "known_at": now, "config_hash": "c", "gates_passed": 1, "gates_warned": 0, "published_at": now}
        published = [
            connection.scalar(sa.insert(PUBLICATIONS).values(row | {"build_id": n}).returning(PUBLICATIONS.c.publication_id))
            for n in range(4)
        ]
    (site / "index.html").write_text("<h1>How far it was trusted then</h1>")
    sites.store(warehouse, "report", site, now=now, publication_id=published[2])
    warehouse.dispose()
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps({"admin": "secret"}))
    settings = {
        "WAREHOUSE_URL": server.url("pages"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": server.url("pages_airflow").replace("postgresql", "postgresql+psycopg2", 1),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": server.url("pages_airflow").replace("postgresql", "postgresql+psycopg", 1),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__API__SECRET_KEY": "a key of the test",
        "AIRFLOW__API_AUTH__JWT_SECRET": "another key of the test, which is long enough to sign with",
    }
    found: Answers = json.loads(in_airflow(home, ASK, str(passwords), **settings))
    return found


def test_pages_are_for_people_who_are_logged_in(answers: Answers) -> None:
    # Airflow serves a plugin's pages to anybody unless they ask for a login: customers' words would stand open to the network.
    assert {answer[0] for answer in answers["anonymous"].values()} <= {401, 404}
    assert answers["anonymous"]["/shopkeeper/report/index.html"][0] == 401
    assert answers["forged"]["/shopkeeper/report/index.html"][0] in (401, 403)
    for way in ("header", "cookie"):
        assert answers[way]["/shopkeeper/report/index.html"] == [200, "text/html; charset=utf-8", "<h1>How far to trust it</h1>"]
        assert answers[way]["/shopkeeper/report/"][0] == 200
        assert answers[way]["/shopkeeper/report/style.css"][:2] == [200, "text/css; charset=utf-8"]


def test_what_is_not_there_is_not_found(answers: Answers) -> None:
    found = answers["cookie"]
    for page in ("/shopkeeper/report/none.html", "/shopkeeper/none/index.html", "/shopkeeper/docs", "/shopkeeper/openapi.json"):
        assert found[page][0] == 404, page
    assert found["/shopkeeper/report/%2e%2e/%2e%2e/etc/passwd"][0] == 404


def test_airflows_pages_link_to_ours(answers: Answers) -> None:
    assert answers["links"] == {
        "Metric quality": "/shopkeeper/report/index.html",
        "Past reports": "/shopkeeper/past/",
        "Economics of loyalty": "/shopkeeper/economics/index.html",
        "Intranet: front line": "/shopkeeper/intranet_front_line/index.html",
        "Intranet: branches": "/shopkeeper/intranet_branch_managers/index.html",
        "Intranet: regions": "/shopkeeper/intranet_region_managers/index.html",
        "Intranet: executives": "/shopkeeper/intranet_executives/index.html",
        "Huddle packs": "/shopkeeper/huddle_packs/index.html",
        "Gate results": "/shopkeeper/data_docs/index.html",
        "Models": "/shopkeeper/dbt_docs/index.html",
    }
    # Who looks at a red task wants to know what it was about, without searching for it.
    assert answers["tabs"] == {
        "dag": "/shopkeeper/about/{DAG_ID}",
        "task": "/shopkeeper/about/{DAG_ID}/{TASK_ID}",
        "task_instance": "/shopkeeper/about/{DAG_ID}/{TASK_ID}",
    }
    found = answers["cookie"]
    assert found["/shopkeeper/about/build_marts/gate_publication"][:2] == [307, "../../data_docs/index.html"]
    assert found["/shopkeeper/about/trigger_surveys"][:2] == [307, "../report/quarantine.html"]
    assert answers["anonymous"]["/shopkeeper/about/trigger_surveys"][0] == 401


def test_a_past_report_stays_readable(answers: Answers) -> None:
    # A number that was quoted in March must be found as it was, whatever has been published since.
    found = answers["cookie"]
    assert found["/shopkeeper/past/3/index.html"][::2] == [200, "<h1>How far it was trusted then</h1>"]
    assert found["/shopkeeper/past/4/index.html"][0] == 404
    assert found["/shopkeeper/past/"][0] == 200
    assert answers["anonymous"]["/shopkeeper/past/3/index.html"][0] == 401
    assert answers["anonymous"]["/shopkeeper/past/"][0] == 401
