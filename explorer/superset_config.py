"""Settings of the explorer. Secrets come from the environment; no file of the assets holds one.

EXPLORER_HOME                where Superset keeps what it knows itself: users, dashboards, who looked at what
EXPLORER_SECRET_KEY          signs sessions
EXPLORER_WAREHOUSE_URL_FILE  file with the warehouse's URL, of a login that may read marts and nothing else (role bi_reader)
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sqlalchemy.engine import URL, make_url

HOME = Path(os.environ["EXPLORER_HOME"])
WAREHOUSE = "postgresql+psycopg2://bi_reader@warehouse/warehouse"  # as it stands in assets/databases/warehouse.yaml

APP_NAME = "Shopkeeper explorer"
SECRET_KEY = os.environ["EXPLORER_SECRET_KEY"]
SQLALCHEMY_DATABASE_URI = f"sqlite:///{HOME / 'superset.db'}?check_same_thread=false"
SESSION_COOKIE_SAMESITE = "Lax"
# Marts change with each publication: what is shown is asked for anew.
DATA_CACHE_CONFIG = CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
RATELIMIT_STORAGE_URI = "memory://"
FEATURE_FLAGS = {"ALERT_REPORTS": False, "EMBEDDED_SUPERSET": False}
# Superset's pages would load a picture from its makers' counter: a browser that holds to this asks nobody but the explorer itself.
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,  # it listens on this machine; a proxy in front brings https
    "session_cookie_secure": False,
}


def DB_CONNECTION_MUTATOR(url: URL, settings: dict[str, Any], *_: Any) -> tuple[URL, dict[str, Any]]:  # noqa: N802 Superset's name
    """Log in at the warehouse as EXPLORER_WAREHOUSE_URL_FILE says. So a new password needs no import, and Superset keeps none."""
    if url.render_as_string(hide_password=False) != WAREHOUSE:
        return url, settings
    login = make_url(Path(os.environ["EXPLORER_WAREHOUSE_URL_FILE"]).read_text().strip())
    arguments = {**settings.get("connect_args", {}), "options": "-c timezone=UTC -c default_transaction_read_only=on"}
    return login.set(drivername="postgresql+psycopg2"), {**settings, "connect_args": arguments}
