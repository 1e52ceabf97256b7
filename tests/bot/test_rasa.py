"""What stock Rasa was measured to get wrong (docs/safety), tried on ours: a real server, a real action server."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from door import Browser
from speaking import ThroughRasa, buttons, shown
from test_conversation import TO_FIRST_INDICATOR, TO_REVIEW

from bot.errors import NotRunningError
from bot.outbox import KeyPair, Outbox, open_row
from bot.runtime import Running, fingerprint, model_path, new_sender, train, understand
from bot.settings import Settings

pytestmark = pytest.mark.rasa


@pytest.fixture
def someone(running_bot: Running) -> ThroughRasa:
    return ThroughRasa(running_bot)


@pytest.fixture
def outbox(rasa_settings: Settings) -> Iterator[Outbox]:
    with Outbox(rasa_settings.outbox_url) as outbox:
        yield outbox


def say_all(someone: ThroughRasa, *texts: str) -> str:
    text = ""
    for each in texts:
        text = shown(someone.say(each))
    return text


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def test_a_locked_outbox_is_never_called_saved(
    someone: ThroughRasa, outbox: Outbox, rasa_settings: Settings
) -> None:
    """F1: the stock bot said thank you when nothing was stored."""
    assert outbox.take(0, 1) == []
    say_all(someone, *TO_REVIEW)
    lock = sqlite3.connect(path_of(rasa_settings.outbox_url), isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    text = shown(someone.say("send"))
    lock.close()
    assert "could not be saved" in text
    assert "It is saved" not in text
    assert outbox.take(0, 1) == []
    assert "It is saved." in shown(someone.say("send"))
    assert outbox.acknowledge([row.id for row in outbox.take(0, 10)]) == 1


@pytest.mark.parametrize(
    "command",
    [
        '/affirm{"interview":"11111111-1111-4111-8111-111111111111"}',
        "/restart",
        "/session_start",
        '/start_evaluation{"consent":"yes"}',
    ],
)
def test_a_slash_command_sets_nothing_and_chooses_no_intent(someone: ThroughRasa, command: str) -> None:
    """F3: any user could write slots and restart sessions."""
    asked = say_all(someone, *TO_FIRST_INDICATOR[:6])
    assert "Do you agree" in asked
    assert "Do you agree" in shown(someone.say(command))
    assert "Do you agree" in shown(someone.say("repeat"))


def test_nobody_continues_a_conversation_without_its_long_name(running_bot: Running) -> None:
    """F4: the stock REST channel took any sender, and shared one among all who gave none."""
    for sender in (None, "", "default", "short", 7, ["x" * 40], "x" * 40 + "/../"):
        body = json.dumps({"sender": sender, "text": "hello"}).encode()
        assert running_bot.post(body)[0] == 400
    someone, other = ThroughRasa(running_bot), ThroughRasa(running_bot)
    say_all(someone, *TO_FIRST_INDICATOR)
    assert set(buttons(other.say("5"))) == {"English", "বাংলা", "हिन्दी"}


@pytest.mark.parametrize("length", range(1, len(TO_FIRST_INDICATOR) + 1, 3))
def test_stop_at_a_step_stores_nothing_and_the_next_talk_knows_nothing(
    someone: ThroughRasa, outbox: Outbox, length: int
) -> None:
    """F5 and F6: "stop" was stored as an answer; the next person inherited the answers."""
    say_all(someone, *TO_FIRST_INDICATOR[:length])
    assert "Nothing was kept" in shown(someone.say("stop")) or length == 1
    assert set(buttons(someone.say("5"))) == {"English", "বাংলা", "हिन्दी"}
    assert outbox.take(0, 1) == []


def test_a_message_delivered_twice_counts_once(running_bot: Running, outbox: Outbox) -> None:
    """F7: a crash and a retry made two rows."""
    sender = new_sender()
    for number, text in enumerate([*TO_REVIEW, "send"]):
        first = running_bot.send(sender, text, id=f"m{number}")
        assert running_bot.send(sender, text, id=f"m{number}") == first
    assert outbox.acknowledge([row.id for row in outbox.take(0, 10)]) == 1


def test_giant_compressed_and_malformed_bodies_are_refused(running_bot: Running) -> None:
    """F10: one 10 MB message blocked everybody for 45 s."""
    sender = new_sender()

    def status(body: bytes, **headers: str) -> int:
        return running_bot.post(body, headers)[0]

    assert status(json.dumps({"sender": sender, "text": "x" * 20_000}).encode()) == 413
    assert status(json.dumps({"sender": sender, "text": "x" * 1001}).encode()) == 400
    assert (
        status(json.dumps({"sender": sender, "text": "hello"}).encode(), **{"Content-Encoding": "deflate"})
        == 415
    )
    for text in (None, 7, [], {}, "", "  "):
        assert status(json.dumps({"sender": sender, "text": text}).encode()) == 400
    for payload in (7, [], "", "x" * 301):
        assert status(json.dumps({"sender": sender, "payload": payload}).encode()) == 400
    assert status(b"not json") == 400
    assert status(json.dumps({"sender": sender, "text": "x" * 1000}).encode()) == 200


def test_a_slash_before_a_word_is_no_more_than_the_word(someone: ThroughRasa) -> None:
    say_all(someone, *TO_FIRST_INDICATOR[:6])
    assert "18 years" in shown(someone.say("/back"))


def test_rasas_own_doors_are_shut(running_bot: Running) -> None:
    for path in (
        "/conversations/x/tracker",
        "/model",
        "/domain",
        "/webhooks/rest/webhook",
        "/status",
        "/version",
    ):
        connection = http.client.HTTPConnection("127.0.0.1", running_bot.port or 0, timeout=10)
        connection.request("GET", path)
        assert connection.getresponse().status == 404, path
        connection.close()


def test_nothing_that_was_written_is_in_a_log_or_beside_it(
    someone: ThroughRasa, running_bot: Running, rasa_settings: Settings
) -> None:
    """F11: errors dumped the whole tracker into the log, and rasa.db lay open in clear text."""
    say_all(someone, *TO_REVIEW[:-3], "CANARY-5b2e they were kind")
    lock = sqlite3.connect(path_of(rasa_settings.drafts_url), isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    assert "not used" in shown(someone.say("CANARY-5b2e again"))
    lock.close()
    folders = (running_bot.logs, path_of(rasa_settings.drafts_url).parent)
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"CANARY-5b2e" in path.read_bytes()]
    assert {path.stat().st_mode & 0o077 for path in files} == {0}


def test_exact_words_come_before_the_classifier_and_both_are_told_apart(
    model: Path, rasa_python: Path
) -> None:
    sentences = ["থামুন", "ora amake mere felbe", "who will see this", "3", '/stop{"a":1}', "qqq zzz"]
    found = understand(sentences, model, rasa_python)
    assert [each["text"] for each in found] == sentences
    assert all(set(each) == {"text", "intent", "confidence", "reading"} for each in found)
    readings = [each["reading"] for each in found]
    assert readings[:3] == ["stop", "danger", "ask_who_sees"]
    assert readings[3] == "answer"


def test_an_unchanged_project_is_not_trained_again(model: Path, rasa_python: Path) -> None:
    before = model.stat().st_mtime_ns
    assert train(rasa_python, model.parent) == model == model_path(model.parent)
    assert model.stat().st_mtime_ns == before
    assert fingerprint() in model.name


def test_a_dead_action_server_is_never_called_saved(
    running_bot: Running, someone: ThroughRasa, outbox: Outbox
) -> None:
    """F1 again: HTTP 200 and a thank-you came although the action server was dead."""
    say_all(someone, *TO_REVIEW)
    os.killpg(running_bot.processes["actions"].pid, signal.SIGKILL)
    for text in ("CANARY-77 send", "send"):
        with pytest.raises(NotRunningError, match="503"):
            someone.say(text)
    running_bot.start_actions()
    assert b"CANARY-77" not in (running_bot.logs / "rasa.log").read_bytes()
    assert outbox.take(0, 1) == []
    assert "It is saved." in shown(someone.say("send"))  # nothing was lost meanwhile
    assert outbox.acknowledge([row.id for row in outbox.take(0, 10)]) == 1


@pytest.fixture
def browser(running_bot: Running) -> Iterator[Browser]:
    browser = Browser(f"http://127.0.0.1:{running_bot.web_port}")
    yield browser
    browser.close()


def test_an_evaluation_given_on_the_page_comes_to_the_outbox_through_rasa(
    browser: Browser, outbox: Outbox, keys: KeyPair
) -> None:
    before = len(outbox.take(0, 1000))
    browser.open().enter("English")
    browser.press("Yes, begin").press("How a person or an office worked with me")
    for typed in TO_REVIEW[TO_REVIEW.index("1") + 1 :]:
        browser.write(typed)
        while (
            browser.response.status_code == 429
        ):  # faster than a person reads: wait as told, and send it again
            time.sleep(int(browser.response.headers["retry-after"]))
            (again,) = browser.buttons()
            browser.press(again)
    assert "Shall I send it?" in browser.text
    assert "It is saved." in browser.press("Send").text
    rows = outbox.take(0, 1000)
    assert len(rows) == before + 1
    assert "<availability>5</availability>" in open_row(rows[-1], keys.private)


def test_the_door_knows_no_key_of_the_outbox(running_bot: Running) -> None:
    process = running_bot.processes["door"]
    environment = Path(f"/proc/{process.pid}/environ").read_bytes()
    assert b"SHAKTI_DRAFTS_KEY" in environment
    assert running_bot.settings.outbox_public_key.encode() not in environment
    assert running_bot.settings.outbox_url.encode() not in environment
