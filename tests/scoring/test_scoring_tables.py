"""Anybody's table becomes evaluations, or is refused with the row, the column and the reason."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import numpy as np
import pytest

from scoring import Scale, Settings, TableError, rate, read_ratings, read_scales, result_rows
from scoring.tables import RESULT_COLUMNS

ONE_TO_FIVE = {"": Scale(1, 5, 5)}
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "scoring.md"


def test_a_table_of_two_columns_is_enough() -> None:
    read = read_ratings("provider,respect\nA,5\nA,1\nB,3\n", ONE_TO_FIVE)
    assert read.evaluations.indicators["respect"].tolist() == [100.0, 0.0, 50.0]
    assert [(unit.provider, unit.role, unit.state) for unit in read.registry] == [
        ("A", "all", "all"),
        ("B", "all", "all"),
    ]
    assert len(set(read.evaluations.survivor.tolist())) == 3
    assert read.evaluations.verified.all()
    assert set(read.evaluations.mode.tolist()) == {"chat"}
    assert len(set(read.evaluations.quarter.tolist())) == 1


def test_every_column_is_read() -> None:
    text = (
        "respect,area,role,period,collector,mode,evaluator,provider\n"
        "4,north,nurse,2026-11-20,c1,interviewer,e1,A\n"
        "NA,north,nurse,2026-Q1,,self,,A\n"
    )
    read = read_ratings(text, ONE_TO_FIVE)
    found = read.evaluations
    assert found.quarter.tolist() == ["2026Q4", "2026Q1"]
    assert found.mode.tolist() == ["enumerator", "chat"]
    assert found.collector.tolist() == ["c1", None]
    assert (found.survivor.tolist(), found.verified.tolist()) == (["e1", None], [True, False])
    assert np.isnan(found.indicators["respect"][1])
    assert read.without_evaluator == 1
    assert (read.registry[0].role, read.registry[0].district) == ("nurse", "north")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_spreadsheets_separate_cells_in_three_ways(separator: str) -> None:
    text = "\ufeffprovider,respect\r\nA,5\r\n\r\nB,3\r\n".replace(",", separator)
    assert read_ratings(text, ONE_TO_FIVE).evaluations.provider.tolist() == ["A", "B"]


def test_a_cell_may_hold_lines_and_separators() -> None:
    read = read_ratings('provider,respect\n"A, the first\nof two",5\n', ONE_TO_FIVE)
    assert read.registry[0].provider == "A, the first\nof two"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "row 1 is empty"),
        ("name,respect\nA,5\n", "row 1 names no column 'provider'; it has name, respect"),
        ("provider,respect,respect\nA,5,5\n", "row 1 names column 'respect' twice"),
        ("provider,,respect\nA,5,5\n", "row 1, column 2 has no name"),
        ("provider,role\nA,nurse\n", "row 1 names no indicator"),
        ("provider,respect\n", "row 2 is missing"),
        ("provider,respect\nA,5\nB\n", "row 3 has 1 cells where the header has 2"),
        ("provider,respect\nA,5\n\n ,3\n", "row 4, column 'provider' is empty"),
        ("provider,respect\nA,5\nB,good\n", "row 3, column 'respect': 'good' is not a number"),
        ("provider,respect\nA,5\nB,nan\n", "row 3, column 'respect': 'nan' is not a number"),
        ('provider,respect\nA,5\nB,"3,5"\n', "row 3, column 'respect': '3,5' is not a number"),
        ("provider,respect\nA,5\nB,6\n", "row 3, column 'respect': 6 lies outside its scale 1 to 5"),
        ("provider,mode,respect\nA,post,5\n", "row 2, column 'mode': 'post' is not one of chat, self"),
        ("provider,period,respect\nA,2026-13,5\n", "row 2, column 'period': '2026-13' is no period"),
        ("provider,period,respect\nA,,5\n", "row 2, column 'period': '' is no period"),
        (
            "provider,role,respect\nA,nurse,5\nA,doctor,5\n",
            "row 3, column 'role': 'doctor', but row 2 says 'nurse' of 'A'",
        ),
        (
            "provider,area,respect\nA,north,5\nA,south,5\n",
            "row 3, column 'area': 'south', but row 2 says 'north' of 'A'",
        ),
        ('provider,respect\nA,5\n"B,5\n', "row 3 is not CSV"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_by_row_column_and_reason(text: str, says: str) -> None:
    with pytest.raises(TableError) as caught:
        read_ratings(text, ONE_TO_FIVE)
    assert says in str(caught.value)


def test_scales_are_written_from_the_worst_to_the_best() -> None:
    assert read_scales(["1..5", "waiting = 10..0", "share=0..0.5"]) == {
        "": Scale(1, 5, 5),
        "waiting": Scale(0, 10, 0),
        "share": Scale(0, 0.5, 0.5),
    }
    found = read_ratings("provider,waiting\nA,10\n", read_scales(["waiting=10..0"])).evaluations
    assert found.indicators["waiting"].tolist() == [0.0]


@pytest.mark.parametrize("text", ["5", "1-5", "1..1", "..5", "one..five"])
def test_what_is_no_scale_is_refused(text: str) -> None:
    with pytest.raises(TableError, match="is no scale"):
        read_scales([text])


def test_a_column_without_scale_and_a_scale_without_column_are_named() -> None:
    with pytest.raises(TableError, match="column 'respect' has no scale"):
        read_ratings("provider,respect\nA,5\n", {})
    with pytest.raises(TableError, match="there is a scale for 'resepct', but no such column"):
        read_ratings("provider,respect\nA,5\n", read_scales(["1..5", "resepct=1..3"]))


def test_results_are_plain_rows_in_fixed_columns() -> None:
    text = "provider,respect\n" + "\n".join(
        f"{name},{stars}" for name in "AB" for stars in (3, 4, 4, 5, 5, 3)
    )
    read = read_ratings(text, ONE_TO_FIVE)
    rated = rate(read.evaluations, read.registry, Settings(), rng=np.random.default_rng(1))
    rows = result_rows(rated, Settings())
    assert [row["reasons"] for row in rows] == [list(row.reasons) for row in rated.rows]
    assert [row["provider"] for row in rows] == ["A", "B"]
    assert all(tuple(row) == RESULT_COLUMNS for row in rows)
    assert rows[0]["n"] == 6


def test_the_worked_example_prints_what_the_guide_says() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    code, printed = re.findall(r"```(?:python|text)\n(.*?)```", text, flags=re.DOTALL)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(code, str(GUIDE), "exec"), {})
    assert said.getvalue() == printed
