"""The command line in a folder of its own."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from commanding import Done, Shakti

from shakti.cli import main


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Shakti:
    """`shakti …` in a folder of its own, with nothing of the programme in its environment but what is given."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("SHAKTI_", "KOBO_", "CENTRAL_"))]:
        monkeypatch.delenv(name)

    def run(*arguments: str | Path, typed: str = "", **environment: str) -> Done:
        capfd.readouterr()
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            patch.setattr("sys.stdin", io.StringIO(typed))
            with pytest.raises(SystemExit) as ended:
                main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Done(int(ended.value.code or 0), out, err)

    return run
