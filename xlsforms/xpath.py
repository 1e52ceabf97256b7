"""Expressions of a form, compiled once into closures over a run of the form.

Parsed by `xlsforms.grammar`; what an expression reads is collected on the way, for the dependency graph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import closures, functions
from .closures import Code, Runner
from .coercion import to_text
from .expression import Expression, Facts, Names
from .grammar import (
    MAX_NESTING,
    ExpressionError,
    Step,
    Token,
    call_arguments,
    call_name,
    flatten,
    is_call,
    parse,
    shown,
    terms,
    without_brackets,
)
from .secondary import Branch, Query, Table


def compile_expression(text: str, names: Names, here: str) -> Expression:
    """Compiles an expression of the question (or group) at `here`; ExpressionError says what is wrong."""
    compiler = Compiler(names, here)
    try:
        code = compiler.code(parse(text))
    except RecursionError:
        raise ExpressionError("it is nested too deeply") from None
    facts = compiler.facts
    return Expression(text, code.run, code.kind, frozenset(facts.reads), facts.volatile, facts.lingual)


def compile_query(token: Token, names: Names, here: str) -> tuple[Query, Facts]:
    """Compiles the path of a list of choices."""
    compiler = Compiler(names, here)
    origin, steps = flatten(token)
    if not is_call(origin) or call_name(origin) != "instance":
        raise ExpressionError("choices that come from other answers are not yet asked in chat")
    return compiler.query(origin, steps), compiler.facts


@dataclass(slots=True)
class Compiler:
    """Compiles for the question at `here`; inside brackets bare names are the columns of `row`."""

    names: Names
    here: str
    row: Table | None = None
    facts: Facts = field(default_factory=Facts)
    uses_row: bool = False
    uses_place: bool = False
    depth: int = 0

    def code(self, token: Token) -> Code:
        """The code of any expression."""
        token = without_brackets(token)
        symbol = token.symbol
        if symbol in _LITERALS:
            return closures.constant(token.value if symbol == "(string)" else float(token.value))
        if symbol in _CHAINS and len(token) == 2:
            return self._chain(symbol, [self._deeper(part) for part in terms(token, symbol)])
        if symbol in _OPERATORS and len(token) == 2:
            return self._operation(symbol, self._deeper(token[0]), self._deeper(token[1]))
        if symbol in ("+", "-"):
            return closures.signed(symbol, self._deeper(token[0]))
        if is_call(token):
            return self._call(call_name(token), call_arguments(token))
        return self._path(token)

    def _deeper(self, token: Token) -> Code:
        """The code of a part; closures nest as their expression does, and the stack has an end."""
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise ExpressionError("it is nested too deeply")
        code = self.code(token)
        self.depth -= 1
        return code

    def _chain(self, symbol: str, operands: list[Code]) -> Code:
        return closures.addition(operands) if symbol == "+" else closures.junction(symbol, operands)

    def _operation(self, symbol: str, left: Code, right: Code) -> Code:
        if symbol in ("=", "!="):
            return closures.equality(symbol == "=", left, right)
        return closures.calculation(symbol, left, right)

    # --- paths -------------------------------------------------------------------------------------

    def _path(self, token: Token) -> Code:
        origin, steps = flatten(token)
        if is_call(origin):
            return self._path_from_call(origin, steps)
        if origin == "/":
            return self._absolute(steps)
        return self._node(self.here, steps) if self.row is None else self._column(steps)

    def _path_from_call(self, origin: Token, steps: list[Step]) -> Code:
        name = call_name(origin)
        if name == "instance":
            return closures.listed(self.query(origin, steps[:2]), tuple(step.name for step in steps[2:]))
        if name == "current":
            return self._node(self.here, steps)
        raise ExpressionError(f"a path cannot go on after {name}()")

    def _absolute(self, steps: list[Step]) -> Code:
        if not steps or steps[0].name != self.names.root:
            raise ExpressionError(f"there is no question at /{shown(steps)}")
        return self._node("", steps[1:])

    def _node(self, start: str, steps: list[Step]) -> Code:
        path = start.split("/") if start else []
        for step in steps:
            if step.filters:
                raise ExpressionError("a condition in brackets is understood on lists only, not on questions")
            if step.name == ".." and not path:
                raise ExpressionError("'..' leads out of the form")
            if step.name == "..":
                path.pop()
            elif step.name != ".":
                path.append(step.name)
        return self._read("/".join(path))

    def _read(self, path: str) -> Code:
        kind = self.names.kind(path)
        if kind is None and path not in self.names.groups:
            raise ExpressionError(f"there is no question at /{self.names.root}/{path}")
        self.facts.reads.add(path)
        if kind is None:
            return closures.group(path)
        return closures.question(path, kind)

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
        table = self._table(call_arguments(origin))
        if len(steps) != 2 or steps[0].name != "root" or steps[0].filters:
            raise ExpressionError(f"the list '{table.id}' is read as instance('{table.id}')/root/item")
        filters = steps[1].filters
        compilers = [self._inside(table) for _ in filters]
        runs = tuple(compiler.code(token).run for compiler, token in zip(compilers, filters, strict=True))
        # An index leaves rows out, so that those left would stand in other places.
        indexable = bool(filters) and not compilers[0].uses_place
        return Query(table, runs, self._branches(table, filters[0]) if indexable else ())

    def _table(self, arguments: list[Token]) -> Table:
        name = _literal(arguments[0], "instance") if len(arguments) == 1 else ""
        table = self.names.tables.get(name)
        if table is None:
            raise ExpressionError(f"the form has no list '{name}'")
        return table

    def _inside(self, table: Table) -> Compiler:
        """A compiler for the same question, inside the brackets behind a list."""
        return Compiler(self.names, self.here, table, self.facts, depth=self.depth)

    def _branches(self, table: Table, token: Token) -> tuple[Branch, ...]:
        """A filter as alternatives that an index answers; () when one of them has no equality."""
        branches: list[Branch] = []
        for alternative in terms(without_brackets(token), "or"):
            branch = self._branch(table, terms(without_brackets(alternative), "and"))
            if branch is None:
                return ()
            branches.append(branch)
        return tuple(branches)

    def _branch(self, table: Table, conditions: list[Token]) -> Branch | None:
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
        for name, other in ((token[0], token[1]), (token[1], token[0])):
            if name.symbol == "(name)" and _column_place(table, name.value) is not None:
                compiler = self._inside(table)
                value = compiler.code(other)
                if not compiler.uses_row:
                    return str(name.value), value.run
        return "", None

    # --- functions ---------------------------------------------------------------------------------

    def _call(self, name: str, arguments: list[Token]) -> Code:
        low, high = _arity(name)
        if not low <= len(arguments) <= high:
            raise ExpressionError(f"{name}() takes {_how_many(low, high)}, not {len(arguments)}")
        if name in functions.SPECIAL:
            return _SPECIAL[name](self, arguments)
        codes = [self._deeper(token) for token in arguments]
        if name in functions.PLAIN:
            _check_pattern(name, arguments)
            return closures.plain_call(functions.PLAIN[name], codes)
        if name in functions.OVER_NODES:
            return closures.nodes_call(functions.OVER_NODES[name], codes)
        self.facts.volatile = True
        return closures.timely_call(functions.TIMELY[name], codes)

    def _if(self, arguments: list[Token]) -> Code:
        condition, yes, no = (self._deeper(token) for token in arguments)
        decide, first, second = closures.truth_of(condition), yes.run, no.run
        code = Code(lambda run: first(run) if decide(run) else second(run), closures.common_kind(yes, no))
        return closures.folded(code, condition, yes, no)

    def _coalesce(self, arguments: list[Token]) -> Code:
        one, other = (self._deeper(token) for token in arguments)
        first, second = one.run, other.run

        def coalesce(run: Any) -> Any:
            value = first(run)
            return second(run) if value == "" or value != value else value  # noqa: PLR0124  NaN is empty too

        return closures.folded(Code(coalesce, closures.common_kind(one, other)), one, other)

    def _once(self, arguments: list[Token]) -> Code:
        """The question's own value if it has one; only else is the argument evaluated."""
        self.facts.volatile = True
        fresh, here = self._deeper(arguments[0]), self.here
        return Code(lambda run: run.own(here) or fresh.run(run), fresh.kind)

    def _position(self, arguments: list[Token]) -> Code:
        if arguments:
            raise ExpressionError("position(..) belongs to repeats, and repeats are not yet asked in chat")
        if self.row is None:
            raise ExpressionError("position() is understood inside brackets only")
        self.uses_row = self.uses_place = True
        return Code(lambda run: float(run.place), "number")

    def _current(self, _: list[Token]) -> Code:
        return self._node(self.here, [])

    def _instance(self, _: list[Token]) -> Code:
        raise ExpressionError("instance() must be followed by a path such as /root/item")

    def _pulldata(self, arguments: list[Token]) -> Code:
        table = self._table(arguments[:1])
        wanted, key = (_literal(token, "pulldata") for token in arguments[1:3])
        place, _ = _column_place(table, wanted), _column_place(table, key)
        value = self._deeper(arguments[3]).run

        def pulldata(run: Any) -> str:
            found = table.index((key,)).get((to_text(value(run)),))
            return table.rows[found[0]][place] if found and place is not None else ""

        return Code(pulldata, "string")

    def _version(self, _: list[Token]) -> Code:
        return closures.constant(self.names.version)

    def _choice_name(self, arguments: list[Token]) -> Code:
        self.facts.lingual = True
        value = self._deeper(arguments[0]).run
        path = self._named_question(_literal(arguments[1], "jr:choice-name"))
        return Code(lambda run: run.choice_label(path, to_text(value(run))), "string")

    def _named_question(self, text: str) -> str:
        """The path of the question that a path in quotes names."""
        named = compile_expression(text, self.names, self.here).reads
        if len(named) != 1:
            raise ExpressionError(f"'{text.strip()}' names no question")
        return next(iter(named))

    def _itext(self, arguments: list[Token]) -> Code:
        self.facts.lingual = True
        name = self._deeper(arguments[0]).run
        return Code(lambda run: run.itext(to_text(name(run))), "string")


_LITERALS = frozenset(("(string)", "(integer)", "(decimal)", "(float)"))
_CHAINS = frozenset(("and", "or", "+"))
_OPERATORS = frozenset(("=", "!=", *closures.COMPARISONS, *closures.ARITHMETIC))


_SPECIAL: dict[str, Callable[[Compiler, list[Token]], Code]] = {
    "if": Compiler._if,
    "coalesce": Compiler._coalesce,
    "once": Compiler._once,
    "position": Compiler._position,
    "current": Compiler._current,
    "instance": Compiler._instance,
    "pulldata": Compiler._pulldata,
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
    if token.symbol != "(string)":
        raise ExpressionError(f"{name}() needs names in quotes here")
    return str(token.value)


def _check_pattern(name: str, arguments: list[Token]) -> None:
    if name == "regex" and arguments[1].symbol == "(string)":
        try:
            functions.pattern(arguments[1].value)
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
