"""What several commands ask for in the same words."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import Annotated

import typer

ConfigPath = Annotated[Path, typer.Option("--config", help="The settings of the programme.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for another program instead of text.")]

CONFIG = Path("config.yml")


class InputError(Exception):
    """What a person typed or named is wrong; the message says what, and what to do."""


def asked(question: str) -> str:
    """What a person types, or the first line of the standard input: it never stands on the command line."""
    if sys.stdin.isatty():
        return str(typer.prompt(question.rstrip(": "), err=True))
    return sys.stdin.readline().strip()


def now() -> dt.datetime:
    """The time, aware, in the zone of this machine: dates that people say are days here."""
    return dt.datetime.now().astimezone()
