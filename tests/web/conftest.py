from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from tests.web.survey_site import Site, a_company, a_programme, add_wave, serving

from shopkeeper.warehouse import roles
from shopkeeper.warehouse.embedded import Server
from shopkeeper.warehouse.engine import engine as make_engine

_addresses = itertools.count(1)


@pytest.fixture(scope="module")
def database(server: Server) -> Iterator[sa.Engine]:
    """A migrated warehouse that the tests of one file share: each has invitations of its own."""
    name = f"web_{next(_addresses)}"
    server.create_database(name, template="migrated")
    engine = make_engine(server.url(name))
    add_wave(engine, a_programme())
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def page_login(database: sa.Engine) -> str:
    """URL of a login that is a member of survey_page and of nothing else."""
    name = f"page_{database.url.database}"
    password = roles.create_login(database, name, "survey_page")
    return database.url.set(drivername="postgresql", username=name, password=password).render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def site(database: sa.Engine, page_login: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(a_company(tmp_path_factory.mktemp("company")), page_login) as running:
        yield running


@pytest.fixture
def address() -> str:
    """A client address that no other test has used up."""
    number = next(_addresses)
    return f"198.18.{number // 250}.{number % 250 + 1}"
