"""The leaders' pages: a rule that anybody could change would stop calling the customers of whoever dislikes being called about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
import sqlalchemy as sa
import yaml
from tests.closed_loop.loop_world import NOW
from tests.web.desk_world import Running, hidden, leaders_desk, login_of
from tests.web.survey_site import KEYS

from shopkeeper.closed_loop.change_files import apply
from shopkeeper.company.edits import Edit, edited
from shopkeeper.company.load import load
from shopkeeper.survey.links import Keys
from shopkeeper.warehouse.engine import connect_raw
from shopkeeper.web.desk.access import Access
from shopkeeper.web.desk.layout import Desk
from shopkeeper.web.guard import LIMITS, Counter


@pytest.fixture(scope="module")
def running(database: sa.Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with leaders_desk(database, tmp_path_factory.mktemp("leaders") / "company") as found:
        yield found


def rules(running: Running) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = yaml.safe_load((running.folder.folder / "closed_loop.yml").read_text())["rules"]
    return found


def seen(page: str) -> dict[str, str]:
    return {**hidden(page), **dict(re.findall(r'<input type="hidden" name="(seen|kind)" value="([^"]*)"', page))}


def filled(page: str) -> dict[str, object]:
    """A form as the browser would send it untouched."""
    form = next(one for one in re.findall(r'<form class="card" method="post">.*?</form>', page, re.DOTALL) if 'name="note"' in one)
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input id="[^"]*" name="([^"]*)" value="([^"]*)"', form):
        fields.setdefault(name, []).append(value)
    for name, value in re.findall(r'<input type="checkbox" name="([^"]*)" value="([^"]*)" checked', form):
        fields.setdefault(name, []).append(value)
    for name, options in re.findall(r'<select id="[^"]*" name="([^"]*)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.findall(r'<option value="([^"]*)" selected', options) or re.findall(r'<option value="([^"]*)"', options)[:1]
        fields.setdefault(name, []).extend(chosen)
    return {**fields, **seen(form)}


def propose(client: httpx.Client, path: str, **changed: object) -> httpx.Response:
    page = client.get(path)
    assert page.status_code == 200, page.text
    return client.post(path, data={**filled(page.text), "do": "save", "note": "too many calls", **changed})


def change_of(answer: httpx.Response) -> UUID:
    assert answer.status_code == 303, answer.text
    return UUID(re.findall(r"changes/([0-9a-f-]{36})", answer.headers["location"])[0])


def decide(client: httpx.Client, change: UUID, do: str, **more: str) -> httpx.Response:
    path = f"/desk/leaders/changes/{change}"
    return client.post(path, data={**hidden(client.get(path).text), "do": do, **more})


def test_a_rule_is_changed_by_two_and_holds_from_the_next_run(running: Running) -> None:
    """Proposed on one leader's page, approved on another's, written by the command: and the loader reads what was meant."""
    boss, branch = running.client("BOSS"), running.client("BRANCH")
    made = change_of(propose(boss, "/desk/leaders/rules/rules/moved", by="4", programmes=["transactional"]))
    assert rules(running)["moved"] == {"kind": "score_moved", "by": 2}
    own = boss.get(f"/desk/leaders/changes/{made}").text
    assert "Approve" not in own
    assert "Take it back" in own
    assert decide(boss, made, "approve").status_code == 409
    assert "rules › moved › by" in branch.get("/desk/leaders").text
    shown = branch.get(f"/desk/leaders/changes/{made}").text
    assert '<span class="added">+    by: 4</span>' in shown
    assert "too many calls" in shown
    assert decide(branch, made, "approve", note="agreed").status_code == 303
    assert apply(running.engine, running.folder.folder, made, actor="ops", now=NOW, environ={}) == "applied"
    assert load(running.folder.folder, environ={}).closed_loop.rules["moved"].model_dump(include={"by", "programmes"}) == {
        "by": 4,
        "programmes": ("transactional",),
    }
    told = boss.get(f"/desk/leaders/changes/{made}").text
    assert "agreed" in told
    assert "written" in told
    assert 'value="4"' in boss.get("/desk/leaders/rules/rules/moved").text, "the page shows the folder as it is now"


def test_a_mistake_stands_beside_its_field_and_nothing_is_lost(running: Running) -> None:
    """What the company loader refuses is said where it was typed, and what was typed is still there."""
    boss = running.client("BOSS")
    answer = propose(boss, "/desk/leaders/rules/rules/moved", by="0", too_old_days="soon")
    assert answer.status_code == 409
    for name, value, what in (("by", "0", "greater than or equal to 1"), ("too_old_days", "soon", "must be a valid integer")):
        beside = re.findall(rf'id="about-{name}">(.*?)</p>\s*<input id="f-{name}" name="{name}" value="{value}"', answer.text, re.DOTALL)
        assert [what in one.lower() for one in beside] == [True], (name, answer.text)
    answer = propose(boss, "/desk/leaders/rules/rules/new?kind=promoter", name="Thanks!", kind="promoter")
    assert "a name of small letters" in answer.text
    assert "write then: tell" in propose(boss, "/desk/leaders/rules/rules/new?kind=promoter", name="thanks", kind="promoter").text
    made = change_of(
        propose(boss, "/desk/leaders/rules/rules/new?kind=promoter", name="thanks", kind="promoter", then="tell", before="low_score")
    )
    assert "+  thanks:" in boss.get(f"/desk/leaders/changes/{made}").text
    assert decide(boss, made, "withdraw").status_code == 303
    assert "nothing is changed" in propose(boss, "/desk/leaders/rules/cycle").text
    path = "/desk/leaders/rules/rules/complaint"
    removed = change_of(boss.post(path, data={**seen(boss.get(path).text), "do": "remove"}))
    assert decide(running.client("BRANCH"), removed, "refuse").status_code == 409, "a refusal without a word"
    assert decide(running.client("BRANCH"), removed, "refuse", note="we need it").status_code == 303


def test_who_is_no_leader_sees_none_of_it(running: Running) -> None:
    """By any address, by any form, and by SQL as the desk: what is proposed about rules is not for those whom the rules are about."""
    made = change_of(propose(running.client("BOSS"), "/desk/leaders/rules/cycle", attempts="4"))
    for who in ("LEAD1", "ANN"):
        client = running.client(who)
        assert "desk/leaders" not in client.get("/desk").text
        proof = hidden(client.get("/desk/absences").text)
        for place in ("", "/rules", "/rules/cycle", "/rules/rules/moved", "/changes", f"/changes/{made}", "/goals", "/initiatives"):
            assert client.get(f"/desk/leaders{place}").status_code == 404, (who, place)
            posted = client.post(f"/desk/leaders{place}", data={**proof, "command_id": str(uuid4()), "do": "approve", "by": "9"})
            assert posted.status_code in (404, 405), (who, place)
    say = "insert into ops.change_events (change_id, command_id, event, actor, happened_at) values (%s, gen_random_uuid(), %s, %s, now())"
    give = "update ops.directory set decides = true"
    with connect_raw(login_of(running.engine, "desk")) as connection:

        def attempt(who: str, statement: str, given: tuple[object, ...]) -> None:
            with connection.transaction():
                connection.execute("select set_config('shopkeeper.employee', %s, true)", [who])
                connection.execute(statement, given)

        def refused(who: str, statement: str, *given: object) -> None:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                attempt(who, statement, given)

        def count(who: str, table: str) -> object:
            with connection.transaction():
                connection.execute("select set_config('shopkeeper.employee', %s, true)", [who])
                return connection.execute(f"select count(*) > 0 from {table}").fetchone()

        for table in ("ops.changes", "ops.change_events", "pii.change_texts"):
            assert [count(who, table) for who in ("BOSS", "LEAD1", "ANN", "")] == [(True,), (False,), (False,), (False,)], table
        for who, event, actor in (
            ("LEAD1", "approved", "LEAD1"),  # no leader
            ("LEAD1", "approved", "BRANCH"),  # in a leader's name
            ("BOSS", "approved", "BOSS"),  # his own
            ("BOSS", "approved", "BRANCH"),  # his own, in another's name
            ("BRANCH", "withdrawn", "BRANCH"),  # another's
            ("BRANCH", "applied", "BRANCH"),  # what only the command says
        ):
            refused(who, say, made, event, actor)
        for who in ("LEAD1", "BOSS", "BRANCH"):
            refused(who, give)
            refused(who, "update ops.changes set edits = '[]'")
            refused(who, "delete from ops.change_events")
    assert decide(running.client("BOSS"), made, "withdraw").status_code == 303


def test_a_form_that_was_open_too_long_changes_nothing(running: Running) -> None:
    """Between looking and sending somebody else wrote the file: the leader has to look again, and not overwrite what he never saw."""
    boss, path = running.client("BOSS"), "/desk/leaders/rules/rules/moved"
    form = filled(boss.get(path).text)
    file: Path = running.folder.folder / "closed_loop.yml"
    file.write_text(file.read_text() + "# looked at\n")
    answer = boss.post(path, data={**form, "do": "save", "by": "5"})
    assert answer.status_code == 409
    assert "changed since you looked at it" in answer.text
    assert boss.post(path, data={**filled(answer.text), "do": "save"}).status_code == 409, "sending it once more does not help"


def test_the_desk_goes_by_what_the_file_says_now(running: Running) -> None:
    """An offer above the old limit would still ask for approval all week, until somebody thinks of starting the web app again."""
    settings = (running.folder, Keys.read(KEYS), Access("postgresql://nobody"), Counter("x"))
    desk, file = Desk(*settings, clock=lambda: NOW, limits=LIMITS), running.folder.folder / "closed_loop.yml"
    before = file.read_text()
    file.write_text(edited(file.name, before, [Edit(("cycle", "approval_above"), 80)]))
    assert desk.folder_now().closed_loop.cycle.approval_above == 80
    file.write_text("rules: [")
    assert desk.folder_now().closed_loop.cycle.approval_above == 80, "a mistake in the file must not close the desk"
    file.write_text(before)
    assert desk.folder_now().closed_loop.cycle.approval_above is None


def test_a_goal_is_proposed_where_it_belongs(running: Running) -> None:
    """A child outside of its parent is refused beside the column that is wrong; what fits becomes a row of goals.csv."""
    boss, branch, folder = running.client("BOSS"), running.client("BRANCH"), running.folder.folder
    goal = {"programme": "transactional", "metric": "nps", "owner": "Claims", "dimension": "all", "dimension_value": "all"}
    year = {**goal, "goal_id": "all-2026", "period_grain": "year", "period_starts_on": "2026-01-01", "target": "40"}
    made = change_of(propose(boss, "/desk/leaders/goals/new", **year))
    assert decide(branch, made, "approve").status_code == 303
    assert apply(running.engine, folder, made, actor="ops", now=NOW, environ={}) == "applied"
    part = {**year, "goal_id": "q1", "parent_goal_id": "all-2026", "period_grain": "quarter", "period_starts_on": "2027-01-01"}
    answer = propose(boss, "/desk/leaders/goals/new", **{**part, "target": "a lot"})
    assert answer.status_code == 409
    for column, what in (("target", "A lot is no number"), ("goal_id", "Short and lasting")):
        beside = re.findall(rf'id="about-{column}">(.*?)</p>', answer.text, re.DOTALL)
        assert [what in one for one in beside] == [True], (column, answer.text)
    answer = propose(boss, "/desk/leaders/goals/new", **part)
    assert "The period is not inside the parent&#39;s" in answer.text
    made = change_of(propose(boss, "/desk/leaders/goals/new", **{**part, "period_starts_on": "2026-01-01", "target": "38,5"}))
    assert decide(branch, made, "approve").status_code == 303
    assert apply(running.engine, folder, made, actor="ops", now=NOW, environ={}) == "applied"
    shown = boss.get("/desk/leaders/goals").text
    assert shown.index("all-2026") < shown.index('class="deep-1"') < shown.index("q1")
    assert [str(one.target) for one in load(folder, environ={}).goals] == ["40", "38.5"]
    path = "/desk/leaders/goals/all-2026"
    answer = boss.post(path, data={**seen(boss.get(path).text), "do": "remove"})
    assert "there is no goal all-2026" in answer.text, "its part would hang in the air"


def test_an_initiative_goes_its_way_through_several_hands(running: Running) -> None:
    """Who proposes does not fund, what it is judged by stands before it starts, and nobody else moves it."""
    boss, branch = running.client("BOSS"), running.client("BRANCH")
    path = "/desk/leaders/initiatives/plain-letters"

    def do(client: httpx.Client, verb: str, **more: str) -> httpx.Response:
        return client.post(path, data={**hidden(client.get(path).text), "do": verb, "step": verb, **more})

    plan = {"title": "Letters in plain words", "owner": "Claims", "due_on": "2026-06-30", "cost": "12.000", "confidence": "0,5"}
    new = "/desk/leaders/initiatives/new"
    page = boss.get(new).text
    answer = boss.post(new, data={**hidden(page), **plan, "initiative_id": "plain-letters", "confidence": "2", "do": "plan"})
    assert answer.status_code == 409
    assert re.search(r'id="about-confidence"><strong class="error">2 is no confidence', answer.text)
    assert 'value="Letters in plain words"' in answer.text
    answer = boss.post(new, data={**hidden(page), **plan, "initiative_id": "plain-letters", "do": "plan"})
    assert answer.status_code == 303, answer.text
    assert "12,000" in branch.get("/desk/leaders/initiatives").text
    assert "was proposed by you" in do(boss, "fund").text
    assert do(branch, "fund").status_code == 303
    assert "has no measure" in do(branch, "start", on="2026-03-02").text
    measure = {"measure": "nps", "measure_programme": "transactional", "units": "T1", "measure_dimension": "all"}
    assert do(boss, "measure", **measure).status_code == 303
    assert do(boss, "start", on="2026-03-02").status_code == 303
    assert "its measure is frozen" in do(boss, "measure", **{**measure, "units": "T2"}).text
    assert do(boss, "done", on="2026-03-03").status_code == 303
    assert "was done by you" in do(boss, "verify", reason="I say so").text
    assert "no measured effect" in do(branch, "verify").text
    assert do(branch, "verify", reason="letters were counted").status_code == 303
    assert do(branch, "tell", you_said="Nobody understands your letters", we_did="We wrote them anew").status_code == 303
    told = boss.get(path).text
    assert all(words in told for words in ("letters were counted", "We wrote them anew", "verified", "T1"))
    with connect_raw(login_of(running.engine, "desk")) as connection:
        connection.execute("select set_config('shopkeeper.employee', 'LEAD1', false)")
        assert connection.execute("select count(*) from ops.initiative_events").fetchone() == (0,)
        forged = (
            "insert into ops.initiative_events (initiative_id, event, command_id, actor, occurred_at)"
            " values ('plain-letters', 'dropped', gen_random_uuid(), 'LEAD1', now())"
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(forged)
    assert running.client("LEAD1").get(path).status_code == 404
