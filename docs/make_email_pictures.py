"""Makes the README's pictures of the survey e-mail: as the sample company's customers get it, on a desk and on a phone.

.venv/bin/python docs/make_email_pictures.py     needs Chromium and what ./shopkeeper test installs; takes some seconds
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
# name → width, height (0: all of it), light or dark
PICTURES = {"email": (760, 0, "light"), "email-phone": (375, 667, "light")}


def an_email() -> str:
    """The HTML of one invitation about a claim."""
    import yaml

    from shopkeeper.company.config import Company, CompanyFolder
    from shopkeeper.company.programmes import Programmes
    from shopkeeper.survey.links import Keys
    from shopkeeper.survey.mail import Letter, Writer
    from shopkeeper.survey.packet import Interaction, Packet

    sample = ROOT / "include" / "company"
    programmes = Programmes.model_validate(yaml.safe_load((sample / "programmes.yml").read_text(encoding="utf-8")))
    company = Company.model_validate(yaml.safe_load((sample / "company.yml").read_text(encoding="utf-8")))
    folder = CompanyFolder(folder=sample, company=company, sources={}, programmes=programmes, config_hash="")
    claim = Interaction("I1", "claim", datetime(2026, 3, 3, 9, tzinfo=UTC), None, "phone", "paid in full", "adviser", "Team Altona")
    packet = Packet(UUID(int=1), "C1", "Anna Schmidt", "anna@example.org", "en", None, claim, (claim,))
    letter = Letter(UUID(int=1), "invitation", programmes.programmes["transactional"], "en", {}, datetime(2026, 4, 3, tzinfo=UTC), packet)
    keys = Keys.read("1:for-pictures-only-and-no-more")
    envelope = Writer(folder, keys).write(letter, now=datetime(2026, 3, 4, 7, tzinfo=UTC))
    body = message_from_bytes(envelope.content, policy=policy.default).get_body(("html",))
    assert body is not None
    return str(body.get_content())


def main() -> None:
    sys.path[:0] = [str(ROOT), str(ROOT / "include")]
    from tests.browser import browser

    with TemporaryDirectory() as folder, browser() as chromium:
        file = Path(folder) / "email.html"
        file.write_text(an_email(), encoding="utf-8")
        for name, (width, height, scheme) in PICTURES.items():
            page = chromium.new_page(viewport={"width": width, "height": height or 400}, color_scheme=scheme, device_scale_factor=2)
            page.goto(file.as_uri())
            page.screenshot(path=IMAGES / f"{name}.png", full_page=not height)


if __name__ == "__main__":
    main()
