"""The table of dispositions: complete, of one mind, and the same in dbt and in the docs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from shopkeeper.demo.surveys import DISPOSITIONS as SIMULATED
from shopkeeper.survey.dispositions import AAPOR, BY_NAME, CODES, DISPOSITIONS, LEDGER, MEANING, disposition_of
from shopkeeper.warehouse.survey_tables import ANSWER_EVENTS, SENDING_EVENTS

ROOT = Path(__file__).resolve().parents[2]


def test_every_event_of_the_ledger_has_a_disposition() -> None:
    # An event that this table forgets would leave its invitations out of every rate.
    assert {code.code for code in LEDGER} == {*SENDING_EVENTS, *ANSWER_EVENTS}
    assert {code.disposition for code in LEDGER} == {*ANSWER_EVENTS, "sent", "refused", "doubtful", "not_sent", "pending"}


def test_every_code_of_the_sample_companys_history_is_known() -> None:
    assert {code: disposition_of(code) for code in SIMULATED} == {code: code for code in SIMULATED}


def test_a_code_means_one_thing_and_leads_to_a_class() -> None:
    # A history gives the code alone: two meanings would make one of them wrong without a sign.
    for code in CODES:
        assert MEANING[code.code] == code.disposition, code
        assert code.code == code.code.lower().strip(), code
        assert code.disposition in BY_NAME, code
    assert {each.aapor for each in DISPOSITIONS} == {*AAPOR, ""}
    # AAPOR 2.3: a customer who died after being asked is neither a refusal nor unreached, and stays in the denominator.
    assert {BY_NAME[disposition_of(code)].aapor for code in ("deceased", "ill", "Language_Barrier")} == {"O"}
    assert [each.name for each in DISPOSITIONS if not each.aapor] == ["pending"]


def test_capitals_and_blanks_make_no_difference_and_the_rest_is_unknown() -> None:
    assert (disposition_of(" SurveyFinished "), disposition_of("Opt-Out, see CRM")) == ("completed", "unknown")


def test_dbt_and_the_docs_have_the_same_table() -> None:
    done = subprocess.run([sys.executable, "docs/make_dispositions.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
