"""Two versions of a form: every change in plain words, and what it does to the answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from form_books import BN, EN, Sheet, healthy, written

import xlsforms
from xlsforms import form_from_xml, to_xform
from xlsforms.diff import Change, compare
from xlsforms.plain import form_at

Book = dict[str, Sheet]
FOLDER = Path(xlsforms.__file__).parent


def base() -> Book:
    """The sample form with a group, a scale, and a cascade."""
    book = healthy()
    book["survey"] += [
        {"type": "begin group", "name": "core", f"label::{EN}": "Core", f"label::{BN}": "মূল"},
        {"type": "select_one scale", "name": "respect", f"label::{EN}": "Respect?", f"label::{BN}": "সম্মান?"}
        | {"bind::eval:measures": "respect"},
        {"type": "integer", "name": "visits", f"label::{EN}": "Visits?", f"label::{BN}": "কতবার?"},
        {"type": "end group"},
        {"type": "note", "name": "thanks", f"label::{EN}": "Thanks", f"label::{BN}": "ধন্যবাদ"},
    ]
    book["choices"] += [
        {"list_name": "scale", "name": name, f"label::{EN}": english, f"label::{BN}": bengali}
        for name, english, bengali in (
            ("1", "Never", "কখনও না"),
            ("2", "Sometimes", "মাঝে মাঝে"),
            ("3", "Always", "সব সময়"),
        )
    ]
    return book


def changes(folder: Path, change: Callable[[Book], object]) -> list[Change]:
    """What is said of the sample form after `change`, its version raised and that not mentioned."""
    old, new = base(), base()
    new["settings"][0]["version"] = "2026112302"
    change(new)
    before = form_at(written(old, folder))
    return [one for one in compare(before, form_at(written(new, folder))) if one.kind != "version"]


def one(folder: Path, change: Callable[[Book], object]) -> Change:
    (found,) = changes(folder, change)
    return found


def row(book: Book, name: str) -> dict[str, str]:
    return next(row for row in book["survey"] if row.get("name") == name)


@pytest.mark.parametrize("form", ["duty_bearer_evaluation.xlsx", "services_checkin.xlsx"])
def test_a_form_does_not_differ_from_itself_nor_from_its_xform(form: str) -> None:
    path = FOLDER / form
    assert compare(form_at(path), form_at(path)) == ()
    assert compare(form_at(path), form_from_xml(to_xform(path).xform)) == ()


def test_a_label_that_changed_in_one_language_is_quoted(tmp_path: Path) -> None:
    found = one(tmp_path, lambda book: row(book, "respect").update({f"label::{BN}": "সম্মান পেয়েছেন?"}))
    assert found.text == "question core/respect: the Bengali label changed: “সম্মান?” → “সম্মান পেয়েছেন?”."
    assert found.harm == "none"


def test_a_label_that_changed_in_both_languages_is_named_with_them(tmp_path: Path) -> None:
    found = one(
        tmp_path, lambda book: row(book, "respect").update({f"label::{EN}": "a", f"label::{BN}": "b"})
    )
    assert found.text == "question core/respect: the label changed in English and Bengali."


def test_a_dropped_question_keeps_its_answers(tmp_path: Path) -> None:
    found = one(tmp_path, lambda book: book["survey"].remove(row(book, "visits")))
    assert found.text == "question core/visits was dropped: its answers so far stay, new ones will not come."
    assert found.harm == "ends"


def test_a_dropped_note_harms_nobody(tmp_path: Path) -> None:
    assert one(tmp_path, lambda book: book["survey"].remove(row(book, "thanks"))).harm == "none"


def test_an_added_question_is_named_with_its_type(tmp_path: Path) -> None:
    more = {"type": "text", "name": "more", f"label::{EN}": "More", f"label::{BN}": "আরও"}
    found = one(tmp_path, lambda book: book["survey"].append(more))
    assert (found.text, found.harm) == ("question more was added (text).", "none")


def test_a_type_that_changed_makes_answers_incomparable(tmp_path: Path) -> None:
    found = one(tmp_path, lambda book: row(book, "visits").update(type="text"))
    assert "the type changed from integer to text" in found.text
    assert found.harm == "breaks"


def test_a_whole_number_that_may_now_have_decimals_stays_comparable(tmp_path: Path) -> None:
    assert one(tmp_path, lambda book: row(book, "visits").update(type="decimal")).harm == "none"


def test_a_renamed_question_is_known_by_its_words(tmp_path: Path) -> None:
    found = one(tmp_path, lambda book: row(book, "visits").update(name="times"))
    assert (found.kind, found.path, found.harm) == ("renamed", "core/times", "breaks")


def test_a_question_moved_into_another_group_is_not_lost_but_parted(tmp_path: Path) -> None:
    def move(book: Book) -> None:
        moved = row(book, "visits")
        book["survey"].remove(moved)
        book["survey"].append(moved)

    kinds = {change.kind: change for change in changes(tmp_path, move)}
    assert "question core/visits was moved to visits" in kinds["moved"].text
    assert kinds["moved"].harm == "breaks"


def test_questions_in_another_order_are_one_change(tmp_path: Path) -> None:
    def swap(book: Book) -> None:
        book["survey"][0], book["survey"][2] = book["survey"][2], book["survey"][0]

    assert one(tmp_path, swap).text == "the questions are asked in another order."


def test_one_question_asked_earlier_is_named(tmp_path: Path) -> None:
    found = one(tmp_path, lambda book: book["survey"].insert(0, book["survey"].pop(2)))
    assert found.text == "question words is now asked first."


def test_two_choices_that_swapped_places_are_named(tmp_path: Path) -> None:
    def swap(book: Book) -> None:
        book["choices"][0], book["choices"][1] = book["choices"][1], book["choices"][0]

    found = one(tmp_path, swap)
    assert (found.kind, found.harm) == ("choice_order", "none")
    assert found.text == "list yes_no: the choices 'yes' and 'no' swapped places."


def test_labels_exchanged_between_two_choices_turn_answers_round(tmp_path: Path) -> None:
    def exchange(book: Book) -> None:
        first, _, last = book["choices"][2:]
        first[f"label::{EN}"], last[f"label::{EN}"] = last[f"label::{EN}"], first[f"label::{EN}"]

    found = one(tmp_path, exchange)
    assert (found.kind, found.harm, found.choice) == ("choice_exchanged", "breaks", "1")


def test_a_renamed_a_dropped_and_an_added_choice(tmp_path: Path) -> None:
    def change(book: Book) -> None:
        book["choices"][2]["name"] = "0"
        book["choices"].pop(3)
        book["choices"].append(
            {"list_name": "scale", "name": "9", f"label::{EN}": "New", f"label::{BN}": "নতুন"}
        )

    found = {change.kind: (change.choice, change.harm) for change in changes(tmp_path, change)}
    assert found == {
        "choice_renamed": ("0", "breaks"),
        "choice_added": ("9", "none"),
        "choice_dropped": ("2", "ends"),
    }


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("relevant", "${asked_money} = 'yes'", "relevant was added: ${asked_money} = 'yes'"),
        ("constraint", ". < 100", "constraint was added: . < 100"),
        ("required", "yes", "must now be answered"),
        ("default", "3", "default was added: 3"),
        ("appearance", "numbers", "appearance was added: numbers"),
        ("bind::eval:is", "comment", "meaning was added: is comment"),
    ],
)
def test_rules_are_said_as_the_author_wrote_them(column: str, value: str, said: str, tmp_path: Path) -> None:
    assert said in one(tmp_path, lambda book: row(book, "visits").update({column: value})).text


def test_a_mark_taken_out_ends_the_answers_for_us(tmp_path: Path) -> None:
    found = one(tmp_path, lambda book: row(book, "respect").pop("bind::eval:measures"))
    assert (found.kind, found.harm) == ("unmarked", "ends")


def test_the_heading_and_the_condition_of_a_group_are_told(tmp_path: Path) -> None:
    def change(book: Book) -> None:
        row(book, "core").update({f"label::{EN}": "Heart", "relevant": "${asked_money} = 'no'"})

    texts = [change.text for change in changes(tmp_path, change)]
    assert texts == [
        "section core: relevant was added: ${asked_money} = 'no'.",
        "section core: the English heading changed: “Core” → “Heart”.",
    ]


def test_the_form_itself_version_title_and_name(tmp_path: Path) -> None:
    old, new = base(), base()
    new["settings"][0] |= {"form_title": "Another", "form_id": "another", "version": "2026112201"}
    before = form_at(written(old, tmp_path))
    found = {change.kind: change.harm for change in compare(before, form_at(written(new, tmp_path)))}
    assert found == {"form_id": "breaks", "version": "breaks", "title": "none"}


def test_the_same_version_with_other_words_never_reaches_a_phone(tmp_path: Path) -> None:
    old, new = base(), base()
    row(new, "visits")[f"label::{EN}"] = "How many?"
    before = form_at(written(old, tmp_path))
    found = compare(before, form_at(written(new, tmp_path)))
    assert [(change.kind, change.harm) for change in found] == [("version", "breaks"), ("label", "none")]
