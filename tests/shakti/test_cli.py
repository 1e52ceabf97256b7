"""The command line: what a person types, what it answers, and the exit code a script sees."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from commanding import Done, Shakti

from xlsforms import read_instance

REPOSITORY = Path(__file__).resolve().parents[2]
DUTY_BEARER = REPOSITORY / "xlsforms" / "duty_bearer_evaluation.xlsx"
SERVICES = REPOSITORY / "xlsforms" / "services_checkin.xlsx"

TWO_QUESTIONS = """
| survey   |                  |        |               |                   |          |            |
|          | type             | name   | label::English (en) | label::বাংলা (bn) | required | relevant   |
|          | select_one yn    | met    | Did you meet? | দেখা হয়েছে?        | yes      |            |
|          | integer          | visits | How often?    | কতবার?            |          | ${met} = 'yes' |
| choices  |                  |        |               |                   |          |            |
|          | list_name        | name   | label::English (en) | label::বাংলা (bn) |          |            |
|          | yn               | yes    | Yes           | হ্যাঁ               |          |            |
|          | yn               | no     | No            | না                |          |            |
| settings |                  |        |               |                   |          |            |
|          | form_id          | version | default_language |                |          |            |
|          | visit            | 2026112301 | English (en) |                 |          |            |
"""


@pytest.fixture
def shakti(command: Shakti) -> Shakti:
    return command


def as_a_process(*arguments: str, folder: Path) -> Done:
    """The command as a person starts it."""
    done = subprocess.run(
        [sys.executable, "-m", "shakti", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def visit(tmp_path: Path) -> Path:
    path = tmp_path / "visit.md"
    path.write_text(TWO_QUESTIONS, encoding="utf-8")
    return path


def one_sentence(stderr: str) -> str:
    """What stands on stderr, which must be one sentence and no traceback."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    assert len(lines) == 1, stderr
    assert "Traceback" not in stderr
    return lines[0]


def test_help_shows_examples_and_version_the_version(tmp_path: Path) -> None:
    asked = as_a_process("--help", folder=tmp_path)
    assert asked.returncode == 0
    assert "Examples" in asked.stdout
    assert "shakti demo" in asked.stdout
    assert as_a_process("--version", folder=tmp_path).stdout.startswith("shakti 0.")


def test_exit_codes_reach_the_shell(tmp_path: Path) -> None:
    assert as_a_process("nosuch", folder=tmp_path).returncode == 2
    wrong = as_a_process("sync", folder=tmp_path)
    assert wrong.returncode == 1
    assert "config.yml is not there" in one_sentence(wrong.stderr)


def test_our_forms_have_nothing_to_mend(shakti: Shakti, tmp_path: Path) -> None:
    checked = shakti("forms", "check", DUTY_BEARER, SERVICES)
    assert checked.returncode == 0
    assert checked.stdout.count("0 errors, 0 warnings") == 2
    assert "Next:" in checked.stdout


def test_a_broken_form_is_named_with_place_and_remedy_and_exits_1(
    shakti: Shakti, visit: Path, tmp_path: Path
) -> None:
    visit.write_text(TWO_QUESTIONS.replace("${met}", "${mat}"), encoding="utf-8")
    checked = shakti("forms", "check", visit, "--json")
    assert checked.returncode == 1
    errors = [one for one in json.loads(checked.stdout) if one["level"] == "error"]
    assert len(errors) == 1
    assert "mat" in errors[0]["message"]


def test_building_a_broken_form_writes_nothing(shakti: Shakti, visit: Path, tmp_path: Path) -> None:
    visit.write_text(TWO_QUESTIONS.replace("${met}", "${mat}"), encoding="utf-8")
    built = shakti("forms", "build", DUTY_BEARER, visit, "--out", "built")
    assert built.returncode == 1
    assert "mat" in one_sentence(built.stderr)
    assert not (tmp_path / "built").exists()


def test_building_a_form_writes_the_xform_and_its_lists(shakti: Shakti, tmp_path: Path) -> None:
    built = shakti("forms", "build", DUTY_BEARER, "--out", "built")
    assert built.returncode == 0
    assert sorted(path.name for path in (tmp_path / "built").iterdir()) == [
        "collectors.csv",
        "duty_bearer_evaluation.xml",
        "providers.csv",
    ]
    original = DUTY_BEARER.with_name("providers.csv").read_text(encoding="utf-8")
    assert (tmp_path / "built" / "providers.csv").read_text(encoding="utf-8") == original


def test_replies_from_a_file_give_a_finished_instance(shakti: Shakti, visit: Path, tmp_path: Path) -> None:
    (tmp_path / "replies.txt").write_text("হ্যাঁ\nতিন\n", encoding="utf-8")
    talked = shakti(
        "forms",
        "interview",
        visit,
        "--language",
        "bn",
        "--answers",
        "replies.txt",
        "--out",
        "filled.xml",
    )
    assert talked.returncode == 0, talked.stderr
    assert "দেখা হয়েছে?" in talked.stdout
    instance = read_instance((tmp_path / "filled.xml").read_bytes())
    assert (instance.form_id, instance.version) == ("visit", "2026112301")
    assert (instance.answers["met"], instance.answers["visits"]) == ("yes", "3")


def test_replies_that_end_too_early_leave_no_instance(shakti: Shakti, visit: Path, tmp_path: Path) -> None:
    (tmp_path / "replies.txt").write_text("yes\n", encoding="utf-8")
    talked = shakti(
        "forms",
        "interview",
        visit,
        "--language",
        "en",
        "--answers",
        "replies.txt",
        "--out",
        "filled.xml",
    )
    assert talked.returncode == 1
    assert "visits" in one_sentence(talked.stderr)
    assert not (tmp_path / "filled.xml").exists()


def test_typed_replies_are_read_from_the_terminal(shakti: Shakti, visit: Path, tmp_path: Path) -> None:
    talked = shakti("forms", "interview", visit, "--language", "en", typed="2\n")
    assert talked.returncode == 0
    assert "<met>no</met>" in talked.stdout


def test_a_language_the_form_does_not_have_is_a_usage_error_that_lists_the_known(
    shakti: Shakti, visit: Path, tmp_path: Path
) -> None:
    talked = shakti("forms", "interview", visit, "--language", "fr")
    assert talked.returncode == 2
    assert "বাংলা" in talked.stderr


def test_a_form_that_is_not_there_exits_1(shakti: Shakti, tmp_path: Path) -> None:
    talked = shakti("forms", "interview", "nowhere.xlsx")
    assert talked.returncode == 1
    assert "nowhere.xlsx" in one_sentence(talked.stderr)


def test_a_wrong_config_gets_one_sentence_and_makes_nothing(shakti: Shakti, tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text("databse: sqlite:///data/x.db\n", encoding="utf-8")
    for command in ("sync", "status", "score", "report", "run"):
        asked = shakti(command)
        assert asked.returncode == 1
        assert "did you mean 'database'" in one_sentence(asked.stderr)
    assert [path.name for path in tmp_path.iterdir()] == ["config.yml"]


def test_keys_are_written_once_for_their_owner_alone(shakti: Shakti, tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text("sample: true\n", encoding="utf-8")
    made = shakti("keys", "new", "--out", "secrets/shakti.env")
    assert made.returncode == 0, made.stderr
    path = tmp_path / "secrets" / "shakti.env"
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_text(encoding="utf-8")
    assert before.count("export SHAKTI_") == 5
    assert not any(line.split("=")[1] in made.stdout for line in before.splitlines())
    again = shakti("keys", "new", "--out", "secrets/other/../shakti.env")
    assert again.returncode == 1
    assert path.read_text(encoding="utf-8") == before


def exported(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.removeprefix("export ").split("=", 1) for line in lines)


@pytest.fixture
def programme(shakti: Shakti, tmp_path: Path) -> dict[str, str]:
    """A programme with our forms, a Collect folder with one filled instance, and keys; gives its environment."""
    registry = DUTY_BEARER.parent
    (tmp_path / "config.yml").write_text(
        f"""
forms: [{DUTY_BEARER}, {SERVICES}]
registry: {{providers: {registry / "providers.csv"}, collectors: {registry / "collectors.csv"}}}
sources: {{collect: {{folder: collect}}}}
""",
        encoding="utf-8",
    )
    assert shakti("keys", "new", "--out", "keys.env").returncode == 0
    return exported(tmp_path / "keys.env")


def test_codes_are_issued_into_the_store_as_pseudonyms_only(
    shakti: Shakti, tmp_path: Path, programme: dict[str, str]
) -> None:
    issued = shakti("codes", "issue", "--count", "5", "--out", "codes.csv", **programme)
    assert issued.returncode == 0, issued.stderr
    codes = (tmp_path / "codes.csv").read_text(encoding="utf-8").split()[1:]
    assert len(set(codes)) == 5
    assert all(len(code) == 10 and int(code) % 97 == 1 for code in codes)
    kept = (tmp_path / "data" / "shakti.db").read_bytes()
    assert not any(code.encode() in kept for code in codes)


def test_an_unreachable_server_exits_3_and_the_other_sources_are_read(
    shakti: Shakti, tmp_path: Path, programme: dict[str, str]
) -> None:
    config = (tmp_path / "config.yml").read_text(encoding="utf-8")
    nobody = 'kobo: {url: "http://127.0.0.1:9", assets: [aNobody]}, '
    (tmp_path / "config.yml").write_text(
        config.replace("{collect:", "{" + nobody + "collect:"), encoding="utf-8"
    )
    (tmp_path / "collect").mkdir()
    (tmp_path / "collect" / "cut.xml").write_text("<data", encoding="utf-8")
    read = shakti("sync", KOBO_TOKEN="secret-token-of-the-test", **programme)
    assert read.returncode == 3, read.stderr
    assert "could not be reached" in one_sentence(read.stderr)
    assert "secret-token-of-the-test" not in read.stdout + read.stderr
    shown = shakti("status", **programme)
    assert shown.returncode == 0
    assert "cut.xml" in shown.stdout, "the unreadable file waits in the quarantine"


def test_a_report_without_any_evaluation_lists_everybody_as_no_result_yet(
    shakti: Shakti, tmp_path: Path, programme: dict[str, str]
) -> None:
    (tmp_path / "collect").mkdir()
    assert shakti("sync", **programme).returncode == 0
    made = shakti("report", "--out", "lists", **programme)
    assert made.returncode == 0, made.stderr
    text = (tmp_path / "lists" / "programme.csv").read_text(encoding="utf-8-sig")
    assert text.count("no result yet") >= 150
    assert len((tmp_path / "lists" / "leaders.csv").read_text(encoding="utf-8-sig").splitlines()) == 1
    record = tmp_path / "lists" / "run.json"
    assert json.loads(record.read_text(encoding="utf-8"))["evaluations"] == 0
    assert record.stat().st_mode & 0o777 == 0o600


def test_the_services_are_in_both_outputs_for_the_programme_only(
    shakti: Shakti, tmp_path: Path, programme: dict[str, str]
) -> None:
    (tmp_path / "collect").mkdir()
    assert shakti("sync", **programme).returncode == 0
    for command in (("report", "--out", "lists"), ("score", "--out", "lists", "--json")):
        done = shakti(*command, **programme)
        assert done.returncode == 0, done.stderr
        path = tmp_path / "lists" / "services.csv"
        header = path.read_text(encoding="utf-8-sig").splitlines()[0]
        assert header.replace('"', "") == "window,service,area,figure,n_band,value,low,high,note"
        assert path.stat().st_mode & 0o777 == 0o600
        path.unlink()
    assert json.loads(done.stdout)["services"] == []
