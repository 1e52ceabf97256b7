"""Rows of KoboToolbox and ODK Central as their servers send them, in any number: real interviews of the sample, renamed.

Some hundred interviews are held through the real form and sent to the project's own test servers; what these answer is
the pattern. Each further row is one of them with numbers, ids, code and receipt of its own.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from connector import new_code
from shakti.demo.central_server import CentralServer
from shakti.demo.kobo_server import KoboServer
from shakti.demo.loopback import LoopbackServer, Request
from shakti.demo.sample import EVALUATION, make_sample
from xlsforms import load_form

FORMS = Path(__file__).resolve().parent.parent / "xlsforms"
NOW = dt.datetime(2026, 11, 23, 6, 0, tzinfo=dt.UTC)
TOKEN = "f" * 40
EMAIL, PASSWORD = "reader@example.org", "invented for the benchmark"
PATTERNS = 300
FIRST = 100_000_000  # the number before the first row's
# What differs from row to row, as placeholders of the same length as what stands there.
NUMBER, NAME, CODE, RECEIPT = "@NUMBER@@", "@" * 36, "@CODE@@@@@", "@RECEIPT@@"


@dataclass(frozen=True)
class Platform:
    """What a replaying server needs: the patterns of rows, whole and narrow, and answers to everything else by path."""

    patterns: tuple[bytes, ...]
    narrow: tuple[bytes, ...]
    answers: dict[str, bytes]
    form: str


def row(pattern: bytes, number: int) -> bytes:
    """The number-th row: numbers from 1, nine digits; ids in the order of the numbers."""
    name = f"0b0b0b0b-0000-4000-8000-{number:012d}"
    return (
        pattern.replace(NUMBER.encode(), b"%d" % (FIRST + number))
        .replace(NAME.encode(), name.encode())
        .replace(CODE.encode(), new_code(number % 60_000).encode())
        .replace(RECEIPT.encode(), b"%d" % (4_000_000_000 + number))
    )


def kobo() -> Platform:
    """KoboToolbox with one asset."""
    with KoboServer(clock=lambda: NOW, token=TOKEN) as server:
        uid = server.deploy(FORMS / f"{EVALUATION}.xlsx")
        for xml in _interviews():
            server.submit(xml, submitted_at=NOW)
        ask = _asker(server, {"authorization": f"Token {TOKEN}"})
        base = f"/api/v2/assets/{uid}/"
        rows = ask(base + "data/", {"format": "json", "limit": "1000"})["results"]
        fields = json.dumps(["_id", "_uuid", "_validation_status"])
        narrow = ask(base + "data/", {"format": "json", "limit": "1000", "fields": fields})["results"]
        versions = {str(one["__version__"]) for one in rows}
        paths = [base, *(f"{base}versions/{version}/" for version in versions)]
        answers = {path: json.dumps(ask(path, {"format": "json"})).encode() for path in paths}
    wide = tuple(
        _pattern(one, str(one["_uuid"]), one.get("survivor_code"), one.get("receipt")) for one in rows
    )
    slim = tuple(_pattern(one, str(one["_uuid"]), None, None) for one in narrow)
    return Platform(wide, slim, answers, uid)


def central() -> Platform:
    """ODK Central with one project and one form."""
    with CentralServer(clock=lambda: NOW, email=EMAIL, password=PASSWORD) as server:
        form = server.deploy(FORMS / f"{EVALUATION}.xlsx")
        project = server.project.id
        for xml in _interviews():
            server.submit(xml, created_at=NOW)
        login = json.dumps({"email": EMAIL, "password": PASSWORD}).encode()
        request = Request("POST", "/v1/sessions", (), {"content-type": "application/json"}, login)
        session = server.handle(request).body
        ask = _asker(server, {"authorization": f"Bearer {json.loads(session)['token']}"})
        path = f"/v1/projects/{project}/forms/{form}"
        rows = ask(f"{path}.svc/Submissions", {"$expand": "*"})["value"]
        version = str(rows[0]["__system"]["formVersion"])
        xml = server.handle(Request("GET", f"{path}/versions/{version}.xml", (), ask.headers, b"")).body
    patterns = tuple(
        _pattern(one, str(one["__id"]).removeprefix("uuid:"), one.get("survivor_code"), one.get("receipt"))
        for one in rows
    )
    return Platform(
        patterns,
        (),
        {"/v1/sessions": session, f"{path}/versions/{version}.xml": xml},
        f"{path}.svc/Submissions",
    )


class _asker:  # noqa: N801 - a function with something in its pocket
    def __init__(self, server: LoopbackServer, headers: dict[str, str]) -> None:
        self._server, self.headers = server, headers

    def __call__(self, path: str, query: dict[str, str]) -> Any:
        answer = self._server.handle(Request("GET", path, tuple(query.items()), self.headers, b""))
        if answer.status != 200:
            raise RuntimeError(f"the test server answered {answer.status} to {path}?{urlencode(query)}")
        return json.loads(answer.body)


def _interviews() -> Iterator[str]:
    """Finished evaluations that an enumerator sent, as Collect writes them."""
    form = load_form(FORMS / f"{EVALUATION}.xlsx")
    checkin = load_form(FORMS / "services_checkin.xlsx")
    sample = make_sample(
        {form.form_id: form, checkin.form_id: checkin},
        _table("providers.csv"),
        _table("collectors.csv"),
        seed=1,
        today=NOW.date(),
        evaluations=PATTERNS * 2,
        checkins=0,
    )
    wanted = [one.xml for one in sample.items if one.refusal is None and one.form_id == EVALUATION]
    yield from wanted[:PATTERNS]


def _table(name: str) -> list[dict[str, str]]:
    with (FORMS / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _pattern(one: dict[str, Any], uuid: str, code: Any, receipt: Any) -> bytes:
    """The row as bytes, with placeholders where rows differ."""
    if "_id" in one:
        one = one | {"_id": NUMBER}
    text = json.dumps(one, ensure_ascii=False, separators=(",", ":"))
    text = text.replace(uuid, NAME).replace(f'"{NUMBER}"', NUMBER)
    for value, placeholder in ((code, CODE), (receipt, RECEIPT)):
        if value:
            text = re.sub(rf'"{re.escape(str(value))}"', f'"{placeholder}"', text)
    return text.encode()
