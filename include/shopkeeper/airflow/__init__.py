"""What the DAGs share: assets, timetables, defaults, callbacks. The only package that imports Airflow."""
