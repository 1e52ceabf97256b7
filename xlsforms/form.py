"""A form: its questions, languages and marks, read from a workbook or an XForm."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from .compiler import Memory, compile_form
from .errors import FormError
from .model import NOTHING, Bind, Control, ListSource, Model
from .program import Program
from .repeats import Counts, nested, unnumbered
from .secondary import Table
from .texts import code_of
from .workbook import MAX_BYTES, Converted, read_csv, require_readable, to_xform
from .xform import read_model

KINDS = frozenset(
    (
        "text",
        "integer",
        "decimal",
        "date",
        "time",
        "dateTime",
        "select_one",
        "select_multiple",
        "note",
        "acknowledge",
    )
)
"""What a conversation can ask."""

MOST_PROGRAMS = 200
"""Numbers of instances a form is kept compiled for."""

MOST_REPEATED = 200
"""Questions in repeats, all of them together: fifty instances are then ten thousand. The most that stand in repeats
of the public forms in `docs/conformance.md` are 241, in a survey of hospitals with repeats in repeats."""

CSV_ADDRESS = "jr://file-csv/"

_INPUTS = {
    "string": "text",
    "int": "integer",
    "integer": "integer",
    "decimal": "decimal",
    "date": "date",
    "time": "time",
    "dateTime": "dateTime",
}
_CONTROLS = {"select1": "select_one", "select": "select_multiple", "trigger": "acknowledge", "rank": "rank"}


class Question(NamedTuple):
    """One question: `core/respect` is the question `respect` of the group `core`.

    `kind`: text, integer, decimal, date, time, dateTime, select_one, select_multiple, note, acknowledge,
    calculate, hidden; other kinds (geopoint, image, rank …) keep their own name and are not asked in chat.
    `choice_names`: the names of a list written in the form, whatever filter stands before it.
    `eval`: what the question means to us (`is`, `measures`, `best`, `flag`, `service`).
    `parameters`: of a range, its `start`, `end` and `step`.
    """

    path: str
    kind: str
    readonly: bool
    appearance: str | None
    choice_names: tuple[str, ...]
    eval: Mapping[str, str]
    parameters: Mapping[str, str] = NOTHING


@dataclass(frozen=True)
class Form:
    """A form, immutable and shared by all its interviews. Made by `load_form` and `form_from_xml`."""

    form_id: str
    version: str
    title: str
    xform: str = field(repr=False)
    languages: tuple[str, ...]
    default_language: str | None
    questions: tuple[Question, ...] = field(repr=False)
    model: Model = field(repr=False, compare=False)
    media: Mapping[str, str] | None = field(repr=False, compare=False)
    where: str = field(repr=False, compare=False)

    def language(self, code_or_name: str) -> str:
        """The full name of a language, given its code ("bn") or its full name; KeyError lists the known."""
        for language in self.languages:
            if code_or_name in (language, code_of(language)):
                return language
        known = ", ".join(self.languages) or "none: the form has one language without a name"
        raise KeyError(f"{self.form_id} has no language '{code_or_name}'; it has {known}")

    def question(self, path: str) -> Question:
        """The question at a path, with or without the numbers of repeats; KeyError when the form has none there."""
        return self._questions[unnumbered(path)]

    @property
    def repeats(self) -> tuple[str, ...]:
        """The paths of the repeats: parts that can stand several times."""
        return tuple(repeat.path for repeat in self.model.repeats)

    @cached_property
    def _questions(self) -> dict[str, Question]:
        return {question.path: question for question in self.questions}

    @cached_property
    def program(self) -> Program:
        """The form compiled, with one instance of every repeat.

        FormError says which expression, list or kind of question stands against it.
        """
        return self._compiled({repeat.path: 1 for repeat in self.model.repeats})

    def program_for(self, repeats: Counts) -> Program:
        """The form compiled for so many instances of its repeats. Made once and shared by all interviews."""
        if not repeats:
            return self.program
        programs, shape = self._programs, tuple(repeats.items())
        found = programs.get(shape)
        if found is None:
            if len(programs) >= MOST_PROGRAMS:  # rarer than a form is loaded: they are made again when needed
                programs.clear()
            found = programs[shape] = self._compiled(dict(repeats))
        return found

    def _compiled(self, repeats: Counts) -> Program:
        if self.obstacle:
            raise FormError(f"{self.where}: {self.obstacle}")
        kinds = {question.path: question.kind for question in self.questions}
        return compile_form(
            self.model, kinds, self._read_tables, self.where, repeats=repeats, memory=self._memory
        )

    @cached_property
    def _programs(self) -> dict[tuple[tuple[str, int], ...], Program]:
        return {}

    @cached_property
    def _memory(self) -> Memory:
        return Memory()

    @cached_property
    def _read_tables(self) -> Mapping[str, Table]:
        return _tables(self.model, self.media, self.where)

    @cached_property
    def obstacle(self) -> str | None:
        """Why a conversation cannot ask this form yet: a repeat, a list, a kind of question; None when it can."""
        return next(self._obstacles(), None)

    def _obstacles(self) -> Iterator[str]:
        if self.model.entities:
            yield "it makes or changes entities, which is not yet done in chat; use a phone or the web form."
        yield from self._obstacles_in_repeats()
        for source in self.model.lists:
            if source.src is not None and _file_name(source) is None:
                yield f"the list '{source.id}' comes from {source.src}; only CSV files are read in chat."
        for control in self.model.controls:
            question = self._questions.get(control.path)
            if question is None:
                yield f"the form asks for '{control.path}' but has no place to keep the answer."
            elif question.kind not in KINDS:
                yield f"question {control.path} is of the kind '{question.kind}', not yet asked in chat."
            elif control.itemset is not None and "instance(" not in control.itemset.nodeset:
                yield f"question {control.path} takes its choices from other answers, not yet asked in chat."

    def _obstacles_in_repeats(self) -> Iterator[str]:
        inside = nested(self.model.repeats)
        if inside:
            yield (
                f"the repeat {inside[0]} inside the repeat {inside[1]} is not yet asked in chat;"
                " use a phone or the web form."
            )
        inside_any = tuple(f"{repeat}/" for repeat in self.repeats)
        many = sum(question.path.startswith(inside_any) for question in self.questions) if inside_any else 0
        if many > MOST_REPEATED:
            yield f"its repeats have {many} questions; a conversation repeats {MOST_REPEATED} at most."


def load_form(path: Path, *, media: Path | None = None) -> Form:
    """A form from a workbook (.xlsx, .xls, .csv, .md) or an XForm (.xml), every expression checked.

    Lists the form chooses from (`providers.csv`) are read from the folder `media`, else from the form's own.
    Repeats and kinds of question that a conversation cannot ask are found by `xlsforms.begin` only.
    Raises FormError.
    """
    return form_of(read_xform(path), path, media=media)


def read_xform(path: Path, *, untrusted: bool = False) -> Converted:
    """The XForm of a workbook, or of a file that is one; `untrusted` as in `to_xform`. Raises FormError."""
    if path.suffix.lower() != ".xml":
        return to_xform(path, untrusted=untrusted)
    require_readable(path)
    try:
        return Converted(path.read_text(encoding="utf-8-sig"), ())
    except UnicodeDecodeError as err:
        raise FormError(f"{path}: is not UTF-8 text.") from err


def form_of(converted: Converted, path: Path, *, media: Path | None = None) -> Form:
    """What `load_form` makes of the XForm of the file at `path`."""
    with _no_garbage_sought():
        model = read_model(converted.xform, str(path))
        form = _form(converted.xform, model, _attached(model, media or path.parent, str(path)), str(path))
        if form.obstacle is None:
            _ = form.program
    return form


@contextmanager
def _no_garbage_sought() -> Iterator[None]:
    """All that a load makes stays: to look for garbage in it some fifty times is a third of its time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def form_from_xml(xml: str, *, media: Mapping[str, str] | None = None) -> Form:
    """A form from the text of an XForm; `media` maps the names of attached lists to their CSV text.

    Enough for marks without media; `xlsforms.begin` needs the lists. Raises FormError.
    """
    if len(xml) > MAX_BYTES:
        raise FormError(
            f"the XForm is larger than {MAX_BYTES // 1024 // 1024} MB; a form is never that large."
        )
    model = read_model(xml, "the XForm")
    return _form(xml, model, media, model.form_id)


def _form(xml: str, model: Model, media: Mapping[str, str] | None, where: str) -> Form:
    return Form(
        form_id=model.form_id,
        version=model.version,
        title=model.title,
        xform=xml,
        languages=tuple(model.itext),
        default_language=model.default_language,
        questions=tuple(_questions(model)),
        model=model,
        media=media,
        where=where,
    )


def _questions(model: Model) -> Iterator[Question]:
    controls = {control.path: control for control in model.controls}
    lists = {source.id: source for source in model.lists}
    listed: dict[tuple[str, str], tuple[str, ...]] = {}
    computed = {action.path for action in model.set_values}
    for leaf in model.leaves():
        bind, control = model.binds.get(leaf.path) or Bind(leaf.path), controls.get(leaf.path)
        if control is None and (bind.preload or leaf.path.split("/")[0] == "meta"):
            continue  # start, end, instanceID: kept by the engine, asked of nobody
        yield Question(
            path=leaf.path,
            kind=_kind(bind, control, leaf.path in computed),
            readonly=bind.readonly == "true()",
            appearance=control.appearance if control else None,
            choice_names=_choice_names(control, lists, listed) if control else (),
            eval=bind.eval,
            parameters=control.parameters if control else NOTHING,
        )


def _kind(bind: Bind, control: Control | None, computed: bool) -> str:
    if control is None:
        return "calculate" if bind.calculate or computed else "hidden"
    if control.tag == "upload":
        return control.media.partition("/")[0] or "file"
    if "query" in control.parameters:
        return "select_one_external"
    if control.tag in _CONTROLS:
        return _CONTROLS[control.tag]
    if bind.type == "string" and bind.readonly == "true()":
        return "note"
    return _INPUTS.get(bind.type, bind.type)


def _choice_names(
    control: Control, lists: Mapping[str, ListSource], listed: dict[tuple[str, str], tuple[str, ...]]
) -> tuple[str, ...]:
    """The names of a question's choices; those of a list are kept in `listed` for the next question."""
    if control.itemset is None:
        return tuple(name for name, _ in control.items)
    opened, _, rest = control.itemset.nodeset.partition("instance(")
    source = (
        lists.get(rest.partition(")")[0].strip("'\" "))
        if rest and opened.strip() in ("", "randomize(")
        else None
    )
    if source is None:
        return ()
    key = source.id, control.itemset.value
    if key not in listed:
        listed[key] = tuple(item.get(control.itemset.value, "") for item in source.items)
    return listed[key]


# --- lists -----------------------------------------------------------------------------------------


def _attached(model: Model, folder: Path, where: str) -> dict[str, str]:
    """The text of every attached list, by file name."""
    texts: dict[str, str] = {}
    for source in model.lists:
        name = _file_name(source)
        if name is None or name in texts:
            continue
        file = folder / name
        if not file.is_file():
            raise FormError(f"{where}: the form chooses from {name}, which is not in {folder}; put it there.")
        if file.stat().st_size > MAX_BYTES:
            raise FormError(f"{file}: larger than {MAX_BYTES // 1024 // 1024} MB; no list is that long.")
        try:
            texts[name] = file.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as err:
            raise FormError(f"{file}: is not UTF-8 text; save it as 'CSV UTF-8'.") from err
    return texts


def _file_name(source: ListSource) -> str | None:
    """`providers.csv` of jr://file-csv/providers.csv; None for a list inside the form and other addresses."""
    if source.src is None or not source.src.startswith(CSV_ADDRESS):
        return None
    name = source.src.removeprefix(CSV_ADDRESS)
    return name if "/" not in name and "\\" not in name and name not in ("", ".", "..") else None


def _tables(model: Model, media: Mapping[str, str] | None, where: str) -> Mapping[str, Table]:
    return MappingProxyType({source.id: _table(source, media or {}, where) for source in model.lists})


def _table(source: ListSource, media: Mapping[str, str], where: str) -> Table:
    if source.src is None:
        columns = tuple(dict.fromkeys(column for item in source.items for column in item))
        return Table(
            source.id, None, columns, tuple([tuple([i.get(c, "") for c in columns]) for i in source.items])
        )
    name = _file_name(source)
    if name is None:
        raise FormError(
            f"{where}: the list '{source.id}' comes from {source.src}; only CSV files are read in chat."
        )
    if name not in media:
        raise FormError(f"{where}: the form chooses from {name}, which was not given with it.")
    columns, rows = read_csv(media[name])
    return Table(source.id, name, columns, rows)
