"""Steps, builds, dbt runner, publish, run audit."""
