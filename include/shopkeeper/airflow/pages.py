"""The application that serves the pages of `quality.sites` inside Airflow, to people who are logged in.

Airflow serves a plugin's pages to anybody unless they ask for a login themselves; these do, on every request.
"""

from __future__ import annotations

import io
import mimetypes
import zipfile

import sqlalchemy as sa
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import requires_access_view
from fastapi import Depends, FastAPI, HTTPException, Response

from shopkeeper.warehouse.engine import engine
from shopkeeper.warehouse.tables import SITES

NEWEST = 0
HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-cache"}

application = FastAPI(title="Shopkeeper pages", docs_url=None, redoc_url=None, openapi_url=None)


@application.get("/{site}/{path:path}", dependencies=[Depends(requires_access_view(AccessView.WEBSITE))])
def page(site: str, path: str) -> Response:
    """One file of a site as it was last built. 401 without a login, 404 where there is no such file."""
    query = sa.select(SITES.c.content).where(SITES.c.name == site, SITES.c.publication_id == NEWEST)
    with engine().connect() as connection:
        content = connection.scalar(query)
    name = path or "index.html"
    try:
        body = zipfile.ZipFile(io.BytesIO(content or b"")).read(name)
    except (KeyError, zipfile.BadZipFile):
        raise HTTPException(404, "There is no such page. The DAGs audit_metric and distribute_feedback make them.") from None
    return Response(body, media_type=mimetypes.guess_type(name)[0] or "application/octet-stream", headers=HEADERS)
