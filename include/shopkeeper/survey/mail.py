"""The survey's e-mails: who is written to, in which language, with which words, and as which bytes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import idna
import jinja2
import yaml

from shopkeeper.company.config import CompanyFolder, Scale
from shopkeeper.company.programmes import BUILT_IN, Programme, Sender
from shopkeeper.errors import fail
from shopkeeper.survey import links, wording
from shopkeeper.survey.ledger import Message
from shopkeeper.survey.packet import Interaction, Packet
from shopkeeper.survey.smtp import Envelope

TEMPLATES = Path(__file__).parent / "templates"
INVITATION_HEADER = "X-Invitation"

_LOCAL = re.compile(r"[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]{1,64}")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", re.ASCII | re.IGNORECASE)

# Programs that look for these do not all put folded lines together again.
_NEVER_FOLDED = ("Message-ID", "List-Unsubscribe", INVITATION_HEADER)
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class NotWritten(Exception):
    """This one e-mail cannot be written; `reason` is a code: no_email, malformed_email or template_failed. `code` says more."""

    def __init__(self, reason: str, code: str | None = None) -> None:
        self.reason, self.code = reason, code
        super().__init__(reason)


@dataclass(frozen=True)
class Letter:
    """One e-mail to be written. `programme` is the wave's own, as it was when the wave was drawn.

    A test e-mail belongs to no invitation: its links show the survey of `shows`, and record nothing.
    """

    invitation_id: UUID
    message: Message
    programme: Programme
    locale: str
    arms: Mapping[str, str]
    expires_at: datetime
    packet: Packet
    shows: UUID | None = None


@dataclass(frozen=True)
class Button:
    score: str
    label: str
    link: str


class _OnTheWire(policy.EmailPolicy):
    """As SMTP wants it: lines end in CRLF, and some headers stay on one."""

    def fold_binary(self, name: str, value: Any) -> bytes:
        return f"{name}: {value}\r\n".encode() if name in _NEVER_FOLDED else super().fold_binary(name, value)


_ASCII = _OnTheWire(linesep="\r\n")
_UTF8 = _ASCII.clone(utf8=True)


class Writer:
    """Writes e-mails for one company folder, whose own templates go before ours.

    `<company>/templates/` may hold survey_email.html.j2 and survey_email.txt.j2, survey_reminder.* for reminders alone, and any
    of them for one language: survey_email.de.html.j2. What they may use stands in docs/survey-emails.md.
    """

    def __init__(self, folder: CompanyFolder, keys: links.Keys) -> None:
        self._company, self._keys = folder.company, keys
        sender = folder.programmes.sender
        if sender is None:
            raise fail("programmes.yml › sender", "is missing, so no e-mail can be sent", "add sender: {name: …, address: …}")
        self.sender = sender
        self._zone = folder.company.zone
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader([folder.folder / "templates", TEMPLATES]),
            autoescape=lambda name: name is not None and ".html" in name,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._try_templates(folder.programmes.programmes.values())

    def write(self, letter: Letter, *, now: datetime) -> Envelope:
        """The e-mail, ready to be handed over. Raises NotWritten when this one cannot be written."""
        mailable(letter.packet.email)
        try:
            subject, values = self._values(letter)
            text, html = (self._template(letter, kind).render(values) for kind in ("txt", "html"))
        except Exception as error:  # whatever a template does wrong for one customer must not keep the others waiting
            raise NotWritten("template_failed", type(error).__name__) from None
        name = f"{letter.invitation_id}.{letter.message}"
        headers = {
            "List-Unsubscribe": f"<{values['unsubscribe_link']}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            INVITATION_HEADER: name,
        }
        to = (letter.packet.full_name or "", letter.packet.email)
        return envelope(self.sender, to, subject, text, html, name=name, locale=letter.locale, headers=headers, now=now)

    def _values(self, letter: Letter) -> tuple[str, dict[str, Any]]:
        """The subject, and everything that a template may use."""
        programme, packet, language = letter.programme, letter.packet, wording.language(letter.locale)
        words = {what: texts[language] for what, texts in _words().items()}
        company, scale = self._company.name, self._company.scales[programme.scale]
        question = wording.score_question(programme, scale, company, letter.locale, letter.arms)
        about = self._about(packet.about, letter.locale, words["with_unit"])
        token = self._keys.sign(letter.shows or letter.invitation_id, letter.expires_at, is_test=letter.shows is not None)
        subject = self._subject(letter, words, about)
        name = one_line(packet.full_name or "")
        lowest, highest = question.choices[0].text, question.choices[-1].text
        why_you = words["why_you_employee" if programme.kind == "employee" else "why_you"]
        return subject, {
            "subject": subject,
            "company": company,
            "sender": self.sender.name,
            "postal_address": self.sender.postal_address,
            "programme": programme,
            "is_reminder": letter.message == "reminder",
            "locale": letter.locale,
            "language": language,
            "name": name,
            "greeting": words["greeting"].replace("{name}", name) if name else words["greeting_unnamed"],
            "about": about[:1].upper() + about[1:],
            "interaction": packet.about,
            "recent": packet.recent,
            "question": question,
            "scale": _filled(words["scale_in_text"], lowest=lowest, highest=highest, low=question.low, high=question.high),
            "buttons": self._buttons(question, scale, token, words["score_label"]),
            "link": links.page_link(token),
            "unsubscribe_link": links.unsubscribe_link(token),
            "why_you": why_you.replace("{company}", company),
            "words": words,
        }

    def _subject(self, letter: Letter, words: Mapping[str, str], about: str) -> str:
        """The split test's, else the programme's, else ours, each where it speaks the customer's language."""
        tests = letter.programme.split_tests.items()
        arms = [test.arms[letter.arms[name]].subject for name, test in tests if letter.arms.get(name) in test.arms]
        said = (wording.pick(texts, letter.locale) for texts in (*arms, letter.programme.subject))
        own = words["subject_about"] if about else words["subject"]
        subject = next((text for text in said if text), own)
        subject = _filled(subject, company=self._company.name, about=about, name=one_line(letter.packet.full_name or ""))
        return one_line(words["subject_reminder"].replace("{subject}", subject) if letter.message == "reminder" else subject)

    def _about(self, interaction: Interaction | None, locale: str, with_unit: str) -> str:
        """Such as `your claim of 3 March with Branch 4`; empty where the survey is about no interaction."""
        if interaction is None:
            return ""
        day = interaction.occurred_at.astimezone(self._zone).date()
        about = wording.about(interaction.interaction_type, day, locale)
        return _filled(with_unit, about=about, unit=one_line(interaction.with_unit)) if interaction.with_unit else about

    def _buttons(self, question: wording.Asked, scale: Scale, token: str, label: str) -> list[Button]:
        return [
            Button(choice.text, _filled(label, score=choice.text, highest=str(scale.score_to)), links.page_link(token, int(choice.code)))
            for choice in question.choices
        ]

    def _template(self, letter: Letter, kind: str) -> jinja2.Template:
        language = wording.language(letter.locale)
        names = ["survey_reminder", "survey_email"] if letter.message == "reminder" else ["survey_email"]
        return self._templates.select_template([f"{name}{part}.{kind}.j2" for name in names for part in (f".{language}", "")])

    def _try_templates(self, programmes: Iterable[Programme]) -> None:
        """A template that would fail for everybody must stop the run, not use up a wave. Raises ShopkeeperError."""
        claim = Interaction("-", "claim", datetime(2026, 3, 3, tzinfo=UTC), None, None, None, None, "…")
        # One programme that asks about interactions and one that does not are enough.
        kinds = {programme.after is not None: programme for programme in programmes if programme.provider == BUILT_IN}
        for name in sorted(self._templates.list_templates(filter_func=lambda name: name.endswith(".j2") and name.startswith("survey_"))):
            message: Message = "reminder" if name.startswith("survey_reminder") else "invitation"
            for is_about, programme in kinds.items():
                packet = Packet(UUID(int=0), "-", "…", "nobody@example.org", None, None, claim if is_about else None, (claim,))
                letter = Letter(UUID(int=0), message, programme, "en", {}, datetime(2026, 4, 1, tzinfo=UTC), packet)
                try:
                    self._templates.get_template(name).render(self._values(letter)[1])
                except jinja2.TemplateError as error:
                    line = f" line {error.lineno}" if isinstance(error, jinja2.TemplateSyntaxError) else ""
                    hint = "docs/survey-emails.md lists what a template may use"
                    raise fail(f"templates/{name}{line}", f"does not work: {error.message}", hint) from None


def envelope(
    sender: Sender,
    to: tuple[str, str | None],
    subject: str,
    text: str,
    html: str | None,
    *,
    name: str,
    locale: str | None = None,
    headers: Mapping[str, str],
    now: datetime,
) -> Envelope:
    """An e-mail as it goes over the wire, to a name (may be empty) and an address. `name` makes its Message-ID. Raises NotWritten."""
    address, needs_utf8 = mailable(to[1])
    message = EmailMessage(policy=_UTF8 if needs_utf8 else _ASCII)
    message["From"] = _address(sender.name, sender.address)
    message["To"] = _address(to[0], address)
    if sender.reply_to:
        message["Reply-To"] = sender.reply_to
    message["Subject"] = one_line(subject)
    message["Date"] = now.astimezone(UTC)
    message["Message-ID"] = f"<{name}@{_domain(sender)}>"
    message["Auto-Submitted"] = "auto-generated"
    for header, value in headers.items():
        message[header] = value
    message.set_content(text.strip() + "\n", cte="quoted-printable")
    if html is not None:
        message.add_alternative(html, subtype="html", cte="quoted-printable")
    if locale:
        message["Content-Language"] = locale
    return Envelope(sender.address, address, message.as_bytes(), needs_utf8)


def mailable(address: str | None) -> tuple[str, bool]:
    """The address as mail servers take it (domain in ASCII), and whether it needs SMTPUTF8. Raises NotWritten.

    One address, plain: no display name, no quotes, no comments, nothing that could begin a header or a second recipient.
    """
    if not address or not address.strip():
        raise NotWritten("no_email")
    local, at, domain = unicodedata.normalize("NFC", address.strip()).rpartition("@")
    try:
        domain = idna.encode(domain, uts46=True).decode() if not domain.isascii() else domain.lower()
    except idna.IDNAError:
        raise NotWritten("malformed_email") from None
    is_plain = _LOCAL.fullmatch(local) and ".." not in local and not local.startswith(".") and not local.endswith(".")
    if not at or not is_plain or not _DOMAIN.fullmatch(domain) or len(local) + len(domain) > 253:
        raise NotWritten("malformed_email")
    return f"{local}@{domain}", not local.isascii()


def one_line(text: str) -> str:
    """Without line breaks and other control characters: a name must not be able to begin a header."""
    return " ".join("".join(" " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char for char in text).split())


def _address(name: str, address: str) -> Address:
    user, _, domain = address.rpartition("@")
    return Address(one_line(name)[:120], username=user, domain=domain)


def _domain(sender: Sender) -> str:
    return mailable(sender.address)[0].rpartition("@")[2]


def _filled(text: str, **values: str) -> str:
    """`{name}` replaced by what it stands for; what came in by that way stays as it is."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)


@cache
def _words() -> dict[str, dict[str, str]]:
    read: dict[str, dict[str, str]] = yaml.safe_load((TEMPLATES / "survey_email.yml").read_text(encoding="utf-8"))
    return read
