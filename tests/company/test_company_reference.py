"""A key that the documentation does not know, or a documented key that is gone, costs the reader an afternoon."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from shopkeeper.company import config, reference

PAGE = Path(__file__).parents[2] / "docs" / "company-folder.md"


def test_the_page_holds_the_reference_made_from_the_models() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == reference.rewritten(page), "run: python -m shopkeeper.company.reference docs/company-folder.md"


def models(model: type[BaseModel] = config.Model) -> list[type[BaseModel]]:
    return [found for child in model.__subclasses__() for found in (child, *models(child))]


@pytest.mark.parametrize("model", [m for m in models() if m not in (config.CompanyFolder, config.FileFormat)])
def test_every_model_has_a_section_and_every_key_a_meaning(model: type[BaseModel]) -> None:
    assert model in [documented for _, documented in reference.SECTIONS]
    assert [name for name, field in model.model_fields.items() if not field.description] == []
