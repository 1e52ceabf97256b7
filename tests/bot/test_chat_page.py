"""The chat page in a real browser: with JavaScript and without, on small screens, and what it leaves behind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from door import RasaStandIn, open_door, rasa_stand_in
from real_browser import SCRIPTS, Browse
from speaking import counted_ids

from bot.clerk import Clerk
from bot.conversation import Conversation
from bot.drafts import Drafts, new_drafts_key
from bot.gateway import Limits
from bot.outbox import Outbox, new_key_pair
from bot.phrases import Words
from xlsforms import Form

pytestmark = pytest.mark.nightly

PHONE, SMALLEST, DESKTOP = (360, 640), (320, 480), (1280, 800)
LOOK = {"look": True}
Talk = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def rasa(
    words: Words, forms: tuple[Form, ...], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RasaStandIn]:
    folder = tmp_path_factory.mktemp("databases")
    with (
        Drafts(f"sqlite:///{folder}/drafts.db", new_drafts_key()) as drafts,
        Outbox(f"sqlite:///{folder}/outbox.db", public_key=new_key_pair().public) as outbox,
    ):
        conversation = Conversation(forms, words, "19")
        clerk = Clerk(
            conversation, drafts, outbox, clock=lambda: dt.datetime.now(dt.UTC), new_id=counted_ids()
        )
        with rasa_stand_in(clerk) as server:
            yield server


@pytest.fixture(scope="module")
def talk(browse: Browse, rasa: RasaStandIn, words: Words) -> Iterator[Talk]:
    """Does the steps in a browser with nothing in it and tells what it saw where it was told to look."""
    with open_door(rasa.clerk, rasa.clerk.drafts, words, rasa.url, Limits(new_burst=500, burst=100)) as url:

        def go(*steps: dict[str, Any], size: tuple[int, int] = PHONE, script: bool = True) -> dict[str, Any]:
            axe = SCRIPTS / "node_modules" / "axe-core" / "axe.min.js"
            plan = {"axe": str(axe), "url": url, "width": size[0], "height": size[1], "script": script}
            found = browse("chat.mjs", {**plan, "steps": list(steps)})
            found["seen"] = [step for step in found["steps"] if step]
            return found

        yield go


def to_question() -> list[dict[str, Any]]:
    written = ("2", "1", "1", "বাদ", "1", "1", "1", "1", "4")
    return [
        {"follow": "বাংলা"},
        {"press": "এগিয়ে যান"},
        {"press": "হ্যাঁ, শুরু করুন"},
        {"press": "কোনো মানুষ বা অফিস আমার সঙ্গে কেমন কাজ করেছে"},
        *({"write": each} for each in written),
    ]


@pytest.mark.parametrize("size", [PHONE, SMALLEST, DESKTOP], ids=["phone", "smallest", "desktop"])
def test_no_page_has_a_barrier_or_is_wider_than_the_screen(talk: Talk, size: tuple[int, int]) -> None:
    steps = [LOOK]
    for step in to_question():
        steps += [step, LOOK]
    steps += [{"press": "সাহায্য"}, LOOK, {"press": "চালিয়ে যান"}, LOOK, {"scroll": True}, LOOK]
    steps += [{"picture": f"chat_scale_{size[0]}"}]
    found = talk(*steps, size=size)
    assert [barrier for seen in found["seen"] for barrier in seen["barriers"]] == []
    assert [seen["wide"] for seen in found["seen"]] == [0] * len(found["seen"])
    assert all(seen["leaveInView"] for seen in found["seen"])
    assert min(seen["smallest"] for seen in found["seen"]) >= 56
    assert found["errors"] == []
    assert found["abroad"] == []


def test_an_answer_adds_one_node_to_the_log_and_keeps_nothing_in_the_browser(talk: Talk) -> None:
    found = talk({"follow": "English"}, {"press": "Go on"}, LOOK, {"press": "Yes, begin"}, LOOK)
    before, after = found["seen"]
    assert after["articles"] == before["articles"] + 1
    kept = {name: number for name, number in after["stored"].items() if name != "cookies"}
    assert kept == {"local": 0, "session": 0, "caches": 0, "databases": 0, "workers": 0}


def test_the_screen_can_be_scrolled_back_to_the_last_answers_only(talk: Talk) -> None:
    found = talk(*to_question(), LOOK)
    (seen,) = found["seen"]
    assert seen["articles"] == 3


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without"])
def test_after_leaving_going_back_shows_nothing_of_the_talk(talk: Talk, script: bool) -> None:
    found = talk(*to_question(), LOOK, {"leave": True}, LOOK, {"back": True}, LOOK, script=script)
    talking, left, back = found["seen"]
    question = talking["heading"][-1]
    assert question
    assert talking["stored"]["cookies"] == ["s"]
    assert left["url"].endswith("/weather")
    assert left["stored"]["cookies"] == []
    for seen in (left, back):
        assert question not in seen["text"]
        assert "৪" not in seen["text"]


def test_without_javascript_each_question_is_a_page_of_its_own(talk: Talk) -> None:
    found = talk(*to_question(), LOOK, {"picture": "chat_without_script"}, size=SMALLEST, script=False)
    (seen,) = found["seen"]
    assert len(seen["heading"]) == 1
    assert seen["articles"] == 1
    assert seen["leaveInView"]


def test_without_a_connection_nothing_is_lost_and_the_same_press_works_later(talk: Talk) -> None:
    found = talk(
        {"follow": "English"},
        {"press": "Go on"},
        {"offline": True},
        {"press": "Yes, begin", "fails": True},
        LOOK,
        {"offline": False},
        {"press": "Yes, begin"},
        LOOK,
    )
    offline, back = found["seen"]
    assert "No connection. Nothing is lost" in offline["text"]
    assert "What would you like to tell?" in back["text"]


def test_the_title_stays_neutral_on_every_page(talk: Talk) -> None:
    found = talk(LOOK, *(part for step in to_question() for part in (step, LOOK)))
    assert {seen["title"] for seen in found["seen"]} <= {"Questions · প্রশ্ন · सवाल", "প্রশ্ন"}
    assert len({seen["url"] for seen in found["seen"]} - {found["seen"][0]["url"]}) <= 1
