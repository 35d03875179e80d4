"""Links from Airflow to the pages that the warehouse holds: report, Data Docs, documentation of the models. From DAGs and tasks, too.

Every Airflow process imports this file, so it imports next to nothing; the application is made at the first request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

PREFIX = "/shopkeeper"
LINKS = {
    "report": "Metric quality",
    "past": "Past reports",
    "economics": "Economics of loyalty",
    "intranet_front_line": "Intranet: front line",
    "intranet_branch_managers": "Intranet: branches",
    "intranet_region_managers": "Intranet: regions",
    "intranet_executives": "Intranet: executives",
    "huddle_packs": "Huddle packs",
    "data_docs": "Gate results",
    "dbt_docs": "Models",
}

# A tab beside a DAG and its tasks; Airflow fills in which. It opens the page that tells most about it.
TABS = {"dag": "about/{DAG_ID}", "task": "about/{DAG_ID}/{TASK_ID}", "task_instance": "about/{DAG_ID}/{TASK_ID}"}

Message = MutableMapping[str, Any]


async def pages(scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]) -> None:
    from shopkeeper.airflow.pages import application  # noqa: PLC0415

    await application(scope, receive, send)


class PublishedPages(AirflowPlugin):
    name = "shopkeeper_pages"
    fastapi_apps: ClassVar = [{"app": pages, "url_prefix": PREFIX, "name": "Shopkeeper pages"}]
    external_views: ClassVar = [
        {
            "name": title,
            "href": f"{PREFIX}/{site}/{'' if site == 'past' else 'index.html'}",
            "destination": "nav",
            "category": "browse",
            "url_route": f"shopkeeper-{site.replace('_', '-')}",
        }
        for site, title in LINKS.items()
    ] + [
        {
            "name": "Evidence",
            "href": f"{PREFIX}/{href}",
            "destination": destination,
            "url_route": f"shopkeeper-of-{destination.replace('_', '-')}",
        }
        for destination, href in TABS.items()
    ]
