"""Policies: pages in Markdown of the company folder, each with what it is an answer to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt

from shopkeeper.errors import Problem, ShopkeeperError

_FRONT = re.compile(r"\A---\n(.*?)\n---\n(.*)\Z", re.DOTALL)
_HINT = "begin the file with:\n    ---\n    title: …\n    answers: {theme: …}   (or {initiative: …})\n    ---"
# Markup of its own is shown as it is written, and no link leads to a script.
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


@dataclass(frozen=True)
class Policy:
    """`name` is the file's; `kind` says what it answers, a theme or an initiative, and `answers` which. `html` is safe to show."""

    name: str
    title: str
    kind: str
    answers: str
    since: str | None
    text: str
    html: str


def read_policies(folder: Path) -> list[Policy]:
    """The policies of a company folder, by title. Raises ShopkeeperError with everything that is wrong with them at once."""
    problems: list[Problem] = []
    found = [policy for file in sorted((folder / "policies").glob("*.md")) if (policy := _read(file, problems))]
    if problems:
        raise ShopkeeperError(problems)
    return sorted(found, key=lambda policy: policy.title)


def _read(file: Path, problems: list[Problem]) -> Policy | None:
    where = f"policies/{file.name}"
    try:
        match = _FRONT.match(file.read_text(encoding="utf-8").replace("\r\n", "\n"))
        said: Any = yaml.safe_load(match.group(1)) if match else None
    except (UnicodeDecodeError, yaml.YAMLError):
        problems.append(Problem(where, "cannot be read: its text is not UTF-8, or its head is no YAML", _HINT))
        return None
    if match is None or not isinstance(said, dict):
        problems.append(Problem(where, "does not say what it is an answer to", _HINT))
        return None
    answers = said.get("answers")
    kind, name = next(iter(answers.items())) if isinstance(answers, dict) and len(answers) == 1 else (None, None)
    if not said.get("title") or kind not in ("theme", "initiative") or not name:
        problems.append(Problem(where, "needs a title, and one theme or initiative that it answers", _HINT))
        return None
    text = match.group(2)
    since = said.get("since")
    return Policy(file.stem, str(said["title"]), kind, str(name), str(since) if since else None, text, _MARKDOWN.render(text))
