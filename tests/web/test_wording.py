"""What customers read. A missing translation shows a German customer English, or a page that does not open at all."""

from __future__ import annotations

from datetime import date

import pytest
import yaml

from shopkeeper.company.config import NPS, Scale
from shopkeeper.company.load import SAMPLE
from shopkeeper.company.programmes import LOCALES, ROLES, Programme, Programmes
from shopkeeper.survey import wording

CADENCE = {"every_days": 90, "starts_on": "2026-01-01"}


def programme(**parts: object) -> Programme:
    return Programme.model_validate({"kind": "relationship", "cadence": CADENCE} | parts)


def ask(programme: Programme, locale: str, **arms: str) -> dict[str, wording.Asked]:
    return {asked.role: asked for asked in wording.questions(programme, NPS, "Brunnenhof", locale, arms)}


@pytest.mark.parametrize("locale", LOCALES)
def test_every_role_is_worded_in_every_language(locale: str) -> None:
    every_role = programme(questions={role: {} for role in ROLES})
    asked = ask(every_role, locale)
    assert list(asked) == list(ROLES), "the order of asking"
    english = ask(every_role, "en")
    for role, question in asked.items():
        assert question.text
        assert "{" not in question.text
        assert question.text != english[role].text or locale == "en", role
        assert (question.kind == "text") == (not question.choices)
        assert all(choice.text for choice in question.choices)
    assert [choice.code for choice in asked["score"].choices] == [str(score) for score in range(11)]
    assert asked["score"].low
    assert asked["ease"].high
    assert "Brunnenhof" in asked["score"].text
    for happened_on in (date(2026, month, 1) for month in range(1, 13)):
        for kind in ("claim", "CALL", "something else", None):
            assert "{" not in wording.about(kind, happened_on, locale)


def test_dates_read_as_people_write_them() -> None:
    third = date(2026, 3, 3)
    assert wording.about("claim", third, "en") == "your claim of 3 March"
    assert wording.about("claim", third, "de-AT") == "Ihr Schadenfall vom 3. März"
    assert wording.about("claim", date(2026, 3, 1), "fr") == "votre sinistre du 1er mars"
    assert wording.about("claim", third, "ja") == "your claim of 3 March"


def test_a_locale_falls_back_within_its_language_first() -> None:
    """An override in English alone must not show English to a German customer where a German text is built in."""
    own = programme(locales=["de", "en"], questions={"score": {"text": {"en": "Would you?", "fr-CH": "Le feriez-vous ?"}}})
    texts = {locale: ask(own, locale)["score"].text for locale in ("en", "en-GB", "fr", "fr-CH", "de", "ja")}
    assert texts["en"] == texts["en-GB"] == "Would you?"
    assert texts["fr"] == texts["fr-CH"] == "Le feriez-vous ?"
    assert texts["de"].startswith("Wie wahrscheinlich")
    colours = {"red": {"de": "Rot"}, "blue": {"en": "Blue"}}
    own_role = programme(
        locales=["de", "en"],
        questions={"score": {}, "colour": {"kind": "choice", "text": {"de": "Farbe?"}, "choices": colours}},
    )
    asked = ask(own_role, "es")["colour"]
    assert (asked.text, [choice.text for choice in asked.choices]) == ("Farbe?", ["Rot", "Blue"])


def test_a_split_test_of_wording_shows_each_arm_its_own() -> None:
    arms = {"usual": {"share": 0.5}, "short": {"share": 0.5, "wording": {"en": "Recommend {company}?"}}}
    tested = programme(split_tests={"words": {"varies": "wording", "arms": arms}})
    assert ask(tested, "en", words="short")["score"].text == "Recommend Brunnenhof?"
    assert ask(tested, "en", words="usual")["score"].text == ask(programme(), "en")["score"].text == ask(tested, "en")["score"].text


def test_another_scale_another_question() -> None:
    stars = Scale(metric="stars", score_from=1, score_to=5, passive_from=4, promoter_from=5)
    asked = wording.score_question(programme(kind="employee"), stars, "Brunnenhof", "en", {})
    assert [choice.code for choice in asked.choices] == ["1", "2", "3", "4", "5"]
    assert "place to work" in asked.text
    assert [wording.band(score, NPS) for score in (0, 6, 7, 8, 9, 10)] == ["detractor"] * 2 + ["passive"] * 2 + ["promoter"] * 2


def test_the_sample_company_is_worded_after_its_config_was_frozen() -> None:
    """A wave keeps its programme as JSON; what comes back must ask the same questions in the same order."""
    company = Programmes.model_validate(yaml.safe_load((SAMPLE / "programmes.yml").read_text()))
    for written in company.programmes.values():
        frozen = Programme.model_validate_json(written.model_dump_json())
        for locale in LOCALES:
            assert ask(frozen, locale) == ask(written, locale)
            assert list(ask(frozen, locale)) == list(written.questions)
