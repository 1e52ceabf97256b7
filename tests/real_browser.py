"""A real browser for tests: Chromium driven from Node.js; both are looked for, what drives them is fetched by npm."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).resolve().parent / "browser"
INSTALL_SECONDS = 300
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

Browse = Callable[[str, dict[str, Any]], dict[str, Any]]


def real_browser(pictures: Path) -> Browse:
    """What runs one of the scripts in tests/browser with a plan, and gives back what it saw.

    Skips, in one sentence, where there is no browser, Node.js or what drives them. `pictures`: the folder for them.
    """
    chromium = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    node, npm = shutil.which("node"), shutil.which("npm")
    if chromium is None:
        pytest.skip("no Chromium was found: install it, or name it with CHROMIUM=/path/to/chromium")
    if node is None or npm is None:
        pytest.skip("Node.js was not found: install it with npm (version 20 or newer)")
    install(npm)
    pictures.mkdir(parents=True, exist_ok=True)

    def run(script: str, plan: dict[str, Any]) -> dict[str, Any]:
        ran = subprocess.run(
            [node, str(SCRIPTS / script)],
            input=json.dumps({"chromium": chromium, "pictures": str(pictures.resolve()), **plan}),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        found: dict[str, Any] = json.loads(ran.stdout)
        return found

    return run


def install(npm: str) -> None:
    """Fetches the packages where they are not there in the very versions that package.json names."""
    wanted = json.loads((SCRIPTS / "package.json").read_text(encoding="utf-8"))["dependencies"]
    if all(installed(name) == version for name, version in wanted.items()):
        return
    quiet = ("--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1", "--fetch-timeout=60000")
    command = [npm, "install", "--no-package-lock", "--ignore-scripts", *quiet]
    try:
        ran = subprocess.run(
            command, cwd=SCRIPTS, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not fetch the browser's packages within {INSTALL_SECONDS} seconds")
    if ran.returncode != 0:
        reason = next(iter(ran.stderr.strip().splitlines()), "it gave no reason")
        pytest.skip(f"npm could not fetch the browser's packages: {reason}")


def installed(name: str) -> str | None:
    path = SCRIPTS / "node_modules" / name / "package.json"
    return json.loads(path.read_text(encoding="utf-8"))["version"] if path.exists() else None
