"""Expressions of a form, compiled once into closures over a run of the form.

Parsed by `xlsforms.grammar`; what an expression reads is collected on the way, for the dependency graph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import closures, functions
from .closures import Code, Runner
from .coercion import to_text, to_truth
from .expression import Expression, Facts, Names
from .grammar import (
    CHAINS,
    NAME,
    NUMBER,
    PATH,
    STRING,
    ExpressionError,
    Read,
    Step,
    Token,
    flatten,
    is_call,
    shown,
    terms,
)
from .patterns import compile_pattern
from .repeats import instance, number_of, unnumbered
from .secondary import Branch, Query, Table


def compile_expression(text: str, names: Names, here: str) -> Expression:
    """Compiles an expression of the question (or group) at `here`; ExpressionError says what is wrong."""
    return compile_with_facts(text, names, here)[0]


class Shared:
    """What the expressions of one form share: parsed text, and the code that reads a question."""

    __slots__ = ("literals", "plain", "questions", "read")

    def __init__(self) -> None:
        self.read = Read()
        self.questions: dict[tuple[str, str], Code] = {}
        self.plain: dict[str, tuple[str, Code]] = {}
        self.literals: dict[tuple[str, str], Code] = {}

    def question(self, path: str, kind: str) -> Code:
        """The code that reads a question as this kind."""
        found = self.questions.get((path, kind))
        if found is None:
            found = self.questions[path, kind] = closures.question(path, kind)
        return found


def compile_with_facts(
    text: str, names: Names, here: str, shared: Shared | None = None
) -> tuple[Expression, Facts]:
    """The expression, and with it the repeats whose number of instances went into its code."""
    shared = shared or Shared()
    compiler = Compiler(names, here, shared=shared)
    try:
        code = compiler.code(shared.read.parse(text))
    except RecursionError:
        raise ExpressionError("it is nested too deeply") from None
    facts = compiler.facts
    reads, parts = frozenset(facts.reads), frozenset(facts.parts)
    named = frozenset(facts.named - reads - {here})
    return Expression(text, code.run, code.kind, reads, parts, named, facts.volatile, facts.lingual), facts


def compile_query(token: Token, names: Names, here: str, shared: Shared | None = None) -> tuple[Query, Facts]:
    """Compiles the path of a list of choices."""
    compiler = Compiler(names, here, shared=shared or Shared())
    origin, steps = flatten(token)
    if not is_call(origin) or origin.value != "instance":
        raise ExpressionError("choices that come from other answers are not yet asked in chat")
    return compiler.query(origin, steps), compiler.facts


@dataclass(slots=True)
class Compiler:
    """Compiles for the question at `here`; inside brackets bare names are the columns of `row`.

    `number`: inside the brackets behind a repeat, the number of the instance, and `asking` the question that
    `current()` means there.
    """

    names: Names
    here: str
    row: Table | None = None
    facts: Facts = field(default_factory=Facts)
    uses_row: bool = False
    uses_place: bool = False
    number: float | None = None
    asking: str | None = None
    shared: Shared = field(default_factory=Shared)

    def code(self, token: Token) -> Code:
        """The code of any expression."""
        symbol = token.symbol
        if symbol == PATH:
            return self._plain(token) if len(token.value) > 1 else self._path(token)
        if symbol in _LITERALS:
            return self._literal(symbol, token.value)
        if symbol in CHAINS:
            return self._chain(symbol, [self.code(part) for part in terms(token, symbol)])
        if symbol in _OPERATORS:
            operands = [self.code(part) for part in token.parts]
            return self._operation(symbol, *operands) if len(operands) == 2 else closures.negative(*operands)
        if is_call(token):
            return self._call(token.value, token.parts)
        return self._path(token)

    def _chain(self, symbol: str, operands: list[Code]) -> Code:
        return closures.addition(operands) if symbol == "+" else closures.junction(symbol, operands)

    def _operation(self, symbol: str, left: Code, right: Code) -> Code:
        if symbol in ("=", "!="):
            return closures.equality(symbol == "=", left, right)
        return closures.calculation(symbol, left, right)

    def _literal(self, symbol: str, text: str) -> Code:
        literals = self.shared.literals
        found = literals.get((symbol, text))
        if found is None:
            found = literals[symbol, text] = closures.constant(text if symbol == STRING else float(text))
        return found

    # --- paths -------------------------------------------------------------------------------------

    def _plain(self, token: Token) -> Code:
        """A path of names alone. Where nothing stands several times it means the same everywhere in the form."""
        if self.names.repeats:
            return self._path(token)
        path, code = self.shared.plain.get(token.value) or self._first_plain(token)
        if path:
            self.facts.reads.add(path)
        return code

    def _first_plain(self, token: Token) -> tuple[str, Code]:
        code = self._path(token)
        path = "/".join(step.name for step in token.steps[1:])
        if self.names.kind(path) is None:
            return "", code
        self.shared.plain[token.value] = path, code
        return path, code

    def _path(self, token: Token) -> Code:
        origin, steps = flatten(token)
        if is_call(origin):
            return self._path_from_call(origin, steps)
        if origin == "/":
            return self._absolute(steps)
        return self._node(self._relative(steps)) if self.row is None else self._column(steps)

    def _path_from_call(self, origin: Token, steps: list[Step]) -> Code:
        name = origin.value
        if name == "instance":
            return closures.listed(self.query(origin, steps[:2]), tuple(step.name for step in steps[2:]))
        if name == "current":
            return self._node(self._relative(steps, self.asking))
        raise ExpressionError(f"a path cannot go on after {name}()")

    def _absolute(self, steps: list[Step]) -> Code:
        if not steps or steps[0].name != self.names.root:
            raise ExpressionError(f"there is no question at /{shown(steps)}")
        return self._node(self._beside(steps[1:]))

    def _beside(self, steps: list[Step]) -> list[Step]:
        """An absolute path means the instance it is used in, as far as both go the same way (ODK's deviation)."""
        if not self.names.repeats:
            return _straight([], steps)
        here = self.here.split("/")
        path: list[Step] = []
        for place, step in enumerate(steps):
            same = place < len(here) and unnumbered(here[place]) == step.name
            here = here if same else []
            path.append(Step(here[place]) if same and not step.filters else step)
        return _straight([], path)

    def _relative(self, steps: list[Step], here: str | None = None) -> list[Step]:
        here = self.here if here is None else here
        return _straight([Step(name) for name in here.split("/")] if here else [], steps)

    def _node(self, steps: list[Step]) -> Code:
        """The question, or the questions, at a path below the root."""
        path, places, conditions = self._places(steps)
        kind = self.names.kind(path)
        if kind is None and not self.names.is_part(path):
            if (
                steps[-1].name == "null"
            ):  # what authors write for nothing; to JavaRosa a path that leads nowhere
                return closures.constant("")
            raise ExpressionError(f"there is no question at /{self.names.root}/{unnumbered(path)}")
        if conditions:
            return closures.some([self._read(place, kind) for place in places], conditions)
        if places == [path]:
            return self._read(path, kind)
        if kind is not None:
            self.facts.reads.update(places)
            return closures.several(tuple(places), kind)
        return closures.some([self._read(place, kind) for place in places], [lambda _: True] * len(places))

    def _places(self, steps: list[Step]) -> tuple[str, list[str], list[Runner]]:
        """A path, the same in every instance it means, and for each of those the condition in brackets."""
        path: list[str] = []
        repeats = self.names.repeats
        for at, step in enumerate(steps):
            path.append(step.name)
            if repeats and (repeat := "/".join(path)) in repeats:
                rest = [after.name for after in steps[at + 1 :]]
                if any(after.filters for after in steps[at + 1 :]):
                    raise ExpressionError("a condition in brackets is understood on lists and repeats only")
                return "/".join([repeat, *rest]), *self._instances(repeat, rest, step.filters)
            if step.filters:
                raise ExpressionError("a condition in brackets is understood on lists and repeats only")
        return "/".join(path), ["/".join(path)], []

    def _instances(
        self, repeat: str, rest: list[str], filters: tuple[Token, ...]
    ) -> tuple[list[str], list[Runner]]:
        self.facts.repeats.add(repeat)
        self.facts.parts.add(repeat)
        numbers = range(1, self.names.repeats[repeat] + 1)
        places = ["/".join([instance(repeat, number), *rest]) for number in numbers]
        return places, [self._condition(repeat, number, filters) for number in numbers] if filters else []

    def _condition(self, repeat: str, number: int, filters: tuple[Token, ...]) -> Runner:
        """Whether an instance is meant: a number in brackets is its place, anything else a condition on it."""
        inside = Compiler(
            self.names,
            instance(repeat, number),
            facts=self.facts,
            number=float(number),
            asking=self.asking or self.here,
            shared=self.shared,
        )
        runs = [inside.code(token).run for token in filters]

        def keep(run: Any) -> bool:
            verdicts = (read(run) for read in runs)
            return all(v == number if v.__class__ is float else to_truth(v) for v in verdicts)

        return keep

    def _read(self, path: str, kind: str | None) -> Code:
        if kind is not None:
            self.facts.reads.add(path)
            return self.shared.question(path, kind)
        if path.endswith("]"):  # an instance of a repeat is only counted: what is inside does not matter
            self.facts.parts.add(path)
        else:
            self.facts.reads.add(path)
        return closures.group(path)

    def _column(self, steps: list[Step]) -> Code:
        """A column of the list in brackets."""
        assert self.row is not None
        self.uses_row = True
        named = [step.name for step in steps if step.name != "."]
        if len(named) != 1 or named[0] in ("..", "*") or any(step.filters for step in steps):
            raise ExpressionError(f"inside brackets, '{shown(steps)}' names no column of the list")
        place = _column_place(self.row, named[0])
        return closures.constant("") if place is None else Code(lambda run: run.row[place], "string")

    # --- lists -------------------------------------------------------------------------------------

    def query(self, origin: Token, steps: list[Step]) -> Query:
        """The rows that `instance('…')/root/item[…]` stands for."""
        table = self._table(origin.parts)
        if len(steps) != 2 or steps[0].name != "root" or steps[0].filters:
            raise ExpressionError(f"the list '{table.id}' is read as instance('{table.id}')/root/item")
        filters = steps[1].filters
        compilers = [self._inside(table) for _ in filters]
        runs = tuple(compiler.code(token).run for compiler, token in zip(compilers, filters, strict=True))
        # An index leaves rows out, so that those left would stand in other places.
        indexable = bool(filters) and not compilers[0].uses_place
        return Query(table, runs, self._branches(table, filters[0]) if indexable else ())

    def _table(self, arguments: tuple[Token, ...]) -> Table:
        name = _literal(arguments[0], "instance") if len(arguments) == 1 else ""
        table = self.names.tables.get(name)
        if table is None:
            raise ExpressionError(f"the form has no list '{name}'")
        return table

    def _inside(self, table: Table) -> Compiler:
        """A compiler for the same question, inside the brackets behind a list."""
        return Compiler(self.names, self.here, table, self.facts, asking=self.asking, shared=self.shared)

    def _branches(self, table: Table, token: Token) -> tuple[Branch, ...]:
        """A filter as alternatives that an index answers; () when one of them has no equality."""
        branches: list[Branch] = []
        for alternative in terms(token, "or"):
            branch = self._branch(table, terms(alternative, "and"))
            if branch is None:
                return ()
            branches.append(branch)
        return tuple(branches)

    def _branch(self, table: Table, conditions: tuple[Token, ...]) -> Branch | None:
        keys: dict[str, Runner] = {}
        rest: list[Code] = []
        for condition in conditions:
            column, value = self._key(table, condition)
            if value is not None and column not in keys:
                keys[column] = value
            else:
                rest.append(self._inside(table).code(condition))
        return Branch(tuple(keys), tuple(keys.values()), _all(rest)) if keys else None

    def _key(self, table: Table, token: Token) -> tuple[str, Runner | None]:
        """Column and value of `column = value`, where the value is the same for every row."""
        if token.symbol != "=":
            return "", None
        for name, other in (token.parts, token.parts[::-1]):
            if name.symbol == NAME and _column_place(table, name.value) is not None:
                compiler = self._inside(table)
                value = compiler.code(other)
                if not compiler.uses_row:
                    return name.value, value.run
        return "", None

    # --- functions ---------------------------------------------------------------------------------

    def _call(self, name: str, arguments: tuple[Token, ...]) -> Code:
        if name in functions.REFUSED:
            raise ExpressionError(f"{name}() is not computed in a conversation: {functions.REFUSED[name]}")
        low, high = _arity(name)
        if not low <= len(arguments) <= high:
            raise ExpressionError(f"{name}() takes {_how_many(low, high)}, not {len(arguments)}")
        if name in functions.SPECIAL:
            return _SPECIAL[name](self, arguments)
        codes = [self.code(token) for token in arguments]
        if name in functions.PLAIN:
            _check_pattern(name, arguments)
            return closures.plain_call(functions.PLAIN[name], codes)
        if name in functions.OVER_NODES:
            return closures.nodes_call(functions.OVER_NODES[name], codes)
        self.facts.volatile = True
        return closures.timely_call(functions.TIMELY[name], codes)

    def _if(self, arguments: tuple[Token, ...]) -> Code:
        condition = self.code(arguments[0])
        if condition.constant and self.names.repeats:
            return self._branch_taken(bool(closures.truth_of(condition)(None)), arguments[1:])
        yes, no = (self.code(token) for token in arguments[1:])
        decide, first, second = closures.truth_of(condition), yes.run, no.run
        code = Code(lambda run: first(run) if decide(run) else second(run), closures.common_kind(yes, no))
        return closures.folded(code, condition, yes, no)

    def _branch_taken(self, first: bool, branches: tuple[Token, ...]) -> Code:
        """Where `position(..) = 1` decides, the other branch is not read: a running total is no circle."""
        other = Compiler(
            self.names, self.here, self.row, number=self.number, asking=self.asking, shared=self.shared
        )
        other.code(branches[first])
        self.facts.named |= other.facts.reads | other.facts.named
        return self.code(branches[0 if first else 1])

    def _coalesce(self, arguments: tuple[Token, ...]) -> Code:
        one, other = (self.code(token) for token in arguments)
        first, second = one.run, other.run

        def coalesce(run: Any) -> Any:
            value = first(run)
            return second(run) if value == "" or value != value else value  # noqa: PLR0124  NaN is empty too

        return closures.folded(Code(coalesce, closures.common_kind(one, other)), one, other)

    def _once(self, arguments: tuple[Token, ...]) -> Code:
        """The question's own value if it has one and applies; only else is the argument evaluated.

        What came from chance or the clock stays also while the question does not apply.
        """
        self.facts.volatile = False
        fresh, here = self.code(arguments[0]), self.here
        drawn, self.facts.volatile = self.facts.volatile, True

        def once(run: Any) -> Any:
            own = run.own(here) if drawn else run.values.get(here)
            if not own:
                return fresh.run(run)
            return closures.as_truth(own) if truth else own

        truth = fresh.kind == "boolean"
        # A truth may turn out to be a text that stood there before: its code says so by having nodes.
        return Code(once, fresh.kind, nodes=(lambda run: [once(run)]) if truth else None)

    def _position(self, arguments: tuple[Token, ...]) -> Code:
        if arguments:
            path = self._single_path(arguments[0])
            if path.endswith("]"):  # settled here; but an instance more or less runs the rule, as in JavaRosa
                self.facts.named.add(unnumbered(path))
            return closures.constant(float(number_of(path.rpartition("/")[2]) or 1))
        if self.number is not None:
            return closures.constant(self.number)
        if self.row is None:
            raise ExpressionError("position() is understood inside brackets only")
        self.uses_row = self.uses_place = True
        return Code(lambda run: float(run.place), "number")

    def _single_path(self, token: Token) -> str:
        """The path that is written in an argument, in the instance the question stands in."""
        origin, steps = flatten(token)
        if is_call(origin) and origin.value != "current":
            raise ExpressionError(f"'{shown(steps)}' names no question")
        here = self.asking if is_call(origin) else None
        steps = self._beside(steps[1:]) if origin == "/" else self._relative(steps, here)
        path = "/".join(step.name for step in steps)
        if self.names.kind(path) is None and not self.names.is_part(path):
            raise ExpressionError(f"there is no question at /{self.names.root}/{unnumbered(path)}")
        return path

    def _indexed_repeat(self, arguments: tuple[Token, ...]) -> Code:
        """A question in the instance of a number; its own value it does not see."""
        path, repeat = (unnumbered(self._single_path(token)) for token in arguments[:2])
        kind = self.names.kind(path)
        if repeat not in self.names.repeats or not path.startswith(f"{repeat}/") or kind is None:
            raise ExpressionError("indexed-repeat() takes a question, the repeat it stands in, and a number")
        places, _ = self._instances(repeat, [path[len(repeat) + 1 :]], ())
        place = self.code(arguments[2])
        number = closures.number_of(place)
        if place.constant:
            wanted = number(None)
            first = max(int(wanted), 1) if wanted == wanted and abs(wanted) < functions.MANY else 1  # noqa: PLR0124
            self.facts.named.update(places)
            places = places[first - 1 : first]
            if places == [self.here] or not places:
                return closures.constant("")
            return self._read(places[0], kind)
        self.facts.reads.update(places)
        return closures.chosen(tuple(places), kind, number)

    def _current(self, _: tuple[Token, ...]) -> Code:
        return self._node(self._relative([], self.asking))

    def _instance(self, _: tuple[Token, ...]) -> Code:
        raise ExpressionError("instance() must be followed by a path such as /root/item")

    def _pulldata(self, arguments: tuple[Token, ...]) -> Code:
        table = self._table(arguments[:1])
        wanted, key = (_literal(token, "pulldata") for token in arguments[1:3])
        place, _ = _column_place(table, wanted), _column_place(table, key)
        value = self.code(arguments[3]).run

        def pulldata(run: Any) -> str:
            found = table.index((key,)).get((to_text(value(run)),))
            return table.rows[found[0]][place] if found and place is not None else ""

        return Code(pulldata, "string")

    def _randomize(self, arguments: tuple[Token, ...]) -> Code:
        """The rows as they are: a conversation numbers its choices, so their order stays."""
        return self.code(arguments[0])

    def _version(self, _: tuple[Token, ...]) -> Code:
        return closures.constant(self.names.version)

    def _choice_name(self, arguments: tuple[Token, ...]) -> Code:
        self.facts.lingual = True
        value = self.code(arguments[0]).run
        path = self._named_question(_literal(arguments[1], "jr:choice-name"))
        return Code(lambda run: run.choice_label(path, to_text(value(run))), "string")

    def _named_question(self, text: str) -> str:
        """The path of the question that a path in quotes names."""
        origin, steps = flatten(self.shared.read.parse(text))
        if is_call(origin) and origin.value != "current":
            raise ExpressionError(f"'{text.strip()}' names no question")
        path, places, _ = self._places(self._beside(steps[1:]) if origin == "/" else self._relative(steps))
        if self.names.kind(path) is None:
            raise ExpressionError(f"'{text.strip()}' names no question")
        self.facts.reads.update(places)
        return places[0] if places else path

    def _itext(self, arguments: tuple[Token, ...]) -> Code:
        self.facts.lingual = True
        name = self.code(arguments[0]).run
        return Code(lambda run: run.itext(to_text(name(run))), "string")


def _straight(path: list[Step], steps: list[Step]) -> list[Step]:
    """A path followed by steps, without '..' and '.'."""
    for step in steps:
        if step.name == ".." and not path:
            raise ExpressionError("'..' leads out of the form")
        if step.name == "..":
            path.pop()
        elif step.name != ".":
            path.append(step)
    return path


_LITERALS = frozenset((STRING, NUMBER))
_OPERATORS = frozenset(("=", "!=", *closures.COMPARISONS, *closures.ARITHMETIC))


_SPECIAL: dict[str, Callable[[Compiler, tuple[Token, ...]], Code]] = {
    "if": Compiler._if,
    "coalesce": Compiler._coalesce,
    "once": Compiler._once,
    "position": Compiler._position,
    "indexed-repeat": Compiler._indexed_repeat,
    "current": Compiler._current,
    "instance": Compiler._instance,
    "pulldata": Compiler._pulldata,
    "randomize": Compiler._randomize,
    "version": Compiler._version,
    "jr:choice-name": Compiler._choice_name,
    "jr:itext": Compiler._itext,
}


def _arity(name: str) -> tuple[int, int]:
    if name in functions.SPECIAL:
        return functions.SPECIAL[name]
    found = functions.PLAIN.get(name) or functions.OVER_NODES.get(name) or functions.TIMELY[name]
    return found.low, found.high


def _how_many(low: int, high: int) -> str:
    if high >= functions.MANY:
        return f"at least {low} arguments"
    return f"{low} arguments" if low == high else f"{low} to {high} arguments"


def _literal(token: Token, name: str) -> str:
    if token.symbol != STRING:
        raise ExpressionError(f"{name}() needs names in quotes here")
    return token.value


def _check_pattern(name: str, arguments: tuple[Token, ...]) -> None:
    if name == "regex" and arguments[1].symbol == STRING:
        try:
            compile_pattern(arguments[1].value)
        except ValueError as err:
            raise ExpressionError(str(err)) from err


def _column_place(table: Table, column: str) -> int | None:
    """Where a column stands. A list inside the form may lack one that is blank on all its rows."""
    place = table.place(column)
    if place is None and table.file is not None and table.columns:
        raise ExpressionError(f"{table.file} has no column '{column}'; it has {', '.join(table.columns)}")
    return place


def _all(codes: list[Code]) -> Runner | None:
    if not codes:
        return None
    checks = tuple(map(closures.truth_of, codes))
    return lambda run: all(check(run) for check in checks)
