"""The warehouse: entities, tables, migrations, roles, the COPY loader, the embedded server."""
