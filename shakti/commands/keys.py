"""`shakti keys`: the programme's keys, made once before the first evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.outbox import new_key_pair
from connector import new_key, new_pair
from shakti.commands.options import CONFIG, ConfigPath
from shakti.config import Secrets, read_config
from shakti.files import write_new
from shakti.screen import Screen

keys = typer.Typer(no_args_is_help=True, help="Make the programme's keys.")


@keys.command(name="new")
def new_keys(
    out: Annotated[Path, typer.Option("--out", help="The file for the variables; it must not exist yet.")],
    config_path: ConfigPath = CONFIG,
) -> None:
    """Write all keys as environment variables into one file, and the key that opens texts into another.

    Example: shakti keys new --out secrets/shakti.env
    """
    screen = Screen()
    config = read_config(config_path)
    values, text_private = fresh_keys(config.secrets)
    private_path = out.with_name(out.name + ".text-private")
    write_new(private_path, text_private + "\n")
    write_new(out, "".join(f"export {name}={value}\n" for name, value in values.items()))
    screen.say(
        f"{out}: the keys of this machine, readable by you alone. Keep a copy apart from backups of the data."
    )
    screen.say(f"{private_path}: opens free text. Give it to two key holders and delete it here.")
    screen.next(f"set -a; . {out}; set +a; then shakti codes issue --count 50 --out codes.csv")


def fresh_keys(names: Secrets) -> tuple[dict[str, str], str]:
    """(variable name → value for all keys a machine needs, the private key that opens texts)."""
    text_private, text_public = new_pair()
    outbox = new_key_pair()
    values = {
        names.pseudonym_key_env: new_key(),
        names.text_public_key_env: text_public,
        names.outbox_public_key_env: outbox.public,
        names.outbox_private_key_env: outbox.private,
        names.drafts_key_env: new_key(),
    }
    return values, text_private
