"""Choices: those that exclude all others, and labels too long for a messenger's buttons and lists."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from ..form import Form
from ..model import Control
from ..plain import Item, Listed, cascade, listed
from .book import Book
from .finding import Finding

MOST_BUTTONS, LONGEST_BUTTON = 3, 20
MOST_ROWS, LONGEST_ROW = 10, 24
"""What messengers take: three buttons of 20 characters, or a list of ten rows of 24."""

EXCLUSIVE = frozenset(
    {"none", "none_of_these", "none_of_the_above", "no_one", "nobody", "nothing", "never", "no", "na"}
    | {"not_applicable", "dont_know", "wont_say"}
)


def find(form: Form, book: Book) -> Iterator[Finding]:
    """Every list once, and every question that takes several choices."""
    seen: set[str] = set()
    for control in form.model.controls:
        choices = listed(form, control)
        if choices is None or choices.file is not None:
            continue
        if control.tag == "select":
            yield from _exclusive(form, control, choices, book)
        once = choices.id or control.path
        if once not in seen:
            seen.add(once)
            yield from _long_labels(choices, control, book)
        if len(_offered_together(choices, form, control)) > MOST_ROWS:
            yield Finding(
                "note",
                "survey",
                book.row_of(control.path),
                f"'{control.path}' offers {len(choices.items)} choices; a messenger's list has at most {MOST_ROWS}.",
                "Offer fewer, or split them with a question before and a choice_filter.",
            )


def _exclusive(form: Form, control: Control, choices: Listed, book: Book) -> Iterator[Finding]:
    bind = form.model.binds.get(control.path)
    constraint = bind.constraint if bind else ""
    for item in choices.items:
        kept_apart = f"'{item.name}'" in constraint or f'"{item.name}"' in constraint
        if (item.name in EXCLUSIVE or _says_none(item)) and not kept_apart:
            yield Finding(
                "warning",
                "survey",
                book.row_of(control.path),
                f"'{control.path}' lets people choose '{item.name}' together with other choices.",
                f"Add the constraint not(selected(., '{item.name}') and count-selected(.) > 1), with a message.",
            )


def _says_none(item: Item) -> bool:
    return any(label.casefold().startswith(("none of", "none ")) for label in item.labels.values())


def _long_labels(choices: Listed, control: Control, book: Book) -> Iterator[Finding]:
    buttons = len(choices.items) <= MOST_BUTTONS
    limit, where = (LONGEST_BUTTON, "button") if buttons else (LONGEST_ROW, "row of a list")
    for item in choices.items:
        for language, label in item.labels.items():
            length = len(unicodedata.normalize("NFC", label))
            if length > limit:
                row = book.row_of_choice(choices.id, item.name)
                spoken = f" in {language}" if language else ""
                yield Finding(
                    "warning",
                    "choices" if choices.id else "survey",
                    row if choices.id else book.row_of(control.path),
                    f"The label of '{item.name}'{spoken} has {length} characters; a messenger's {where} shows {limit}.",
                    "Say it shorter; what needs explaining belongs into the question's hint.",
                )


def _offered_together(choices: Listed, form: Form, control: Control) -> tuple[Item, ...]:
    """The choices that can stand on the screen at once: of a cascade, the largest of its parts."""
    if not choices.filters:
        return choices.items
    cascaded = cascade(form, control, choices)
    if cascaded is None:
        return ()  # only an interview knows
    column, _ = cascaded
    parts: dict[str, list[Item]] = {}
    for item in choices.items:
        parts.setdefault(item.columns.get(column, ""), []).append(item)
    largest = max(map(len, parts.values()), default=0)
    return next((tuple(part) for part in parts.values() if len(part) == largest), ())
