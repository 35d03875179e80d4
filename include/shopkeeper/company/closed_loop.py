"""closed_loop.yml: what calls for action, who acts, by when, and how those who act are told."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, model_validator

from shopkeeper.company.base import Misfit, Model, PlainName, raise_misfits

RuleKind = Literal[
    "low_score",
    "score_moved",
    "band_changed",
    "failed_interaction",
    "complaint",
    "call_back_requested",
    "promoter",
    "unit_changed",
    "predicted",
]
Owner = Literal["employee", "team", "supervisor", "account", "product", "touchpoint"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Band = Literal["promoter", "passive", "detractor"]
Share = Annotated[Decimal, Field(ge=0, lt=1)]


class Calendar(Model):
    """When the company works; time runs only then where something is due in working hours."""

    weekdays: tuple[Weekday, ...] = Field(("mon", "tue", "wed", "thu", "fri"), min_length=1, description="working days")
    starts: time = Field(time(8), description="of a working day, in company time")
    ends: time = Field(time(18), description="of a working day, after `starts`")
    holidays: tuple[date, ...] = Field((), description="days on which nobody works")

    @model_validator(mode="after")
    def _in_order(self) -> Calendar:
        if self.starts >= self.ends:
            raise ValueError("needs starts before ends; a working day does not cross midnight")
        return self


class Rule(Model):
    """One thing that calls for action. The first rule of the file that an answer meets names its work order."""

    kind: RuleKind = Field(description="what is looked at")
    then: Literal["call_back", "tell"] = Field("call_back", description="open a work order, or tell the owner and no more")
    programmes: tuple[PlainName, ...] = Field((), description="answers of these programmes; empty means any")
    bands: tuple[Band, ...] = Field(("detractor",), description="low_score: these bands of the answer's scale")
    by: int = Field(2, ge=1, description="score_moved: at least so many points, either way")
    at_least: Decimal = Field(
        Decimal("0.8"),
        ge=0,
        le=1,
        description="failed_interaction: speech analytics' score; predicted: modelled chance of a detractor; 0 to 1",
    )
    at_most_per_day: int = Field(20, ge=1, description="predicted: so many customers a day, the likeliest first")
    owners: tuple[Owner, ...] = Field(
        ("employee", "team", "supervisor", "account"),
        min_length=1,
        description="who acts: the first of these that is known and here; `touchpoint` is the interaction's type",
    )
    too_old_days: int = Field(14, ge=1, description="what comes to light later than this leads to nothing any more")


class Escalation(Model):
    """Who else learns of it when nothing happens. At most once per order."""

    when: Literal["no_attempt", "not_closed"] = Field(description="what has not happened by then")
    after_hours: int = Field(ge=0, description="after the time by which it should have happened")
    to: Literal["supervisor", "supervisors_supervisor"] = Field("supervisor", description="the owner's")


class Cycle(Model):
    """How a customer is called back."""

    first_attempt_hours: int = Field(24, ge=1, description="from the signal to the first call; if that is no working time, by the next")
    again_after_hours: int = Field(24, ge=1, description="after a call that did not reach the customer")
    attempts: int = Field(3, ge=1, description="so many calls, then the order is closed as not_reached")
    close_within_days: int = Field(7, ge=1, description="from the signal to the closing of the order")
    recovery_programme: PlainName | None = Field(None, description="programme that asks again after an order was resolved")
    recovery_after_days: int = Field(7, ge=0, description="from the closing to that survey")
    approval_above: Decimal | None = Field(None, gt=0, description="a remedy that costs more needs a supervisor's word; company currency")


class Comparison(Model):
    """A randomised delay: the only way to know what closing the loop does."""

    share: Share = Field(Decimal(0), description="of new orders are not worked on until the delay is over; 0: no comparison")
    delay_days: int = Field(14, ge=1, description="how long these wait")


class QuietHours(Model):
    """When nobody is disturbed; what is due then waits until they end."""

    starts: time = Field(time(20), description="company time; may lie after `ends`, across midnight")
    ends: time = Field(time(7), description="company time")


class Chat(Model):
    """A chat that alerts of some units are posted to, through Apprise."""

    url: str = Field(repr=False, description="Apprise URL, such as slack://… or json://…; ${ENV} is replaced")
    units: tuple[str, ...] = Field((), description="orders of these units and all below; empty means every unit")


class Crm(Model):
    """Where call-backs and last scores are written back to."""

    kind: Literal["sql", "rest"] = Field(description="a table in a database, or an HTTP API")
    url: str = Field(repr=False, description="SQLAlchemy URL, or the API's address; ${ENV} is replaced")
    api_key: str | None = Field(None, repr=False, description="rest: sent as a bearer token; ${ENV} is replaced")
    tasks: str = Field("shopkeeper_tasks", description="sql: the table of tasks; rest: the path below `url`")
    customers: str = Field("shopkeeper_scores", description="sql: the table of last scores; rest: the path below `url`")


class ProjectTool(Model):
    """Where initiatives are written to, besides the warehouse: an HTTP API that takes JSON."""

    url: str = Field(repr=False, description="address below which each initiative is PUT under its id; ${ENV} is replaced")
    api_key: str | None = Field(None, repr=False, description="sent as a bearer token; ${ENV} is replaced")


class ClosedLoop(Model):
    """closed_loop.yml; without the file nothing is noticed, and nobody is told."""

    rules: dict[PlainName, Rule] = Field({}, description="name → rule, the most urgent first")
    cycle: Cycle = Field(Cycle(), description="how a customer is called back")
    calendar: Calendar = Field(Calendar(), description="when the company works")
    quiet_hours: QuietHours = Field(QuietHours(), description="when nobody is disturbed")
    escalations: dict[PlainName, Escalation] = Field({}, description="name → escalation")
    product_owners: dict[str, str] = Field({}, description="product → employee who owns what is said of it")
    touchpoint_owners: dict[str, str] = Field({}, description="type of interaction → employee who owns it")
    comparison: Comparison = Field(Comparison(), description="a randomised delay of some orders")
    leaders: tuple[str, ...] = Field(
        (), description="roles, as the CRM calls them, of those who change goals and rules at the desk; empty: nobody does"
    )
    digest_above: int = Field(20, ge=1, description="more alerts than this for one person at a time become one e-mail")
    chats: dict[PlainName, Chat] = Field({}, description="name → chat")
    crm: Crm | None = Field(None, description="the CRM that is written to; null: none")
    project_tool: ProjectTool | None = Field(None, description="the project tool that initiatives are written to; null: none")

    @model_validator(mode="after")
    def _parts_fit(self) -> ClosedLoop:
        misfits = [
            Misfit(("rules", name, "then"), f"nobody is called because of {rule.kind}", "write then: tell")
            for name, rule in self.rules.items()
            if rule.kind in ("promoter", "unit_changed") and rule.then == "call_back"
        ]
        raise_misfits(misfits)
        return self
