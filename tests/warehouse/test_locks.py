"""Two builds at once would publish a mixture."""

from __future__ import annotations

import threading
import time

import pytest
import sqlalchemy as sa

from shopkeeper.errors import ShopkeeperError
from shopkeeper.warehouse import locks


def test_only_one_holds_the_lock(warehouse: sa.Engine) -> None:
    with locks.exclusive(warehouse, locks.MARTS):
        with pytest.raises(ShopkeeperError, match="another run"), locks.exclusive(warehouse, locks.MARTS):
            pass
        with pytest.raises(ShopkeeperError, match="another run"), locks.exclusive(warehouse, locks.MARTS, wait_seconds=0.2):
            pass
        with locks.exclusive(warehouse, "another name"):
            pass
    with locks.exclusive(warehouse, locks.MARTS):
        pass


def test_waiting_gets_the_lock_when_it_is_freed(warehouse: sa.Engine) -> None:
    holds, got = threading.Event(), threading.Event()

    def wait() -> None:
        holds.wait()
        with locks.exclusive(warehouse, locks.MARTS, wait_seconds=10):
            got.set()

    waiter = threading.Thread(target=wait)
    waiter.start()
    with locks.exclusive(warehouse, locks.MARTS):
        holds.set()
        time.sleep(0.2)
        assert not got.is_set()
    waiter.join(10)
    assert got.is_set()


def test_an_error_inside_frees_the_lock(warehouse: sa.Engine) -> None:
    with pytest.raises(ZeroDivisionError), locks.exclusive(warehouse, locks.MARTS):
        raise ZeroDivisionError
    with locks.exclusive(warehouse, locks.MARTS):
        pass


def test_a_broken_session_frees_the_lock(warehouse: sa.Engine) -> None:
    """A killed run must not keep the next one out."""
    with pytest.raises(sa.exc.DBAPIError), locks.exclusive(warehouse, locks.MARTS), warehouse.begin() as other:
        other.execute(sa.text("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and pid <> pg_backend_pid()"))
    with locks.exclusive(warehouse, locks.MARTS, wait_seconds=5):
        pass
