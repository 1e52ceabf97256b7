"""Renamed questions: where a record's answer lies at the path a question had before, it is read at its present path.

Most records need no map: every form version brings its own questions. It is for those whose version cannot be told
(KoboToolbox leaves it out of some edited rows, a folder of files may not know it), so that they are read with a newer
form than they were filled in with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from connector.submission import FormVersion, Submission

__all__ = ["Renames", "renamed"]

Renames = Mapping[str, Mapping[str, str]]  # form id → old path → present path


def renamed(one: Submission, form: FormVersion, renames: Renames) -> Submission:
    """The submission with its answers where `form` has the questions. An answer at the present path always wins."""
    moves = renames.get(one.form_id)
    if not moves or not one.answers:
        return one
    asked = {mark.path for mark in form.marks}
    answers = dict(one.answers)
    for old, new in moves.items():
        if new in asked and old not in asked and old in answers:
            answer = answers.pop(old)
            answers[new] = answers.get(new) or answer
    return one if answers == one.answers else replace(one, answers=answers)
