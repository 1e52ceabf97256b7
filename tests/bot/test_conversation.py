"""The conversation's promises, one by one, on a small form with every kind of question and on the real ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from speaking import NOW, AtTheDesk, Clock, buttons, counted_ids, shown

from bot.conversation import Conversation, Message, Save
from bot.outbox import KeyPair, Outbox, open_row
from bot.phrases import LANGUAGES, Words
from bot.understand import script_language
from xlsforms import Form, load_form, read_instance

TO_FIRST_INDICATOR = ["hello", "English", "yes", "1", "no", "yes", "yes", "skip", "1", "1", "1", "1"]
TO_REVIEW = [
    *TO_FIRST_INDICATOR,
    *["5"] * 4,
    "yes",
    "no",
    "5",
    "5",
    "no",
    "no",
    "5",
    "yes",
    "5",
    *["skip"] * 3,
]
STOP = {"en": "stop", "bn": "থামুন", "hi": "रुको"}
CHOOSE = {"en": "English", "bn": "বাংলা", "hi": "हिन्दी"}


def stored(outbox: Outbox, keys: KeyPair) -> list[dict[str, str]]:
    return [dict(read_instance(open_row(row, keys.private)).answers) for row in outbox.take(0, 100)]


# -- the first message ---------------------------------------------------------------------------------------------


def test_the_language_is_chosen_and_not_guessed(person: AtTheDesk) -> None:
    replies = person.say("ami bangla bolte pari")
    assert set(buttons(replies)) == {"English", "বাংলা", "हिन्दी"}


@pytest.mark.parametrize("choice", ["2", "২", "বাংলা", "Bangla"])
def test_a_language_is_chosen_by_number_or_name(person: AtTheDesk, choice: str) -> None:
    person.say("hello")
    assert script_language(shown(person.say(choice))) == "bn"


def test_the_first_message_says_what_it_is_what_is_kept_who_sees_and_asks_for_safety(
    person: AtTheDesk,
) -> None:
    text = shown(person.all("hello", "English"))
    for said in (
        "not a person",
        "deleted",
        "without your name",
        "15 months",
        "90 days",
        "A few people",
        "112",
    ):
        assert said in text
    for said in ("not an emergency service", "never asks what happened", "safe time", "skip, back, help"):
        assert said in text


def test_who_says_that_it_is_not_safe_is_let_go_and_nothing_is_kept(person: AtTheDesk) -> None:
    assert "Nothing was kept" in shown(person.all("hello", "English", "no"))
    assert person.opened is None


def test_stop_before_anything_else_ends_it(person: AtTheDesk) -> None:
    person.say("stop")
    assert person.opened is None


def test_help_and_danger_are_answered_before_a_language_is_chosen(person: AtTheDesk) -> None:
    assert "১৪৪১৬" not in shown(person.say("আমি বিপদে আছি"))
    assert "14416" in shown(person.say("আমি বিপদে আছি"))
    replies = person.say("help")
    assert {script_language(reply.text) for reply in replies} == {None, "bn", "hi"}
    assert set(buttons(person.say("hm"))) == {"English", "বাংলা", "हिन्दी"}


# -- gates ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_under_eighteen_it_ends_with_the_child_helpline_and_nothing_is_kept(
    person: AtTheDesk, outbox: Outbox, language: str
) -> None:
    no = {"en": "no", "bn": "না", "hi": "नहीं"}[language]
    text = shown(person.all("hello", CHOOSE[language], "1", "1", "2", no))
    assert "1098" in text
    assert person.opened is None
    assert outbox.take(0, 1) == []


def test_without_consent_it_ends_with_the_forms_own_words(person: AtTheDesk, outbox: Outbox) -> None:
    text = shown(person.all("hello", "English", "1", "1", "no", "yes", "no"))
    assert "That is all right" in text
    assert "Nothing was kept" in text
    assert person.opened is None
    assert outbox.take(0, 1) == []


def test_consent_is_taken_back_in_the_review_and_nothing_is_kept(person: AtTheDesk, outbox: Outbox) -> None:
    person.all(*TO_REVIEW)
    assert "Nothing was kept" in shown(person.all("3", "no"))
    assert outbox.take(0, 1) == []


def test_practice_is_talked_through_and_not_stored(person: AtTheDesk, outbox: Outbox) -> None:
    talk = [*TO_REVIEW]
    talk[4] = "yes"
    assert "practice" in shown(person.all(*talk, "send"))
    assert outbox.take(0, 1) == []
    assert person.opened is None


@pytest.mark.parametrize("guess", ["affirm", "start_evaluation"])
def test_consent_is_never_given_by_a_classifier(person: AtTheDesk, guess: str) -> None:
    person.all("hello", "English", "1", "1", "no", "yes")
    assert "Do you agree" in shown(person.say("hmm maybe so", intent=guess))


# -- stop, skip, back, help at every step --------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_stop_works_at_every_step_and_leaves_nothing(
    desk: Callable[..., AtTheDesk], forms: tuple[Form, ...], outbox: Outbox, language: str
) -> None:
    talk = [
        "hello",
        CHOOSE[language],
        "1",
        "1",
        "2",
        "1",
        "1",
        "x1",
        "1",
        "1",
        "1",
        "1",
        *["1"] * 13,
        "x",
        "x",
        "x",
    ]
    for length in range(1, len(talk) + 1):
        someone = desk(*forms)
        someone.all(*talk[:length])
        assert someone.opened is not None
        draft = someone.clerk.drafts.load(someone.sender, NOW)
        assert draft is not None
        someone.say(STOP[language])
        assert someone.opened is None
        assert someone.clerk.drafts.load(someone.sender, NOW) is None
    assert outbox.take(0, 1) == []


def test_every_question_offers_help_and_stop_as_buttons_and_skip_where_allowed(person: AtTheDesk) -> None:
    required = {"practice", "adult", "consent", "role", "district", "block", "provider"}
    person.all(*TO_FIRST_INDICATOR[:3])
    for text in [*TO_REVIEW[3:]]:
        found = buttons(person.say(text))
        assert {"Stop"} <= set(found)
        path = next((p.removeprefix("back:") for p in found.values() if p.startswith("back:")), None)
        if path is not None:
            assert "Help" in found
            assert ("Skip" in found) == (path not in required)


def test_a_required_question_says_so_and_stays_open(person: AtTheDesk) -> None:
    replies = person.all("hello", "English", "1", "1", "skip")
    assert "Please choose Yes or No to go on." in shown(replies)
    assert "only practice" in shown(replies)


def test_back_reopens_the_question_before_and_keeps_the_rest(person: AtTheDesk) -> None:
    before = person.all(*TO_FIRST_INDICATOR)
    person.say("3")
    again = person.say("back")
    assert set(buttons(again)) == set(buttons(before))
    person.say("4")
    assert "first question" in shown(person.all(*["back"] * 30))


def test_the_language_is_switched_at_any_step_and_answers_stay(
    person: AtTheDesk, outbox: Outbox, keys: KeyPair
) -> None:
    person.all(*TO_FIRST_INDICATOR, "5")
    assert script_language(shown(person.say("বাংলা"))) == "bn"
    replies = person.all("ভাষা", "3")
    assert script_language(shown(replies)) == "hi"
    person.all(*["5"] * 3, "1", "2", "5", "5", "2", "2", "5", "1", "5", *["छोड़ो"] * 3, "भेजें")
    assert stored(outbox, keys)[0]["core/availability"] == "5"


@pytest.mark.parametrize("word", ["help", "সাহায্য", "madad", "I am in danger", "ora amake marche"])
def test_help_and_danger_store_nothing_and_return_to_the_same_question(
    person: AtTheDesk, outbox: Outbox, keys: KeyPair, word: str
) -> None:
    asked = shown(person.all(*TO_REVIEW[:-3]))
    offered = person.say(word)
    assert "112" in shown(offered)
    assert "list of calls" in shown(offered)
    assert set(buttons(offered)) == {"Go on", "Stop and delete"}
    draft = person.clerk.drafts.load(person.sender, NOW)
    assert draft is not None
    assert word not in draft["interview"]["values"].values()
    assert shown(person.say("2")) == asked  # a stray number is no answer, and stops nothing
    person.say(word)
    assert shown(person.press("continue:")) == asked
    person.all("skip", "skip", "skip", "send")
    assert word not in stored(outbox, keys)[0].values()


def test_danger_heard_by_the_classifier_in_an_open_field_is_not_stored(person: AtTheDesk) -> None:
    person.all(*TO_REVIEW[:-3])
    assert "112" in shown(person.say("he said he knows where my children go", intent="danger"))


def test_stop_heard_by_the_classifier_asks_first(person: AtTheDesk) -> None:
    asked = person.all(*TO_FIRST_INDICATOR)
    assert "Do you want to stop" in shown(person.say("I had it with this", intent="stop"))
    assert set(buttons(person.say("no"))) == set(buttons(asked))
    person.say("I had it with this", intent="stop")
    person.say("yes")
    assert person.opened is None


def test_a_long_answer_in_an_open_field_is_an_answer_whatever_it_resembles(
    person: AtTheDesk, outbox: Outbox, keys: KeyPair
) -> None:
    comment = "They should stop asking people for money, and help the older women first"
    person.all(*TO_REVIEW[:-3])
    person.say(comment, intent="stop")
    person.all("skip", "skip", "send")
    assert stored(outbox, keys)[0]["comment"] == comment


# -- interruptions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("intent", "said"),
    [
        ("ask_why", "show who does this work well"),
        ("ask_privacy", "15 months"),
        ("ask_who_sees", "A few people"),
        ("ask_about_bot", "computer program"),
        ("ask_status", "four times a year"),
        ("withdraw", "receipt number"),
        ("thanks", "Thank you too"),
        ("out_of_scope", "only go through these questions"),
    ],
)
def test_an_interruption_is_answered_and_the_question_asked_again(
    person: AtTheDesk, intent: str, said: str
) -> None:
    asked = person.all(*TO_FIRST_INDICATOR)
    replies = person.say("something about that", intent=intent)
    assert said in shown(replies)
    assert set(buttons(replies)) == set(buttons(asked))


def test_a_question_mark_explains(person: AtTheDesk) -> None:
    person.all(*TO_FIRST_INDICATOR[:5])
    assert "exact age" in shown(person.say("?"))


def test_after_three_misreadings_a_way_out_is_offered(person: AtTheDesk) -> None:
    person.all(*TO_FIRST_INDICATOR)
    assert "A person" not in buttons(person.say("blah"))
    assert "A person" not in buttons(person.say("blub"))
    assert {"Skip", "A person", "Stop"} <= set(buttons(person.say("blob")))
    person.say("3")
    assert "A person" not in buttons(person.say("blah"))


# -- answers -------------------------------------------------------------------------------------------------------


def test_notes_are_joined_to_the_next_question(visitor: AtTheDesk) -> None:
    reply = visitor.say("repeat")[-1]
    assert "Did you meet?" in reply.text
    visitor.say("back")
    restarted = AtTheDesk(visitor.clerk)
    (first,) = restarted.all("hello", "English", "yes")
    assert first.text.index("About a visit.") < first.text.index("Did you meet?")


def test_a_short_form_shows_its_progress_and_its_sections(visitor: AtTheDesk) -> None:
    text = shown(visitor.say("yes"))
    assert "2 of 6" in text
    assert "— The time —" in text
    assert "— The time —" not in shown(visitor.say("3"))


def test_every_kind_of_question_is_answered_and_echoed_where_it_can_be_misread(
    visitor: AtTheDesk, outbox: Outbox, keys: KeyPair
) -> None:
    assert "How often" in shown(visitor.say("হ্যাঁ"))
    assert "I noted: 3" in shown(visitor.say("তিন"))
    assert "I noted: 20/11/2026" in shown(visitor.say("২০/১১/২০২৬"))
    assert "I noted: At home, At the school" in shown(visitor.say("১ ও ৩"))
    visitor.say("2.5")
    assert "Anything else? — fine =1+1" in shown(visitor.say("fine =1+1"))
    visitor.say("send")
    (answers,) = stored(outbox, keys)
    assert {key: answers[key] for key in ("met", "when/times", "when/last", "places", "hours", "words")} == {
        "met": "yes",
        "when/times": "3",
        "when/last": "2026-11-20",
        "places": "home school",
        "hours": "2.5",
        "words": "fine =1+1",
    }


def test_a_constraint_says_its_own_message_and_asks_again(visitor: AtTheDesk) -> None:
    visitor.say("yes")
    for _ in range(3):
        replies = visitor.say("12")
        assert "Between 0 and 8" in shown(replies)
        assert "How often?" in shown(replies)


def test_a_guess_is_taken_only_after_a_yes(visitor: AtTheDesk, outbox: Outbox, keys: KeyPair) -> None:
    visitor.say("yes")
    assert set(buttons(visitor.say("3 days"))) == {"Yes", "No"}
    assert "How often?" in shown(visitor.say("no"))
    visitor.say("4 days")
    assert "When last?" in shown(visitor.say("yes"))
    visitor.all("skip", "skip", "skip", "skip", "send")
    assert stored(outbox, keys)[0]["when/times"] == "4"


@pytest.mark.parametrize("word", ["no", "না", "नहीं", "don't know", "jani na"])
def test_an_open_field_answered_with_no_is_left_empty(
    visitor: AtTheDesk, outbox: Outbox, keys: KeyPair, word: str
) -> None:
    visitor.all("yes", "1", "today", "1", "1", word, "send")
    assert "words" not in stored(outbox, keys)[0]


def test_an_open_field_answered_with_yes_asks_for_the_words(visitor: AtTheDesk) -> None:
    assert "own words" in shown(visitor.all("yes", "1", "today", "1", "1", "yes"))


def test_a_survivor_code_in_bengali_digits_is_the_same_code(
    person: AtTheDesk, outbox: Outbox, keys: KeyPair
) -> None:
    talk = [*TO_REVIEW]
    talk[7] = "৫৮৩৫ ০৯৮ ০৫১"
    person.all(*talk, "send")
    assert stored(outbox, keys)[0]["survivor_code"] == "5835098051"


def test_a_mistyped_code_is_noticed_without_saying_whether_any_code_exists(person: AtTheDesk) -> None:
    replies = person.all(*TO_FIRST_INDICATOR[:7], "5835098052")
    assert "If you have a 10-digit number" in shown(replies)


def test_a_button_of_an_earlier_question_changes_nothing(person: AtTheDesk) -> None:
    old = buttons(person.all(*TO_FIRST_INDICATOR))
    asked = person.say("3")
    for title in ("5. Always", "Skip", "Back"):
        replies = person.press(old[title])
        assert "earlier question" in shown(replies)
        assert set(buttons(replies)) == set(buttons(asked))


@pytest.mark.parametrize(
    "payload",
    ["", ":", "answer:", "answer:provider=nobody", "change:nowhere", "send:", "form:none", "x" * 300],
)
def test_a_payload_that_was_never_offered_changes_nothing(person: AtTheDesk, payload: str) -> None:
    asked = buttons(person.all(*TO_FIRST_INDICATOR))
    assert set(asked) <= set(buttons(person.press(payload)))


# -- review and saving ---------------------------------------------------------------------------------------------


def test_an_answer_is_changed_from_the_review_and_only_that_is_asked(
    person: AtTheDesk, outbox: Outbox, keys: KeyPair
) -> None:
    review = shown(person.all(*TO_REVIEW))
    number = next(line for line in review.splitlines() if "Were you spoken to with respect" in line).split(
        "."
    )[0]
    assert "respect" in shown(person.all("change", number))
    assert "This is what I understood" in shown(person.say("2"))
    person.say("send")
    (answers,) = stored(outbox, keys)
    assert (answers["core/respect"], answers["core/choice"]) == ("2", "5")


def test_the_receipt_is_spoken_after_the_commit_and_is_the_instances_own(
    person: AtTheDesk, outbox: Outbox, keys: KeyPair
) -> None:
    before = shown(person.all(*TO_REVIEW))
    text = shown(person.say("send"))
    (answers,) = stored(outbox, keys)
    assert "It is saved." in text
    assert answers["receipt"] in text
    assert answers["receipt"] not in before
    assert "saved" not in before
    assert answers["mode"] == "chat"


def test_a_form_without_a_receipt_of_its_own_still_confirms(visitor: AtTheDesk, outbox: Outbox) -> None:
    text = shown(visitor.all("yes", *["skip"] * 5, "send"))
    assert "It is saved." in text
    assert "That was all." in text
    assert len(outbox.take(0, 10)) == 1


def test_goodbye_after_the_end_is_answered_and_a_new_talk_knows_nothing(person: AtTheDesk) -> None:
    person.all(*TO_REVIEW, "send")
    assert set(buttons(person.say("hello"))) == {"English", "বাংলা", "हिन्दी"}
    other = AtTheDesk(person.clerk)
    other.all(*TO_REVIEW, "send")
    assert "take care" in shown(other.say("thank you"))


def test_the_same_message_delivered_twice_is_answered_alike_and_counts_once(
    person: AtTheDesk, outbox: Outbox, keys: KeyPair
) -> None:
    for number, text in enumerate([*TO_REVIEW, "send"]):
        message = Message(text=text, id=f"m{number}")
        assert person.give(message) == person.give(message)
    (answers,) = stored(outbox, keys)
    assert answers["core/availability"] == "5"


def test_a_state_is_json_and_a_reply_does_not_change_it(forms: tuple[Form, ...], words: Words) -> None:
    conversation = Conversation(forms, words)
    new_id = counted_ids()
    state: dict[str, Any] | None = None
    for text in TO_REVIEW:
        before = json.dumps(state)
        turn = conversation.reply(state, Message(text=text), now=NOW, new_id=new_id)
        assert json.dumps(state) == before
        state = json.loads(json.dumps(turn.state))
    turn = conversation.reply(state, Message(text="send"), now=NOW, new_id=new_id)
    assert isinstance(turn.effect, Save)
    assert turn.replies == ()  # nothing is said before the commit


def test_after_fifteen_silent_minutes_the_talk_is_gone_and_the_next_person_sees_nothing(
    person: AtTheDesk, clock: Clock
) -> None:
    person.all(*TO_FIRST_INDICATOR, "5")
    clock.pass_minutes(16)
    text = shown(person.say("hello"))
    assert "Nothing of it was kept" in text
    assert "Choose a language" in text


def test_another_instance_is_added_by_its_button_once_and_by_word(
    desk: Callable[..., AtTheDesk], tmp_path: Path
) -> None:
    (tmp_path / "trips.md").write_text(
        "| survey |\n| | type | name | label::English (en) |\n| | begin_repeat | trip | Trip |\n"
        "| | integer | km | How far? |\n| | end_repeat | | |\n",
        encoding="utf-8",
    )
    someone = desk(load_form(tmp_path / "trips.md"))
    someone.all("hello", "English", "yes")
    another = buttons(someone.say("3"))
    assert another["Yes"] == "answer:trip=add"
    assert "How far?" in shown(someone.press(another["Yes"]))
    assert "an earlier question" in shown(someone.press(another["Yes"]))
    someone.say("4")
    told = shown(someone.say("no"))
    assert "How far? (1) — 3" in told
    assert "How far? (2) — 4" in told


TRIPS = (
    "| survey |\n| | type | name | label::English (en) | hint::English (en) | guidance_hint::English (en) |\n"
    "| | begin_repeat | trip | Trip | | |\n"
    "| | integer | km | How far? | One way | Ask for the road, not the bus line |\n"
    "| | end_repeat | | | | |\n"
)


@pytest.fixture
def traveller(desk: Callable[..., AtTheDesk], tmp_path: Path) -> AtTheDesk:
    """Someone who has told of three trips and is asked for another one."""
    (tmp_path / "trips.md").write_text(TRIPS, encoding="utf-8")
    someone = desk(load_form(tmp_path / "trips.md"))
    someone.all("hello", "English", "yes", "3", "yes", "4", "yes", "5")
    return someone


def test_an_instance_is_taken_out_and_the_others_move_up(traveller: AtTheDesk) -> None:
    offered = buttons(traveller.press("remove:"))
    assert [title for title in offered if "Trip" in title] == ["1. Trip 1: 3", "2. Trip 2: 4", "3. Trip 3: 5"]
    assert "Taken out: Trip 2: 4" in shown(traveller.press(offered["2. Trip 2: 4"]))
    told = shown(traveller.say("no"))
    assert "How far? (1) — 3" in told
    assert "How far? (2) — 5" in told


def test_the_button_of_an_instance_pressed_twice_takes_out_only_one(traveller: AtTheDesk) -> None:
    offered = buttons(traveller.press("remove:"))
    traveller.press(offered["1. Trip 1: 3"])
    traveller.press(offered["1. Trip 1: 3"])
    told = shown(traveller.say("no"))
    assert "How far? (2) — 5" in told


def test_an_instance_is_taken_out_by_words_from_the_review(traveller: AtTheDesk) -> None:
    assert "Take one out" in buttons(traveller.say("no"))
    traveller.say("remove")
    told = shown(traveller.say("3"))
    assert "Taken out: Trip 3: 5" in told


def test_what_fits_no_instance_takes_nothing_out(traveller: AtTheDesk) -> None:
    traveller.say("remove")
    traveller.say("9")
    traveller.press("without:trip=abc")
    traveller.press("without:nowhere=1")
    traveller.press("without:trip=1")  # no menu is open
    assert "How far? (3) — 5" in shown(traveller.say("no"))


def test_where_nothing_repeats_there_is_nothing_to_take_out(person: AtTheDesk) -> None:
    person.all(*TO_REVIEW)
    assert "nothing to take out" in shown(person.say("remove"))


def test_who_asks_for_more_gets_the_hint_and_the_guidance(traveller: AtTheDesk) -> None:
    told = shown(traveller.press("answer:trip=add") and traveller.press("hint:"))
    assert "One way\nAsk for the road, not the bus line\n" in told
