"""The workbook a form is written in: its sheets as rows, and the XForm that pyxform makes of it.

The only module that knows pyxform and openpyxl's reading.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

from .errors import FormError

MAX_BYTES = 5 * 1024 * 1024
"""The largest workbook or XForm that is opened. Real forms are under 200 kB."""

WORKBOOKS = (".xlsx", ".xls", ".csv", ".md")
"""The kinds of workbook that pyxform reads."""


@dataclass(frozen=True)
class Converted:
    """An XForm and what pyxform had to say about the workbook it comes from."""

    xform: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One row of a sheet: its number as a spreadsheet shows it (from 1), and the filled cells by header."""

    number: int
    cells: dict[str, str]


def to_xform(path: Path) -> Converted:
    """Converts a workbook with pyxform; a .md file holds the sheets as a markdown table.

    Raises FormError with pyxform's own words after the file's name.
    """
    require_readable(path)
    if path.suffix.lower() not in WORKBOOKS:
        raise FormError(f"{path}: not a form; it should end in {', '.join(WORKBOOKS)} or .xml.")
    # pyxform is slow to import, and a ready XForm needs none of it.
    from pyxform.errors import PyXFormError  # noqa: PLC0415
    from pyxform.xls2xform import convert  # noqa: PLC0415

    suffix = path.suffix.lower()
    source: str | Path = path.read_text(encoding="utf-8-sig") if suffix == ".md" else path
    try:
        result = convert(xlsform=source, file_type=suffix, validate=False, warnings=[])
    except PyXFormError as err:
        raise FormError(f"{path}: {_one_line(err)}") from err
    except RecursionError:
        raise FormError(f"{path}: its groups are nested too deeply.") from None
    except (BadZipFile, OSError, KeyError, ValueError, TypeError, AttributeError, IndexError) as err:
        raise FormError(f"{path}: cannot be opened as a workbook ({_one_line(err)}).") from err
    return Converted(result.xform, tuple(dict.fromkeys(result.warnings)))


def sheets(path: Path) -> dict[str, tuple[Row, ...]]:
    """The rows of every sheet below its header row, by the sheet's name; .xlsx only."""
    require_readable(path)
    from openpyxl import load_workbook  # noqa: PLC0415  as slow as pyxform

    try:
        book = load_workbook(io.BytesIO(path.read_bytes()), read_only=True, data_only=True)
    except (BadZipFile, OSError, KeyError, ValueError) as err:
        raise FormError(f"{path}: cannot be opened as an .xlsx workbook ({_one_line(err)}).") from err
    try:
        return {sheet.title: tuple(_rows(sheet.iter_rows(values_only=True))) for sheet in book.worksheets}
    finally:
        book.close()


def _rows(lines: Iterator[tuple[object, ...]]) -> Iterator[Row]:
    header = [_text(cell) for cell in next(lines, ())]
    for number, line in enumerate(lines, start=2):
        cells = {name: _text(cell) for name, cell in zip(header, line, strict=False) if name and _text(cell)}
        if cells:
            yield Row(number, cells)


def _text(cell: object) -> str:
    """A cell as the author sees it: 2026112301 was typed as a number and has no fraction."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def require_readable(path: Path) -> None:
    """FormError when there is no such file, or it is larger than any real form."""
    if not path.is_file():
        raise FormError(f"{path}: there is no such file.")
    if path.stat().st_size > MAX_BYTES:
        raise FormError(f"{path}: larger than {MAX_BYTES // 1024 // 1024} MB; a form is never that large.")


def read_csv(text: str) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Header and rows of a list attached to a form; short rows are filled up with blanks."""
    lines = [line for line in csv.reader(io.StringIO(text.removeprefix("\ufeff"))) if any(line)]
    if not lines:
        return (), ()
    header = tuple(name.strip() for name in lines[0])
    width = len(header)
    return header, tuple(tuple(line[:width]) + ("",) * (width - len(line)) for line in lines[1:])


def _one_line(err: Exception) -> str:
    return " ".join(str(err).split())


def odk_validate() -> Path | None:
    """ODK's own checker as it comes with pyxform, a Java archive; None when it is not there."""
    from importlib.util import find_spec  # noqa: PLC0415

    found = find_spec("pyxform")
    folders = found.submodule_search_locations if found else None
    jar = Path(next(iter(folders or ("",)))) / "validators/odk_validate/bin/ODK_Validate.jar"
    return jar if jar.is_file() else None
