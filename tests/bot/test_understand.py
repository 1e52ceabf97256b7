"""What is read out of what people type, in three scripts and five ways of writing."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import WordsError
from bot.phrases import Words, load_words
from bot.understand import (
    clean,
    control,
    fold,
    in_digits_of,
    make_lexicon,
    meaning,
    read,
    script_language,
    signs,
    trusted,
)
from xlsforms import Choice, Prompt

TODAY = dt.date(2026, 11, 23)

YES_NO = {"en": ("Yes", "No"), "bn": ("হ্যাঁ", "না"), "hi": ("हाँ", "नहीं")}
SCALE = {
    "en": ("Never", "Rarely", "Sometimes", "Most of the time", "Always", "I don't know"),
    "bn": ("কখনও না", "খুব কম", "মাঝে মাঝে", "বেশির ভাগ সময়", "সব সময়", "জানি না"),
    "hi": ("कभी नहीं", "बहुत कम", "कभी-कभी", "ज़्यादातर", "हमेशा", "पता नहीं"),
}


def ask(kind: str, names: tuple[str, ...] = (), labels: tuple[str, ...] = ()) -> Prompt:
    choices = tuple(Choice(name, label) for name, label in zip(names, labels, strict=True))
    return Prompt(
        path="q",
        kind=kind,
        label="?",
        hint=None,
        choices=choices,
        required=False,
        section=None,
        position=1,
        total=1,
        value="",
        appearance=None,
        eval={},
    )


def in_all_languages(kind: str, names: tuple[str, ...], labels: dict[str, tuple[str, ...]]) -> list[Prompt]:
    return [ask(kind, names, labels[language]) for language in ("en", "bn", "hi")]


YES_NO_PROMPTS = in_all_languages("select_one", ("yes", "no"), YES_NO)
SCALE_PROMPTS = in_all_languages("select_one", ("1", "2", "3", "4", "5", "dont_know"), SCALE)

ACCEPTED_YES = """yes YES Yes. y yeah yep ok okay sure 1 ১ १ 1️⃣ one One 1. (1) one.
হ্যাঁ হ্যা হাঁ হা হ্যাঁ। জি আচ্ছা ঠিক এক একটা
हाँ हां हा जी ठीक सही एक हाँ। बिल्कुल
hya hyan haan han ji thik theek accha ek bilkul sahi raji 👍 ✅"""
ACCEPTED_NO = """no NO No! n nope nah 2 ২ २ 2️⃣ two
না না। নাহ দুই দুটো
नहीं नही ना दो नहीं।
na naa nahi nahin nhi dui do 👎 ❌"""


@pytest.mark.parametrize("language", [0, 1, 2])
@pytest.mark.parametrize(("typed", "value"), [(ACCEPTED_YES, "yes"), (ACCEPTED_NO, "no")])
def test_yes_and_no_are_read_in_every_script_whatever_the_language(
    words: Words, language: int, typed: str, value: str
) -> None:
    asked = YES_NO_PROMPTS[language]
    readings = {
        text: read(asked, text, words.lexicon, today=TODAY, others=YES_NO_PROMPTS).value
        for text in typed.split()
    }
    assert readings == dict.fromkeys(typed.split(), value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", "5"),
        ("৫", "5"),
        ("५", "5"),
        ("5️⃣", "5"),
        ("five", "5"),
        ("পাঁচ", "5"),
        ("পাচ", "5"),
        ("पाँच", "5"),
        ("पांच", "5"),
        ("panch", "5"),
        ("paanch", "5"),
        ("Always", "5"),
        (" always! ", "5"),
        ("সব সম\u09df", "5"),  # য় in one code point
        ("সব সময\u09bc", "5"),  # য় in two code points
        ("সব\u200c সময়।", "5"),  # with a joiner and a danda
        ("हमेशा", "5"),
        ("most of the time", "4"),
        ("ज़्यादातर", "4"),
        ("ज्यादातर", "4"),  # without nukta
        ("कभी कभी", "3"),
        ("6", "dont_know"),
        ("৬", "dont_know"),
        ("don't know", "dont_know"),
        ("dont know", "dont_know"),
        ("জানি না", "dont_know"),
        ("pata nahi", "dont_know"),
        ("jani na", "dont_know"),
    ],
)
def test_a_step_of_a_scale_is_read_by_sign_label_or_word(words: Words, text: str, value: str) -> None:
    for asked in SCALE_PROMPTS:
        assert read(asked, text, words.lexicon, today=TODAY, others=SCALE_PROMPTS).value == value


@pytest.mark.parametrize(
    ("text", "meant"), [("Allways", "5"), ("সব সমায়", "5"), ("sometime", "3"), ("हमेसा", "5")]
)
def test_a_misspelt_label_is_offered_and_never_taken(words: Words, text: str, meant: str) -> None:
    reading = read(SCALE_PROMPTS[0], text, words.lexicon, today=TODAY, others=SCALE_PROMPTS)
    assert reading.value is None
    assert meant in [suggestion.value for suggestion in reading.suggestions]


@pytest.mark.parametrize("text", ["", "7", "0", "55", "maybe", "3-4", "2 or 3", "🙂", "।", "xyz"])
def test_what_is_not_among_the_answers_is_not_guessed(words: Words, text: str) -> None:
    assert read(SCALE_PROMPTS[0], text, words.lexicon, today=TODAY, others=SCALE_PROMPTS).value is None


def test_names_in_two_scripts_are_found_by_either_half(words: Words) -> None:
    asked = ask("select_one", ("sw_1", "sw_2"), ("রিনা পাহাড় · Rina Pahar", "মিনু নদী · Minu Nodi"))
    for text in ("রিনা পাহাড়", "rina pahar", "Rina Pahar", "1"):
        assert read(asked, text, words.lexicon, today=TODAY).value == "sw_1"
    assert [s.value for s in read(asked, "Rina Pahad", words.lexicon, today=TODAY).suggestions] == ["sw_1"]


def test_a_label_that_two_choices_share_is_nobodys(words: Words) -> None:
    asked = ask("select_one", ("a", "b"), ("Rina", "Rina"))
    assert read(asked, "Rina", words.lexicon, today=TODAY).value is None
    assert read(asked, "2", words.lexicon, today=TODAY).value == "b"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("5", "4", "3"), ("5", "4", "3")),
        (("1", "2", "dont_know", "wont_say"), ("1", "2", "3", "4")),
        (("5", "4", "dont_know"), ("5", "4", "6")),
        (("yes", "no"), ("1", "2")),
        (("303", "304"), ("1", "2")),
        (("dont_know",), ("1",)),
    ],
)
def test_a_sign_is_the_small_number_a_choice_is_named_by_or_its_place(
    names: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert signs([Choice(name, name) for name in names]) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 3", "home school"),
        ("3 1", "home school"),
        ("1,3", "home school"),
        ("১ ও ৩", "home school"),
        ("১, ৩", "home school"),
        ("1 aur 3", "home school"),
        ("1 and 3", "home school"),
        ("home, school", "home school"),
        ("At home, At the school", "home school"),
        ("এক আর তিন", "home school"),
        ("2", "office"),
        ("1 1", "home"),
    ],
)
def test_several_choices_are_read_from_one_line(words: Words, text: str, value: str) -> None:
    asked = ask(
        "select_multiple", ("home", "office", "school"), ("At home", "At the office", "At the school")
    )
    assert read(asked, text, words.lexicon, today=TODAY).value == value


@pytest.mark.parametrize("text", ["1 4", "1 and some", "", ",", "13"])
def test_one_unreadable_part_makes_the_whole_unclear(words: Words, text: str) -> None:
    asked = ask(
        "select_multiple", ("home", "office", "school"), ("At home", "At the office", "At the school")
    )
    assert read(asked, text, words.lexicon, today=TODAY).value is None


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("integer", "3", "3"),
        ("integer", "৩", "3"),
        ("integer", "३", "3"),
        ("integer", "তিন", "3"),
        ("integer", "teen", "3"),
        ("integer", "1,50,000", "150000"),
        ("integer", "১,৫০,০০০", "150000"),
        ("integer", "150,000", "150000"),
        ("integer", "-2", "-2"),
        ("integer", "007", "7"),
        ("integer", "০", "0"),
        ("integer", "none", "0"),
        ("integer", "পঁচিশ", "25"),
        ("decimal", "2.5", "2.5"),
        ("decimal", "২.৫", "2.5"),
        ("decimal", "1,50,000.50", "150000.50"),
        ("decimal", "4", "4"),
    ],
)
def test_numbers_are_read_with_indian_grouping_and_in_every_script(
    words: Words, kind: str, text: str, value: str
) -> None:
    assert read(ask(kind), text, words.lexicon, today=TODAY).value == value


@pytest.mark.parametrize(
    ("kind", "text", "meant"),
    [
        ("integer", "3 days", ["3"]),
        ("integer", "৩ দিন", ["3"]),
        ("integer", "tin din", ["3"]),
        ("integer", "3-4", []),
        ("integer", "2.5", []),
        ("integer", "many", []),
        ("decimal", "2,5", []),
    ],
)
def test_a_number_among_words_is_offered_and_two_are_not(
    words: Words, kind: str, text: str, meant: list[str]
) -> None:
    reading = read(ask(kind), text, words.lexicon, today=TODAY)
    assert reading.value is None
    assert [suggestion.value for suggestion in reading.suggestions] == meant


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-11-20", "2026-11-20"),
        ("20/11/2026", "2026-11-20"),
        ("২০/১১/২০২৬", "2026-11-20"),
        ("२०-११-२०२६", "2026-11-20"),
        ("20.11.26", "2026-11-20"),
        ("5/3/2025", "2025-03-05"),
        ("5 March 2025", "2025-03-05"),
        ("৫ মার্চ ২০২৫", "2025-03-05"),
        ("5 मार्च 2025", "2025-03-05"),
        ("today", "2026-11-23"),
        ("আজকে", "2026-11-23"),
        ("आज", "2026-11-23"),
        ("ajke", "2026-11-23"),
        ("yesterday", "2026-11-22"),
        ("গতকাল", "2026-11-22"),
        ("goto porshu", "2026-11-21"),
    ],
)
def test_dates_are_read_day_first_or_iso(words: Words, text: str, value: str) -> None:
    assert read(ask("date"), text, words.lexicon, today=TODAY).value == value


@pytest.mark.parametrize(
    "text", ["31/02/2026", "13/13/2026", "2026", "কাল", "कल", "last month", "5 Marchember 2025"]
)
def test_a_date_that_is_none_or_could_be_two_is_asked_again(words: Words, text: str) -> None:
    assert read(ask("date"), text, words.lexicon, today=TODAY).value is None


def test_a_text_stays_as_typed_without_control_and_direction_characters(words: Words) -> None:
    typed = "  ওঁরা\u202e ভালো\x00 =1+1 \u2060/start ক্\u200dষ\tx\r\nnew line "
    expected = "ওঁরা ভালো =1+1 /start ক্\u200dষ x\nnew line"
    value = read(ask("text"), typed, words.lexicon, today=TODAY).value
    assert value is not None
    assert [line.rstrip() for line in value.split("\n")] == [clean(line) for line in expected.split("\n")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("stop", "stop"),
        ("STOP!", "stop"),
        ("থামুন।", "stop"),
        ("bondho koro", "stop"),
        ("रुको", "stop"),
        ("band karo", "stop"),
        ("help", "need_help"),
        ("সাহায্য", "need_help"),
        ("madad", "need_help"),
        ("skip", "skip"),
        ("বাদ দিন", "skip"),
        ("chhodo", "skip"),
        ("back", "back"),
        ("পেছনে", "back"),
        ("piche", "back"),
        ("?", "hint"),
        ("language", "change_language"),
        ("ভাষা", "change_language"),
        ("hindi", "language:hi"),
        ("বাংলা", "language:bn"),
        ("I am in danger", "danger"),
        ("o amake marche ekhon", "danger"),
        ("আমি বিপদে আছি", "danger"),
        ("vah mujhe maar raha hai", "danger"),
        ("they should stop asking for money", None),
        ("bad", None),
        ("3", None),
        ("", None),
        ("hello", None),
    ],
)
def test_steering_words_are_whole_messages_and_danger_is_heard_within(
    words: Words, text: str, found: str | None
) -> None:
    assert control(text, words.lexicon) == found


def test_exact_words_win_over_the_classifier(words: Words) -> None:
    assert meaning("থামুন", "answer", words.lexicon) == "stop"
    assert meaning("হ্যাঁ", "deny", words.lexicon) == "affirm"
    assert meaning("something else again", "ask_why", words.lexicon) == "ask_why"
    assert meaning("hindi", None, words.lexicon) == "change_language"
    assert meaning("৩টে", None, words.lexicon) is None


def test_a_guess_that_moves_on_must_be_surer_than_one_that_asks_back() -> None:
    assert trusted("danger", 0.55) == "danger"
    assert trusted("skip", 0.55) is None
    assert trusted("skip", 0.75) == "skip"
    assert trusted("nlu_fallback", 0.9) is None


def test_a_language_is_told_by_its_script_and_never_by_latin_letters() -> None:
    assert script_language("আমি") == "bn"
    assert script_language("मैं") == "hi"
    assert script_language("ami main I ।") is None
    assert script_language(None) is None


def test_numbers_are_shown_in_the_digits_of_the_language() -> None:
    assert (in_digits_of("bn", 12), in_digits_of("hi", "3."), in_digits_of("en", 12)) == ("১২", "३.", "12")


def test_a_word_with_two_meanings_is_refused() -> None:
    with pytest.raises(WordsError, match="'bas' stands for stop and for skip"):
        make_lexicon([("stop", "whole", ("bas",)), ("skip", "whole", (" Bas ",))])


@given(st.text(max_size=80))
def test_no_text_breaks_the_reading_and_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert clean(clean(text)) == clean(text)
    control(text, LEXICON)
    for kind in ("text", "integer", "decimal", "date", "time", "acknowledge"):
        read(ask(kind), text, LEXICON, today=TODAY)
    chosen = read(SCALE_PROMPTS[0], text, LEXICON, today=TODAY, others=SCALE_PROMPTS).value
    assert chosen is None or chosen in ("1", "2", "3", "4", "5", "dont_know")


LEXICON = load_words().lexicon
