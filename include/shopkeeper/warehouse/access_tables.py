"""Who is who in the database: logins of front-line people who read with tools of their own."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from shopkeeper.warehouse.tables import metadata, moment

LOGINS = Table(
    "logins",
    metadata,
    Column("login", Text, primary_key=True, comment="A user of the database who is a member of frontline_manager."),
    Column("employee_id", Text, nullable=False, comment="Whose eyes it reads with: see ops.current_employee()."),
    moment("granted_at", required=True),
    schema="ops",
    comment="Which employee logs in by which name. The desk's own login stands for everybody and is not here.",
)
