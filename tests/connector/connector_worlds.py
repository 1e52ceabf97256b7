"""What the connector's tests share: a small form, filled instances of it, keys, a clock, a web server that obeys a script."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit
from xml.sax.saxutils import escape, quoteattr

import xlsxwriter

from connector import FormVersion, Keys, Patience, Submission, new_code

NOW = dt.datetime(2026, 11, 23, 6, 0, tzinfo=dt.UTC)
TEXT_PRIVATE = "22" * 32
TEXT_PUBLIC = "0faa684ed28867b97f4a6a2dee5df8ce974e76b7018e3f22a1c4cf2678570f20"  # its other half
KEYS = Keys.from_hex(pseudonym="11" * 32, text_public=TEXT_PUBLIC)
CODE = new_code(12_345_678)
RECORDINGS = Path(__file__).resolve().parent.parent / "recordings"

# Impatient: a test does not wait for a server that a script has told to fail.
AT_ONCE = Patience(tries=2, factor=0, jitter=0, longest=1)

FORM = """
| survey |
|  | type | name | label | bind::eval:is | bind::eval:measures | bind::eval:best | bind::eval:flag | bind::eval:service |
|  | start | start | | | | | | |
|  | end | end | | | | | | |
|  | today | today | | | | | | |
|  | select_one yes_no | practice | Only practice? | practice | | | | |
|  | select_one yes_no | adult | 18 or older? | adult | | | | |
|  | select_one yes_no | consent | Do you agree? | consent | | | | |
|  | text | collector | Your code | collector | | | | |
|  | text | survivor_code | The number on your slip | survivor_code | | | | |
|  | select_one role | role | About whom? | role | | | | |
|  | text | block | Where? | place | | | | |
|  | text | provider | Which one? | provider | | | | |
|  | begin_group | core | The service | | | | | |
|  | select_one scale_5 | respect | Spoken to with respect? | | respect | | | |
|  | select_one yes_no_dk | bribe | Asked for money? | | bribe | no | yes | |
|  | integer | village_size | How many live there? | | | | | |
|  | end_group | | | | | | | |
|  | begin_group | legal_aid | Legal aid | | | | | |
|  | select_one yes_no | needed | Needed? | needed | | | | legal_aid |
|  | select_one yes_no | received | Received? | received | | | | legal_aid |
|  | end_group | | | | | | | |
|  | text | comment | Anything else? | comment | | | | |
|  | text | receipt | Receipt | receipt | | | | |
| choices |
|  | list_name | name | label |
|  | yes_no | yes | Yes |
|  | yes_no | no | No |
|  | yes_no_dk | yes | Yes |
|  | yes_no_dk | no | No |
|  | yes_no_dk | dont_know | I do not know |
|  | role | social_worker | Social worker |
|  | role | police | Police |
|  | scale_5 | 1 | Never |
|  | scale_5 | 2 | Rarely |
|  | scale_5 | 3 | Sometimes |
|  | scale_5 | 4 | Mostly |
|  | scale_5 | 5 | Always |
| settings |
|  | form_title | form_id | version | namespaces |
|  | A small evaluation (sample) | small_evaluation | 2026112301 | eval="urn:shakti:evaluation:1" |
"""

ANSWERS = {
    "start": "2026-11-20T10:00:00.000+05:30",
    "end": "2026-11-20T10:07:31.000+05:30",
    "today": "2026-11-20",
    "practice": "no",
    "adult": "yes",
    "consent": "yes",
    "collector": "c01",
    "survivor_code": CODE,
    "role": "social_worker",
    "block": "303_b01",
    "provider": "sw_303_001",
    "core/respect": "4",
    "core/bribe": "no",
    "comment": "She came every week.",
    "receipt": "4711815000",
}


def write_workbook(table: str, path: Path) -> None:
    """Write a form given as a markdown table to an .xlsx file."""
    with xlsxwriter.Workbook(path) as book:
        for line in table.strip().splitlines():
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if cells[0]:
                sheet, row = book.add_worksheet(cells[0]), 0
                continue
            for column, cell in enumerate(cells[1:]):
                sheet.write_string(row, column, cell)
            row += 1


def instance_id(number: int) -> str:
    """The instance id of the number-th filled form."""
    return f"uuid:0b0b0b0b-0000-4000-8000-{number:012d}"


def instance_xml(
    number: int,
    *,
    deprecated: int | None = None,
    form_id: str = "small_evaluation",
    version: str = "2026112301",
    **answers: str,
) -> str:
    """A filled form as Collect writes it. Keyword arguments replace answers ("core__respect": "5"); "" leaves one out."""
    changed = {name.replace("__", "/"): value for name, value in answers.items()}
    leaves = {path: text for path, text in {**ANSWERS, **changed}.items() if text}
    leaves["meta/instanceID"] = instance_id(number)
    if deprecated is not None:
        leaves["meta/deprecatedID"] = instance_id(deprecated)
    body = "".join(_elements(_tree(leaves)))
    return f"<?xml version='1.0' ?><data id={quoteattr(form_id)} version={quoteattr(version)}>{body}</data>"


def submission(number: int, **changes: Any) -> Submission:
    """The number-th filled form as the source `collect` would deliver it; keyword arguments replace fields."""
    root = instance_id(number).removeprefix("uuid:")
    fields: dict[str, Any] = {
        "source": "collect",
        "native_form": "small_evaluation",
        "native_version": "2026112301",
        "form_id": "small_evaluation",
        "form_version": "2026112301",
        "root_id": root,
        "version_id": root,
        "changed_at": None,
        "mode": "enumerator",
        "collector": None,
        "review": "none",
        "deleted": False,
        "answers": ANSWERS,
        "native_id": f"{number}.xml",
    }
    return Submission(**{**fields, **changes})


def with_answers(**answers: str) -> dict[str, str]:
    """The usual answers with some replaced."""
    return ANSWERS | {name.replace("__", "/"): value for name, value in answers.items()}


@dataclass
class Fixed:
    """A source that yields what it was given: for tests of the store and of the run, not of a source."""

    name: str
    given: tuple[Any, ...]
    form: FormVersion
    swept: tuple[Any, ...] = ()
    acknowledged: list[Any] = field(default_factory=list)

    def pages(self, cursor: dict[str, Any] | None) -> Any:
        for one in self.given:
            if isinstance(one, BaseException):
                raise one
            yield one

    def sweep(self, held: Any) -> Any:
        yield from self.swept

    def form_version(self, native_form: str, native_version: str) -> FormVersion:
        return self.form

    def committed(self, page: Any) -> None:
        self.acknowledged.append(page)


@dataclass(frozen=True)
class Asked:
    """A request as the server saw it."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Reply:
    """What the script answers: JSON when `body` is no text."""

    body: Any = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_at: int | None = None


class Scripted:
    """A web server on loopback whose answers a function gives; `asked` holds the requests it got."""

    def __init__(self, script: Callable[[Asked], Reply]) -> None:
        self.asked: list[Asked] = []
        world = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(length)
                asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), dict(self.headers))
                world.asked.append(asked)
                self._send(script(asked))

            do_POST = do_GET  # noqa: N815 - the library's name

            def _send(self, reply: Reply) -> None:
                is_text = isinstance(reply.body, str)
                body = (reply.body if is_text else json.dumps(reply.body)).encode()
                kind = "text/html; charset=utf-8" if is_text else "application/json"
                self.send_response_only(reply.status)
                dated = {"Date": self.date_time_string(), **reply.headers}
                for name, value in {"Content-Type": kind, **dated}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: reply.cut_at])
                if reply.cut_at is not None:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def recorded(name: str) -> list[dict[str, Any]]:
    """The recorded exchanges with a real platform ("kobotoolbox", "odk-central"), in order."""
    return list(json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8")))


def noted(name: str, note: str) -> Any:
    """The body of the recorded answer whose note is this."""
    return next(one["response"]["body"] for one in recorded(name) if one["note"] == note)


def _tree(leaves: Mapping[str, str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, text in leaves.items():
        *groups, leaf = path.split("/")
        place = tree
        for group in groups:
            place = place.setdefault(group, {})
        place[leaf] = text
    return tree


def _elements(tree: Mapping[str, Any]) -> list[str]:
    return [
        f"<{name}>{''.join(_elements(inner)) if isinstance(inner, dict) else escape(inner)}</{name}>"
        for name, inner in tree.items()
    ]
