"""`shakti score --estimates`: any table of estimates on the command line, with the priors of its analysis."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commanding import Shakti

SCHOOLS = "name,estimate,se\nA,28,15\nB,8,10\nC,-3,16\nD,7,11\nE,-1,9\nF,1,11\nG,18,10\nH,12,18\n"

UNIT = [
    "name",
    "estimate",
    "se",
    "mean",
    "sd",
    "low",
    "high",
    "place",
    "place_low",
    "place_high",
    "p_top",
    "in_best_set",
    "grade",
]


@pytest.fixture
def schools(tmp_path: Path) -> Path:
    path = tmp_path / "schools.csv"
    path.write_text(SCHOOLS, encoding="utf-8")
    return path


def test_eight_schools_come_out_as_published(command: Shakti, schools: Path) -> None:
    priors = ("--mu-prior", "normal:0,5", "--tau-prior", "half-cauchy:5")
    done = command("score", "--estimates", schools, *priors, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert list(found) == ["mu", "tau", "q", "units"]
    assert [list(unit) for unit in found["units"]] == [UNIT] * 8
    published = [6.150, 4.940, 3.906, 4.796, 3.614, 4.051, 6.317, 4.884]
    assert [unit["mean"] for unit in found["units"]] == pytest.approx(published, abs=0.07)
    assert "".join(unit["name"] for unit in found["units"]) == "ABCDEFGH"


def test_the_same_table_gives_the_same_bytes(command: Shakti, schools: Path) -> None:
    first, again = (command("score", "--estimates", schools, "--json").stdout for _ in range(2))
    assert first == again


def test_every_option_reaches_the_method(command: Shakti, schools: Path) -> None:
    plain = json.loads(command("score", "--estimates", schools, "--json").stdout)
    for option, changed in (
        (("--tau", "reml"), "tau"),
        (("--tau", "dl"), "tau"),
        (("--mu-prior", "normal:0,5"), "mu"),
        (("--tau-prior", "half-normal:15"), "tau"),
        (("--grade-prior", "logspline", "--lambda", "0.9"), "grade"),
        (("--lambda", "1"), "grade"),
        (("--best", "3"), "p_top"),
        (("--level", "0.5"), "low"),
    ):
        done = command("score", "--estimates", schools, *option, "--json")
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        if changed in ("mu", "tau"):
            assert found[changed] != plain[changed], option
        else:
            assert [u[changed] for u in found["units"]] != [u[changed] for u in plain["units"]], option


def test_a_person_reads_a_table_with_the_best_first(command: Shakti, schools: Path) -> None:
    done = command("score", "--estimates", schools, "--best", "2")
    assert done.returncode == 0
    assert "Cochran's Q 4.7" in done.stdout
    lines = [line for line in done.stdout.splitlines() if line.startswith("│")]
    assert lines[0].split("│")[1].strip() == "A"
    assert len(lines) == 8


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (SCHOOLS.replace("-3,16", "-3,zero"), "row 4, column 'se': 'zero' is not a number"),
        (SCHOOLS.replace("name,", "school,"), "row 1 names no column 'name'"),
    ],
)
def test_a_bad_table_is_refused_with_row_column_and_reason(
    command: Shakti, schools: Path, content: str, sentence: str
) -> None:
    schools.write_text(content, encoding="utf-8")
    done = command("score", "--estimates", schools, "--json")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "schools.csv" in done.stderr
    assert sentence in done.stderr


def test_text_that_is_not_utf_8_is_refused_with_its_row(command: Shakti, schools: Path) -> None:
    schools.write_bytes(SCHOOLS.replace("B", "Bjørn").encode("latin-1"))
    done = command("score", "--estimates", schools)
    assert done.returncode == 1
    assert "row 3 is not UTF-8 text" in done.stderr


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--tau-prior", "uniform"), "write half-normal:15 or half-cauchy:5"),
        (("--mu-prior", "normal:5"), "write flat, or normal:0,5"),
        (("--best", "9"), "there are only 8 estimates"),
        (("--lambda", "2"), "lambda is 2"),
        (("--level", "90"), "the level is 90"),
        (("--scale", "1..5"), "--estimates stands alone"),
    ],
)
def test_a_wrong_option_is_refused_in_one_sentence(
    command: Shakti, schools: Path, options: tuple[str, ...], sentence: str
) -> None:
    done = command("score", "--estimates", schools, *options)
    assert done.returncode == 1
    assert sentence in done.stderr


def test_a_file_that_is_not_there_is_said(command: Shakti) -> None:
    done = command("score", "--estimates", "nowhere.csv")
    assert done.returncode == 1
    assert "nowhere.csv" in done.stderr


def test_an_unknown_word_is_a_fault_of_usage(command: Shakti, schools: Path) -> None:
    assert command("score", "--estimates", schools, "--tau", "bayes").returncode == 2
