"""What a server is told in deploy/: systemd understands every line, and no program is given another one's keys."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bot.settings import SETTINGS

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
UNITS = sorted(path.name for path in DEPLOY.glob("*.service"))
README = (DEPLOY / "README.md").read_text(encoding="utf-8")


def told(name: str) -> set[str]:
    """The variables that the README puts into a program's file, whether copied or written."""
    lines = [line for line in README.splitlines() if line.endswith(f"/etc/shakti/{name}.env")]
    copied = {
        key
        for line in lines
        for group in re.findall(r"SHAKTI_\(([A-Z_|]+)\)=", line)
        for key in group.split("|")
    }
    written = set(re.findall(r"['^](SHAKTI_[A-Z_]+)=", "\n".join(lines)))
    return written | {f"SHAKTI_{key}" for key in copied}


def test_there_is_a_unit_for_the_connector_the_conversation_and_the_door() -> None:
    assert UNITS == ["shakti-bot.service", "shakti-door.service", "shakti.service"]
    assert all(name in README for name in UNITS)


@pytest.mark.parametrize("name", UNITS)
def test_systemd_understands_every_line_of_a_unit(name: str, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd on this machine (systemd-analyze was not found)")
    for unit in UNITS:
        # Where the program is not installed, another one stands for it.
        text = (DEPLOY / unit).read_text(encoding="utf-8")
        (tmp_path / unit).write_text(
            re.sub(r"/opt/shakti/\.venv/bin/\w+", "/bin/true", text), encoding="utf-8"
        )
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(tmp_path / name)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if name in line]) == (0, [])


def test_each_program_is_told_what_it_needs_and_no_more() -> None:
    assert told("bot") == {SETTINGS["drafts_key"], SETTINGS["outbox_public_key"]}
    assert told("door") == set(SETTINGS.values()) - {SETTINGS["outbox_url"], SETTINGS["outbox_public_key"]}


@pytest.mark.parametrize(
    ("name", "file"), [("shakti", "connector"), ("shakti-bot", "bot"), ("shakti-door", "door")]
)
def test_a_unit_reads_one_file_of_secrets_its_own(name: str, file: str) -> None:
    text = (DEPLOY / f"{name}.service").read_text(encoding="utf-8")
    assert re.findall(r"^EnvironmentFile=(.*)$", text, re.MULTILINE) == [f"/etc/shakti/{file}.env"]
