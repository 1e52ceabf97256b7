"""What the tests of deployment share: a small form with lists, and platforms that break off at a chosen write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from connector_worlds import write_workbook

from shakti.demo.central_server import CentralServer
from shakti.demo.kobo_server import KoboServer
from shakti.demo.loopback import LoopbackServer, Request, Response

FORM_ID = "small_evaluation"
LISTED = """
| survey |
|  | type | name | label | bind::eval:is | bind::eval:measures | choice_filter |
|  | select_one yes_no | practice | Only practice? | practice | | |
|  | select_one yes_no | adult | 18 or older? | adult | | |
|  | select_one yes_no | consent | Do you agree? | consent | | |
|  | select_one_from_file collectors.csv | collector | Your code | collector | | |
|  | select_one_from_file providers.csv | provider | Which one? | provider | | |
|  | begin_group | core | The service | | | |
|  | select_one scale_5 | respect | {label} | | respect | |
|  | end_group | | | | | |
{extra}
| choices |
|  | list_name | name | label |
|  | yes_no | yes | Yes |
|  | yes_no | no | No |
|  | scale_5 | 1 | Never |
|  | scale_5 | 5 | Always |
| settings |
|  | form_title | form_id | version | namespaces |
|  | A small evaluation (sample) | small_evaluation | {version} | eval="urn:shakti:evaluation:1" |
"""
PROVIDERS = "name,label\nsw_303_001,A sample name\n"
COLLECTORS = "name,label,office\nc01,c01,ngo_a\n"
UNREACHABLE = Response(503, b"<h1>503 Service Unavailable</h1>", {"Content-Type": "text/html"})
BROKEN = Response(500, b"<h1>Server Error (500)</h1>", {"Content-Type": "text/html"})


def write_form(
    folder: Path, *, version: str = "2026112301", label: str = "With respect?", extra: str = ""
) -> Path:
    """The form with its lists in a folder; `extra` is a row of the survey."""
    folder.mkdir(exist_ok=True)
    (folder / "providers.csv").write_text(PROVIDERS, encoding="utf-8")
    (folder / "collectors.csv").write_text(COLLECTORS, encoding="utf-8")
    path = folder / f"{FORM_ID}.xlsx"
    write_workbook(LISTED.format(version=version, label=label, extra=extra or "|  | | | | | | |"), path)
    return path


def is_write(request: Request) -> bool:
    """Whether a request may change something; opening a session is none."""
    return request.method not in ("GET", "HEAD") and request.path != "/v1/sessions"


def writes(server: LoopbackServer) -> list[str]:
    """The writes a server was asked for, in order, as "POST /path"."""
    return [f"{one.method} {one.path}" for one in server.requests if is_write(one)]


class BreaksOff(LoopbackServer):
    """A platform that breaks off at one write, before it is done or with the answer lost; every other works."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.at = 0
        self.done_first = False
        self._seen = 0

    def break_at(self, number: int, *, done_first: bool) -> None:
        """Break off at the number-th write from now."""
        self.at, self.done_first, self._seen = number, done_first, 0

    def answer(self, request: Request) -> Response:
        if not is_write(request):
            return super().answer(request)
        self._seen += 1
        if self._seen != self.at:
            return super().answer(request)
        if self.done_first:
            super().answer(request)
        return UNREACHABLE


class BreakingKobo(BreaksOff, KoboServer):
    """KoboToolbox that breaks off."""


class BreakingCentral(BreaksOff, CentralServer):
    """ODK Central that breaks off."""
