"""The command `shakti`: it builds the parts, calls one function, prints, and exits.

Exit codes: 0 done · 1 the input is wrong (said where, and what to do) · 2 usage · 3 a service could not be reached.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from shakti import __version__
from shakti.screen import Screen

# Where each command lives. Only the one that is asked for is imported: numpy, SQLAlchemy and Rasa's SDK take seconds on a slow laptop.
COMMANDS = {
    "demo": "shakti.commands.demo:demo",
    "forms": "shakti.commands.deploy:app",  # the group of shakti.commands.forms with `deploy` in it
    "providers": "shakti.commands.deploy:providers",
    "bot": "shakti.commands.bot:app",
    "sync": "shakti.commands.data:sync_sources",
    "status": "shakti.commands.status:status",
    "score": "shakti.commands.data:score",
    "report": "shakti.commands.data:report",
    "run": "shakti.commands.data:run",
    "quarantine": "shakti.commands.quarantine:quarantine",
    "erase": "shakti.commands.erase:erase",
    "keys": "shakti.commands.keys:keys",
    "codes": "shakti.commands.codes:codes",
}

EXAMPLES = """
Survivors evaluate the people and offices that are paid to serve them.

Examples:

  shakti demo                      the whole path on invented data

  shakti forms check FORM.xlsx     what is wrong with a form

  shakti forms interview FORM.xlsx --language bn

  shakti sync && shakti report     from the sources to the lists
"""


def app(asked: str | None = None) -> typer.Typer:
    """The command `asked`; all of them where none, or none that exists, is asked for."""
    root = typer.Typer(
        help=EXAMPLES, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )
    root.callback()(_root)
    for name in [asked] if asked in COMMANDS else COMMANDS:
        module, _, attribute = COMMANDS[str(name)].partition(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            root.add_typer(found, name=name)
        else:
            root.command(name=name)(found)
    return root


def _say_version(wanted: bool) -> None:
    if wanted:
        Screen().say(f"shakti {__version__}")
        sys.exit()


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit; what a part raises becomes one sentence and an exit code here, and nowhere else."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # A terminated command stops what it started (servers, Rasa) just as an interrupted one does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if given == ["--version"]:
        _say_version(True)
    try:
        app(given[0] if given else None)(given)
    except Exception as error:
        from shakti.exits import exit_code, sentence  # noqa: PLC0415 - every room is imported only when one fails

        code = exit_code(error)
        if code is None:
            raise
        Screen().error(sentence(error))
        sys.exit(code)
