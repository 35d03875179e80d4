"""Recovery stories and the intranet that tells them: `stories list`, `approve`, `withdraw`, `site`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.markup import escape

from shopkeeper.cli.app import app, now, out, warehouse

if TYPE_CHECKING:
    from shopkeeper.distribution.stories import Decision, Story

stories = typer.Typer(no_args_is_help=True, help="Recovery stories: list, approve, withdraw; write the intranet to a folder.")
app.add_typer(stories, name="stories", rich_help_panel="Closed loop")

OrderArgument = Annotated[UUID, typer.Argument(metavar="ORDER", help="The work order, as `stories list` shows it.")]
ByOption = Annotated[str, typer.Option("--by", help="Who decides.")]


@stories.command("list")
def stories_list(
    approved: Annotated[bool, typer.Option("--approved", help="Those that are told, instead of those that could be.")] = False,
    limit: Annotated[int, typer.Option(help="How many.", min=1)] = 10,
) -> None:
    """Orders whose story could be told, the greatest recovery first, in redacted words."""
    from shopkeeper.distribution import stories as told
    from shopkeeper.warehouse.engine import engine

    with warehouse(), engine().connect() as connection:
        found = told.approved(connection, limit=limit) if approved else told.candidates(connection, limit=limit)
    for story in found:
        _print(story)
    if not found:
        out.print(
            "no story" + (" has been approved" if approved else " waits for a decision: it needs a resolved order that taught something")
        )


@stories.command("approve")
def stories_approve(order: OrderArgument, by: ByOption) -> None:
    """Let a story be told in the intranet, from the next publication on."""
    _decide(order, "approved", by)


@stories.command("withdraw")
def stories_withdraw(order: OrderArgument, by: ByOption) -> None:
    """Let it be told no more."""
    _decide(order, "withdrawn", by)


@stories.command("site")
def stories_site(
    site: Annotated[str, typer.Argument(help="intranet_front_line, intranet_branch_managers, …, or huddle_packs.")],
    target: Annotated[Path, typer.Argument(help="A folder, such as one on a file share.")],
) -> None:
    """Write a site of the intranet into a folder; it opens there without server and network."""
    from shopkeeper.quality.sites import unpack
    from shopkeeper.warehouse.engine import engine

    with warehouse():
        out.print(str(unpack(engine(), site, target)), soft_wrap=True)


def _decide(order: UUID, decision: Decision, by: str) -> None:
    from shopkeeper.distribution import stories as told
    from shopkeeper.warehouse.engine import engine

    with warehouse(), engine().begin() as connection:
        told.decide(connection, order, decision, by=by, now=now())
    out.print(f"{order}: {decision}")


def _print(story: Story) -> None:
    scores = " → ".join(str(score) for score in (story.score_before, story.score_after) if score is not None)
    out.print(f"[bold]{story.order_id}[/bold]  {story.closed_on}  {scores}  {escape(story.action or '')}")
    for heading, words in (("said", story.said), ("learned", story.learned), ("afterwards", story.said_after)):
        if words:
            out.print(f"  {heading}: {escape(' '.join(words))}", soft_wrap=True)
