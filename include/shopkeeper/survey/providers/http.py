"""An API over HTTP: patient where waiting helps, and with an explanation for everything that can go wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from shopkeeper.errors import ShopkeeperError, fail
from shopkeeper.survey.providers.base import Unanswered

Sleep = Callable[[float], None]
TRIES = 5
LONGEST_WAIT = 300.0  # seconds, over all tries of one request
TIMEOUT = httpx.Timeout(60, connect=10)


class Api:
    """One API. `where` names it in errors; neither its secrets nor what it answers ever stand in one."""

    def __init__(
        self, where: str, url: str, *, headers: Mapping[str, str] | None = None, timeout: httpx.Timeout = TIMEOUT, sleep: Sleep = time.sleep
    ) -> None:
        self.where, self.url, self.sleep = where, url.rstrip("/"), sleep
        self.client = httpx.Client(headers=dict(headers or {}), timeout=timeout)

    def close(self) -> None:
        self.client.close()

    def call(self, method: str, path: str, *, repeatable: bool, params: Mapping[str, Any] | None = None, json: Any = None) -> Any:
        """The JSON of a successful answer.

        What was asked too often (429), and what certainly never arrived, is tried again after a while; a broken connection or
        a failing server (5xx) only where the request may be repeated. Raises Unanswered where it may not, and ShopkeeperError
        for a refusal, an answer that is no JSON, or when patience ends.
        """
        waited = 0.0
        for attempt in range(1, TRIES + 1):
            wait = float(2 ** (attempt - 1))
            try:
                response = self.client.request(method, self.url + path, params=params, json=json)
            except httpx.HTTPError as error:
                why = broken(error)
                if not repeatable and not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
                    raise Unanswered(fail(self.where, f"{why} while invitations were handed over").problems) from None
            except httpx.InvalidURL:
                raise fail(f"{self.where} › url", "is no web address", "write https://…") from None
            else:
                if response.status_code == 429 or (response.status_code == 503 and "retry-after" in response.headers):
                    wait, why = retry_after(response, wait), "it asks us to come back later"
                elif response.status_code >= 500:
                    why = f"it failed (status {response.status_code})"
                    if not repeatable:
                        raise Unanswered(fail(self.where, f"{why} while invitations were handed over").problems)
                else:
                    return self._read(response)
            if attempt == TRIES or waited + wait > LONGEST_WAIT:
                raise fail(self.where, why, "nothing is lost: the next run reads on from here")
            waited += wait
            self.sleep(wait)
        raise AssertionError("unreachable")

    def _read(self, response: httpx.Response) -> Any:
        if response.status_code in (401, 403):
            raise fail(self.where, "it does not let us in", "see that the key or password is right and may read this survey")
        if response.status_code == 404:
            raise fail(self.where, "there is no such survey or address", "correct url and survey_id")
        if not response.is_success:
            raise fail(self.where, f"it refused the request (status {response.status_code})", "see that url and survey_id are right")
        try:
            return response.json()
        except ValueError:
            raise fail(self.where, "its answer is no JSON", "see that url leads to the API and not to a page or a proxy's login") from None


def broken(error: httpx.HTTPError) -> str:
    """What went wrong on the way, in our words."""
    if isinstance(error, httpx.TimeoutException):
        return "it does not answer in time"
    return "it cannot be reached" if isinstance(error, httpx.ConnectError) else "the connection broke"


def retry_after(response: httpx.Response, otherwise: float) -> float:
    """Seconds that the server asks us to wait: given as such, or as a time on its own clock."""
    asked = response.headers.get("retry-after", "")
    if asked.isdigit():
        return float(asked)
    try:
        until, now = parsedate_to_datetime(asked), parsedate_to_datetime(response.headers["date"])
        return max(float((until - now).total_seconds()), 0.0)
    except (KeyError, TypeError, ValueError):
        return otherwise


def needed(where: str, setting: str, value: str | None) -> str:
    """A setting that this kind of provider cannot do without."""
    if not value:
        raise missing(where, setting)
    return value


def missing(where: str, setting: str) -> ShopkeeperError:
    return fail(f"{where} › {setting}", "is missing", "add it; docs/providers.md has an example")
