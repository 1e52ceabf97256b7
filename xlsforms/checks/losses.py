"""What a new version of a form would do to the answers that came with the one in use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..diff import Change, compare
from ..errors import FormError
from ..form import Form
from ..plain import form_at
from .book import Book
from .finding import Finding

_FIXES = {
    "form_id": "Write the old form_id, unless a form of its own is meant.",
    "version": "Raise the version on the settings sheet.",
    "renamed": "Give it its old name back; the label may change freely.",
    "moved": "Put it back into its group; answers are kept under group and name together.",
    "retyped": "Leave the type as it was; take the question out and add a new one under another name.",
    "dropped": "Put the row back if its answers are still wanted.",
    "unmarked": "Write the mark again if the answers are still wanted.",
    "choice_renamed": "Give the choice its old name back; the label may change freely.",
    "choice_exchanged": "Exchange them back: whole rows may change places, names and labels stay together.",
    "choice_dropped": "Put the choice back if answers with it are still wanted.",
}


def find(old: Path | Form, form: Form, book: Book) -> Iterator[Finding]:
    """Every change against the form in use after which answers break off (warning) or no longer fit (error)."""
    try:
        before = form_at(old) if isinstance(old, Path) else old
    except FormError as error:
        yield Finding(
            "error",
            "workbook",
            None,
            f"The deployed form cannot be read: {error}",
            "Give the workbook or XForm that is in use now.",
        )
        return
    for change in compare(before, form):
        if change.harm != "none":
            sheet, row = _place(change, book)
            yield Finding(
                "error" if change.harm == "breaks" else "warning",
                sheet,
                row,
                f"Against the deployed version: {change.text}",
                _FIXES.get(change.kind, "Take the change back, or begin a new form."),
            )


def _place(change: Change, book: Book) -> tuple[str, int | None]:
    if change.kind in ("form_id", "version"):
        return "settings", book.settings.number if book.settings else None
    if change.kind.startswith("choice"):
        return "choices", book.row_of_choice(change.path, change.choice)
    return "survey", book.row_of(change.path)
