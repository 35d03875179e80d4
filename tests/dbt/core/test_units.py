"""The unit tests that stand beside the models, run on a warehouse where every model has been built once."""

from __future__ import annotations

from world import World, at, run_dbt

PARTS = ("intermediate/customers", "intermediate/org", "intermediate/responses", "marts/responses", "marts/nps")


def test_every_model_builds_and_passes_its_tests_on_an_empty_company_and_so_do_the_unit_tests(world: World) -> None:
    world.batch("survey_responses", [])
    world.build(at("2026-02-01"))
    ran = run_dbt(world.folder, "test", "--select", *(f"models/{part},test_type:unit" for part in PARTS))
    assert len(ran) == 7, ran
