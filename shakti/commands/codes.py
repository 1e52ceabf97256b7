"""`shakti codes`: survivor codes are issued, printed on slips, and taken off the roll."""

from __future__ import annotations

import csv
import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from connector import Audited, digits, is_code, new_code
from shakti import assembly
from shakti.commands.options import CONFIG, ConfigPath, InputError, asked, now
from shakti.config import ConfigError, read_config
from shakti.files import write_new
from shakti.screen import Screen
from shakti.slips import PER_PAGE, slips_page

__all__ = ["codes"]

codes = typer.Typer(no_args_is_help=True, help="Issue, print and revoke survivor codes.")

MOST_CODES = 100_000


@codes.command()
def issue(
    count: Annotated[int, typer.Option("--count", min=1, max=MOST_CODES, help="How many codes.")],
    out: Annotated[Path, typer.Option("--out", help="The file for the codes; it must not exist yet.")],
    config_path: ConfigPath = CONFIG,
) -> None:
    """Issue new survivor codes: the file goes to whoever keeps the roll, the store keeps only their pseudonyms.

    Example: shakti codes issue --count 50 --out codes.csv
    """
    screen = Screen()
    config = read_config(config_path)
    made = sorted({new_code(secrets.randbelow(10**8)) for _ in range(count)})
    while len(made) < count:
        made = sorted({*made, new_code(secrets.randbelow(10**8))})
    with assembly.open_store(config, os.environ) as store:
        # Written before it is issued: a code on the roll that nobody holds is worse than a file of codes that do nothing.
        write_new(out, "code\n" + "".join(f"{code}\n" for code in made))
        if not store.issue_codes(made):
            out.unlink()
            raise ConfigError(
                "By chance a code came up that was issued before, and none was handed out; run it again."
            )
        store.add_audit(Audited(now().date(), "issue codes", f"{count} codes were put on the roll."))
    screen.say(
        f"{out}: {count} codes. One for each survivor on the roll; delete the file when they are handed out."
    )
    screen.next(f"shakti codes print {out} --out slips.html")


@codes.command(name="print")
def print_slips(
    file: Annotated[Path, typer.Argument(help="The file of `shakti codes issue`.")],
    out: Annotated[Path, typer.Option("--out", help="The page (.html); it must not exist yet.")],
) -> None:
    """Write a page of slips to print on A4 and cut out, in Bengali, Hindi and English.

    Nothing on a slip says what it is for. Print it on a printer you trust, then delete the page and the file of codes.

    Example: shakti codes print codes.csv --out slips.html
    """
    screen = Screen()
    found = read_codes(file)
    write_new(out, slips_page(found))
    sheets = -(-len(found) // PER_PAGE)
    screen.say(f"{out}: {len(found)} slips on {sheets} sheet{'s' if sheets > 1 else ''} of A4.")
    screen.next(f"open {out} in a browser, print it without headers and footers, then delete it and {file}")


@codes.command()
def revoke(
    file: Annotated[
        Path | None,
        typer.Option("--file", help="A file of codes; without it one code is asked for."),
    ] = None,
    config_path: ConfigPath = CONFIG,
) -> None:
    """Take codes off the roll, lost or stolen ones: what was said under them is no longer counted as verified.

    A revoked code is never issued again. What was said under it stays in the store, unverified; `shakti erase code`
    takes it out.

    Example: shakti codes revoke
    """
    screen, config = Screen(), read_config(config_path)
    given = read_codes(file) if file else [_one_code(asked("The code: "))]
    with assembly.open_store(config, os.environ) as store:
        count = store.revoke_codes(given)
        store.add_audit(
            Audited(now().date(), "revoke codes", f"{count} of {len(given)} codes were taken off the roll.")
        )
    screen.say(f"Taken off the roll: {count} of {len(given)}.")
    if count < len(given):
        screen.say("The others were not on it: never issued here, or revoked before.")
    screen.next("shakti report")


def read_codes(file: Path) -> list[str]:
    """The codes of a file with one in each row, in the column `code` or the first one. InputError names the row."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.reader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{file} cannot be read ({error}); name the file that `shakti codes issue` wrote."
        ) from error
    heads = rows[0] if rows else []
    column = heads.index("code") if "code" in heads else 0
    found: list[str] = []
    for number, row in enumerate(rows, start=1):
        cell = row[column].strip() if len(row) > column else ""
        if not cell or cell == "code":
            continue
        if not is_code(cell):
            # The cell is not repeated: it may be a code with one wrong digit.
            raise InputError(
                f"{file}, row {number}: that is no survivor code; put it right or take the row out."
            )
        found.append(cell)
    if not found:
        raise InputError(f"{file} holds no code; name the file that `shakti codes issue` wrote.")
    if len(set(found)) < len(found):
        raise InputError(
            f"{file} holds a code twice: two women would be taken for one. Take one of the rows out."
        )
    return found


def _one_code(typed: str) -> str:
    code = digits(typed)
    if not is_code(code):
        raise InputError(
            "That is no survivor code: it has 10 digits, and a wrong digit is noticed. Compare it with the slip."
        )
    return code
