"""The application that serves the pages of `quality.sites` inside Airflow, to people who are logged in.

Airflow serves a plugin's pages to anybody unless they ask for a login themselves; these do, on every request.
"""

from __future__ import annotations

import io
import mimetypes
import zipfile
from html import escape

import sqlalchemy as sa
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import requires_access_view
from fastapi import Depends, FastAPI, HTTPException, Response
from fastapi.responses import RedirectResponse

from shopkeeper.quality.sites import NEWEST
from shopkeeper.warehouse.engine import engine
from shopkeeper.warehouse.tables import PUBLICATIONS, SITES

HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-cache"}
LOGGED_IN = [Depends(requires_access_view(AccessView.WEBSITE))]

# What tells most about a DAG, or about one of its tasks; of every other the report's first page does.
ABOUT = {
    "ingest_sources": "report/lineage.html",
    "trigger_surveys": "report/quarantine.html",
    "collect_responses": "report/response.html",
    "distribute_feedback": "intranet_front_line/index.html",
    "ingest_sources/gate_batches": "data_docs/index.html",
    "collect_responses/gate_answers": "data_docs/index.html",
    "build_marts/build_models": "dbt_docs/index.html",
    "build_marts/complete_models": "dbt_docs/index.html",
    "build_marts/gate_publication": "data_docs/index.html",
    "rebuild_marts/build_models": "dbt_docs/index.html",
    "rebuild_marts/complete_models": "dbt_docs/index.html",
    "rebuild_marts/gate_publication": "data_docs/index.html",
    "distribute_feedback/huddle_packs": "huddle_packs/index.html",
    "audit_metric/economics": "economics/index.html",
    "audit_metric/data_docs": "data_docs/index.html",
    "audit_metric/dbt_docs": "dbt_docs/index.html",
}

application = FastAPI(title="Shopkeeper pages", docs_url=None, redoc_url=None, openapi_url=None)


@application.get("/about/{dag_id}", dependencies=LOGGED_IN)
@application.get("/about/{dag_id}/{task_id}", dependencies=LOGGED_IN)
def about(dag_id: str, task_id: str = "") -> Response:
    """To the page that tells most about what a DAG or a task does."""
    path = ABOUT.get(f"{dag_id}/{task_id}", ABOUT.get(dag_id, "report/index.html"))
    up = "../" * (2 if task_id else 1)
    return RedirectResponse(f"{up}{path}", headers=HEADERS)


@application.get("/past/", dependencies=LOGGED_IN)
def past() -> Response:
    """Every report that is kept, the newest first."""
    query = (
        sa.select(PUBLICATIONS.c.publication_id, PUBLICATIONS.c.as_of, PUBLICATIONS.c.published_at)
        .join(SITES, sa.and_(SITES.c.publication_id == PUBLICATIONS.c.publication_id, SITES.c.name == "report"))
        .order_by(PUBLICATIONS.c.publication_id.desc())
    )
    with engine().connect() as connection:
        kept = connection.execute(query).all()
    lines = "".join(
        f'<li><a href="{row.publication_id}/index.html">publication {row.publication_id}</a>, up to {row.as_of:%Y-%m-%d %H:%M %Z},'
        f" published {row.published_at:%Y-%m-%d %H:%M %Z}</li>"
        for row in kept
    )
    body = f"<ul>{lines}</ul>" if lines else f"<p>{escape(NOTHING)}</p>"
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Past reports</title><h1>Past reports</h1>{body}</html>'
    return Response(page, media_type="text/html", headers=HEADERS)


@application.get("/past/{publication_id}/{path:path}", dependencies=LOGGED_IN)
def past_page(publication_id: int, path: str) -> Response:
    """One file of the report that was made for a publication. 404 where it is not kept any more."""
    return _file("report", publication_id, path)


@application.get("/{site}/{path:path}", dependencies=LOGGED_IN)
def page(site: str, path: str) -> Response:
    """One file of a site as it was last built. 401 without a login, 404 where there is no such file."""
    return _file(site, NEWEST, path)


NOTHING = "There is no such page. The DAGs audit_metric and distribute_feedback make them."


def _file(site: str, publication_id: int, path: str) -> Response:
    query = sa.select(SITES.c.content).where(SITES.c.name == site, SITES.c.publication_id == publication_id)
    with engine().connect() as connection:
        content = connection.scalar(query)
    name = path or "index.html"
    try:
        body = zipfile.ZipFile(io.BytesIO(content or b"")).read(name)
    except (KeyError, zipfile.BadZipFile):
        raise HTTPException(404, NOTHING) from None
    return Response(body, media_type=mimetypes.guess_type(name)[0] or "application/octet-stream", headers=HEADERS)
