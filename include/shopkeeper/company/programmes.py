"""programmes.yml: whom each survey programme asks, when, how many of them, and what."""

from __future__ import annotations

import hashlib
import json
from datetime import date, time
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from shopkeeper.company import conditions
from shopkeeper.company.base import Misfit, Model, PlainName, did_you_mean, raise_misfits

LOCALES = ("en", "de", "fr", "es", "pt")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
BUILT_IN = "built_in"

Kind = Literal["relationship", "transactional", "post_call", "employee"]
Channel = Literal["email", "ivr", "file"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Locale = Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")]
Wording = dict[Locale, Annotated[str, Field(min_length=1)]]
Share = Annotated[Decimal, Field(gt=0, le=1)]

QUARANTINE_DAYS: dict[str, int] = {"relationship": 180, "transactional": 90, "post_call": 90, "employee": 90}


class Quarantine(Model):
    """How long a customer is left alone, counted between invitations; reminders belong to theirs."""

    any_programme_days: int = Field(30, ge=0, description="since an invitation of any other programme")
    after_decline_days: int = Field(30, ge=0, description="since the customer declined a survey")


class SendWindow(Model):
    """When e-mails go out, in the customer's own time."""

    starts: time = Field(time(5), description="local time; the company's where the customer's timezone is unknown")
    ends: time = Field(time(10), description="local time, after `starts`")
    weekdays: tuple[Weekday, ...] = Field(("mon", "tue", "wed", "thu", "fri"), min_length=1, description="days on which e-mails go out")

    @model_validator(mode="after")
    def _in_order(self) -> SendWindow:
        if self.starts >= self.ends:
            raise ValueError("needs starts before ends; a window does not cross midnight")
        return self


class Sender(Model):
    """Who the e-mails come from."""

    name: str = Field(min_length=1, description="as mail programs show it")
    address: str = Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$", description="the e-mail address that they come from")
    reply_to: str | None = Field(None, pattern=r"^[^@\s<>]+@[^@\s<>]+$", description="where answers to them go; default: the address")
    postal_address: str = Field("", description="stands at the foot of each e-mail; many countries demand it")
    per_second: Decimal = Field(Decimal(20), gt=0, description="how many e-mails a second may go out, over all workers of a run")


class Cadence(Model):
    """Waves of a programme that asks about no particular interaction."""

    every_days: int = Field(ge=1, description="from one wave to the next")
    starts_on: date = Field(description="first day of the first wave, in company time")
    spread_days: int = Field(1, ge=1, description="the invitations of a wave are spread evenly over the send days among so many days")

    @model_validator(mode="after")
    def _fits(self) -> Cadence:
        if self.spread_days > self.every_days:
            raise ValueError("a wave must be out before the next one begins: spread_days <= every_days")
        return self


class After(Model):
    """Which interactions a programme asks about, and when."""

    interaction_types: tuple[str, ...] = Field((), description="these types; empty means any")
    outcomes: tuple[str, ...] = Field((), description="these outcomes; empty means any")
    moment: Literal["occurred_at", "resolved_at"] = Field("resolved_at", description="what must have happened before the survey goes")
    wait_hours: int = Field(0, ge=0, description="how long after that moment the invitation is due at the earliest")
    too_old_days: int = Field(14, ge=1, description="an interaction that comes to light later than this is not asked about any more")


class Sampling(Model):
    """How many of those who may be asked are asked; permanent random numbers decide who."""

    take: Literal["all", "fraction", "n", "stratified"] = Field("all", description="everybody, a share, so many, or so many over strata")
    fraction: Share | None = Field(None, description="take fraction: the share")
    n: int | None = Field(None, ge=1, description="take n or stratified: how many per wave")
    by: str | None = Field(None, description="take stratified: the column that makes the strata, such as `customer.segment`")
    allocation: Literal["proportional", "neyman"] = Field("proportional", description="how n is divided among the strata")
    floor: int = Field(0, ge=0, description="take stratified: at least so many from each stratum that has them")
    quotas: dict[str, Annotated[int, Field(ge=0)]] = Field(
        {}, description="value of `by` → stop asking there once so many have answered in the wave; such answers carry no weight"
    )
    one_per_customer: bool = Field(True, description="of several interactions of one customer in a wave, one is drawn at random")

    @model_validator(mode="after")
    def _parts_fit(self) -> Sampling:
        needed = {"all": (), "fraction": ("fraction",), "n": ("n",), "stratified": ("n", "by")}[self.take]
        misfits = [Misfit((name,), f"is needed to take {self.take}", f"add {name}") for name in needed if getattr(self, name) is None]
        if self.fraction is not None and self.take != "fraction":
            misfits.append(Misfit(("fraction",), f"means nothing when you take {self.take}", "take it out, or write take: fraction"))
        if self.n is not None and self.take not in ("n", "stratified"):
            misfits.append(Misfit(("n",), f"means nothing when you take {self.take}", "take it out, or write take: n"))
        if self.floor and self.take != "stratified":
            misfits.append(Misfit(("floor",), f"means nothing when you take {self.take}", "take it out, or write take: stratified"))
        if self.quotas and self.by is None:
            misfits.append(Misfit(("quotas",), "need `by`, the column whose values they name", "add by"))
        raise_misfits(misfits)
        return self


class Question(Model):
    """One question. The usual roles have a wording of their own in en, de, fr, es and pt; any other needs `text`."""

    kind: Literal["score", "rating", "choice", "yes_no", "text"] | None = Field(None, description="default: the role's own")
    text: Wording = Field({}, description="locale → wording, in place of the built-in one")
    choices: dict[PlainName, Wording] = Field({}, description="kind choice: code → locale → wording")
    ask: tuple[Literal["promoter", "passive", "detractor"], ...] = Field(
        ("promoter", "passive", "detractor"), min_length=1, description="bands that are asked it"
    )


# role → kind; what the survey page asks in this order where a programme names no questions
ROLES: dict[str, Literal["score", "rating", "choice", "yes_no", "text"]] = {
    "score": "score",
    "verbatim": "text",
    "reason": "choice",
    "ease": "rating",
    "improvement": "text",
    "heard_from": "choice",
    "recommended_by": "text",
    "would_have_come_anyway": "yes_no",
    "may_call_back": "yes_no",
}


class Arm(Model):
    """One arm of a split test: what it does otherwise than the programme."""

    share: Share = Field(description="of the invitations; the shares of all arms add up to 1")
    subject: Wording = Field({}, description="varies subject: the e-mail's subject, by locale")
    wording: Wording = Field({}, description="varies wording: the score question, by locale")
    channel: Channel | None = Field(None, description="varies channel")
    window: SendWindow | None = Field(None, description="varies time: when the e-mails go out")


class SplitTest(Model):
    """A randomised comparison; the arm of each invitation is stored with it."""

    varies: Literal["subject", "wording", "channel", "time"] = Field(description="what differs between the arms, and nothing else does")
    arms: dict[PlainName, Arm] = Field(min_length=2, description="name → arm; the first is what the others are compared with")

    @model_validator(mode="after")
    def _parts_fit(self) -> SplitTest:
        misfits = []
        part = {"subject": "subject", "wording": "wording", "channel": "channel", "time": "window"}
        if sum(arm.share for arm in self.arms.values()) != 1:
            misfits.append(Misfit(("arms",), "shares do not add up to 1", "mend the shares", given=(("arms",),)))
        for name, arm in self.arms.items():
            for varies, field in part.items():
                if getattr(arm, field) and varies != self.varies:
                    misfits.append(Misfit(("arms", name, field), f"this test varies {self.varies} alone", "make two tests of it"))
        raise_misfits(misfits)
        return self


class Reminder(Model):
    """One reminder to those who have not answered."""

    after_days: int = Field(7, ge=1, description="after the invitation was sent")


class Programme(Model):
    """One survey programme."""

    kind: Kind = Field(description="what it asks about: the relationship, an interaction, a call just ended, working here")
    is_active: bool = Field(True, description="false: no new waves; what was sent is still collected")
    provider: PlainName = Field(BUILT_IN, description="who sends and collects: built_in, or one of `providers`")
    channel: Channel = Field("email", description="how customers are asked")
    eligibility: str = Field("", description="who may be asked, as a condition (see Rules) over customer, interaction or employee columns")
    cadence: Cadence | None = Field(None, description="relationship and employee: when there are waves")
    after: After | None = Field(None, description="transactional and post_call: which interactions are asked about")
    sampling: Sampling = Field(Sampling(), description="how many are asked")
    quarantine_days: int | None = Field(
        None, ge=0, description="since an invitation of this programme; default: relationship 180, others 90"
    )
    questions: dict[PlainName, Question] = Field(
        {"score": Question(), "verbatim": Question(), "may_call_back": Question()}, description="role → question, in the order of asking"
    )
    scale: str = Field("0-10", description="of the score, as in company.yml")
    locales: tuple[Literal["en", "de", "fr", "es", "pt"], ...] = Field(
        ("en",), min_length=1, description="languages it is offered in; the first is for customers who speak none of them"
    )
    subject: Wording = Field({}, description="the e-mail's subject, in place of the built-in one")
    window: SendWindow = Field(SendWindow(), description="when e-mails go out")
    reminder: Reminder | None = Field(Reminder(), description="null: none")
    expires_after_days: int = Field(30, ge=1, description="after the send; a later answer is refused by the survey page")
    expected_response_rate: Share = Field(Decimal("0.2"), description="what `./shopkeeper plan` counts with until answers have come in")
    split_tests: dict[PlainName, SplitTest] = Field({}, description="name → split test")

    @model_validator(mode="after")
    def _parts_fit(self) -> Programme:
        is_about_interactions = self.kind in ("transactional", "post_call")
        misfits = []
        if is_about_interactions and self.after is None:
            misfits.append(Misfit(("after",), f"is needed by a {self.kind} programme", "say which interactions it asks about"))
        if is_about_interactions and self.cadence is not None:
            misfits.append(Misfit(("cadence",), f"a {self.kind} programme follows interactions", "take it out"))
        if not is_about_interactions and self.cadence is None:
            misfits.append(Misfit(("cadence",), f"is needed by a {self.kind} programme", "say when there are waves"))
        if not is_about_interactions and self.after is not None:
            misfits.append(Misfit(("after",), f"a {self.kind} programme asks about no interaction", "take it out"))
        misfits += _sampling_fits(self)
        if "score" not in self.questions:
            misfits.append(Misfit(("questions",), "lack the score", "add score: {}", given=(("questions",),)))
        for role, question in self.questions.items():
            kind = question.kind or ROLES.get(role)
            if kind is None:
                hint = f"add kind and text, or use {', '.join(ROLES)}"
                misfits.append(Misfit(("questions", role), "is no usual role, and says neither kind nor text", hint))
            elif role not in ROLES and not question.text:
                misfits.append(Misfit(("questions", role), "has no text", "add text: {en: …}"))
            if kind == "choice" and role not in ("reason", "heard_from") and not question.choices:
                misfits.append(Misfit(("questions", role), "has no choices", "add choices: {code: {en: …}}"))
            if role == "score" and kind != "score":
                misfits.append(Misfit(("questions", role, "kind"), "the score is a score", "take kind out"))
        raise_misfits(misfits)
        return self

    @property
    def quarantine(self) -> int:
        """Days since an invitation of this programme."""
        return QUARANTINE_DAYS[self.kind] if self.quarantine_days is None else self.quarantine_days

    def frozen(self) -> dict[str, Any]:
        """The programme as a wave keeps it, in JSON values; its quarantine is written out, whatever the usual one becomes."""
        kept: dict[str, Any] = self.model_copy(update={"quarantine_days": self.quarantine}).model_dump(mode="json")
        return kept

    def method(self) -> str:
        """Eight hex digits over what can move the score without anything having changed: channel, provider, scale and score question.

        Waves with different ones do not belong on one trend line.
        """
        question = self.questions["score"]
        parts = [self.channel, self.provider, self.scale, question.text, next(iter(self.questions)) == "score"]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8]


def _sampling_fits(programme: Programme) -> list[Misfit]:
    about, sampling = conditions.ABOUT[programme.kind], programme.sampling
    found = conditions.mistakes(programme.eligibility, about)
    misfits = [Misfit(("eligibility",), mistake.what, mistake.hint) for mistake in found]
    if sampling.by is not None:
        try:
            conditions.grouping(sampling.by, about)
        except conditions.Wrong as wrong:
            misfits.append(Misfit(("sampling", "by"), wrong.mistake.what, wrong.mistake.hint, (("sampling",),)))
    if sampling.quotas and programme.after is not None:
        hint = "take quotas out, or use take: fraction"
        misfits.append(Misfit(("sampling", "quotas"), "count within a wave, and a wave here is what one run finds", hint, (("sampling",),)))
    varied = [test.varies for test in programme.split_tests.values()]
    misfits += [
        Misfit(("split_tests", name), f"another test varies {test.varies} too", "run one after the other", (("split_tests",),))
        for place, (name, test) in enumerate(programme.split_tests.items())
        if test.varies in varied[:place]
    ]
    misfits += [
        Misfit(("split_tests", name, "arms", arm, "channel"), "our own survey system sends e-mails", "name a provider for other channels")
        for name, test in programme.split_tests.items()
        for arm, parts in test.arms.items()
        if programme.provider == BUILT_IN and parts.channel not in (None, "email")
    ]
    return misfits


class Provider(Model):
    """Somebody else who sends surveys or collects answers. Secrets come from the environment: ${NAME}."""

    kind: Literal["file_drop", "ivr", "formbricks", "limesurvey"] = Field(description="which contract it follows")
    account: str = Field("", description="names the account where one provider has several; part of each answer's key")
    url: str | None = Field(None, description="formbricks, limesurvey: the address of its API; ${ENV} is replaced")
    api_key: str | None = Field(None, repr=False, description="formbricks: ${ENV}")
    user: str | None = Field(None, description="limesurvey: the user of RemoteControl")
    password: str | None = Field(None, repr=False, description="limesurvey: ${ENV}")
    survey_id: str | None = Field(None, description="formbricks, limesurvey: the survey")
    out_path: str | None = Field(None, description="file_drop, ivr: folder that invitations are written to; ${ENV} is replaced")
    in_path: str | None = Field(None, description="file_drop, ivr: glob of the files that come back; ${ENV} is replaced")
    questions: dict[str, PlainName] = Field({}, description="the provider's question → role, such as score, verbatim, reason")
    webhook_secret: str | None = Field(None, repr=False, description="of webhooks that come in (Standard Webhooks); ${ENV}")


class Programmes(Model):
    """Whom the company asks, when and what. The file may be left out: then no survey goes out from here."""

    quarantine: Quarantine = Field(Quarantine(), description="over all programmes")
    sender: Sender | None = Field(None, description="needed where a programme sends e-mails by itself")
    providers: dict[PlainName, Provider] = Field({}, description="name → provider")
    programmes: dict[PlainName, Programme] = Field({}, description="name → programme")

    @model_validator(mode="after")
    def _parts_fit(self) -> Programmes:
        misfits = []
        if BUILT_IN in self.providers:
            misfits.append(Misfit(("providers", BUILT_IN), "is the name of our own survey system", "choose another name"))
        for name, programme in self.programmes.items():
            path = ("programmes", name)
            if programme.provider != BUILT_IN and programme.provider not in self.providers:
                hint = did_you_mean(programme.provider, [BUILT_IN, *self.providers])
                misfits.append(Misfit((*path, "provider"), f"there is no {programme.provider} under providers", hint, (("providers",),)))
            if programme.provider == BUILT_IN and programme.channel != "email":
                misfits.append(Misfit((*path, "channel"), "our own survey system sends e-mails", "name a provider for other channels"))
            if programme.provider == BUILT_IN and self.sender is None:
                misfits.append(Misfit(("sender",), f"is needed: {name} sends e-mails", "add sender: {name: …, address: …}", (path,)))
        raise_misfits(misfits)
        return self

    def config_hash(self, name: str) -> str:
        """Over everything that decides whom a programme asks, when and what: frozen with each of its waves."""
        programme = self.programmes[name]
        parts = {"quarantine": self.quarantine.model_dump(mode="json"), "programme": programme.model_dump(mode="json")}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
