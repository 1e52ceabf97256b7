"""A small web server on the loopback address, on which the demonstration's platforms are mounted."""

from __future__ import annotations

import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from shakti.demo.trouble import Instead, Trouble
from shakti.demo.wire import Handler, Part, Request, Response, Route, compact

__all__ = ["Handler", "LoopbackServer", "Part", "Request", "Response", "Route", "compact"]

HOST = "127.0.0.1"


class LoopbackServer:
    """Listens on a free port of the loopback address while the `with` block lasts; subclasses say `answer`.

    One lock surrounds every answer, so a subclass may keep its data in plain dictionaries. `trouble` says what goes
    wrong on the way, `requests` what was asked.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.requests: list[Request] = []
        self.trouble = Trouble()
        self._listener = _Listener(self)
        self._thread = threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def url(self) -> str:
        """Where the server listens, without a slash at the end."""
        return f"http://{HOST}:{self._listener.server_address[1]}"

    def answer(self, request: Request) -> Response:
        """The platform's answer to one request."""
        raise NotImplementedError

    def interrupt(self, *responses: Response) -> None:
        """Give these answers first, one for each of the next requests, whatever they ask (an outage)."""
        self.trouble.next(*(Instead(response) for response in responses))

    def handle(self, request: Request) -> Response:
        """Note the request and answer it, one at a time."""
        with self.lock:
            self.requests.append(request)
            return self.trouble.meet(request, lambda: self.answer(request))

    def close(self) -> None:
        """Stop listening and let every open connection go."""
        if self._thread.is_alive():
            self._listener.shutdown()
            self._thread.join()
        self._listener.hang_up()
        self._listener.server_close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Listener(ThreadingHTTPServer):
    """One thread for each connection; remembers the connections so that closing does not wait for clients."""

    daemon_threads = True

    def __init__(self, owner: LoopbackServer) -> None:
        self.owner = owner
        self._open: set[socket.socket] = set()
        super().__init__((HOST, 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for connection in list(self._open):
            self.shutdown_request(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in the middle is no news; anything else is."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Turns a request on the wire into a `Request` and a `Response` back into bytes."""

    protocol_version = "HTTP/1.1"
    server_version = "Shakti-demo"
    sys_version = ""
    wbufsize = -1  # head and body leave in one packet
    disable_nagle_algorithm = True
    server: _Listener

    def _serve(self) -> None:
        address = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        request = Request(
            method=self.command,
            path=address.path,
            query=tuple(parse_qsl(address.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length),
        )
        response = self.server.owner.handle(request)
        if response.lost:
            self.close_connection = True
            return
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body[: response.cut_at])
        if response.cut_at is not None:
            self.close_connection = True

    do_GET = _serve  # noqa: N815 - these six names are the library's
    do_HEAD = _serve  # noqa: N815
    do_POST = _serve  # noqa: N815
    do_PUT = _serve  # noqa: N815
    do_PATCH = _serve  # noqa: N815
    do_DELETE = _serve  # noqa: N815

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date of an answer: the time of the platform's own clock, where it has one."""
        clock = getattr(self.server.owner, "clock", None)
        return super().date_time_string(clock().timestamp() if clock and timestamp is None else timestamp)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a query may hold what must not be logged."""
