"""When DAGs run. A plain cron string has intervals of no length, so runs are cut by intervals instead."""

from __future__ import annotations

from airflow.sdk import CronDataIntervalTimetable

HOURLY = CronDataIntervalTimetable("@hourly", timezone="UTC")
EVERY_FIVE_MINUTES = CronDataIntervalTimetable("*/5 * * * *", timezone="UTC")
NIGHTLY = CronDataIntervalTimetable("30 2 * * *", timezone="UTC")
