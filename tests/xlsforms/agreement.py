"""One form, two engines: the same answers to ours and to JavaRosa, and where they then differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from tests.reference.javarosa.driver import JavaRosa, Seen, Told
from xlsforms import (
    Form,
    Refused,
    State,
    begin,
    finish,
    load_form,
    prompt,
    read_instance,
    set_answer,
    set_language,
    value,
)

VERDICTS = {"required": "REQUIRED_BUT_EMPTY", "constraint": "CONSTRAINT_VIOLATED"}
OWN = frozenset(("start", "end", "meta/instanceID"))
"""Filled in by each engine for itself: the moment, and a random id."""


@dataclass
class Both:
    """An interview in both engines at once. Every step compares all they have to say; `steps` is the way here."""

    form: Form
    reference: JavaRosa
    state: State
    told: Told
    steps: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, reference: JavaRosa, file: Path) -> Both:
        """Opens the workbook in both; the XForm is left beside it."""
        form = load_form(file)
        xform = file.with_suffix(".xml")
        xform.write_text(form.xform, encoding="utf-8")
        told = reference.form(xform, file.parent)
        both = cls(form, reference, begin(form, now=datetime.now(UTC), instance_id="uuid:walk"), told)
        both.compare("opened")
        return both

    def askable(self) -> list[str]:
        """The paths of the questions to answer now, notes left out."""
        notes = {q.path for q in self.form.questions if q.kind == "note"}
        return [path for path in self.told.questions if path not in notes]

    def answer(self, path: str, text: str) -> None:
        self.steps.append(f"{path} := {text!r}")
        self.told = self.reference.answer(path, text)
        verdict = "OK"
        try:
            self.state = set_answer(self.form, self.state, path, text, now=datetime.now(UTC))
        except Refused as refused:
            verdict = VERDICTS.get(refused.kind, refused.kind)
        self.compare(verdict)

    def language(self, name: str) -> None:
        self.steps.append(f"language {name}")
        self.told = self.reference.language(name)
        self.state = set_language(self.form, self.state, name)
        self.compare("switched")

    def finish(self) -> None:
        """The instances are the same, and the same question stands in the way if one does."""
        self.steps.append("finish")
        finished = self.reference.finish()
        theirs = self.told.values
        assert read_instance(finished.xml).answers.keys() - OWN == {p for p in theirs if theirs[p]} - OWN
        try:
            xml = finish(self.form, self.state, now=datetime.now(UTC))
        except Refused as refused:
            assert (refused.path, refused.kind) == finished.fault, self.way()
            return
        assert finished.fault is None, f"JavaRosa alone refuses: {finished.fault}\n{self.way()}"
        ours, other = _leaves(xml), _leaves(finished.xml)
        assert ours == other, self.way()

    def compare(self, verdict: str) -> None:
        differences = [
            *_differing("verdict", {"": verdict}, {"": self.told.verdict}),
            *_differing("value", self._values(), {p: v for p, v in self.told.values.items() if p not in OWN}),
            *_differing("question", self._questions(), _trimmed(self.told.questions)),
        ]
        assert not differences, "\n".join([*differences, self.way()])

    def _values(self) -> dict[str, str]:
        return {path: value(self.form, self.state, path) for path in self.told.values if path not in OWN}

    def _questions(self) -> dict[str, Seen]:
        found = {}
        for question in self.form.questions:
            seen = self._seen(question.path, question.kind)
            if seen is not None:
                found[question.path] = seen
        return found

    def _seen(self, path: str, kind: str) -> Seen | None:
        if kind in ("calculate", "hidden"):
            return None
        try:
            shown = prompt(self.form, self.state, path)
        except KeyError:
            return None
        choices = tuple((choice.name, choice.label) for choice in shown.choices)
        return Seen(shown.label, shown.required, self._holds(path, shown.value, kind), choices)

    def _holds(self, path: str, text: str, kind: str) -> bool:
        if not text or kind == "note":
            return True
        try:
            set_answer(self.form, self.state, path, text, now=datetime.now(UTC))
        except Refused as refused:
            return refused.kind != "constraint"
        return True

    def way(self) -> str:
        return "after " + "; ".join(self.steps or ["opening"])


def _trimmed(questions: dict[str, Seen]) -> dict[str, Seen]:
    """Blanks at the ends of a label are shown by JavaRosa and not by us; nobody sees them."""
    return {path: replace(seen, label=seen.label.strip()) for path, seen in questions.items()}


def _differing(what: str, ours: Mapping[str, object], theirs: Mapping[str, object]) -> list[str]:
    return [
        f"{what} {path}: ours {ours.get(path)!r}, JavaRosa {theirs.get(path)!r}"
        for path in sorted(ours.keys() | theirs.keys())
        if ours.get(path) != theirs.get(path)
    ]


def _leaves(xml: str) -> dict[str, str]:
    return {path: text for path, text in read_instance(xml).answers.items() if path not in OWN}
