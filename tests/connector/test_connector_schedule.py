"""`shakti run`'s clockwork: at once and again, alone on its machine, finished with what it does before it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from connector import GiveUp, is_locked, only_one

PROGRAM = """
import datetime, pathlib, sys, time
from connector import GiveUp, run_forever

folder = pathlib.Path(sys.argv[1])

def job():
    (folder / "begun").touch()
    time.sleep(float(sys.argv[2]))
    (folder / "ended").touch()

try:
    run_forever(job, every_minutes=60, lock_path=folder / "lock", now=lambda: datetime.datetime.now(datetime.UTC))
except GiveUp as error:
    print(error)
    sys.exit(3)
print("bye")
"""


def start(folder: Path, seconds: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(folder), str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    )


def wait_for(path: Path, seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < until, f"{path.name} did not come"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_turn_is_at_once_and_a_signal_waits_for_its_end(
    tmp_path: Path, number: signal.Signals
) -> None:
    running = start(tmp_path, 0.5)
    try:
        wait_for(tmp_path / "begun")
        running.send_signal(number)
        said, _ = running.communicate(timeout=90)
    finally:
        running.kill()
        running.wait()
    assert (running.returncode, said) == (0, "bye\n")
    assert (tmp_path / "ended").exists()


def test_a_second_scheduler_is_refused_with_a_sentence(tmp_path: Path) -> None:
    first = start(tmp_path, 0)
    try:
        wait_for(tmp_path / "begun")
        second = start(tmp_path, 0)
        said, _ = second.communicate(timeout=90)
        assert second.returncode == 3
        assert f"Another scheduler is running already (process {first.pid}" in said
        first.terminate()
        first.communicate(timeout=90)
    finally:
        first.kill()
        first.wait()


def test_a_killed_scheduler_leaves_no_lock_behind(tmp_path: Path) -> None:
    killed = start(tmp_path, 60)
    wait_for(tmp_path / "begun")
    killed.kill()
    killed.communicate(timeout=90)
    with only_one(tmp_path / "lock"):
        pass


def test_the_lock_is_held_within_one_program_too(tmp_path: Path) -> None:
    with (
        only_one(tmp_path / "lock"),
        pytest.raises(GiveUp, match="stop it first"),
        only_one(tmp_path / "lock"),
    ):
        pass


LOOKING = """
import datetime, pathlib, sys, threading, time
from connector import run_forever

folder, stop = pathlib.Path(sys.argv[1]), threading.Event()

def job():
    for number in range(1000):
        time.sleep(0.5)
        (folder / "begun").touch()
        (folder / "pages").write_text(str(number + 1))
        if stop.is_set():
            break

now = lambda: datetime.datetime.now(datetime.UTC)
run_forever(job, every_minutes=60, lock_path=folder / "lock", now=now, stop=stop)
print("bye")
"""


def test_a_job_that_looks_at_the_stop_ends_at_the_page_it_is_at_however_often_it_is_asked(
    tmp_path: Path,
) -> None:
    running = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", LOOKING, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    try:
        wait_for(tmp_path / "begun")
        for _ in range(3):
            running.send_signal(signal.SIGTERM)
            time.sleep(0.1)  # signals that wait together are one
        said, _ = running.communicate(timeout=90)
    finally:
        running.kill()
        running.wait()
    assert (running.returncode, said) == (0, "bye\n")
    assert int((tmp_path / "pages").read_text()) < 1000


def test_whether_a_scheduler_runs_can_be_seen_from_outside(tmp_path: Path) -> None:
    assert not is_locked(tmp_path / "lock")
    with only_one(tmp_path / "lock"):
        assert is_locked(tmp_path / "lock")
    assert not is_locked(tmp_path / "lock")
