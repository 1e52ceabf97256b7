"""The two workbooks and their lists: what every other room may count on."""

from __future__ import annotations

import csv
import shutil
import unicodedata
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyxform.xls2xform import convert

import xlsforms
from xlsforms.checks import check
from xlsforms.workbook import sheets, to_xform

FOLDER = Path(xlsforms.__file__).parent
DUTY, SERVICES = FOLDER / "duty_bearer_evaluation.xlsx", FOLDER / "services_checkin.xlsx"
BOTH = pytest.mark.parametrize("path", [DUTY, SERVICES], ids=lambda path: path.stem)
LANGUAGES = ("English (en)", "বাংলা (bn)", "हिन्दी (hi)")
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)

CORE = {
    "availability", "timeliness", "information", "respect", "confidentiality", "non_discrimination", "choice", "outcome"
}  # fmt: skip
ROLE_GROUPS = {
    "social_worker": "sw",
    "panchayat_member": "panchayat",
    "block_development_officer": "bdo",
    "health_worker": "health",
    "hospital": "hospital",
    "police": "police",
    "lawyer": "legal",
    "shelter_staff": "shelter",
}
NINE_SERVICES = {
    "legal_aid", "compensation", "health", "mental_health", "education", "livelihood", "financial_inclusion",
    "identity_and_schemes", "shelter_reintegration",
}  # fmt: skip


def valid_code() -> str:
    """Ten digits that leave 1 when divided by 97; invented."""
    return next(str(number) for number in range(4_820_000_000, 4_820_000_097) if number % 97 == 1)


def with_answers(path: Path, answers: dict[str, str], *, language: str = "bn") -> tuple[Any, dict[str, Any]]:
    form = xlsforms.load_form(path)
    state = xlsforms.begin(form, now=NOW, language=language, instance_id="uuid:test")
    for question, value in answers.items():
        state = xlsforms.set_answer(form, state, question, value, now=NOW)
    return form, state


def asked(form: Any, state: dict[str, Any]) -> list[str]:
    """The paths shown from here on: what is answered stays, the rest is passed by, up to one that must be answered."""
    paths = []
    while (prompt := xlsforms.current(form, state)) is not None:
        paths.append(prompt.path)
        if prompt.required and not prompt.value:
            break
        state = xlsforms.answer(form, state, prompt.value, now=NOW)
    return paths


def refused(path: str, value: str, answers: dict[str, str]) -> str | None:
    """The message with which the duty form refuses this answer in Bengali; None when it is taken."""
    form, state = with_answers(DUTY, answers)
    try:
        xlsforms.set_answer(form, state, path, value, now=NOW)
    except xlsforms.Refused as refusal:
        return refusal.message
    return None


OPENED = {"practice": "no", "adult": "yes", "consent": "yes"}
PLACED = OPENED | {"role": "social_worker", "district": "303", "block": "303_b01"}


@BOTH
def test_the_workbook_converts_without_a_warning(path: Path) -> None:
    assert to_xform(path).warnings == ()


@BOTH
@pytest.mark.java
@pytest.mark.skipif(shutil.which("java") is None, reason="ODK Validate needs a Java runtime")
def test_odk_validate_accepts_the_workbook(path: Path) -> None:
    assert convert(xlsform=path, validate=True).warnings == []


@BOTH
def test_the_form_doctor_finds_no_error_and_no_warning(path: Path) -> None:
    assert [str(finding) for finding in check(path) if finding.level != "note"] == []


@BOTH
def test_every_visible_text_is_there_in_three_languages(path: Path) -> None:
    book = sheets(path)
    for sheet in ("survey", "choices"):
        for row in book[sheet]:
            spoken = {
                column.split("::")[0]
                for column in row.cells
                if "::" in column and not column.startswith("bind")
            }
            for text in spoken:
                missing = [language for language in LANGUAGES if f"{text}::{language}" not in row.cells]
                assert missing == [], f"{sheet} row {row.number} {text}"
    for row in book["survey"]:
        silent = row.cells["type"] in ("start", "end", "today", "calculate", "hidden", "end_group")
        assert silent or "label::বাংলা (bn)" in row.cells, f"row {row.number}"


@BOTH
def test_texts_are_written_in_one_unicode_form_and_in_the_script_of_their_language(path: Path) -> None:
    scripts = {"বাংলা (bn)": "BENGALI", "हिन्दी (hi)": "DEVANAGARI"}
    for rows in sheets(path).values():
        for row in rows:
            for column, text in row.cells.items():
                assert unicodedata.normalize("NFC", text) == text
                language = column.rpartition("::")[2]
                if language in scripts:
                    letters = [c for c in text.replace("${receipt}", "") if c.isalpha()]
                    wrong = [c for c in letters if scripts[language] not in unicodedata.name(c)]
                    assert wrong == [], f"row {row.number} {column}"


@BOTH
def test_choice_labels_fit_a_messenger_button_or_list(path: Path) -> None:
    rows = sheets(path)["choices"]
    sizes = Counter(row.cells["list_name"] for row in rows)
    for row in rows:
        limit = 20 if sizes[row.cells["list_name"]] <= 3 else 24
        for language in LANGUAGES:
            label = row.cells[f"label::{language}"]
            assert len(label) <= limit, f"{label} is longer than {limit}"


@BOTH
def test_the_settings_say_form_id_version_language_and_nothing_about_the_survivor(path: Path) -> None:
    (row,) = sheets(path)["settings"]
    assert row.cells["form_id"] == path.stem
    assert row.cells["version"] == "2026112301"
    assert row.cells["default_language"] == "বাংলা (bn)"
    assert row.cells["namespaces"] == 'eval="urn:shakti:evaluation:1"'
    assert "${" not in row.cells["instance_name"]
    assert "traffick" not in row.cells["form_title"].lower()


@BOTH
def test_only_what_leads_through_the_form_must_be_answered(path: Path) -> None:
    required = {row.cells["name"] for row in sheets(path)["survey"] if row.cells.get("required")}
    assert required <= {"practice", "adult", "consent", "role", "district", "block", "provider"}


@BOTH
def test_no_two_questions_or_groups_share_a_name(path: Path) -> None:
    names = Counter(row.cells["name"] for row in sheets(path)["survey"] if "name" in row.cells)
    assert [name for name, count in names.items() if count > 1] == []


def test_the_duty_form_marks_what_the_other_rooms_read() -> None:
    found = {mark.path: mark for mark in xlsforms.marks(xlsforms.load_form(DUTY))}
    meant = {
        "practice": "practice", "adult": "adult", "consent": "consent", "collector": "collector",
        "survivor_code": "survivor_code", "role": "role", "block": "place", "provider": "provider",
        "missing_provider": "missing_provider", "comment": "comment", "good_practice": "good_practice",
        "idea": "idea", "receipt": "receipt",
    }  # fmt: skip
    assert {path: mark.is_ for path, mark in found.items() if mark.is_} == meant
    assert {mark.measures for path, mark in found.items() if path.startswith("core/")} == CORE
    flags = {path: (mark.measures, mark.best, mark.flag) for path, mark in found.items() if mark.flag}
    assert flags == {"care/bribe_asked": ("bribe", "no", "yes"), "care/threatened": ("safety", "no", "yes")}
    measures = [mark.measures for mark in found.values() if mark.measures]
    assert len(measures) == len(set(measures))


def test_every_indicator_has_a_scale_whose_best_end_is_meant() -> None:
    for mark in xlsforms.marks(xlsforms.load_form(DUTY)):
        if mark.measures:
            scale = xlsforms.scale(mark)
            assert scale is not None, mark.path
            bad_news = {"non_discrimination", "bribe", "safety"}
            assert scale.best == (scale.low if mark.measures in bad_news else scale.high), mark.path


@pytest.mark.parametrize(("role", "group"), ROLE_GROUPS.items())
def test_each_role_has_its_own_two_to_four_questions(role: str, group: str) -> None:
    form, state = with_answers(DUTY, OPENED | {"role": role, "district": "303", "block": "303_b01"})
    state = xlsforms.set_answer(form, state, "provider", "not_listed", now=NOW)
    seen = {path.split("/")[0]: 0 for path in asked(form, state) if "/" in path}
    assert set(seen) == {"core", "care", group}
    own = [question for question in form.questions if question.path.startswith(f"{group}/")]
    assert 2 <= len(own) <= 4


def test_the_services_form_asks_needed_asked_received_for_nine_services() -> None:
    found = xlsforms.marks(xlsforms.load_form(SERVICES))
    for meaning in ("needed", "asked", "received"):
        marked = {mark.service: mark.path for mark in found if mark.is_ == meaning}
        assert marked == {service: f"{service}/{service}_{meaning}" for service in NINE_SERVICES}
    dates = {mark.is_: mark.path for mark in found if (mark.is_ or "").endswith("_on")}
    assert dates == {name: f"compensation/{name}" for name in ("applied_on", "ordered_on", "paid_on")}
    assert {mark.is_ for mark in found if mark.service is None} == {
        "practice", "adult", "consent", "collector", "survivor_code", "place", "receipt",
    }  # fmt: skip


@BOTH
@pytest.mark.parametrize("language", ["bn", "hi", "en"])
def test_a_minor_hears_the_helplines_and_is_asked_nothing_more(path: Path, language: str) -> None:
    form, state = with_answers(path, {"practice": "no", "adult": "no"}, language=language)
    label = xlsforms.prompt(form, state, "closing_minor").label
    assert "1098" in label
    assert "112" in label
    assert asked(form, state) == ["closing_minor"]


@BOTH
def test_after_no_to_consent_there_is_only_a_thank_you(path: Path) -> None:
    form, state = with_answers(path, {"practice": "no", "adult": "yes", "consent": "no"})
    assert asked(form, state) == ["closing_no"]


@BOTH
def test_practice_goes_through_the_form_like_a_real_interview(path: Path) -> None:
    form, state = with_answers(path, OPENED)
    _, practice = with_answers(path, OPENED | {"practice": "yes"})
    assert asked(form, state) == asked(form, practice)


@BOTH
def test_the_collector_is_asked_for_by_an_enumerator_and_not_in_the_chat(path: Path) -> None:
    form, state = with_answers(path, OPENED)
    assert xlsforms.value(form, state, "mode") == "enumerator"
    assert asked(form, state)[0] == "collector"
    chat = xlsforms.set_answer(form, state, "mode", "chat", now=NOW)
    assert asked(form, chat)[0] == "survivor_code"


def test_a_code_with_the_right_check_digits_is_taken_and_an_empty_one_too() -> None:
    assert refused("survivor_code", valid_code(), OPENED) is None
    assert refused("survivor_code", "", OPENED) is None


@pytest.mark.parametrize(
    "code", [str(int(valid_code()) + 1), valid_code()[:9], valid_code() + "0", "482000000x"]
)
def test_a_mistyped_code_is_refused_without_saying_whether_it_exists(code: str) -> None:
    message = refused("survivor_code", code, OPENED)
    assert message
    assert "কাগজটা" in message


def test_providers_are_offered_for_the_role_and_block_and_the_way_out_is_always_last() -> None:
    form, state = with_answers(DUTY, PLACED)
    names = [choice.name for choice in xlsforms.prompt(form, state, "provider").choices]
    assert names[-1] == "not_listed"
    assert len(names) > 3
    assert all(name.startswith("sw_303_") for name in names[:-1])


def test_a_collector_cannot_ask_about_the_own_office() -> None:
    own = office_of(FOLDER / "collectors.csv", "c01")
    assert own == office_of(FOLDER / "providers.csv", "sw_303_001")
    message = refused("provider", "sw_303_001", PLACED | {"collector": "c01"})
    assert message
    assert "নিজের অফিস" in message


@pytest.mark.parametrize(
    "answers", [{"collector": "c04"}, {}, {"mode": "chat"}], ids=["other office", "blank", "chat"]
)
def test_everybody_else_may_ask_about_that_office(answers: dict[str, str]) -> None:
    assert refused("provider", "sw_303_001", PLACED | answers) is None


def test_a_provider_who_is_not_listed_passes_for_every_collector() -> None:
    assert refused("provider", "not_listed", PLACED | {"collector": "c01"}) is None
    form, state = with_answers(DUTY, PLACED | {"provider": "not_listed"})
    assert xlsforms.prompt(form, state, "missing_provider").required is False


@BOTH
def test_the_receipt_is_ten_digits_and_the_last_note_shows_it(path: Path) -> None:
    form, state = with_answers(path, OPENED)
    receipt = xlsforms.value(form, state, "receipt")
    assert len(receipt) == 10
    assert receipt.isdigit()
    assert receipt in xlsforms.prompt(form, state, "thanks").label


@pytest.mark.parametrize(
    ("path", "day"),
    [("compensation/applied_on", "2026-11-21"), ("compensation/ordered_on", "2026-01-31")],
    ids=["a day to come", "an order before the application"],
)
def test_an_impossible_date_of_compensation_is_refused_with_a_reason(path: str, day: str) -> None:
    answers = {"compensation/compensation_needed": "yes", "compensation/compensation_asked": "yes"}
    form, state = with_answers(SERVICES, OPENED | answers | {"compensation/applied_on": "2026-02-01"})
    with pytest.raises(xlsforms.Refused) as refusal:
        xlsforms.set_answer(form, state, path, day, now=NOW)
    assert refusal.value.kind == "constraint"
    assert refusal.value.message


# --- the lists ---------------------------------------------------------------------------------------------


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def office_of(path: Path, name: str) -> str:
    return next(row["office"] for row in rows_of(path) if row["name"] == name)


def test_the_sample_registry_is_large_enough_to_rank_and_ends_with_the_way_out() -> None:
    providers = rows_of(FOLDER / "providers.csv")
    assert providers[-1]["name"] == "not_listed"
    assert len({row["name"] for row in providers}) - 1 >= 130
    counts = Counter((row["district"], row["role"]) for row in providers)
    for district in ("303", "304"):
        assert counts[district, "social_worker"] >= 22
        assert counts[district, "panchayat_member"] >= 22
        assert all(counts[district, role] >= 1 for role in ROLE_GROUPS)


def test_every_provider_lies_in_a_block_the_form_offers() -> None:
    rows = sheets(DUTY)["choices"]
    blocks = {row.cells["name"]: row.cells["district"] for row in rows if row.cells["list_name"] == "block"}
    for row in rows_of(FOLDER / "providers.csv")[:-1]:
        assert blocks[row["block"]] == row["district"]
        assert row["state"] == "19"
        assert row["role"] in ROLE_GROUPS
        assert row["kind"] in ("person", "office", "role_place")
        assert (row["office"] == "") == (row["kind"] == "role_place")


def test_a_label_carries_both_scripts() -> None:
    for row in rows_of(FOLDER / "providers.csv"):
        assert row["label"] == f"{row['label_bn']} · {row['label_en']}"
        assert row["label_hi"]


def test_postings_of_one_person_do_not_overlap() -> None:
    postings: dict[str, list[tuple[str, str]]] = {}
    for row in rows_of(FOLDER / "providers.csv")[:-1]:
        postings.setdefault(row["name"], []).append((row["from"], row["to"]))
    moved = {name: sorted(days) for name, days in postings.items() if len(days) > 1}
    assert moved
    for (_, first_to), (second_from, _) in moved.values():
        assert first_to < second_from
