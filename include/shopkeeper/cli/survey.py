"""Surveys: `plan`, `pause`, `resume`, `do-not-contact`, `doubtful`, `why`, `inbox`."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.markup import escape

from shopkeeper.cli.app import CompanyOption, ReasonOption, actor, app, err, now, out, print_table, short, warehouse
from shopkeeper.cli.sample import company_folder
from shopkeeper.errors import fail

if TYPE_CHECKING:
    from shopkeeper.survey.plan import Cell, Plan

PANEL = "Surveys"
doubtful = typer.Typer(no_args_is_help=True, help="Messages of which nobody knows whether they went out.")
do_not_contact = typer.Typer(no_args_is_help=True, help="Whom never to contact, and why.")
app.add_typer(doubtful, name="doubtful", rich_help_panel=PANEL)
app.add_typer(do_not_contact, name="do-not-contact", rich_help_panel=PANEL)

CustomerArgument = Annotated[str | None, typer.Argument(metavar="[CUSTOMER]", help="The customer's id.")]
AddressOption = Annotated[str | None, typer.Option("--address", help="Or an e-mail address; - reads it from standard input.")]


# --- plan -------------------------------------------------------------------------------------------------------------


@app.command(rich_help_panel=PANEL)
def plan(
    programme: Annotated[str | None, typer.Argument(help="As in programmes.yml; every active one where left out.")] = None,
    margin: Annotated[float, typer.Option(help="Points: each cell's score ± so many, with 95 % confidence.", min=0.1, max=100)] = 5,
    by: Annotated[str | None, typer.Option(help="Cells: segment, region, branch, team, …; default: what the sampling goes by.")] = None,
    approve: Annotated[bool, typer.Option("--approve", help="Approve the plan in your name; waves follow it from now on.")] = False,
    company: CompanyOption = None,
) -> None:
    """How many to invite in each cell for a stated margin, and when each unit has a reportable score.

    Counts with the company's own answers: their spread, response rate and design effect (else the programme's, else what
    programmes.yml expects and the worst case). People in quarantine are not free to be asked. Every plan is kept in ops.plans.
    """
    from shopkeeper.survey import plan as planning
    from shopkeeper.warehouse.engine import engine

    with warehouse():
        folder, at = company_folder(company), now()
        for name in planning.chosen(folder, programme):
            with err.status(f"planning {name}"):
                made = planning.make(engine(), folder, name, by=by, margin=margin, now=at)
                plan_id = planning.store(engine(), made, actor=actor(), now=at, is_approved=approve)
            print_plan(made, plan_id, approve)


def print_plan(made: Plan, plan_id: int, is_approved: bool) -> None:
    heads = [
        "cell",
        f">{made.counts}",
        ">free",
        ">answers",
        ">rate",
        ">effect",
        ">invitations",
        ">± if all asked",
        ">in 90 days",
        ">needs",
        "reportable",
    ]
    title = f"{made.programme} by {made.by}, each ± {made.margin:g} points"
    print_table(
        heads,
        [_cell_row(cell) for cell in made.cells],
        title=title,
        empty=f"{made.programme}: no answers and no {made.counts} are known by {made.by}",
    )
    if made.whole_margin is not None:
        out.print(f"{made.invitations:,} invitations; the score over all cells would then be known to ± {made.whole_margin:.1f} points")
    for cell in made.cells:
        if cell.available is not None and cell.invitations > cell.available:
            out.print(
                f"[yellow]{escape(cell.cell)}[/yellow]: only {cell.available:,} {made.counts} are free to be asked;"
                f" that gives ± {cell.margin_if_all_are_asked:.1f} points"
            )
    approved = f"approved by {actor()}" if is_approved else "not approved; --approve does"
    out.print(f"kept as plan {plan_id}, {approved}")


def _cell_row(cell: Cell) -> list[str]:
    when = "never at this rate" if cell.reportable_on is None else "now" if cell.is_reportable_now else f"{cell.reportable_on}"
    return [
        cell.cell,
        "" if cell.eligible is None else f"{cell.eligible:,}",
        "" if cell.available is None else f"{cell.available:,}",
        f"{cell.answers:,}",
        f"{100 * cell.rate:.1f} % {cell.rate_from}",
        f"{cell.design_effect:.2f}",
        f"{cell.invitations:,}",
        "" if cell.margin_if_all_are_asked is None else f"{cell.margin_if_all_are_asked:.1f}",
        f"{cell.answers_90_days:,}",
        f"{cell.reportable_answers:,}",
        when,
    ]


# --- pause and resume -------------------------------------------------------------------------------------------------


@app.command(rich_help_panel=PANEL)
def pause(
    reason: ReasonOption,
    programme: Annotated[str | None, typer.Argument(help="Only this programme; everything where left out.")] = None,
    company: CompanyOption = None,
) -> None:
    """Stop sending, at once. Nothing is lost: what is due waits. `resume` goes on."""
    from shopkeeper.company.base import did_you_mean
    from shopkeeper.survey import control
    from shopkeeper.warehouse.engine import engine

    with warehouse():
        if programme is not None:  # pausing everything asks nothing of the company folder, which may be what is wrong
            known = {*control.programmes(engine()), *company_folder(company).programmes.programmes}
            if programme not in known:
                raise fail(f"pause {programme}", "there is no such programme", did_you_mean(programme, sorted(known)))
        control.pause(engine(), programme=programme, reason=reason, actor=actor(), now=now())
    out.print(f"{programme or 'everything'} is paused; ./shopkeeper resume {programme or ''}".rstrip() + " goes on")


@app.command(rich_help_panel=PANEL)
def resume(
    programme: Annotated[str | None, typer.Argument(help="The programme that was paused; without it, the pause of everything.")] = None,
) -> None:
    """End a pause. What fell due meanwhile goes out as soon as its send window is open."""
    from shopkeeper.survey import control
    from shopkeeper.warehouse.engine import engine

    with warehouse():
        closed = control.resume(engine(), programme=programme, actor=actor(), now=now())
        left = control.open_pauses(engine())
    for one in closed:
        since = f"paused {short(one.paused_at)} UTC by {escape(one.paused_by)}"
        out.print(f"ended: {escape(one.programme or 'everything')}, {since}: {escape(one.reason)}")
    for one in left:
        out.print(f"[yellow]still paused[/yellow] {escape(one.programme or 'everything')}: {escape(one.reason)}")


# --- do-not-contact ---------------------------------------------------------------------------------------------------


@do_not_contact.command("add")
def do_not_contact_add(reason: ReasonOption, customer: CustomerArgument = None, address: AddressOption = None) -> None:
    """Never contact a customer, or an address, again. An address is kept as a hash and shown nowhere."""
    from shopkeeper.survey import control
    from shopkeeper.warehouse.engine import engine

    with warehouse():
        block = control.block(engine(), customer_id=customer, address=_address(address), reason=reason, actor=actor(), now=now())
    out.print(f"block {block}: {escape(customer or 'the address')} is not contacted from now on")


@do_not_contact.command("lift")
def do_not_contact_lift(reason: ReasonOption, customer: CustomerArgument = None, address: AddressOption = None) -> None:
    """Lift every block of a customer, or of an address. What the CRM itself says stays."""
    from shopkeeper.survey import control
    from shopkeeper.warehouse.engine import engine

    with warehouse():
        lifted = control.lift(engine(), customer_id=customer, address=_address(address), reason=reason, actor=actor(), now=now())
    out.print(f"{lifted} lifted; the quarantine holds all the same")


@do_not_contact.command("list")
def do_not_contact_list(
    everything: Annotated[bool, typer.Option("--all", help="Lifted ones too.")] = False,
    limit: Annotated[int, typer.Option(help="How many, newest first.")] = 50,
) -> None:
    """Who is not contacted, since when and why: by request, bounce, complaint or opt-out."""
    from shopkeeper.survey import control
    from shopkeeper.warehouse.engine import engine

    with warehouse():
        found = control.list_blocks(engine(), with_lifted=everything, limit=limit)
    rows = [
        [
            *(str(one.block_id), one.kind, one.customer_id or "", "" if one.address_hash is None else f"#{one.address_hash[:12]}"),
            *(short(one.blocked_at), one.blocked_by, one.reason or "", short(one.lifted_at), one.lift_reason or ""),
        ]
        for one in found
    ]
    heads = ["block", "kind", "customer", "address", "since", "by", "reason", "lifted", "why lifted"]
    print_table(heads, rows, empty="nobody is blocked")


def _address(given: str | None) -> str | None:
    return sys.stdin.readline().strip() if given == "-" else given


# --- doubtful ---------------------------------------------------------------------------------------------------------


@doubtful.command("list")
def doubtful_list() -> None:
    """What was being handed over when the sender died, to customers and to our own people. Look at the server's log, then release each."""
    from shopkeeper.messages import doubtful as messages
    from shopkeeper.survey import ledger
    from shopkeeper.warehouse.engine import engine

    with warehouse():
        invitations, own = ledger.list_doubtful(engine()), messages.list_doubtful(engine())
    rows = [
        [
            str(one.invitation_id),
            one.message,
            f"{one.programme}/{one.wave}",
            one.customer_id or one.employee_id or "",
            short(one.occurred_at),
            one.reason or "",
        ]
        for one in invitations
    ]
    rows += [
        [
            *(str(each.message_id), each.kind, "our own people", each.employee_id or f"chat {each.target}"),
            *(short(each.occurred_at), each.reason or ""),
        ]
        for each in own
    ]
    print_table(["id", "message", "of", "to", "since", "why"], rows, empty="nothing is doubtful")


@doubtful.command("release")
def doubtful_release(
    one: Annotated[UUID, typer.Argument(metavar="ID", help="As ./shopkeeper doubtful list shows it.")],
    sent: Annotated[bool, typer.Option("--sent/--not-sent", help="It did go out; or it did not, and is sent again.", show_default=False)],
    reminder: Annotated[bool, typer.Option("--reminder", help="An invitation's reminder, not the invitation itself.")] = False,
) -> None:
    """Say what became of a doubtful message. Only a person can know: sending it again unasked could ask or tell somebody twice."""
    from shopkeeper.messages import doubtful as messages
    from shopkeeper.survey import ledger
    from shopkeeper.warehouse.engine import engine

    with warehouse():
        if messages.is_message(engine(), one):
            messages.release(engine(), one, was_sent=sent, actor=actor(), now=now())
        else:
            ledger.release(engine(), one, was_sent=sent, actor=actor(), now=now(), message="reminder" if reminder else "invitation")
    out.print("kept as sent" if sent else "it is sent again with the next run")


# --- one customer -----------------------------------------------------------------------------------------------------


@app.command(rich_help_panel=PANEL)
def why(customer: Annotated[str, typer.Argument(help="The customer's id.")]) -> None:
    """A customer's whole story: each wave that judged the customer and how, what was sent, what came back, what blocks."""
    from shopkeeper.survey.why import why as ask
    from shopkeeper.warehouse.engine import engine

    with warehouse():
        story = ask(engine(), customer, known_at=now())
    out.print(f"[bold]{escape(story.customer_id)}[/bold] {escape(story.standing)}")
    rows = [[short(line.at) or "unknown", line.kind, line.about, line.what] for line in story.lines]
    print_table(["when (UTC)", "what", "programme", "how"], rows, empty="was never considered for a survey")


# --- the sandbox's e-mails --------------------------------------------------------------------------------------------


@app.command(rich_help_panel=PANEL)
def inbox(
    number: Annotated[int | None, typer.Argument(help="Show this e-mail, as the list numbers them.")] = None,
    limit: Annotated[int, typer.Option(help="How many the list shows, newest first.")] = 20,
    serve: Annotated[bool, typer.Option("--serve", help="Run the local mail server itself until Ctrl-C; `up` does so for you.")] = False,
) -> None:
    """What the sandbox has sent: every e-mail stays in a Maildir on this machine, and goes nowhere else."""
    from shopkeeper.survey import inbox as mailbox

    if serve:
        with mailbox.Inbox() as running:
            out.print(f"e-mails to {running.url} are kept in {escape(str(running.folder))}; Ctrl-C ends it")
            while True:
                time.sleep(1)
    found = list(enumerate(mailbox.messages(), 1))
    if number is not None:
        if not 1 <= number <= len(found):
            raise fail(f"inbox {number}", "there is no such e-mail", "./shopkeeper inbox lists them")
        message = found[number - 1][1]
        body = message.get_body(("plain",))
        typer.echo(f"From: {message['From']}\nTo: {message['To']}\nSubject: {message['Subject']}\n")
        typer.echo(body.get_content() if body else "")
        return
    newest = found[: -limit - 1 : -1]
    rows = [[str(place), *(str(one[header] or "") for header in ("Date", "To", "Subject"))] for place, one in newest]
    print_table([">e-mail", "date", "to", "subject"], rows, empty=f"no e-mail has come to {mailbox.default_folder()} yet")
