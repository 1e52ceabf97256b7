"""What several commands ask for in the same words."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

ConfigPath = Annotated[Path, typer.Option("--config", help="The settings of the programme.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for another program instead of text.")]

CONFIG = Path("config.yml")


def now() -> dt.datetime:
    """The time, aware, in the zone of this machine: dates that people say are days here."""
    return dt.datetime.now().astimezone()
