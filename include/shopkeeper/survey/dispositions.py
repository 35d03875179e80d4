"""How an invitation ended: one table from every provider's own codes to the canonical dispositions and their AAPOR classes.

dbt reads it as the seed `dispositions`, people as docs/dispositions.md; `docs/make_dispositions.py` writes both, and a test
holds them equal to what stands here. Classes follow AAPOR, Standard Definitions (10th edition, 2023), internet surveys of
named persons, and IVR.
"""

from __future__ import annotations

from dataclasses import dataclass

from shopkeeper.survey.ledger import PROGRESS, WAITING
from shopkeeper.warehouse.survey_tables import SENDING_EVENTS

AAPOR = {
    "I": "complete",
    "P": "partial",
    "R": "refusal, break-off or opt-out",
    "NC": "reached the mailbox or the telephone, and nobody began",
    "O": "eligible, and could not answer, whatever they wished: neither a refusal nor out of reach",
    "UO": "unknown whether it reached anybody",
    "NE": "not eligible, or never asked: in no rate",
}


@dataclass(frozen=True)
class Disposition:
    """One canonical way to end. `aapor` is empty while nothing has ended."""

    name: str
    aapor: str
    meaning: str


DISPOSITIONS = (
    Disposition("completed", "I", "the survey was answered to its end"),
    Disposition("partial", "P", "some questions were answered"),
    Disposition("answered", "P", "answered on the telephone; `completed` or `partial` once the answers have come"),
    Disposition("started", "R", "the survey was opened by a person who then left it"),
    Disposition("reached", "R", "reached on the telephone, and did not answer"),
    Disposition("declined", "R", "said no to this survey"),
    Disposition("opted_out", "R", "asked never to be surveyed"),
    Disposition("complained", "R", "reported the e-mail as spam"),
    Disposition("sent", "NC", "handed over, and nothing heard since"),
    Disposition("delivered", "NC", "accepted by the mailbox"),
    Disposition("opened", "NC", "the e-mail was opened, perhaps by a mail program alone; it changes no rate"),
    Disposition("offered", "NC", "offered before the agent spoke, and not agreed to"),
    Disposition("agreed", "NC", "agreed to be called back, and not called"),
    Disposition("called_back", "NC", "called back, and not reached"),
    Disposition("expired", "NC", "the time to answer ran out"),
    Disposition("unable", "O", "died after being asked, is too ill, or speaks none of the survey's languages"),
    Disposition("bounced", "UO", "came back as undeliverable after it was sent"),
    Disposition("refused", "UO", "the mail server refused it"),
    Disposition("doubtful", "UO", "may have gone out or not: the sender died in between"),
    Disposition("unknown", "UO", "the provider's code is not in this table"),
    Disposition("screened_out", "NE", "not of the population that was meant, or the quota was full"),
    Disposition("not_sent", "NE", "drawn and then not sent, for the reason beside it"),
    Disposition("pending", "", "still to be sent or called; in no mart"),
)
BY_NAME = {disposition.name: disposition for disposition in DISPOSITIONS}


@dataclass(frozen=True)
class Code:
    """What one provider's code means. `code` is in small letters: capitals make no difference."""

    provider: str
    code: str
    disposition: str


def _codes(provider: str, **codes: str) -> tuple[Code, ...]:
    return tuple(Code(provider, code, disposition) for disposition, listed in codes.items() for code in listed.split())


# The ledger's own events; those of a message that is still on its way say nothing yet.
LEDGER = tuple(Code("shopkeeper", event, "pending" if event in (*WAITING, "sending") else event) for event in PROGRESS)

CODES = (
    *LEDGER,
    # Codes of histories: what exports of survey systems usually say.
    *_codes(
        "history",
        completed="complete finished responded submitted",
        partial="incomplete partially_completed",
        started="in_progress clicked",
        opted_out="unsubscribed optout",
        complained="complaint spam",
        declined="rejected",
        bounced="undelivered undeliverable hard_bounce soft_bounce failed",
        sent="invited no_response not_responded",
        not_sent="skipped suppressed throttled not_sampled",
        screened_out="screened_out disqualified over_quota",
        unable="unable deceased died ill incapacitated language_barrier language_problem",
    ),
    # Mail servers: the class of the reply, or of the status in a delivery report (RFC 5321, RFC 3463).
    *_codes("smtp", sent="2xx", pending="4xx", refused="5xx", delivered="2.x.x", bounced="5.x.x 4.4.7"),
    # Formbricks v2: events of its webhooks.
    *_codes("formbricks", partial="responsecreated responseupdated", completed="responsefinished", started="displaycreated"),
    # LimeSurvey: what list_participants says of a participant.
    *_codes("limesurvey", completed="completed:date", sent="sent:date", opted_out="emailstatus:optout", bounced="emailstatus:bounced"),
    # Qualtrics: status of a distribution's history.
    *_codes(
        "qualtrics",
        pending="pending",
        sent="success",
        opened="opened",
        complained="complaint",
        not_sent="skipped blocked",
        refused="failure",
        unknown="unknown",
        bounced="softbounce hardbounce",
        started="surveystarted",
        partial="surveypartiallyfinished",
        completed="surveyfinished",
        screened_out="surveyscreenedout",
        expired="sessionexpired",
    ),
    # SurveyMonkey v3: of a response, and of a recipient.
    *_codes(
        "surveymonkey",
        completed="completed completely_responded",
        partial="partial partially_responded",
        screened_out="overquota disqualified",
        sent="sent not_responded",
        opted_out="opted_out",
        bounced="bounced",
    ),
    *_codes("delighted", completed="responded", bounced="bounced", opted_out="unsubscribed"),
)

# A history says only the code, not whose it is: a code means one thing, whoever says it (a test holds that).
MEANING = {code.code: code.disposition for code in CODES}


def disposition_of(code: str) -> str:
    """The canonical disposition of a provider's code, `unknown` where this table has none."""
    return MEANING.get(code.strip().lower(), "unknown")


def seed() -> str:
    """The table as dbt reads it: one row per code, as CSV.

    `place` orders the ledger's events, the highest tells most; of those that are about sending the latest alone counts.
    """
    lines = ["code,disposition,aapor_class,is_about_sending,place"]
    for code, name in sorted(MEANING.items()):
        place = str(PROGRESS.index(code)) if code in PROGRESS else ""
        lines.append(f"{code},{name},{BY_NAME[name].aapor},{str(code in SENDING_EVENTS).lower()},{place}")
    return "\n".join(lines) + "\n"


def page() -> str:
    """docs/dispositions.md."""
    lines = [_HEAD, "## Dispositions", "", "| disposition | AAPOR class | what happened |", "| --- | --- | --- |"]
    lines += [f"| `{each.name}` | {each.aapor} | {each.meaning} |" for each in DISPOSITIONS]
    lines += ["", "## AAPOR classes", "", "| class | meaning |", "| --- | --- |"]
    lines += [f"| {name} | {meaning} |" for name, meaning in AAPOR.items()]
    lines += ["", "## Codes", "", "| who says it | code | disposition | AAPOR class |", "| --- | --- | --- | --- |"]
    lines += [f"| {each.provider} | `{each.code}` | `{each.disposition}` | {BY_NAME[each.disposition].aapor} |" for each in CODES]
    return "\n".join(lines) + "\n"


_HEAD = """# Dispositions

Generated from `include/shopkeeper/survey/dispositions.py` by `docs/make_dispositions.py`; do not edit by hand.

How an invitation ended, in `marts.fct_survey_invitations`: `disposition` is one of the names below, `disposition_code` what the
provider called it, and `aapor_class` what response rates are made of (AAPOR, Standard Definitions, 2023).

- An answer decides: with a complete, scored answer an invitation is `completed`, with any other `partial`, whatever its code says.
- Of an invitation of our own the ledger's events decide: the one that tells most. What became of a reminder changes nothing.
- A code that is not in this table is kept in `disposition_code` and shown as `unknown`; the gate of the publication warns of it.
  A history that says nothing of how a sent survey ended is `sent`.
- A rate counts a complete answer only when it came within the days to answer in;
  [response rates](response-rates-and-representativeness.md#response-rates) says what each class is counted as.
- Opening an e-mail changes no class: mail programs open mails that nobody reads.
- `O` is for those whom somebody found unable to answer (AAPOR 2.3: deceased, unable, language, miscellaneous). An e-mail finds that out
  of nobody, so no event of our own leads there: such invitations stay `NC`. Interviewers and exports of survey systems do say it.
  Who died or left between draw and sending was never asked: `not_sent`, `NE`.
- Unknown eligibility is `UO` throughout: whom we ask we know by name, so there is no household (`UH`) to find out about.
"""
