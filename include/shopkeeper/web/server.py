"""Serves the web app: uvicorn with several workers on one port, on the loopback unless told otherwise."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
from pathlib import Path

import sqlalchemy as sa
import uvicorn
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from shopkeeper.company.load import load_company, load_for_desk, load_programmes
from shopkeeper.errors import fail
from shopkeeper.messages.links import desk_url
from shopkeeper.survey.links import Keys, survey_url
from shopkeeper.warehouse import roles
from shopkeeper.warehouse.engine import engine, secret
from shopkeeper.web.app import make_app
from shopkeeper.web.desk.session import keys_from_environment
from shopkeeper.web.desk.site import Settings
from shopkeeper.web.guard import TRUSTED_PROXIES, networks

PORT, WORKERS = 8090, 2
DATABASE_URL, COUNTS = "SURVEY_PAGE_URL", "SHOPKEEPER_WEB_COUNTS"
DESK_DATABASE_URL, PROXY_HEADER = "DESK_DATABASE_URL", "SHOPKEEPER_DESK_PROXY_HEADER"


def serve(*, host: str = "127.0.0.1", port: int = PORT, workers: int = WORKERS, listener: int | None = None) -> None:
    """Serve until told to stop. Raises ShopkeeperError before anything is bound when a setting is wrong.

    `listener` is the descriptor of a socket that listens already, from whoever started us: it takes the place of host and port.

    On the warehouse's own machine the desk goes with the survey page. Where the page was given a login of its own, as on a machine
    that faces the world, there is a desk only if it was given one too.
    No access log is kept: addresses of pages are keys to somebody's answers.
    """
    if not secret(DATABASE_URL):
        os.environ[DATABASE_URL] = own_login("survey_page")
        if not secret(DESK_DATABASE_URL):
            os.environ[DESK_DATABASE_URL] = own_login("desk")
    _check_database_url(DATABASE_URL, "survey_page")
    if secret(DESK_DATABASE_URL):
        _check_database_url(DESK_DATABASE_URL, "desk")
    from_environment()  # a mistake in a setting is told here once, and not by each worker
    with tempfile.TemporaryDirectory(prefix="shopkeeper-web-") as folder:
        os.environ[COUNTS] = str(Path(folder) / "counts")
        config = uvicorn.Config(
            "shopkeeper.web.server:from_environment",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            log_level="warning",
            timeout_keep_alive=15,
            timeout_graceful_shutdown=10,
            limit_concurrency=1000,
        )
        sockets = [config.bind_socket() if listener is None else socket.socket(fileno=listener)]
        if workers > 1:
            Multiprocess(config, sockets=sockets).run()
        else:
            uvicorn.Server(config).run(sockets=sockets)


def from_environment() -> ASGIApp:
    """The app of `SHOPKEEPER_COMPANY`, with `SURVEY_PAGE_URL`, `SHOPKEEPER_LINK_KEYS`, `SHOPKEEPER_TRUSTED_PROXIES` and, for a desk,
    `DESK_DATABASE_URL` and `SHOPKEEPER_DESK_PROXY_HEADER`."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    counts = os.environ.get(COUNTS)
    return make_app(
        load_company(),
        Keys.from_environment(),
        secret(DATABASE_URL) or "",
        programmes=load_programmes(),
        trusted=networks(os.environ.get(TRUSTED_PROXIES, "")),
        counts=Path(counts) if counts else None,
        is_https=survey_url().startswith("https://"),
        desk=desk_settings(),
    )


def desk_settings() -> Settings | None:
    """None where there is no login for the desk, and so no desk."""
    url = secret(DESK_DATABASE_URL)
    if not url:
        return None
    header = os.environ.get(PROXY_HEADER, "").strip() or None
    return Settings(load_for_desk(), keys_from_environment(), url, header, desk_url().startswith("https://"))


def _check_database_url(setting: str, role: str) -> None:
    """Whether it can be understood; a database that is down is no mistake, and the page starts without it."""
    try:
        sa.make_url(secret(setting) or "").get_backend_name()
    except sa.exc.ArgumentError:
        hint = f"write postgresql://user:password@host:5432/database, for a login that is a member of {role}"
        raise fail(setting, "is not a database URL", hint) from None


def own_login(role: str) -> str:
    """A login for a page where none was given: made in the warehouse, with a new password at each start."""
    warehouse = engine()
    name = f"{role}_of_{warehouse.url.database}"
    password = roles.create_login(warehouse, name, role)
    return warehouse.url.set(drivername="postgresql", username=name, password=password).render_as_string(hide_password=False)
