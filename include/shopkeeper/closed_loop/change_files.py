"""Writes approved changes into the company folder, or onto a branch of its repository. The web app never does: it need not own the folder.

A file is replaced in one step, and the event is written after it. Killed between the two, the next run finds the file as it was to
become, and says so.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.closed_loop import changes
from shopkeeper.closed_loop.change_drafts import Draft, content_of, draft, hash_of
from shopkeeper.closed_loop.changes import Change
from shopkeeper.company.trial import mistakes
from shopkeeper.errors import Problem, ShopkeeperError, fail
from shopkeeper.warehouse.ids import stable_id


def apply(
    engine: sa.Engine,
    folder: Path,
    change_id: UUID,
    *,
    actor: str,
    now: datetime,
    to_branch: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> str:
    """Write one approved change; returns what came of it: applied, branched or conflicted.

    `to_branch`: a commit on the branch `change/…` of the folder's repository, for a review there; the files stay as they are, and once
    it was merged, applying the change again finds it in the folder. A file that was changed since the proposal is a conflict and ends
    the change. Raises ShopkeeperError for a change that is not approved, and for what the company loader would not take.
    """
    with engine.begin() as connection:
        change = changes.begin(connection, change_id, stable_id("change applied", str(change_id)))
        if change is None:
            return "applied"
        if change.state not in ("approved", "branched"):
            what = "is not approved yet" if change.state == "proposed" else f"is {change.state}"
            raise fail(f"change {change_id}", what, "./shopkeeper change list shows those that are")
        content, commit = content_of(folder, change.file), None
        if hash_of(content) == change.after_hash:
            outcome = "applied"
        elif hash_of(content) != change.before_hash:
            outcome = "conflicted"
        elif change.state == "branched":  # waits to be merged
            return "branched"
        elif to_branch:
            commit, outcome = _commit(folder, change, _made(folder, change, environ)), "branched"
        else:
            _replace((folder / change.file).resolve(), _made(folder, change, environ).content)
            outcome = "applied"
        command_id = stable_id("change applied" if outcome == "applied" else f"change {outcome} {commit or ''}", str(change_id))
        changes.say(connection, change_id, outcome, command_id=command_id, actor=actor, now=now, commit_id=commit)
        return outcome


def _made(folder: Path, change: Change, environ: Mapping[str, str]) -> Draft:
    """The file as it was approved, judged once more and with everything that the pipeline reads."""
    made = draft(folder, change.file, change.edits, seen=change.before_hash)
    if (made.after_hash, made.diff) != (change.after_hash, change.diff):
        hint = "refuse it; nothing was written. Somebody may have written to ops.changes past the desk"
        raise fail(f"change {change.change_id}", "does not lead to what was shown to whoever approved it", hint)
    if wrong := mistakes(folder, change.file, made.content, whole=True, environ=environ):
        raise ShopkeeperError(wrong)
    return made


def _replace(path: Path, content: bytes) -> None:
    """In one step: whoever reads the file reads the old one or the new one."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as new:
            new.write(content)
            new.flush()
            os.fsync(new.fileno())
        written = Path(new.name)
        written.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
        written.replace(path)
        directory = os.open(path.parent, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)
    except OSError as error:
        raise fail(str(path), f"cannot be written ({error.strerror})", "run this as whoever owns the folder, or use --branch") from None


def branch_of(change_id: UUID) -> str:
    return f"change/{str(change_id)[:8]}"


def _commit(folder: Path, change: Change, made: Draft) -> str:
    """A commit on top of HEAD with this one file changed, on a branch of its own. Checkout and index stay as they are."""
    root = Path(_git(folder, "rev-parse", "--show-toplevel"))
    head, path = _git(folder, "rev-parse", "HEAD"), str((folder / change.file).resolve().relative_to(root.resolve()))
    committed = subprocess.run(["git", "-C", str(root), "show", f"{head}:{path}"], capture_output=True, check=False).stdout
    if hash_of(committed) != change.before_hash:
        raise fail(change.file, "is not committed as it is", "commit it first, or apply the change without --branch")
    with tempfile.TemporaryDirectory(prefix="shopkeeper-index-") as made_in:
        index = {"GIT_INDEX_FILE": str(Path(made_in) / "index")}
        _git(root, "read-tree", head, environ=index)
        blob = _git(root, "hash-object", "-w", "--no-filters", "--stdin", given=made.content)
        _git(root, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", environ=index)
        tree = _git(root, "write-tree", environ=index)
    decided = next(one for one in change.history if one.event == "approved")
    message = (
        f"{change.file}: {', '.join(change.places)}\n\nProposed by {change.proposed_by}, approved by {decided.actor}."
        f"\nChange {change.change_id}\n"
    )
    who = {
        f"GIT_{role}_{what}": value
        for role, name in (("AUTHOR", change.proposed_by), ("COMMITTER", "Shopkeeper"))
        for what, value in (("NAME", name), ("EMAIL", "desk@localhost"))
    }
    commit = _git(root, "commit-tree", tree, "-p", head, given=message.encode(), environ=who)
    _git(root, "update-ref", f"refs/heads/{branch_of(change.change_id)}", commit)
    return commit


def _git(folder: Path, *command: str, given: bytes = b"", environ: Mapping[str, str] | None = None) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *command], input=given, capture_output=True, check=False, env={**os.environ, **(environ or {})}
        )
    except FileNotFoundError:
        raise fail("git", "is not installed", "install it, or apply the change without --branch") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise ShopkeeperError(Problem(f"git {command[0]}", said[-1] if said else "failed", "is the company folder in a git work tree?"))
    return done.stdout.decode().strip()
