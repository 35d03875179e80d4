"""The assets that wake DAGs. They say that there is something to do; what there is to do stands in tables."""

from __future__ import annotations

from airflow.sdk import Asset, AssetWatcher

from shopkeeper.airflow.triggers import Told

RAW_CRM = Asset("raw/crm")
RAW_FINANCE = Asset("raw/finance")
RAW_SURVEY = Asset("raw/survey")
RAW_PANEL = Asset("raw/panel")
RAW = [RAW_CRM, RAW_FINANCE, RAW_SURVEY, RAW_PANEL]

MARTS_PUBLISHED = Asset("marts/published")

# More than a second: the first answer of each second is told of, and has to stand for the others (migration 0008).
SETTLE_SECONDS = 2.0
SIGNALS = Asset(
    "closed_loop/signals", watchers=[AssetWatcher(name="closed_loop_signals", trigger=Told("shopkeeper_closed_loop", SETTLE_SECONDS))]
)
