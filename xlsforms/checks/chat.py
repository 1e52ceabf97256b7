"""What a conversation cannot ask yet, and what nobody can hear who does not read."""

from __future__ import annotations

from collections.abc import Iterator

from ..form import KINDS, Form
from ..plain import languages, variants
from .book import Book
from .finding import Finding

_ON_A_PHONE = "Ask it on a phone or in the web form, or write the question another way."


def find(form: Form, book: Book) -> Iterator[Finding]:
    """Kinds of question, repeats in repeats, entities, whatever else the engine refuses; and missing recordings."""
    found = [*_kinds(form, book), *_nested(form, book), *_entities(form, book)]
    yield from found
    if form.obstacle and not found:
        yield Finding("warning", "survey", None, f"The form is not yet in chat: {form.obstacle}", _ON_A_PHONE)
    yield from _recordings(form)


def _kinds(form: Form, book: Book) -> Iterator[Finding]:
    asked = {control.path for control in form.model.controls}
    for question in form.questions:
        if question.path in asked and question.kind not in KINDS:
            yield Finding(
                "warning",
                "survey",
                book.row_of(question.path),
                f"'{question.path}' is of the kind '{question.kind}', not yet in chat.",
                _ON_A_PHONE,
            )


def _nested(form: Form, book: Book) -> Iterator[Finding]:
    for path in form.repeats:
        outer = next((other for other in form.repeats if path.startswith(f"{other}/")), None)
        if outer:
            yield Finding(
                "warning",
                "survey",
                book.row_of(path),
                f"The repeat '{path}' stands inside the repeat '{outer}', which is not yet in chat.",
                _ON_A_PHONE,
            )


def _entities(form: Form, book: Book) -> Iterator[Finding]:
    if form.model.entities:
        rows = book.sheets.get("entities", ())
        yield Finding(
            "warning",
            "entities",
            rows[0].number if rows else None,
            "The form makes or changes entities, which is not yet in chat.",
            _ON_A_PHONE,
        )


def _recordings(form: Form) -> Iterator[Finding]:
    """One note for the whole form: who cannot read needs somebody to read aloud."""
    recorded = variants(form, "audio")
    labels = [control.label.itext for control in form.model.controls if control.label and control.label.itext]
    missing = {
        language: sum(label not in recorded.get(language, {}) for label in labels)
        for language in languages(form)
    }
    if form.languages and any(missing.values()):
        counted = ", ".join(
            f"{language}: {count} of {len(labels)}" for language, count in missing.items() if count
        )
        yield Finding(
            "note",
            "survey",
            None,
            f"Questions without a recording ({counted}); who cannot read needs somebody to read them aloud.",
            "Add recordings in columns such as media::audio::<language>.",
        )
