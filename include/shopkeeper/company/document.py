"""A YAML file as plain data plus the line of every key, so that a mistake can be pointed at."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from shopkeeper.errors import Problem

KeyPath = tuple[str | int, ...]


@dataclass
class Document:
    """One file of a company folder: its data, the line of each key, and what was wrong with it as YAML."""

    name: str
    data: Any = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    found: list[tuple[int, Problem]] = field(default_factory=list)

    def where(self, path: KeyPath = ()) -> str:
        """`sources.yml › crm › entities › customers › cursor (line 12)`; the line of the nearest key that is there."""
        place = " › ".join((self.name, *(str(step) for step in path)))
        line = self.line(path)
        return f"{place} (line {line})" if line else place

    def line(self, path: KeyPath) -> int:
        """The line of a key, else of the nearest one above it, else 0."""
        return next((self.lines[path[:length]] for length in range(len(path), 0, -1) if path[:length] in self.lines), 0)

    def problem(self, path: KeyPath, what: str, hint: str = "") -> None:
        self.found.append((self.line(path), Problem(self.where(path), what, hint)))

    @property
    def problems(self) -> list[Problem]:
        """In the order of the file's lines, each once."""
        return list(dict.fromkeys(problem for _, problem in sorted(self.found, key=lambda found: found[0])))


def read(path: Path) -> Document:
    """Read a YAML file. Never raises: what is wrong is in `problems`, and then `data` is what could be read, or None."""
    document = Document(path.name)
    text = _text(path, document)
    if text is None:
        return document
    document.data = _parsed(text, document)
    if document.data is None and not document.found:
        document.problem((), "is empty", "docs/company-folder.md lists its keys")
    elif document.data is not None and not isinstance(document.data, dict):
        document.problem((), "must hold keys with values", "docs/company-folder.md lists its keys")
        document.data = None
    return document


def _text(path: Path, document: Document) -> str | None:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        document.problem((), "is missing", f"write it in {path.parent}; docs/company-folder.md lists its keys")
    except UnicodeDecodeError as error:
        document.problem((), f"is not UTF-8 (byte {error.start})", "save it as UTF-8")
    except OSError as error:
        document.problem((), f"cannot be read ({error.strerror})", "make it a readable file")
    return None


def _parsed(text: str, document: Document) -> Any:
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        return None if node is None else _plain(loader, node, (), document, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f" (line {mark.line + 1})" if mark else ""
        # The error as a whole would quote the line, and with it perhaps a connection.
        what = f"is no valid YAML: {error.problem or error.context}"
        document.found.append((0, Problem(f"{document.name}{line}", what, _yaml_hint(error))))
    except yaml.YAMLError:
        document.problem((), "is no valid YAML: it holds a character that YAML does not allow", "remove control characters")
    except RecursionError:
        document.problem((), "is nested too deep", "take out levels")
    return None


def _yaml_hint(error: yaml.MarkedYAMLError) -> str:
    if "\\t" in str(error.problem):
        return "indent with spaces, not tabs"
    return "look at the indentation and the colons around that line; put texts with : or # or { in quotes"


def _plain(loader: yaml.SafeLoader, node: yaml.Node, path: KeyPath, document: Document, above: tuple[int, ...]) -> Any:
    if id(node) in above:
        document.problem(path, "refers to itself", "remove the alias (*)")
        return None
    above = (*above, id(node))
    if isinstance(node, yaml.SequenceNode):
        for place, item in enumerate(node.value):
            document.lines[(*path, place)] = item.start_mark.line + 1
        return [_plain(loader, item, (*path, place), document, above) for place, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key_node, _ in node.value:
            key, line = str(key_node.value), key_node.start_mark.line + 1
            document.lines.setdefault((*path, key), line)
            if key in seen and isinstance(key_node, yaml.ScalarNode) and key != "<<":
                document.problem((*path, key), f"stands twice, in lines {seen[key]} and {line}", "keep one of them")
            seen.setdefault(key, line)
        loader.flatten_mapping(node)
        plain: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                document.problem(path, "has a key that is no plain text", "keys are names")
                continue
            key = key_node.value
            document.lines.setdefault((*path, key), key_node.start_mark.line + 1)
            plain[key] = _plain(loader, value_node, (*path, key), document, above)
        return plain
    try:
        return loader.construct_object(node)
    except yaml.constructor.ConstructorError:
        document.problem(path, f"has the tag {node.tag}, which is not known here", "remove the tag")
    except ValueError:
        document.problem(path, "is an impossible date or number", "mend it, or put it in quotes if it is a text")
    return None


def at(data: Any, path: KeyPath) -> Any:
    """What stands at a path of keys, or None."""
    for step in path:
        if not has(data, step):
            return None
        data = data[step]
    return data


def has(holder: Any, step: str | int) -> bool:
    """Whether a mapping has the key, or a list the place."""
    if isinstance(holder, list):
        return isinstance(step, int) and step < len(holder)
    return isinstance(holder, dict) and step in holder
