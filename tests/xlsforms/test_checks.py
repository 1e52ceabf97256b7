"""The form doctor: one broken thing, one clear sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from form_books import BN, EN, as_text, found, healthy, only, written

from xlsforms import to_xform
from xlsforms.checks import Finding, check


def test_a_healthy_form_has_no_findings(tmp_path: Path) -> None:
    assert found(healthy(), tmp_path) == []


@pytest.mark.parametrize(
    ("sheet", "index", "column"),
    [
        ("survey", 0, f"label::{BN}"),
        ("survey", 2, f"hint::{EN}"),
        ("choices", 1, f"label::{BN}"),
    ],
)
def test_a_missing_translation_is_named_with_sheet_row_and_language(
    sheet: str, index: int, column: str, tmp_path: Path
) -> None:
    book = healthy()
    del book[sheet][index][column]
    finding = only(book, tmp_path)
    assert (finding.level, finding.sheet, finding.row) == ("error", sheet, index + 2)
    assert column.partition("::")[2] in finding.message
    assert column in finding.fix


def test_a_choices_sheet_without_any_bengali_is_seen_in_every_row(tmp_path: Path) -> None:
    book = healthy()
    for row in book["choices"]:
        del row[f"label::{BN}"]
    assert [(f.sheet, f.row) for f in found(book, tmp_path)] == [("choices", 2), ("choices", 3)]


def test_a_text_without_a_language_is_sent_to_a_column_with_one(tmp_path: Path) -> None:
    book = healthy()
    book["survey"][0]["hint"] = "on the slip"
    finding = only(book, tmp_path)
    assert "without a language" in finding.message
    assert f"hint::{EN}" in finding.fix


@pytest.mark.parametrize("relevant", ["${code = '1'", "${nobody} = '1'", "nofunction(${code})", "${code} = "])
def test_a_broken_relevant_is_one_clear_sentence(relevant: str, tmp_path: Path) -> None:
    book = healthy()
    book["survey"][2]["relevant"] = relevant
    finding = only(book, tmp_path)
    assert (finding.level, finding.sheet, finding.row) == ("error", "survey", 4)
    assert "relevant" in finding.message
    assert "\n" not in finding.message


def test_what_is_no_workbook_is_one_clear_sentence(tmp_path: Path) -> None:
    path = tmp_path / "form.xlsx"
    path.write_text("not a workbook")
    (finding,) = check(path)
    assert finding.level == "error"
    assert "form.xlsx" in finding.message


def test_a_missing_file_is_one_clear_sentence(tmp_path: Path) -> None:
    (finding,) = check(tmp_path / "nowhere.xlsx")
    assert "nowhere.xlsx" in finding.message


@pytest.mark.parametrize("default", ["", "Bangla"])
def test_a_default_language_must_be_one_of_the_form(default: str, tmp_path: Path) -> None:
    book = healthy()
    book["settings"][0]["default_language"] = default
    findings = [f for f in check(written(book, tmp_path)) if f.sheet == "settings"]
    assert [f.level for f in findings] == ["warning"]
    assert BN in findings[0].fix


@pytest.mark.parametrize(
    "kind", ["deviceid", "phonenumber", "username", "email", "audit", "geopoint", "start-geopoint"]
)
def test_a_row_that_says_who_or_where_somebody_is_must_go(kind: str, tmp_path: Path) -> None:
    book = healthy()
    name = "audit" if kind == "audit" else "meta_row"
    row = {"type": kind, "name": name}
    if kind == "geopoint":
        row |= {f"label::{EN}": "Where", f"label::{BN}": "কোথায়"}
    book["survey"].append(row)
    errors = [f for f in check(written(book, tmp_path)) if f.level == "error" and f.row == 5]
    assert len(errors) == 1
    assert kind in errors[0].message


@pytest.mark.parametrize(
    ("column", "value", "near"),
    [
        ("bind::eval:is", "survivor_kode", "survivor_code"),
        ("bind::eval:mesures", "courtesy", "measures"),
    ],
)
def test_a_misspelt_mark_is_answered_with_the_nearest_known_one(
    column: str, value: str, near: str, tmp_path: Path
) -> None:
    book = healthy()
    book["survey"][2][column] = value
    finding = only(book, tmp_path)
    assert (finding.level, finding.row) == ("error", 4)
    assert near in finding.fix


def test_a_flag_that_is_no_choice_would_never_be_raised(tmp_path: Path) -> None:
    book = healthy()
    book["survey"][1]["bind::eval:flag"] = "Yes"
    assert "'yes_no'" in only(book, tmp_path).message


def test_an_indicator_without_a_scale_would_never_count(tmp_path: Path) -> None:
    book = healthy()
    book["survey"][2]["bind::eval:measures"] = "courtesy"
    finding = only(book, tmp_path)
    assert (finding.level, finding.row) == ("error", 4)
    assert "'courtesy'" in finding.message


def test_a_constraint_without_a_message_is_a_warning(tmp_path: Path) -> None:
    book = healthy()
    book["survey"][0]["constraint"] = "string-length(.) = 10"
    assert (only(book, tmp_path).level, only(book, tmp_path).row) == ("warning", 2)


def test_a_required_question_without_a_message_is_a_note(tmp_path: Path) -> None:
    book = healthy()
    book["survey"][0]["required"] = "yes"
    assert only(book, tmp_path).level == "note"


@pytest.mark.parametrize("version", ["", "3", "2026130101", "20261123"])
def test_a_version_is_year_month_day_and_a_count(version: str, tmp_path: Path) -> None:
    book = healthy()
    book["settings"][0]["version"] = version
    finding = only(book, tmp_path)
    assert (finding.level, finding.sheet) == ("warning", "settings")


@pytest.mark.parametrize("name", ["code", "words"])
def test_an_instance_name_must_not_tell_whose_form_it_is(name: str, tmp_path: Path) -> None:
    book = healthy()
    book["settings"][0]["instance_name"] = f"concat('Form ', ${{{name}}})"
    finding = only(book, tmp_path)
    assert (finding.level, finding.sheet) == ("error", "settings")
    assert f"'{name}'" in finding.message


def test_a_name_used_in_two_groups_is_seen_because_kobotoolbox_refuses_it(tmp_path: Path) -> None:
    book = healthy()
    book["survey"] += [
        {"type": "begin_group", "name": "more"},
        {"type": "text", "name": "words", f"label::{EN}": "Words", f"label::{BN}": "কথা"},
        {"type": "end_group"},
    ]
    findings = found(book, tmp_path)
    assert [(f.level, f.row) for f in findings] == [("warning", 4), ("warning", 6)]


@pytest.mark.parametrize("suffix", [".md", ".csv"])
def test_a_workbook_written_as_text_is_looked_at_row_by_row_too(suffix: str, tmp_path: Path) -> None:
    book = healthy()
    book["survey"][0]["constraint"] = "string-length(.) = 10"
    book["survey"][1]["bind::eval:best"] = "nay"
    book["choices"][1][f"label::{BN}"] = ""
    book["settings"][0]["default_language"] = ""
    expected = check(written(book, tmp_path))
    findings = check(as_text(book, tmp_path, suffix))
    assert [(f.level, f.sheet, f.row) for f in findings] == [(f.level, f.sheet, f.row) for f in expected]
    assert {("survey", 2), ("survey", 3), ("choices", 3), ("settings", 2)} <= {
        (f.sheet, f.row) for f in findings
    }


def test_of_an_xform_the_note_says_what_was_not_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "form.xml"
    path.write_text(to_xform(written(healthy(), tmp_path)).xform, encoding="utf-8")
    assert "its rows were not looked at one by one" in check(path)[-1].message


def test_a_form_from_outside_is_checked_apart_with_the_same_result(tmp_path: Path) -> None:
    book = healthy()
    book["survey"][0]["constraint"] = "string-length(.) = 10"
    path = written(book, tmp_path)
    assert check(path, untrusted=True) == check(path)


def test_a_finding_reads_as_one_line() -> None:
    finding = Finding("error", "survey", 14, "The label is missing.", "Write it.")
    assert str(finding) == "error: survey row 14: The label is missing. Write it."
