"""The form doctor on what follows from the whole form: each illness as a small form that has it."""

from __future__ import annotations

from pathlib import Path

import pytest
from form_books import BN, EN, Sheet, found, healthy, only, written

from xlsforms import to_xform
from xlsforms.checks import check


def said(label: str) -> dict[str, str]:
    """One label in both languages of the sample form."""
    return {f"label::{EN}": label, f"label::{BN}": label}


def with_rows(*rows: dict[str, str], choices: Sheet | None = None) -> dict[str, Sheet]:
    book = healthy()
    book["survey"] += rows
    book["choices"] += choices or []
    return book


def a_list(name: str, *labels: str, **named: str) -> Sheet:
    pairs = [(f"c{place}", label) for place, label in enumerate(labels)] + list(named.items())
    return [{"list_name": name, "name": choice, **said(label)} for choice, label in pairs]


# --- branches ----------------------------------------------------------------------------------------


def test_a_relevant_that_names_no_choice_of_the_list_is_answered_with_the_nearest(tmp_path: Path) -> None:
    book = healthy()
    book["survey"][2]["relevant"] = "${asked_money} = 'yess'"
    finding = only(book, tmp_path)
    assert (finding.level, finding.sheet, finding.row) == ("error", "survey", 4)
    assert "'yess'" in finding.message
    assert finding.fix == "Did you mean 'yes'?"


@pytest.mark.parametrize(
    "expression",
    [
        "selected(${asked_money}, 'maybe')",
        "${code} = '1' or ${asked_money} = 'maybe'",
        "'maybe' = ${asked_money}",
    ],
)
def test_a_misspelt_choice_is_seen_wherever_it_stands(expression: str, tmp_path: Path) -> None:
    book = healthy()
    book["survey"][2]["relevant"] = expression
    assert "'maybe'" in only(book, tmp_path).message


def test_a_condition_that_is_not_a_choice_is_only_a_warning_where_it_is_always_true(tmp_path: Path) -> None:
    book = healthy()
    book["survey"][2]["relevant"] = "${asked_money} != 'maybe'"
    assert only(book, tmp_path).level == "warning"


def test_an_empty_answer_may_be_asked_for(tmp_path: Path) -> None:
    book = healthy()
    book["survey"][2]["relevant"] = "${asked_money} = '' or ${asked_money} != ''"
    assert found(book, tmp_path) == []


@pytest.mark.parametrize(
    "relevant",
    [
        "false()",
        "1 = 2",
        "'a' = 'b'",
        "not(true())",
        "true() and 2 < 1",
        "${asked_money} = 'yes' and ${asked_money} = 'no'",
        "${asked_money} = 'yes' and not(${asked_money} = 'yes')",
        "${code} = '' and ${code} = '5'",
        "${code} > 5 and ${code} < 3",
        "${code} = 7 and ${code} <= 6",
    ],
)
def test_a_condition_that_nothing_can_meet_is_an_error(relevant: str, tmp_path: Path) -> None:
    book = healthy()
    book["survey"][2]["relevant"] = relevant
    finding = only(book, tmp_path)
    assert (finding.level, finding.row) == ("error", 4)
    assert "never" in finding.message


@pytest.mark.parametrize(
    "relevant",
    [
        "true()",
        "${asked_money} = 'yes' or ${asked_money} = 'no'",
        "${asked_money} = 'yes' and ${asked_money} != 'no'",
        "${code} > 3 and ${code} < 5",
        "${code} >= 5 and ${code} <= 5",
        "${code} = '5' and ${code} = 5",
        "string-length(${code}) > 3 and ${asked_money} = 'yes'",
    ],
)
def test_a_condition_that_somebody_can_meet_is_left_alone(relevant: str, tmp_path: Path) -> None:
    book = healthy()
    book["survey"][2]["relevant"] = relevant
    assert found(book, tmp_path) == []


def test_a_question_that_contradicts_the_group_around_it_is_never_reached(tmp_path: Path) -> None:
    book = with_rows(
        {"type": "begin group", "name": "more", "relevant": "${asked_money} = 'yes'"},
        {"type": "text", "name": "inside", "relevant": "${asked_money} = 'no'", **said("Inside")},
        {"type": "end group"},
    )
    assert (only(book, tmp_path).row, only(book, tmp_path).level) == (6, "error")


def test_a_question_that_waits_for_one_that_is_not_shown_is_never_reached(tmp_path: Path) -> None:
    book = with_rows(
        {"type": "text", "name": "how", "relevant": "${asked_money} = 'yes'", **said("How?")},
        {
            "type": "text",
            "name": "after",
            "relevant": "${how} = 'so' and ${asked_money} = 'no'",
            **said("After"),
        },
    )
    finding = only(book, tmp_path)
    assert finding.row == 6
    assert "${asked_money} = 'no' and also ${asked_money} = 'yes'" in finding.message


# --- choices -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["none", "none_of_these", "dont_know", "wont_say"])
def test_a_choice_that_excludes_all_others_needs_a_constraint(name: str, tmp_path: Path) -> None:
    row = {"type": "select_multiple helps", "name": "helps", **said("Which help?")}
    book = with_rows(row, choices=a_list("helps", "Food", **{name: "No help"}))
    finding = only(book, tmp_path)
    assert (finding.level, finding.row) == ("warning", 5)
    assert f"selected(., '{name}')" in finding.fix


def test_a_choice_called_none_in_words_is_seen_as_well(tmp_path: Path) -> None:
    row = {"type": "select_multiple helps", "name": "helps", **said("Which help?")}
    assert "'c1'" in only(with_rows(row, choices=a_list("helps", "Food", "None of these")), tmp_path).message


def test_the_constraint_the_doctor_proposes_satisfies_it(tmp_path: Path) -> None:
    row = {"type": "select_multiple helps", "name": "helps", **said("Which help?")}
    row |= {"constraint": "not(selected(., 'none') and count-selected(.) > 1)"}
    row |= {f"constraint_message::{EN}": "Alone", f"constraint_message::{BN}": "একা"}
    assert found(with_rows(row, choices=a_list("helps", "Food", none="No help")), tmp_path) == []


@pytest.mark.parametrize(
    ("count", "length", "level"), [(3, 20, None), (3, 21, "warning"), (4, 24, None), (4, 25, "warning")]
)
def test_labels_fit_messenger_buttons_and_lists(
    count: int, length: int, level: str | None, tmp_path: Path
) -> None:
    book = with_rows(
        {"type": "select_one helps", "name": "helps", **said("Which help?")},
        choices=a_list("helps", *["x" * length] + [f"Choice {place}" for place in range(count - 1)]),
    )
    findings = found(book, tmp_path)
    assert [(f.level, f.sheet, f.row) for f in findings] == ([(level, "choices", 4)] * 2 if level else [])
    if level:
        assert {EN in f.message for f in findings} == {True, False}


def test_more_choices_than_a_messenger_lists_is_a_note(tmp_path: Path) -> None:
    row = {"type": "select_one many", "name": "which", **said("Which?")}
    choices = a_list("many", *[f"Choice {place}" for place in range(11)])
    assert only(with_rows(row, choices=choices), tmp_path).level == "note"


def test_a_cascade_counts_only_what_is_offered_together(tmp_path: Path) -> None:
    choices = a_list("many", *[f"Choice {place}" for place in range(12)])
    for place, choice in enumerate(choices):
        choice["paid"] = "yes" if place % 2 else "no"
    row = {
        "type": "select_one many",
        "name": "which",
        "choice_filter": "paid = ${asked_money}",
        **said("Which?"),
    }
    assert found(with_rows(row, choices=choices), tmp_path) == []


def test_or_other_is_sent_to_a_choice_and_a_question_of_its_own(tmp_path: Path) -> None:
    book = healthy()
    book["survey"][1] = {"type": "select_one yes_no or_other", "name": "which", **said("Which?")}
    finding = only(book, tmp_path)
    assert (finding.level, finding.row) == ("error", 3)


def test_choices_that_cannot_be_told_apart_are_a_warning_even_where_they_are_allowed(tmp_path: Path) -> None:
    book = with_rows(
        {"type": "select_one twins", "name": "which", **said("Which?")},
        choices=a_list("twins", "One", "Two") + a_list("twins", "One again"),
    )
    book["settings"][0]["allow_choice_duplicates"] = "yes"
    assert [(f.level, f.sheet, f.row) for f in found(book, tmp_path)] == [
        ("warning", "choices", 4),
        ("warning", "choices", 6),
    ]


# --- chat --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["image", "audio", "video", "file", "barcode", "rank yes_no"])
def test_what_a_chat_cannot_ask_is_named_with_its_row(kind: str, tmp_path: Path) -> None:
    size = {"parameters": "max-pixels=1000"} if kind == "image" else {}
    finding = only(with_rows({"type": kind, "name": "extra", **said("Extra"), **size}), tmp_path)
    assert (finding.level, finding.row) == ("warning", 5)
    assert "not yet in chat" in finding.message


def test_a_repeat_within_a_repeat_is_not_yet_in_chat(tmp_path: Path) -> None:
    book = with_rows(
        {"type": "begin repeat", "name": "child", **said("Child")},
        {"type": "begin repeat", "name": "visit", **said("Visit")},
        {"type": "text", "name": "note_of_visit", **said("What?")},
        {"type": "end repeat"},
        {"type": "end repeat"},
    )
    finding = only(book, tmp_path)
    assert (finding.level, finding.row) == ("warning", 6)


@pytest.mark.parametrize("kind", ["geopoint", "geotrace", "geoshape"])
def test_a_place_is_not_yet_in_chat_and_should_not_be_asked_at_all(kind: str, tmp_path: Path) -> None:
    findings = found(with_rows({"type": kind, "name": "extra", **said("Extra")}), tmp_path)
    assert [(f.level, f.row) for f in findings] == [("error", 5), ("warning", 5)]
    assert "not yet in chat" in findings[1].message


def test_entities_are_not_yet_in_chat(tmp_path: Path) -> None:
    book = {**healthy(), "entities": [{"list_name": "homes", "label": "concat('home ', ${code})"}]}
    finding = only(book, tmp_path)
    assert (finding.level, finding.sheet, finding.row) == ("warning", "entities", 2)
    assert "entities, which is not yet in chat" in finding.message


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"type": "select_one_from_file homes.xml"}, "only CSV files are read in chat"),
        ({"type": "select_one ${home}"}, "takes its choices from other answers"),
    ],
)
def test_a_list_that_a_chat_cannot_read_is_not_yet_in_chat(
    row: dict[str, str], why: str, tmp_path: Path
) -> None:
    book = with_rows(
        {"type": "begin repeat", "name": "homes", **said("Homes")},
        {"type": "text", "name": "home", **said("Home")},
        {"type": "end repeat"},
        {"name": "which", **row, **said("Which?")},
    )
    finding = only(book, tmp_path)
    assert finding.level == "warning"
    assert why in finding.message


def test_missing_recordings_are_one_note_for_the_whole_form(tmp_path: Path) -> None:
    (finding,) = check(written(healthy(), tmp_path))
    assert finding.level == "note"
    assert f"{EN}: 3 of 3" in finding.message


def test_recordings_that_are_there_in_one_language_are_counted(tmp_path: Path) -> None:
    book = healthy()
    for row in book["survey"]:
        row[f"media::audio::{EN}"] = "question.mp3"
    (finding,) = [f for f in check(written(book, tmp_path)) if "pyxform" not in f.fix]
    assert EN not in finding.message
    assert f"{BN}: 3 of 3" in finding.message


# --- meanings ----------------------------------------------------------------------------------------


def test_marks_without_their_namespace_would_be_read_by_nobody(tmp_path: Path) -> None:
    book = healthy()
    book["settings"][0]["namespaces"] = 'eval="urn:another:1"'
    finding = only(book, tmp_path)
    assert (finding.level, finding.sheet, finding.row) == ("error", "settings", 2)


@pytest.mark.parametrize(
    ("row", "part"),
    [
        ({"type": "text", "name": "agrees", "bind::eval:is": "consent"}, "select_one"),
        ({"type": "integer", "name": "words2", "bind::eval:is": "comment"}, "text"),
        (
            {"type": "text", "name": "paid", "bind::eval:is": "paid_on", "bind::eval:service": "health"},
            "date",
        ),
        ({"type": "select_one yes_no", "name": "need", "bind::eval:is": "needed"}, "service"),
        ({"type": "select_one yes_no", "name": "odd", "bind::eval:service": "health"}, "bind::eval:is"),
        ({"type": "select_one yes_no", "name": "odd", "bind::eval:best": "yes"}, "measures"),
        ({"type": "text", "name": "slip", "bind::eval:is": "survivor_code"}, "row 2"),
    ],
)
def test_marks_that_do_not_fit_are_errors(row: dict[str, str], part: str, tmp_path: Path) -> None:
    finding = only(with_rows(row | said("Question")), tmp_path)
    assert (finding.level, finding.row) == ("error", 5)
    assert part in finding.message + finding.fix


def test_consent_needs_a_yes_and_a_no(tmp_path: Path) -> None:
    row = {"type": "select_one agree", "name": "agrees", "bind::eval:is": "consent", **said("Agree?")}
    assert "both choices" in only(with_rows(row, choices=a_list("agree", "Yes", "No")), tmp_path).message


def test_one_indicator_on_two_scales_is_an_error_and_on_one_scale_a_warning(tmp_path: Path) -> None:
    row = {"type": "select_one yes_no", "name": "again", "bind::eval:measures": "bribe", **said("Again?")}
    assert only(with_rows(row), tmp_path).level == "error"
    assert only(with_rows(row | {"bind::eval:best": "no"}), tmp_path).level == "warning"


# --- privacy -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["name", "phone", "her_village", "mobile_number", "aadhaar"])
def test_a_question_that_seems_to_name_a_person_is_a_warning(name: str, tmp_path: Path) -> None:
    finding = only(with_rows({"type": "text", "name": name, **said("Please write it")}), tmp_path)
    assert (finding.level, finding.row) == ("warning", 5)


def test_an_instance_name_that_tells_through_a_calculation_is_seen(tmp_path: Path) -> None:
    book = with_rows({"type": "calculate", "name": "tag", "calculation": "concat('x', ${code})"})
    book["settings"][0]["instance_name"] = "concat('Form ', ${tag})"
    assert "'code'" in only(book, tmp_path).message


@pytest.mark.parametrize(
    "row",
    [
        {"type": "calculate", "name": "tag", "calculation": "concat('x', ${code})"},
        {"type": "integer", "name": "village", **said("Which")},
    ],
)
def test_an_instance_name_that_tells_is_seen_in_an_xform_as_well(row: dict[str, str], tmp_path: Path) -> None:
    book = with_rows(row)
    book["settings"][0]["instance_name"] = f"concat('Form ', ${{{row['name']}}}, today())"
    path = tmp_path / "form.xml"
    path.write_text(to_xform(written(book, tmp_path)).xform, encoding="utf-8")
    (told,) = [f.message for f in check(path) if "instance_name" in f.message]
    assert "'code'" in told or "'village'" in told


def test_a_neutral_instance_name_is_left_alone_in_an_xform(tmp_path: Path) -> None:
    path = tmp_path / "form.xml"
    path.write_text(to_xform(written(healthy(), tmp_path)).xform, encoding="utf-8")
    assert not [f for f in check(path) if "instance_name" in f.message]


def test_the_device_number_is_seen_in_an_xform_as_well(tmp_path: Path) -> None:
    path = tmp_path / "form.xml"
    book = with_rows({"type": "deviceid", "name": "device"})
    path.write_text(to_xform(written(book, tmp_path)).xform, encoding="utf-8")
    assert [f.level for f in check(path)] == ["error", "note"]


# --- languages ---------------------------------------------------------------------------------------


def test_a_language_written_in_two_ways_is_a_warning(tmp_path: Path) -> None:
    book = healthy()
    for row in book["choices"]:
        row["label::Bangla (bn)"] = row.pop(f"label::{BN}")
    findings = [f for f in found(book, tmp_path) if f.level == "warning" and f.sheet == "workbook"]
    assert any("Bangla (bn)" in f.message and BN in f.message for f in findings)


def test_a_dash_is_no_translation(tmp_path: Path) -> None:
    book = healthy()
    book["choices"][0][f"label::{BN}"] = "-"
    assert only(book, tmp_path).row == 2


# --- against the form in use -------------------------------------------------------------------------


def against(book: dict[str, Sheet], folder: Path) -> list[tuple[str, str, int | None]]:
    """Findings of a new version against the healthy form, with its version raised."""
    old = written(healthy(), folder).rename(folder / "old.xlsx")
    book["settings"][0]["version"] = "2026112302"
    findings = check(written(book, folder), deployed=old)
    return [(f.level, f.sheet, f.row) for f in findings if "deployed" in f.message]


def test_a_new_version_that_only_speaks_better_loses_nothing(tmp_path: Path) -> None:
    book = with_rows({"type": "text", "name": "more", **said("More?")})
    book["survey"][0][f"label::{EN}"] = "The number"
    assert against(book, tmp_path) == []


def test_a_renamed_question_would_part_the_answers(tmp_path: Path) -> None:
    book = healthy()
    book["survey"][2]["name"] = "speech"
    assert against(book, tmp_path) == [("error", "survey", 4)]


def test_a_retyped_question_would_part_the_answers(tmp_path: Path) -> None:
    book = healthy()
    book["survey"][2]["type"] = "integer"
    assert against(book, tmp_path) == [("error", "survey", 4)]


def test_a_dropped_question_is_a_warning(tmp_path: Path) -> None:
    book = healthy()
    del book["survey"][2]
    assert against(book, tmp_path) == [("warning", "survey", None)]


def test_exchanged_labels_turn_the_answers_round(tmp_path: Path) -> None:
    book = healthy()
    yes, no = book["choices"]
    yes[f"label::{BN}"], no[f"label::{BN}"] = no[f"label::{BN}"], yes[f"label::{BN}"]
    assert against(book, tmp_path) == [("error", "choices", 2)]


def test_a_dropped_choice_is_a_warning(tmp_path: Path) -> None:
    book = healthy()
    book["choices"] += a_list("yes_no", "Perhaps")
    newer = healthy()
    newer["settings"][0]["version"] = "2026112302"
    old = written(book, tmp_path).rename(tmp_path / "old.xlsx")
    findings = [f for f in check(written(newer, tmp_path), deployed=old) if "deployed" in f.message]
    assert [f.level for f in findings] == ["warning"]
    assert "'c0'" in findings[0].message


def test_a_change_under_the_same_version_never_reaches_a_phone(tmp_path: Path) -> None:
    old = written(healthy(), tmp_path).rename(tmp_path / "old.xlsx")
    book = with_rows({"type": "text", "name": "more", **said("More?")})
    (finding,) = [f for f in check(written(book, tmp_path), deployed=old) if "deployed" in f.message]
    assert (finding.level, finding.sheet, finding.row) == ("error", "settings", 2)


def test_the_form_in_use_may_be_an_xform(tmp_path: Path) -> None:
    old = tmp_path / "old.xml"
    old.write_text(to_xform(written(healthy(), tmp_path)).xform, encoding="utf-8")
    assert [f.level for f in check(written(healthy(), tmp_path), deployed=old)] == ["note"]


def test_a_form_in_use_that_cannot_be_read_is_one_clear_sentence(tmp_path: Path) -> None:
    findings = check(written(healthy(), tmp_path), deployed=tmp_path / "nowhere.xml")
    assert findings[0].level == "error"
    assert "nowhere.xml" in findings[0].message
