"""Conditions that compare with an answer nobody can give, and parts of a form that can never be reached."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from ..conditions import ANY, NONE, Term, comparisons, constant, contradiction, needed_answers
from ..form import Form
from ..model import Bind
from ..plain import listed, typed
from .book import Book
from .finding import Finding


def find(form: Form, book: Book) -> Iterator[Finding]:
    """Every condition of the form, in its order."""
    choices = _choices(form)
    for path, bind in form.model.binds.items():
        misspelt = list(_misspelt(form, bind, choices))
        for where, term, value in misspelt:
            near = get_close_matches(value, choices[term.path], n=1)
            yield Finding(
                "error" if term.how == ANY else "warning",
                "survey",
                book.row_of(path),
                f"The {where} of '{path}' compares '{term.path}' with '{value}', which is not one of its choices.",
                f"Did you mean '{near[0]}'?"
                if near
                else f"Write one of them: {', '.join(sorted(choices[term.path]))}.",
            )
        if not misspelt:
            yield from _never(form, bind, book)


def _choices(form: Form) -> dict[str, frozenset[str]]:
    """The names a question can have as its answer; only questions whose whole list is known."""
    found = {}
    for control in form.model.controls:
        choices = listed(form, control) if control.tag in ("select1", "select") else None
        if choices is not None and choices.items:
            found[control.path] = frozenset(item.name for item in choices.items)
    return found


def _misspelt(form: Form, bind: Bind, choices: dict[str, frozenset[str]]) -> Iterator[tuple[str, Term, str]]:
    seen: set[tuple[str, str]] = set()
    expressions = {
        "relevant": bind.relevant,
        "constraint": bind.constraint,
        "required": bind.required,
        "calculation": bind.calculate,
    }
    for where, expression in expressions.items():
        for term in comparisons(expression, form.model.root, bind.path):
            if term.how not in (ANY, NONE) or term.path not in choices:
                continue
            for value in term.values:
                # several names in one text are what a question with several choices holds
                unknown = value and value not in choices[term.path] and " " not in value
                if unknown and (term.path, value) not in seen:
                    seen.add((term.path, value))
                    yield where, term, value


def _never(form: Form, bind: Bind, book: Book) -> Iterator[Finding]:
    if not bind.relevant:
        return
    shown = f"The relevant of '{bind.path}', {typed(form.model, bind.relevant)},"
    if constant(bind.relevant) is False:
        yield Finding(
            "error",
            "survey",
            book.row_of(bind.path),
            f"{shown} is never true, so it can never be reached.",
            "Correct the condition, or take the rows out.",
        )
        return
    found = contradiction(needed_answers(form.model, bind.path))
    if found:
        first, second = (_in_words(term) for term in found)
        yield Finding(
            "error",
            "survey",
            book.row_of(bind.path),
            f"'{bind.path}' can never be reached: it needs {first} and also {second}.",
            "Correct the condition, those of the groups around it, or that of the question it waits for.",
        )


def _in_words(term: Term) -> str:
    name = f"${{{term.path.rpartition('/')[2]}}}"
    values = " or ".join(f"'{value}'" for value in term.values)
    how = {ANY: "has" if term.chosen else "=", NONE: "has not" if term.chosen else "!="}.get(
        term.how, term.how
    )
    return f"{name} {how} {values}"
