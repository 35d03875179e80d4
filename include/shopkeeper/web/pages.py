"""Pages: templates and the texts around the questions, in the customer's language."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from shopkeeper.company.programmes import LOCALES
from shopkeeper.survey.wording import language

STATIC = {
    "mark.svg": "image/svg+xml",
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "desk.css": "text/css; charset=utf-8",
}

# What is refused, and with which status.
REFUSALS = {
    "bad_request": 400,
    "not_found": 404,
    "wrong_method": 405,
    "answered": 409,
    "expired": 410,
    "too_large": 413,
    "too_many": 429,
    "failed": 500,
    "unavailable": 503,
}
_BY_STATUS = {status: name for name, status in REFUSALS.items()}


class Refused(Exception):
    """A request that gets a page saying why not. `locale` is the customer's where it is known; `form` is kept for another try."""

    def __init__(
        self, name: str, locale: str | None = None, *, retry_after: int | None = None, form: Mapping[str, str] | None = None
    ) -> None:
        self.name, self.locale, self.retry_after, self.form = name, locale, retry_after, form or {}
        super().__init__(name)


class Pages:
    """Renders every page for one company. Addresses in them are relative, so that a proxy may put the app under any path."""

    def __init__(self, company: str) -> None:
        self.company = company
        self._environment = Environment(
            loader=PackageLoader("shopkeeper.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals |= {"company": company, "versions": {name: version(name) for name in STATIC}}

    def page(
        self, template: str, locale: str, status: int = 200, *, root: str = "../", is_test: bool = False, **values: Any
    ) -> HTMLResponse:
        """`root` leads from the page's address to the app's. `is_test` says on the page that nothing is recorded.

        `say(key, …)` in a template is a text of this language, with {company} and the given values in place.
        """
        spoken = language(locale)

        def say(key: str, **inserted: object) -> str:
            return _say(_texts()[spoken][key], company=self.company, **inserted)

        rendered = self._environment.get_template(f"{template}.html.j2").render(say=say, lang=spoken, root=root, is_test=is_test, **values)
        return HTMLResponse(rendered, status)

    async def refuse(self, request: Request, why: Exception) -> Response:
        """Starlette's handler for Refused, for what Starlette itself refuses, and for our own faults.

        Programs, which post to webhooks, get a line of text in place of a page.
        """
        if isinstance(why, HTTPException) and request.scope["path"].startswith("/webhooks/"):
            return PlainTextResponse(f"{why.detail}\n", why.status_code, why.headers)
        refused = why if isinstance(why, Refused) else Refused("failed")
        status, headers = REFUSALS[refused.name], {}
        if isinstance(why, HTTPException):
            status, headers = why.status_code, dict(why.headers or {})
            refused = Refused(_BY_STATUS.get(status, "bad_request"))
        if refused.retry_after is not None:
            headers["retry-after"] = str(refused.retry_after)
        spoken = language(refused.locale or browser_language(request.headers.get("accept-language", "")))
        title, text = _texts()[spoken]["refusals"][refused.name]
        root = "../" * (request.scope["path"].count("/") - 1) or "./"
        is_passing = refused.name in ("unavailable", "too_many", "failed")
        response = self.page("message", spoken, status, root=root, title=title, text=text, form=refused.form, is_passing=is_passing)
        response.headers.update(headers)
        return response


def browser_language(accepted: str) -> str:
    """The first language of an Accept-Language header that there is a wording for, by its weights; else English."""
    wanted: list[tuple[float, str]] = []
    for part in accepted.split(",")[:20]:
        name, _, weight = part.strip().partition(";q=")
        try:
            wanted.append((-float(weight or 1), name.split("-", maxsplit=1)[0].lower()))
        except ValueError:
            continue
    return next((name for _, name in sorted(wanted, key=lambda pair: pair[0]) if name in LOCALES), "en")


async def static(request: Request) -> Response:
    """The style sheet and the script. Their addresses carry their version, so a browser may keep them."""
    name = request.path_params["name"]
    if name not in STATIC:
        raise HTTPException(404)
    return Response(_static(name), headers={"content-type": STATIC[name], "cache-control": "public, max-age=31536000, immutable"})


def _say(text: str, **inserted: object) -> str:
    for name, value in inserted.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


@cache
def _texts() -> dict[str, dict[str, Any]]:
    read: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("texts.yml").read_text(encoding="utf-8"))
    return read


@cache
def _static(name: str) -> bytes:
    return (Path(__file__).parent / "static" / name).read_bytes()


def version(name: str) -> str:
    """Changes with a static file's content, so that a browser may keep each version for ever."""
    return hashlib.sha256(_static(name)).hexdigest()[:12]
