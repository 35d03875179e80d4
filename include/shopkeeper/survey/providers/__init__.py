"""Providers: others who send surveys or collect answers, behind one small interface (`base.Provider`)."""

from __future__ import annotations

import time

from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import Problem, ShopkeeperError, fail
from shopkeeper.survey.providers import standard_webhooks
from shopkeeper.survey.providers.base import Provider
from shopkeeper.survey.providers.http import Sleep

__all__ = ["Provider", "problems", "provider_for"]


def provider_for(folder: CompanyFolder, name: str, *, sleep: Sleep = time.sleep) -> Provider:
    """The provider of that name in programmes.yml. Nothing is connected to.

    Raises ShopkeeperError for a name that is not there, and for settings that its kind cannot do without.
    """
    from shopkeeper.survey.providers.file_drop import FileDrop
    from shopkeeper.survey.providers.formbricks import Formbricks
    from shopkeeper.survey.providers.ivr import Ivr
    from shopkeeper.survey.providers.limesurvey import LimeSurvey

    where = f"programmes.yml › providers › {name}"
    declared = folder.programmes.providers.get(name)
    if declared is None:
        raise fail(where, "there is no such provider", f"known here: {', '.join(folder.programmes.providers) or 'none'}")
    if name in folder.sources:
        raise fail(where, "is the name of a source in sources.yml too", "choose another name: answers are told apart by it")
    if "score" not in declared.questions.values():
        raise fail(f"{where} › questions", "none of them is the score", "add the provider's own name of that question: {…: score}")
    if declared.webhook_secret:
        standard_webhooks.usable(where, declared.webhook_secret)
    match declared.kind:
        case "file_drop":
            return FileDrop(folder, name)
        case "ivr":
            return Ivr(folder, name)
        case "formbricks":
            return Formbricks(folder, name, sleep=sleep)
        case "limesurvey":
            return LimeSurvey(folder, name, sleep=sleep)


def problems(folder: CompanyFolder) -> list[Problem]:
    """What is wrong with the providers' settings, all of it; for `./shopkeeper check`."""
    found: list[Problem] = []
    for name in folder.programmes.providers:
        try:
            provider_for(folder, name)
        except ShopkeeperError as error:
            found += error.problems
    return found
