"""What a clerk types about codes, erasure, the quarantine and the state of things, and what she reads."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from commanding import Done, Shakti
from terminal import in_a_terminal

from connector import Keys, Store, new_code
from shakti.demo.kobo_server import KoboServer
from shakti.demo.loopback import Response
from shakti.slips import PER_PAGE, slips_page

REPOSITORY = Path(__file__).resolve().parents[2]
FORMS = REPOSITORY / "xlsforms"
TOKEN, ERASE_TOKEN = "r" * 40, "r" * 40
RECEIPT, CODE = "4711815000", new_code(12_345_678)
CONFIG = """
forms: [{forms}/services_checkin.xlsx]
registry: {{providers: {forms}/providers.csv, collectors: {forms}/collectors.csv}}
sources:
  kobo: {{url: "{kobo}", assets: [{asset}]}}
  collect: {{folder: collect}}
"""


def clock() -> dt.datetime:
    """The machine's own: the command compares the two."""
    return dt.datetime.now(dt.UTC)


def checkin(number: int, *, receipt: str, code: str = CODE, consent: str = "yes") -> str:
    """An invented check-in as Collect leaves it."""
    return (
        "<data id='services_checkin' version='2026112301'><today>2026-11-20</today><practice>no</practice>"
        f"<adult>yes</adult><consent>{consent}</consent><survivor_code>{code}</survivor_code><block>303_b01</block>"
        f"<legal_aid><legal_aid_needed>yes</legal_aid_needed></legal_aid><receipt>{receipt}</receipt>"
        f"<meta><instanceID>uuid:0c0c0c0c-0000-4000-8000-{number:012d}</instanceID></meta></data>"
    )


@pytest.fixture
def kobo() -> Iterator[KoboServer]:
    with KoboServer(clock=clock, token=TOKEN) as server:
        server.deploy(FORMS / "services_checkin.xlsx")
        yield server


@pytest.fixture
def slow_kobo_programme(tmp_path: Path, command: Shakti) -> Iterator[Programme]:
    """A programme whose server is forty days behind this machine."""
    with KoboServer(clock=lambda: clock() - dt.timedelta(days=40), token=TOKEN) as server:
        server.deploy(FORMS / "services_checkin.xlsx")
        yield Programme(tmp_path, set_up(tmp_path, server, command), server)


@pytest.fixture
def keys(tmp_path: Path, kobo: KoboServer, command: Shakti) -> dict[str, str]:
    """A programme with one form on KoboToolbox and a folder of files; gives its environment."""
    return set_up(tmp_path, kobo, command)


def set_up(folder: Path, kobo: KoboServer, command: Shakti) -> dict[str, str]:
    """Write config.yml and make the keys; the programme's environment."""
    (asset,) = kobo.platform.assets
    (folder / "collect").mkdir()
    text = CONFIG.format(forms=FORMS, kobo=kobo.url, asset=asset)
    (folder / "config.yml").write_text(text, encoding="utf-8")
    assert command("keys", "new", "--out", "keys.env").returncode == 0
    lines = (folder / "keys.env").read_text(encoding="utf-8").splitlines()
    made = dict(line.removeprefix("export ").split("=", 1) for line in lines)
    return {**made, "KOBO_TOKEN": TOKEN}


@dataclass(frozen=True)
class Programme:
    """Where it lies, its environment, and its server."""

    folder: Path
    environment: dict[str, str]
    kobo: KoboServer


@pytest.fixture
def programme(tmp_path: Path, keys: dict[str, str], kobo: KoboServer) -> Programme:
    return Programme(tmp_path, keys, kobo)


@pytest.fixture
def shakti(command: Shakti, keys: dict[str, str]) -> Shakti:
    def run(*arguments: str | Path, typed: str = "", **environment: str) -> Done:
        return command(*arguments, typed=typed, **{**keys, **environment})

    return run


@pytest.fixture
def store(tmp_path: Path, keys: dict[str, str]) -> Iterator[Store]:
    """The programme's store, for a look behind the commands."""
    made = Keys.from_hex(pseudonym=keys["SHAKTI_PSEUDONYM_KEY"], text_public=keys["SHAKTI_TEXT_PUBLIC_KEY"])
    with Store(f"sqlite:///{tmp_path / 'data' / 'shakti.db'}", keys=made) as opened:
        opened.migrate()
        yield opened


def one_error(done: Done) -> str:
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("Error: ")
    return lines[0]


# erasure


def test_an_erasure_is_said_by_hand_shown_in_the_status_and_finished_with_an_account(
    shakti: Shakti, kobo: KoboServer, tmp_path: Path, store: Store
) -> None:
    kobo.submit(checkin(1, receipt=RECEIPT))
    kobo.submit(checkin(2, receipt="2222222222"))
    assert shakti("sync").returncode == 0
    erased = shakti("erase", "receipt", typed="৪৭১১ ৮১৫ ০০০\n")
    assert erased.returncode == 3, erased.stderr
    assert "Taken out of the store: 1." in erased.stdout
    assert "Set KOBO_ERASE_TOKEN to an account that may" in erased.stderr
    assert "delete the record whose _id is 1." in erased.stderr
    assert RECEIPT not in erased.stdout + erased.stderr
    assert shakti("sync").returncode == 0
    assert len(store.services()) == 1
    shown = shakti("status")
    assert "One record that a survivor had erased still lies at kobo:" in shown.stdout
    done = shakti("erase", "pending", KOBO_ERASE_TOKEN=ERASE_TOKEN)
    assert done.returncode == 0, done.stderr
    assert "Deleted where they came from: 1." in done.stdout
    (asset,) = kobo.platform.assets.values()
    assert len(asset.rows) == 1
    assert "All is well." in shakti("status").stdout


def test_everything_of_a_code_is_erased(shakti: Shakti, tmp_path: Path, store: Store) -> None:
    for number, code in ((1, CODE), (2, CODE), (3, new_code(5))):
        path = tmp_path / "collect" / f"{number}.xml"
        path.write_text(checkin(number, receipt=str(number), code=code), encoding="utf-8")
    assert shakti("sync").returncode == 0
    assert len(store.services()) == 3
    erased = shakti("erase", "code", typed=f"{CODE}\n")
    assert erased.returncode == 0, erased.stderr
    assert "Taken out of the store: 2." in erased.stdout
    assert [path.name for path in (tmp_path / "collect").iterdir()] == ["3.xml"]
    again = shakti("erase", "code", typed=f"{CODE}\n")
    assert "Nothing with this number was here." in again.stdout


def test_a_killed_erasure_is_gone_here_and_finished_there_by_the_next(
    programme: Programme, shakti: Shakti, store: Store
) -> None:
    kobo = programme.kobo
    kobo.submit(checkin(1, receipt=RECEIPT))
    shakti("sync")
    account = {"KOBO_ERASE_TOKEN": ERASE_TOKEN}
    with kobo.lock:  # the server does not answer while it is held: the deletion hangs
        running = subprocess.Popen(
            [sys.executable, "-m", "shakti", "erase", "receipt"],
            cwd=programme.folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)} | programme.environment | account,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert running.stdin is not None
        running.stdin.write(f"{RECEIPT}\n")
        running.stdin.flush()
        until = time.monotonic() + 120
        while not store.erasure_tasks() and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(0.5)
        running.kill()
        running.wait()
        running.stdin.close()
    assert store.services() == []
    (asset,) = kobo.platform.assets.values()
    assert len(store.erasure_tasks()) == 1
    done = shakti("erase", "pending", **account)
    assert done.returncode == 0, done.stderr
    assert (asset.rows, store.erasure_tasks()) == ({}, [])


@pytest.mark.parametrize(
    ("what", "typed", "said"),
    [("code", "1234567890\n", "no survivor code"), ("receipt", "\n", "No number was given")],
)
def test_a_mistyped_number_changes_nothing(
    shakti: Shakti, tmp_path: Path, what: str, typed: str, said: str
) -> None:
    asked = shakti("erase", what, typed=typed)
    assert asked.returncode == 1
    assert said in one_error(asked)
    assert not (tmp_path / "data" / "erasures.list").exists()


def test_a_restored_backup_loses_what_was_erased_at_the_next_command(shakti: Shakti, tmp_path: Path) -> None:
    path = tmp_path / "collect" / "1.xml"
    path.write_text(checkin(1, receipt=RECEIPT), encoding="utf-8")
    shakti("sync")
    backup = (tmp_path / "data" / "shakti.db").read_bytes()
    shakti("erase", "receipt", typed=f"{RECEIPT}\n")
    (tmp_path / "data" / "shakti.db").write_bytes(backup)
    assert json.loads(shakti("status", "--json").stdout)["instances"] == 0


# codes


def test_codes_go_from_the_file_to_slips_and_off_the_roll(
    shakti: Shakti, tmp_path: Path, store: Store
) -> None:
    assert shakti("codes", "issue", "--count", "12", "--out", "codes.csv").returncode == 0
    codes = (tmp_path / "codes.csv").read_text(encoding="utf-8").split()[1:]
    printed = shakti("codes", "print", "codes.csv", "--out", "slips.html")
    assert "12 slips on 2 sheets of A4" in printed.stdout
    page = (tmp_path / "slips.html").read_text(encoding="utf-8")
    assert (tmp_path / "slips.html").stat().st_mode & 0o777 == 0o600
    assert all(code in re.sub(r"</?span>", "", page) for code in codes)
    for number, code in enumerate(codes[:2], start=1):
        path = tmp_path / "collect" / f"{number}.xml"
        path.write_text(checkin(number, receipt=str(number), code=code), encoding="utf-8")
    shakti("sync")
    assert [one["verified"] for one in store.services()] == [True, True]
    revoked = shakti("codes", "revoke", typed=f"{codes[0]}\n")
    assert revoked.returncode == 0, revoked.stderr
    assert "Taken off the roll: 1 of 1." in revoked.stdout
    assert [one["verified"] for one in store.services()] == [False, True]
    assert codes[0] not in revoked.stdout + revoked.stderr
    again = shakti("codes", "revoke", "--file", "codes.csv")
    assert "Taken off the roll: 11 of 12." in again.stdout
    assert not store.issue_codes([codes[0]]), "a revoked code is never issued again"


def test_nothing_on_a_slip_says_what_it_is_for() -> None:
    page = slips_page([new_code(number) for number in range(PER_PAGE + 1)])
    assert page.count('class="page"') == 2
    assert page.count('class="slip"') == PER_PAGE + 1
    for telling in (
        *("surviv", "evaluat", "traffick", "shakti", "code", "secret", "rating", "complain", "2026"),
        *("মূল্যায়ন", "শক্তি", "পাচার", "অভিযোগ", "मूल्यांकन", "शक्ति", "तस्करी", "शिकायत"),
    ):
        assert telling not in page.lower(), telling
    assert not re.search(r"(?:src|href|url|@import|https?:)", page), "the page fetches nothing"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("code\n1234567890\n", "row 2: that is no survivor code"),
        (f"code\n{CODE}\n{CODE}\n", "holds a code twice"),
        ("code\n", "holds no code"),
    ],
)
def test_a_wrong_file_of_codes_is_told_by_its_row(
    command: Shakti, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "codes.csv").write_text(text, encoding="utf-8")
    asked = command("codes", "print", "codes.csv", "--out", "slips.html")
    assert asked.returncode == 1
    assert said in one_error(asked)
    assert "1234567890" not in asked.stderr
    assert not (tmp_path / "slips.html").exists()


# the quarantine


def test_the_quarantine_is_listed_and_read_again_with_and_without_the_key(
    shakti: Shakti, tmp_path: Path, store: Store
) -> None:
    cut, old = tmp_path / "collect" / "cut.xml", tmp_path / "collect" / "old.xml"
    cut.write_text("<data", encoding="utf-8")
    old.write_text(checkin(2, receipt="2").replace("2026112301", "2020010101"), encoding="utf-8")
    shakti("sync")
    listed = json.loads(shakti("quarantine", "list", "--json").stdout)
    assert [one["record"] for one in listed] == ["cut.xml", "old.xml"]
    assert "version 2020010101" in shakti("quarantine", "list").stdout
    cut.write_text(checkin(1, receipt="1"), encoding="utf-8")
    first = shakti("quarantine", "replay")
    assert "Read at last: 1 of 2." in first.stdout
    old.unlink()
    known = store.form("services_checkin", "2026112301")
    assert known is not None
    store.add_form(type(known)(known.form_id, "2020010101", known.marks, None))
    second = shakti("quarantine", "replay", "--key", "keys.env.text-private")
    assert "Read at last: 1 of 1." in second.stdout, second.stderr
    assert "The quarantine is empty" in shakti("quarantine", "replay").stdout
    assert len(store.services()) == 2


def test_another_key_is_told_as_such(shakti: Shakti, tmp_path: Path) -> None:
    (tmp_path / "collect" / "cut.xml").write_text("<data", encoding="utf-8")
    shakti("sync")
    (tmp_path / "wrong.key").write_text("44" * 32, encoding="utf-8")
    asked = shakti("quarantine", "replay", "--key", "wrong.key")
    assert asked.returncode == 1
    assert "sealed to another key" in one_error(asked)


# the state of things


def test_the_page_of_health_fits_an_old_terminal(programme: Programme, shakti: Shakti) -> None:
    kobo, tmp_path = programme.kobo, programme.folder
    kobo.submit(checkin(1, receipt="1"))
    kobo.submit(checkin(2, receipt="2", consent="no"))
    (tmp_path / "collect" / "a file with a rather long name, as phones make them, 2026-11-20.xml").write_text(
        "<data", encoding="utf-8"
    )
    shakti("sync")
    kobo.interrupt(Response(403))
    shakti("sync")
    shown = in_a_terminal("status", "--runs", folder=tmp_path, environment=programme.environment)
    assert shown.returncode == 0, shown.stdout
    assert max(len(line) for line in shown.stdout.splitlines()) <= 80
    assert "Something needs you." in shown.stdout
    assert "Not taken in so far: 1 without consent." in shown.stdout
    what = shown.stdout.index("What to do")
    assert what < shown.stdout.index("1. kobo:") < shown.stdout.index("2. One record could not be read")


def test_the_page_of_health_for_a_program(shakti: Shakti, kobo: KoboServer) -> None:
    kobo.submit(checkin(1, receipt="1"))
    before = json.loads(shakti("status", "--json").stdout)
    assert [one["state"] for one in before["sources"]] == ["look", "look"]
    shakti("sync")
    page = json.loads(shakti("status", "--json").stdout)
    assert (page["state"], page["instances"], page["advice"]) == ("well", 1, [])
    kobo_line = page["sources"][0]
    assert (kobo_line["stored"], kobo_line["there"], kobo_line["unread"]) == (1, 1, 0)
    assert kobo_line["last"]["counts"]["new"] == 1
    assert kobo_line["last"]["error"] is None


def test_a_clock_that_the_server_contradicts_is_told_until_a_person_says_that_it_is_right(
    slow_kobo_programme: Programme, command: Shakti
) -> None:
    programme = slow_kobo_programme
    programme.kobo.submit(checkin(1, receipt="1"))
    done = command("sync", **programme.environment)
    assert done.returncode == 0
    assert "nothing was deleted for its age" in " ".join(done.stderr.split())
    page = json.loads(command("status", "--json", **programme.environment).stdout)
    assert page["state"] == "act"
    assert "--believe-clock" in page["advice"][0]["text"]
    assert command("sync", "--believe-clock", **programme.environment).stderr == ""
    assert json.loads(command("status", "--json", **programme.environment).stdout)["advice"] == []


@pytest.mark.parametrize(("answer", "left"), [("n", 6), ("y", 3)])
def test_a_person_at_a_terminal_is_asked_before_many_are_deleted(
    programme: Programme, shakti: Shakti, store: Store, answer: str, left: int
) -> None:
    roots = [programme.kobo.submit(checkin(number, receipt=str(number))) for number in range(1, 7)]
    shakti("sync")
    for root in roots[:3]:
        programme.kobo.delete(root)
    alone = shakti("sync")
    assert alone.returncode == 1
    assert "--allow-deletions" in one_error(alone)
    assert len(store.services()) == 6
    asked = in_a_terminal(
        "sync", folder=programme.folder, environment=programme.environment, typed=f"{answer}\n"
    )
    assert "no longer shows 3 of 6 records" in " ".join(asked.stdout.split())
    assert asked.returncode == (0 if answer == "y" else 1)
    assert len(store.services()) == left


# renamed questions


@pytest.mark.parametrize(
    ("renames", "said"),
    [
        (
            "{services_checkin: {legal/got: legal_aid/legal_aid_recieved}}",
            "did you mean 'legal_aid/legal_aid_received'",
        ),
        ("{services_checkin: {receipt: legal_aid/legal_aid_received}}", "is a question of the present form"),
        ("{services: {a: b}}", "there is no such form; did you mean 'services_checkin'"),
    ],
)
def test_a_rename_that_names_no_question_is_refused(
    shakti: Shakti, tmp_path: Path, renames: str, said: str
) -> None:
    with (tmp_path / "config.yml").open("a", encoding="utf-8") as file:
        file.write(f"renames: {renames}\n")
    asked = shakti("sync")
    assert asked.returncode == 1
    assert said in one_error(asked)
