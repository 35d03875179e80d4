"""Two teams of one branch, and answers of customers whom their people served: what tests of coaching, huddles and disputes stand on."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

# Who works where, who is the supervisor, and who leads.
PEOPLE = {
    "boss": ("/HQ/", None, True),
    "manager": ("/HQ/B1/", "boss", True),
    "leader_1": ("/HQ/B1/T1/", "manager", True),
    "ada": ("/HQ/B1/T1/", "leader_1", False),
    "ben": ("/HQ/B1/T1/", "leader_1", False),
    "leader_2": ("/HQ/B1/T2/", "manager", True),
    "cleo": ("/HQ/B1/T2/", "leader_2", False),
}


def settle(engine: sa.Engine) -> None:
    """Everybody is in the directory; one has left."""
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                """
                insert into ops.directory (employee_id, org_unit_id, unit_path, manager_id, role, leads, is_here, locale)
                values (:id, :unit, :path, :manager, :role, :leads, :here, 'en')
                """
            ),
            [
                {
                    "id": name,
                    "unit": path.rstrip("/").rsplit("/", 1)[-1],
                    "path": path,
                    "manager": manager,
                    "role": "leads" if leads else "adviser",
                    "leads": leads,
                    "here": True,
                }
                for name, (path, manager, leads) in PEOPLE.items()
            ]
            + [{"id": "gone", "unit": None, "path": None, "manager": None, "role": None, "leads": False, "here": False}],
        )


def answered(
    engine: sa.Engine, name: str, employee: str, at: datetime, *, score: int = 3, words: str | None = None, status: str = "passed"
) -> str:
    """A customer whom `employee` served the day before has answered; returns the answer's key. `status` is its batch's."""
    unit = PEOPLE[employee][0].rstrip("/").rsplit("/", 1)[-1]
    given = {
        "name": name,
        "employee": employee,
        "unit": unit,
        "served": at - timedelta(days=1),
        "at": at,
        "score": score,
        "words": words or f"words of {name}",
    }
    with engine.begin() as connection:
        given["visits"] = a_batch(connection, "interactions", at, "passed")
        given["batch"] = a_batch(connection, "survey_responses", at, status)
        connection.execute(
            sa.text(
                """
                insert into raw.interactions (
                    _key, _batch_id, interaction_id, customer_id, occurred_at, interaction_type, employee_id, org_unit_id, updated_at,
                    _source, _row_number, _row_hash, _loaded_at
                )
                values (
                    ops.stable_id('interactions:crm', 'I-' || :name), :visits, 'I-' || :name, 'C-' || :name, :served, 'claim', :employee,
                    :unit, :served, 'crm', 1, gen_random_uuid(), :at
                )
                """
            ),
            given,
        )
        key = connection.scalar(
            sa.text(
                """
                insert into raw.survey_responses (
                    _key, _batch_id, provider, account, native_id, customer_id, interaction_id, programme, responded_at, scale, score,
                    is_complete, updated_at, _source, _row_number, _row_hash, _loaded_at
                )
                values (
                    ops.stable_id('survey_responses:them', concat_ws(chr(31), 'them', '', cast(:name as text))), :batch, 'them', '', :name,
                    'C-' || :name, 'I-' || :name, 'transactional', :at, '0-10', :score, true, :at, 'them', 1, gen_random_uuid(), :at
                )
                returning cast(_key as text)
                """
            ),
            given,
        )
        connection.execute(
            sa.text(
                """
                insert into pii.survey_responses (_key, _batch_id, verbatim, updated_at, _pii_hash, _loaded_at)
                values (cast(:key as uuid), :batch, :words, :at, gen_random_uuid(), :at)
                """
            ),
            {**given, "key": key},
        )
    assert isinstance(key, str)
    return key


def a_batch(connection: sa.Connection, entity: str, at: datetime, status: str) -> int:
    batch = connection.scalar(
        sa.text(
            """
            insert into ops.batches (entity, source, kind, loaded_at, rows_in, accepted, unchanged, rejected, status)
            values (:entity, :source, 'window', :at, 1, 1, 0, 0, :status) returning batch_id
            """
        ),
        {"entity": entity, "source": "crm" if entity == "interactions" else "them", "at": at, "status": status},
    )
    assert isinstance(batch, int)
    return batch
