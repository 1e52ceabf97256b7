"""`shakti score` with a table of anybody's: what it prints, what it writes, and how it refuses."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commanding import Shakti


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Ten nurses, twelve evaluators each, both modes; nurse_0 is the best by far."""
    rng = np.random.default_rng(4)
    lines = ["provider,evaluator,mode,collector,period,role,area,respect,help"]
    for index in range(10):
        for number in range(12):
            stars = int(np.clip(round(3 + 1.7 * (index == 0) + rng.normal(0, 0.6)), 1, 5))
            mode = "self," if number % 2 else f"interviewer,c{number % 4}"
            lines.append(f"nurse_{index},e{index}_{number},{mode},2026-Q4,nurse,north,{stars},{stars}")
    path = tmp_path / "ratings.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_table_is_rated_and_written_with_the_record_of_the_run(
    command: Shakti, table: Path, tmp_path: Path
) -> None:
    done = command("score", "--ratings", table, "--scale", "1..5", "--out", "scores")
    assert done.returncode == 0, done.stderr
    assert "nurse_0" in done.stdout
    with (tmp_path / "scores" / "ratings.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row["provider"]: row for row in csv.DictReader(file)}
    assert rows["nurse_0"]["recommendation"] == "recognise"
    assert {row["recommendation"] for name, row in rows.items() if name != "nurse_0"} == {""}
    record = json.loads((tmp_path / "scores" / "run.json").read_text(encoding="utf-8"))
    assert (record["evaluations"], record["as_of"]) == (120, "2026Q4")
    for name in ("ratings.csv", "run.json"):
        assert (tmp_path / "scores" / name).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("lang", "said"), [("bn", "সমকক্ষ"), ("hi", "समकक्ष"), ("en", "peers")])
def test_the_reasons_are_said_in_the_language_asked_for(
    command: Shakti, table: Path, lang: str, said: str
) -> None:
    done = command("score", "--ratings", table, "--lang", lang, "--json")
    units = {unit["provider"]: unit for unit in json.loads(done.stdout)["units"]}
    assert said in " ".join(units["nurse_0"]["reasons"])


def test_nobody_is_shown_as_the_last(command: Shakti, table: Path) -> None:
    lines = table.read_text(encoding="utf-8").splitlines()
    worst = [",".join([*line.split(",")[:-2], "1", "1"]) for line in lines if line.startswith("nurse_9")]
    table.write_text(
        "\n".join([*(line for line in lines if not line.startswith("nurse_9")), *worst]), encoding="utf-8"
    )
    done = command("score", "--ratings", table)
    assert done.returncode == 0
    assert "nurse_9" not in done.stdout


def test_json_is_all_that_is_printed(command: Shakti, table: Path) -> None:
    done = command("score", "--ratings", table, "--json", "--out", "scores")
    found = json.loads(done.stdout)
    assert set(found) == {"units", "groups", "modes", "audit"}
    best = next(unit for unit in found["units"] if unit["provider"] == "nurse_0")
    assert best["place_low"] == best["place_high"] == 1


def test_the_window_can_end_earlier(command: Shakti, table: Path) -> None:
    done = command("score", "--ratings", table, "--json", "--as-of", "2026Q3")
    assert json.loads(done.stdout)["audit"]["evaluations"] == 0


def test_a_bad_table_is_refused_in_one_sentence(command: Shakti, table: Path) -> None:
    done = command("score", "--ratings", table, "--scale", "1..4")
    assert done.returncode == 1
    (sentence,) = done.stderr.strip().splitlines()
    assert "ratings.csv: row 3, column 'respect': 5 lies outside its scale 1 to 4" in sentence


def test_what_is_not_utf8_is_named_by_its_row(command: Shakti, tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    path.write_bytes("provider,respect\nA,5\nJosé,4\n".encode("latin-1"))
    done = command("score", "--ratings", path)
    assert done.returncode == 1
    assert "old.csv: row 3 is not UTF-8 text" in done.stderr


def test_a_table_that_is_not_there_and_a_scale_without_table_are_refused(command: Shakti) -> None:
    assert "nowhere.csv" in command("score", "--ratings", "nowhere.csv").stderr
    done = command("score", "--scale", "1..5")
    assert done.returncode == 1
    assert "--scale belongs to --ratings" in done.stderr


def test_a_table_gives_the_same_bytes_in_every_process(table: Path, tmp_path: Path) -> None:
    """Sets and dicts are ordered otherwise under another hash seed; nothing may depend on it."""
    written = []
    for seed in ("1", "2"):
        out = tmp_path / f"out{seed}"
        subprocess.run(
            [sys.executable, "-m", "shakti", "score", "--ratings", table, "--out", out],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        )
        written.append([(out / name).read_bytes() for name in ("ratings.csv", "run.json")])
    assert written[0] == written[1]
