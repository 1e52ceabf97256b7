"""The workbook as its author sees it: sheets, numbered rows, languages, lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..workbook import WORKBOOKS, Row, sheets

SPOKEN = ("label", "hint", "guidance_hint", "constraint_message", "required_message")
MEDIA = ("image", "big-image", "audio", "video")

SELECTS = {
    **dict.fromkeys(("select_one", "select_one_from", "select1"), "select_one"),
    **dict.fromkeys(("select_multiple", "select_multiple_from"), "select_multiple"),
    **dict.fromkeys(("select_all_that_apply", "select_all_that_apply_from"), "select_multiple"),
}
LONGEST_TYPE = 5
"""Words in "select all that apply from"."""


@dataclass(frozen=True)
class Book:
    """The sheets under the names pyxform knows them by; none for a form not written in rows we can number."""

    sheets: Mapping[str, tuple[Row, ...]]

    @property
    def survey(self) -> tuple[Row, ...]:
        return self.sheets.get("survey", ())

    @property
    def settings(self) -> Row | None:
        return next(iter(self.sheets.get("settings", ())), None)

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """Full names of all languages used anywhere in the workbook, in the order of their columns."""
        cells = (column for rows in self.sheets.values() for row in rows for column in row.cells)
        return tuple(dict.fromkeys(language for _, language in map(split, cells) if language))

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """The row of each question, by its name; of the first, where a name is used twice."""
        found: dict[str, int] = {}
        for row in self.survey:
            if makes_a_node(row):
                found.setdefault(row.cells["name"], row.number)
        return found

    @cached_property
    def lists(self) -> Mapping[str, tuple[Row, ...]]:
        """The rows of the choices sheet by the name of their list."""
        found: dict[str, list[Row]] = {}
        for row in self.sheets.get("choices", ()):
            name = row.cells.get("list_name") or row.cells.get("list name", "")
            found.setdefault(name, []).append(row)
        return {name: tuple(rows) for name, rows in found.items()}

    def row_of(self, path: str) -> int | None:
        """The row of the question at a path."""
        return self.numbers.get(path.rpartition("/")[2])

    def row_of_choice(self, list_name: str, choice: str) -> int | None:
        """The row of a choice on the choices sheet."""
        rows = self.lists.get(list_name, ())
        return next((row.number for row in rows if row.cells.get("name", "") == choice), None)


def read_book(path: Path) -> Book:
    """The workbook at a path, empty where it is an XForm or no form. Raises FormError."""
    if path.suffix.lower() not in WORKBOOKS:
        return Book({})
    return Book({title.strip().lower(): rows for title, rows in sheets(path).items()})


def spoken_columns(row: Row) -> set[str]:
    """The texts (and media) a row has in any language: "label", "hint", "media::audio" …"""
    return {text for text, _ in map(split, row.cells) if text}


def split(column: str) -> tuple[str, str]:
    """'label::বাংলা (bn)' -> ('label', 'বাংলা (bn)'); a column that nobody reads or hears -> ('', '')."""
    head, _, rest = column.partition("::")
    if head == "media":
        kind, _, language = rest.partition("::")
        return f"media::{kind}", language
    return (head, rest) if head in SPOKEN + MEDIA else ("", "")


def is_media(text: str) -> bool:
    """Whether a column of `spoken_columns` is a picture or a recording, not words."""
    return text.removeprefix("media::") in MEDIA


def makes_a_node(row: Row) -> bool:
    """Whether a row of the survey becomes a question or group: it has a name and does not end a group."""
    return bool(row.cells.get("name")) and not row.cells.get("type", "").lower().startswith("end")


def type_of(row: Row) -> tuple[str, str]:
    """A row's type and its list: "select one from yes_no" -> ("select_one", "yes_no"); pyxform takes many spellings."""
    words = row.cells.get("type", "").replace("\xa0", " ").split()
    for size in range(min(len(words), LONGEST_TYPE), 0, -1):
        kind = SELECTS.get("_".join(words[:size]).lower())
        if kind:
            return kind, " ".join(words[size : size + 1])
    return " ".join(words[:1]).lower(), " ".join(words[1:2])
