"""What changed from one version of a form to the next, in plain words, and what that does to the answers.

>>> for change in compare(form_at(Path("old.xlsx")), form_at(Path("new.xlsx"))):
...     print(change)
question core/respect: the Bengali label changed: “…” → “…”.
question comment was dropped: its answers so far stay, new ones will not come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from .form import Form, Question
from .model import Bind, Model, walk
from .plain import Item, Listed, in_all_languages, listed, typed
from .texts import code_of

__all__ = ["Change", "Harm", "compare"]

Harm = Literal["none", "ends", "breaks"]
"""To the answers: nothing; they stay but no new ones come; old and new ones no longer fit together."""

NAMES = {"en": "English", "bn": "Bengali", "hi": "Hindi"}
LONGEST_QUOTE = 60
_WIDER = {("integer", "decimal"), ("hidden", "calculate"), ("calculate", "hidden")}
_WITHOUT_ANSWERS = ("note",)


@dataclass(frozen=True, slots=True)
class Change:
    """One change: a sentence, and what it does to the answers.

    `kind` is a fixed word (`added`, `dropped`, `renamed`, `moved`, `retyped`, `label`, `choice_added` …);
    `path` is the question's in the new form (in the old one where it was dropped), or the list's name for
    a change of a choice, which `choice` then names.
    """

    kind: str
    path: str
    text: str
    harm: Harm = "none"
    choice: str = ""

    def __str__(self) -> str:
        return self.text


def compare(old: Form, new: Form) -> tuple[Change, ...]:
    """All changes between two versions: of the form, its questions in their order, its sections, its lists."""
    before, after = _View(old), _View(new)
    found = [
        *_of_questions(before, after),
        *_order(before, after),
        *_of_groups(before, after),
        *_of_lists(before, after),
    ]
    return (*_of_form(old, new, changed=bool(found)), *found)


class _View:
    """A form with everything at hand by path."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.questions = {question.path: question for question in form.questions}
        self.controls = {control.path: control for control in form.model.controls}
        self.lists = {path: listed(form, control) for path, control in self.controls.items()}
        self.defaults = {leaf.path: leaf.default for leaf in form.model.leaves()}
        self.sections = {
            path.rpartition("/")[0]: in_all_languages(form, control.section)
            for path, control in self.controls.items()
            if "/" in path
        }

    def bind(self, path: str) -> Bind:
        return self.form.model.binds.get(path, Bind(path))

    def spoken(self, path: str) -> dict[str, dict[str, str]]:
        """All texts of a question, by what they are and by language."""
        bind, control = self.bind(path), self.controls.get(path)
        words = {
            "label": control.label if control else None,
            "hint": control.hint if control else None,
            "constraint message": bind.constraint_message,
            "required message": bind.required_message,
        }
        return {what: in_all_languages(self.form, one) for what, one in words.items()}

    def named_lists(self) -> dict[str, Listed]:
        return {one.id: one for one in self.lists.values() if one is not None and one.id}


# --- the form ----------------------------------------------------------------------------------------


def _of_form(old: Form, new: Form, *, changed: bool) -> Iterator[Change]:
    if old.form_id != new.form_id:
        text = f"the form_id changed from '{old.form_id}' to '{new.form_id}': for the platforms this is another form."
        yield Change("form_id", "", text, "breaks")
    if old.version != new.version:
        raised = new.version > old.version
        text = f"the version was {'raised' if raised else 'lowered'} from {old.version or 'none'} to {new.version or 'none'}."
        yield Change("version", "", text, "none" if raised else "breaks")
    elif changed:
        text = f"the version is still {new.version or 'none'} though the form changed: phones would keep the old one."
        yield Change("version", "", text, "breaks")
    if old.title != new.title:
        yield Change("title", "", f"the title changed from “{old.title}” to “{new.title}”.")
    for language in new.languages:
        if language not in old.languages:
            yield Change("language", "", f"the language {_name(language)} was added.")
    for language in old.languages:
        if language not in new.languages:
            yield Change("language", "", f"the language {_name(language)} was dropped.")
    if old.default_language != new.default_language:
        names = [_name(form.default_language) if form.default_language else "none" for form in (old, new)]
        yield Change("language", "", f"the default language changed from {names[0]} to {names[1]}.")


# --- questions ---------------------------------------------------------------------------------------


def _of_questions(before: _View, after: _View) -> Iterator[Change]:
    pairs = _followed(before, after)
    for path, question in after.questions.items():
        origin = pairs.get(path)
        if origin is None:
            kind = _kind_in_words(after, path)
            yield Change("added", path, f"question {path} was added ({kind}).")
            continue
        earlier = before.questions[origin]
        if origin != path:
            yield _elsewhere(earlier, question)
        yield from _of_question(before, earlier, after, question)
    followed = set(pairs.values())
    for path in [path for path in before.questions if path not in followed]:
        harmless = before.questions[path].kind in _WITHOUT_ANSWERS
        tail = "" if harmless else ": its answers so far stay, new ones will not come"
        yield Change("dropped", path, f"question {path} was dropped{tail}.", "none" if harmless else "ends")


def _followed(before: _View, after: _View) -> dict[str, str]:
    """New path to old path: the same, or moved (same name elsewhere), or renamed (same words, another name)."""
    pairs = {path: path for path in after.questions if path in before.questions}
    gone = [path for path in before.questions if path not in pairs]
    fresh = [path for path in after.questions if path not in pairs]
    likenesses: tuple[Callable[[str, str], bool], ...] = (
        lambda origin, path: _last(origin) == _last(path),
        lambda origin, path: _same_words(before, origin, after, path),
    )
    for alike in likenesses:
        for path in list(fresh):
            origins = [origin for origin in gone if alike(origin, path)]
            if len(origins) == 1:
                pairs[path] = origins[0]
                gone.remove(origins[0])
                fresh.remove(path)
    return pairs


def _same_words(before: _View, origin: str, after: _View, path: str) -> bool:
    """The same label in some language, or (without a label) the same meaning or calculation."""
    first, second = before.questions[origin], after.questions[path]
    if first.kind != second.kind:
        return False
    labels = [
        set(in_all_languages(view.form, view.controls[place].label).items())
        for view, place in ((before, origin), (after, path))
        if place in view.controls
    ]
    if len(labels) == 2 and any(labels):
        return not labels[0].isdisjoint(labels[1])
    calculations = before.bind(origin).calculate, after.bind(path).calculate
    return bool(first.eval and first.eval == second.eval) or bool(
        calculations[0] and calculations[0] == calculations[1]
    )


def _elsewhere(earlier: Question, question: Question) -> Change:
    harm: Harm = "none" if question.kind in _WITHOUT_ANSWERS else "breaks"
    tail = "" if harm == "none" else ": answers so far stay under the old name, new ones come under the new"
    if _last(earlier.path) == _last(question.path):
        return Change(
            "moved", question.path, f"question {earlier.path} was moved to {question.path}{tail}.", harm
        )
    return Change(
        "renamed", question.path, f"question {earlier.path} was renamed to {question.path}{tail}.", harm
    )


def _of_question(before: _View, earlier: Question, after: _View, question: Question) -> Iterator[Change]:
    path = question.path
    old, new = before.bind(earlier.path), after.bind(path)
    if earlier.kind != question.kind:
        yield _retyped(earlier, question)
    yield from _texts(before, earlier.path, after, path)
    yield from _rules(before.form.model, old, after.form.model, new)
    if before.defaults.get(earlier.path, "") != after.defaults.get(path, ""):
        text = _from_to("default", before.defaults.get(earlier.path, ""), after.defaults.get(path, ""))
        yield Change("default", path, f"question {path}: {text}.")
    if earlier.eval != question.eval:
        yield from _meaning(earlier, question)
    if (earlier.appearance or "") != (question.appearance or ""):
        text = _from_to("appearance", earlier.appearance or "", question.appearance or "")
        yield Change("appearance", path, f"question {path}: {text}.")
    if earlier.parameters != question.parameters:
        text = _from_to("range", _pairs(earlier.parameters), _pairs(question.parameters))
        yield Change("parameters", path, f"question {path}: {text}.", "breaks")
    yield from _list_of(before.lists.get(earlier.path), after.lists.get(path), path)


def _retyped(earlier: Question, question: Question) -> Change:
    harmless = (earlier.kind, question.kind) in _WIDER or earlier.kind in _WITHOUT_ANSWERS
    tail = "" if harmless else ": answers before and after are no longer comparable"
    return Change(
        "retyped",
        question.path,
        f"question {question.path}: the type changed from {earlier.kind} to {question.kind}{tail}.",
        "none" if harmless else "breaks",
    )


def _texts(before: _View, origin: str, after: _View, path: str) -> Iterator[Change]:
    old, new = before.spoken(origin), after.spoken(path)
    for what in old:
        said = _in_words(what, old[what], new[what])
        if said:
            yield Change(what.replace(" ", "_"), path, f"question {path}: {said}.")


def _rules(model: Model, old: Bind, changed: Model, new: Bind) -> Iterator[Change]:
    rules = {
        "relevant": (old.relevant, new.relevant),
        "constraint": (old.constraint, new.constraint),
        "calculation": (old.calculate, new.calculate),
        "read_only": (old.readonly, new.readonly),
    }
    for what, (one, other) in rules.items():
        before, after = typed(model, one), typed(changed, other)
        if before != after:
            yield Change(what, new.path, f"question {new.path}: {_from_to(what, before, after)}.")
    needed = [bind.required not in ("", "false()") for bind in (old, new)]
    if needed[0] != needed[1]:
        said = "must now be answered" if needed[1] else "can now be skipped"
        yield Change("required", new.path, f"question {new.path} {said}.")
    elif typed(model, old.required) != typed(changed, new.required):
        yield Change("required", new.path, f"question {new.path}: when it must be answered changed.")


def _meaning(earlier: Question, question: Question) -> Iterator[Change]:
    path = question.path
    if not question.eval:
        text = f"question {path} lost its meaning ({_pairs(earlier.eval)}): new answers will not be taken in."
        yield Change("unmarked", path, text, "ends")
        return
    yield Change(
        "meaning",
        path,
        f"question {path}: {_from_to('meaning', _pairs(earlier.eval), _pairs(question.eval))}.",
    )


def _list_of(one: Listed | None, other: Listed | None, path: str) -> Iterator[Change]:
    if one is None or other is None:
        return
    if (one.id, one.file) != (other.id, other.file):
        names = [found.file or found.id or "its own choices" for found in (one, other)]
        yield Change(
            "list", path, f"question {path}: its choices come from {names[1]} instead of {names[0]}."
        )
        if one.items and other.items:
            yield from _choices(f"question {path}", other.id, one.items, other.items)
    elif not one.id:
        yield from _choices(f"question {path}", "", one.items, other.items)
    if one.filters != other.filters:
        yield Change("choice_filter", path, f"question {path}: which of its choices are offered changed.")


def _order(before: _View, after: _View) -> Iterator[Change]:
    """One question that is asked earlier or later than before, or simply: another order."""
    old = [path for path in before.controls if path in after.controls]
    new = [path for path in after.controls if path in before.controls]
    if old == new:
        return
    for path in new:
        if [other for other in old if other != path] == [other for other in new if other != path]:
            place = new.index(path)
            after_what = f"after {new[place - 1]}" if place else "first"
            yield Change("order", path, f"question {path} is now asked {after_what}.")
            return
    yield Change("order", "", "the questions are asked in another order.")


def _of_groups(before: _View, after: _View) -> Iterator[Change]:
    old_model, new_model = before.form.model, after.form.model
    old_groups = {node.path for node in walk(old_model.nodes) if node.children}
    for node in walk(new_model.nodes):
        if not node.children or node.path not in old_groups:
            continue
        one, other = (
            typed(old_model, before.bind(node.path).relevant),
            typed(new_model, after.bind(node.path).relevant),
        )
        if one != other:
            yield Change("relevant", node.path, f"section {node.path}: {_from_to('relevant', one, other)}.")
        said = _in_words("heading", before.sections.get(node.path, {}), after.sections.get(node.path, {}))
        if said:
            yield Change("heading", node.path, f"section {node.path}: {said}.")


# --- choices -----------------------------------------------------------------------------------------


def _of_lists(before: _View, after: _View) -> Iterator[Change]:
    old, new = before.named_lists(), after.named_lists()
    for name, found in new.items():
        if name in old and found.file is None and old[name].file is None:
            yield from _choices(f"list {name}", name, old[name].items, found.items)


def _choices(where: str, name: str, old: Sequence[Item], new: Sequence[Item]) -> Iterator[Change]:
    before = {item.name: item for item in old}
    after = {item.name: item for item in new}
    renamed = _renamed(before, after)
    for choice, earlier in renamed.items():
        text = f"{where}: the choice '{earlier}' was renamed to '{choice}': answers before and after no longer match."
        yield Change("choice_renamed", name, text, "breaks", choice)
    for choice in after:
        if choice not in before and choice not in renamed:
            yield Change("choice_added", name, f"{where}: the choice '{choice}' was added.", choice=choice)
    for choice in before:
        if choice not in after and choice not in renamed.values():
            text = (
                f"{where}: the choice '{choice}' was dropped: answers with it stay, new ones will not come."
            )
            yield Change("choice_dropped", name, text, "ends", choice)
    yield from _labels(where, name, before, after)
    yield from _places(where, name, [item.name for item in old], [item.name for item in new])


def _renamed(before: Mapping[str, Item], after: Mapping[str, Item]) -> dict[str, str]:
    """New name to old name, where all the words stayed."""
    gone = {name: item.labels for name, item in before.items() if name not in after}
    found: dict[str, str] = {}
    for name, item in after.items():
        origin = next((old for old, labels in gone.items() if labels and labels == item.labels), None)
        if name not in before and origin is not None:
            found[name] = origin
            del gone[origin]
    return found


def _labels(where: str, name: str, before: Mapping[str, Item], after: Mapping[str, Item]) -> Iterator[Change]:
    common = [choice for choice in after if choice in before]
    changed = [choice for choice in common if before[choice].labels != after[choice].labels]
    exchanged: set[str] = set()
    for place, first in enumerate(changed):
        for second in changed[place + 1 :]:
            if _crossed(before, after, first, second):
                exchanged |= {first, second}
                text = f"{where}: the labels of '{first}' and '{second}' were exchanged: answers so far would say the opposite."
                yield Change("choice_exchanged", name, text, "breaks", first)
    for choice in changed:
        said = _in_words("label", before[choice].labels, after[choice].labels)
        if choice not in exchanged and said:
            yield Change("choice_label", name, f"{where}, choice '{choice}': {said}.", choice=choice)
    for choice in common:
        for column in _columns(before[choice], after[choice]):
            values = before[choice].columns.get(column, ""), after[choice].columns.get(column, "")
            text = f"{where}, choice '{choice}': {_from_to(column, *values)}."
            yield Change("choice_column", name, text, choice=choice)


def _crossed(before: Mapping[str, Item], after: Mapping[str, Item], first: str, second: str) -> bool:
    """Exchanged in some language (a slip there is as bad as in all of them)."""
    return any(
        before[first].labels.get(language) == after[second].labels.get(language)
        and before[second].labels.get(language) == after[first].labels.get(language)
        and before[first].labels.get(language) != after[first].labels.get(language)
        for language in after[first].labels
    )


def _columns(one: Item, other: Item) -> list[str]:
    """Columns that cascades look at: not the name, not the labels."""
    words = set(one.labels.values()) | set(other.labels.values())
    return [
        column
        for column in dict.fromkeys((*one.columns, *other.columns))
        if one.columns.get(column, "") != other.columns.get(column, "")
        and column != "itextId"
        and other.columns.get(column, "") not in words
    ]


def _places(where: str, name: str, old: Sequence[str], new: Sequence[str]) -> Iterator[Change]:
    before = [choice for choice in old if choice in new]
    after = [choice for choice in new if choice in old]
    differing = [place for place, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]]
    if len(differing) == 2:
        first, second = (after[place] for place in differing)
        yield Change("choice_order", name, f"{where}: the choices '{second}' and '{first}' swapped places.")
    elif differing:
        yield Change("choice_order", name, f"{where}: the choices stand in another order.")


# --- words -------------------------------------------------------------------------------------------


def _in_words(what: str, old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """'the Bengali label changed: “…” → “…”'; '' when nothing did. A language that came or went is said elsewhere."""
    changed = [
        language for language in dict.fromkeys((*old, *new)) if old.get(language, "") != new.get(language, "")
    ]
    if not changed:
        return ""
    if not old or not new:
        return f"the {what} was {'added' if new else 'dropped'}"
    if len(changed) == 1:
        before, after = old.get(changed[0], ""), new.get(changed[0], "")
        which = f"{_name(changed[0])} " if changed[0] else ""
        return f"the {which}{what} changed: “{_short(before)}” → “{_short(after)}”"
    every = len(changed) == len(new) and len(new) > 2
    which = "in all languages" if every else f"in {_and([_name(language) for language in changed])}"
    return f"the {what} changed {which}"


def _from_to(what: str, before: str, after: str) -> str:
    if not before:
        return f"{what} was added: {_short(after)}"
    if not after:
        return f"{what} was taken out: {_short(before)}"
    return f"{what} changed from {_short(before)} to {_short(after)}"


def _name(language: str) -> str:
    return NAMES.get(code_of(language), language)


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1].rstrip() + "…"


def _pairs(values: Mapping[str, str]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _kind_in_words(view: _View, path: str) -> str:
    found = view.lists.get(path)
    kind = view.questions[path].kind
    return f"{kind} from {found.file or found.id}" if found and (found.file or found.id) else kind
