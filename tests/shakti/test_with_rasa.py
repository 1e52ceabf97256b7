"""What needs Rasa itself: the demonstration through a real server, and the commands that start one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from shakti.demo.run import run_demo
from shakti.screen import Screen

REPOSITORY = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.rasa


def shakti(*arguments: str, folder: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "shakti", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def processes_of(folder: Path) -> list[str]:
    """The command lines of the processes whose environment names this folder: what a command in it has started."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            started_there = str(folder).encode() in (entry / "environ").read_bytes()
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if started_there:
            found.append(line)
    return found


def test_the_demonstration_talks_through_rasa_and_stops_what_it_started(
    rasa_python: Path, tmp_path: Path
) -> None:
    run_demo(tmp_path / "demo", seed=7, evaluations=250, rasa=rasa_python, screen=Screen())
    assert (tmp_path / "demo" / "programme.csv").exists()
    assert processes_of(tmp_path) == []


@pytest.fixture
def environment(rasa_python: Path, tmp_path: Path) -> dict[str, str]:
    """A programme with a chat, and its keys."""
    forms = REPOSITORY / "xlsforms"
    (tmp_path / "config.yml").write_text(
        f"""
forms: [{forms / "duty_bearer_evaluation.xlsx"}]
registry: {{providers: {forms / "providers.csv"}, collectors: {forms / "collectors.csv"}}}
sources: {{chat: {{outbox: "sqlite:///outbox.db"}}}}
""",
        encoding="utf-8",
    )
    made = shakti("keys", "new", "--out", "keys.env", folder=tmp_path)
    assert made.wait(60) == 0
    made.communicate()
    lines = (tmp_path / "keys.env").read_text(encoding="utf-8").splitlines()
    return dict(line.removeprefix("export ").split("=", 1) for line in lines)


MODELS = str(REPOSITORY / "bot" / "rasa" / "models")


def test_a_port_in_use_gets_one_sentence_and_leaves_nothing_running(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        started = shakti("bot", "run", "--models", MODELS, "--port", port, folder=tmp_path, **environment)
        _, errors = started.communicate(timeout=180)
    assert started.returncode == 3
    assert f"port {port} is used by another program" in errors
    assert "Traceback" not in errors
    assert len([line for line in errors.splitlines() if line.strip()]) == 1
    assert processes_of(tmp_path) == []


def test_a_terminated_bot_stops_rasa_and_the_action_server(
    environment: dict[str, str], tmp_path: Path
) -> None:
    started = shakti(
        "bot",
        "run",
        "--models",
        MODELS,
        "--port",
        free_port(),
        "--action-port",
        free_port(),
        folder=tmp_path,
        **environment,
    )
    try:
        assert started.stdout is not None
        assert "listens on 127.0.0.1" in started.stdout.readline()
        running = processes_of(tmp_path)
        assert [sum(name in line for line in running) for name in ("bot.actions", "rasa run")] == [1, 1]
        assert not any(environment["SHAKTI_DRAFTS_KEY"] in line for line in running), (
            "a key stands on a command line"
        )
    finally:
        started.terminate()
        out, errors = started.communicate(timeout=60)
    assert started.returncode == 0, errors
    assert "Next:" in out
    assert processes_of(tmp_path) == []


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def test_understood_sentences_are_printed_one_object_a_line(rasa_python: Path, tmp_path: Path) -> None:
    (tmp_path / "sentences.txt").write_text("stop\nসাহায্য চাই\n3\n", encoding="utf-8")
    asked = shakti(
        "bot", "understand", "--models", MODELS, "--file", "sentences.txt", "--json", folder=tmp_path
    )
    out, errors = asked.communicate(timeout=180)
    assert asked.returncode == 0, errors
    found = [json.loads(line) for line in out.splitlines()]
    assert [one["text"] for one in found] == ["stop", "সাহায্য চাই", "3"]
    assert all(set(one) == {"text", "intent", "confidence", "reading"} for one in found)
    assert found[0]["reading"] == "stop"
    assert found[1]["reading"] == "need_help"
