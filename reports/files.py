"""How reports reach the disk: all files of a release are made first, and only then take the place of the old ones."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from reports.errors import GateError, WriteError
from reports.names import Language
from reports.page import leaders_page
from reports.records import Release
from reports.tables import LEADERS, PROGRAMME, csv_text, leaders, programme
from reports.workbook import leaders_workbook

__all__ = ["put", "write_all"]

OUTWARD, INSIDE = 0o644, 0o600


def write_all(
    release_outward: Release, release_programme: Release, out_dir: Path, lang: Language = "en"
) -> tuple[Path, ...]:
    """Write leaders.csv, leaders.xlsx, leaders.html and programme.csv (readable by its owner only) and give their paths.

    GateError if a release was made for another audience, WriteError if the folder cannot be written; the old files then stay.
    """
    _refuse_mix_up(release_outward, "outward")
    _refuse_mix_up(release_programme, "programme")
    contents = {
        "leaders.csv": csv_text(LEADERS, leaders(release_outward, lang)).encode("utf-8-sig"),
        "leaders.xlsx": leaders_workbook(release_outward, lang),
        "leaders.html": leaders_page(release_outward, lang).encode(),
        "programme.csv": csv_text(PROGRAMME, programme(release_programme, lang)).encode("utf-8-sig"),
    }
    return put(out_dir, contents, modes={"programme.csv": INSIDE})


def put(folder: Path, contents: Mapping[str, bytes], *, modes: Mapping[str, int]) -> tuple[Path, ...]:
    """Write these files (name to bytes): each is complete beside its old version before the first old one is replaced."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace_together(folder, contents, modes)
    except OSError as error:
        raise WriteError(
            f"{error.filename or folder}: the reports could not be written ({error.strerror}); free the place or name another folder"
        ) from error
    return tuple(folder / name for name in contents)


def _replace_together(folder: Path, contents: Mapping[str, bytes], modes: Mapping[str, int]) -> None:
    parts = {name: folder / f".{name}.{os.getpid()}.part" for name in contents}
    try:
        for name, content in contents.items():
            _write(parts[name], content, modes.get(name, OUTWARD))
        for name, part in parts.items():
            part.replace(folder / name)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def _write(path: Path, content: bytes, mode: int) -> None:
    path.unlink(missing_ok=True)
    # The mode is given at creation: an inside list is never readable by others, not even for a moment.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _refuse_mix_up(release: Release, audience: str) -> None:
    if release.audience != audience:
        raise GateError(
            f"a release for '{release.audience}' was about to be written as '{audience}'; make one with gate(audience='{audience}')"
        )
