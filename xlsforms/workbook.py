"""The workbook a form is written in: its sheets as rows, and the XForm that pyxform makes of it.

The only module that knows pyxform and openpyxl's reading.
"""

from __future__ import annotations

import contextlib
import csv
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from .errors import FormError

MAX_BYTES = 5 * 1024 * 1024
"""The largest workbook or XForm that is opened. Real forms are under 200 kB."""

MAX_UNPACKED = 30 * 1024 * 1024
"""An .xlsx unpacked. Ours hold under 1 MB; 300,000 rows hold 50."""

HEAVY, HEAVY_TEXT, HEAVY_UNPACKED = 200 * 1024, 100 * 1024, 2 * 1024 * 1024
"""From here on a workbook (one of plain text, .md or .csv; an .xlsx unpacked) is converted apart, within MAX_MEMORY
bytes and MAX_SECONDS of work (MAX_WAIT by the clock)."""

MAX_MEMORY, MAX_SECONDS, MAX_WAIT = 512 * 1024 * 1024, 4, 30

MAX_ROWS = 20_000
"""Filled rows of one sheet. The longest list of choices of a real form has a few thousand."""

WORKBOOKS = (".xlsx", ".xls", ".csv", ".md")
"""The kinds of workbook that pyxform reads."""

_UNREADABLE = (
    BadZipFile, OSError, KeyError, ValueError, TypeError, AttributeError, IndexError, SyntaxError,
)  # fmt: skip


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


def to_xform(path: Path, *, untrusted: bool = False) -> Converted:
    """Converts a workbook with pyxform; a .md file holds the sheets as a markdown table.

    A workbook that is larger than real forms are, packed or unpacked, is converted in a process of its own with
    an end to its memory and time. Starting one takes about half a second, so that the others are converted
    here, unless they are `untrusted`. Raises FormError with pyxform's own words after the file's name.
    """
    require_readable(path)
    if path.suffix.lower() not in WORKBOOKS:
        raise FormError(f"{path}: not a form; it should end in {', '.join(WORKBOOKS)} or .xml.")
    unpacked = _unpacked_bytes(path)
    if unpacked > MAX_UNPACKED:
        raise FormError(
            f"{path}: its sheets hold {unpacked // 1024 // 1024} MB; a form is never that large. Delete empty or"
            " copied rows and save it again."
        )
    heavy = HEAVY_TEXT if path.suffix.lower() in (".md", ".csv") else HEAVY
    if untrusted or path.stat().st_size > heavy or unpacked > HEAVY_UNPACKED:
        return _converted_apart(path)
    return _converted(path)


def _unpacked_bytes(path: Path) -> int:
    """What an .xlsx holds when unpacked. Python's zip reader reads no more of a part than is declared here."""
    if path.suffix.lower() != ".xlsx":
        return 0
    try:
        with ZipFile(path) as archive:
            return sum(part.file_size for part in archive.infolist())
    except (BadZipFile, OSError, ValueError, NotImplementedError) as err:
        raise FormError(f"{path}: cannot be opened as a workbook ({_one_line(err)}).") from err


def _converted(path: Path) -> Converted:
    # pyxform is slow to import, and a ready XForm needs none of it.
    from pyxform.errors import PyXFormError  # noqa: PLC0415
    from pyxform.xls2xform import convert  # noqa: PLC0415

    suffix = path.suffix.lower()
    try:
        source: str | Path = path.read_text(encoding="utf-8-sig") if suffix == ".md" else path
        result = convert(xlsform=source, file_type=suffix, validate=False, warnings=[])
    except PyXFormError as err:
        raise FormError(f"{path}: {_one_line(err)}") from err
    except RecursionError:
        raise FormError(f"{path}: its groups are nested too deeply.") from None
    except MemoryError:
        raise  # apart, it ends the process, and who waits for it says so
    except (BadZipFile, OSError) as err:
        raise FormError(f"{path}: cannot be opened as a workbook ({_one_line(err)}).") from err
    except Exception as err:  # whatever pyxform trips over is the author's to know, not a crash
        raise FormError(
            f"{path}: pyxform cannot read it ({type(err).__name__}: {_one_line(err)});"
            " look for empty or misplaced cells in its sheets."
        ) from err
    return Converted(result.xform, tuple(dict.fromkeys(result.warnings)))


# --- in a process of its own ------------------------------------------------------------------------


def _converted_apart(path: Path) -> Converted:
    """The same in another process, which the system ends when it takes too much."""
    import json  # noqa: PLC0415  like pyxform, nothing for a ready XForm to wait for
    import subprocess  # noqa: PLC0415

    room = Path(__file__).resolve().parent.parent
    start = f"import sys; sys.path.insert(0, {str(room)!r}); from {__name__} import convert_within_limits as c; c()"
    too_much = (
        f"{path}: converting it takes more than {MAX_SECONDS} seconds or {MAX_MEMORY // 1024 // 1024} MB;"
        " a form is never that large. Delete empty or copied rows and save it again."
    )
    try:
        done = subprocess.run(  # noqa: S603  our own interpreter with our own code
            [sys.executable, "-c", start, str(path.resolve())],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=MAX_WAIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise FormError(too_much) from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:  # it was ended before it could answer
        raise FormError(too_much) from None
    if "error" in answer:
        raise FormError(answer["error"].replace(str(path.resolve()), str(path), 1))
    return Converted(answer["xform"], tuple(answer["warnings"]))


def convert_within_limits() -> None:
    """The other process: converts the file named on its command line and writes the result as JSON."""
    import json  # noqa: PLC0415

    with contextlib.suppress(
        ImportError
    ):  # where a system has no such limits, waiting has an end all the same
        import resource  # noqa: PLC0415

        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS, MAX_SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        converted = _converted(Path(sys.argv[1]))
    except FormError as err:
        answer: dict[str, object] = {"error": str(err)}
    else:
        answer = {"xform": converted.xform, "warnings": converted.warnings}
    sys.stdout.write(json.dumps(answer))


def sheets(path: Path) -> dict[str, tuple[Row, ...]]:
    """The rows of every sheet below its header row, by the sheet's name. Raises FormError.

    In .md and .csv, where all sheets stand below one another, rows are counted from the header of their sheet and
    without the empty ones, as pyxform counts them.
    """
    require_readable(path)
    return _sheets_of_xlsx(path) if path.suffix.lower() == ".xlsx" else _sheets_by_pyxform(path)


def _sheets_by_pyxform(path: Path) -> dict[str, tuple[Row, ...]]:
    from pyxform.xls2json_backends import csv_to_dict, md_to_dict, xls_to_dict  # noqa: PLC0415  slow to import

    readers = {".xls": xls_to_dict, ".csv": csv_to_dict, ".md": md_to_dict}
    try:
        found = readers[path.suffix.lower()](path)
    except Exception as err:  # as when it converts
        raise FormError(f"{path}: cannot be opened as a workbook ({_one_line(err)}).") from err
    names = {name for name in found if name != "sheet_names" and not name.endswith("_header")}
    return {name: tuple(_counted(found[name], name, path)) for name in sorted(names)}


def _counted(rows: list[dict[str, object]], sheet: str, path: Path) -> Iterator[Row]:
    for number, row in enumerate(rows, start=2):
        if number > MAX_ROWS:
            raise _too_long(sheet, path)
        cells = {name: _text(cell) for name, cell in row.items() if name and _text(cell)}
        if cells:
            yield Row(number, cells)


def _too_long(sheet: str, path: Path) -> FormError:
    return FormError(
        f"{path}: the sheet '{sheet}' goes on beyond row {MAX_ROWS:,}; a form is never that long."
        " Delete empty or copied rows and save it again."
    )


def _sheets_of_xlsx(path: Path) -> dict[str, tuple[Row, ...]]:
    if _unpacked_bytes(path) > MAX_UNPACKED:
        raise FormError(f"{path}: its sheets hold more than any form does; delete empty or copied rows.")
    from openpyxl import load_workbook  # noqa: PLC0415  as slow as pyxform

    try:
        book = load_workbook(io.BytesIO(path.read_bytes()), read_only=True, data_only=True)
    except _UNREADABLE as err:
        raise FormError(f"{path}: cannot be opened as an .xlsx workbook ({_one_line(err)}).") from err
    try:
        return {sheet.title: tuple(_rows(sheet, path)) for sheet in book.worksheets}
    except _UNREADABLE as err:
        raise FormError(f"{path}: cannot be opened as an .xlsx workbook ({_one_line(err)}).") from err
    finally:
        book.close()


def _rows(sheet: Any, path: Path) -> Iterator[Row]:
    lines = sheet.iter_rows(values_only=True)
    header = [_text(cell) for cell in next(lines, ())]
    for number, line in enumerate(lines, start=2):
        if number > MAX_ROWS:
            raise _too_long(sheet.title, path)
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
