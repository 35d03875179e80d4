"""What docs/providers.md tells people to write must work as written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from tests.survey.conftest import SENDER

from shopkeeper.company.load import load, load_programmes
from shopkeeper.errors import ShopkeeperError
from shopkeeper.survey.providers import ivr, problems, provider_for

PAGE = Path(__file__).parents[3] / "docs" / "providers.md"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
VARIABLES = {name: f"/tmp/{name}" for name in re.findall(r"\$\{(\w+)\}", PAGE.read_text())} | {"NAME": "x"}
VARIABLES |= {name: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" for name in VARIABLES if name.endswith("WEBHOOK_SECRET")}


def written(folder: Path, example: str) -> Path:
    (folder / "company.yml").write_text(yaml.safe_dump({"name": "B", "timezone": "Europe/Berlin", "currency": "EUR"}))
    crm = {"connection": "sqlite:///crm.db", "entities": {"customers": {"table": "customers"}}}
    (folder / "sources.yml").write_text(yaml.safe_dump({"crm": crm}))
    (folder / "programmes.yml").write_text(yaml.safe_dump({"sender": SENDER, **yaml.safe_load(example)}))
    return folder


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: re.findall(r"kind: (\w+)", example)[0])
def test_every_example_is_a_provider(tmp_path: Path, example: str) -> None:
    folder = load(written(tmp_path, example), environ=VARIABLES)
    [name] = folder.programmes.providers
    assert provider_for(folder, name).name == name
    assert problems(folder) == []


def test_there_is_an_example_of_each_kind() -> None:
    assert {re.findall(r"kind: (\w+)", example)[0] for example in EXAMPLES} == {"file_drop", "ivr", "formbricks", "limesurvey"}


def test_the_call_that_is_shown_is_understood() -> None:
    [shown] = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    call_id, _, kind = ivr.told_by(json.loads(shown), "docs")
    assert (call_id, kind) == ("I4711", "call.agreed")


def test_the_web_app_needs_no_secret_but_those_of_webhooks(tmp_path: Path) -> None:
    # The process that faces the world must not hold the keys of everything behind it.
    [example] = [each for each in EXAMPLES if "kind: formbricks" in each]
    secret = {"FORMBRICKS_WEBHOOK_SECRET": VARIABLES["FORMBRICKS_WEBHOOK_SECRET"]}
    programmes = load_programmes(written(tmp_path, example), environ=secret)
    assert programmes.providers["formbricks"].webhook_secret == secret["FORMBRICKS_WEBHOOK_SECRET"]
    assert programmes.providers["formbricks"].api_key == "${FORMBRICKS_API_KEY}"
    with pytest.raises(ShopkeeperError, match="FORMBRICKS_WEBHOOK_SECRET is not set"):
        load_programmes(tmp_path, environ={})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"api_key": None}, "api_key: is missing"),
        ({"survey_id": None}, "survey_id: is missing"),
        ({"url": None}, "url: is missing"),
        ({"webhook_secret": "not secret"}, "webhook_secret: is no Base64"),
        ({"questions": {"first_question": "verbatim"}}, "none of them is the score"),
        ({"kind": "limesurvey"}, "survey_id: is no number"),
    ],
)
def test_a_setting_that_is_missing_is_named(tmp_path: Path, change: dict[str, object], why: str) -> None:
    # Without a declared score, the first question would have to be taken for it, and somebody's shoe size becomes the NPS.
    [example] = [each for each in EXAMPLES if "kind: formbricks" in each]
    parts = yaml.safe_load(example)
    parts["providers"]["formbricks"] = {k: v for k, v in (parts["providers"]["formbricks"] | change).items() if v is not None}
    folder = load(written(tmp_path, yaml.safe_dump(parts)), environ=VARIABLES)
    with pytest.raises(ShopkeeperError, match=why):
        provider_for(folder, "formbricks")
    assert len(problems(folder)) == 1
