"""ODK Validate beside our own checks: what it says becomes findings, and it never holds anything up."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from form_books import healthy, written

import xlsforms
from xlsforms import to_xform
from xlsforms.checks import check
from xlsforms.checks.validator import validating
from xlsforms.workbook import odk_validate

FOLDER = Path(xlsforms.__file__).parent
needs_java = pytest.mark.skipif(shutil.which("java") is None, reason="Java is not installed")


def a_program(folder: Path, script: str) -> str:
    """A program that is called as Java is."""
    path = folder / "java"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_odk_validate_comes_with_pyxform() -> None:
    assert odk_validate() is not None


@pytest.mark.java
@needs_java
@pytest.mark.parametrize("form", ["duty_bearer_evaluation.xlsx", "services_checkin.xlsx"])
def test_odk_validate_has_nothing_to_say_of_our_forms(form: str) -> None:
    assert [str(f) for f in check(FOLDER / form, validate=True) if "recording" not in f.message] == []


@pytest.mark.java
@needs_java
def test_what_odk_validate_refuses_is_an_error(tmp_path: Path) -> None:
    xform = to_xform(written(healthy(), tmp_path)).xform
    with validating(xform.replace("<h:body>", "<h:body><input ref='/data/nobody'/>")) as validation:
        assert validation is not None
        (finding,) = validation.findings()
    assert finding.level == "error"
    assert "nobody" in finding.message
    assert "\n" not in finding.message


@pytest.mark.java
@needs_java
def test_odk_validate_fetches_nothing_from_outside(tmp_path: Path) -> None:
    secret = tmp_path / "secret.dtd"
    secret.write_text("<!ENTITY told 'told'>")
    xform = to_xform(written(healthy(), tmp_path)).xform
    doctype = f"<!DOCTYPE h:html SYSTEM '{secret.as_uri()}'>"
    with validating(xform.replace("?>", f"?>{doctype}", 1)) as validation:
        assert validation is not None
        (finding,) = validation.findings()
    assert finding.level == "error"


def test_a_validator_that_hangs_is_stopped_and_said(tmp_path: Path) -> None:
    with validating("<x/>", a_program(tmp_path, "exec sleep 60")) as validation:
        assert validation is not None
        (finding,) = validation.findings(seconds=0.1)
    assert finding.level == "warning"
    assert "did not finish" in finding.message


def test_warnings_of_the_validator_are_one_warning_without_its_stack_traces(tmp_path: Path) -> None:
    script = (
        "echo 'Something is odd' >&2; echo '  at org.javarosa.X(Y.java:1)' >&2; echo 'Something is odd' >&2"
    )
    with validating("<x/>", a_program(tmp_path, script)) as validation:
        assert validation is not None
        (finding,) = validation.findings()
    assert (finding.level, finding.message) == ("warning", "ODK Validate: Something is odd.")


def test_without_java_a_note_says_that_it_was_not_run(tmp_path: Path) -> None:
    path = written(healthy(), tmp_path)
    findings = check(path, validate=True, java=str(tmp_path / "nowhere"))
    assert [f.level for f in findings] == ["note", "note"]
    assert any("Java is not installed" in f.message for f in findings)
