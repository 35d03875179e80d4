"""Changes to a YAML file of a company folder, made in its text: nothing but what is changed is touched, and comments stay.

What came of it is read again: where the file does not hold exactly what was meant (an alias, a merge key, something unusual), it is
refused, and somebody has to change the file by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import yaml

from shopkeeper.errors import ShopkeeperError, fail

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True)
class Edit:
    """`value` is to stand at `path`; `remove`: the key is taken out. A new key comes last, or in front of its neighbour `before`."""

    path: tuple[str, ...]
    value: Any = None
    remove: bool = False
    before: str | None = None


def edited(name: str, text: str, edits: Sequence[Edit]) -> str:
    """The text of YAML file `name` after all edits, in their order.

    Values are plain: texts, numbers, booleans, None, lists and mappings of these. Raises ShopkeeperError where the file is no YAML,
    or is written in a way in which this cannot be done.
    """
    try:
        data = _apart(yaml.safe_load(text) or {})
        for edit in edits:
            data = _done(data, edit)
            text = _remove(text, edit.path) if edit.remove else _put(text, edit)
        is_meant = _in_order(yaml.safe_load(text) or {}) == _in_order(data)
    except (yaml.YAMLError, KeyError, ValueError, TypeError, AttributeError):
        is_meant = False
    if not is_meant:
        raise unusual(name)
    return text


def unusual(name: str) -> ShopkeeperError:
    return fail(name, "is written in a way in which this change cannot be made here", "make it in the file itself")


# --- what is meant ----------------------------------------------------------------------------------------------------


def _done(data: Any, edit: Edit) -> Any:
    """The data after one edit."""
    holder = data
    for step in edit.path[:-1]:
        if holder.get(step) is None:
            holder[step] = {}
        holder = holder[step]
    last = edit.path[-1]
    if edit.remove:
        del holder[last]
    elif last in holder or edit.before not in holder:
        holder[last] = edit.value
    else:
        items = list(holder.items())
        place = list(holder).index(edit.before)
        holder.clear()
        holder.update([*items[:place], (last, edit.value), *items[place:]])
    return data


def _apart(data: Any) -> Any:
    """A copy in which nothing stands for two places, as what has an alias does."""
    if isinstance(data, dict):
        return {key: _apart(value) for key, value in data.items()}
    return [_apart(item) for item in data] if isinstance(data, list) else data


def _in_order(data: Any) -> Any:
    """Mappings as lists: the order of rules means something."""
    if isinstance(data, dict):
        return [(key, _in_order(value)) for key, value in data.items()]
    if isinstance(data, list | tuple):
        return [_in_order(item) for item in data]
    return ("str", data.isoformat()) if type(data) is date else (type(data).__name__, data)


# --- in the text ------------------------------------------------------------------------------------------------------


def _pairs(node: yaml.Node | None) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    return {key.value: (key, value) for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}


def _node(text: str, path: Sequence[str]) -> yaml.Node | None:
    """The node at a path; None where there is none, or nothing stands there."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    for step in path:
        pair = _pairs(node).get(step)
        if pair is None:
            return None
        node = pair[1]
    return None if isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null") else node


def _put(text: str, edit: Edit) -> str:
    *above, last = edit.path
    holder = _node(text, above)
    if holder is None and above:  # nothing is there to put it into
        return _put(text, Edit(tuple(above), {last: edit.value}))
    pairs = _pairs(holder)
    if last in pairs:
        return _replaced(text, *pairs[last], edit.value)
    if holder is not None and _is_flow(holder):
        return _added_in_braces(text, holder, edit, pairs)
    indent = holder.start_mark.column if holder is not None else 0
    in_lines = any(isinstance(one, yaml.MappingNode) and not _is_flow(one) for _, one in pairs.values())
    lines = _written(last, edit.value, " " * indent, in_lines=in_lines or not above)
    return _added_lines(text, lines, edit.before, pairs)


def _added_in_braces(text: str, holder: yaml.Node, edit: Edit, pairs: dict[str, tuple[yaml.Node, yaml.Node]]) -> str:
    said = f"{_flow(edit.path[-1])}: {_flow(edit.value)}"
    if not pairs:
        return text[: holder.start_mark.index] + f"{{{said}}}" + text[holder.end_mark.index :]
    if edit.before in pairs:
        at = pairs[edit.before][0].start_mark.index
        return f"{text[:at]}{said}, {text[at:]}"
    at = _end(text, list(pairs.values())[-1][1])
    return f"{text[:at]}, {said}{text[at:]}"


def _added_lines(text: str, lines: list[str], before: str | None, pairs: dict[str, tuple[yaml.Node, yaml.Node]]) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    if before in pairs:
        at = _above(text, _line_start(text, pairs[before][0].start_mark.index))
        return text[:at] + "".join(line + newline for line in lines) + text[at:]
    at = _line_end(text, _end(text, list(pairs.values())[-1][1])) if pairs else len(text.rstrip())
    added = newline.join(lines)
    if not pairs and not at:
        return added + newline
    return text[:at] + newline + added + (text[at:] or newline)


def _replaced(text: str, key: yaml.Node, value: yaml.Node, new: Any) -> str:
    start, end = value.start_mark.index, _end(text, value)
    if isinstance(value, yaml.SequenceNode) and not _is_flow(value) and isinstance(new, list | tuple) and new:
        return text[:start] + _items(text, value, list(new)) + text[end:]
    if not isinstance(value, yaml.ScalarNode) and re.search(r"(?m)(?:^|\s)#", text[start:end]):
        raise ValueError("a comment would be lost")
    between = text[key.end_mark.index : start]
    if not isinstance(value, yaml.ScalarNode) and not _is_flow(value) and "#" not in between:
        start = key.end_mark.index + between.index(":") + 1
        return f"{text[:start]} {_flow(new)}{text[end:]}"
    if start == end:  # nothing stood there
        return f"{text[:start]} {_flow(new)}{text[end:]}"
    quoted = json.dumps(new, ensure_ascii=False) if isinstance(new, str) and getattr(value, "style", None) == '"' else _flow(new)
    return text[:start] + quoted + text[end:]


def _items(text: str, value: yaml.SequenceNode, new: list[Any]) -> str:
    """A list in lines: an item that stays keeps its lines, with the comments above and behind it."""
    indent = value.start_mark.column
    spans, begins = [], value.start_mark.index
    for item in value.value:
        ends = _end(text, item)
        spans.append((yaml.safe_load(text[item.start_mark.index : ends]), text[begins : _line_end(text, ends)].strip()))
        begins = _line_end(text, ends)
    # what is behind the last item stands outside of the list
    spans[-1] = (
        spans[-1][0],
        spans[-1][1][: len(spans[-1][1]) - len(text[_end(text, value) : _line_end(text, _end(text, value))].strip())],
    )
    kept = dict(reversed([(json.dumps(said, default=str), lines.strip()) for said, lines in spans]))
    newline = "\r\n" if "\r\n" in text else "\n"
    return f"{newline}{' ' * indent}".join(kept.get(json.dumps(item, default=str), f"- {_flow(item)}") for item in new)


def _remove(text: str, path: Sequence[str]) -> str:
    *above, last = path
    holder = _node(text, above)
    pairs = _pairs(holder)
    key, value = pairs[last]
    if len(pairs) == 1 and above:
        return _put(text, Edit(tuple(above), {}))
    if holder is None or not _is_flow(holder):
        ends = text.find("\n", _end(text, value))
        return text[: _line_start(text, key.start_mark.index)] + ("" if ends < 0 else text[ends + 1 :])
    names = list(pairs)
    place = names.index(last)
    if place + 1 < len(names):
        return text[: key.start_mark.index] + text[pairs[names[place + 1]][0].start_mark.index :]
    return text[: _end(text, pairs[names[place - 1]][1])] + text[_end(text, value) :]


# --- where things are -------------------------------------------------------------------------------------------------


def _is_flow(node: yaml.Node) -> bool:
    return isinstance(node, yaml.CollectionNode) and bool(node.flow_style)


def _end(text: str, node: yaml.Node) -> int:
    """Where a node's own text ends: PyYAML lets what stands in lines end at the next thing, behind comments."""
    if isinstance(node, yaml.CollectionNode) and not _is_flow(node):
        last = node.value[-1]
        return _end(text, last[1] if isinstance(last, tuple) else last)
    end: int = node.end_mark.index
    return len(text[:end].rstrip()) if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">") else end


def _line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _line_end(text: str, at: int) -> int:
    """The end of the line, behind its comment."""
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    return end - 1 if end > at and text[end - 1] == "\r" else end


def _above(text: str, at: int) -> int:
    """The start of the comments that stand right above a line."""
    while at and text[_line_start(text, at - 1) : at].lstrip().startswith("#"):
        at = _line_start(text, at - 1)
    return at


# --- how values are written -------------------------------------------------------------------------------------------


def _flow(value: Any) -> str:
    """A value in one line, such that it can stand between brackets too."""
    if isinstance(value, str) and "\n" in value:
        return json.dumps(value, ensure_ascii=False)
    dumped: str = yaml.safe_dump([_dated(value)], default_flow_style=True, width=10**9, allow_unicode=True, sort_keys=False)
    return dumped.strip()[1:-1]


def _dated(value: Any) -> Any:
    """Days as YAML writes them; forms say them as texts."""
    if isinstance(value, list | tuple):
        return [_dated(item) for item in value]
    try:
        return date.fromisoformat(value) if isinstance(value, str) and _DAY.fullmatch(value) else value
    except ValueError:
        return value


def _written(key: str, value: Any, indent: str, *, in_lines: bool) -> list[str]:
    """A new key with its value; `in_lines`: a mapping's own keys get a line each."""
    if in_lines and isinstance(value, dict) and value:
        return [f"{indent}{_flow(key)}:", *(f"{indent}  {_flow(name)}: {_flow(part)}" for name, part in value.items())]
    return [f"{indent}{_flow(key)}: {_flow(value)}"]
