"""What is different between two versions of a form, in plain words and few: what does most to the answers first."""

from __future__ import annotations

from xlsforms import Form, FormError, form_from_xml
from xlsforms.diff import Harm, compare

__all__ = ["changes"]

MOST_NAMED = 12
_BY_HARM: tuple[Harm, ...] = ("breaks", "ends", "none")


def changes(before: str | None, form: Form) -> tuple[str, ...]:
    """Sentences about what changed since the XForm `before`, as `shakti forms diff` says them; () where none is known."""
    if not before:
        return ()
    try:
        old = form_from_xml(before)
    except FormError:
        return ()
    found = sorted(compare(old, form), key=lambda change: _BY_HARM.index(change.harm))
    more = len(found) - MOST_NAMED
    rest = (f"and {more} more changes; `shakti forms diff` says them all.",) if more > 0 else ()
    return (*map(str, found[:MOST_NAMED]), *rest)
