"""The reference of a company folder's YAML files as Markdown, made from the models, so that it cannot drift from them.

`python -m shopkeeper.company.reference docs/company-folder.md` writes it between the page's markers.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from shopkeeper.company import closed_loop, config, gaming, goals, initiatives, keeping, programmes, stated, themes, weights
from shopkeeper.warehouse.entities import ENTITIES

BEGIN, END = "<!-- reference: begin -->", "<!-- reference: end -->"

SECTIONS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("company.yml", config.Company),
    ("company.yml › scales › *scale*", config.Scale),
    ("company.yml › …_bands › *band*", config.Band),
    ("company.yml › lifetime_value", config.LifetimeValue),
    ("company.yml › referrals", config.Referrals),
    ("company.yml › minimum_n", config.MinimumN),
    ("company.yml › weights › *programme*", weights.Weights),
    ("company.yml › sensitivity", weights.Sensitivity),
    ("company.yml › gaming", gaming.GamingReview),
    ("company.yml › stated_scores", stated.StatedScore),
    ("company.yml › freshness", config.Freshness),
    ("company.yml › retention", keeping.Retention),
    ("company.yml › privacy", keeping.Privacy),
    ("sources.yml › *source*", config.Source),
    ("sources.yml › *source* › entities › *entity*", config.Mapping),
    ("sources.yml › *source* › files › *table*", config.FileTable),
    ("sources.yml › … › encoding", config.Encoding),
    ("sources.yml › … › encoding › bytes_from › *range*", config.BytesFrom),
    ("programmes.yml", programmes.Programmes),
    ("programmes.yml › sender", programmes.Sender),
    ("programmes.yml › quarantine", programmes.Quarantine),
    ("programmes.yml › programmes › *programme*", programmes.Programme),
    ("programmes.yml › … › cadence", programmes.Cadence),
    ("programmes.yml › … › after", programmes.After),
    ("programmes.yml › … › sampling", programmes.Sampling),
    ("programmes.yml › … › questions › *role*", programmes.Question),
    ("programmes.yml › … › window", programmes.SendWindow),
    ("programmes.yml › … › reminder", programmes.Reminder),
    ("programmes.yml › … › split_tests › *test*", programmes.SplitTest),
    ("programmes.yml › … › split_tests › *test* › arms › *arm*", programmes.Arm),
    ("programmes.yml › providers › *provider*", programmes.Provider),
    ("closed_loop.yml", closed_loop.ClosedLoop),
    ("closed_loop.yml › rules › *rule*", closed_loop.Rule),
    ("closed_loop.yml › cycle", closed_loop.Cycle),
    ("closed_loop.yml › calendar", closed_loop.Calendar),
    ("closed_loop.yml › quiet_hours", closed_loop.QuietHours),
    ("closed_loop.yml › escalations › *escalation*", closed_loop.Escalation),
    ("closed_loop.yml › comparison", closed_loop.Comparison),
    ("closed_loop.yml › chats › *chat*", closed_loop.Chat),
    ("closed_loop.yml › crm", closed_loop.Crm),
    ("closed_loop.yml › project_tool", closed_loop.ProjectTool),
    ("themes.yml", themes.Themes),
    ("themes.yml › themes › *theme*", themes.Theme),
    ("themes.yml › … › patterns › *language*", themes.Patterns),
    ("themes.yml › … › examples", themes.Example),
    ("theme_labels.csv", themes.LabelledText),
    ("goals.csv", goals.Goal),
    ("initiatives.csv", initiatives.Proposal),
)


def reference() -> str:
    """Every key with its kind, default and meaning, then the columns of every entity."""
    parts = [_section(title, model) for title, model in SECTIONS]
    parts.append("## Entities and their columns\n\nRequired columns are bold; personal data is marked •.\n")
    for entity in ENTITIES.values():
        columns = ", ".join(f"**{c.name}**" if c.required else f"{c.name}•" if c.is_pii else c.name for c in entity.columns)
        parts.append(f"- `{entity.name}` ({entity.group}; key {', '.join(entity.key)}): {columns}")
    return "\n".join(parts) + "\n"


def _section(title: str, model: type[BaseModel]) -> str:
    rows = [f"| `{name}` | {_kind(field.annotation)} | {_default(field)} | {field.description or ''} |" for name, field in _fields(model)]
    note = "" if model is config.Company else f"{(model.__doc__ or '').strip()}\n\n"
    note = "\n".join(line.strip() for line in note.split("\n"))
    return f"## {title}\n\n{note}| key | holds | default | meaning |\n| --- | --- | --- | --- |\n" + "\n".join(rows) + "\n"


def _fields(model: type[BaseModel]) -> list[tuple[str, FieldInfo]]:
    """A model's own keys first, then those that it shares with others."""
    own = [name for name in model.model_fields if name in model.__annotations__]
    return [(name, model.model_fields[name]) for name in (*own, *(name for name in model.model_fields if name not in own))]


_WORDS = {"str": "text", "int": "whole number", "bool": "true or false", "Decimal": "number"}


def _kind(annotation: Any) -> str:
    origin, parts = get_origin(annotation), [part for part in get_args(annotation) if part is not NoneType]
    if origin is None:
        name: str = annotation.__name__
        return f"keys of {name}" if issubclass(annotation, BaseModel) else _WORDS.get(name, name)
    if origin is Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if origin is dict:
        return f"{_kind(parts[0])} → {_kind(parts[1])}"
    if origin is tuple:
        return f"list of {_kind(parts[0])}" if parts[-1] is Ellipsis else f"[{', '.join(map(_kind, parts))}]"
    return _kind(parts[0])  # `X | None`, `Annotated[X, …]`


def _default(field: FieldInfo) -> str:
    default = field.get_default()
    if default is PydanticUndefined:
        return "**required**"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, BaseModel):
        return "its defaults"
    if default is None or default in ({}, ()):
        return ""
    if isinstance(default, tuple):
        return ", ".join(_band(item) if isinstance(item, config.Band) else f"`{item!r}`" for item in default)
    return ", ".join(f"`{item}`" for item in (default if isinstance(default, dict) else [default]))


def _band(band: config.Band) -> str:
    return band.name if band.below is None else f"{band.name} (below {band.below})"


def rewritten(page: str) -> str:
    """The page with its reference made anew."""
    before, after = page.partition(BEGIN)[0], page.partition(END)[2]
    return f"{before}{BEGIN}\n{reference()}{END}{after}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(rewritten(path.read_text(encoding="utf-8")), encoding="utf-8")
