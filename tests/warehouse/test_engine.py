"""A warehouse that cannot be reached must say why, where and what to do, and must never print the password."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shopkeeper.errors import ShopkeeperError
from shopkeeper.warehouse import engine as engine_module
from shopkeeper.warehouse.embedded import Server
from shopkeeper.warehouse.engine import connect_raw, engine, warehouse_url


def _with_engine(url: str) -> None:
    made = engine(url)
    made.dispose()
    made.connect()


def _refusal(connect: Callable[[str], Any], url: str) -> str:
    with pytest.raises(ShopkeeperError) as caught:
        connect(url)
    assert caught.value.problems[0].hint
    message = str(caught.value)
    password = sa.make_url(url).password if "://" in url else None
    assert not password or password not in message
    return message


@pytest.mark.parametrize("connect", [_with_engine, connect_raw])
def test_every_failed_connection_is_explained(server: Server, connect: Callable[[str], Any]) -> None:
    good = sa.make_url(server.url("warehouse"))

    def changed(**parts: Any) -> str:
        return good.set(**parts).render_as_string(hide_password=False)

    assert "password is wrong" in _refusal(connect, changed(password="not-the-password"))
    assert "password is wrong" in _refusal(connect, changed(username="nobody_here"))
    assert "/nowhere: no such database" in _refusal(connect, changed(database="nowhere"))
    assert "nothing listens" in _refusal(connect, changed(port=1))
    assert "host name is unknown" in _refusal(connect, changed(host="no-such-host.invalid"))


@pytest.mark.parametrize("url", ["mysql://me:hidden-word@there/x", "hidden-word", "postgresql://me:hidden-word@there:port/x"])
def test_a_url_that_is_none_is_explained(url: str) -> None:
    with pytest.raises(ShopkeeperError) as caught:
        engine(url)
    assert "WAREHOUSE_URL" in str(caught.value)
    assert "hidden-word" not in str(caught.value)


@pytest.mark.parametrize("connect", [_with_engine, connect_raw])
def test_a_server_that_is_too_old_is_refused(server: Server, connect: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "OLDEST_SUPPORTED", 99)
    assert "use PostgreSQL 99 or newer" in _refusal(connect, server.url("warehouse"))


def test_without_any_warehouse_the_hint_says_how_to_start_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAREHOUSE_URL", raising=False)
    monkeypatch.setenv("SHOPKEEPER_HOME", str(tmp_path))
    with pytest.raises(ShopkeeperError, match=r"\./shopkeeper db start"):
        warehouse_url()
    assert not list(tmp_path.iterdir()), "asking must not create anything"


def test_the_url_may_come_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAREHOUSE_URL", raising=False)
    monkeypatch.setenv("WAREHOUSE_URL_FILE", str(tmp_path / "url"))
    with pytest.raises(ShopkeeperError, match="WAREHOUSE_URL_FILE: cannot be read"):
        warehouse_url()
    (tmp_path / "url").write_text("postgresql://me@here/x\n")
    assert warehouse_url() == "postgresql://me@here/x"


def test_the_engine_follows_the_environment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines are kept per URL: a changed WAREHOUSE_URL must not lead to the warehouse of before."""
    for database in ("warehouse", "airflow", "warehouse"):
        monkeypatch.setenv("WAREHOUSE_URL", server.url(database))
        with engine().connect() as connection, connect_raw() as raw:
            assert connection.scalar(sa.text("select current_database()")) == database
            assert raw.info.dbname == database
        assert engine() is engine(server.url(database))


def test_sessions_are_pinned_whatever_the_machine_says(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    monkeypatch.setenv("PGDATESTYLE", "German")
    question = "select date '2026-03-01'::text, timestamptz '2026-03-01 12:00+02'::text, interval '1 day', 0.1::float8::text"
    expected = ("2026-03-01", "2026-03-01 10:00:00+00", timedelta(days=1), "0.1")
    made = engine(server.url("warehouse"))
    made.dispose()
    with made.connect() as connection, connect_raw(server.url("warehouse")) as raw:
        assert tuple(connection.execute(sa.text(question.replace("::", "\\:\\:"))).one()) == expected
        assert raw.execute(question).fetchone() == expected
    made.dispose()


def test_a_forked_child_uses_connections_of_its_own(server: Server) -> None:
    """Two processes on one socket garble each other's answers; a child's exit would end its parent's session."""
    url = server.url("warehouse")
    ask = sa.text("select pg_backend_pid()")
    with engine(url).connect() as connection:
        before = connection.scalar(ask)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with engine(url).connect() as connection:
                status = 0 if connection.scalar(ask) != before else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with engine(url).connect() as connection:
        assert connection.scalar(ask) == before
    engine(url).dispose()
