"""What is different between two versions of a form, as far as answers are concerned, in plain words."""

from __future__ import annotations

from collections.abc import Iterator

from xlsforms import Form, form_from_xml
from xlsforms.errors import FormError

__all__ = ["changes"]

MOST_NAMED = 8


def changes(before: str | None, form: Form) -> tuple[str, ...]:
    """Sentences about new, dropped and retyped questions since the XForm `before`; () where none is known."""
    if not before:
        return ()
    try:
        old = {question.path: question.kind for question in form_from_xml(before).questions}
    except FormError:
        return ()
    new = {question.path: question.kind for question in form.questions}
    return tuple(_sentences(old, new))


def _sentences(old: dict[str, str], new: dict[str, str]) -> Iterator[str]:
    added = [path for path in new if path not in old]
    gone = [path for path in old if path not in new]
    retyped = [f"{path} ({old[path]} → {kind})" for path, kind in new.items() if old.get(path, kind) != kind]
    for paths, what in (
        (added, "new"),
        (gone, "no longer asked (earlier answers stay in the store)"),
        (retyped, "of another type now"),
    ):
        if paths:
            more = f" and {len(paths) - MOST_NAMED} more" if len(paths) > MOST_NAMED else ""
            yield f"{what}: {', '.join(paths[:MOST_NAMED])}{more}"
