"""Read a company folder, and say everything that is wrong with it at once."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from types import NoneType
from typing import Any, get_args

import sqlalchemy as sa
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from shopkeeper.company import base, config
from shopkeeper.company.closed_loop import ClosedLoop
from shopkeeper.company.document import Document, KeyPath, at, has, read
from shopkeeper.company.goals import GOALS_FILE, Known, read_goals
from shopkeeper.company.initiatives import INITIATIVES_FILE, Proposal, read_initiatives
from shopkeeper.company.initiatives import Known as KnownToInitiatives
from shopkeeper.company.programmes import Programmes
from shopkeeper.company.themes import LABELS_FILE, LabelledText, Themes, read_labels
from shopkeeper.errors import Problem, ShopkeeperError, fail

SAMPLE = Path(__file__).resolve().parents[2] / "company"

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PASSWORD_IN_URL = re.compile(r"(://[^:/@\s]*:)[^@/\s]+@")


def company_folder(folder: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """The folder to use: the argument, else `SHOPKEEPER_COMPANY`, else the sample company's."""
    chosen = folder or (Path(environ["SHOPKEEPER_COMPANY"]) if environ.get("SHOPKEEPER_COMPANY") else SAMPLE)
    return chosen.expanduser().resolve()


def load(folder: Path | None = None, environ: Mapping[str, str] = os.environ) -> config.CompanyFolder:
    """Read and validate a company folder; `folder` defaults to `SHOPKEEPER_COMPANY`, else to the sample company.

    `${NAME}` in connections and paths comes from the environment, or from the file that `NAME_FILE` names.
    Relative paths are taken from the company folder. Nothing is connected to and no data file is opened.
    Raises ShopkeeperError with every mistake of every file in one list; it never holds the value of a variable.
    """
    folder = company_folder(folder, environ)
    if not folder.is_dir():
        raise fail(str(folder), "is no folder", "name a company folder with --company or SHOPKEEPER_COMPANY")
    company_file, sources_file = read(folder / "company.yml"), read(folder / "sources.yml")
    programmes_file = _optional(folder / "programmes.yml")
    company = _validated(config.Company, company_file, company_file.data)
    _passwords_stay_out(sources_file)
    written = _validated(config.Sources, sources_file, sources_file.data)
    sources = _validated(config.Sources, sources_file, _placed(sources_file, _places(sources_file.data), folder, environ))
    places = _provider_places(programmes_file.data)
    programmes = _validated(Programmes, programmes_file, _placed(programmes_file, places, folder, environ))
    loop_file = _optional(folder / "closed_loop.yml")
    loop = _validated(ClosedLoop, loop_file, _placed(loop_file, _loop_places(loop_file.data), folder, environ))
    themes_file = _optional(folder / "themes.yml")
    themes: Themes | None = _validated(Themes, themes_file, themes_file.data)
    labelled, label_problems = read_labels(folder / LABELS_FILE, themes) if themes else ((), ())
    known = _known_to_goals(company, written, programmes) if company and programmes else None
    goals, goal_problems = read_goals(folder / GOALS_FILE, known) if known else ((), ())
    proposals, proposal_problems = _proposals(folder, known, themes) if known and themes else ((), ())
    if company and sources:
        _fits_company(company, sources, sources_file)
    if company and programmes:
        _programmes_fit(company, programmes, programmes_file)
    if programmes and loop:
        _loop_fits(programmes, loop, loop_file)
    files = (company_file, sources_file, programmes_file, loop_file, themes_file)
    problems = [*(problem for file in files for problem in file.problems), *label_problems, *goal_problems, *proposal_problems]
    if problems or company is None or sources is None or programmes is None or loop is None or themes is None or written is None:
        raise ShopkeeperError(problems)
    return config.CompanyFolder(
        folder=folder,
        company=company,
        sources=sources,
        programmes=programmes,
        closed_loop=loop,
        themes=themes,
        labelled=labelled,
        goals=goals,
        initiatives=proposals,
        config_hash=_hash(company, written, programmes, themes, labelled),
    )


def load_company(folder: Path | None = None) -> config.Company:
    """company.yml alone, for a program that must not hold the secrets of sources. Folder and errors as for `load`."""
    document = read(company_folder(folder) / "company.yml")
    company: config.Company | None = _validated(config.Company, document, document.data)
    if document.problems or company is None:
        raise ShopkeeperError(document.problems)
    return company


def load_programmes(folder: Path | None = None, environ: Mapping[str, str] = os.environ) -> Programmes:
    """programmes.yml alone, with no secrets but those of webhooks, for the web app. Folder and errors as for `load`."""
    chosen = company_folder(folder, environ)
    document = _optional(chosen / "programmes.yml")
    secrets = (place for place in _provider_places(document.data) if place[0][-1] == "webhook_secret")
    programmes: Programmes | None = _validated(Programmes, document, _placed(document, secrets, chosen, environ))
    if document.problems or programmes is None:
        raise ShopkeeperError(document.problems)
    return programmes


def load_for_desk(folder: Path | None = None, environ: Mapping[str, str] = os.environ) -> config.CompanyFolder:
    """What the desk goes by: the company, its programmes and its closed loop, without sources, chats and CRM and their secrets.

    Folder and errors as for `load`.
    """
    chosen = company_folder(folder, environ)
    document = _optional(chosen / "closed_loop.yml")
    data = {name: part for name, part in document.data.items() if name not in ("chats", "crm", "project_tool")} if document.data else {}
    loop: ClosedLoop | None = _validated(ClosedLoop, document, data)
    if document.problems or loop is None:
        raise ShopkeeperError(document.problems)
    company, programmes = load_company(folder), load_programmes(folder, environ)
    return config.CompanyFolder(folder=chosen, company=company, sources={}, programmes=programmes, closed_loop=loop, config_hash="")


def load_for_leaders(folder: Path | None = None, environ: Mapping[str, str] = os.environ) -> config.CompanyFolder:
    """What leaders change at the desk, judged as `load` judges it: beside what the desk goes by, the goals.

    Folder and errors as for `load`; what may be wrong with sources is left to those who keep them.
    """
    known = load_for_desk(folder, environ)
    document = _optional(known.folder / "closed_loop.yml")
    _loop_fits(known.programmes, known.closed_loop, document)
    sources_file = _optional(known.folder / "sources.yml")
    written = _validated(config.Sources, sources_file, sources_file.data)
    goals, wrong = read_goals(known.folder / GOALS_FILE, _known_to_goals(known.company, written, known.programmes))
    if document.problems or wrong:
        raise ShopkeeperError([*document.problems, *wrong])
    return known.model_copy(update={"goals": goals})


def _optional(path: Path) -> Document:
    """A file that a company may do without."""
    return read(path) if path.exists() else Document(path.name, data={})


def _hash(
    company: config.Company,
    written: dict[str, config.Source],
    programmes: Programmes,
    themes: Themes,
    labelled: tuple[LabelledText, ...],
) -> str:
    """Over what marts depend on: paths as written, before variables are replaced, and no connection."""
    content = {
        "company": company.model_dump(mode="json", exclude={"freshness", "retention", "privacy", "stated_scores"}),
        "sources": {name: source.model_dump(mode="json", exclude={"connection"}) for name, source in written.items()},
        "employee_programmes": sorted(name for name, programme in programmes.programmes.items() if programme.kind == "employee"),
        "themes": themes.model_dump(mode="json"),
        "labelled": [one.model_dump(mode="json") for one in labelled],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


# --- variables and paths ---------------------------------------------------------------------------------------------


def _places(data: Any) -> Iterator[tuple[KeyPath, str]]:
    """Every connection and path of sources.yml, whatever else may be wrong with it."""
    for source_name, source in data.items() if isinstance(data, dict) else ():
        if isinstance(written := at(source, ("connection",)), str):
            yield (source_name, "connection"), written
        for part in ("files", "entities"):
            holders = at(source, (part,))
            for name in holders if isinstance(holders, dict) else ():
                if isinstance(written := at(holders, (name, "path")), str):
                    yield (source_name, part, name, "path"), written


def _provider_places(data: Any) -> Iterator[tuple[KeyPath, str]]:
    """Everything under the providers of programmes.yml that is particular to a machine or secret."""
    providers = at(data, ("providers",))
    for name, provider in providers.items() if isinstance(providers, dict) else ():
        for key in ("url", "api_key", "user", "password", "out_path", "in_path", "webhook_secret"):
            if isinstance(written := at(provider, (key,)), str):
                yield ("providers", name, key), written


def _loop_places(data: Any) -> Iterator[tuple[KeyPath, str]]:
    """The addresses and keys of closed_loop.yml."""
    for part, key in itertools.product(("crm", "project_tool"), ("url", "api_key")):
        if isinstance(written := at(data, (part, key)), str):
            yield (part, key), written
    chats = at(data, ("chats",))
    for name, chat in chats.items() if isinstance(chats, dict) else ():
        if isinstance(written := at(chat, ("url",)), str):
            yield ("chats", name, "url"), written


def _placed(document: Document, places: Iterator[tuple[KeyPath, str]], folder: Path, environ: Mapping[str, str]) -> Any:
    """The document's data with variables replaced and paths made absolute."""
    data = deepcopy(document.data)
    for path, written in places:
        parts = _VARIABLE.split(written)  # plain text and names in turn
        if any("${" in text for text in parts[::2]):
            document.problem(path, "has a ${ without a plain variable name and }", "write ${NAME}")
        parts[1::2] = [_variable(name, environ, document, path) for name in parts[1::2]]
        value = "".join(parts)
        if path[-1] == "connection":
            value = _connection(value, folder, document, path)
        elif str(path[-1]).endswith("path"):
            value = str(folder / Path(value).expanduser())
        at(data, path[:-1])[path[-1]] = value
    return data


def _variable(name: str, environ: Mapping[str, str], document: Document, path: KeyPath) -> str:
    if value := environ.get(name):
        return value
    if file := environ.get(f"{name}_FILE"):
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            document.problem(path, f"the file that {name}_FILE names cannot be read", "point it at a readable text file")
            return ""
    document.problem(path, f"the environment variable {name} is not set", f"set {name}, or {name}_FILE to a file that holds it")
    return ""


def _connection(url: str, folder: Path, document: Document, path: KeyPath) -> str:
    if not url:
        return url
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        document.problem(path, "is no database URL", "write it as postgresql://user:password@host:5432/database, sqlite:///file.db, …")
        return ""
    if parsed.get_backend_name() == "sqlite" and parsed.database and parsed.database != ":memory:":
        return parsed.set(database=str(folder / parsed.database)).render_as_string(hide_password=False)
    return url


def _passwords_stay_out(document: Document) -> None:
    for path, written in _places(document.data):
        if path[-1] == "connection" and _PASSWORD_IN_URL.search(_VARIABLE.sub("", written)):
            hint = "put the whole URL, or the password, into an environment variable and write ${NAME} here"
            document.problem(path, "a password stands in the file", hint)


# --- what only both files together can tell ---------------------------------------------------------------------------


def _fits_company(company: config.Company, sources: dict[str, config.Source], document: Document) -> None:
    for source_name, source in sources.items():
        for entity, mapping in source.entities.items():
            scale = mapping.constants.get("scale")
            if entity == "survey_responses" and scale is not None and scale not in company.scales:
                hint = f"declare it under scales in company.yml, or use one of {', '.join(company.scales)}"
                document.problem((source_name, "entities", entity, "constants", "scale"), f"{scale} has no bands", hint)


def _programmes_fit(company: config.Company, programmes: Programmes, document: Document) -> None:
    for name, programme in programmes.programmes.items():
        if programme.scale not in company.scales:
            hint = f"declare it under scales in company.yml, or use one of {', '.join(company.scales)}"
            document.problem(("programmes", name, "scale"), f"{programme.scale} has no bands", hint)


def _known_to_goals(company: config.Company, sources: dict[str, config.Source] | None, programmes: Programmes) -> Known:
    """Programmes are ours and those that a source says of all its answers; who has none of his own may name whatever answers carry."""
    mappings = [source.entities["survey_responses"] for source in (sources or {}).values() if "survey_responses" in source.entities]
    told = [mapping.constants["programme"] for mapping in mappings if "programme" in mapping.constants]
    bands = {
        "tenure_band": company.tenure_bands,
        "value_band": company.value_bands,
        "share_of_wallet_band": company.share_of_wallet_bands,
        "resolution_band": company.resolution_bands,
    }
    return Known(
        programmes=(*programmes.programmes, *told) if programmes.programmes else (),
        employee_programmes=tuple(name for name, programme in programmes.programmes.items() if programme.kind == "employee"),
        metrics=tuple(scale.metric for scale in company.scales.values()),
        values={dimension: tuple(band.name for band in of_it) for dimension, of_it in bands.items()},
    )


def _proposals(folder: Path, known: Known, themes: Themes) -> tuple[tuple[Proposal, ...], tuple[Problem, ...]]:
    may_name = KnownToInitiatives(known.programmes, known.employee_programmes, tuple(themes.themes), known.values)
    return read_initiatives(folder / INITIATIVES_FILE, may_name)


def _loop_fits(programmes: Programmes, loop: ClosedLoop, document: Document) -> None:
    named: list[tuple[KeyPath, str]] = [
        (("rules", rule, "programmes", place), name) for rule in loop.rules for place, name in enumerate(loop.rules[rule].programmes)
    ]
    if loop.cycle.recovery_programme:
        named.append((("cycle", "recovery_programme"), loop.cycle.recovery_programme))
    for path, name in named:
        if name not in programmes.programmes:
            document.problem(path, f"there is no programme {name}", base.did_you_mean(name, list(programmes.programmes)))


# --- pydantic's errors, in our words ----------------------------------------------------------------------------------


def _validated(kind: Any, document: Document, data: Any) -> Any:
    """The typed data, or None; problems are added to the document.

    Pydantic stops at a model's fields before it looks at how they fit together. So what is wrong is cut out and the
    rest judged again, until nothing new is found: one run shows every mistake.
    """
    data, cut, adapter = deepcopy(data), set[KeyPath](), TypeAdapter(kind)
    while data is not None:
        try:
            valid = adapter.validate_python(data)
            return None if cut else valid
        except ValidationError as error:
            cut_before = frozenset(cut)
            for detail in error.errors(include_url=False, include_input=False):
                for path, what, hint in _mistakes(detail, data, kind, cut):
                    if path not in cut_before:
                        document.problem(path, _scrubbed(what), _scrubbed(hint))
                    _cut(data, path, cut)
            if cut == cut_before:
                return None
    return None


def _cut(data: Any, path: KeyPath, cut: set[KeyPath]) -> None:
    """Take the wrong item out; where it is not there at all (a missing key), take out what should have held it."""
    while path and not any(path[:length] in cut for length in range(1, len(path))):
        cut.add(path)
        holder, last = at(data, path[:-1]), path[-1]
        if isinstance(holder, dict) and has(holder, last):
            del holder[last]
            return
        path = path[:-1]


def _mistakes(detail: ErrorDetails, data: Any, kind: Any, cut: set[KeyPath]) -> Iterator[tuple[KeyPath, str, str]]:
    """(path, what, hint) of each mistake in one of pydantic's errors."""
    path: KeyPath = tuple(step for step in detail["loc"] if step != "[key]")
    if detail["type"] == base.MISFITS:
        for misfit in detail["ctx"]["misfits"]:
            judged_by = [(*path, *place) for place in misfit.given]
            if not any(gone[: len(place)] == place for place in judged_by for gone in cut):
                yield (*path, *misfit.path), misfit.what, misfit.hint
    elif detail["type"] == "extra_forbidden":
        yield path, f"there is no key {path[-1]}", base.did_you_mean(str(path[-1]), _keys_at(kind, path[:-1]))
    elif detail["type"] == "missing":
        yield path, "is missing", "add it; docs/company-folder.md says what it means"
    else:
        yield path, _in_words(detail), _hint(detail, at(data, path))


def _in_words(detail: ErrorDetails) -> str:
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    if detail["type"] == "string_pattern_mismatch":
        return f"must be {base.PATTERNS[detail['ctx']['pattern']]}"
    return re.sub(r"^\w+ should", "must", detail["msg"]).replace("dictionary", "set of keys with values")


def _hint(detail: ErrorDetails, value: Any) -> str:
    if detail["type"] == "string_type" and isinstance(value, bool | int | float):
        return "put it in quotes"
    if detail["type"] == "string_type" and value is None:
        return "write a value after the colon, or take the key out"
    return ""


def _scrubbed(text: str) -> str:
    return _PASSWORD_IN_URL.sub(r"\1…@", text)


def _keys_at(annotation: Any, path: KeyPath) -> list[str]:
    """The keys of the model that a path of keys leads to."""
    for step in path:
        model = _model(annotation)
        if model is not None:
            field = model.model_fields.get(str(step))
            annotation = field.annotation if field else None
        else:
            annotation = next((part for part in reversed(get_args(annotation)) if part not in (Ellipsis, NoneType)), None)
    model = _model(annotation)
    return list(model.model_fields) if model else []


def _model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return None
