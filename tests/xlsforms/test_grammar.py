"""Expressions are parsed as XPath 1.0 says: as elementpath parses them, and as JavaRosa takes or refuses them.

What each side of JavaRosa's column says was asked of JavaRosa 5.1.0, with `e` as the calculation of a question.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from elementpath_trees import RefusedError, tree
from hypothesis import given, settings
from hypothesis import strategies as st

from xlsforms import form_from_xml, to_xform
from xlsforms.functions import NAMES
from xlsforms.grammar import (
    CALL,
    MAX_EXPRESSION,
    NAME,
    NUMBER,
    PATH,
    STRING,
    ExpressionError,
    Step,
    Token,
    inside,
    parse,
)
from xlsforms.model import Model, Output

HERE = Path(__file__).parent
ROOM = HERE.parent.parent / "xlsforms"

# --- beside elementpath ------------------------------------------------------------------------------

NAMES_OF_QUESTIONS = (
    "a", "q12", "_x", "b.c", "d-e", "and", "or", "div", "mod", "not", "true", "ঠিকানা", "नाम_१", "item", "self", "node",
)  # fmt: skip
BLANKS = st.sampled_from(("", " ", "  ", "\n", "\t "))
COMPARING = ("=", "!=", "<", "<=", ">", ">=")
OPERATORS = ("and", "or", *COMPARING, "+", "-", "*", "div", "mod")


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> str:
    """Expressions that XPath 1.0 understands, blanks wherever it allows them."""
    kinds = (
        ["literal", "path"]
        if depth == 0
        else ["literal", "path", "operation", "operation", "call", "sign", "brackets"]
    )
    kind = draw(st.sampled_from(kinds))
    below = expressions(depth - 1)
    if kind == "literal":
        return draw(
            st.sampled_from(("1", "0", "42", "2.50", ".5", "7.", "'x'", '"it\'s"', "''", "'a b'", "'(1'"))
        )
    if kind == "path":
        return draw(paths(depth))
    if kind == "sign":
        return "-" + draw(BLANKS) + draw(below)
    if kind == "brackets":
        return f"({draw(BLANKS)}{draw(below)}{draw(BLANKS)})"
    if kind == "call":
        name = draw(st.sampled_from(sorted(NAMES)))
        arguments = [draw(below) for _ in range(draw(st.integers(0, 3)))]
        return f"{name}{draw(BLANKS)}({draw(BLANKS)}{(draw(BLANKS) + ',' + draw(BLANKS)).join(arguments)})"
    return draw(operations(depth))


@st.composite
def operations(draw: st.DrawFn, depth: int) -> str:
    """Chains of operators; elementpath understands no `1 < 2 < 3`, so that comparisons stand in brackets."""
    text = draw(expressions(depth - 1))
    for _ in range(draw(st.integers(1, 3))):
        operator, other = draw(st.sampled_from(OPERATORS)), draw(expressions(depth - 1))
        if operator in COMPARING:
            text, other = f"({text})", f"({other})"
        text = f"{text} {draw(BLANKS)}{operator} {draw(BLANKS)}{other}"
        if operator in COMPARING:
            text = f"({text})"
    return text


@st.composite
def paths(draw: st.DrawFn, depth: int) -> str:
    """Paths from the form, from here, and from a call, with conditions in brackets."""
    start = draw(st.sampled_from(("/", "/", "", "", "./", "../", "instance('l')/", "current()/")))
    steps = []
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from((*NAMES_OF_QUESTIONS, "..", "*")))
        condition = (
            f"{draw(BLANKS)}[{draw(expressions(depth - 1))}]"
            if depth and name != ".." and draw(st.booleans())
            else ""
        )
        steps.append(name + condition)
    gap = draw(BLANKS)
    return start + f"{gap}/{gap}".join(steps)


def normal(token: Token) -> Token:
    """Numbers by their value: elementpath keeps no text of them; and paths without the text of theirs."""
    values = {NUMBER: lambda text: repr(float(text)), PATH: lambda text: text[:1]}
    return token._replace(
        value=values.get(token.symbol, str)(token.value),
        parts=tuple(map(normal, token.parts)),
        steps=tuple(Step(step.name, tuple(map(normal, step.filters))) for step in token.steps),
    )


@settings(max_examples=120, deadline=None)
@given(expressions())
def test_a_generated_expression_is_parsed_as_elementpath_parses_it(text: str) -> None:
    assert normal(parse(text)) == tree(text)


DAMAGE = "()[]/.,'\"+-*=<>! a1:@$|"


@settings(max_examples=120, deadline=None)
@given(expressions(), st.data())
def test_a_damaged_expression_is_refused_or_parsed_as_elementpath_parses_it(
    text: str, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(text)))
    damaged = data.draw(
        st.sampled_from((text[:place] + text[place + 1 :], text[:place], text[place:], text.replace(" ", "")))
        | st.builds(lambda sign: text[:place] + sign + text[place:], st.sampled_from(DAMAGE))
    )
    try:
        ours = normal(parse(damaged))
    except ExpressionError:
        return  # what is refused in vain is held against JavaRosa, below
    try:
        theirs = tree(damaged)
    except RefusedError:
        return  # what is ours alone is held against JavaRosa, below
    assert ours == theirs


def _written(model: Model) -> set[str]:
    """Every expression of a form."""
    found = {
        text
        for b in model.binds.values()
        for text in (b.relevant, b.required, b.constraint, b.calculate, b.readonly)
    }
    found |= {action.expression for action in model.set_values}
    for control in model.controls:
        found |= {control.itemset.nodeset, control.itemset.label} if control.itemset else set()
    for texts in model.itext.values():
        found |= {part.expression for parts in texts.values() for part in parts if isinstance(part, Output)}
    return found - {""}


@pytest.mark.parametrize("book", sorted(path.name for path in ROOM.glob("*.xlsx")))
def test_every_expression_of_our_own_forms_is_parsed_as_elementpath_parses_it(book: str) -> None:
    written = _written(form_from_xml(to_xform(ROOM / book).xform).model)
    assert len(written) > 30
    for text in sorted(written):
        assert normal(parse(text)) == tree(text), text


def test_every_pinned_expression_is_parsed_as_elementpath_parses_it() -> None:
    with (HERE / "javarosa_values.tsv").open(encoding="utf-8", newline="") as file:
        texts = [row[0] for row in list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]]
    pinned = [re.sub(r"\$\{(\w+)\}", r" /f/\1 ", text) for text in texts]
    assert len(pinned) > 300
    for text in pinned:
        assert normal(parse(text)) == tree(text), text


# --- beside JavaRosa ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        *("", "  ", "1 2", "1 +", "+1", "* 2 *", "2 * * 2", "1 and or 2", "1 == 1", "1 <> 2", "1 ! = 2", "1 < = 2"),
        *("(1", "1)", "()", "a]", "[1]", "1,2", "1;2", "'abc", "'it''s'", "“a”", "1\u00a0+\u00a02", "\u200b.5"),
        *("1e3", "1.2.3", "1..2", "a:b:c", "jr : itext('x')", "(: c :) 1", "../a/", "/data/a/", "../a ../b"),
        *("concat('a' 'b')", "concat(,'b')", "concat('b',)", "concat('a'))", ".[1]", "..[1]/a", "/ /a", "../a- 1"),
        *("//a", "/data//a", "foo(1)", "id('x')", "last()", "text()", "../a/text()", "../node()", "self::e"),
        *("parent::data/a", "ancestor::data", "child::node()", "$a", "a | b", "('a')/b", "(1)[1]", "current()[1]"),
    ],
)  # fmt: skip
def test_what_javarosa_refuses_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("1 < 2 < 3", "(1 < 2) < 3"),
        ("3 > 2 > 1", "(3 > 2) > 1"),
        ("1 = 2 = 0", "(1 = 2) = 0"),
        ("2 < 3 = 1", "(2 < 3) = 1"),
        ("1 or 0 and 0", "1 or (0 and 0)"),
        ("1 + 2 * 3 = 7 and 2 < 3", "((1 + (2 * 3)) = 7) and (2 < 3)"),
        ("2 - 3 - 4", "(2 - 3) - 4"),
        ("-2 mod 3", "(-2) mod 3"),
        ("2 - -2 * 3", "2 - ((-2) * 3)"),
        ("a or b or c and d", "(a or b) or (c and d)"),
        ("1div 2", "1 div 2"),
        ("../a=5and b", "(../a = 5) and b"),
        ("2-../a", "2 - (../a)"),
        ("7 div/data/a", "7 div (/data/a)"),
        ("/data/a*/data/b", "(/data/a) * (/data/b)"),
        ("child::a", "a"),
        ("../child :: a", "../a"),
        ("parent::node()/a", "../a"),
        ("self::node()", "."),
        ("/ data / a [ 1 ]", "/data/a[1]"),
        ("/ data / a", "/data/a"),
        ("/data/orx:meta/orx:instanceID", "/data/meta/instanceID"),
        ("if (1, 2, 3)", "if(1,2,3)"),
        ("((((1))))", "1"),
    ],
)
def test_what_javarosa_takes_means_the_same_as_with_all_its_brackets(text: str, same: str) -> None:
    assert parse(text) == parse(same)


def path(*names: str) -> Token:
    return Token(PATH, "/" + "/".join(names), (), tuple(map(Step, names)))


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("div div div", Token("div", "", (Token(NAME, "div"), Token(NAME, "div")))),
        ("* * *", Token("*", "", (Token(PATH, "", (), (Step("*"),)),) * 2)),
        ("/d/and and /d/or", Token("and", "", (path("d", "and"), path("d", "or")))),
        ("a-b", Token(NAME, "a-b")),
        ("a -b", Token("-", "", (Token(NAME, "a"), Token(NAME, "b")))),
        ("'it' = \"it\"", Token("=", "", (Token(STRING, "it"), Token(STRING, "it")))),
        ("jr:itext('x')", Token(CALL, "jr:itext", (Token(STRING, "x"),))),
        ("current()/../a", Token(PATH, "", (Token(CALL, "current"),), (Step(".."), Step("a")))),
        ("/d/ঠিকানা", path("d", "ঠিকানা")),
        ("/d/क्षेत्र", path("d", "क्षेत्र")),
    ],
)
def test_a_tree_is_as_small_as_its_expression(text: str, token: Token) -> None:
    assert parse(text) == token


# --- what is said, and what it takes ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("(1 + 2", "it ends too early"),
        ("", "it is empty"),
        ("1 2", "'2' cannot stand behind '1'"),
        ("= 2", "'=' cannot stand first"),
        ("a = 'x", "the quote ' is opened and not closed"),
        ("“x”", "'\\u201c' is no quote here: type ' or \""),
        ("1\u00a0+ 2", "'\\xa0' is no blank here: type an ordinary one"),
        ("a \u2212 b", "'\\u2212' is no minus here: type -"),
        ("counted(1)", "unknown function 'counted'"),
        ("a//b", "'//' is not understood in a path: write out every step"),
        ("a/following-sibling::b", "'following-sibling::b' is not understood in a path"),
        ("(a)/b", "a path cannot begin with brackets"),
        ("current()[1]", "a condition in brackets cannot stand behind current()"),
        ("a/count(b)", "count() is not understood in a path"),
        ("(" * 151 + "1" + ")" * 151, "it is nested too deeply"),
        ("-" * 151 + "1", "it is nested too deeply"),
        ("abs(" * 151 + "1" + ")" * 151, "it is nested too deeply"),
        (" - ".join(["1"] * 151), "it is nested too deeply"),
        ("(" * 100 + "1" + " - 1)" * 100 + " = 1" * 100, "it is nested too deeply"),
    ],
)
def test_a_refusal_says_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert str(caught.value) == reason


def height(token: Token) -> int:
    return 1 + max((height(part) for part in inside(token)), default=0)


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        (" or ".join(["a"] * 1000), 2),
        ("(" * 150 + "1" + ")" * 150, 1),
        (" - ".join(["1"] * 150), 150),
        ("abs(" * 149 + "1" + ")" * 149, 150),
    ],
)
def test_what_is_long_and_not_deep_is_parsed(text: str, levels: int) -> None:
    assert height(parse(text)) == levels


@pytest.mark.parametrize(
    "bit", ["a or ", "'x", "\"'", "((", "a[", "/a", "-", "..", "/", "1.", "a:", "if(1,", "\u09be"]
)
def test_the_longest_nonsense_is_refused(bit: str) -> None:
    with pytest.raises(ExpressionError):
        parse((bit * MAX_EXPRESSION)[: MAX_EXPRESSION - 1] + ";")
