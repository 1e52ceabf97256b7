"""`shakti erase`: a survivor's wish to be forgotten, carried out in every place, and what is left for a person to do."""

from __future__ import annotations

import os
from typing import Annotated, Literal

import typer

from connector import Erased, Wish, digits, finish_erasures, is_code
from connector import erase as carry_out
from shakti import assembly
from shakti.commands.options import CONFIG, ConfigPath, InputError, asked, now
from shakti.config import read_config
from shakti.exits import UNREACHABLE
from shakti.screen import Screen

What = Annotated[
    Literal["receipt", "code", "pending"],
    typer.Argument(
        help="receipt: one evaluation; code: everything of a survivor; pending: finish at the sources."
    ),
]


def erase(what: What, config_path: ConfigPath = CONFIG) -> None:
    """Erase what bears a receipt, or everything that was said under a survivor code up to today.

    Asks for the number (or reads it from the standard input), so that it is in no list of commands. Works through the
    store, the chat's outbox, the erasure list that is applied to every restored backup, and the platforms. Safe to
    repeat; after an interruption run it again.

    Example: shakti erase receipt
    Example: shakti erase pending
    """
    screen, config = Screen(), read_config(config_path)
    wish = None if what == "pending" else wish_of(what, asked(f"The {what}: "))
    with (
        assembly.open_store(config, os.environ) as store,
        assembly.open_erasers(config, os.environ) as erasers,
        assembly.open_chat(config, os.environ) as outbox,
    ):
        if wish is None:
            done = finish_erasures(store, erasers=erasers, today=now().date())
        else:
            done = carry_out(
                store,
                wish,
                erasures=assembly.erasure_list(config),
                outbox=outbox,
                erasers=erasers,
                today=now().date(),
            )
    show(done, wish, screen)
    if done.left:
        raise typer.Exit(UNREACHABLE)


def wish_of(by: Literal["receipt", "code"], typed: str) -> Wish:
    """The number as the forms write it. InputError when it is none."""
    number = digits(typed)
    if by == "code" and not is_code(number):
        raise InputError(
            "That is no survivor code: it has 10 digits, and a wrong digit is noticed. Compare it with the slip."
        )
    if not number:
        raise InputError("No number was given; type the receipt as the survivor wrote it down.")
    return Wish(by, number)


def show(done: Erased, wish: Wish | None, screen: Screen) -> None:
    """What was done where, and what a person still has to do."""
    if wish is not None:
        screen.say(f"Taken out of the store: {done.stored}. Out of the chat's outbox: {done.outbox}.")
    screen.say(f"Deleted where they came from: {done.at_sources}.")
    if wish is not None:
        screen.say(
            "It is on the erasure list: what arrives late is not stored, and a restored backup loses it before it is read."
        )
    if wish is not None and not done.stored + done.outbox:
        screen.say("Nothing with this number was here. Compare it with the paper; nothing else was changed.")
    for task in done.left:
        screen.warn(f"{task.source}, record {task.native_id} is still there. {task.reason}")
    if done.left:
        screen.next("delete by hand what is named above, then shakti erase pending")
    elif wish is not None:
        screen.next(
            "shakti sync finds what was not read yet; shakti status says if it has to be deleted there"
        )
    else:
        screen.next("shakti status")
