"""Alembic: how the tables of `warehouse.tables` came to be.

A change of `tables.py` needs a revision. `python -m shopkeeper.warehouse.migrations "what it adds"` writes it from the
difference between a fresh database at the newest revision and `tables.py`; run ruff over it (`check --fix`, then `format`)
and read it before you commit it. A revision that was never released may be deleted and written anew. New schemas, roles
and functions are written by hand.
"""
