"""The demo's survey: planned, drawn, previewed, approved, sent by e-mail, answered by simulated customers, acted on, scored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

import sqlalchemy as sa
from rich.markup import escape

from shopkeeper.cli.app import actor, err, now, out, print_table
from shopkeeper.cli.callbacks import approve_story, call_back
from shopkeeper.cli.survey import print_plan
from shopkeeper.cli.wave import print_drawn

if TYPE_CHECKING:
    from shopkeeper.company.config import CompanyFolder
    from shopkeeper.demo import Simulation
    from shopkeeper.demo.answering import Answered
    from shopkeeper.pipeline.cycle import Order
    from shopkeeper.survey.approval import Wave

PROGRAMME = "relationship"
# Drawn as of a week ago, the whole wave is due by now, though it is spread over several mornings.
LEAD = timedelta(days=7)
AFTERWARDS = timedelta(hours=1)


def ask_and_collect(company: CompanyFolder, simulation: Simulation, run: Callable[[Order], None], *, as_of: datetime) -> None:
    """Ask the sample company's customers and bring their answers into the marts; `as_of` is where its history ends.

    Repeated on the same sample company it asks nobody twice: the wave is there.
    """
    from shopkeeper.demo.answering import answer
    from shopkeeper.pipeline.cycle import Order
    from shopkeeper.survey import approval, plan, sampling
    from shopkeeper.survey.inbox import messages
    from shopkeeper.warehouse.engine import engine

    at = now()
    with err.status("planning and drawing a wave"):
        planned = plan.make(engine(), company, PROGRAMME, by=None, margin=10, now=at)
        plan_id = plan.store(engine(), planned, actor=actor(), now=at, is_approved=True)
        sampling.draw(engine(), company, as_of=as_of - LEAD, now=at, programmes=[PROGRAMME])
        wave = approval.find(engine(), PROGRAMME)
    print_plan(planned, plan_id, is_approved=True)
    print_drawn(approval.preview(engine(), wave))
    approval.approve(engine(), wave, note="demo", actor=actor(), now=at)
    read_before = sum(1 for _ in messages())
    run(Order(dags=("trigger_surveys",), as_of=as_of - LEAD))
    with err.status("customers are reading their e-mails") as status:
        answered = answer(simulation, islice(messages(), read_before, None), now(), status.update)
    run(Order(dags=("close_loop",)))  # before the answers are gated or built into anything
    run(Order(dags=("collect_responses",)))
    story = call_back(company, simulation, wave)
    run(Order(dags=("build_marts",), as_of=max(story.until + AFTERWARDS, now()) if story else now()))
    if story:
        approve_story(story)
    run(Order(dags=("distribute_feedback", "audit_metric")))
    _print_flow(approval.find(engine(), f"{wave.programme}/{wave.name}"), answered)


_SCORES = """
select
    count(*) filter (where band = 'detractor'), count(*) filter (where band = 'passive'), count(*) filter (where band = 'promoter')
from marts.fct_survey_responses
where excluded_reason is null and invitation_id in (select cast(invitation_id as text) from ops.invitations where wave_id = :wave_id)
"""


def _print_flow(wave: Wave, answered: Answered) -> None:
    """What became of the wave, and the score that it measured beside the one that everybody would have given."""
    from shopkeeper.survey.precision import margin_reached, variance
    from shopkeeper.warehouse.engine import engine

    with engine().connect() as connection:
        bands = connection.execute(sa.text(_SCORES), {"wave_id": wave.wave_id}).one()
    detractors, passives, promoters = (int(count) for count in bands.tuple())
    scored = detractors + passives + promoters
    rows = [
        ["candidates", f"{wave.candidates:,}", "everyone who might have been asked"],
        ["turned away", f"{wave.turned_away:,}", f"each with a reason: ./shopkeeper wave preview {wave.programme}"],
        ["invited", f"{wave.drawn:,}", "drawn by permanent random numbers, written to the ledger first"],
        ["sent", f"{wave.sent:,}", "as real e-mails, each at most once: ./shopkeeper inbox"],
        ["answered", f"{wave.answered:,}", f"on the survey page, {answered.in_browser} of them in a browser"],
        ["counted", f"{scored:,}", "in the marts, after the gate"],
    ]
    print_table(["flow", ">customers", ""], rows, title=f"The wave {wave.programme}/{wave.name}")
    if scored:
        nps = 100 * (promoters - detractors) / scored
        margin = margin_reached(scored, variance(detractors, passives, promoters))
        truth = f"all who were asked would have said {answered.true_nps:.1f}" if answered.letters else ""
        out.print(f"The wave's score is {nps:.1f} ± {margin:.1f}; {escape(truth)}")
