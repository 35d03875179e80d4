"""Who is who in the database, and what only the desk writes down."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, PrimaryKeyConstraint, Table, Text

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

THANKS = Table(
    "thanks",
    metadata,
    Column("response_key", Text, nullable=False, comment="_key of the raw answer."),
    Column("employee_id", Text, nullable=False, comment="Who thanked the customer for it."),
    Column("way", Text, nullable=False, comment="call, email, card or in_person"),
    moment("thanked_at", required=True),
    CheckConstraint("way in ('call', 'email', 'card', 'in_person')", name="way"),
    PrimaryKeyConstraint("response_key", "employee_id"),
    schema="ops",
    comment="A customer was thanked for an answer.",
)
