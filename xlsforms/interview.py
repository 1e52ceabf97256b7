"""An interview: a pure state machine over a form, from the first question to the finished instance.

The state is plain JSON and is never changed in place: every step returns a new one. Its keys:

    form, version    the form it belongs to
    id               the instance's id, "uuid:…"; also the source of random()
    language         full name, or None when the form has one nameless language
    at               path of the question to ask; None when everything was asked
    jumped           whether the end was reached or jumped over: from now on only what is open is asked
    values           answers by path: relevant questions only, without the empty ones
    kept             answers of parts that do not apply at present; they come back with them
    off              paths of the groups and questions whose relevance is false
    seen             questions that were answered, skipped or shown
    repeats          how many instances each repeat has; their questions are `visit[1]/day`, `visit[2]/day`
    draws, now       how often chance was asked, and the moment of the last step
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from .answers import canonical, in_range
from .choices import Choice
from .coercion import moment_text
from .errors import FormError, Refused
from .form import Form
from .instance import write_instance
from .model import NOTHING, Repeat
from .program import Asked, Program
from .repeats import ADD, DONE, MAX_INSTANCES, REPEAT, each, instance, unnumbered
from .resizing import TooMany, follow_counts, moved_up, remove, resize
from .run import Run, State


class Prompt(NamedTuple):
    """A question as it is asked now, in the interview's language, with values filled into its texts.

    `position` of `total` counts the questions that apply at present, notes left out. `value` is the present
    answer. `parameters`: of a range, its `start`, `end`, `step`. `guidance`: more help, for who asks for it.
    `media`: what goes with the label, `audio`, `image`, `big-image` or `video` to the name of the file.

    The kind "repeat" asks for another instance of the repeat at `path`: `label` is the repeat's own ("Visit"),
    the choices are `add` and `done` (in no language: the caller has words for them), `number` is how many there
    are. Of a question inside a repeat, `number` is that of its instance.
    """

    path: str
    kind: str
    label: str
    hint: str | None
    choices: tuple[Choice, ...]
    required: bool
    section: str | None
    position: int
    total: int
    value: str
    appearance: str | None
    eval: Mapping[str, str]
    parameters: Mapping[str, str] = NOTHING
    guidance: str | None = None
    media: Mapping[str, str] = NOTHING
    number: int | None = None


class ReviewLine(NamedTuple):
    """One answer to look over: the question and the answer in the interview's language.

    `number`: of the instance of the repeat it stands in.
    """

    path: str
    label: str
    answer: str
    number: int | None = None


def begin(form: Form, *, now: datetime, language: str | None = None, instance_id: str) -> State:
    """Opens an interview: defaults, start and today are filled in, every rule has run.

    `now` is aware; `instance_id` is "uuid:…" and random. Raises FormError when the form cannot be asked in
    a conversation, KeyError for a language it does not have.
    """
    repeats = {repeat.path: min(repeat.first, MAX_INSTANCES) for repeat in form.model.repeats}
    program = form.program_for(repeats)
    spoken = form.language(language) if language else form.default_language
    state = _state(form, spoken, instance_id, moment_text(now), program)
    run = _writing(form, state, now)
    _preload(run, "start", instance_id)
    for path, expression in program.first_values:  # before the rules, as JavaRosa
        run.take(path, run.fitted(expression.run(run), path))
    run.wake(range(len(program.rules)))
    run.settle()
    _follow_counts(form, run)
    run.clear_stale_choices(run.program.filtered)
    return run.state(state, _next(run, None))


def _state(form: Form, language: str | None, instance_id: str, now: str, program: Program) -> State:
    """An interview before its first rule has run."""
    return {
        "form": form.form_id,
        "version": form.version,
        "id": instance_id,
        "language": language,
        "at": None,
        "jumped": False,
        "values": dict(program.defaults),
        "kept": {},
        "off": {},
        "seen": {},
        "repeats": dict(program.repeats),
        "draws": 0,
        "now": now,
    }


def _reading(form: Form, state: State) -> Run:
    _require_same(form, state)
    return Run(form.program_for(state.get("repeats", {})), state)


def _writing(form: Form, state: State, now: datetime) -> Run:
    _require_same(form, state)
    return Run.writing(form.program_for(state.get("repeats", {})), state, now)


def _require_same(form: Form, state: State) -> None:
    if state["version"] != form.version or state["form"] != form.form_id:
        raise FormError(
            f"{form.where}: this interview was begun with {state['form']} version {state['version']};"
            f" it cannot go on with {form.form_id} version {form.version}."
        )


def _preload(run: Run, event: str, instance_id: str) -> None:
    """What the engine itself fills in: at the "start" or at the "end"."""
    for bind in run.program.preloads:
        if event == "start" and bind.preload == "uid":
            run.store(bind.path, instance_id)
        elif event == "start" and bind.preload == "date":
            run.store(bind.path, run.now.date().isoformat())
        elif bind.preload == "timestamp" and bind.preload_params == event:
            run.store(bind.path, run.stamp)


# --- asking ----------------------------------------------------------------------------------------


def current(form: Form, state: State) -> Prompt | None:
    """The question to ask now; None when everything was asked (time for the review)."""
    run = _reading(form, state)
    path = _at(run, state)
    return None if path is None else _prompt(run, run.program.by_path[path])


def prompt(form: Form, state: State, path: str) -> Prompt:
    """Any relevant question as it is asked now; KeyError for one that does not apply or does not exist."""
    run = _reading(form, state)
    return _prompt(run, _relevant_question(run, path))


def every_choice(form: Form, path: str, language: str | None = None) -> tuple[Choice, ...]:
    """All choices of a question, whatever filter stands before them; () for a question without choices.

    Needs no interview: values shown inside labels are blank. KeyError for a path or language the form lacks.
    """
    program = form.program
    (place,) = each(unnumbered(path), program.repeats)
    choices = program.by_path[place].choices
    if choices is None:
        return ()
    spoken = form.language(language) if language else form.default_language
    return choices.everything(Run(program, _state(form, spoken, "", "", program)), spoken)


def _prompt(run: Run, asked: Asked) -> Prompt:
    language = run.language
    position, total = run.program.progress(run.program.order[asked.path], run.off)
    return Prompt(
        path=asked.path,
        kind="note" if asked.note else asked.kind,
        label=asked.label.show(run, language),
        hint=asked.hint.show(run, language) or None,
        choices=asked.choices.offered(run, language) if asked.choices else _AGAIN.get(asked.kind, ()),
        required=asked.required is not None and asked.required.truth(run),
        section=asked.section.show(run, language) or None,
        position=position,
        total=total,
        value=run.values.get(asked.path, ""),
        appearance=asked.appearance,
        eval=asked.eval,
        parameters=asked.parameters,
        guidance=asked.guidance.show(run, language) or None,
        media=_media(asked, run) if asked.media else NOTHING,
        number=run.repeats[asked.path] if asked.kind == REPEAT else asked.number,
    )


_AGAIN = {REPEAT: (Choice(ADD, ADD), Choice(DONE, DONE))}


def _media(asked: Asked, run: Run) -> dict[str, str]:
    """`jr://audio/hello.mp3` is the attached file hello.mp3."""
    shown = {kind: text.show(run, run.language) for kind, text in asked.media.items()}
    return {kind: address.rpartition("/")[2] for kind, address in shown.items() if address}


def review(form: Form, state: State) -> tuple[ReviewLine, ...]:
    """The answers given so far, in the form's order; without notes, hidden and calculated values."""
    run = _reading(form, state)
    lines = []
    for asked in run.program.asked:
        text = run.values.get(asked.path, "")
        if text and not asked.note:
            label, shown = asked.label.show(run, run.language), _shown(run, asked, text)
            lines.append(ReviewLine(asked.path, label, shown, asked.number))
    return tuple(lines)


def _shown(run: Run, asked: Asked, text: str) -> str:
    if asked.choices is None:
        return text
    names = text.split() if asked.kind == "select_multiple" else [text]
    return ", ".join(asked.choices.label_of(run, run.language, name) or name for name in names)


def value(form: Form, state: State, path: str) -> str:  # noqa: ARG001  asked alike in all steps
    """The answer at a path, hidden and calculated ones too; '' when empty, not relevant or unknown."""
    text: str = state["values"].get(path, "")
    return text


# --- answering -------------------------------------------------------------------------------------


def answer(form: Form, state: State, value: str, *, now: datetime) -> State:
    """Answers the current question and goes on to the next; "" leaves it empty, or passes a note.

    `value` as XForms stores it: choice names (several divided by a blank), dates as 2026-11-20; to a question
    of the kind "repeat" it is `add` or `done`. Raises Refused; ValueError when nothing is being asked.
    """
    run = _writing(form, state, now)
    path = _at(run, state)
    if path is None:
        raise ValueError("everything was asked already: there is no question to answer")
    return _answered(form, run, state, path, value, at=path)


def skip(form: Form, state: State, *, now: datetime) -> State:
    """Leaves the current question empty; Refused when it is required."""
    return answer(form, state, "", now=now)


def set_answer(form: Form, state: State, path: str, value: str, *, now: datetime) -> State:
    """Answers a question by its path; hidden and calculated values can be set too, as they are.

    The cursor moves on only if this was the current question. Raises Refused; KeyError for an unknown path.
    """
    run = _writing(form, state, now)
    return _answered(form, run, state, path, value, at=_at(run, state))


def _answered(form: Form, run: Run, state: State, path: str, value: str, *, at: str | None) -> State:
    """The state after an answer, given while the cursor was `at`."""
    asked = run.program.by_path.get(path)
    if asked is not None and asked.kind == REPEAT:
        return _another(form, run, state, path, value)
    if asked is not None:
        value = _accepted(run, asked, value)
        run.seen[path] = True
    elif path not in run.program.types:
        raise KeyError(f"{form.form_id} has no question '{path}'")
    if asked is None or (not asked.note and (value or run.own(path))):
        run.answer(path, value)  # nothing where nothing was is no answer: no rule runs, as in JavaRosa
        if run.program.counts:
            _follow_answered(form, run, path)
    return run.state(state, at) if path != at else _moved_on(run, state, path)


def _follow_answered(form: Form, run: Run, path: str) -> None:
    """An answer that asks for more instances than anybody can tell of is refused."""
    try:
        _follow_counts(form, run)
    except TooMany:
        raise Refused(path, "constraint") from None


def _another(form: Form, run: Run, state: State, path: str, reply: str) -> State:
    """Adds an instance and goes to its first question, or goes on."""
    if reply.strip() not in (ADD, DONE, ""):
        raise Refused(path, "choice")
    if reply.strip() != ADD:
        run.seen[path] = True
        return _moved_on(run, state, path)
    before = run.repeats[path]
    resize(run, form.program_for, path, before + 1)
    _follow_counts(form, run)
    new = f"{instance(path, before + 1)}/"
    first = (asked.path for asked in run.program.asked if asked.path.startswith(new) and run.applies(asked))
    return run.state(state, next(first, None) or _onward(run, state, path))


def _follow_counts(form: Form, run: Run) -> None:
    """Raises TooMany for a count above the largest number of instances."""
    if run.program.counts:
        follow_counts(run, form.program_for)


# --- repeats ---------------------------------------------------------------------------------------


def repeats(form: Form, state: State, path: str) -> int:
    """How many instances a repeat has; KeyError when the form has no repeat there."""
    _require_same(form, state)
    _repeat(form, path)
    count: int = state["repeats"][path]
    return count


def add_repeat(form: Form, state: State, path: str, *, now: datetime) -> State:
    """One more instance of a repeat, behind the others, with its defaults; its questions are `path[n]/…`.

    The cursor stays. Refused (readonly) when the form itself says how many there are, (constraint) when there
    are as many as a conversation takes; KeyError for a repeat that does not apply or does not exist.
    """
    run = _writing(form, state, now)
    at = _at(run, state)
    _require_open(form, run, path)
    if run.repeats[path] >= MAX_INSTANCES:
        raise Refused(path, "constraint")
    resize(run, form.program_for, path, run.repeats[path] + 1)
    _follow_counts(form, run)
    return run.state(state, at)


def remove_repeat(form: Form, state: State, path: str, index: int, *, now: datetime) -> State:
    """A repeat without its instance `index` (from 1): its answers are gone, later ones move up by one.

    Refused and KeyError as in `add_repeat`; IndexError when there is no such instance.
    """
    run = _writing(form, state, now)
    at = _at(run, state)
    _require_open(form, run, path)
    if not 1 <= index <= run.repeats[path]:
        raise IndexError(f"{path} has {run.repeats[path]} instances; there is none with the number {index}")
    remove(run, form.program_for, path, index)
    _follow_counts(form, run)
    return run.state(state, at and moved_up(at, path, index, gone=path))


def _repeat(form: Form, path: str) -> Repeat:
    found = next((repeat for repeat in form.model.repeats if repeat.path == path), None)
    if found is None:
        raise KeyError(f"{form.form_id} has no repeat '{path}'")
    return found


def _require_open(form: Form, run: Run, path: str) -> None:
    if _repeat(form, path).fixed:
        raise Refused(path, "readonly")
    if not run.relevant(path):
        raise KeyError(f"the repeat '{path}' does not apply to the answers given so far")


def _accepted(run: Run, asked: Asked, text: str) -> str:
    """The answer in canonical form, after everything that could be said against it."""
    path = asked.path
    if asked.note or (asked.readonly is not None and asked.readonly.truth(run)):
        if text.strip():
            raise Refused(path, "readonly")
        return run.own(path)
    text = canonical(path, asked.kind, text)
    if not text:
        _require(run, asked)
    elif asked.choices is not None and not all(
        asked.choices.offers(run, name) for name in _names(asked, text)
    ):
        raise Refused(path, "choice")
    else:
        _constrain(run, asked, text)
    return text


def _names(asked: Asked, text: str) -> list[str]:
    return text.split() if asked.kind == "select_multiple" else [text]


def _require(run: Run, asked: Asked) -> None:
    if asked.required is not None and asked.required.truth(run):
        raise Refused(asked.path, "required", asked.required_message.show(run, run.language))


def _constrain(run: Run, asked: Asked, text: str) -> None:
    """The constraint sees the new answer in place of the old one; of a run that writes."""
    path, constraint = asked.path, asked.constraint
    message = asked.constraint_message
    if "start" in asked.parameters and not in_range(text, asked.parameters):
        raise Refused(path, "constraint", message.show(run, run.language))
    if constraint is None:
        return
    before = run.values.get(path)
    run.values[path] = text
    holds = constraint.truth(run)
    if before is None:
        del run.values[path]
    else:
        run.values[path] = before
    if not holds:
        raise Refused(path, "constraint", message.show(run, run.language))


# --- moving ----------------------------------------------------------------------------------------


def back(form: Form, state: State) -> State:
    """Reopens the question before the current one, its answer kept; at the first question nothing changes."""
    run = _reading(form, state)
    at = _at(run, state)
    before = None
    for asked in run.program.asked:
        if asked.path == at:
            break
        if not asked.note and run.applies(asked):
            before = asked.path
    return state if before is None else {**state, "at": before}


def go_to(form: Form, state: State, path: str) -> State:
    """Reopens one question from the review; after its answer only what is still open is asked.

    KeyError for a question that does not apply or does not exist.
    """
    _relevant_question(_reading(form, state), path)
    return {**state, "at": path, "jumped": True}


def set_language(form: Form, state: State, language: str) -> State:
    """Goes on in another language, given its code or its full name; answers stay. KeyError lists the known."""
    state = {**state, "language": form.language(language)}
    run = _writing(form, state, _reading(form, state).now)
    run.wake(run.program.lingual)
    run.settle()
    return run.state(state, state["at"])


def _relevant_question(run: Run, path: str) -> Asked:
    asked = run.program.by_path.get(path)
    if asked is None:
        raise KeyError(f"the form asks no question '{path}'")
    if not run.relevant(path):
        raise KeyError(f"the question '{path}' does not apply to the answers given so far")
    return asked


def _at(run: Run, state: State) -> str | None:
    """The question under the cursor, or the next one that applies when it no longer does."""
    at: str | None = state["at"]
    if at is None or at not in run.program.order:
        return _unseen(run)
    return at if run.relevant(at) else _onward(run, state, at)


def _onward(run: Run, state: State, path: str) -> str | None:
    """Where an answer leads: on in the form's order; after a jump, or at the end, to what is still open."""
    following = None if state["jumped"] else _next(run, path)
    return following or _unseen(run)


def _moved_on(run: Run, state: State, path: str) -> State:
    """The state with the cursor behind `path`. Who has once come to the end is not led through it all again."""
    following = None if state["jumped"] else _next(run, path)
    if following is not None:
        return run.state(state, following)
    return run.state({**state, "jumped": True}, _unseen(run))


def _next(run: Run, path: str | None) -> str | None:
    """The next relevant question in the form's order."""
    program = run.program
    for asked in program.asked[0 if path is None else program.order[path] + 1 :]:
        if run.applies(asked):
            return asked.path
    return None


def _unseen(run: Run) -> str | None:
    for asked in run.program.asked:
        if asked.path not in run.seen and run.applies(asked):
            return asked.path
    return None


# --- the end ---------------------------------------------------------------------------------------


def finish(form: Form, state: State, *, now: datetime) -> str:
    """The finished instance as XML. Refused, naming the question, when a required one is empty or a
    constraint fails."""
    run = _writing(form, state, now)
    for asked in run.program.asked:
        if not asked.note and run.applies(asked):
            _check_again(run, asked)
    _preload(run, "end", state["id"])
    return write_instance(run.program.model, run.values, run.relevant, state["id"])


def _check_again(run: Run, asked: Asked) -> None:
    text = run.values.get(asked.path, "")
    if text:
        _constrain(run, asked, text)
    else:
        _require(run, asked)
