"""The demo's call-back: one unhappy customer, from the answer to a better one, told as a short timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shopkeeper.cli.app import actor, err, now, out, print_table

if TYPE_CHECKING:
    from shopkeeper.company.config import CompanyFolder
    from shopkeeper.demo import Simulation
    from shopkeeper.demo.callbacks import Story
    from shopkeeper.survey.approval import Wave


def call_back(company: CompanyFolder, simulation: Simulation, wave: Wave) -> Story | None:
    """Go through one work order of the wave, and show it; None where the wave led to none."""
    from shopkeeper.demo.callbacks import call_back as go_through
    from shopkeeper.survey.inbox import messages
    from shopkeeper.warehouse.engine import engine

    with err.status("an unhappy customer is called back") as status:
        story = go_through(
            engine(), company, simulation, messages, wave_id=wave.wave_id, clock=now, note=lambda text: status.update(f"call-back: {text}")
        )
    if story is None:
        out.print("Nobody in the wave was so unhappy that he or she is called back.")
        return None
    zone = company.company.zone
    rows = [[f"{moment.at.astimezone(zone):%a %d %b %H:%M}", moment.what] for moment in story.moments]
    print_table(
        ["when", "what happened"], rows, title="An unhappy customer is called back (from the second call on, the clock is simulated)"
    )
    out.print(f"All of it: ./shopkeeper orders show {story.order_id}")
    return story


def approve_story(story: Story) -> None:
    """The advocacy office lets the story be told in the intranet, as `stories approve` does."""
    from shopkeeper.distribution import stories
    from shopkeeper.warehouse.engine import engine

    with engine().begin() as connection:
        stories.decide(connection, story.order_id, "approved", by=actor(), now=now())
