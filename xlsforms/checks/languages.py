"""Texts that are there in one language and missing in another, in any sheet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from ..texts import MISSING, code_of
from ..workbook import Row
from .book import Book, is_media, spoken_columns
from .finding import Finding

_SPOKEN_SHEETS = ("survey", "choices", "external_choices")
"""Where people read the texts; the labels of entities are for the server, other sheets for the author."""


def find(book: Book) -> Iterator[Finding]:
    """Every missing text, a default language that is none, and two spellings of one language."""
    if not book.languages:
        return
    for sheet in _SPOKEN_SHEETS:
        for row in book.sheets.get(sheet, ()):
            for text in sorted(spoken_columns(row)):
                yield from _missing(sheet, row, text, book.languages)
    yield from _default(book)
    yield from _twice(book.languages)


def _missing(sheet: str, row: Row, text: str, languages: Iterable[str]) -> Iterator[Finding]:
    if is_media(text):
        return  # without words: the recordings are counted once for the whole form
    owner = row.cells.get("name", "")
    if text in row.cells:
        yield Finding(
            "error",
            sheet,
            row.number,
            f"The {text} of '{owner}' is in a column without a language.",
            f"Move it to a column such as {text}::{next(iter(languages))}.",
        )
        return
    for language in languages:
        if row.cells.get(f"{text}::{language}", MISSING) == MISSING:
            yield Finding(
                "error",
                sheet,
                row.number,
                f"The {text} of '{owner}' is missing in {language}, so people would see only “-”.",
                f"Write it in the column {text}::{language}.",
            )


def _default(book: Book) -> Iterator[Finding]:
    default = book.settings.cells.get("default_language", "") if book.settings else ""
    if default in book.languages:
        return
    what = f"'{default}' is not a language of this form" if default else "There is no default_language"
    yield Finding(
        "warning",
        "settings",
        book.settings.number if book.settings else None,
        f"{what}, so phones may open the form in a language without texts.",
        f"Write one of these into default_language: {', '.join(book.languages)}.",
    )


def _twice(languages: Iterable[str]) -> Iterator[Finding]:
    codes = Counter(code_of(language) for language in languages)
    for code, count in codes.items():
        if count > 1:
            spellings = ", ".join(language for language in languages if code_of(language) == code)
            yield Finding(
                "warning",
                "workbook",
                None,
                f"The language '{code}' is written in {count} ways: {spellings}.",
                "Use one spelling in all columns of all sheets.",
            )
