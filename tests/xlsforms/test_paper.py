"""The paper twin: the same questions, numbers and signs, and in words what a phone skips by itself."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from lxml import html
from talking import WriteForm

import xlsforms
from xlsforms import load_form
from xlsforms.paper import paper
from xlsforms.signs import signs

FOLDER = Path(xlsforms.__file__).parent
BOTH = pytest.mark.parametrize("form", ["duty_bearer_evaluation", "services_checkin"])
LANGUAGES = pytest.mark.parametrize("language", ["en", "bn", "hi"])


def page(form: str, language: str) -> str:
    return paper(load_form(FOLDER / f"{form}.xlsx"), language)


def words(text: str) -> str:
    """All the text of a page in one line."""
    return " ".join(" ".join(html.fromstring(text).find("body").itertext()).split())


@BOTH
@LANGUAGES
def test_every_question_anybody_is_asked_stands_on_the_sheet(form: str, language: str) -> None:
    loaded = load_form(FOLDER / f"{form}.xlsx")
    spoken = loaded.language(language)
    said = words(page(form, language))
    for control in loaded.model.controls:
        (label, *_) = loaded.model.itext[spoken][control.label.itext]
        assert " ".join(label.split()) in said


@BOTH
@LANGUAGES
def test_the_sheet_is_one_file_without_scripts_and_with_a_neutral_title(form: str, language: str) -> None:
    text = page(form, language)
    assert "<script" not in text
    assert not re.search(r"(?:src|href)=|url\(|@import|https?://", text)
    title = html.fromstring(text).findtext(".//title")
    assert title in ("Questions", "প্রশ্ন", "सवाल")
    assert form not in text


@LANGUAGES
def test_no_word_of_the_sheet_is_left_in_another_language(language: str) -> None:
    script = {"en": r"[\u0900-\u09ff]", "bn": r"[\u0900-\u0963\u0966-\u097f]", "hi": r"[\u0980-\u09ff]"}
    assert not re.search(script[language], words(page("duty_bearer_evaluation", language)))


def test_questions_are_numbered_in_the_digits_of_the_language() -> None:
    numbers = html.fromstring(page("duty_bearer_evaluation", "bn")).findall(".//span[@class='n']")
    assert [number.text for number in numbers][:11] == [
        "১",
        "২",
        "৩",
        "৪",
        "৫",
        "৬",
        "৭",
        "৮",
        "৯",
        "১০",
        "১১",
    ]


def test_signs_are_the_names_of_a_scale_and_otherwise_positions() -> None:
    assert signs(["1", "2", "3", "dont_know", "wont_say"]) == ("1", "2", "3", "4", "5")
    assert signs(["5", "3", "1", "dont_know"]) == ("5", "3", "1", "6")
    assert signs(["yes", "no", "wont_say"]) == ("1", "2", "3")
    assert signs(["303", "304"]) == ("1", "2")
    assert signs([]) == ()


def test_a_scale_on_paper_has_the_signs_of_the_chat(write_form: WriteForm) -> None:
    text = paper(
        write_form(
            """
            | survey | | | |
            | | type | name | label |
            | | select_one worst | q | How? |
            | choices | | | |
            | | list_name | name | label |
            | | worst | 5 | Best |
            | | worst | 3 | So so |
            | | worst | 1 | Worst |
            | | worst | dont_know | Not known |
            """
        )
    )
    assert "5 Best 3 So so 1 Worst 6 Not known" in words(text)


def test_consent_is_a_gate_said_once_and_not_at_every_question() -> None:
    said = words(page("duty_bearer_evaluation", "en"))
    assert said.count("Go on only if the answer is “Yes”.") == 2
    assert said.count("Only if the answer to 3 is “Yes”.") == 0
    assert "Only if the answer to 3 is “No”. That is all right." in said


def test_what_depends_on_an_earlier_answer_says_on_which() -> None:
    said = words(page("duty_bearer_evaluation", "en"))
    assert "Social worker Only if the answer to 6 is “Social worker”." in said
    assert "Only if the answer to 9 is “Not on this list”. Who is missing from the list?" in said


def test_a_cascade_is_written_out_by_the_answer_it_depends_on() -> None:
    said = words(page("duty_bearer_evaluation", "en"))
    assert "If the answer to 7 is “North 24 Parganas”: 1 Block 1" in said
    assert "If the answer to 7 is “South 24 Parganas”: 1 Block 1" in said


def test_a_long_list_is_a_line_for_name_and_code_and_the_collector_only_a_code() -> None:
    said = words(page("duty_bearer_evaluation", "en"))
    assert "choose your own code. Code 5" in said
    assert "Name Code Not on this list" in said
    assert "Ghasphul" not in said


def test_a_value_in_a_label_is_a_blank_to_write_in() -> None:
    assert "Your receipt number is \u2009________\u2009." in unescape(page("duty_bearer_evaluation", "en"))


def test_a_question_that_only_the_chat_would_ask_is_left_out(write_form: WriteForm) -> None:
    form = write_form(
        """
        | survey | | | | | |
        | | type | name | label | default | relevant |
        | | hidden | mode | | enumerator | |
        | | text | a | For the chat | | ${mode} = 'chat' |
        | | text | b | For paper | | ${mode} = 'enumerator' |
        """
    )
    said = words(paper(form))
    assert "For the chat" not in said
    assert "1 For paper" in said


@pytest.mark.parametrize(
    ("relevant", "said"),
    [
        ("${a} = 'x' or ${a} = 'y'", "Only if the answer to 1 is “Ex” or “Why”."),
        ("${a} != 'x'", "Not if the answer to 1 is “Ex”."),
        ("not(selected(${a}, 'x'))", "Not if the answer to 1 is “Ex”."),
        ("${a} = ''", "Only if 1 is left empty."),
        ("${a} != ''", "Only if 1 is answered."),
        ("${n} > 3", "Only if the answer to 2 is > 3."),
        ("string-length(${a}) > 3", "Only if it applies."),
    ],
)
def test_conditions_are_said_in_words(relevant: str, said: str, write_form: WriteForm) -> None:
    form = write_form(
        f"""
        | survey | | | | |
        | | type | name | label | relevant |
        | | select_one xy | a | First | |
        | | integer | n | Second | |
        | | text | b | Third | {relevant} |
        | choices | | | | |
        | | list_name | name | label | |
        | | xy | x | Ex | |
        | | xy | y | Why | |
        """
    )
    assert f"{said} Third" in words(paper(form))


def test_what_a_form_says_is_text_and_never_markup(write_form: WriteForm) -> None:
    form = write_form(
        """
        | survey | | | |
        | | type | name | label |
        | | text | a | <b onclick="x()">bold</b> & "more" |
        """
    )
    text = paper(form)
    assert "<b onclick" not in text
    assert 'bold</b> & "more"' in unescape(text)


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("date", 8),
        ("time", 4),
        ("text", 0),
        ("integer", 0),
    ],
)
def test_dates_and_times_have_a_cell_for_each_digit(kind: str, found: int, write_form: WriteForm) -> None:
    form = write_form(f"| survey | | | |\n| | type | name | label |\n| | {kind} | a | When |\n")
    assert len(html.fromstring(paper(form)).findall(".//span[@class='cell']")) == found


def test_a_range_of_whole_numbers_is_a_row_of_boxes(write_form: WriteForm) -> None:
    form = write_form(
        """
        | survey | | | | |
        | | type | name | label | parameters |
        | | range | a | How far? | start=0 end=4 step=2 |
        """
    )
    assert "How far? 0 2 4" in words(paper(form))


def test_a_repeat_is_filled_in_once_for_each_and_a_picture_needs_a_phone(write_form: WriteForm) -> None:
    form = write_form(
        """
        | survey | | | |
        | | type | name | label |
        | | begin_repeat | visit | Visit |
        | | text | why | Why? |
        | | image | shot | Picture |
        | | end_repeat | | |
        """
    )
    said = words(paper(form))
    assert "Visit Fill in once for each. Use another sheet if there are more. 1 Why?" in said
    assert "2 Picture Only on a phone." in said


def test_a_language_the_form_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(KeyError, match="हिन्दी"):
        page("duty_bearer_evaluation", "fr")
