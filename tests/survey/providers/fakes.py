"""Formbricks and LimeSurvey as their published contracts say they behave, with the traps of the real ones to be switched on.

Real HTTP servers on loopback. Sources: Formbricks' OpenAPI of the management API v2, and LimeSurvey's remotecontrol_handle.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Reply = tuple[int, dict[str, str], bytes]


def reply(body: Any, status: int = 200, **headers: str) -> Reply:
    return status, {"content-type": "application/json", **headers}, json.dumps(body).encode()


@contextmanager
def serving(answer: Callable[[str, str, dict[str, str], bytes], Reply | None]) -> Iterator[str]:
    """Serve until the block ends; None as an answer breaks the connection off."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet

        def handle(self) -> None:
            with suppress(BrokenPipeError, ConnectionResetError):  # a client that has lost its patience
                super().handle()

        def serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            told = answer(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            if told is None:
                self.close_connection = True
                return
            status, headers, content = told
            self.send_response_only(status)
            for name, value in {**headers, "content-length": str(len(content))}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = serve  # noqa: N815

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


class FakeFormbricks:
    """`GET …/responses`, sorted, filtered and paged by offset; `PUT …/contacts/bulk`."""

    KEY, SURVEY, ENVIRONMENT = "fbk_secret", "clsurvey0001", "clenvironment01"

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.contacts: dict[str, dict[str, str]] = {}
        self.requests: list[dict[str, str]] = []
        self.largest_page = 250  # a server may cap pages and not say so
        self.before: list[Callable[[], Reply | str | None]] = []  # taken one per request: an answer instead, or "go on"
        self.after_page: Callable[[int], None] = lambda number: None
        self.conflicting: set[str] = set()

    def put(self, native_id: str, updated: str | None, data: dict[str, Any], *, finished: bool = True, **more: Any) -> None:
        usual = {"id": native_id, "createdAt": updated or more.get("createdAt"), "updatedAt": updated, "finished": finished}
        usual |= {"surveyId": self.SURVEY, "contactId": None, "ttc": {}, "meta": {}, "language": "default", "displayId": None}
        self.rows[native_id] = {**usual, "data": data, **more}

    def __call__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply | None:
        if headers.get("x-api-key") != self.KEY:
            return reply({"error": {"code": 401, "message": "Unauthorized"}}, 401)
        if self.before and (instead := self.before.pop(0)()) != "go on":
            return instead  # type: ignore[return-value]
        url = urlsplit(path)
        if (method, url.path) == ("GET", "/api/v2/management/responses"):
            return self._responses({name: values[0] for name, values in parse_qs(url.query).items()})
        if (method, url.path) == ("PUT", "/api/v2/management/contacts/bulk"):
            return self._contacts(json.loads(body))
        return reply({"error": {"code": 404, "message": "Not Found", "details": []}}, 404)

    def _responses(self, asked: dict[str, str]) -> Reply:
        self.requests.append(asked)
        limit, skip = int(asked.get("limit", 50)), int(asked.get("skip", 0))
        if not 1 <= limit <= 250:
            return reply({"error": {"code": 400, "message": "Bad Request", "details": []}}, 400)
        field, by = asked.get("filterDateField", "createdAt"), asked.get("sortBy", "createdAt")

        def at(row: dict[str, Any], column: str) -> datetime:
            return moment(row[column] or row["createdAt"])

        found = [
            row
            for row in self.rows.values()
            if row["surveyId"] == asked.get("surveyId", row["surveyId"])
            and ("startDate" not in asked or at(row, field) >= moment(asked["startDate"]))
            and ("endDate" not in asked or at(row, field) <= moment(asked["endDate"]))
        ]
        found.sort(key=lambda row: at(row, by), reverse=asked.get("order", "desc") == "desc")
        page = [dict(row) for row in found[skip : skip + min(limit, self.largest_page)]]
        self.after_page(len(self.requests))
        return reply({"data": page, "meta": {"total": len(found), "limit": limit, "offset": skip}})

    def _contacts(self, told: dict[str, Any]) -> Reply:
        contacts = [{each["attributeKey"]["key"]: each["value"] for each in one["attributes"]} for one in told["contacts"]]
        emails = [one.get("email") for one in contacts]
        if told.get("environmentId") != self.ENVIRONMENT or len(contacts) > 250 or None in emails or len(set(emails)) < len(emails):
            return reply({"error": {"code": 400, "message": "Bad Request", "details": []}}, 400)
        skipped = [
            {"index": place, "userId": one.get("userId")} for place, one in enumerate(contacts) if one.get("userId") in self.conflicting
        ]
        self.contacts |= {one["email"]: one for one in contacts if one.get("userId") not in self.conflicting}
        if skipped:
            return reply({"data": {"status": "success", "message": "partially", "meta": {"skippedContacts": skipped}}}, 207)
        return reply({"data": {"status": "success", "message": "all"}})


class FakeLimeSurvey:
    """RemoteControl 2: participants, invitations of some fifty at a time, exports by id."""

    USER, PASSWORD, SURVEY = "shop", "lime_secret", 4711
    META = ("id", "submitdate", "lastpage", "startlanguage", "seed", "token", "startdate", "datestamp")

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, Any]] = {}
        self.participants: dict[int, dict[str, Any]] = {}
        self.keys: set[str] = set()
        self.mails: list[tuple[str, int]] = []  # (invite or remind, tid)
        self.calls: list[str] = []
        self.max_emails = 50
        self.most_listed = 1000
        self.wrapped = False  # older versions: each answer in an object of its own
        self.before: dict[str, list[Callable[[], Any]]] = {}  # method → results instead, one per call
        self.break_after: set[str] = set()  # done, but the answer never arrives
        self.undeliverable: set[str] = set()

    def put(self, number: int, submitted: str | None, **answers: Any) -> None:
        meta = {"id": str(number), "submitdate": submitted, "lastpage": "1", "startlanguage": "de", "seed": "1", "token": None}
        self.rows[number] = {**meta, "startdate": submitted, "datestamp": submitted, **answers}

    def __call__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply | None:
        if path != "/index.php/admin/remotecontrol":
            return 200, {"content-type": "text/html"}, b"<html>Welcome</html>"
        asked = json.loads(body)
        name, arguments = asked["method"], asked["params"]
        self.calls.append(name)
        if planned := self.before.get(name):
            result = planned.pop(0)()
        elif name == "get_session_key":
            good = arguments == [self.USER, self.PASSWORD]
            result = f"key{len(self.calls)}" if good else {"status": "Invalid user name or password"}
            self.keys |= {result} if good else set()
        elif arguments[0] not in self.keys:
            result = {"status": "Invalid session key"}
        elif name != "release_session_key" and arguments[1] != self.SURVEY:
            result = {"status": "Error: Invalid survey ID"}
        else:
            result = getattr(self, name)(*arguments)
        if name in self.break_after:
            self.break_after.remove(name)
            return None
        return reply({"id": asked["id"], "result": result, "error": None})

    def release_session_key(self, key: str) -> str:
        self.keys.discard(key)
        return "OK"

    def export_responses(  # noqa: PLR0917
        self, key: str, survey: int, kind: str, language: Any, state: str, heading: str, answer: str, first: Any = None, last: Any = None
    ) -> Any:
        if not self.rows:
            return {"status": "No Data, could not get max id."}
        chosen = [row for number, row in sorted(self.rows.items()) if (first or 1) <= number <= (last or max(self.rows))]
        content = [{row["id"]: row} for row in chosen] if self.wrapped else chosen
        return base64.b64encode(json.dumps({"responses": content}).encode()).decode()

    def add_participants(self, key: str, survey: int, people: list[dict[str, Any]], create_token: bool = True) -> Any:
        told = []
        for one in people:
            if any(one["token"] == other["token"] for other in self.participants.values()):
                told.append({**one, "errors": {"token": [f"Token {one['token']} has already been taken."]}})
            elif "@" not in one["email"]:
                told.append({**one, "errors": {"email": [f"{one['email']} is no valid address."]}})
            else:
                tid = len(self.participants) + 1
                self.participants[tid] = {**one, "tid": str(tid), "sent": "N", "remindersent": "N", "completed": "N", "emailstatus": "OK"}
                told.append(dict(self.participants[tid]))
        return told

    def list_participants(  # noqa: PLR0917
        self, key: str, survey: int, start: int = 0, limit: int = 10, unused: bool = False, attributes: Any = False, conditions: Any = ()
    ) -> Any:
        found = [
            one for _, one in sorted(self.participants.items()) if all(one.get(name) == value for name, value in dict(conditions).items())
        ][start : start + min(limit, self.most_listed)]
        info = ("firstname", "lastname", "email")
        return [
            {"tid": one["tid"], "token": one["token"], "participant_info": {name: one[name] for name in info}}
            | {name: one[name] for name in attributes or ()}
            for one in found
        ] or {"status": "No survey participants found."}

    def _mail(self, kind: str, tids: list[int], column: str) -> Any:
        candidates = [tid for tid in tids if self.participants[tid]["emailstatus"] == "OK" and self.participants[tid]["completed"] == "N"]
        candidates = [tid for tid in candidates if (self.participants[tid]["sent"] == "N") == (kind == "invite")]
        if not candidates:
            return {"status": "Error: No candidate tokens"}
        told: dict[str, Any] = {}
        for tid in candidates[: self.max_emails]:
            one = self.participants[tid]
            if one["email"] in self.undeliverable:
                told[str(tid)] = {"name": one["lastname"], "email": one["email"], "status": "fail", "error": f"{one['email']} was refused"}
                one["emailstatus"] = "bounced"
                continue
            self.mails.append((kind, tid))
            one[column] = "2026-03-01 10:00"
            told[str(tid)] = {"name": one["lastname"], "email": one["email"], "status": "OK"}
        return {**told, "status": f"{len(candidates) - len(told)} left to send"}

    def invite_participants(self, key: str, survey: int, tids: list[int], pending: bool = True) -> Any:
        return self._mail("invite", tids, "sent")

    def remind_participants(self, key: str, survey: int, days: Any, most: Any, tids: list[int]) -> Any:
        return self._mail("remind", tids, "remindersent")
