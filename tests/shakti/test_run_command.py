"""`shakti run` as a real process: its heartbeat, its only one, its end; and the unit that starts it."""

from __future__ import annotations

import configparser
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from commanding import Shakti

from shakti.cli import COMMANDS

REPOSITORY = Path(__file__).resolve().parents[2]
UNIT = REPOSITORY / "deploy" / "shakti.service"
PATIENCE = 120


@dataclass(frozen=True)
class Place:
    """A programme with an empty folder of files, and its environment."""

    folder: Path
    environment: dict[str, str]

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "shakti", "run"],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def place(tmp_path: Path, command: Shakti) -> Place:
    forms = REPOSITORY / "xlsforms"
    (tmp_path / "collect").mkdir()
    (tmp_path / "config.yml").write_text(
        f"forms: [{forms}/services_checkin.xlsx]\n"
        f"registry: {{providers: {forms}/providers.csv, collectors: {forms}/collectors.csv}}\n"
        "sources: {collect: {folder: collect}}\nschedule: {every_minutes: 20}\n",
        encoding="utf-8",
    )
    assert command("keys", "new", "--out", "keys.env").returncode == 0
    lines = (tmp_path / "keys.env").read_text(encoding="utf-8").splitlines()
    return Place(tmp_path, dict(line.removeprefix("export ").split("=", 1) for line in lines))


@pytest.fixture
def status(command: Shakti, place: Place) -> Callable[[], dict[str, Any]]:
    def look() -> dict[str, Any]:
        done = command("status", "--json", **place.environment)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return look


@pytest.fixture
def without_folder(place: Place) -> Place:
    (place.folder / "collect").rmdir()
    return place


@pytest.fixture
def running(place: Place) -> Iterator[subprocess.Popen[str]]:
    process = place.start()
    yield process
    process.kill()
    process.communicate()


def wait_until(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.5)


def test_the_scheduler_beats_is_alone_and_ends_gracefully(
    place: Place, status: Callable[[], dict[str, Any]], running: subprocess.Popen[str]
) -> None:
    assert status()["scheduler"].startswith("never ran")
    wait_until(lambda: status()["scheduler"] == "last ran just now, every 20 min")
    assert status()["state"] == "well"
    second = place.start()
    said = second.communicate(timeout=PATIENCE)
    assert second.returncode == 1
    assert f"Another scheduler is running already (process {running.pid}" in said[1]
    running.send_signal(signal.SIGTERM)
    out, err = running.communicate(timeout=PATIENCE)
    assert (running.returncode, err) == (0, "")
    assert "0 new, 0 edited" in out
    assert out.rstrip().endswith("Next: shakti report")
    assert status()["scheduler"] == "last ran just now, does not run now"


def test_what_goes_wrong_in_a_turn_is_said_and_the_next_turn_comes(
    status: Callable[[], dict[str, Any]], without_folder: Place, running: subprocess.Popen[str]
) -> None:
    wait_until(lambda: bool(status()["sources"][0]["last"]))
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=PATIENCE)
    assert running.returncode == 0
    assert "is not there; copy the phones' `instances` folder" in err
    assert "Traceback" not in err
    page = status()
    assert page["state"] == "act"
    assert "one run failed since" in page["advice"][0]["text"]


# the unit


def unit() -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment, method-assign]
    parsed.read(UNIT, encoding="utf-8")
    return parsed


def test_the_unit_starts_a_command_that_exists_and_leaves_it_nothing_it_does_not_need() -> None:
    service = unit()["Service"]
    program, name, *_ = service["ExecStart"].split()
    assert program.endswith("/shakti")
    assert name in COMMANDS
    wanted = {
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "UMask": "0077",
        "CapabilityBoundingSet": "",
        "PrivateTmp": "yes",
        "ProtectHome": "yes",
        "LimitCORE": "0",
        "KillSignal": "SIGTERM",
    }
    assert {name: service[name] for name in wanted} == wanted
    assert service["StateDirectory"] in service["WorkingDirectory"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not on this machine")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    program = unit()["Service"]["ExecStart"].split()[0]
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text(encoding="utf-8").replace(program, sys.executable), encoding="utf-8")
    looked = subprocess.run(
        ["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (looked.returncode, looked.stderr) == (0, "")
