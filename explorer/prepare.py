"""Bring the explorer up to date, in its own environment: its schema, its roles, who runs it, and every asset as the files have it.

    python prepare.py     with the variables of superset_config.py, and EXPLORER_PASSWORD for the user admin

Running it again changes nothing but what the files say: dashboards, charts and data sets of these files are overwritten, those that
people made for themselves stay.
"""

from __future__ import annotations

import os
from pathlib import Path

from superset.app import create_app

ASSETS = Path(__file__).resolve().parent / "assets"
READERS = "BI reader"


def main() -> None:
    app = create_app()
    with app.app_context():
        from flask_migrate import upgrade
        from superset import appbuilder, security_manager
        from superset.utils.core import override_user

        upgrade()
        appbuilder.add_permissions(update_perms=True)
        security_manager.sync_role_definitions()
        admin = security_manager.find_user("admin") or security_manager.add_user(
            *("admin", "Admin", "of the explorer", "admin@localhost", security_manager.find_role("Admin"), os.environ["EXPLORER_PASSWORD"])
        )
        with override_user(admin):
            import_assets()
        make_role()


def import_assets() -> None:
    from superset.commands.importers.v1.assets import ImportAssetsCommand

    files = sorted(ASSETS.rglob("*.yaml"))
    ImportAssetsCommand({file.relative_to(ASSETS).as_posix(): file.read_text() for file in files}).run()


def make_role() -> None:
    """The role of those who look: all marts, dashboards and charts of their own, questions in SQL; no other database, no users."""
    from superset import db, security_manager
    from superset.models.core import Database

    role = security_manager.add_role(READERS)
    for name in ("Gamma", "sql_lab"):
        for permission in security_manager.find_role(name).permissions:
            security_manager.add_permission_role(role, permission)
    for database in db.session.query(Database):
        access = security_manager.add_permission_view_menu("database_access", database.perm)
        security_manager.add_permission_role(role, access)


if __name__ == "__main__":
    main()
