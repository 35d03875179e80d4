"""The assets that wake DAGs. They say that there is something to do; what there is to do stands in tables."""

from __future__ import annotations

from airflow.sdk import Asset

RAW_CRM = Asset("raw/crm")
RAW_FINANCE = Asset("raw/finance")
RAW_SURVEY = Asset("raw/survey")
RAW_PANEL = Asset("raw/panel")
RAW = [RAW_CRM, RAW_FINANCE, RAW_SURVEY, RAW_PANEL]

MARTS_PUBLISHED = Asset("marts/published")
