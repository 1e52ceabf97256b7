"""Whatever stands in the cells, the doctor answers with findings and never with a crash."""

from __future__ import annotations

from pathlib import Path

import pytest
from form_books import BN, EN, healthy, written
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xlsforms.checks import Finding, check

TYPES = st.sampled_from(
    [
        "text",
        "integer",
        "select_one yes_no",
        "select_multiple yes_no",
        "select_one",
        "select_one yes_no or_other",
        "begin group",
        "end group",
        "begin repeat",
        "end repeat",
        "note",
        "calculate",
        "range",
        "image",
        "rank yes_no",
        "select_one_from_file a.csv",
        "deviceid",
        "geopoint",
        "begin_group",
        "audit",
        "xml-external",
        "hidden",
        "-",
    ]
)
EXPRESSIONS = st.sampled_from(
    [
        "${code} = '1'",
        "${asked_money} = 'yess'",
        "${nobody} = 1",
        "(((",
        ". > 5",
        "selected(${code}, 'a') and 1",
        "''",
        "not(${code})",
        "../code = 1",
        "/data/code/../code",
        "1 div 0",
        "${code",
        "false()",
        "position(..)",
        "if(1",
    ]
)
ODD = st.one_of(
    st.text(
        alphabet=st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufffe\uffff"),
        max_size=12,
    ),
    st.sampled_from(
        [
            "=1+1",
            "<b>",
            "&amp;",
            "${",
            "}",
            "::",
            "-",
            "0",
            "1e999",
            "\u200d",
            "নাম",
            "a b",
            "a:b",
            "][",
            "'\"",
        ]
    ),
)
COLUMNS = st.sampled_from(
    [
        "type",
        "name",
        "relevant",
        "constraint",
        "calculation",
        "required",
        "choice_filter",
        "appearance",
        "default",
        "parameters",
        f"label::{EN}",
        f"label::{BN}",
        "label",
        "hint",
        f"media::audio::{EN}",
        "repeat_count",
        "trigger",
        "bind::eval:is",
        "bind::eval:measures",
        "bind::eval:best",
        "bind::eval:odd",
        "list_name",
        "instance_name",
        "form_id",
        "version",
        "default_language",
        "namespaces",
        "read_only",
        "constraint_message",
        "allow_choice_duplicates",
    ]
)
CELLS = st.one_of(TYPES, EXPRESSIONS, ODD)
CHANGES = st.lists(
    st.tuples(st.sampled_from(["survey", "choices", "settings"]), st.integers(0, 5), COLUMNS, CELLS),
    min_size=1,
    max_size=6,
)


def changed(changes: list[tuple[str, int, str, str]]) -> dict[str, list[dict[str, str]]]:
    """The healthy form with some cells overwritten, and rows added where there were none."""
    book = healthy()
    for sheet, place, column, cell in changes:
        rows = book[sheet]
        if place >= len(rows):
            rows.append(
                {"type": "text", "name": f"more{len(rows)}", f"label::{EN}": "x", f"label::{BN}": "x"}
            )
        rows[min(place, len(rows) - 1)][column] = cell
    return book


def examined(changes: list[tuple[str, int, str, str]], folder: Path) -> None:
    old = written(healthy(), folder).rename(folder / "old.xlsx")
    findings = check(written(changed(changes), folder), deployed=old)
    for finding in findings:
        assert isinstance(finding, Finding)
        assert finding.message.strip()
        assert finding.fix.strip()
        assert "\n" not in str(finding)


SLOW = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)


@settings(max_examples=30, deadline=None, suppress_health_check=SLOW)
@given(CHANGES)
def test_the_doctor_never_raises(tmp_path: Path, changes: list[tuple[str, int, str, str]]) -> None:
    examined(changes, tmp_path)


@pytest.mark.nightly
@settings(max_examples=1000, deadline=None, suppress_health_check=SLOW)
@given(CHANGES)
def test_the_doctor_never_raises_in_a_long_run(
    tmp_path: Path, changes: list[tuple[str, int, str, str]]
) -> None:
    examined(changes, tmp_path)
