"""A person who writes a company folder sees every mistake at once, each with its place, and never a secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.load import load
from shopkeeper.errors import Problem, ShopkeeperError
from shopkeeper.warehouse.entities import ENTITIES

COMPANY = {"name": "Example", "timezone": "Europe/Berlin", "currency": "EUR"}
SOURCES: dict[str, Any] = {
    "crm": {
        "connection": "${CRM_URL}",
        "timezone": "Europe/Berlin",
        "entities": {
            "customers": {"table": "customers", "columns": {"customer_id": "id"}, "cursor": "updated_at", "ignore": ["fax"]},
            "interactions": {"query": "select * from visits", "attributes": {"queue": "queue_minutes"}},
        },
    },
    "survey": {
        "entities": {
            "survey_responses": {
                "path": "answers/*.csv",
                "encoding": {"codec": "cp1252", "bytes_from": [{"codec": "cp850", "first": 0x80, "last": 0x9F}]},
                "missing": ["", "NA"],
                "constants": {"scale": "0-10", "provider": "paper"},
                "answers": {"satisfaction": "q2"},
                "period": ["2024-01-01", "2024-03-31"],
            }
        }
    },
}
ENVIRONMENT = {"CRM_URL": "postgresql://reader:hush@crm.example/crm"}


def write(folder: Path, company: Any = None, sources: Any = None) -> Path:
    for name, content in (("company.yml", company or COMPANY), ("sources.yml", sources or SOURCES)):
        text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def mistakes(folder: Path, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ShopkeeperError) as caught:
        load(folder, environ if environ is not None else ENVIRONMENT)
    return str(caught.value)


def test_a_sound_folder_loads_with_its_paths_and_variables_in_place(tmp_path: Path) -> None:
    folder = load(write(tmp_path), ENVIRONMENT)
    assert folder.sources["crm"].connection == ENVIRONMENT["CRM_URL"]
    assert folder.sources["survey"].entities["survey_responses"].path == str(tmp_path / "answers/*.csv")
    assert [(source, entity) for source, _, entity, _ in folder.mappings()] == [
        ("crm", "customers"),
        ("crm", "interactions"),
        ("survey", "survey_responses"),
    ]


def test_every_mistake_of_both_files_is_in_one_list_with_file_key_and_line(tmp_path: Path) -> None:
    write(
        tmp_path,
        company="""
name: Example
timezone: Europe/Berln
curency: EUR
name: Again
scales:
  1-5: {metric: nps, score_from: 1, score_to: 5, passive_from: 4, promoter_from: 5}
tenure_bands: [{name: new, below: 90}, {name: old, below: 30}]
minimum_n: {hidden_below: none}
freshness: {entity_hours: {custmers: 4}}
""",
        sources="""
crm:
  connection: ${CRM_URL}
  timezone: Mars/Olympus
  entities:
    custmers: {table: x}
    customers:
      table: x
      query: select 1
      columns: {custmer_id: id, email: 1}
      curser: updated_at
      cursor: update_at
    revenue:
      table: x
      cursor: amount
      answers: {a: b}
Finance:
  entities:
    service_costs: {table: x}
files:
  entities:
    survey_responses:
      path: ${NOWHERE}/x.csv
      encoding: {codec: cp9999, bytes_from: [{first: 300, last: 2}]}
      constants: {score: '3'}
      columns: {score: q1}
      period: [2024-03-01, 2024-02-01]
""",
    )
    listed = mistakes(tmp_path, {})
    for expected in (
        "company.yml › timezone (line 3): 'Europe/Berln' is no IANA timezone",
        "company.yml › curency (line 4): there is no key curency\n    did you mean currency?",
        "company.yml › currency: is missing",
        "company.yml › name (line 2): stands twice, in lines 2 and 5",
        "company.yml › scales › 1-5 (line 7): nps is 0-10",
        "company.yml › tenure_bands (line 8): edges",
        "company.yml › minimum_n › hidden_below (line 9): must be a valid integer",
        "company.yml › freshness › entity_hours › custmers (line 10): 'custmers' is no entity; did you mean customers?",
        "sources.yml › crm › connection (line 3): the environment variable CRM_URL is not set",
        "sources.yml › crm › timezone (line 4)",
        "sources.yml › crm › entities › custmers (line 6): 'custmers' is no entity; did you mean customers?",
        "sources.yml › crm › entities › customers (line 7): needs exactly one of query, table and path",
        "sources.yml › crm › entities › customers › columns › custmer_id (line 10): customers has no column custmer_id\n    did you mean",
        "sources.yml › crm › entities › customers › columns › email (line 10): must be a valid string\n    put it in quotes",
        "sources.yml › crm › entities › customers › curser (line 11): there is no key curser\n    did you mean cursor?",
        "sources.yml › crm › entities › customers › cursor (line 12): customers has no column update_at\n    did you mean updated_at?",
        "sources.yml › crm › entities › revenue › cursor (line 15): amount is no time",
        "sources.yml › crm › entities › revenue › answers (line 16): belongs to survey_responses",
        "sources.yml › Finance (line 17)",
        "sources.yml › Finance › entities › service_costs › table (line 19): needs a connection",
        "sources.yml › files › entities › survey_responses › path (line 23): the environment variable NOWHERE is not set",
        "sources.yml › files › entities › survey_responses › encoding › codec (line 24): 'cp9999' is no codec",
        "sources.yml › files › entities › survey_responses › encoding › bytes_from › 0 › codec (line 24): is missing",
        "sources.yml › files › entities › survey_responses › encoding › bytes_from › 0 › first (line 24): must be less than",
        "sources.yml › files › entities › survey_responses › constants › score (line 25): has a source column too",
        "sources.yml › files › entities › survey_responses › period (line 27): ends before it begins",
    ):
        assert expected in listed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("crm:\n\tentities: {}\n", "(line 2): is no valid YAML"),
        ("crm: {entities: [}\n", "(line 1): is no valid YAML"),
        ("crm:\n  entities:\n    customers: {table: *nothing}\n", "(line 3): is no valid YAML"),
        ("- crm\n", "must hold keys with values"),
        ("", "is empty"),
        ("crm: !!python/object:os.system {}\n", "crm"),
        ("crm: &crm {entities: *crm}\n", "refers to itself"),
        ("crm: {entities: {}}\n", "crm › entities (line 1)"),
        ("crm:\n", "crm (line 1)"),
        ("crm: {entities: {revenue: {table: t, period: [2024-02-31, 2024-03-01]}}, connection: x}\n", "impossible date"),
        ("crm: {entities: {revenue: {table: t}}, connection: not a url}\n", "is no database URL"),
        ("crm: {entities: {revenue: {table: t}}, connection: '${CRM-URL}'}\n", "has a ${ without"),
        ("crm: {entities: {revenue: {table: t}}, files: {t: {path: x.csv}}, connection: 'sqlite:///x'}\n", "make two sources"),
        ("crm: {entities: {revenue: {table: itms}}, files: {items: {path: x.csv}}}\n", "did you mean items?"),
        ("crm: {entities: {survey_responses: {path: x.csv, constants: {scale: 1-7}}}}\n", "1-7 has no bands"),
    ],
)
def test_broken_files_are_explained(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in mistakes(write(tmp_path, sources=text or " "))


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    assert "company.yml: is missing" in mistakes(tmp_path)
    assert "sources.yml: is missing" in mistakes(tmp_path)
    assert "is no folder" in mistakes(tmp_path / "nowhere")
    write(tmp_path)
    (tmp_path / "company.yml").write_bytes("name: Café".encode("cp1252"))
    assert "company.yml: is not UTF-8" in mistakes(tmp_path)


def test_the_folder_comes_from_the_environment_where_no_argument_names_it(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "notes.csv").write_text("a file of another room is no mistake")
    assert load(None, {**ENVIRONMENT, "SHOPKEEPER_COMPANY": str(tmp_path)}).folder == tmp_path


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "secret").write_text(ENVIRONMENT["CRM_URL"] + "\n")
    assert load(tmp_path, {"CRM_URL_FILE": str(tmp_path / "secret")}).sources["crm"].connection == ENVIRONMENT["CRM_URL"]
    assert "CRM_URL_FILE names cannot be read" in mistakes(tmp_path, {"CRM_URL_FILE": str(tmp_path / "gone")})


def test_a_relative_sqlite_database_lies_in_the_company_folder(tmp_path: Path) -> None:
    sources = {"crm": {"connection": "sqlite:///crm.db", "entities": {"customers": {"table": "customers"}}}}
    assert load(write(tmp_path, sources=sources), {}).sources["crm"].connection == f"sqlite:///{tmp_path}/crm.db"


def test_a_password_in_the_file_is_a_mistake_and_is_not_repeated(tmp_path: Path) -> None:
    sources = {"crm": {"connection": "mysql+pymysql://me:hush@host/crm", "entities": {"customers": {"table": "customers"}}}}
    listed = mistakes(write(tmp_path, sources=sources), {})
    assert "a password stands in the file" in listed
    assert "hush" not in listed


@pytest.mark.parametrize("place", ["connection", "timezone", "nonsense"])
def test_secrets_are_printed_nowhere(tmp_path: Path, place: str) -> None:
    sources = yaml.safe_load(yaml.safe_dump(SOURCES))
    sources["crm"][place] = "postgresql://me:hush@host:not_a_port/${CRM_URL}"
    sources["crm"]["entities"]["customers"]["cursor"] = "postgresql://me:hush@host/db"
    listed = mistakes(write(tmp_path, sources=sources))
    assert "hush" not in listed
    write(tmp_path)
    folder = load(tmp_path, ENVIRONMENT)
    assert "hush" not in repr(folder)
    assert "hush" not in str(folder.sources["crm"])


def test_the_hash_covers_what_marts_depend_on_and_no_connection(tmp_path: Path) -> None:
    def config_hash(company: dict[str, Any] = COMPANY, sources: dict[str, Any] = SOURCES, url: str = "sqlite:///x") -> str:
        return load(write(tmp_path, company, sources), {"CRM_URL": url}).config_hash

    plain = config_hash()
    assert config_hash(url="postgresql://another:secret@host/db") == plain
    assert config_hash({**COMPANY, "maturity_days": 30}) == plain, "a default that is written out changes nothing"
    assert config_hash({**COMPANY, "maturity_days": 31}) != plain
    changed = yaml.safe_load(yaml.safe_dump(SOURCES))
    changed["crm"]["entities"]["customers"]["columns"]["region"] = "area"
    assert config_hash(sources=changed) != plain


# Values that a hurried person may leave at any place of the two files.
junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-10, 10**6),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["0-10", "updated_at", "customers", "${CRM_URL}", "${", "~/x", "EUR", "a\tb", "\x00", "../..", "sqlite://", "://:@"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=5) | st.integers(), st.none() | st.text(max_size=3), max_size=2),
)
known_keys = st.sampled_from(
    [*COMPANY, *SOURCES["crm"], "entities", "files", "scales", "exchange_rates", "tenure_bands", *list(ENTITIES)[:3]]
)


@st.composite
def mutated(draw: st.DrawFn, whole: dict[str, Any]) -> Any:
    """The sound file with one to four places replaced, removed or added."""
    content = yaml.safe_load(yaml.safe_dump(whole))
    for _ in range(draw(st.integers(1, 4))):
        holder: Any = content
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(holder[key], dict | list) and holder[key] and draw(st.integers(0, 3)):
                holder = holder[key]
                continue
            change = draw(st.sampled_from(["replace", "remove", "add"]))
            if change == "remove":
                del holder[key]
            elif change == "replace" or not isinstance(holder, dict):
                holder[key] = draw(junk)
            else:
                holder[draw(known_keys | st.text(max_size=4))] = draw(junk)
            break
    return content


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(company=mutated(COMPANY), sources=mutated(SOURCES))
def test_whatever_is_written_there_is_a_list_of_mistakes_and_never_a_stack_trace(tmp_path: Path, company: Any, sources: Any) -> None:
    write(tmp_path, yaml.dump(company), yaml.dump(sources))
    _loads_or_explains(tmp_path)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=60) | st.text(max_size=60, alphabet=" \t\n:-#{}[]*&!|>'\"%@`,?<ab0-~.1").map(str.encode))
def test_any_bytes_at_all_are_explained(tmp_path: Path, content: bytes) -> None:
    write(tmp_path)
    (tmp_path / "sources.yml").write_bytes(content)
    _loads_or_explains(tmp_path)


def _loads_or_explains(folder: Path) -> None:
    try:
        problems: tuple[Problem, ...] | None = None
        assert isinstance(load(folder, ENVIRONMENT), CompanyFolder)
    except ShopkeeperError as error:
        problems = error.problems
    assert problems is None or problems
    assert "hush" not in str(problems)
