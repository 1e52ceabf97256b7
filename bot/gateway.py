"""The public door: who may speak, how much, how to leave; everything else is asked of Rasa on this machine.

    python -m bot.gateway --port 8080 --rasa http://127.0.0.1:5005

Settings come by environment variables (`bot.settings`); a reverse proxy in front adds TLS. Stop, help and danger
are answered here, before Rasa and without it. Nothing that was written is logged, and nothing is kept but the drafts.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import logging
import os
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from bot.conversation import Conversation, Message, Reply
from bot.drafts import Drafts
from bot.errors import BotError
from bot.outbox import key_bytes
from bot.phrases import LANGUAGES, load_words
from bot.settings import Settings
from bot.standby import Standby
from bot.web.limits import InFlight, Rate
from bot.web.pages import Pages, View
from bot.web.sessions import RANDOM_BYTES, Sessions
from xlsforms import load_form

__all__ = ["Door", "Limits", "application", "build", "serve", "server"]

log = logging.getLogger(__name__)

COOKIE = "s"
LARGEST_BODY = 16_384  # bytes: what Rasa behind takes
LONGEST_TEXT = 1000
LONGEST_PAYLOAD = 300
MOST_FIELDS = 6
RASA_SECONDS = 25.0
EXIT = "https://mausam.imd.gov.in/"  # the weather: a page anybody may have open


@dataclass(frozen=True)
class Limits:
    """What is answered at a time. A person reads before she presses; forty questions take far less than the hourly sum."""

    in_flight: int = 20
    per_second: float = 1.0
    burst: float = 30.0
    new_per_second: float = 0.2  # new sessions from one address: a village shares one
    new_burst: float = 60.0


@dataclass(frozen=True)
class Said:
    """One message of the page, read and checked."""

    id: str
    message: Message


class NotTakenError(Exception):
    """A request that is refused before anything happens: an HTTP status, and nothing of what was sent."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class SilentError(Exception):
    """Rasa did not answer, or not in time. Nothing happened, or it happened once: the same id may be sent again."""


@dataclass
class Door:
    """Everything the page's requests share."""

    rasa: httpx.AsyncClient
    standby: Standby
    sessions: Sessions
    pages: Pages
    limits: Limits = field(default_factory=Limits)
    exit_url: str = EXIT
    clock: Callable[[], float] = time.monotonic
    _stopped: set[str] = field(default_factory=set, init=False, repr=False)
    _speaking: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        self.in_flight = InFlight(self.limits.in_flight)
        self.rate = Rate(self.limits.per_second, self.limits.burst)
        self.newcomers = Rate(self.limits.new_per_second, self.limits.new_burst)

    # -- pages -----------------------------------------------------------------------------------------------------

    async def front(self, request: Request) -> Response:
        """Without a session what this page is and the languages; with one the open question again."""
        token = request.cookies.get(COOKIE)
        if not self.sessions.known(token):
            return self._page(request, self.pages.front())
        return await self._converse(request, str(token), Said(_new_id(), Message(payload="repeat:")))

    async def before_entering(self, request: Request) -> Response:
        """What leaving can do and what it cannot, in the language of the door."""
        return self._page(request, self.pages.before_entering(request.url.path.strip("/")))

    async def say(self, request: Request) -> Response:
        """One message. Refused or unanswered, the same page comes again with what she pressed still in it."""
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise NotTakenError(403)
        said = await read_message(request)
        token = request.cookies.get(COOKIE)
        if self.sessions.known(token):
            return await self._converse(request, str(token), said)
        if not (said.message.payload or "").startswith("language:"):
            return _to_front()
        if not self.newcomers.allows(_address(request), self.clock()):
            return self._again_later(request, said, "web_slow", 429)
        token = self.sessions.new(secrets.token_bytes(RANDOM_BYTES))
        return self._with_cookie(await self._converse(request, token, said), token)

    async def leave(self, request: Request) -> Response:
        """The session ends first; then the browser is sent to a page anybody may have open."""
        token = request.cookies.get(COOKIE)
        if self.sessions.known(token):
            await self._forget(self.sessions.sender(str(token)))
        return self._without_cookie(RedirectResponse(self.exit_url, 303))

    async def health(self, _request: Request) -> Response:
        """Whether the door is open; nothing else."""
        return JSONResponse({"status": "ok"})

    async def style(self, _request: Request) -> Response:
        return _static(self.pages.style, "text/css")

    async def script(self, _request: Request) -> Response:
        return _static(self.pages.script, "text/javascript")

    # -- one message -----------------------------------------------------------------------------------------------

    async def _converse(self, request: Request, token: str, said: Said) -> Response:
        sender = self.sessions.sender(token)
        word = self.standby.urgent(said.message)
        if word is not None:
            return await self._urgent(request, sender, word, said)
        if not self.rate.allows(sender, self.clock()):
            return self._again_later(request, said, "web_slow", 429)
        text = said.message.text
        if text is not None and len(text) > LONGEST_TEXT:
            return self._again_later(request, said, "web_too_long", 400)
        with self.in_flight.one() as room:
            if not room:
                return self._again_later(request, said, "web_busy", 503)
            try:
                replies = await self._ask_rasa(sender, said)
            except SilentError:
                return self._again_later(request, said, "web_down", 503)
        return self._page(request, self.pages.turn(replies, self._shown(said)))

    async def _urgent(self, request: Request, sender: str, word: str, said: Said) -> Response:
        if word == "stop" and sender in self._speaking:
            self._stopped.add(sender)  # what is still being answered would put its draft back
        try:
            replies = await run_in_threadpool(self.standby.answer, sender, word)
        except BotError:
            return self._again_later(request, said, "web_down", 503)
        response = self._page(request, self.pages.turn(replies, ()))
        return self._without_cookie(response, clear=False) if word == "stop" else response

    async def _ask_rasa(self, sender: str, said: Said) -> tuple[Reply, ...]:
        body = {"sender": sender, "id": said.id, "text": said.message.text, "payload": said.message.payload}
        self._speaking[sender] = self._speaking.get(sender, 0) + 1
        try:
            answer = await self.rasa.post(
                "/webhooks/shakti/webhook",
                json={name: value for name, value in body.items() if value is not None},
            )
            if answer.status_code != 200:
                raise SilentError
            return tuple(Reply.from_json(each) for each in answer.json())
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            log.warning("Rasa did not answer: %s", type(error).__name__)
            raise SilentError from None
        finally:
            await self._finish(sender)

    async def _finish(self, sender: str) -> None:
        """One message less is being answered; the last one of a stopped conversation takes its draft along."""
        self._speaking[sender] -= 1
        if self._speaking[sender]:
            return
        del self._speaking[sender]
        if sender in self._stopped:
            self._stopped.discard(sender)
            await self._forget(sender)

    async def _forget(self, sender: str) -> None:
        if sender in self._speaking:
            self._stopped.add(sender)
        try:
            await run_in_threadpool(self.standby.forget, sender)
        except BotError as error:
            log.error("a draft could not be deleted now; it idles out by itself: %s", type(error).__name__)

    def _shown(self, said: Said) -> tuple[str, ...]:
        """What is repeated of her own message: typed words only; a button's text the page already has."""
        return (said.message.text,) if said.message.text else ()

    # -- responses -------------------------------------------------------------------------------------------------

    def _page(self, request: Request, view: View, status: int = 200) -> Response:
        view = replace(view, message_id=view.message_id or _new_id())
        part = request.headers.get("x-part") == "1"
        return Response(self.pages.render(view, part=part), status, media_type="text/html")

    def _again_later(self, request: Request, said: Said, why: str, status: int) -> Response:
        """Kind words, and a button that sends the very same message again."""
        view = self.pages.again(why, said.id, said.message.text, said.message.payload)
        response = self._page(request, view, status)
        if status != 400:
            response.headers["retry-after"] = "5"
        return response

    def _with_cookie(self, response: Response, token: str) -> Response:
        response.set_cookie(
            COOKIE, token, httponly=True, samesite="strict", secure=self.pages.secure, path="/"
        )
        return response

    def _without_cookie(self, response: Response, *, clear: bool = True) -> Response:
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict", secure=self.pages.secure)
        if clear:
            response.headers["clear-site-data"] = '"cache", "cookies", "storage"'
        return response


async def read_message(request: Request) -> Said:
    """The page's form: id, and text or payload. Raises NotTakenError with 400, 413 or 415."""
    if request.headers.get("content-encoding"):
        raise NotTakenError(415)
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/x-www-form-urlencoded":
        raise NotTakenError(415)
    body = await _body(request)
    try:
        fields = parse_qs(body.decode("utf-8"), max_num_fields=MOST_FIELDS)
    except ValueError:
        raise NotTakenError(400) from None
    found = {name: values[-1] for name, values in fields.items()}
    id_ = found.get("id", "")
    if not (id_.isascii() and id_.replace("-", "").isalnum() and len(id_) <= 64):
        raise NotTakenError(400)
    payload = found.get("payload")
    if payload is not None:
        if len(payload) > LONGEST_PAYLOAD or not payload.isprintable():
            raise NotTakenError(400)
        return Said(id_, Message(payload=payload, id=id_))
    text = found.get("text", "").strip()
    return Said(id_, Message(text=text, id=id_) if text else Message(payload="repeat:", id=id_))


async def _body(request: Request) -> bytes:
    """At most 16 kB, whatever the request said of itself."""
    if int(request.headers.get("content-length") or 0) > LARGEST_BODY:
        raise NotTakenError(413)
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > LARGEST_BODY:
            raise NotTakenError(413)
    return bytes(read)


def _address(request: Request) -> str:
    return "" if request.client is None else request.client.host


def _new_id() -> str:
    return uuid.uuid4().hex


def _to_front() -> Response:
    return RedirectResponse("/", 303)


def _static(text: str, kind: str) -> Response:
    return Response(text, media_type=kind, headers={"cache-control": "private, max-age=600"})


# -- the application -----------------------------------------------------------------------------------------------

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "x-robots-tag": "noindex",
}


class Headers:
    """Puts the same headers on every response, errors included."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                message["headers"] += [
                    (name.encode(), value.encode())
                    for name, value in HEADERS.items()
                    if name.encode() not in given
                ]
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


def application(door: Door) -> Starlette:
    """The ASGI application of a door. While it runs idle drafts are purged; at its end Rasa's connections are closed."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with door.rasa:
            purging = asyncio.create_task(_purge(door.standby))
            yield
            purging.cancel()

    async def refused(_request: Request, error: Exception) -> Response:
        status = error.status if isinstance(error, NotTakenError) else 404
        return Response(door.pages.refusal(), status, media_type="text/html")

    async def gone(_request: Request, _error: Exception) -> Response:
        return Response(status_code=400)

    async def fault(_request: Request, error: Exception) -> Response:
        log.error("a page could not be made: %s", type(error).__name__)
        return Response(door.pages.refusal(), 500, media_type="text/html")

    routes = [
        Route("/", door.front),
        *(Route(f"/{language}", door.before_entering) for language in LANGUAGES),
        Route("/say", door.say, methods=["POST"]),
        Route("/leave", door.leave, methods=["GET", "POST"]),
        Route("/health", door.health),
        Route("/s.css", door.style),
        Route("/s.js", door.script),
    ]
    handlers = {NotTakenError: refused, 404: refused, 405: refused, ClientDisconnect: gone, Exception: fault}
    middleware = [Middleware(Headers), Middleware(GZipMiddleware, minimum_size=500)]
    return Starlette(routes=routes, middleware=middleware, exception_handlers=handlers, lifespan=lifespan)


def build(settings: Settings, rasa_url: str, drafts: Drafts, *, secure: bool, exit_url: str = EXIT) -> Door:
    """A door with everything read. `secure`: cookies only over TLS. Raises FormError, WordsError."""
    words = load_words()
    forms = tuple(load_form(path) for path in settings.forms)
    standby = Standby(Conversation(forms, words, settings.region), drafts, _now, lambda: str(uuid.uuid4()))
    client = httpx.AsyncClient(base_url=rasa_url, timeout=RASA_SECONDS, trust_env=False)
    sessions = Sessions(key_bytes(settings.drafts_key, "the drafts' key"))
    return Door(client, standby, sessions, Pages(words, secure=secure), exit_url=exit_url)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).astimezone()


def server(door: Door, port: int) -> uvicorn.Server:
    """The door's server on 127.0.0.1; port 0 takes any free one."""
    config = uvicorn.Config(
        application(door),
        host="127.0.0.1",
        port=port,
        loop="asyncio",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=5,
        limit_concurrency=400,
        h11_max_incomplete_event_size=LARGEST_BODY,
    )
    return uvicorn.Server(config)


def serve(settings: Settings, port: int, rasa_url: str, *, secure: bool, exit_url: str = EXIT) -> None:
    """Run the door on 127.0.0.1 until it is stopped."""
    with Drafts(settings.drafts_url, settings.drafts_key) as drafts:
        server(build(settings, rasa_url, drafts, secure=secure, exit_url=exit_url), port).run()


async def _purge(standby: Standby) -> None:
    """Forget idle conversations every minute, also when nobody speaks."""
    while True:
        try:
            await run_in_threadpool(standby.purge)
        except BotError as error:
            log.warning("idle drafts could not be purged now: %s", type(error).__name__)
        await asyncio.sleep(60)


def main() -> None:
    """The door as a program of its own."""
    parser = argparse.ArgumentParser(description="Serve the chat page.")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--rasa", default="http://127.0.0.1:5005")
    parser.add_argument("--exit-url", default=EXIT)
    parser.add_argument(
        "--plain-http", action="store_true", help="cookies without TLS, for trying on one machine"
    )
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    os.umask(0o077)
    serve(
        Settings.from_environment(os.environ, without=("outbox_url", "outbox_public_key")),
        given.port,
        given.rasa,
        secure=not given.plain_http,
        exit_url=given.exit_url,
    )


if __name__ == "__main__":
    main()
