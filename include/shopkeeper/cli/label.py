"""Labelling answers by hand: `label`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from shopkeeper.cli.app import actor, app, now, out, print_table, warehouse


@app.command(rich_help_panel="Audit")
def label(
    language: Annotated[str, typer.Option(help="Of the answers: two letters.")] = "en",
    number: Annotated[int, typer.Option(min=1, help="How many answers.")] = 20,
    without_themes: Annotated[
        bool, typer.Option("--without-themes", help="Only where no pattern finds anything: what the taxonomy misses. Measures nothing.")
    ] = False,
) -> None:
    """Read answers and say what they are about. The next build holds the patterns of themes.yml against it: marts.theme_quality.

    Answers come in random order, in redacted words. Type the keys of the themes that you find, separated by blanks; nothing for none,
    ? for the list, - to pass on, q to stop. What you said before is kept.
    """
    import sqlalchemy as sa

    from shopkeeper.analysis.themes import labelling
    from shopkeeper.company.base import did_you_mean
    from shopkeeper.warehouse.engine import engine
    from shopkeeper.warehouse.theme_tables import THEMES

    with warehouse():
        with engine().connect() as connection:
            known = {row.theme: row.name for row in connection.execute(sa.select(THEMES).order_by(THEMES.c.position))}
            waiting = labelling.to_label(connection, language, number, without_themes=without_themes)
        if not waiting:
            out.print(f"nothing to label in {escape(language)}: no answers in words, or all are labelled")
            return
        kept = 0
        for place, one in enumerate(waiting, 1):
            out.print(f"\n[dim]{place} of {len(waiting)}[/dim]  {escape(one.verbatim)}")
            while (said := typer.prompt("themes", default="", show_default=False).split()) not in (["-"], ["q"]):
                unknown = [theme for theme in said if theme not in known]
                if said == ["?"]:
                    print_table(("theme", "name"), list(known.items()))
                elif unknown:
                    out.print(f"there is no theme {escape(unknown[0])}; {escape(did_you_mean(unknown[0], list(known)))}")
                else:
                    with engine().begin() as connection:
                        is_random = not without_themes
                        labelling.keep(connection, one, said, is_random=is_random, labelled_by=actor(), labelled_at=now())
                    kept += 1
                    break
            if said == ["q"]:
                break
        out.print(f"\n{kept} kept; the next build tells how well the patterns agree")
