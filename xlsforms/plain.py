"""A form as a reader sees it: its words in each language, its lists, and its expressions as the author typed them.

For those who look at a form without asking it: the doctor, the comparison, the paper twin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .conditions import path_of
from .errors import FormError
from .form import Form, form_from_xml, read_xform
from .grammar import (
    NAME,
    STRING,
    ExpressionError,
    Token,
    flatten,
    is_call,
    parse,
)
from .model import Control, Itemset, Model, Output, Words
from .texts import MISSING, code_of
from .workbook import read_csv
from .xform import XFORMS, parse_xml

ONLY = ""
"""The language of a form that names none."""


@dataclass(frozen=True)
class Item:
    """One choice: the name that is stored, its labels by language, and all columns of its row."""

    name: str
    labels: Mapping[str, str]
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Listed:
    """Where a question's choices come from.

    `id` is the list's name ('' for choices written at the question), `file` the attachment it comes from;
    `items` are empty when that file is not at hand. `filters` are the conditions on its rows, parsed.
    """

    id: str
    file: str | None
    items: tuple[Item, ...]
    filters: tuple[Token, ...] = ()


def form_at(path: Path, *, untrusted: bool = False) -> Form:
    """A form to look at, not to ask: its expressions are not checked and its lists not needed.

    `untrusted` as in `xlsforms.to_xform`. Raises FormError.
    """
    xform = read_xform(path, untrusted=untrusted).xform
    try:
        return form_from_xml(xform)
    except FormError as err:
        raise FormError(f"{path}: {err}") from err


def languages(form: Form) -> tuple[str, ...]:
    """The form's languages by their full names; `("",)` for a form that names none."""
    return form.languages or (ONLY,)


def spoken(model: Model, words: Words | None, language: str) -> str:
    """A text in one language, values in it as `${name}`; '' where there is none."""
    if words is None:
        return ""
    parts = words.parts if words.itext is None else model.itext.get(language, {}).get(words.itext, ())
    text = "".join(part if isinstance(part, str) else typed(model, part.expression) for part in parts)
    text = " ".join(text.split())
    return "" if text == MISSING else text


def in_all_languages(form: Form, words: Words | None) -> dict[str, str]:
    """A text by language, only where there is one."""
    found = {language: spoken(form.model, words, language) for language in languages(form)}
    return {language: text for language, text in found.items() if text}


def typed(model: Model, expression: str) -> str:
    """An expression with `${name}` for the paths that pyxform wrote in its place."""
    for path in sorted((leaf.path for leaf in model.leaves()), key=len, reverse=True):
        expression = expression.replace(f" /{model.root}/{path} ", f"${{{path.rpartition('/')[2]}}}")
    bare = expression.strip()
    if bare.startswith(f"/{model.root}/") and " " not in bare:
        return f"${{{bare.rpartition('/')[2]}}}"
    return bare


def listed(form: Form, control: Control) -> Listed | None:
    """The choices of a question; None when it has no list, or one that only a phone can work out."""
    if control.itemset is None:
        if not control.items:
            return None
        items = tuple(
            Item(name, in_all_languages(form, words), {"name": name}) for name, words in control.items
        )
        return Listed("", None, items)
    try:
        origin, filters = _origin(parse(control.itemset.nodeset))
    except ExpressionError:
        return None
    source = next((source for source in form.model.lists if source.id == origin), None)
    if source is None:
        return None
    if source.src is None:
        return Listed(origin, None, tuple(_item(form, row, control.itemset) for row in source.items), filters)
    file = source.src.rpartition("/")[2]
    return Listed(origin, file, tuple(_from_file(form, file, control.itemset)), filters)


def cascade(form: Form, control: Control, choices: Listed) -> tuple[str, str] | None:
    """The column and the question of a filter that is just `column = ${question}`; None for any other."""
    if len(choices.filters) != 1:
        return None
    condition = choices.filters[0]
    if condition.symbol != "=":
        return None
    column, other = condition.parts
    if column.symbol != NAME:
        column, other = other, column
    question = path_of(other, form.model.root, control.path)
    return None if column.symbol != NAME or question is None else (column.value, question)


def _origin(token: Token) -> tuple[str, tuple[Token, ...]]:
    """`instance('role')/root/item[…]`, shuffled or not, as the list's name and its conditions."""
    if is_call(token) and token.value == "randomize":
        return _origin(token.parts[0])
    origin, steps = flatten(token)
    if isinstance(origin, str) or origin.value != "instance":
        raise ExpressionError("the choices do not come from a list")
    name, *_ = origin.parts or [None]
    if name is None or name.symbol != STRING:
        raise ExpressionError("the list has no plain name")
    return name.value, tuple(condition for step in steps for condition in step.filters)


def _item(form: Form, row: Mapping[str, str], itemset: Itemset) -> Item:
    """A row of a list in the form; its label is translated, or stands in the row."""
    by_text = itemset.label.startswith("jr:itext(")
    column = itemset.label.removeprefix("jr:itext(").removesuffix(")").strip() if by_text else itemset.label
    words = Words(itext=row.get(column, "")) if by_text else Words(parts=(row.get(column, ""),))
    return Item(row.get(itemset.value, ""), in_all_languages(form, words), row)


def _from_file(form: Form, file: str, itemset: Itemset) -> list[Item]:
    header, rows = read_csv((form.media or {}).get(file, ""))
    items = []
    for cells in rows:
        row = dict(zip(header, cells, strict=True))
        labels = {
            language: row.get(f"{itemset.label}_{code_of(language)}") or row.get(itemset.label, "")
            for language in languages(form)
        }
        items.append(Item(row.get(itemset.value, ""), labels, row))
    return items


def variants(form: Form, kind: str) -> dict[str, dict[str, str]]:
    """What a text has besides its words, by language and text id: `kind` is guidance, audio, image, video."""
    found: dict[str, dict[str, str]] = {}
    for translation in parse_xml(form.xform, form.form_id).iterfind(f".//{{{XFORMS}}}translation"):
        texts = found.setdefault(translation.get("lang") or ONLY, {})
        for value in translation.iterfind(f"{{{XFORMS}}}text/{{{XFORMS}}}value[@form='{kind}']"):
            words = " ".join("".join(value.itertext()).split())
            if words != MISSING:
                texts[value.getparent().get("id") or ""] = words
    return found


def outputs(model: Model, words: Words | None, language: str) -> tuple[str | Output, ...]:
    """The parts of a text in one language: plain text, and the places where a value is filled in."""
    if words is None:
        return ()
    return words.parts if words.itext is None else model.itext.get(language, {}).get(words.itext, ())
