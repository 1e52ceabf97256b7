"""Rows of the survey and settings sheets that a phone or a platform takes badly."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime

from ..workbook import Row
from .book import Book, makes_a_node, spoken_columns
from .finding import Finding


def find(book: Book) -> Iterator[Finding]:
    """Messages that are missing, names used twice, `or_other`, and a version that is none."""
    counts = Counter(row.cells["name"] for row in book.survey if makes_a_node(row))
    for row in book.survey:
        yield from _or_other(row)
        yield from _messages(row)
        yield from _twice(row, counts)
    yield from _choices_twice(book)
    yield from _version(book)


def _or_other(row: Row) -> Iterator[Finding]:
    if "or_other" in row.cells.get("type", "").lower().split():
        yield Finding(
            "error",
            "survey",
            row.number,
            f"'{row.cells.get('name', '')}' uses or_other, whose choice and question exist in English only.",
            "Add a choice 'other' to the list and a text question with relevant selected(${…}, 'other').",
        )


def _messages(row: Row) -> Iterator[Finding]:
    name, spoken = row.cells.get("name", ""), spoken_columns(row)
    if row.cells.get("constraint") and "constraint_message" not in spoken:
        yield Finding(
            "warning",
            "survey",
            row.number,
            f"The constraint of '{name}' has no message, so people are refused without a reason.",
            "Say in constraint_message what to do instead, in every language.",
        )
    required = row.cells.get("required", "").lower() not in ("", "no", "false", "false()")
    if required and "required_message" not in spoken:
        yield Finding(
            "note",
            "survey",
            row.number,
            f"'{name}' must be answered but has no message of its own.",
            "Write a kind required_message in every language.",
        )


def _twice(row: Row, counts: Mapping[str, int]) -> Iterator[Finding]:
    name = row.cells.get("name", "")
    if makes_a_node(row) and counts[name] > 1:
        yield Finding(
            "warning",
            "survey",
            row.number,
            f"The name '{name}' is used {counts[name]} times; KoboToolbox refuses that even in different groups.",
            "Give every question and group a name of its own.",
        )


def _choices_twice(book: Book) -> Iterator[Finding]:
    """pyxform refuses this too, unless the settings allow it; then the answers cannot be told apart."""
    allowed = book.settings.cells.get("allow_choice_duplicates", "") if book.settings else ""
    if allowed.lower() not in ("yes", "true", "true()"):
        return
    for list_name, rows in book.lists.items():
        counts = Counter(row.cells.get("name", "") for row in rows)
        for row in rows:
            name = row.cells.get("name", "")
            if counts[name] > 1:
                yield Finding(
                    "warning",
                    "choices",
                    row.number,
                    f"The list '{list_name}' has '{name}' {counts[name]} times; their answers cannot be told apart.",
                    "Give every choice of a list a name of its own.",
                )


def _version(book: Book) -> Iterator[Finding]:
    version = book.settings.cells.get("version", "") if book.settings else ""
    if not book.sheets or _is_version(version):
        return
    what = f"The version '{version}' is not" if version else "There is no version made of"
    yield Finding(
        "warning",
        "settings",
        book.settings.number if book.settings else None,
        f"{what} year, month, day and a two-digit count.",
        "Write it like 2026112301 and raise it with every change.",
    )


def _is_version(text: str) -> bool:
    if not re.fullmatch(r"[0-9]{10}", text):
        return False
    try:
        datetime.strptime(text[:8], "%Y%m%d")
    except ValueError:
        return False
    return True
