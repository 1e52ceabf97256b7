"""A process that replays a platform from memory: its answers are made before anybody asks, so that it costs no time."""

from __future__ import annotations

import json
import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from urllib.parse import parse_qsl, urlsplit

from bench.sync_rows import FIRST, Platform, row

KEPT = 200_000  # more rows than this are made when they are asked for: then only memory is measured
KOBO_PAGE = 1000


class Replay:
    """Answers as the platform would; `asked` counts requests."""

    def __init__(self, platform: Platform, rows: int) -> None:
        self._platform, self._count = platform, rows
        self._pages: dict[tuple[int, int, bool], bytes] = {}
        self._one = b""
        self.asked = 0

    def prepare_kobo(self) -> None:
        """All pages of a walk from the beginning."""
        for narrow in (False, True):
            for start in range(0, self._count, KOBO_PAGE):
                self._pages[start, KOBO_PAGE, narrow] = self._kobo_page(start, KOBO_PAGE, narrow=narrow)

    def prepare_central(self) -> None:
        """The whole table as one answer."""
        self._one = b'{"value":[' + b",".join(self._rows(0, self._count, narrow=False)) + b"]}"

    def answer(self, method: str, path: str, query: dict[str, str]) -> bytes | None:
        """The body of the answer; None for what is not there, such as a history that this account may not read."""
        self.asked += method == "GET"
        if path == self._platform.form:
            return self._one
        if path.endswith("/history/") and "query" not in query:  # what the probe for permission asks
            return b'{"count":0,"next":null,"previous":null,"results":[]}'
        known = self._platform.answers.get(path)
        if known is not None or not path.endswith("/data/"):
            return known
        after = json.loads(query.get("query", "{}")).get("_id", {}).get("$gt", 0)
        wanted = (max(0, after - FIRST), min(int(query["limit"]), KOBO_PAGE), "fields" in query)
        return self._pages.get(wanted) or self._kobo_page(*wanted[:2], narrow=wanted[2])

    def _kobo_page(self, start: int, limit: int, *, narrow: bool) -> bytes:
        rows = b",".join(self._rows(start, min(start + limit, self._count), narrow=narrow))
        return b'{"count":%d,"next":null,"previous":null,"results":[%s]}' % (self._count - start, rows)

    def _rows(self, start: int, end: int, *, narrow: bool) -> Iterator[bytes]:
        patterns = self._platform.narrow if narrow else self._platform.patterns
        return (row(patterns[number % len(patterns)], number + 1) for number in range(start, end))


@contextmanager
def replaying(platform: Platform, rows: int) -> Iterator[tuple[str, Connection]]:
    """The address of a server in a process of its own, and a line to ask it how many requests it has got."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(platform, rows, theirs), daemon=True
    )
    process.start()
    try:
        yield str(ours.recv()), ours
    finally:
        process.terminate()
        process.join()


def requests_of(line: Connection) -> int:
    """How many rows' requests the server has answered so far."""
    line.send("requests")
    return int(line.recv())


def _serve(platform: Platform, rows: int, line: Connection) -> None:
    replay = Replay(platform, rows)
    if not platform.narrow:
        replay.prepare_central()
    elif rows <= KEPT:
        replay.prepare_kobo()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            address = urlsplit(self.path)
            body = replay.answer(self.command, address.path, dict(parse_qsl(address.query)))
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        do_POST = do_GET  # noqa: N815 - the library's name

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    line.send(f"http://127.0.0.1:{server.server_address[1]}")
    while line.recv() == "requests":
        line.send(replay.asked)
