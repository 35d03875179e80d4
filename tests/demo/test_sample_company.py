"""The sample company's folder: it loads what the simulator writes, rejecting what was planted and nothing else."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from shopkeeper.company.load import load
from shopkeeper.demo import SimulationConfig, fill, truth, value
from shopkeeper.demo.population import TENURE_BANDS, TENURE_EDGES
from shopkeeper.warehouse.embedded import Server

CONFIG = SimulationConfig(customers=1_500, fault_share=0.05)


@pytest.fixture
def environment(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name in ("sample_crm", "sample_finance"):
        server.create_database(name)
    settings = {"CRM_URL": server.url("sample_crm"), "FINANCE_URL": server.url("sample_finance"), "SURVEY_HISTORY": str(tmp_path)}
    for name, setting in settings.items():
        monkeypatch.setenv(name, setting)
    monkeypatch.delenv("SHOPKEEPER_COMPANY", raising=False)
    return settings


def test_company_and_simulator_agree(environment: dict[str, str]) -> None:
    """What stands in company.yml and what the simulator plants are written twice; they must not drift apart."""
    company = load().company
    rates = {currency: {day.isoformat(): rate for day, rate in given.items()} for currency, given in company.exchange_rates.items()}
    assert rates == {currency: {day: Decimal(str(rate)) for day, rate in given.items()} for currency, given in value.EXCHANGE_RATES.items()}
    assert [band.name for band in company.resolution_bands] == list(truth.RESOLUTION_BANDS)
    assert [band.below for band in company.resolution_bands][:-1] == list(truth.RESOLUTION_EDGES_HOURS)
    assert [band.name for band in company.tenure_bands] == list(TENURE_BANDS)
    assert [band.below for band in company.tenure_bands][:-1] == list(TENURE_EDGES)
    assert company.timezone == "Europe/Berlin"


def test_the_folder_loads_with_the_planted_faults_and_no_others(environment: dict[str, str], tmp_path: Path, warehouse: sa.Engine) -> None:
    from shopkeeper.sources.ingest import ingest

    filled = fill(CONFIG, environment["CRM_URL"], environment["FINANCE_URL"], tmp_path)
    loaded = ingest(load(), groups=None, interval=None, now=CONFIG.as_of, run_id=None)
    results = {result.entity: result for result in loaded if result.source != "staff_survey"}
    planted: Counter[tuple[str, str]] = Counter()
    for fault in filled.truth["faults"]:
        planted[(fault["entity"], fault["fate"])] += fault["rows"]
    for entity, result in results.items():
        assert result.rows_in == result.accepted + result.unchanged + result.rejected
        assert result.rows_in > 0 or entity == "contact_outcomes", "nobody has called anybody back yet"
        assert result.rejected == planted[(entity, "rejected")], entity
        assert result.unchanged == planted[(entity, "superseded")], entity
    assert set(results) == set(load().sources["crm"].entities) | set(load().sources["finance"].entities) | {
        "survey_responses",
        "survey_invitations",
        "benchmark_responses",
    }
    (staff,) = (result for result in loaded if result.source == "staff_survey")
    assert (staff.rows_in, staff.accepted) == (sum(survey["answers"] for survey in filled.truth["employees"]),) * 2
    with warehouse.connect() as connection:
        counted = connection.execute(sa.text("select count(*) from raw.survey_responses where _flags like '%score_trimmed%'")).scalar_one()
        assert counted == next(f["rows"] for f in filled.truth["faults"] if f["fault"] == "score_10_with_blank")
        unknown = connection.execute(
            sa.text(
                "select count(*) from raw.survey_responses r left join raw.customers c using (customer_id) "
                "where r.customer_id is not null and c.customer_id is null"
            )
        ).scalar_one()
        assert unknown == next(f["rows"] for f in filled.truth["faults"] if f["fault"] == "unknown_customer")
        early = connection.execute(
            sa.text(
                "select count(*) from raw.survey_responses r join raw.survey_invitations i using (invitation_id) "
                "where r.responded_at < i.sent_at"
            )
        ).scalar_one()
        assert early == 0, "times of the two files are read in the same clock"
        of_customers = "select count(*) from raw.survey_responses where score is not null and programme <> 'employees'"
        answered = connection.execute(sa.text(of_customers)).scalar_one()
        counts = filled.truth["counts"]
        assert answered == counts["answers_relationship"] + counts["answers_transactional"] + unknown
