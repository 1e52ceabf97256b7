"""The command `shakti`: it builds the parts, calls one function, prints, and exits.

Exit codes: 0 done · 1 the input is wrong (said where, and what to do) · 2 usage · 3 a service could not be reached.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from bot.errors import BotError, NotRunningError, RasaMissingError
from connector import ConnectorError, RetryLater
from reports import ReportError
from scoring import ScoringError
from shakti import __version__
from shakti.commands import bot, data, demo, forms, keys
from shakti.config import ConfigError
from shakti.screen import Screen
from xlsforms import FormError, Refused

DONE, WRONG_INPUT, USAGE, UNREACHABLE = 0, 1, 2, 3

WRONG = (ConfigError, FormError, Refused, ConnectorError, ScoringError, ReportError, BotError)

EXAMPLES = """
Survivors evaluate the people and offices that are paid to serve them.

Examples:

  shakti demo                      the whole path on invented data

  shakti forms check FORM.xlsx     what is wrong with a form

  shakti forms interview FORM.xlsx --language bn

  shakti sync && shakti report     from the sources to the lists
"""


def app() -> typer.Typer:
    """All commands."""
    root = typer.Typer(
        help=EXAMPLES,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    root.callback()(_root)
    root.command()(demo.demo)
    root.add_typer(forms.app, name="forms")
    root.add_typer(bot.app, name="bot")
    root.command(name="sync")(data.sync_sources)
    root.command()(data.status)
    root.command()(data.score)
    root.command()(data.report)
    root.command()(data.run)
    root.add_typer(keys.keys, name="keys")
    root.add_typer(keys.codes, name="codes")
    return root


def _say_version(wanted: bool) -> None:
    if wanted:
        Screen().say(f"shakti {__version__}")
        raise typer.Exit(DONE)


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit; what a part raises becomes one sentence and an exit code here, and nowhere else."""
    screen = Screen()
    try:
        app()(arguments)
    except data.SourcesFailed as error:
        screen.error(str(error))
        sys.exit(UNREACHABLE if error.later else WRONG_INPUT)
    except (RetryLater, NotRunningError, RasaMissingError) as error:
        screen.error(str(error))
        sys.exit(UNREACHABLE)
    except WRONG as error:
        screen.error(str(error))
        sys.exit(WRONG_INPUT)
    except OSError as error:
        screen.error(
            f"{error.filename or 'the disk'}: {error.strerror or error}; check the path, its permissions and the space left."
        )
        sys.exit(WRONG_INPUT)
