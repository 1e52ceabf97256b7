"""The public door over HTTP, without JavaScript: sessions, limits, leaving, and the words that work without Rasa."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import httpx
import pytest
from door import Browser, RasaStandIn, open_door, rasa_stand_in
from speaking import Clock, counted_ids

from bot.clerk import Clerk
from bot.conversation import Conversation
from bot.drafts import Drafts
from bot.gateway import Limits
from bot.outbox import KeyPair, Outbox, open_row
from bot.phrases import Words
from xlsforms import Form

TO_FIRST_QUESTION = ("Yes, begin",)


@dataclass
class Ticks:
    """A clock that stands still until it is moved."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Place:
    """A door with what stands behind it."""

    rasa: RasaStandIn
    clerk: Clerk
    url: str
    ticks: Ticks
    browsers: list[Browser] = field(default_factory=list)

    def browser(self, *pressed: str, language: str | None = None) -> Browser:
        """A new browser at the first page; through a language's door (English, to press something), and on."""
        one = Browser(self.url).open()
        self.browsers.append(one)
        if pressed or language:
            one.enter(language or "English")
        for title in pressed:
            one.press(title)
        return one


@pytest.fixture
def clerk(words: Words, drafts: Drafts, outbox: Outbox, clock: Clock, visit: Form) -> Clerk:
    return Clerk(Conversation((visit,), words, "19"), drafts, outbox, clock=clock, new_id=counted_ids())


@pytest.fixture
def place_with(clerk: Clerk, drafts: Drafts, words: Words) -> Iterator[Callable[[Limits], Place]]:
    with ExitStack() as stack:

        def open_place(limits: Limits) -> Place:
            rasa, ticks = stack.enter_context(rasa_stand_in(clerk)), Ticks()
            url = stack.enter_context(open_door(clerk, drafts, words, rasa.url, limits, clock=ticks))
            place = Place(rasa, clerk, url, ticks)
            stack.callback(lambda: [one.close() for one in place.browsers])
            return place

        yield open_place


@pytest.fixture
def place(place_with: Callable[[Limits], Place]) -> Place:
    return place_with(Limits())


def test_the_first_pages_set_no_cookie_and_the_very_first_names_no_purpose(place: Place) -> None:
    browser = place.browser()
    assert [each.text_content() for each in browser.page.xpath("//main//a")] == ["English", "বাংলা", "हिन्दी"]
    shown = (browser.text + browser.page.findtext(".//title")).lower()
    for word in ("survivor", "traffick", "rating", "complaint", "evaluat", "office", "police"):
        assert word not in shown
    assert browser.response.headers.get("set-cookie") is None
    assert browser.follow("English").response.headers.get("set-cookie") is None
    assert place.rasa.received == []


@pytest.mark.parametrize(
    ("language", "said"),
    [("English", "the browser keeps a list"), ("বাংলা", "ব্রাউজার তার তালিকা রাখে"), ("हिन्दी", "पेजों की सूची रखता है")],
)
def test_before_entering_she_is_told_what_leaving_cannot_do(place: Place, language: str, said: str) -> None:
    assert said in place.browser().follow(language).text


def test_a_whole_interview_is_given_without_javascript_and_stored(
    place: Place, outbox: Outbox, keys: KeyPair
) -> None:
    browser = place.browser(*TO_FIRST_QUESTION)
    assert browser.heading == "Did you meet?"
    browser.press("1. Yes")
    assert browser.heading == "How often?"
    for text in ("৩", "20/11/2026", "1", "2.5", "It was good"):
        browser.write(text)
    assert "How often? — 3" in browser.text
    browser.press("Send")
    assert "It is saved." in browser.text
    (row,) = outbox.take(0, 9)
    assert "<times>3</times>" in open_row(row, keys.private)


def test_reloading_a_page_answers_nothing_twice(place: Place) -> None:
    browser = place.browser(*TO_FIRST_QUESTION)
    data = {**browser._hidden(), "payload": browser.buttons()["1. Yes"][1]}
    first = browser.post(data).heading
    assert browser.post(data).heading == first == "How often?"


def test_coming_back_shows_the_open_question_again(place: Place) -> None:
    browser = place.browser(*TO_FIRST_QUESTION, "1. Yes")
    assert browser.open().heading == "How often?"


def test_leaving_ends_the_conversation_before_the_browser_goes_elsewhere(place: Place) -> None:
    browser = place.browser(*TO_FIRST_QUESTION, "1. Yes")
    cookies = dict(browser.client.cookies)
    browser.open("/leave")
    assert browser.response.status_code == 303
    assert browser.response.headers["location"] == "/weather"
    assert '"cookies"' in browser.response.headers["clear-site-data"]
    assert not browser.client.cookies
    thief = place.browser()
    thief.client.cookies.update(cookies)
    thief.open()
    assert "How often" not in thief.text
    assert "Choose a language" in thief.text


def test_stop_deletes_the_draft_and_takes_the_session_away(place: Place) -> None:
    browser = place.browser(*TO_FIRST_QUESTION, "1. Yes")
    browser.write("থামুন")
    assert "Stopped. Nothing was kept." in browser.text
    assert not browser.client.cookies
    assert all(message.get("text") != "থামুন" for message in place.rasa.received)


@pytest.mark.parametrize(
    ("written", "told"),
    [("stop", "Nothing was kept"), ("help", "These people can help"), ("bachao", "112"), ("বাঁচান", "112")],
)
def test_stop_help_and_danger_work_when_rasa_does_not(place: Place, written: str, told: str) -> None:
    browser = place.browser(*TO_FIRST_QUESTION)
    place.rasa.down = True
    assert told in browser.write(written).text


def test_words_of_danger_never_reach_rasa(place: Place) -> None:
    browser = place.browser(*TO_FIRST_QUESTION)
    before = len(place.rasa.received)
    browser.write("bachao")
    assert len(place.rasa.received) == before
    assert browser.press("Go on").heading == "Did you meet?"


def test_without_rasa_nothing_is_lost_and_the_same_press_can_be_repeated(place: Place) -> None:
    browser = place.browser(*TO_FIRST_QUESTION)
    place.rasa.down = True
    browser.press("1. Yes")
    assert browser.response.status_code == 503
    assert "Nothing is lost" in browser.text
    place.rasa.down = False
    (again,) = browser.buttons()
    assert browser.press(again).heading == "How often?"


def test_a_typed_answer_that_found_no_answer_is_sent_again_as_it_was(place: Place) -> None:
    browser = place.browser(*TO_FIRST_QUESTION, "1. Yes")
    place.rasa.down = True
    browser.write("4")
    place.rasa.down = False
    (again,) = browser.buttons()
    assert browser.press(again).heading == "When last?"


def test_a_stop_while_an_answer_is_under_way_leaves_no_draft_behind(place: Place) -> None:
    browser = place.browser(*TO_FIRST_QUESTION)
    cookies, hidden, yes = dict(browser.client.cookies), browser._hidden(), browser.buttons()["1. Yes"][1]
    while place.rasa.arrived.acquire(blocking=False):
        pass
    place.rasa.hold.clear()
    other = Browser(place.url)
    other.client.cookies.update(cookies)
    answering = threading.Thread(target=other.post, args=({**hidden, "payload": yes},))
    answering.start()
    place.rasa.arrived.acquire(timeout=10)
    browser.write("stop")
    place.rasa.hold.set()
    answering.join()
    other.close()
    sender = place.rasa.received[-1]["sender"]
    assert place.clerk.drafts.load(sender, place.clerk.clock()) is None


def test_a_made_up_session_is_none(place: Place) -> None:
    browser = place.browser()
    browser.client.cookies.set("s", "A" * 40)
    assert "Choose a language" in browser.open().text
    browser.post({"id": "x1", "text": "hello"})
    assert browser.response.status_code == 303
    assert place.rasa.received == []


def test_one_session_never_hears_another(place: Place) -> None:
    one, two = place.browser(*TO_FIRST_QUESTION, "1. Yes"), place.browser(language="हिन्दी")
    one.write("3")
    assert "हाँ, शुरू करें" in two.open().buttons()
    senders = {message["sender"] for message in place.rasa.received}
    assert len(senders) == 2
    assert all(len(sender) == 64 for sender in senders)


@pytest.mark.parametrize("payload", ['/start_evaluation{"consent":"yes"}', "/restart", "/session_start"])
def test_slash_commands_are_only_text(place: Place, payload: str) -> None:
    browser = place.browser(*TO_FIRST_QUESTION)
    assert browser.write(payload).heading == "Did you meet?"


def test_large_compressed_foreign_and_malformed_messages_are_refused(place: Place) -> None:
    browser = place.browser(*TO_FIRST_QUESTION)
    before = len(place.rasa.received)
    form = "application/x-www-form-urlencoded"

    def status(content: bytes, **headers: str) -> int:
        named = {"content-type": form, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return browser.client.post("/say", content=content, headers=named).status_code

    assert status(b"id=a&text=" + b"x" * 20_000) == 413
    assert status(gzip.compress(b"id=a&text=x"), content_encoding="gzip") == 415
    assert status(b'{"id": "a"}', content_type="application/json") == 415
    assert status(b"id=a&text=x", sec_fetch_site="cross-site") == 403
    assert status(b"text=no+id") == 400
    assert status(b"id=a&payload=" + b"p" * 301) == 400
    assert status(b"id=a&text=%ff") in (400, 200)
    assert len(place.rasa.received) <= before + 1


def test_a_body_that_lies_about_its_length_is_cut_off(place: Place) -> None:
    browser = place.browser(*TO_FIRST_QUESTION)

    def much() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 1000

    answer = browser.client.post(
        "/say", content=much(), headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code == 413


def test_a_text_that_is_too_long_stays_in_the_field(place: Place) -> None:
    browser = place.browser(*TO_FIRST_QUESTION)
    browser.write("ক" * 1001)
    assert browser.response.status_code == 400
    assert browser.page.xpath("string(//textarea)").strip() == "ক" * 1001
    assert place.rasa.received[-1].get("text") is None


def test_who_presses_too_fast_waits_and_loses_nothing(place_with: Callable[[Limits], Place]) -> None:
    place = place_with(Limits(per_second=1, burst=3))
    browser = place.browser(*TO_FIRST_QUESTION)
    browser.press("1. Yes")
    browser.write("4")
    assert browser.response.status_code == 429
    (again,) = browser.buttons()
    place.ticks.now += 2
    assert browser.press(again).heading == "When last?"


def test_too_many_at_once_are_told_so(place_with: Callable[[Limits], Place]) -> None:
    place = place_with(Limits(in_flight=1))
    one, two = place.browser(*TO_FIRST_QUESTION), place.browser(*TO_FIRST_QUESTION)
    while place.rasa.arrived.acquire(blocking=False):
        pass
    place.rasa.hold.clear()
    answering = threading.Thread(target=one.press, args=("1. Yes",))
    answering.start()
    place.rasa.arrived.acquire(timeout=10)
    two.press("1. Yes")
    assert two.response.status_code == 503
    assert two.response.headers["retry-after"] == "5"
    assert "Many people are here" in two.text
    place.rasa.hold.set()
    answering.join()
    assert one.heading == "How often?"
    (again,) = two.buttons()
    assert two.press(again).heading == "How often?"


def test_new_sessions_from_one_address_are_limited(place_with: Callable[[Limits], Place]) -> None:
    place = place_with(Limits(new_burst=2, new_per_second=0))
    statuses = [place.browser(language="English").response.status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


@pytest.mark.parametrize("path", ["/", "/leave", "/nothing", "/s.css", "/s.js", "/health"])
def test_every_answer_carries_the_same_strict_headers(place: Place, path: str) -> None:
    headers = place.browser().open(path).response.headers
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert "server" not in headers


def test_pages_are_stored_nowhere_and_name_no_third_party(place: Place) -> None:
    browser = place.browser(*TO_FIRST_QUESTION)
    assert browser.response.headers["cache-control"] == "no-store"
    shipped = (
        browser.response.text + browser.open("/s.css").response.text + browser.open("/s.js").response.text
    )
    for forbidden in (
        "localStorage",
        "sessionStorage",
        "indexedDB",
        "serviceWorker",
        "Notification",
        "https://",
        "http://",
    ):
        assert forbidden not in shipped


def test_the_first_view_costs_three_requests_and_at_most_14_kb(place: Place) -> None:
    total = 0
    for path in ("/", "/s.css", "/s.js"):
        with httpx.stream("GET", place.url + path, headers={"accept-encoding": "gzip"}) as answer:
            total += sum(len(chunk) for chunk in answer.iter_raw())
            if path == "/":
                assert answer.headers["content-encoding"] == "gzip"
    page = place.browser().page
    assert [each.get("href") or each.get("src") for each in page.xpath("//link|//script|//img")] == [
        "data:,",
        "/s.css",
        "/s.js",
    ]
    assert total <= 14_000


def test_what_she_writes_comes_back_as_text_and_never_as_markup(place: Place) -> None:
    browser = place.browser(*TO_FIRST_QUESTION)
    browser.write("<img src=x onerror=alert(1)>")
    assert browser.page.xpath("//img") == []
    assert "<img src=x onerror=alert(1)>" in browser.page.xpath("string(//p[@class='mine'])")
