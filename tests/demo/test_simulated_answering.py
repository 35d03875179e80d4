"""The simulated customers who answer surveys: the score that they have in truth, and nothing that a person could not see."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage

import numpy as np

from shopkeeper.demo import Simulation
from shopkeeper.demo.answering import Form, letters
from shopkeeper.demo.attitude import nps
from shopkeeper.demo.replies import Reply, replies

AT = datetime(2026, 6, 15, 9, tzinfo=UTC)


def test_who_answers_is_as_unlike_the_rest_as_was_planted(company: Simulation) -> None:
    # The demo shows that a score can be precise and wrong: customers who answered by chance alone would show a sound survey.
    everybody = replies(company, range(1, 20_001), AT)
    scores = np.array([mind.score for mind in everybody.values()])
    answers = np.array([mind.answers for mind in everybody.values()])
    assert 0.25 < answers.mean() < 0.35
    assert nps(scores[answers]) > nps(scores) + 4


def test_a_mind_does_not_depend_on_who_else_is_asked(company: Simulation) -> None:
    # Else one more e-mail would change everybody's score, and no wave could be compared with the truth.
    some, all_of_them = replies(company, [7, 4711], AT), replies(company, range(1, 5000), AT)
    assert [(some[n].score, some[n].answers) for n in some] == [(all_of_them[n].score, all_of_them[n].answers) for n in some]


def mail(to: str, token: str) -> EmailMessage:
    message = EmailMessage()
    message["To"] = to
    message.set_content("…")
    buttons = "".join(f'<a href="http://here/s/{token}?score={score}">{score}</a>' for score in range(11))
    message.add_alternative(buttons, subtype="html")
    return message


def test_a_customer_takes_the_newest_e_mail_and_leaves_those_of_others() -> None:
    mails = [mail("Mia <mia.roth.12@example.org>", "old"), mail("ada@work.example", "staff"), mail("mia.roth.12@example.org", "new")]
    found = letters(iter(mails))
    assert list(found) == [12]
    assert found[12].buttons[9] == "http://here/s/new?score=9"


def test_a_form_is_filled_in_with_what_it_offers_and_no_more() -> None:
    html = """
        <form method="post"><input type="hidden" name="step" value="rest">
        <input type="radio" name="ease" value="1"><input type="radio" name="ease" value="4">
        <input type="radio" name="reason" value="price"><textarea name="verbatim"></textarea>
        <input type="radio" name="heard_from" value="colleague"><textarea name="recommended_by"></textarea></form>
    """
    form = Form.read(html)
    assert form is not None
    mind = Reply(answers=True, score=9, comment="quick", ease=4, reason="website", may_be_called=True)
    assert form.filled_in(mind) == {"step": "rest", "ease": "4", "verbatim": "quick"}
    sent = replace(mind, heard_from="colleague", recommended_by="C12", anyway="no")
    assert form.filled_in(sent) == {"step": "rest", "ease": "4", "verbatim": "quick", "heard_from": "colleague", "recommended_by": "C12"}
    assert Form.read("<h1>Thank you</h1>") is None
