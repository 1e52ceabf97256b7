"""The one HTTP door: the secret stays with its server, failures are told in words, patience has an end."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from connector_worlds import AT_ONCE, Asked, Reply, Scripted

from connector import GiveUp, Patience, RetryLater
from connector.session import Body, HttpSession, RefusedWrite, Upload

SECRET = "Token s3cr3t-0123456789"
WORDS = "does not accept the token in KOBO_TOKEN; make a new one under Account settings → Security and put it there"


def session(url: str, patience: Patience = AT_ONCE) -> HttpSession:
    return HttpSession(
        url,
        service="KoboToolbox",
        authorization=lambda: SECRET,
        unauthorized=WORDS,
        patience=patience,
        timeout=(2.0, 2.0),
    )


@pytest.fixture
def elsewhere() -> Iterator[Scripted]:
    """Another server, which must never be asked anything."""
    with Scripted(lambda _: Reply({})) as server:
        yield server


def answering(*replies: Reply) -> Scripted:
    """A server that gives these answers one after another, the last one for ever."""
    rest = list(replies)
    return Scripted(lambda _: rest.pop(0) if len(rest) > 1 else rest[0])


@contextmanager
def talking(*replies: Reply) -> Iterator[tuple[Scripted, HttpSession]]:
    """Such a server and a session with it."""
    with answering(*replies) as server, session(server.url) as http:
        yield server, http


def test_the_credential_travels_in_the_header_alone() -> None:
    with Scripted(lambda _: Reply({"ok": True})) as server, session(server.url) as http:
        assert http.get_json("api/", {"format": "json"}) == {"ok": True}
    (asked,) = server.asked
    assert asked.headers["Authorization"] == SECRET
    assert (asked.path, asked.query) == ("/api/", {"format": "json"})


def test_a_cookie_is_never_sent_back() -> None:
    """Central takes a request with a cookie for a browser's."""
    with talking(Reply({}, headers={"Set-Cookie": "session=abc; Path=/"})) as (server, http):
        http.get("api/")
        http.get("api/")
    assert not any("Cookie" in asked.headers for asked in server.asked)


def test_an_unreachable_server_is_a_matter_of_time() -> None:
    with Scripted(lambda _: Reply({})) as server:
        address = server.url
    with session(address) as http, pytest.raises(RetryLater, match="could not be reached") as caught:
        http.get("api/")
    assert address in str(caught.value)


def test_a_wrong_token_is_told_with_the_name_of_its_variable() -> None:
    with talking(Reply({"detail": "Invalid token."}, 401)) as (server, http), pytest.raises(GiveUp) as caught:
        http.get("api/")
    assert str(caught.value) == f"KoboToolbox at {server.url} {WORDS}."


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (403, GiveUp, "right to view"),
        (404, GiveUp, "shows no such project"),
        (418, GiveUp, "status 418"),
        (429, RetryLater, "busy"),
        (503, RetryLater, "busy"),
        (522, RetryLater, "out of order"),
    ],
)
def test_each_refusal_says_what_to_do(status: int, kind: type[Exception], words: str) -> None:
    with talking(Reply({}, status)) as (_server, http), pytest.raises(kind, match=words):
        http.get("api/", missing="shows no such project")


def test_the_secret_is_in_no_error_log_or_repr(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    replies = [Reply({}, 401), Reply({}, 403), Reply({}, 404), Reply("<html>"), Reply({"a": 1}, cut_at=2)]
    told = []
    for reply in replies:
        with answering(reply) as server, session(server.url) as http:
            told.append(repr(http) + repr(vars(http)))
            with pytest.raises((GiveUp, RetryLater)) as caught:
                http.get_json("api/")
            told += [str(caught.value), repr(caught.value)]
            cause = caught.value.__cause__
            told.append(repr(vars(cause)) if cause else "")
            # The library's error would carry the request, and with it the header.
            assert getattr(cause, "request", None) is None
    everything = "\n".join(told) + caplog.text
    assert "KoboToolbox" in everything
    assert "s3cr3t" not in everything


def test_a_next_link_to_another_host_is_not_followed(elsewhere: Scripted) -> None:
    with talking(Reply({})) as (_server, http), pytest.raises(GiveUp, match="points to another server"):
        http.get(f"{elsewhere.url}/api/?start=100")
    assert elsewhere.asked == []


@pytest.mark.parametrize(
    "link", ["https://kobo.example.org/x", "HTTP://127.0.0.1:1/x", "http://127.0.0.1.evil/"]
)
def test_another_scheme_port_or_name_is_another_server(link: str) -> None:
    with talking(Reply({})) as (server, http), pytest.raises(GiveUp, match="points to another server"):
        http.get(link)
    assert server.asked == []


def test_a_redirect_to_another_host_is_not_followed(elsewhere: Scripted) -> None:
    away = Reply("", 302, {"Location": f"{elsewhere.url}/login"})
    with talking(away) as (_server, http), pytest.raises(GiveUp, match="points to another server"):
        http.get("api/")
    assert elsewhere.asked == []


def test_a_redirect_on_the_same_server_is_followed_with_its_query() -> None:
    def script(asked: Asked) -> Reply:
        if asked.path == "/api/data":
            return Reply("", 301, {"Location": "/api/data/?limit=5"})
        return Reply({"limit": asked.query["limit"]})

    with Scripted(script) as server, session(server.url) as http:
        assert http.get_json("api/data", {"limit": "5"}) == {"limit": "5"}


def test_a_circle_of_redirects_ends() -> None:
    with (
        talking(Reply("", 302, {"Location": "/api/"})) as (server, http),
        pytest.raises(GiveUp, match="circle"),
    ):
        http.get("api/")
    assert len(server.asked) <= 6


def test_a_login_page_with_status_200_is_no_data() -> None:
    with (
        talking(Reply("<html>Please log in</html>")) as (_server, http),
        pytest.raises(RetryLater, match="a page instead of data"),
    ):
        http.get_json("api/")


def test_a_body_that_breaks_off_is_not_taken() -> None:
    with (
        talking(Reply({"results": [1, 2, 3]}, cut_at=10)) as (_server, http),
        pytest.raises(RetryLater, match=r"broke off|could not be reached"),
    ):
        http.get_json("api/")


def test_a_busy_server_is_asked_again() -> None:
    with (
        answering(Reply({}, 503), Reply({}, 429), Reply({"ok": True})) as server,
        session(server.url) as http,
    ):
        assert http.get_json("api/") == {"ok": True}
    assert len(server.asked) == 3


def test_opening_a_session_is_repeated_because_it_changes_nothing() -> None:
    with talking(Reply({}, 503), Reply({"token": "t"})) as (server, http):
        assert http.post_json("v1/sessions", {"email": "a"}) == {"token": "t"}
    assert [asked.method for asked in server.asked] == ["POST", "POST"]


@dataclass
class Waits:
    """Patience that notes how long it would have waited."""

    seconds: list[float] = field(default_factory=list)

    def patience(self, **options: Any) -> Patience:
        return Patience(sleep=self.seconds.append, draw=lambda: 0.5, **options)


@pytest.fixture
def waits() -> Waits:
    return Waits()


def test_pauses_double_and_scatter_and_have_an_end(waits: Waits) -> None:
    busy = Reply({}, 503)
    with answering(busy) as server, session(server.url, waits.patience(tries=4, jitter=1)) as http:
        with pytest.raises(RetryLater, match="busy"):
            http.get("api/")
        assert len(server.asked) == 5
    assert waits.seconds == [1.5, 2.5, 4.5, 8.5]


def test_a_server_that_names_its_time_in_seconds_is_given_it(waits: Waits) -> None:
    busy = Reply({}, 429, {"Retry-After": "7"})
    with answering(busy, Reply({})) as server, session(server.url, waits.patience()) as http:
        http.get("api/")
    assert waits.seconds == [7.0]


def test_a_server_that_names_its_time_as_a_date_is_given_it_by_its_own_clock(waits: Waits) -> None:
    day = "Mon, 23 Nov 2026 06:00:"
    busy = Reply({}, 429, {"Retry-After": f"{day}20 GMT", "Date": f"{day}05 GMT"})
    with answering(busy, Reply({})) as server, session(server.url, waits.patience()) as http:
        http.get("api/")
    assert waits.seconds == [15.0]


@pytest.mark.parametrize("text", ["soon", "-5", "Mon, 99 Nov 2026", ""])
def test_a_retry_after_that_says_nothing_changes_nothing(text: str, waits: Waits) -> None:
    busy = Reply({}, 429, {"Retry-After": text})
    with answering(busy, Reply({})) as server, session(server.url, waits.patience()) as http:
        http.get("api/")
    assert waits.seconds == [1.5]


def test_a_server_that_asks_for_too_long_is_left_alone_until_the_next_run(waits: Waits) -> None:
    busy = Reply({}, 429, {"Retry-After": "3600"})
    with answering(busy) as server, session(server.url, waits.patience()) as http:
        with pytest.raises(RetryLater, match="left alone for 3600 seconds") as caught:
            http.get("api/")
        assert len(server.asked) == 1
    assert (caught.value.after, waits.seconds) == (3600.0, [])


def test_all_waits_of_a_request_together_have_a_cap(waits: Waits) -> None:
    busy = Reply({}, 429, {"Retry-After": "40"})
    with (
        answering(busy) as server,
        session(server.url, waits.patience(tries=9, total=100)) as http,
        pytest.raises(RetryLater),
    ):
        http.get("api/")
    assert waits.seconds == [40.0, 40.0]


def test_a_server_that_is_not_there_is_tried_once_more_and_not_for_long(waits: Waits) -> None:
    with Scripted(lambda _: Reply({})) as server:
        address = server.url
    with session(address, waits.patience()) as http, pytest.raises(RetryLater) as caught:
        http.get("api/")
    assert caught.value.unreachable
    assert waits.seconds == [1.5]


def test_an_answer_that_broke_off_is_asked_for_again(waits: Waits) -> None:
    cut = Reply({"results": [1, 2, 3]}, cut_at=5)
    with answering(cut, Reply({"results": []})) as server, session(server.url, waits.patience()) as http:
        assert http.get_json("api/") == {"results": []}
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "address",
    [
        "http://kobo.example.org",
        "https://user:word@kobo.example.org",
        "kobo.example.org",
        "ftp://x",
        "https://h:port",
    ],
)
def test_an_address_that_would_betray_the_secret_is_refused(address: str) -> None:
    with pytest.raises(GiveUp, match="KoboToolbox"):
        session(address)


# what changes something


def test_a_write_is_sent_once_whatever_the_server_answers() -> None:
    with talking(Reply("<h1>Server Error</h1>", 500)) as (server, http), pytest.raises(RetryLater):
        http.write("POST", "api/", Body(json={"active": True}))
    assert len(server.asked) == 1


def test_a_write_does_not_follow_a_redirect(elsewhere: Scripted) -> None:
    """A client that follows with a GET has changed nothing, and does not notice."""
    moved = Reply("", 301, {"Location": f"{elsewhere.url}/api/"})
    with (
        talking(moved) as (server, http),
        pytest.raises(GiveUp, match="wants to be called by another address"),
    ):
        http.write("POST", "api")
    assert (len(server.asked), elsewhere.asked) == (1, [])


def test_a_refused_write_brings_the_servers_words() -> None:
    with talking(Reply({"code": 409.6}, 409)) as (_, http), pytest.raises(RefusedWrite) as caught:
        http.write("POST", "api/")
    assert (caught.value.status, caught.value.body) == (409, {"code": 409.6})
    with talking(Reply("<h1>no</h1>", 400)) as (_, http), pytest.raises(RefusedWrite) as caught:
        http.write("POST", "api/")
    assert caught.value.body == {}


def test_an_account_that_may_only_read_is_told_so_when_it_writes() -> None:
    with (
        talking(Reply({}, 403)) as (_, http),
        pytest.raises(GiveUp, match="does not let this account change"),
    ):
        http.write("POST", "api/")


def test_a_body_is_nothing_json_a_file_or_a_form_with_a_file() -> None:
    file = Upload("a.csv", b"x", "text/csv")
    assert Body().options() == {}
    assert Body(json={"a": 1}).options() == {"json": {"a": 1}}
    assert Body(upload=file).options() == {"data": b"x", "headers": {"Content-Type": "text/csv"}}
    assert Body(fields={"a": "1"}, upload=file, field="content").options() == {
        "data": {"a": "1"},
        "files": {"content": ("a.csv", b"x", "text/csv")},
    }
