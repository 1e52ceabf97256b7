"""`shakti forms diff`, `paper` and `check --deployed`, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shakti.cli import main

FORMS = Path(__file__).resolve().parents[2] / "xlsforms"
DUTY_BEARER, SERVICES = FORMS / "duty_bearer_evaluation.xlsx", FORMS / "services_checkin.xlsx"


def shakti(capfd: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    """The exit code of a command, and what it said as its result."""
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0), capfd.readouterr().out


def test_two_versions_are_compared_in_plain_words(capfd: pytest.CaptureFixture[str]) -> None:
    code, said = shakti(capfd, "forms", "diff", SERVICES, DUTY_BEARER)
    assert code == 0
    assert "question comment was added (text)." in said
    assert "Next: shakti forms check" in said


def test_two_versions_are_compared_for_another_program(capfd: pytest.CaptureFixture[str]) -> None:
    code, said = shakti(capfd, "forms", "diff", SERVICES, DUTY_BEARER, "--json")
    changes = json.loads(said)
    assert code == 0
    assert {"kind", "path", "text", "harm", "choice"} == set(changes[0])
    assert changes[0]["harm"] == "breaks"


def test_a_form_that_would_part_its_answers_does_not_pass(capfd: pytest.CaptureFixture[str]) -> None:
    code, said = shakti(
        capfd, "forms", "check", DUTY_BEARER, "--deployed", SERVICES, "--no-validate", "--json"
    )
    assert code == 1
    assert any("Against the deployed version" in finding["message"] for finding in json.loads(said))


def test_a_form_is_written_on_paper(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    page = tmp_path / "new" / "form.html"
    code, said = shakti(capfd, "forms", "paper", SERVICES, "--language", "hi", "--out", page)
    assert code == 0
    assert str(page) in said
    assert '<html lang="hi">' in page.read_text(encoding="utf-8")
