"""`shakti forms deploy` and `shakti providers push`: what a person reads, and the exit code a script sees."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from commanding import Done, Shakti

from shakti.demo.central_server import CentralServer
from shakti.demo.kobo_server import KoboServer
from shakti.demo.loopback import LoopbackServer, Response
from shakti.demo.trouble import Instead

FORMS = Path(__file__).resolve().parents[2] / "xlsforms"
FORM_ID = "services_checkin"
SECRET = "s3cr3t-of-nobody"
EMAIL = "manager@example.org"
KEYS = {
    "SHAKTI_PSEUDONYM_KEY": "11" * 32,
    "SHAKTI_TEXT_PUBLIC_KEY": "0faa684ed28867b97f4a6a2dee5df8ce974e76b7018e3f22a1c4cf2678570f20",
    "KOBO_DEPLOY_TOKEN": SECRET,
    "CENTRAL_DEPLOY_EMAIL": EMAIL,
    "CENTRAL_DEPLOY_PASSWORD": SECRET,
}
CONFIG = """
forms: [forms/services_checkin.xlsx]
registry: {{providers: forms/providers.csv, collectors: forms/collectors.csv}}
sources:
  kobo: {{url: "{kobo}", assets: []}}
  central: {{url: "{central}", project: 1, forms: [services_checkin]}}
"""


def clock() -> dt.datetime:
    return dt.datetime(2026, 11, 23, 6, 0, tzinfo=dt.UTC)


@pytest.fixture
def servers() -> Iterator[dict[str, LoopbackServer]]:
    with (
        KoboServer(clock=clock, token=SECRET) as kobo,
        CentralServer(clock=clock, email=EMAIL, password=SECRET) as central,
    ):
        assert central.project.id == 1
        yield {"kobo": kobo, "central": central}


@pytest.fixture
def shakti(servers: dict[str, LoopbackServer], tmp_path: Path, command: Shakti) -> Shakti:
    """The command in a folder with a form, its lists, and a config.yml that names both servers; no secret is ever said."""
    (tmp_path / "forms").mkdir()
    for name in ("services_checkin.xlsx", "providers.csv", "collectors.csv"):
        shutil.copy(FORMS / name, tmp_path / "forms")
    addresses = {name: server.url for name, server in servers.items()}
    (tmp_path / "config.yml").write_text(CONFIG.format(**addresses), encoding="utf-8")

    def run(*arguments: str, **environment: str) -> Done:
        done = command(*arguments, **{**KEYS, **environment})
        assert SECRET not in done.stdout + done.stderr
        return done

    return run


def writes(server: LoopbackServer) -> int:
    """How many requests could have changed something; opening a session is none."""
    return sum(one.method != "GET" and one.path != "/v1/sessions" for one in server.requests)


def error(done: Done) -> str:
    """The one line that says what is wrong."""
    lines = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]


@pytest.mark.parametrize("to", ["kobo", "central"])
def test_a_form_is_tried_dry_then_deployed_then_found_in_service(
    shakti: Shakti, servers: dict[str, LoopbackServer], to: str
) -> None:
    dry = shakti("forms", "deploy", to, "--dry-run")
    assert dry.returncode == 0
    assert "would send services_checkin.xlsx (version 2026112301) as a new form, collectors.csv" in dry.stdout
    assert "Next: the same without --dry-run" in dry.stdout
    assert writes(servers[to]) == 0
    real = shakti("forms", "deploy", to)
    assert real.returncode == 0
    assert "read back and found right" in real.stdout
    servers[to].requests.clear()
    again = shakti("forms", "deploy", to)
    assert "services_checkin: in service as it is here; nothing was sent." in again.stdout
    assert writes(servers[to]) == 0


def test_a_new_project_on_kobotoolbox_is_named_for_the_configuration(
    shakti: Shakti, servers: dict[str, LoopbackServer]
) -> None:
    done = shakti("forms", "deploy", "kobo", "forms/services_checkin.xlsx")
    server = servers["kobo"]
    assert isinstance(server, KoboServer)
    (uid,) = server.platform.assets
    assert f"Next: add {uid} to sources.kobo.assets in config.yml" in done.stdout


@pytest.mark.parametrize("to", ["kobo", "central"])
def test_changed_lists_are_pushed_alone(
    shakti: Shakti, servers: dict[str, LoopbackServer], tmp_path: Path, to: str
) -> None:
    shakti("forms", "deploy", to)
    servers[to].requests.clear()
    assert "nothing was sent" in shakti("providers", "push", to).stdout
    assert writes(servers[to]) == 0
    with (tmp_path / "forms" / "collectors.csv").open("a", encoding="utf-8") as file:
        file.write("c99,c99,office_sample\n")
    assert "would send collectors.csv" in shakti("providers", "push", to, "--dry-run").stdout
    assert writes(servers[to]) == 0
    pushed = shakti("providers", "push", to)
    assert pushed.returncode == 0
    assert "sent collectors.csv (13 entries)" in pushed.stdout
    assert writes(servers[to]) == 3


def test_a_form_that_is_not_deployed_yet_is_named_and_the_others_get_their_lists(
    shakti: Shakti, servers: dict[str, LoopbackServer], tmp_path: Path
) -> None:
    shutil.copy(FORMS / "duty_bearer_evaluation.xlsx", tmp_path / "forms")
    config = tmp_path / "config.yml"
    config.write_text(
        config.read_text().replace("forms: [", "forms: [forms/duty_bearer_evaluation.xlsx, ", 1)
    )
    none = shakti("providers", "push", "kobo")
    assert none.returncode == 1
    assert "duty_bearer_evaluation is not on" in error(none)
    shakti("forms", "deploy", "kobo", "forms/services_checkin.xlsx")
    with (tmp_path / "forms" / "collectors.csv").open("a", encoding="utf-8") as file:
        file.write("c99,c99,office_sample\n")
    pushed = shakti("providers", "push", "kobo")
    assert pushed.returncode == 0
    assert "services_checkin: sent collectors.csv (13 entries)" in pushed.stdout
    assert "duty_bearer_evaluation is not on" in pushed.stderr


def test_a_broken_list_stops_everything(
    shakti: Shakti, servers: dict[str, LoopbackServer], tmp_path: Path
) -> None:
    (tmp_path / "forms" / "providers.csv").write_text("nonsense\n1\n", encoding="utf-8")
    done = shakti("providers", "push", "kobo")
    assert done.returncode == 1
    assert "providers.csv" in error(done)
    assert servers["kobo"].requests == []


def test_a_broken_workbook_sends_nothing(
    shakti: Shakti, servers: dict[str, LoopbackServer], tmp_path: Path
) -> None:
    (tmp_path / "forms" / "services_checkin.xlsx").write_bytes(b"no workbook")
    done = shakti("forms", "deploy", "kobo")
    assert done.returncode == 1
    assert "has an error and nothing was sent" in error(done)
    assert servers["kobo"].requests == []


def test_a_workbook_that_is_not_there_is_named(shakti: Shakti) -> None:
    done = shakti("forms", "deploy", "kobo", "nosuch.xlsx")
    assert done.returncode == 1
    assert "nosuch.xlsx is not there" in error(done)


def test_wrong_credentials_and_missing_ones_are_one_sentence(shakti: Shakti) -> None:
    wrong = shakti("forms", "deploy", "kobo", KOBO_DEPLOY_TOKEN="wr0ng")
    assert wrong.returncode == 1
    assert "does not accept the token in KOBO_DEPLOY_TOKEN" in error(wrong)
    assert "wr0ng" not in wrong.stderr
    missing = shakti("forms", "deploy", "central", CENTRAL_DEPLOY_PASSWORD="")
    assert missing.returncode == 1
    assert "CENTRAL_DEPLOY_PASSWORD is empty" in error(missing)


def test_a_server_that_is_out_of_order_ends_with_the_code_for_unreachable(
    shakti: Shakti, servers: dict[str, LoopbackServer]
) -> None:
    servers["central"].trouble.every(Instead(Response(503, b"<h1>Service Unavailable</h1>")))
    done = shakti("forms", "deploy", "central")
    assert done.returncode == 3
    assert "busy or out of order (status 503)" in error(done)


def test_a_platform_that_is_not_configured_is_said(shakti: Shakti, tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text(
        "forms: [forms/services_checkin.xlsx]\n"
        "registry: {providers: forms/providers.csv, collectors: forms/collectors.csv}\n",
        encoding="utf-8",
    )
    done = shakti("forms", "deploy", "kobo")
    assert done.returncode == 1
    assert "config.yml names no sources.kobo" in error(done)


def test_the_other_commands_of_the_group_are_still_there(shakti: Shakti) -> None:
    listed = shakti("forms", "--help").stdout
    for command in ("check", "build", "interview", "deploy"):
        assert command in listed


def test_the_code_for_phones_is_drawn_once_for_its_owner_and_the_token_is_not_said(
    shakti: Shakti, tmp_path: Path
) -> None:
    drawn = shakti("forms", "qr", "--out", "collect.svg", CENTRAL_APP_USER_TOKEN=SECRET)
    assert drawn.returncode == 0, drawn.stderr
    picture = tmp_path / "collect.svg"
    assert picture.read_bytes().startswith(b"<?xml")
    assert picture.stat().st_mode & 0o777 == 0o600
    assert SECRET not in drawn.stdout + drawn.stderr
    assert "destroy it after the training" in drawn.stdout
    again = shakti("forms", "qr", "--out", "collect.svg", CENTRAL_APP_USER_TOKEN=SECRET)
    assert again.returncode == 1
    assert "is not overwritten" in again.stderr


def test_the_code_for_phones_needs_an_app_users_token_and_a_kind_of_picture(
    shakti: Shakti, tmp_path: Path
) -> None:
    assert shakti("forms", "qr", "--out", "collect.txt", CENTRAL_APP_USER_TOKEN=SECRET).returncode == 2
    missing = shakti("forms", "qr", "--out", "collect.png")
    assert missing.returncode == 1
    assert "CENTRAL_APP_USER_TOKEN is empty" in missing.stderr
    assert not (tmp_path / "collect.png").exists()
