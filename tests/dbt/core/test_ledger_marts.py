"""Invitations of the ledger in the marts: each once, ended as its events say, tied to its answer, and counted in its cohort.

One company lives through everything, a programme for each story, so that few builds are enough.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from world import World, at

from shopkeeper.analysis.weights.phone import Silence, estimate, keep
from shopkeeper.warehouse.loop_tables import WORK_ORDER_EVENTS

REPORTED = ("+response_rates", "+response_flow", "+phone_follow_ups", "+int_quarantine__sends", "+int_representativeness__answers")
CORE = ("+nps_by_segment", "+nps_current", "+survey_split_tests", "+survey_frame_coverage", *REPORTED)
DRAWN = at("2026-01-04 12:00")
SENT = at("2026-01-05 08:00")
AS_OF = at("2026-04-01")
# customer → what happened to the invitation, hour by hour, and how it ended; None: it is still on its way
STORIES: dict[str, tuple[list[str], str | None]] = {
    "waiting": ([], None),
    "claimed": (["claimed"], None),
    "deferred": (["sending", "deferred"], None),
    "sent": (["claimed", "sending", "sent"], "sent"),
    "opened": (["sent", "delivered", "opened"], "opened"),
    "bounced": (["sent", "bounced"], "bounced"),
    "refused": (["sending", "refused"], "refused"),
    "doubtful": (["sending", "doubtful"], "doubtful"),
    "released": (["sending", "doubtful", "released", "sending", "sent"], "sent"),
    "not_sent": (["not_sent"], "not_sent"),
    "expired": (["sent", "delivered", "expired"], "expired"),
    "started": (["sent", "started", "expired"], "started"),
    "declined": (["sent", "opened", "declined"], "declined"),
    "called": (["offered", "agreed", "called_back", "reached"], "reached"),
    "held back": (["sent", "started", "completed", "opened"], "completed"),
}
CODES = ["SurveyFinished ", "Unsubscribed", "zugestellt?", None]


def answer(native_id: str, invitation_id: str | None, moment: datetime, score: int | None = 9, **values: Any) -> dict[str, Any]:
    usual = {"native_id": native_id, "invitation_id": invitation_id, "responded_at": moment, "updated_at": moment, "scale": "0-10"}
    return {**usual, "score": score, **values}


class Company:
    """Tells its stories to a world; `doubtful` and `slow` are invitations of which more is heard later."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.customers: list[dict[str, Any]] = []
        self.stories()
        self.visits()
        self.split_test()
        self.frames()
        self.change_of_method()
        self.quarantine()
        self.quarantine_between_programmes()
        self.calls()
        world.batch("customers", self.customers)
        coded = [{"invitation_id": f"V{n}", "customer_id": f"V{n}", "programme": "old", "sent_at": SENT} for n in range(len(CODES))]
        world.batch("survey_invitations", [{**row, "disposition": code} for row, code in zip(coded, CODES, strict=True)])

    def ask(self, wave: Any, programme: str, customer: str | None, sent_at: datetime | None = SENT, **columns: Any) -> str:
        if customer:
            self.customers.append({"customer_id": customer, "joined_on": date(2024, 1, 1), "segment": "gold"})
        invitation = self.world.invite(wave, programme, customer, at=DRAWN, **columns)
        if sent_at:
            self.world.happen(invitation, "sent", at=sent_at)
        return invitation

    def stories(self) -> None:
        wave = self.world.wave("stories", "2026-01-05", as_of=DRAWN)
        for customer, (events, _) in STORIES.items():
            invitation = self.ask(wave, "stories", customer, None, stratum="gold", inclusion_probability="0.25", design_weight=4)
            for hours, event in enumerate(events):
                moment = SENT + timedelta(hours=hours)
                self.world.happen(invitation, event, at=moment, reason="quarantine" if event == "not_sent" else None)
            self.world.happen(invitation, "refused", at=SENT + timedelta(days=7), message="reminder")

    def visits(self) -> None:
        """Answers in time, late, before the send, twice from two sources, to nobody's invitation, and from an employee."""
        world = self.world
        world.batch("interactions", [{"interaction_id": "I1", "customer_id": "C1", "occurred_at": at("2026-01-02"), "channel": "phone"}])
        wave = world.wave("visit", "w1", as_of=DRAWN)
        asked = {name: self.ask(wave, "visit", name, interaction_id="I1" if name == "C1" else None) for name in ("C1", "C2", "C3", "C4")}
        world.happen(asked["C2"], "sent", at=SENT + timedelta(days=7), message="reminder")
        world.happen(asked["C2"], "expired", at=SENT + timedelta(days=30))
        world.frame([(wave, "drawn", None)] * 5, about=[None, "I1", None, None, None])
        self.doubtful = self.ask(wave, "visit", "C5", None)
        world.happen(self.doubtful, "doubtful", at=SENT)
        staff = world.wave("employees", "w1", as_of=DRAWN, config={"kind": "employee"})
        employee = self.ask(staff, "employees", None, employee_id="E1")
        self.customers.append({"customer_id": "C6", "joined_on": date(2024, 1, 1)})
        page = [
            answer("in time", asked["C1"], SENT + timedelta(hours=2), 10),
            answer("late", asked["C2"], SENT + timedelta(days=33), 3),
            answer("too early", asked["C3"], SENT - timedelta(days=1), 8),
            answer("page", asked["C4"], SENT + timedelta(hours=1), 2),
            answer("in doubt", self.doubtful, SENT + timedelta(hours=3), 4),
            answer("unknown", "11111111-1111-1111-1111-111111111111", SENT, 7, customer_id="C6", programme="visit"),
            answer("employee", employee, SENT + timedelta(hours=1), 0, programme="visit"),
        ]
        batch = world.batch("survey_responses", page, source="survey_page")
        world.flag(batch, "own_staff", excludes=True, native_id="in doubt")
        world.flag(batch, "speeder", native_id="in doubt")
        world.flag(batch, "own_staff", native_id="in time")  # a customer who is staff now: that is judged as of the answer
        world.batch("survey_responses", [answer("phone", asked["C4"], SENT + timedelta(hours=9), 6)], source="phone")

    def split_test(self) -> None:
        """Newcombe (1998), table II: 56 of 70 against 48 of 80; and the two samples of scores of Rocks (2016)."""
        arms = {"zulu": {"share": 0.5}, "alpha": {"share": 0.5}}
        config = {"split_tests": {"subject_line": {"varies": "subject", "arms": arms}}}
        wave = self.world.wave("tested", "w1", as_of=DRAWN, config=config)
        answers = []
        for arm, sends, completed, bands in (("zulu", 80, 48, (12, 7, 12)), ("alpha", 70, 56, (8, 13, 15))):
            scores = [score for score, n in zip((3, 7, 10), bands, strict=True) for _ in range(n)]
            for number in range(sends):
                invitation = self.ask(wave, "tested", f"{arm}{number}", arms={"subject_line": arm})
                # staff answered too: that makes a rate and no score
                self.customers[-1]["is_staff"] = number >= len(scores)
                if number < completed:
                    answers.append(answer(f"{arm}{number}", invitation, SENT, scores[number] if number < len(scores) else 1))
        self.world.batch("survey_responses", answers)

    def frames(self) -> None:
        world = self.world
        wave = world.wave("framed", "w1", as_of=DRAWN, candidates=4)
        later = world.wave("framed", "w2", as_of=at("2026-06-01"))
        employees = world.wave("employees", "w2", as_of=DRAWN, config={"kind": "employee"})
        reasons = [("drawn", None), ("turned_away", "no_email"), ("turned_away", "no_email"), ("turned_away", "opted_out")]
        world.frame([*((wave, *reason) for reason in reasons), (later, "drawn", None), (employees, "drawn", None)])

    def quarantine(self) -> None:
        """Asked again after 89 days and a half, after exactly 90, and by a wave that had no quarantine to keep."""
        waves = [self.world.wave("calm", f"w{n}", as_of=DRAWN, config={"quarantine_days": 90}) for n in range(2)]
        free = self.world.wave("calm", "free", as_of=DRAWN)
        for customer, wave, days in (("calm 1", waves[1], 89.5), ("calm 2", waves[1], 90), ("calm 3", free, 1)):
            self.ask(waves[0], "calm", customer, at("2025-12-30"))
            again = self.world.invite(wave, "calm", customer, at=DRAWN)
            self.world.happen(again, "sent", at=at("2025-12-30") + timedelta(days=days))

    def quarantine_between_programmes(self) -> None:
        """Asked by another programme, or after having declined: too soon, just in time, and by the closed loop, which may."""
        kept = {"any_programme_days": 30, "after_decline_days": 20}
        loud = self.world.wave("loud", "w1", as_of=DRAWN)
        polite = [
            self.world.wave("polite", f"w{n}", as_of=DRAWN, config={"quarantine_days": 5}, quarantine=kept if n < 2 else None)
            for n in range(3)
        ]
        began = at("2026-01-10")
        # customer → days after the first invitation that another followed, by which wave
        stories = {
            "polite 1": [(29.5, 0)],
            "polite 2": [(30, 0)],
            "polite 3": [(3, 0)],
            "polite 4": [(10, 0), (20, 1)],
            "polite 5": [(1, 2)],
        }
        for customer, asked in stories.items():
            self.ask(loud, "loud", customer, began)
            for days, number in asked:
                again = self.world.invite(polite[number], "polite", customer, at=DRAWN)
                self.world.happen(again, "sent", at=began + timedelta(days=days))
                if customer == "polite 3":
                    happened = {"event": "recovery_asked", "invitation_id": again, "occurred_at": began, "recorded_at": began}
                    with self.world.engine.begin() as connection:
                        connection.execute(sa.insert(WORK_ORDER_EVENTS).values(order_id=again, actor="shopkeeper", **happened))
        for customer, days in (("polite 6", 39.5), ("polite 7", 40)):
            first = self.ask(loud, "loud", customer, began - timedelta(days=20))
            self.world.happen(first, "declined", at=began + timedelta(days=20))
            again = self.world.invite(polite[0], "polite", customer, at=DRAWN)
            self.world.happen(again, "sent", at=began + timedelta(days=days))

    def calls(self) -> None:
        """A wave whose silent were called, and think otherwise; estimated twice, and once more than is known yet."""
        wave = self.world.wave("phoned", "w1", as_of=DRAWN)
        answers = []
        for number in range(30):
            invitation = self.ask(wave, "phoned", f"phoned {number}")
            if number < 20:
                answers.append(answer(f"phoned {number}", invitation, SENT, 10 if number < 15 else 8))
        self.world.batch("survey_responses", answers)
        for promoters, recorded_at in ((3, at("2026-02-01")), (1, at("2026-02-02")), (5, at("2026-07-01"))):
            silence = Silence(
                "phoned/w1", np.array([1.0]), np.array([[0, 5, 15]]), dict.fromkeys("abcdefghij", 0), frozenset(), frozenset(), 1
            )
            said = estimate(silence, {name: 9 if place < promoters else 0 for place, name in enumerate("abcdefghi")} | {"j": None})
            with self.world.engine.begin() as connection:
                keep(connection, silence, said, actor="a clerk", now=recorded_at)

    def change_of_method(self) -> None:
        """From March on the question is asked on the telephone: scores rise, and nobody has become happier."""
        old = self.world.wave("method", "w1", as_of=at("2026-01-01"), method="email")
        new = self.world.wave("method", "w2", as_of=at("2026-03-01"), method="phone")
        answers = []
        for month, wave, scores in (("01", old, (9, 2, 9)), ("02", old, (9, 9, 1)), ("03", new, (9, 9, 9, 10))):
            for number, score in enumerate(scores):
                moment = at(f"2026-{month}-0{number + 2}")
                invitation = self.ask(wave, "method", f"{month}{number}", moment)
                # one answers late, when others are already called
                responded = at("2026-03-05") if (month, number) == ("02", 2) else moment
                answers.append(answer(f"{month}{number}", invitation, responded, score))
        self.world.batch("survey_responses", answers)
        self.slow = [self.ask(old, "method", f"slow{number}", at("2026-02-20")) for number in range(9)]


@pytest.fixture(scope="module")
def company(world: World) -> Company:
    world.settings.update(hidden_below=1, indicative_below=1)
    company = Company(world)
    assert world.build(AS_OF, known_at=at("2026-06-01"), select=(*CORE, "assert_invitations_reconcile_with_the_ledger"), full_refresh=True)
    return company


def invitations(world: World, programme: str) -> dict[str, dict[str, Any]]:
    rows = world.rows(f"select * from marts_next.fct_survey_invitations where programme = '{programme}'")
    return {row["customer_id"]: row for row in rows}


def test_every_invitation_ends_as_its_events_say(world: World, company: Company) -> None:
    # An invitation that the mart loses makes the response rate look better than it is.
    found = invitations(world, "stories")
    assert {customer: row["disposition"] for customer, row in found.items()} == {
        customer: disposition for customer, (_, disposition) in STORIES.items() if disposition
    }
    assert {row["invited_at"] for name, row in found.items() if name in ("refused", "doubtful", "not_sent")} == {None}
    assert found["not_sent"]["reason"] == "quarantine"
    assert (found["sent"]["wave"], found["sent"]["stratum"], found["sent"]["survey_method"]) == ("2026-01-05", "gold", "m1")
    assert (float(found["sent"]["inclusion_probability"]), float(found["sent"]["design_weight"])) == (0.25, 4)
    classes = {name: found[name]["aapor_class"] for name in ("held back", "started", "sent", "bounced", "not_sent")}
    assert classes == {"held back": "I", "started": "R", "sent": "NC", "bounced": "UO", "not_sent": "NE"}
    cohorts = "select sum(cohort_invitations) as n from marts_next._cohort_counts where programme = 'stories' and dimension = 'all'"
    assert world.rows(f"{cohorts} and period_grain = 'year'")[0]["n"] == sum(row["invited_at"] is not None for row in found.values()) == 9


def test_codes_of_a_history_are_mapped_and_strange_ones_are_kept(world: World, company: Company) -> None:
    found = invitations(world, "old")
    assert [(found[f"V{n}"]["disposition"], found[f"V{n}"]["aapor_class"]) for n in range(4)] == [
        ("completed", "I"), ("opted_out", "R"), ("unknown", "UO"), ("sent", "NC"),
    ]  # fmt: skip
    assert found["V2"]["disposition_code"] == "zugestellt?"


def test_answers_of_the_ledgers_invitations(world: World, company: Company) -> None:
    found = {row["score"]: row for row in world.rows("select * from marts_next.fct_survey_responses where programme = 'visit'")}
    assert found.keys() == {10, 3, 8, 2, 4, 7, 6}, "what an employee says about working here is no customer's score"
    assert (found[10]["customer_id"], found[10]["interaction_id"], found[10]["channel"]) == ("C1", "I1", "phone")
    assert {score: row["quality_flags"] for score, row in found.items() if row["quality_flags"]} == {
        3: "late", 8: "answered_before_invitation", 4: "own_staff,speeder", 10: "own_staff",
    }  # fmt: skip
    assert {score: row["excluded_reason"] for score, row in found.items() if row["excluded_reason"]} == {2: "duplicate", 4: "staff"}
    assert {score: row["survey_method"] for score, row in found.items()} == {10: "m1", 3: "m1", 8: "m1", 2: "m1", 6: "m1", 4: "m1", 7: None}
    ended = invitations(world, "visit")
    assert {name: (row["disposition"], row["is_completed_in_time"]) for name, row in ended.items()} == {
        "C1": ("completed", True), "C2": ("completed", False), "C3": ("completed", True), "C4": ("completed", True),
        "C5": ("completed", False),
    }  # fmt: skip
    (year,) = world.rows(
        "select * from marts_next.nps_by_segment where programme = 'visit' and dimension = 'all' and period_grain = 'year'"
    )
    assert (year["cohort_invitations"], year["cohort_responses"]) == (4, 3)


def test_split_tests_say_how_far_arms_differ(world: World, company: Company) -> None:
    # The first arm in the file is what the others are compared with, not the first in the alphabet.
    first, second = world.rows("select * from marts_next.survey_split_tests order by compared_with nulls first")
    assert (first["arm"], first["compared_with"], second["arm"], second["compared_with"]) == ("zulu", None, "alpha", "zulu")
    assert (second["invitations"], second["responses"], second["answers"], second["varies"]) == (70, 56, 36, "subject")
    rate = [float(second[f"response_rate_difference{end}"]) for end in ("", "_low", "_high")]
    assert rate == pytest.approx([0.2, 0.0524, 0.3339], abs=1e-4)
    score = [float(second[f"nps_difference{end}"]) for end in ("", "_low", "_high")]
    half = 17.9487 / 0.928844 * 1.959964  # the published adjusted difference over its published z, times 1.96
    assert score == pytest.approx([100 * (15 - 8) / 36, 17.9487 - half, 17.9487 + half], abs=1e-2)
    assert first["nps_difference"] is None
    assert second["is_mature"]


def test_the_frame_of_a_wave_says_whom_it_could_not_ask(world: World, company: Company) -> None:
    rows = world.rows("select * from marts_next.survey_frame_coverage where programme = 'framed'")
    assert {(row["wave"], row["outcome"], row["reason"]): (row["candidates"], float(row["share_of_wave"])) for row in rows} == {
        ("w1", "drawn", "drawn"): (1, 0.25),
        ("w1", "turned_away", "no_email"): (2, 0.5),
        ("w1", "turned_away", "opted_out"): (1, 0.25),
    }


RATES = "select * from marts_next.response_rates where programme = '{}' and dimension = '{}' and period_grain = 'month'"


def test_a_cohort_is_told_by_what_became_of_its_invitations(world: World, company: Company) -> None:
    # Leaving bounces out of the denominator, or late answers in the numerator, makes a rate that nobody can compare.
    (row,) = world.rows(RATES.format("stories", "all"))
    counts = ("invitations_sent", "completed", "partial", "refused", "not_started", "other", "unknown", "not_eligible", "not_sent")
    # said to be completed, and no answer has come; refused by the mail server and doubtful count, on the day of the draw
    assert [row[name] for name in counts] == [9, 0, 1, 3, 4, 0, 3, 0, 1]
    assert [float(row[name]) for name in ("rr1", "rr2", "rr3", "rr6")] == pytest.approx([0, 1 / 11, 0, 1 / 8], abs=1e-4)
    assert row["is_mature"]
    (visit,) = world.rows(RATES.format("visit", "all"))
    assert [visit[name] for name in ("invitations_sent", "completed", "not_started", "unknown")] == [4, 3, 1, 1]


def test_coverage_counts_the_eligible_base_and_not_the_invited(world: World, company: Company) -> None:
    # A score of the few with an address, said to be everybody's, is what an auditor looks for first.
    (everybody,) = world.rows(RATES.format("framed", "all"))
    assert (everybody["eligible"], everybody["covered"], float(everybody["coverage"])) == (4, 1, 0.25)
    (gold,) = world.rows(RATES.format("framed", "segment"))
    assert (gold["dimension_value"], gold["eligible"], gold["covered"]) == ("gold", 3, 0)
    (tenure,) = world.rows(RATES.format("framed", "tenure_band"))
    assert (tenure["dimension_value"], tenure["eligible"]) == ("1 to 3 years", 3)


def test_an_answer_after_the_reminder_is_a_late_one(world: World, company: Company) -> None:
    # Who had to be asked twice is the nearest that we have to those who never answered.
    assert {name: row["reminded_at"] for name, row in invitations(world, "visit").items() if row["reminded_at"]} == {
        "C2": SENT + timedelta(days=7)
    }
    found = world.rows("select * from intermediate.int_representativeness__answers where programme = 'visit'")
    assert {row["is_late"]: (row["detractors"], row["passives"], row["promoters"]) for row in found} == {False: (1, 1, 1), True: (1, 0, 0)}


def test_who_was_asked_again_too_soon_is_counted(world: World, company: Company) -> None:
    # What the survey trigger promises is proven by what was sent, not by its own word.
    found = world.rows("select * from intermediate.int_quarantine__sends where programme = 'calm' order by invited_on")
    assert [(row["invited_on"].isoformat(), row["sends"], row["breaches"]) for row in found] == [
        ("2025-12-30", 3, 0), ("2026-03-29", 1, 1), ("2026-03-30", 1, 0),
    ]  # fmt: skip


def test_who_was_asked_too_soon_after_another_programme_or_after_declining_is_counted(world: World, company: Company) -> None:
    # The quarantine of one programme can be kept while customers hear from us every week: each programme sees its own invitations alone.
    found = world.rows("select * from intermediate.int_quarantine__sends where programme = 'polite'")
    assert (len(found), sum(row["sends"] for row in found)) == (8, 8), "each on a day of its own"
    rules = ("same_programme", "other_programme", "after_decline")
    broken = {row["invited_on"].isoformat(): [rule for rule in rules if row[f"breaches_{rule}"]] for row in found if row["breaches"]}
    # polite 4 twice, the second after its own programme's, and not polite 3, whom the closed loop asked; polite 1; polite 6
    assert broken == {
        "2026-01-20": ["other_programme"],
        "2026-01-30": ["other_programme"],
        "2026-02-08": ["other_programme"],
        "2026-02-18": ["after_decline"],
    }


def test_what_calls_to_the_silent_told_is_shown(world: World, company: Company) -> None:
    # Fifteen of twenty would recommend us, and of those who kept silent one in nine: a score that nobody set right.
    (found,) = world.rows("select * from marts_next.phone_follow_ups")
    assert (found["programme"], found["wave"], found["invited"], found["tried"], found["reached"]) == ("phoned", "w1", 30, 10, 9)
    assert (float(found["nps_answered"]), float(found["nps_silent"])) == (75, pytest.approx(-700 / 9, abs=1e-4))
    assert float(found["nps"]) == pytest.approx((20 * 75 - 10 * 700 / 9) / 30, abs=1e-4)
    assert found["nps_low"] < found["nps"] < found["nps_high"]
    assert float(found["gap_p"]) < 0.001
    assert found["recorded_at"] == at("2026-02-02"), "the newest that was known"


def test_the_flow_loses_nobody_on_the_way(world: World, company: Company) -> None:
    flows = world.rows("select * from marts_next.response_flow where period_grain = 'month' and period_starts_on = '2026-01-01'")
    found = {(row["programme"], row["from_step"], row["to_step"]): row["invitations"] for row in flows}
    assert {key[1:]: n for key, n in found.items() if key[0] == "framed"} == {
        ("candidates", "eligible"): 4, ("eligible", "drawn"): 1, ("eligible", "no_email"): 2, ("eligible", "opted_out"): 1,
        ("drawn", "not over yet"): 1,
    }  # fmt: skip
    stories = {key[1:]: n for key, n in found.items() if key[0] == "stories"}
    assert stories[("invited without a frame", "asked")] == sum(n for (step, _), n in stories.items() if step == "asked") == 11
    assert stories[("invited without a frame", "not sent")] == 1
    assert found[("old", "invited by others", "asked")] == 4


MONTHS = (
    "select * from marts_next.nps_by_segment where programme = 'method' and dimension = 'all' and period_grain = 'month'"
    " order by period_starts_on"
)


def test_another_method_breaks_the_trend(world: World, company: Company) -> None:
    assert [(row["survey_method"], row["is_method_break"], row["change"] is None) for row in world.rows(MONTHS)] == [
        ("email", False, True), ("email", False, False), ("phone", True, True),
    ]  # fmt: skip


@pytest.mark.slow
def test_what_is_recorded_late_finds_its_answers_and_the_periods_that_it_changes(world: World, company: Company) -> None:
    """A person says of a doubtful e-mail that it was sent, weeks later; and most of March turns out to have been asked by e-mail."""
    query = "select invited_on from marts_next.fct_survey_responses where invitation_id = '{}'"
    assert world.rows(query.format(company.doubtful)) == [{"invited_on": None}]
    world.happen(company.doubtful, "sent", at=SENT, recorded_at=at("2026-06-02"), reason="said by a person")
    late = [answer(f"slow{number}", each, at("2026-03-20"), 5) for number, each in enumerate(company.slow)]
    world.batch("survey_responses", late, loaded_at=at("2026-06-02"))
    assert not world.build(AS_OF, known_at=at("2026-06-03"), select=CORE, run_tests=False)
    assert invitations(world, "visit")["C5"]["invited_on"] == SENT.date()
    assert world.rows(query.format(company.doubtful)) == [{"invited_on": SENT.date()}]
    assert [(row["survey_method"], row["is_method_break"]) for row in world.rows(MONTHS)][-1] == ("email", False)
    kept = world.checksums()
    assert world.build(AS_OF, known_at=at("2026-06-03"), select=CORE, full_refresh=True, run_tests=False)
    assert world.checksums() == kept
