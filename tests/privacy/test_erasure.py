"""Somebody who asks to be forgotten is forgotten: everywhere, for good, and nobody else with them."""

from __future__ import annotations

import io
import json
import mailbox
import re
import zipfile
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from tests.closed_loop.loop_world import NOW, a_company, answer, key_of, land, people, run
from tests.survey.people import customer, employee, interaction, put

from shopkeeper.company.config import Company
from shopkeeper.company.keeping import Privacy
from shopkeeper.company.load import load
from shopkeeper.errors import ShopkeeperError
from shopkeeper.privacy.erasure.erasing import Asked, erase
from shopkeeper.quality import sites
from shopkeeper.sources.ingest import ingest
from shopkeeper.warehouse import locks
from shopkeeper.warehouse.ids import stable_id
from shopkeeper.warehouse.survey_tables import CONTACT_BLOCKS, INVITATION_EVENTS, INVITATIONS, SURVEY_SUBMISSIONS, WAVE_FRAMES, WAVES
from shopkeeper.warehouse.tables import GATE_RESULTS, REJECTED_ROWS, RUNS

NAME, EMAIL, PHONE = "Aoife Ní Bhraonáin", "aoife.b@post.example", "+353 86 555 0134"
WORDS = "The plumber never came and my kitchen was under water for a week"
# Whatever can be read of this person: two ids (one was merged into the other), the name in two spellings, address, number, words.
GIVEAWAYS = (
    "CUST-00077",
    "CUST-00078",
    "aoife ní bhraonáin",
    "ní bhraonáin, aoife",
    "aoife.b@post.example",
    "555 0134",
    "5550134",
    "under water",
)
ASKED = "request by letter, file 12"
COMPANY = Company(name="Brunnenhof", timezone="Europe/Berlin", currency="EUR")
WAVE = "11111111-1111-1111-1111-111111111111"
INVITATION = "22222222-2222-2222-2222-222222222222"


def asked(home: Path, reason: str = ASKED) -> Asked:
    return Asked(reason, "ann", NOW, home, (home.parent / "postgres.log",))


def everything(
    engine: sa.Engine, *, schemas: str = "nspname not like 'pg\\_%' and nspname <> 'information_schema'"
) -> dict[str, list[str]]:
    """Every row of every table, as text, by table: what pg_dump would write."""
    query = f"""
        select format('%I.%I', nspname, relname) from pg_class join pg_namespace on pg_namespace.oid = relnamespace
        where relkind = 'r' and {schemas} order by 1
    """
    with engine.connect() as connection:
        tables = connection.scalars(sa.text(query)).all()
        return {table: sorted(connection.scalars(sa.text(f"select row::text from {table} as row"))) for table in tables}


def giveaways(text: str, more: tuple[str, ...] = ()) -> set[str]:
    return {one for one in (*GIVEAWAYS, *more) if one.casefold() in text.casefold()}


def page(text: str) -> bytes:
    return sites.zip_of([("index.html", f"<p>{text}</p>".encode()), ("other.html", b"<p>nobody</p>")])


def rejected(customer_id: str, email: str) -> dict[str, Any]:
    payload = {"id": customer_id, "mail": email}
    of = {"entity": "customers", "source": "crm", "reason": "joined_on is missing", "first_batch_id": 1, "last_batch_id": 1}
    return {**of, "payload_hash": stable_id("payload", customer_id), "payload": payload, "natural_key": customer_id}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Files as they lie beside a warehouse in use."""
    home = tmp_path / "home"
    (home / "airflow" / "logs").mkdir(parents=True)
    (home / "sites" / "report").mkdir(parents=True)
    (home / "sites" / "report" / "index.html").write_text(f"<p>{NAME}</p><p>kept</p>")
    (home / "airflow" / "logs" / "task.log").write_text('first\n{"event": "customer CUST-00077 failed"}\nlast\n')
    (tmp_path / "postgres.log").write_text(f"STATEMENT: select * from x where email = '{EMAIL}'\n")
    with zipfile.ZipFile(home / "sites" / "report" / "tables.xlsx", "w") as workbook:
        workbook.writestr("sheet1.xml", f"<v>{NAME}</v>")
    box = mailbox.Maildir(home / "inbox", create=True)
    for to, text in ((EMAIL, "Dear customer"), ("lead@work.example", f"{NAME} said: {WORDS}"), ("c1@example.org", "Dear other")):
        message = EmailMessage()
        message["To"], message["Subject"] = to, "x"
        message.set_content(text, cte="base64")
        box.add(message)
    return home


@pytest.fixture
def filled(warehouse: sa.Engine, tmp_path: Path) -> sa.Engine:
    """Two customers in every corner of the warehouse: one will ask to be forgotten, the other must not notice."""
    folder = a_company(tmp_path / "company")
    people(warehouse, customers=2)
    person = {"full_name": NAME, "email": EMAIL, "phone": PHONE}
    put(warehouse, "customers", [customer("CUST-00077", **person), customer("CUST-00078", **person, merged_into="CUST-00077")])
    put(warehouse, "interactions", [interaction("I77", "CUST-00078", NOW - timedelta(days=1), employee_id="ANN", org_unit_id="T1")])
    put(
        warehouse,
        "revenue",
        [{"revenue_id": f"R{c}", "customer_id": c, "booked_on": NOW.date(), "amount": 5} for c in ("C1", "CUST-00078")],
    )
    put(warehouse, "calls", [{"call_id": "CALL77", "interaction_id": "I77", "recording_url": "https://calls.example/77"}])
    land(
        warehouse,
        answer("p", 1, customer_id="CUST-00077", interaction_id="I77", verbatim=WORDS, may_call_back=True),
        answer("o", 2, 1, verbatim=f"{NAME} sent me, tell aoife.b@post.example"),
    )
    run(warehouse, folder)
    wave = {
        "wave_id": WAVE, "programme": "transactional", "name": "w", "salt": "s", "config_hash": "", "config": {"kind": "transactional"},
        "method": "m", "delivery": "sandbox", "candidates": 2, "turned_away": 0, "drawn": 2,
        **dict.fromkeys(("covers_from", "covers_to", "as_of", "drawn_at"), NOW),
    }  # fmt: skip
    invited = {
        "invitation_id": INVITATION, "wave_id": WAVE, "programme": "transactional", "customer_id": "CUST-00077", "provider": "built_in",
        "channel": "email", "locale": "en", **dict.fromkeys(("invited_at", "due_at", "expires_at"), NOW),
    }  # fmt: skip
    blocked = {"kind": "complaint", "reason": f"{NAME} rang", "blocked_by": "ann", "blocked_at": NOW}
    checked = {
        "subject": "batch", "batch_id": 1, "suite": "s", "expectation": "e", "description": "d", "severity": "warning",
        "succeeded": False, "checked_at": NOW,
    }  # fmt: skip
    rows: list[tuple[sa.Table, list[dict[str, Any]]]] = [
        (WAVES, [wave]),
        (WAVE_FRAMES, [{"wave_id": WAVE, "customer_id": c, "outcome": "drawn"} for c in ("CUST-00077", "C1")]),
        (INVITATIONS, [invited]),
        (INVITATION_EVENTS, [{"invitation_id": INVITATION, "event": "sent", "message": "invitation", "occurred_at": NOW}]),
        (SURVEY_SUBMISSIONS, [{"invitation_id": INVITATION, "is_complete": True, "locale": "en", "free_answers": {"verbatim": WORDS}}]),
        (CONTACT_BLOCKS, [{"customer_id": c, **blocked} for c in ("CUST-00077", "C2")]),
        (REJECTED_ROWS, [rejected("CUST-00077", EMAIL), rejected("C1", "c1@example.org")]),
        (GATE_RESULTS, [{"failing_keys": ["CUST-00077", str(key_of("p")), str(key_of("o"))], **checked}]),
    ]  # fmt: skip
    with warehouse.begin() as connection:
        for table, values in rows:
            connection.execute(sa.insert(table), values)
        for statement in (
            "create table marts.dim_customers as select customer_id, segment from raw.customers",
            "create table marts.nps_current as select 'all' as dimension, 2 as responses",
            f"create table marts.examples as select 'theme' as theme, array['{key_of('p')}', '{key_of('o')}'] as response_ids",
            "create table marts._applied_state as select 1 as build_id, true as is_complete",
            "create table intermediate.int_customers as select customer_id from raw.customers",
            f"create table public.a_copy as select '{NAME}' as who, '{{\"who\": [\"CUST-00077\", 3]}}'::jsonb as what",
            "analyze",
        ):
            connection.execute(sa.text(statement))
    sites.store(warehouse, "huddle_packs", page(f"{WORDS} — {NAME}"), now=NOW)
    sites.store(warehouse, "report", page("of C1 and CUST-00077"), now=NOW, publication_id=3)
    return warehouse


def test_a_dry_run_says_what_would_go_and_changes_nothing(filled: sa.Engine, home: Path) -> None:
    # Whoever types the wrong id must be able to stop.
    before, files = everything(filled), {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    done = erase(filled, COMPANY, "CUST-00077", asked(home), is_dry_run=True)
    assert everything(filled) == before
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == files
    assert done.removed["pii.customers"] == 2
    assert done.removed["sandbox inbox"] == 2
    assert done.customers == 2
    with pytest.raises(ShopkeeperError, match="nobody is known by this id"):
        erase(filled, COMPANY, "CUST-99999", asked(home), is_dry_run=True)
    with pytest.raises(ShopkeeperError, match="names the person") as refused:
        erase(filled, COMPANY, "CUST-00077", asked(home, f"{NAME} rang"), is_dry_run=True)
    assert NAME not in str(refused.value)
    with locks.exclusive(filled, locks.MARTS), pytest.raises(ShopkeeperError, match="another run is at work"):
        erase(filled, COMPANY, "CUST-00077", asked(home), is_dry_run=True)


def test_nothing_of_the_person_is_left_anywhere_and_nothing_of_others_is_lost(filled: sa.Engine, home: Path) -> None:
    # One table overlooked, one log, one frozen frame, and the letter that says "we have erased you" is a lie.
    handles = (str(key_of("p")), INVITATION)
    with filled.connect() as connection:
        found = connection.execute(sa.text("select order_id::text, signal_id::text from ops.work_orders where customer_id = 'CUST-00077'"))
        handles += tuple(found.one())
    before = everything(filled)
    assert giveaways(json.dumps(before, ensure_ascii=False), handles) >= {*GIVEAWAYS[:3], *GIVEAWAYS[4:6], *handles}, "the test sees them"
    done = erase(filled, COMPANY, "CUST-00077", asked(home), is_dry_run=False)

    after = everything(filled)
    assert {table: giveaways(" ".join(rows), handles) for table, rows in after.items()} == {table: set() for table in after}
    with filled.connect() as connection:
        sampled = connection.scalars(sa.text("select concat(most_common_vals, histogram_bounds) from pg_stats")).all()
        assert giveaways(" ".join(sampled)) == set(), "the planner's statistics quote values"
        for content in connection.scalars(sa.text("select content from quality.sites")):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                assert archive.namelist() == ["index.html", "other.html"]
                assert giveaways(archive.read("index.html").decode()) == set()
    for path in [*home.rglob("*"), home.parent / "postgres.log"]:
        if path.is_file():
            assert giveaways(path.read_text(errors="replace")) == set(), path
    assert (home / "airflow" / "logs" / "task.log").read_text().splitlines()[::2] == ["first", "last"]
    assert (home / "sites" / "report" / "index.html").read_text().endswith("<p>kept</p>")
    assert not (home / "sites" / "report" / "tables.xlsx").exists()
    assert [message["To"] for message in mailbox.Maildir(home / "inbox")] == ["c1@example.org"]

    # Others: no row fewer, and in their words only the passage is gone.
    others = re.compile(rf"\b([CI][12]|c[12]@example.org|LEAD1|{key_of('o')})\b")
    theirs = {row for rows in before.values() for row in rows if others.search(row) and not giveaways(row, handles)}
    assert len(theirs) > 20
    assert theirs - {row for rows in after.values() for row in rows} == {"(C1)", "(C2)"}, "of which the workshop's are made anew"
    said = next(row for row in after["pii.survey_responses"] if "sent me" in row)
    assert "[erased] sent me, tell [erased]" in said
    assert len(after["quality.wave_frames"]) == len(after["rejected.rows"]) == len(after["pii.contact_blocks"]) == 1
    assert "C1" in after["rejected.rows"][0]
    assert after["marts.nps_current"] == before["marts.nps_current"]
    assert "[erased]" in after["public.a_copy"][0]
    assert after["marts._applied_state"] == [], "the next build adds to nothing"

    # The receipt says how much and never who.
    with filled.connect() as connection:
        receipt = connection.execute(sa.text("select * from quality.erasures")).one()
    assert (receipt.reason, receipt.requested_by, receipt.proven_at) == (ASKED, "ann", NOW)
    assert receipt.removed == done.removed
    assert receipt.removed["raw.revenue"] == 1
    assert receipt.checked["tables"] > 100
    assert giveaways(json.dumps(dict(receipt._mapping), default=str, ensure_ascii=False)) == set()
    assert giveaways((home / "erasures.json").read_text(), handles) == set()
    assert (home / "erasures.json").stat().st_mode & 0o777 == 0o600

    # Whoever asks twice, or was not sure that it was done, is told that nothing is there.
    assert erase(filled, COMPANY, "CUST-00077", asked(home), is_dry_run=False).removed == {}


CRM = """
name: Small
timezone: Europe/Berlin
currency: EUR
"""
SOURCES = {
    "crm": {
        "entities": {
            "customers": {"path": "customers.csv", "full_snapshot": True},
            "interactions": {"path": "interactions.csv"},
            "calls": {"path": "calls.csv"},
            "survey_responses": {"path": "answers.csv", "constants": {"scale": "0-10"}},
        }
    }
}


def test_a_source_that_sends_the_person_again_is_met_by_the_list(warehouse: sa.Engine, home: Path, tmp_path: Path) -> None:
    # The CRM knows nothing of our erasure: tonight it sends the same rows again, corrected ones too, and a provider an answer that has
    # forgotten whose it is.
    company = tmp_path / "crm"
    company.mkdir()
    (company / "company.yml").write_text(CRM)
    (company / "sources.yml").write_text(yaml.safe_dump(SOURCES))

    def write(name: str, at: str, who: str = "") -> None:
        texts = {
            "customers": f"customer_id,full_name,email,joined_on,updated_at\nC1,Other,o@x.example,2020-01-01,{at}\n"
            f"CUST-00077,{name},{EMAIL},2020-01-01,{at}\nCUST-00077 ,{name},{EMAIL},someday,{at}\n",
            "interactions": f"interaction_id,customer_id,occurred_at,updated_at\nI1,C1,{at},{at}\nI77,CUST-00077,{at},{at}\n",
            "calls": f"call_id,interaction_id,updated_at\nK1,I1,{at}\nK77,I77,{at}\n",
            "answers": f"native_id,customer_id,interaction_id,responded_at,score,verbatim\nA1,C1,,{at},9,fine\n"
            f"RSP77,CUST-00077,,{at},2,{WORDS}\nRSP78,,I77,{at},3,{WORDS}\nRSP79,{who},,{at},4,\n",
        }
        for file, text in texts.items():
            (company / f"{file}.csv").write_text(text)

    folder = load(company, environ={})
    write(NAME, "2026-03-01 10:00:00", "CUST-00077")
    ingest(folder, now=NOW)
    erase(warehouse, folder.company, "CUST-00077", asked(home), is_dry_run=False)
    write(f"{NAME} Corrected", "2026-03-03 10:00:00")
    again = {batch.entity: batch for batch in ingest(folder, now=NOW + timedelta(days=1))}
    for batch in again.values():
        assert batch.rows_in == batch.accepted + batch.unchanged + batch.rejected
    assert {name: (one.rows_in, one.accepted, one.rejected, one.details["erased"]) for name, one in again.items()} == {
        "customers": (3, 1, 2, 2),
        "interactions": (2, 1, 1, 1),
        "calls": (2, 1, 1, 1),
        "survey_responses": (4, 1, 3, 3),
    }
    assert again["customers"].deleted == 0
    after = everything(warehouse)
    assert {table: giveaways(" ".join(rows), ("I77", "RSP7")) for table, rows in after.items()} == {table: set() for table in after}
    with warehouse.connect() as connection:
        told = connection.execute(sa.text("select entity, reason, times_seen, payload from rejected.rows order by entity")).all()
    assert [(row.entity, row.times_seen, row.payload) for row in told] == [
        ("calls", 1, {}),
        ("customers", 2, {}),
        ("interactions", 1, {}),
        ("survey_responses", 3, {}),
    ]
    assert {row.reason for row in told} == {"is about somebody who was erased"}


def test_counted_answers_stay_as_nobodys_where_the_company_says_so(filled: sa.Engine, home: Path) -> None:
    # A score that was published and acted on should not change because somebody left; nobody must be able to tell who it was.
    with filled.begin() as connection:
        connection.execute(
            sa.text("""
                create table marts.fct_survey_responses as
                select ops.stable_id('response', concat_ws(chr(31), provider, account, native_id)) as response_id, customer_id, programme,
                    'nps' as metric, 'transactional' as population, responded_at, responded_at::date as responded_on,
                    null::date as period_starts_on, cast(null as text) as excluded_reason
                from raw.survey_responses
            """)
        )
    company = COMPANY.model_copy(update={"privacy": Privacy(erased_answers="keep_anonymous")})
    done = erase(filled, company, "CUST-00077", asked(home), is_dry_run=False)
    assert done.kept_anonymous == 1
    with filled.connect() as connection:
        answers = connection.execute(sa.text("select * from raw.survey_responses where _source = 'erased'")).mappings().all()
        words = connection.scalar(sa.text("select count(*) from pii.survey_responses join raw.survey_responses using (_key)"))
    (kept,) = answers
    told = {name for name, value in kept.items() if value is not None}
    assert told == {
        *("_key", "_batch_id", "_source", "_row_number", "_is_deleted", "_row_hash", "_loaded_at"),
        *("provider", "native_id", "programme", "responded_at", "scale", "score", "is_complete"),
    }
    assert (kept["score"], kept["programme"], kept["provider"]) == (1, "transactional", "erased")
    assert kept["responded_at"] == datetime(2026, 3, 2, 23, tzinfo=UTC), "the day, in company time, and no hour"
    assert kept["_key"] != key_of("p")
    assert words == 1
    assert giveaways(json.dumps([dict(one) for one in answers], default=str), (str(key_of("p")), "i77")) == set()


def test_a_short_id_costs_nobody_else_a_word(warehouse: sa.Engine, tmp_path: Path) -> None:
    # Many companies number their customers 1, 2, 3: whoever removes every 7 destroys everybody's answers.
    put(warehouse, "customers", [customer("7", full_name="Lang"), customer("17", full_name="Peter Lang"), customer("8")])
    put(warehouse, "employees", [employee("7")])
    put(warehouse, "products", [{"product_id": "7", "name": "7"}])
    put(warehouse, "interactions", [interaction(number, number, NOW, product_id="7", employee_id="7") for number in ("7", "8")])
    land(warehouse, answer("o", 7, customer_id="8", interaction_id="8", verbatim="7", answers={"ease": "7", "of": 7}))
    land(warehouse, answer("w", 7, customer_id="8", interaction_id="8", verbatim="7 of 7, for lang and Lang"))
    of = {"source": "crm", "payload": {"id": "7"}, "reason": "r", "first_batch_id": 1, "last_batch_id": 1, "natural_key": "7"}
    with warehouse.begin() as connection:
        for entity in ("customers", "products"):
            connection.execute(sa.insert(REJECTED_ROWS).values(entity=entity, payload_hash=stable_id(entity, "7"), **of))
        connection.execute(
            sa.insert(RUNS).values(
                run_id="7", step="7", started_at=NOW, status="failed", summary={"customer": 7, "n": 7, "customer_ids": "17"}
            )
        )
    done = erase(warehouse, COMPANY, "7", asked(tmp_path / "home"), is_dry_run=False)
    assert done.removed == {"ops.runs": 1, "pii.customers": 1, "raw.customers": 1, "raw.interactions": 1, "rejected.rows": 1}
    after = everything(warehouse)
    assert len(after["raw.employees"]) == len(after["raw.products"]) == len(after["rejected.rows"]) == len(after["pii.employees"]) == 1
    assert sum("7 of 7, for lang and Lang" in row for row in after["pii.survey_responses"]) == 1
    assert sum('""ease"": ""7""' in row for row in after["raw.survey_responses"]) == 1
    assert '""n"": 7' in after["ops.runs"][0]
    assert '""customer"": ""[erased]""' in after["ops.runs"][0]
    assert '""customer_ids"": ""17""' in after["ops.runs"][0]
