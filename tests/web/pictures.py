"""Pictures of the survey page for the README: on a phone and on a desktop."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

VIEWS = {
    "phone": {"viewport": {"width": 390, "height": 780}, "device_scale_factor": 2},
    "desktop": {"viewport": {"width": 1100, "height": 640}, "device_scale_factor": 1.5},
}


def picture_survey(chromium: Browser, links: dict[str, str], folder: Path) -> list[Path]:
    """`links` is view (phone, desktop) → link of an invitation of its own, because taking the picture answers the score question.

    Makes survey-<view>.png (the score) and survey-<view>-more.png (what is asked then) in `folder`, which must be there.
    """
    made = []
    for view, link in links.items():
        context = chromium.new_context(**VIEWS[view])  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(link)
        made.append(folder / f"survey-{view}.png")
        page.screenshot(path=made[-1])
        with page.expect_navigation():
            page.click("button")
        made.append(folder / f"survey-{view}-more.png")
        page.screenshot(path=made[-1], full_page=True)
        context.close()
    return made
