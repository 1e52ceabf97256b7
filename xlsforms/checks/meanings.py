"""The columns `bind::eval:…`: values nobody knows, values that contradict each other, indicators without a scale."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches

from ..form import Form
from ..marks import Mark, marks, scale
from ..workbook import Row
from .book import Book, type_of
from .finding import Finding

NAMESPACE = "urn:shakti:evaluation:1"
COLUMN = "bind::eval:"
ATTRIBUTES = frozenset({"is", "service", "measures", "best", "flag"})

# What a question may mean to the other rooms, with the kind of answer each is read as.
CHOSEN = frozenset({"provider", "role", "place", "collector", "consent", "adult", "practice"})
WRITTEN = frozenset({"survivor_code", "comment", "good_practice", "idea", "missing_provider"})
OF_SERVICES = frozenset({"needed", "asked", "received", "applied_on", "ordered_on", "paid_on"})
MEANINGS = CHOSEN | WRITTEN | OF_SERVICES | {"receipt"}
_KINDS = {
    **dict.fromkeys(CHOSEN | {"needed", "asked", "received"}, ("select_one",)),
    **dict.fromkeys(WRITTEN, ("text",)),
    **dict.fromkeys(("applied_on", "ordered_on", "paid_on"), ("date",)),
    "receipt": ("calculate", "hidden", "text"),
}
_YES_OR_NO = frozenset({"consent", "adult", "practice"})


def find(book: Book) -> Iterator[Finding]:
    """Columns and values that are not known, and choices that are not in the list."""
    for row in book.survey:
        yield from _columns(row)
        yield from _choices(row, book)


def find_in_form(form: Form, book: Book) -> Iterator[Finding]:
    """What the marks of a form say together."""
    found = marks(form)
    if not found and any(column.startswith(COLUMN) for row in book.survey for column in row.cells):
        yield Finding(
            "error",
            "settings",
            book.settings.number if book.settings else None,
            f"The columns {COLUMN}… are not tied to their meaning, so nothing would read any answer.",
            f'Write eval="{NAMESPACE}" into the column namespaces.',
        )
    for mark in found:
        yield from (Finding("error", "survey", book.row_of(mark.path), *said) for said in _alone(mark))
    yield from _together(found, book)


def _columns(row: Row) -> Iterator[Finding]:
    for column, value in row.cells.items():
        if not column.startswith(COLUMN):
            continue
        attribute = column.removeprefix(COLUMN)
        if attribute not in ATTRIBUTES:
            yield _unknown(row, f"The column '{column}' is not known", attribute, ATTRIBUTES)
        elif attribute == "is" and value not in MEANINGS:
            yield _unknown(row, f"'{value}' is not a known value of {column}", value, MEANINGS)


def _unknown(row: Row, what: str, word: str, known: Iterable[str]) -> Finding:
    near = get_close_matches(word, list(known), n=1)
    fix = f"Did you mean '{near[0]}'?" if near else f"Use one of these: {', '.join(sorted(known))}."
    return Finding("error", "survey", row.number, f"{what}, so nothing would read this answer.", fix)


def _choices(row: Row, book: Book) -> Iterator[Finding]:
    kind, list_name = type_of(row)
    if kind not in ("select_one", "select_multiple") or list_name not in book.lists:
        return
    names = sorted(choice.cells.get("name", "") for choice in book.lists[list_name])
    for column in (f"{COLUMN}best", f"{COLUMN}flag"):
        value = row.cells.get(column)
        if value and value not in names:
            yield Finding(
                "error",
                "survey",
                row.number,
                f"{column} is '{value}', which is not a choice of the list '{list_name}'.",
                f"Write one of its choices: {', '.join(names)}.",
            )


def _alone(mark: Mark) -> Iterator[tuple[str, str]]:
    """What is wrong with one question's mark: the message, and how to mend it."""
    if mark.measures and scale(mark) is None:
        yield (
            f"The indicator '{mark.measures}' has no scale, so its answers would never count.",
            "Name its choices 1, 2, 3 … or yes and no, or give the range a start and an end.",
        )
    if mark.best and not mark.measures:
        yield (
            f"{COLUMN}best stands without {COLUMN}measures, so nothing is measured.",
            f"Name the indicator in {COLUMN}measures, or empty {COLUMN}best.",
        )
    wanted = _KINDS.get(mark.is_ or "", ())
    if wanted and mark.kind not in wanted:
        yield (
            f"'{mark.is_}' is read from a question of the type {wanted[0]}, and this one is {mark.kind}.",
            f"Change the type, or take '{mark.is_}' out of {COLUMN}is.",
        )
    if mark.is_ in _YES_OR_NO and mark.kind == "select_one" and not {"yes", "no"} <= set(mark.choices):
        yield (
            f"'{mark.is_}' is read as yes or no, and this list does not have both choices.",
            "Use a list with the choices yes and no.",
        )
    if mark.is_ in OF_SERVICES and not mark.service:
        yield f"'{mark.is_}' does not say of which service.", f"Write the service into {COLUMN}service."
    if mark.service and mark.is_ not in OF_SERVICES:
        yield (
            f"{COLUMN}service stands without what is told about the service.",
            f"Write one of these into {COLUMN}is: {', '.join(sorted(OF_SERVICES))}.",
        )


def _together(found: Sequence[Mark], book: Book) -> Iterator[Finding]:
    """Two questions with one meaning: only one of the answers can be kept."""
    seen: dict[tuple[str, str], Mark] = {}
    for mark in found:
        key = ("measures", mark.measures) if mark.measures else (mark.is_ or "", mark.service or "")
        if not key[0] or seen.setdefault(key, mark) is mark:
            continue
        first = seen[key]
        other = f"'{first.path}'" + (f" (row {row})" if (row := book.row_of(first.path)) else "")
        what = f"The indicator '{mark.measures}'" if mark.measures else f"'{mark.is_}'"
        differs = bool(mark.measures) and scale(mark) != scale(first)
        yield Finding(
            "error" if differs or not mark.measures else "warning",
            "survey",
            book.row_of(mark.path),
            f"{what} is already read from {other}"
            + (", on another scale." if differs else "; only one of the two answers can be kept."),
            "Leave the mark with one question, or give this one a name of its own.",
        )
