"""Rows become columns once, and a row that cannot be read is named."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from scoring_samples import SCALES, row

from scoring import Scale, SettingsError, TableError, quarters, table
from scoring.columns import coded


def test_answers_are_brought_to_0_to_100_linearly() -> None:
    rows = [row(number, values={"respect": float(raw)}) for number, raw in enumerate([1, 2, 3, 4, 5])]
    assert table(rows, SCALES).indicators["respect"].tolist() == [0.0, 25.0, 50.0, 75.0, 100.0]


def test_a_question_whose_best_answer_is_the_low_end_is_reversed() -> None:
    rows = [row(0, values={"turned_away": 0.0}), row(1, values={"turned_away": 1.0})]
    assert table(rows, SCALES).indicators["turned_away"].tolist() == [100.0, 0.0]


def test_what_was_not_answered_is_missing_and_not_zero() -> None:
    rows = [row(0, values={"respect": None, "choice": 5.0}), row(1, values={"respect": 3.0})]
    columns = table(rows, SCALES).indicators
    assert np.isnan(columns["respect"][0])
    assert np.isnan(columns["choice"][1])


def test_a_value_without_a_scale_is_not_a_rating() -> None:
    assert (
        "waited_days" not in table([row(0, values={"waited_days": 12.0, "respect": 3.0})], SCALES).indicators
    )


def test_no_rows_make_an_empty_table() -> None:
    assert len(table([], SCALES)) == 0


def test_each_form_version_has_its_own_scales() -> None:
    scales = {"v1": {"respect": Scale(1, 5, 5)}, "v2": {"respect": Scale(0, 10, 10)}}
    rows = [row(0, values={"respect": 5.0}), row(1, form_version="v2", values={"respect": 5.0})]
    assert table(rows, scales).indicators["respect"].tolist() == [100.0, 50.0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"quarter": "2026-4"}, "row 2, column 'quarter': '2026-4' is not a quarter; write it as 2026-Q4"),
        ({"quarter": "2026-Q4"}, "row 2, column 'quarter': '2026-Q4' and '2026Q4' are written differently"),
        ({"mode": "post"}, "row 2, column 'mode': 'post' is not one of chat, enumerator"),
        (
            {"review": "fine"},
            "row 2, column 'review': 'fine' is not one of none, approved, on_hold, rejected",
        ),
        ({"day": "2026-11-20"}, "row 2, column 'day': '2026-11-20' is neither a date nor None"),
        ({"flags": "bribe"}, "row 2, column 'flags': 'bribe' is not a list of names"),
        ({"provider": 7}, "row 2, column 'provider': 7 is not text; hand over labels as text"),
        ({"values": {"respect": 6.0}}, "row 2, indicator 'respect': 6 lies outside its scale 1 to 5"),
        ({"values": {"respect": "good"}}, "row 2, indicator 'respect': 'good' is not a number"),
        ({"form_version": "v9"}, "row 2, column 'form_version': there are no scales for form version 'v9'"),
        ({"evaluation": "e000000"}, "row 2, column 'evaluation': 'e000000' was already in row 1"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_with_column_and_reason(change: dict[str, Any], says: str) -> None:
    with pytest.raises(TableError) as caught:
        table([row(0), row(1, **change)], SCALES)
    assert says in str(caught.value)


def test_a_missing_column_is_named() -> None:
    incomplete = row(1)
    del incomplete["verified"]
    with pytest.raises(TableError, match="row 2 has no column 'verified'"):
        table([row(0), incomplete], SCALES)


def test_a_scale_must_have_two_ends_and_one_of_them_is_best() -> None:
    with pytest.raises(SettingsError, match="low end must be below"):
        Scale(5, 5, 5)
    with pytest.raises(SettingsError, match="must be one of the two ends"):
        Scale(1, 5, 3)


def test_labels_are_numbered_in_sorted_order_and_none_is_minus_one() -> None:
    column = coded(["b", None, "a", "b"])
    assert column.labels == ("a", "b")
    assert column.code.tolist() == [1, -1, 0, 1]
    assert column.tolist() == ["b", None, "a", "b"]


def test_what_has_no_label_can_be_given_one() -> None:
    filled = coded(["b", None, "a"]).filled("")
    assert (filled.labels, filled.tolist()) == (("", "a", "b"), ["b", "", "a"])


def test_quarters_are_counted_back_over_new_year_in_the_way_they_are_written() -> None:
    assert quarters.window("2026Q2", length=4) == ("2025Q3", "2025Q4", "2026Q1", "2026Q2")
    assert quarters.window("2026-Q1", length=2) == ("2025-Q4", "2026-Q1")
    assert quarters.number("2027Q1") - quarters.number("2026Q4") == 1


def test_the_day_may_be_gone() -> None:
    assert table([row(0, day=None), row(1, day=date(2026, 1, 2))], SCALES).day.tolist() == [
        None,
        date(2026, 1, 2),
    ]
