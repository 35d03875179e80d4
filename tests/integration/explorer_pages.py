"""Dashboards of the explorer as a browser shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from playwright.sync_api import Browser, Page, Response

ROOT = Path(__file__).resolve().parents[2]
DASHBOARDS = {file.stem: yaml.safe_load(file.read_text()) for file in sorted((ROOT / "explorer/assets/dashboards").glob("*.yaml"))}
WIDTH, HEIGHT = 1400, 1000


@dataclass
class Seen:
    """What opening a dashboard showed: rows of each chart's answers, what went wrong, and the words on the page."""

    rows: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    words: str = ""


def log_in(chromium: Browser, base: str, user: str, password: str) -> Page:
    """A page of a context that is logged in."""
    page = chromium.new_context(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=1).new_page()
    page.set_default_timeout(180_000)
    page.goto(f"{base}/login/")
    page.fill("#username", user)
    page.fill("#password", password)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{base}/superset/welcome/**")
    return page


def charts_on(dashboard: dict[str, Any]) -> int:
    return sum(isinstance(place, dict) and place["type"] == "CHART" for place in dashboard["position"].values())


def open_dashboard(page: Page, base: str, slug: str, picture: Path) -> Seen:
    """Open it whole, wait for every chart, and take its picture."""
    seen = Seen()

    def heard(response: Response) -> None:
        if "/api/v1/chart/data" not in response.url:
            return
        if response.status == 200:
            seen.rows += [result["rowcount"] for result in response.json()["result"]]
        else:
            seen.wrong.append(f"{response.status}: {response.text()[:300]}")

    page.on("response", heard)
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    page.goto(f"{base}/superset/dashboard/{slug}/")
    grid = page.locator("[data-test=grid-container]")
    grid.wait_for()
    # Charts are asked for when they come into view: the window is made as tall as the page.
    page.set_viewport_size({"width": WIDTH, "height": int((grid.bounding_box() or {"height": HEIGHT})["height"]) + 150})
    charts = page.locator("[data-test=chart-container]")
    charts.nth(charts_on(DASHBOARDS[slug]) - 1).wait_for()
    for chart in charts.all():
        chart.locator(".loading, [aria-label=Loading]").first.wait_for(state="hidden")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1500)  # charts slide into their places
    seen.wrong += page.locator(".ant-alert-error, [data-test=error-alert], .missing-chart-container").all_inner_texts()
    seen.words = page.locator("body").inner_text()
    page.screenshot(path=picture)
    page.remove_listener("response", heard)
    return seen
