"""`shakti quarantine`: which records could not be read and why, and how they are read again."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import Annotated

import typer

from connector import Quarantined, replay
from shakti import assembly
from shakti.commands.data import sync_once
from shakti.commands.options import CONFIG, AsJson, ConfigPath, InputError
from shakti.config import Config, read_config
from shakti.screen import Screen

__all__ = ["quarantine"]

quarantine = typer.Typer(no_args_is_help=True, help="What could not be read: list it, read it again.")


@quarantine.command(name="list")
def list_records(config_path: ConfigPath = CONFIG, as_json: AsJson = False) -> None:
    """List the records that could not be read, each with its reason. Their content is sealed and not shown.

    Example: shakti quarantine list
    """
    screen, config = Screen(), read_config(config_path)
    with assembly.open_store(config, os.environ) as store:
        waiting = store.quarantined()
    if as_json:
        rows = [
            {"source": one.source, "record": one.native_id, "since": str(one.day), "reason": one.reason}
            for one in waiting
        ]
        screen.raw(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    _show(waiting, screen)


@quarantine.command(name="replay")
def replay_records(
    config_path: ConfigPath = CONFIG,
    key: Annotated[
        Path | None,
        typer.Option(
            "--key", help="The key holders' file: reads the sealed copies, for what its source lost."
        ),
    ] = None,
) -> None:
    """Read the records again, after what was wrong was put right; safe to repeat.

    Without a key they are read again where they came from, as every run does. With the key holders' private key (the
    file `….text-private` of `shakti keys new`) the sealed copies are read too.

    Example: shakti quarantine replay
    Example: shakti quarantine replay --key shakti.env.text-private
    """
    screen, config = Screen(), read_config(config_path)
    with assembly.open_store(config, os.environ) as store:
        before = store.quarantined()
    if not before:
        _show(before, screen)
        return
    if key is None:
        for report in sync_once(config, os.environ, screen, quiet=True):
            if report.error is not None:
                screen.warn(f"{report.source}: {report.error}")
    else:
        _read_copies(config, _key_of(key))
    with assembly.open_store(config, os.environ) as store:
        left = store.quarantined()
    gone = {(one.source, one.native_id) for one in before} - {(one.source, one.native_id) for one in left}
    screen.say(f"Read at last: {len(gone)} of {len(before)}.")
    _show(left, screen)


def _read_copies(config: Config, private_key: str) -> None:
    forms = assembly.load_forms(config)
    with (
        assembly.open_store(config, os.environ) as store,
        assembly.open_sources(config, os.environ, forms, store) as sources,
    ):
        replay(
            store,
            sources,
            private_key=private_key,
            renames=assembly.renames(config, forms),
            now=lambda: dt.datetime.now(dt.UTC),
        )


def _key_of(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read; name the key holders' file (….text-private of `shakti keys new`)."
        ) from error


def _show(waiting: list[Quarantined], screen: Screen) -> None:
    if not waiting:
        screen.say("The quarantine is empty: every record could be read.")
        screen.next("shakti status")
        return
    by_reason: dict[str, list[Quarantined]] = {}
    for one in waiting:
        by_reason.setdefault(one.reason, []).append(one)
    for reason, alike in by_reason.items():
        screen.head(reason)
        for one in alike:
            copy = "" if one.kept else ", its copy has expired"
            screen.item("·", f"{one.source}, {one.native_id}, since {one.day:%d %b %Y}{copy}")
    screen.say("")
    screen.next("put right what the reasons name, then shakti quarantine replay")
