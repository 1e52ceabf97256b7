"""The form doctor: what a workbook gets wrong that neither pyxform nor a phone would say.

>>> for finding in check(Path("visit.xlsx")):
...     print(finding)
error: choices row 3: The label of 'no' is missing in हिन्दी (hi), so people would see only “-”. Write it …

Each module of this package knows one kind of illness. What needs the author's rows reads the `Book`; what
follows from the form as phones get it reads the `Form`, and works for an XForm as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path

from ..errors import FormError
from ..form import Form, form_of, read_xform
from . import branches, chat, languages, lists, losses, meanings, privacy, rows, validator
from .book import Book, read_book
from .finding import LEVELS, Finding, Level

__all__ = ["LEVELS", "Finding", "Level", "check"]

_ROW_OF_PYXFORM = re.compile(r"\[row : ([0-9]+)\]\s*")
_SHEET_OF_PYXFORM = re.compile(r"the '(\w+)' sheet")
_QUESTION_OF_ENGINE = re.compile(r"question ([^\s,]+),")
_SAID_BETTER = ("Language '", "This form uses or_other")
"""Warnings of pyxform that our own findings give with the row."""


def check(
    path: Path,
    *,
    media: Path | None = None,
    deployed: Path | Form | None = None,
    validate: bool = False,
    java: str | None = None,
    untrusted: bool = False,
) -> tuple[Finding, ...]:
    """Everything found wrong with the form at `path`, errors first; an empty tuple for a healthy form.

    `media` is the folder of its attached lists (default: the form's own), `deployed` the form that is in use
    now: then what would lose answers is found, too. `validate` asks ODK Validate as well, which takes a second
    and Java (`java`: the program, default the one on the path); without Java a note says so. A form that is
    `untrusted` is converted in a process of its own, see `xlsforms.to_xform`. Never raises for a bad form.
    """
    try:
        book = read_book(path)
    except FormError as error:
        return (_refusal(path, error, Book({})),)
    found = [*languages.find(book), *privacy.find(book), *rows.find(book), *meanings.find(book)]
    program = (java or "java") if validate else None
    try:
        converted = read_xform(path, untrusted=untrusted)
        form = form_of(converted, path, media=media)
    except FormError as error:
        found.append(_refusal(path, error, book))
    else:
        found += _form(form, converted.warnings, book, deployed, program)
    if not book.sheets and all(finding.level != "error" for finding in found):
        found.append(_rows_not_seen(path))
    found = list(dict.fromkeys(found))
    return tuple(sorted(found, key=lambda finding: LEVELS.index(finding.level)))


def _form(
    form: Form, warnings: Iterable[str], book: Book, old: Path | Form | None, java: str | None
) -> Iterator[Finding]:
    """What the converter, ODK Validate and the form as a whole say."""
    with validator.validating(form.xform, java) if java else nullcontext() as validation:
        for warning in warnings:
            if not (book.sheets and warning.startswith(_SAID_BETTER)):
                yield _advice(warning)
        yield from _whole(form, book)
        yield from losses.find(old, form, book) if old is not None else ()
        if validation is not None:
            yield from validation.findings()
        elif java:
            yield validator.not_run()


def _whole(form: Form, book: Book) -> Iterator[Finding]:
    if not book.sheets:
        yield from privacy.find_in_xform(form)
    yield from meanings.find_in_form(form, book)
    yield from branches.find(form, book)
    yield from lists.find(form, book)
    yield from chat.find(form, book)


def _rows_not_seen(path: Path) -> Finding:
    why = f"{path.name} is not a workbook, so its rows were not looked at one by one."
    return Finding("note", "workbook", None, why, "Check the workbook it comes from.")


def _advice(warning: str) -> Finding:
    by_row = _ROW_OF_PYXFORM.match(warning)
    row = int(by_row.group(1)) if by_row else None
    text = warning[by_row.end() :] if by_row else warning
    return Finding(
        "warning",
        "survey" if by_row else "workbook",
        row,
        _sentence(text),
        "This is pyxform's advice: follow it.",
    )


def _refusal(path: Path, error: FormError, book: Book) -> Finding:
    """Why the form cannot be used at all, at the row it is about where the words say so."""
    text = str(error).removeprefix(f"{path}: ")
    by_row, by_name = _ROW_OF_PYXFORM.match(text), _QUESTION_OF_ENGINE.match(text)
    sheet, row = "workbook", None
    if by_row:
        text, row = text[by_row.end() :], int(by_row.group(1))
        named = _SHEET_OF_PYXFORM.search(text)
        sheet = named.group(1) if named else "survey"
    elif by_name and book.row_of(by_name.group(1)):
        sheet, row = "survey", book.row_of(by_name.group(1))
    else:
        text = f"{path.name}: {text}"
    return Finding("error", sheet, row, _sentence(text), "Correct that and check again.")


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?")) else f"{text}."
