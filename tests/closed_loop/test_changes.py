"""Rules and goals are changed by two leaders and written by one command: what was approved is what stands in the file, or nothing is."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
import yaml
from tests.closed_loop.loop_world import NOW, a_company

from shopkeeper.closed_loop import change_files, changes
from shopkeeper.closed_loop.change_drafts import RULES_FILE, content_of, draft, hash_of
from shopkeeper.closed_loop.change_files import apply
from shopkeeper.closed_loop.changes import Change
from shopkeeper.company.edits import Edit
from shopkeeper.company.goals import COLUMNS, GOALS_FILE
from shopkeeper.company.load import load
from shopkeeper.errors import ShopkeeperError
from shopkeeper.warehouse.embedded import Server
from shopkeeper.warehouse.engine import engine as make_engine

BY_3 = [Edit(("rules", "moved", "by"), 3)]


@pytest.fixture(scope="module")
def engine(server: Server) -> Iterator[sa.Engine]:
    server.create_database("changes", template="migrated")
    made = make_engine(server.url("changes"))
    yield made
    made.dispose()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "company"
    a_company(made, chats={"ops": {"url": "json://secret-host/token"}})
    return made


def proposed(engine: sa.Engine, folder: Path, edits: list[Edit] = BY_3, file: str = RULES_FILE) -> Change:
    with engine.begin() as connection:
        seen = hash_of(content_of(folder, file))
        made = changes.propose(connection, folder, file, edits, seen=seen, note="why", command_id=uuid4(), actor="BOSS", now=NOW)
        return changes.find(connection, made)


def decided(engine: sa.Engine, folder: Path, change: Change, *, is_approved: bool = True, actor: str = "BRANCH") -> None:
    with engine.begin() as connection:
        changes.decide(connection, folder, change.change_id, is_approved=is_approved, note="seen", command_id=uuid4(), actor=actor, now=NOW)


def state(engine: sa.Engine, change: Change) -> str:
    with engine.connect() as connection:
        return changes.find(connection, change.change_id).state


def test_what_was_approved_is_what_is_written(engine: sa.Engine, folder: Path) -> None:
    """Two people, one diff, one file; and everybody can see later who wanted it, who agreed, and who wrote it."""
    before = (folder / RULES_FILE).read_text()
    change = proposed(engine, folder)
    assert [line for line in change.diff.splitlines() if line[0] in "+-"][2:] == ["-    by: 2", "+    by: 3"]
    with pytest.raises(ShopkeeperError, match="not approved yet"):
        apply(engine, folder, change.change_id, actor="ops", now=NOW, environ={})
    with pytest.raises(ShopkeeperError, match="is your own"):
        decided(engine, folder, change, actor="BOSS")
    decided(engine, folder, change)
    with pytest.raises(ShopkeeperError, match="is approved already"):
        decided(engine, folder, change, is_approved=False)
    assert (folder / RULES_FILE).read_text() == before, "nothing is written before it is applied"
    assert apply(engine, folder, change.change_id, actor="ops", now=NOW, environ={}) == "applied"
    assert (folder / RULES_FILE).read_text() == before.replace("by: 2", "by: 3")
    assert load(folder, environ={}).closed_loop.rules["moved"].by == 3
    assert apply(engine, folder, change.change_id, actor="ops", now=NOW, environ={}) == "applied"
    with engine.connect() as connection:
        told = changes.find(connection, change.change_id)
    assert [(one.event, one.actor, one.note) for one in told.history] == [
        ("proposed", "BOSS", "why"),
        ("approved", "BRANCH", "seen"),
        ("applied", "ops", None),
    ]


def test_a_file_that_was_changed_meanwhile_is_not_overwritten(engine: sa.Engine, folder: Path) -> None:
    """An engineer's change of the same hour must not vanish under one that was approved without knowing of it."""
    first, second = proposed(engine, folder), proposed(engine, folder, [Edit(("cycle", "attempts"), 4)])
    decided(engine, folder, first)
    decided(engine, folder, second)
    assert apply(engine, folder, first.change_id, actor="ops", now=NOW, environ={}) == "applied"
    content = (folder / RULES_FILE).read_bytes()
    assert apply(engine, folder, second.change_id, actor="ops", now=NOW, environ={}) == "conflicted"
    assert (folder / RULES_FILE).read_bytes() == content
    third = proposed(engine, folder, [Edit(("cycle", "attempts"), 4)])
    (folder / RULES_FILE).write_bytes(content + b"# looked at\n")
    with pytest.raises(ShopkeeperError, match="changed meanwhile"):
        decided(engine, folder, third)
    with pytest.raises(ShopkeeperError, match="since you looked at it"):
        draft(folder, RULES_FILE, BY_3, seen=third.before_hash)


def test_killed_between_file_and_event_nothing_is_written_twice(engine: sa.Engine, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine dies after the file was replaced: the next run finds it as it was to become."""
    change = proposed(engine, folder)
    decided(engine, folder, change)
    replace = change_files._replace

    def dies(path: Path, content: bytes) -> None:
        replace(path, content)
        raise KeyboardInterrupt

    monkeypatch.setattr(change_files, "_replace", dies)
    with pytest.raises(KeyboardInterrupt):
        apply(engine, folder, change.change_id, actor="ops", now=NOW, environ={})
    assert state(engine, change) == "approved"
    assert apply(engine, folder, change.change_id, actor="ops", now=NOW, environ={}) == "applied"
    assert sorted(path.name for path in folder.iterdir()) == ["closed_loop.yml", "company.yml", "programmes.yml", "sources.yml"]


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (Edit(("rules", "moved", "by"), 0), "rules › moved › by"),
        (Edit(("rules", "moved", "owners"), ["nobody"]), "rules › moved › owners"),
        (Edit(("rules", "moved", "programmes"), ["transactonal"]), "did you mean transactional"),
        (Edit(("rules", "thank_promoter", "then"), "call_back"), "nobody is called because of promoter"),
        (Edit(("calendar", "starts"), "19:00"), "starts before ends"),
        (Edit(("crm", "url"), "json://elsewhere"), "crm is not changed here"),
        (Edit(("leaders",), ["agent"]), "leaders is not changed here"),
        (Edit(("rules", "moved", "by"), 2), "nothing is changed"),
    ],
)
def test_the_company_loader_judges_before_anybody_else(engine: sa.Engine, folder: Path, edit: Edit, what: str) -> None:
    """A rule that the pipeline would refuse stops it on the next morning; and nobody gives himself rights, or the CRM another address."""
    with pytest.raises(ShopkeeperError, match=what):
        proposed(engine, folder, [edit])


def test_no_address_of_a_chat_is_kept(engine: sa.Engine, folder: Path) -> None:
    """A chat's address holds its key. What lies beside a change must not end up in the history of changes."""
    change = proposed(engine, folder, [Edit(("comparison", "share"), 0.1)])
    with engine.connect() as connection:
        kept = connection.execute(sa.text("select cast(changes as text) from ops.changes where change_id = :id"), {"id": change.change_id})
        assert "secret-host" not in kept.scalar_one()
    decided(engine, folder, change)
    assert apply(engine, folder, change.change_id, actor="ops", now=NOW, environ={}) == "applied"
    assert yaml.safe_load((folder / RULES_FILE).read_text())["chats"]["ops"]["url"] == "json://secret-host/token"


def test_what_was_tampered_with_is_not_written(engine: sa.Engine, folder: Path) -> None:
    """Who breaks into the desk could show one diff and keep other edits: the hash of what was shown decides."""
    change = proposed(engine, folder)
    decided(engine, folder, change)
    with engine.begin() as connection:
        tampered = (
            "update ops.changes set edits = replace(cast(edits as text), '\"value\": 3', '\"value\": 9')\\:\\:jsonb where change_id = :id"
        )
        assert connection.execute(sa.text(tampered), {"id": change.change_id}).rowcount == 1
    with pytest.raises(ShopkeeperError, match="does not lead to what was shown"):
        apply(engine, folder, change.change_id, actor="ops", now=NOW, environ={})


def test_goals_come_change_and_go(engine: sa.Engine, folder: Path) -> None:
    """A row is added, another is changed, a third taken out; the others keep every letter, and a child stays inside its parent."""
    goal = dict(zip(COLUMNS[1:], ["", "transactional", "nps", "Claims", "all", "all", "", "", "year", "2026-01-01", "40"], strict=True))
    child = {**goal, "parent_goal_id": "all-2026", "period_grain": "quarter", "target": "35"}

    def applied(*edits: Edit) -> str:
        change = proposed(engine, folder, list(edits), GOALS_FILE)
        decided(engine, folder, change)
        assert apply(engine, folder, change.change_id, actor="ops", now=NOW, environ={}) == "applied"
        return (folder / GOALS_FILE).read_text()

    found = applied(Edit(("all-2026",), goal))
    assert found.splitlines()[0] == ",".join(COLUMNS)
    by_hand = found.replace("all-2026,,transactional", '"all-2026", ,transactional')
    (folder / GOALS_FILE).write_text(by_hand)
    found = applied(Edit(("q1",), child), Edit(("q2",), {**child, "period_starts_on": "2026-04-01", "owner": 'Claims, "north"'}))
    assert found.startswith(by_hand)
    assert [one.owner for one in load(folder, environ={}).goals] == ["Claims", "Claims", 'Claims, "north"']
    found = applied(Edit(("q1",), {**child, "target": "36.5"}), Edit(("q2",), remove=True))
    assert [str(one.target) for one in load(folder, environ={}).goals] == ["40", "36.5"]
    assert found.startswith(by_hand)
    with pytest.raises(ShopkeeperError, match=r"goals\.csv row 4 › period_starts_on"):
        proposed(engine, folder, [Edit(("late",), {**child, "period_starts_on": "2027-01-01"})], GOALS_FILE)
    with pytest.raises(ShopkeeperError, match="there is no goal all-2026"):
        proposed(engine, folder, [Edit(("all-2026",), remove=True)], GOALS_FILE)


def test_a_branch_for_those_who_review_there(engine: sa.Engine, folder: Path) -> None:
    """A company whose folder lies in a repository reviews it there: the checkout is left alone, and what is merged is found again."""

    def git(*command: str) -> str:
        who = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
        return subprocess.run(["git", "-C", str(folder), *who, *command], check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--initial-branch", "main")
    git("add", ".")
    git("commit", "-m", "As it was")
    change = proposed(engine, folder)
    decided(engine, folder, change)
    before = (folder / RULES_FILE).read_bytes()
    assert apply(engine, folder, change.change_id, actor="ops", now=NOW, to_branch=True, environ={}) == "branched"
    assert (folder / RULES_FILE).read_bytes() == before
    assert git("status", "--porcelain") == ""
    branch = change_files.branch_of(change.change_id)
    assert git("diff", "--stat", "main", branch).startswith("closed_loop.yml | 2 +-")
    assert "Proposed by BOSS, approved by BRANCH" in git("log", "-1", "--format=%B", branch)
    assert apply(engine, folder, change.change_id, actor="ops", now=NOW, environ={}) == "branched", (
        "what is reviewed is not written past it"
    )
    assert (folder / RULES_FILE).read_bytes() == before
    git("merge", "--ff-only", branch)
    assert apply(engine, folder, change.change_id, actor="ops", now=NOW, environ={}) == "applied"
