"""One form, two engines: the same answers to ours and to JavaRosa, and where they then differ."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

import xlsforms
from tests.reference.javarosa.driver import JavaRosa, Seen, Told
from tests.xlsforms.generated_forms import ANSWERS, NAMES, Generated
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
WALK = settings(
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
OWN = frozenset(("start", "end", "meta/instanceID"))
"""Filled in by each engine for itself: the moment, and a random id."""


class Differs(AssertionError):  # noqa: N818  the word of the house: engines differ, nothing is broken
    """The engines do not say the same. One class for each thing they can differ in: Hypothesis then shows them all."""


class VerdictDiffers(Differs): ...


class ValueDiffers(Differs): ...


class QuestionDiffers(Differs): ...


class FaultDiffers(Differs): ...


class InstanceDiffers(Differs): ...


@dataclass
class Both:
    """An interview in both engines at once. Every step compares all they have to say; `steps` is the way here."""

    form: Form
    reference: JavaRosa
    state: State
    told: Told
    repeats: tuple[str, ...] = ()
    steps: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, reference: JavaRosa, file: Path, repeats: tuple[str, ...] = ()) -> Both:
        """Opens the workbook in both; the XForm is left beside it."""
        form = load_form(file)
        xform = file.with_suffix(".xml")
        xform.write_text(form.xform, encoding="utf-8")
        told = reference.form(xform, file.parent)
        both = cls(
            form, reference, begin(form, now=datetime.now(UTC), instance_id="uuid:walk"), told, repeats
        )
        both.compare("opened")
        return both

    def askable(self) -> list[str]:
        """The paths of the questions to answer now, notes left out."""
        notes = {q.path for q in self.form.questions if q.kind == "note"}
        return [path for path in self.told.questions if unnumbered(path) not in notes]

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

    def instances(self, repeat: str) -> int:
        return xlsforms.repeats(self.form, self.state, repeat)

    def offers(self, repeat: str) -> bool:
        """Whether another instance can be added: the repeat applies."""
        try:
            prompt(self.form, self.state, repeat)
        except KeyError:
            return False
        return True

    def add(self, repeat: str) -> None:
        self.steps.append(f"add {repeat}")
        self.told = self.reference.add_repeat(repeat)
        self.state = xlsforms.add_repeat(self.form, self.state, repeat, now=datetime.now(UTC))
        self.compare("added")

    def remove(self, repeat: str, number: int) -> None:
        self.steps.append(f"remove {repeat}[{number}]")
        self.told = self.reference.remove_repeat(f"{repeat}[{number}]")
        self.state = xlsforms.remove_repeat(self.form, self.state, repeat, number, now=datetime.now(UTC))
        self.compare("removed")

    def finish(self) -> None:
        """The instances are the same, and the same question stands in the way if one does."""
        self.steps.append("finish")
        finished = self.reference.finish()
        xml, fault = self._finished()
        self._same(FaultDiffers, {"": fault}, {"": finished.fault})
        if xml is not None:
            self._same(InstanceDiffers, _leaves(xml), _leaves(finished.xml))

    def _finished(self) -> tuple[str | None, tuple[str, str] | None]:
        """Our instance, or what stands in its way."""
        try:
            return finish(self.form, self.state, now=datetime.now(UTC)), None
        except Refused as refused:
            return None, (refused.path, refused.kind)

    def compare(self, verdict: str) -> None:
        self._same(VerdictDiffers, {"": verdict}, {"": self.told.verdict})
        values = {path: text for path, text in self.told.values.items() if path not in OWN}
        self._same(ValueDiffers, self._values(), values)
        self._same(QuestionDiffers, self._questions(), _trimmed(self.told))

    def _same(self, kind: type[Differs], ours: Mapping[str, object], theirs: Mapping[str, object]) -> None:
        differences = [
            f"{path}: ours {ours.get(path)!r}, JavaRosa {theirs.get(path)!r}"
            for path in sorted(ours.keys() | theirs.keys())
            if ours.get(path) != theirs.get(path)
        ]
        if differences:
            raise kind("\n".join([*differences, self.way()]))

    def _values(self) -> dict[str, str]:
        return {path: value(self.form, self.state, path) for path in self.told.values if path not in OWN}

    def _questions(self) -> dict[str, Seen]:
        found = {}
        for question in self.form.questions:
            for path in self._numbered(question.path):
                seen = self._seen(path, question.kind)
                if seen is not None:
                    found[path] = seen
        return found

    def _numbered(self, path: str) -> list[str]:
        """`visit/day` as it stands in every instance: `visit[1]/day`, `visit[2]/day`."""
        for repeat in self.repeats:
            if path.startswith(f"{repeat}/"):
                rest = path.removeprefix(repeat)
                return [f"{repeat}[{number}]{rest}" for number in range(1, self.instances(repeat) + 1)]
        return [path]

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


def _trimmed(told: Told) -> dict[str, Seen]:
    """Blanks at the ends of a label are shown by JavaRosa and not by us; nobody sees them. And a text of blanks
    alone, which calculations can make, is no answer when it is given here, so no constraint is asked about it."""
    return {
        path: replace(seen, label=seen.label.strip(), holds=seen.holds or not told.values[path].strip())
        for path, seen in told.questions.items()
    }


def unnumbered(path: str) -> str:
    """`visit/day` of `visit[2]/day`."""
    return re.sub(r"\[[0-9]+\]", "", path)


def _leaves(xml: str) -> dict[str, str]:
    return {path: text for path, text in read_instance(xml).answers.items() if path not in OWN}


# --- walks -----------------------------------------------------------------------------------------


def walk(reference: JavaRosa, form: Generated, data: st.DataObject) -> None:
    """Opens the form in both engines and answers it, here and there once more, until the end."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "walk.md"
        file.write_text(form.markdown, encoding="utf-8")
        if form.places:
            (file.parent / "places.csv").write_text(form.places, encoding="utf-8")
        both = Both.begin(reference, file, form.repeats)
        for _ in range(data.draw(st.integers(0, 25), label="steps")):
            step(both, form, data)
        both.finish()


def step(both: Both, form: Generated, data: st.DataObject) -> None:
    askable = both.askable()
    if form.languages and data.draw(st.integers(0, 9)) == 0:
        both.language(data.draw(st.sampled_from(form.languages)))
    elif form.open and data.draw(st.integers(0, 4)) == 0:
        resize(both, data.draw(st.sampled_from(form.open)), data)
    elif askable:
        path = data.draw(st.sampled_from(askable))
        both.answer(path, data.draw(answers(both, path, form.kinds[path.rpartition("/")[2]])))


def resize(both: Both, repeat: str, data: st.DataObject) -> None:
    """Adds an instance, up to three, or takes one out; nothing where the repeat does not apply."""
    count = both.instances(repeat)
    if not both.offers(repeat):
        return
    if count < 3 and (not count or data.draw(st.booleans())):
        both.add(repeat)
    elif count > 1:
        both.remove(repeat, data.draw(st.integers(1, count)))


def answers(both: Both, path: str, kind: str) -> st.SearchStrategy[str]:
    """What may be answered now: of choices only those that are offered."""
    if kind not in ("select_one", "select_multiple"):
        return st.sampled_from(ANSWERS[kind])
    names = [name for name, _ in both.told.questions[path].choices]
    if not names:
        return st.just("")
    if kind == "select_one":
        return st.sampled_from([*names, ""])
    return st.lists(st.sampled_from(names), unique=True, max_size=len(NAMES)).map(" ".join)
