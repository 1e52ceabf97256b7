"""What tests of several rooms need: Rasa's Python and a real browser, where they are installed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from real_browser import Browse, real_browser

from bot.runtime import find_rasa_python

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def rasa_python() -> Path:
    """The Python of Rasa's environment. Without it a test is left out, but never in CI."""
    found = find_rasa_python(REPOSITORY)
    if found is None and os.environ.get("CI"):
        pytest.fail("bot/rasa/.venv is missing, and CI must run the Rasa tests: run make setup-bot")
    if found is None:
        pytest.skip("bot/rasa/.venv is missing: install Python 3.10 and run make setup-bot")
    return found


@pytest.fixture(scope="session")
def browse(tmp_path_factory: pytest.TempPathFactory) -> Browse:
    """Runs a script of tests/browser; its pictures go to the folder BROWSER_PICTURES, if that is set."""
    return real_browser(Path(os.environ.get("BROWSER_PICTURES") or tmp_path_factory.mktemp("pictures")))
