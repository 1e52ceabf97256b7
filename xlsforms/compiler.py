"""From a form's XML model to its program: every expression compiled, every rule in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType

from .choices import Choices, Shown
from .errors import FormError
from .expression import Expression
from .grammar import ExpressionError, is_call
from .model import Bind, Control, Model, SetValue, Words, walk
from .program import Asked, Program, Rule
from .repeats import MAX_INSTANCES, REPEAT, Counts, each, number_of, unnumbered, written_out
from .secondary import Query, Table
from .texts import EMPTY, MEDIA, Text, label_text, message_text, other_form
from .xpath import Shared, compile_query, compile_with_facts

_VALUE_KINDS = {"int": "number", "integer": "number", "decimal": "number", "date": "date", "dateTime": "date"}
_NO_BIND = Bind("")
_CALCULATED, _APPLIES = "calculate", "relevant"
_Key = tuple[str, str]
"""A rule before it has a number: calculate or relevant, and the path."""
_Values = tuple[tuple[str, Expression], ...]
"""Paths and what is stored there."""

MAX_CHAINED = 10
"""Calculations compiled inside one another, because each needs to know what kind of value the next one has."""

MOST_SHOWN = 300
"""Characters of an expression in a message."""

MAX_READS = 200_000
"""Answers that all rules of a form read together when each of its repeats stands as often as it may."""

NO_REPEATS: Counts = MappingProxyType({})
NO_MEDIA: Mapping[str, Text] = MappingProxyType({})


def compile_form(
    model: Model,
    kinds: Mapping[str, str],
    tables: Mapping[str, Table],
    where: str,
    *,
    repeats: Counts = NO_REPEATS,
    memory: Memory | None = None,
) -> Program:
    """Compiles a form whose questions are of these kinds, with so many instances of its repeats.

    `memory` holds what the same form in other numbers of instances can share. FormError names question and
    expression.
    """
    return _Builder(model, kinds, tables, where, repeats=repeats, memory=memory or Memory()).program()


@dataclass(frozen=True, slots=True)
class Memory:
    """What was compiled already. Expressions: by text and place, with the numbers of instances they hold for."""

    expressions: dict[tuple[str, str], list[tuple[Counts, Expression]]] = field(default_factory=dict)
    choices: dict[object, Choices] = field(default_factory=dict)
    shown: dict[tuple[str, str, str, bool], Shown] = field(default_factory=dict)
    texts: dict[str, Text] = field(default_factory=dict)
    shared: Shared = field(default_factory=Shared)


class _LaterError(Exception):
    """A calculation must be compiled first, from the top of the stack. Caught where it was begun."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class _Builder:
    """Holds what the parts of one compilation share. Also the `Names` of `xlsforms.xpath`."""

    def __init__(
        self,
        model: Model,
        kinds: Mapping[str, str],
        tables: Mapping[str, Table],
        where: str,
        *,
        repeats: Counts,
        memory: Memory,
    ) -> None:
        self.memory = memory
        self.repeats = repeats
        # Questions and groups as the form has them, in no matter how many instances.
        self._known = {leaf.path: model.binds.get(leaf.path, _NO_BIND).type for leaf in model.leaves()}
        self._parts = {node.path for node in model.all_nodes} - set(self._known) | set(repeats)
        model = written_out(model, repeats)
        self.model = model
        self.kinds = kinds
        self.tables = tables
        self.where = where
        self.root = model.root
        self.version = model.version
        self.groups = {
            node.path: tuple(leaf.path for leaf in walk(node.children) if not leaf.children)
            for node in model.all_nodes
            if node.children
        }
        self.types = {leaf.path: model.binds.get(leaf.path, _NO_BIND).type for leaf in model.leaves()}
        self._controlled = {control.path for control in model.controls}
        self._calculations: dict[str, Expression | None] = {}
        self._depth = 0
        self._filter_reads: dict[str, frozenset[str]] = {}

    # --- names -------------------------------------------------------------------------------------

    def kind(self, path: str) -> str | None:
        """What a question holds. A calculation without a type of its own holds what it computes."""
        declared = self.types.get(path) or self._known.get(unnumbered(path))
        if declared is None:
            return None
        if path not in self.types:  # in every instance of a repeat it computes the same
            path = next(iter(each(path, self.repeats)), path)
        if declared != "string" or path in self._controlled:
            return _VALUE_KINDS.get(declared, "string")
        code = self._calculation(path)
        return code.kind if code is not None and code.kind in ("number", "date", "boolean") else "string"

    def is_part(self, path: str) -> bool:
        return path in self.groups or unnumbered(path) in self._parts

    def _calculation(self, path: str) -> Expression | None:
        """The calculation of a question. It compiles those it reads first, and they theirs: never too deep."""
        if path not in self._calculations:
            if self._depth >= MAX_CHAINED:
                raise _LaterError(path)
            waiting = [path]
            while waiting:
                try:
                    self._compile_calculation(waiting[-1])
                    waiting.pop()
                except _LaterError as later:
                    if self._depth:
                        raise
                    if later.path in waiting:
                        self._calculations[later.path] = None
                    else:
                        waiting.append(later.path)
        return self._calculations[path]

    def _compile_calculation(self, path: str) -> None:
        calculate = self.model.binds.get(path, _NO_BIND).calculate
        self._calculations[path] = None  # in a circle it counts as text until the circle is refused
        self._depth += 1
        try:
            if calculate:
                self._calculations[path] = self.expression(calculate, path, "calculation")
        except _LaterError:
            del self._calculations[path]
            raise
        finally:
            self._depth -= 1

    # --- parts -------------------------------------------------------------------------------------

    def expression(self, text: str, path: str, what: str) -> Expression:
        known = self.memory.expressions.setdefault((text, path), [])
        for repeats, expression in known:
            if repeats.items() <= self.repeats.items():
                return expression
        try:
            expression, facts = compile_with_facts(text, self, path, self.memory.shared)
        except ExpressionError as err:
            raise self._error(path, what, text, err) from err
        known.append(({repeat: self.repeats[repeat] for repeat in facts.repeats}, expression))
        return expression

    def _error(self, path: str, what: str, text: str, err: ExpressionError) -> FormError:
        return FormError(f"{self.where}: question {path}, {what} `{self._as_typed(text)}`: {err}.")

    def _as_typed(self, text: str) -> str:
        """An expression as its author wrote it: `${name}` for the paths pyxform put in, with their blanks."""
        for path in sorted(self._known, key=len, reverse=True):
            text = text.replace(f" /{self.root}/{path} ", f"${{{path.rpartition('/')[2]}}}")
        text = text.strip()
        return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"

    def _optional(self, text: str, path: str, what: str) -> Expression | None:
        return None if text in ("", "false()") else self.expression(text, path, what)

    def _label(self, words: Words | None, path: str) -> Text:
        if words is None:
            return EMPTY
        return label_text(words, self.model, self._compile_for(path, "label"))

    def _message(self, words: Words | None, path: str) -> Text:
        if words is None:
            return EMPTY
        return message_text(words, self.model, self._compile_for(path, "message"))

    def _compile_for(self, path: str, what: str) -> Callable[[str], Expression]:
        return lambda text: self.expression(text, path, what)

    def _asked(self, control: Control, governors: Mapping[str, str]) -> Asked:
        path, bind = control.path, self.model.binds.get(control.path, _NO_BIND)
        readonly = self._optional(bind.readonly, path, "read_only")
        kind = REPEAT if control.tag == REPEAT else self.kinds[unnumbered(path)]
        note = kind == "note" or bind.readonly == "true()"
        return Asked(
            path=path,
            over=governors.get(path),
            kind=kind,
            counted=not note and kind != REPEAT,
            type=bind.type,
            note=note,
            appearance=control.appearance,
            eval=bind.eval,
            parameters=control.parameters,
            label=self._label(control.label, path),
            hint=self._label(control.hint, path),
            section=self._label(control.section, path),
            choices=self._choices(control),
            required=self._optional(bind.required, path, "required"),
            required_message=self._message(bind.required_message, path),
            constraint=self._optional(bind.constraint, path, "constraint"),
            constraint_message=self._message(bind.constraint_message, path),
            readonly=readonly,
            guidance=self._other_form(control.hint, "guidance", path),
            media=self._media(control.label, path),
            number=number_of(path),
        )

    def _media(self, label: Words | None, path: str) -> Mapping[str, Text]:
        if label is None or label.itext is None:
            return NO_MEDIA
        found = {kind: self._other_form(label, kind, path) for kind in MEDIA}
        return {kind: text for kind, text in found.items() if text is not EMPTY}

    def _other_form(self, words: Words | None, form: str, path: str) -> Text:
        if words is None or words.itext is None:
            return EMPTY
        return other_form(words, form, self.model, self._compile_for(path, form))

    def _choices(self, control: Control) -> Choices | None:
        if control.itemset is None:
            return self._written_choices(control) if control.items else None
        itemset, path = control.itemset, control.path
        shared = self.memory.choices.get(itemset)
        if shared is not None:
            return shared
        try:
            token = self.memory.shared.read.parse(itemset.nodeset)
            if is_call(token) and token.value == "randomize":
                token = token.parts[0]  # a conversation numbers its choices: their order stays
            query, facts = compile_query(token, self, path, self.memory.shared)
            label, texts = self._label_column(itemset.label)
        except ExpressionError as err:
            raise self._error(path, "choices", itemset.nodeset, err) from err
        self._filter_reads[path] = frozenset(facts.reads | facts.parts)
        choices = Choices(
            query, itemset.value, label, texts, self._shown(query.table, itemset.value, label, texts)
        )
        if not choices.filtered and (texts is None or texts is self.memory.texts):
            self.memory.choices[itemset] = choices
        return choices

    def _shown(self, table: Table, value: str, label: str, texts: dict[str, Text] | None) -> Shown:
        """Shared by all questions that show this list with the same texts."""
        return self.memory.shown.setdefault((table.id, value, label, texts is None), {})

    def _label_column(self, ref: str) -> tuple[str, dict[str, Text] | None]:
        """The label's column, and the translations when it holds their ids."""
        token = self.memory.shared.read.parse(ref)
        if not is_call(token):
            return ref.strip(), None
        if token.value != "jr:itext" or len(token.parts) != 1:
            raise ExpressionError(f"the label '{ref}' is not understood")
        return token.parts[0].value, self.itext

    def _written_choices(self, control: Control) -> Choices:
        """Choices written inside the question, as forms not made by pyxform have them."""
        texts = {name: self._label(words, control.path) for name, words in control.items}
        rows = tuple((name,) for name, _ in control.items)
        return Choices(Query(Table(control.path, None, ("name",), rows)), "name", "name", texts)

    # --- rules -------------------------------------------------------------------------------------

    def _keyed_rules(self) -> dict[_Key, Expression]:
        rules: dict[_Key, Expression] = {}
        for node in self.model.all_nodes:
            bind = self.model.binds.get(node.path, _NO_BIND)
            if bind.relevant not in ("", "true()"):
                rules[_APPLIES, node.path] = self.expression(bind.relevant, node.path, "relevant")
        for repeat in self.repeats:
            bind = self.model.binds.get(repeat, _NO_BIND)
            if bind.relevant not in ("", "true()"):
                rules[_APPLIES, repeat] = self.expression(bind.relevant, repeat, "relevant")
        for node in self.model.all_nodes:
            calculation = None if node.children else self._calculation(node.path)
            if calculation is not None:
                rules[_CALCULATED, node.path] = calculation
        return rules

    def _governors(self, rules: Mapping[_Key, Expression]) -> dict[str, str]:
        governors: dict[str, str] = {}
        for path in (*(node.path for node in self.model.all_nodes), *self.repeats):
            above = governors.get(path.rpartition("/")[0])
            nearest = path if (_APPLIES, path) in rules else above
            if nearest is not None:
                governors[path] = nearest
        return governors

    def _sorted(self, rules: Mapping[_Key, Expression], governors: Mapping[str, str]) -> list[_Key]:
        graph = {key: set(self._needs(key, rules, governors)) for key in rules}
        try:
            return list(TopologicalSorter(graph).static_order())
        except CycleError as err:
            names = " → ".join(dict.fromkeys(path for _, path in reversed(err.args[1])))
            first = err.args[1][-1][1]
            raise FormError(
                f"{self.where}: the relevant and calculation of {names} → {first} depend on each other in a circle;"
                " change one of them."
            ) from err

    def _needs(
        self, key: _Key, rules: Mapping[_Key, Expression], governors: Mapping[str, str]
    ) -> Iterator[_Key]:
        """The rules that must run before this one."""
        what, path = key
        above = governors.get(path.rpartition("/")[0])
        if what == _APPLIES and above is not None:
            yield _APPLIES, above
        yield from ((_APPLIES, governors[part]) for part in rules[key].parts if part in governors)
        for read in rules[key].reads:
            for leaf in (read, *self.groups.get(read, ())):
                if (_CALCULATED, leaf) in rules:
                    yield _CALCULATED, leaf
                if leaf in governors:
                    yield _APPLIES, governors[leaf]

    def _numbered(self, rules: Mapping[_Key, Expression], governors: Mapping[str, str]) -> tuple[Rule, ...]:
        order = self._sorted(rules, governors)
        number = {key: place for place, key in enumerate(order)}
        above = {path: governors.get(path.rpartition("/")[0]) for _, path in order}
        inner: dict[str, list[int]] = {}
        for what, path in order:
            over = above[path]
            if what == _APPLIES and over is not None:
                inner.setdefault(over, []).append(number[what, path])
        governed: dict[str, list[str]] = {}
        for path, over in governors.items():
            governed.setdefault(over, []).append(path)
        return tuple(
            Rule(
                path,
                rules[what, path],
                True,
                tuple(governed[path]),
                above[path],
                tuple(inner.get(path, ())),
                weight=_weight(rules[what, path]),
            )
            if what == _APPLIES
            else Rule(path, rules[what, path], False, weight=_weight(rules[what, path]))
            for what, path in order
        )

    def _require_bearable(self, rules: tuple[Rule, ...]) -> None:
        """Looked at once, with one instance of each repeat; what a conversation may make of them is reckoned."""
        reads = sum(map(_at_most, rules)) if set(self.repeats.values()) <= {1} else 0
        if reads > MAX_READS:
            raise FormError(
                f"{self.where}: its rules would read {reads:,} answers when its repeats stand {MAX_INSTANCES} times;"
                f" a conversation can wait for {MAX_READS:,}. Take calculations over the repeat out of the repeat."
            )

    def _fires(self, rules: tuple[Rule, ...]) -> dict[str, tuple[int, ...]]:
        return _readers(rules, lambda expression: self._spread(expression.reads) | expression.parts)

    def _spread(self, reads: frozenset[str]) -> set[str]:
        """Reading a group is reading all inside."""
        return {leaf for path in reads for leaf in (path, *self.groups.get(path, ()))}

    def _watchers(self) -> dict[str, tuple[str, ...]]:
        watchers: dict[str, list[str]] = {}
        for control in self.model.controls:
            for path in self._spread(self._filter_reads.get(control.path, frozenset())) - {control.path}:
                watchers.setdefault(path, []).append(control.path)
        return {path: tuple(paths) for path, paths in watchers.items()}

    # --- the whole ---------------------------------------------------------------------------------

    def program(self) -> Program:
        self.itext = self.memory.texts or self._itext()
        keyed = self._keyed_rules()
        governors = self._governors(keyed)
        asked = tuple(self._asked(control, governors) for control in self.model.controls)
        rules = self._numbered(keyed, governors)
        self._require_bearable(rules)
        fires = self._fires(rules)
        first, new, changes = self._set_values()
        return Program(
            where=self.where,
            model=self.model,
            tables=self.tables,
            types=MappingProxyType(self.types),
            asked=asked,
            by_path={question.path: question for question in asked},
            rules=tuple(_awakening(rule, fires) for rule in rules),
            governor=governors,
            fires=fires,
            names=_readers(rules, lambda expression: expression.named),
            watchers=self._watchers(),
            filtered=frozenset(
                question.path for question in asked if question.choices and question.choices.filtered
            ),
            order=MappingProxyType({question.path: place for place, question in enumerate(asked)}),
            preloads=tuple(
                bind for bind in self.model.binds.values() if bind.preload and bind.path in self.types
            ),
            defaults=MappingProxyType(
                {leaf.path: leaf.default for leaf in self.model.leaves() if leaf.default}
            ),
            first_values=first,
            changes=MappingProxyType(changes),
            new_values=new,
            repeats=self.repeats,
            counts={
                repeat.path: self.expression(repeat.count, repeat.path, "repeat_count")
                for repeat in self.model.repeats
                if repeat.count
            },
            lingual=tuple(number for number, rule in enumerate(rules) if rule.expression.lingual),
            texts=MappingProxyType(self.itext),
        )

    def _itext(self) -> dict[str, Text]:
        """The labels that lists refer to by id. Those of questions are compiled with their question."""
        names = {value for source in self.model.lists for item in source.items for value in item.values()}
        known = {name for texts in self.model.itext.values() for name in texts}
        texts = {name: self._label(Words(itext=name), "") for name in sorted(names & known)}
        if not any(text.expressions() for text in texts.values()):
            self.memory.texts.update(texts)
            return self.memory.texts
        return texts

    def _set_value(self, action: SetValue) -> Expression:
        """What is set, as seen from the question it is set at; pyxform writes it as seen from the trigger."""
        if action.on is None:
            return self.expression(action.expression, action.path, "default")
        try:
            return self.expression(action.expression, action.path, "calculation")
        except FormError:
            return self.expression(action.expression, action.on, "calculation")

    def _set_values(self) -> tuple[_Values, _Values, dict[str, _Values]]:
        """What is set when the form is opened, when an instance is made, and by a change of which question."""
        first: list[tuple[str, Expression]] = []
        new: list[tuple[str, Expression]] = []
        changes: dict[str, list[tuple[str, Expression]]] = {}
        for action in self.model.set_values:
            if action.path not in self.types:
                raise FormError(
                    f"{self.where}: a value is set at '{action.path}', where there is no question."
                )
            pair = action.path, self._set_value(action)
            if action.on is not None:
                changes.setdefault(action.on, []).append(pair)
            else:
                (new if action.new else first).append(pair)
        return tuple(first), tuple(new), {path: tuple(pairs) for path, pairs in changes.items()}


def _readers(rules: tuple[Rule, ...], of: Callable[[Expression], Set[str]]) -> dict[str, tuple[int, ...]]:
    """Path to the numbers of the rules whose expression has it among these paths."""
    found: dict[str, list[int]] = {}
    for number, rule in enumerate(rules):
        for path in of(rule.expression):
            found.setdefault(path, []).append(number)
    return {path: tuple(numbers) for path, numbers in found.items()}


def _weight(expression: Expression) -> int:
    return 1 + len(expression.reads)


def _at_most(rule: Rule) -> int:
    """What a rule reads in all its instances, over all instances of the repeats that it looks through."""
    expression, times = rule.expression, MAX_INSTANCES if "[" in rule.path else 1
    wide = sum("[" in path for path in expression.reads) if expression.parts else 0
    return times * (len(expression.reads) + wide * (MAX_INSTANCES - 1))


def _awakening(rule: Rule, fires: Mapping[str, tuple[int, ...]]) -> Rule:
    """A relevance with the rules that read what it decides about, and those right below it."""
    readers = {number for path in rule.governed for number in fires.get(path, ())}
    return rule._replace(awakens=tuple(sorted(readers.union(rule.inner))))
