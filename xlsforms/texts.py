"""The words of a form in each of its languages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .expression import Expression
from .model import Model, Output, Words

MISSING = "-"
"""What pyxform writes, without a warning, where a translation is missing."""

MEDIA = ("audio", "image", "big-image", "video")
"""What can go with a label besides its text: the names of attached files."""

Compile = Callable[[str], Expression]
Parts = tuple[str | Output, ...]


class Text(NamedTuple):
    """A text of the form, by language ('' when it is the same in all): constant, or with values in it."""

    by_language: Mapping[str, str | tuple[str | Expression, ...]]

    def show(self, run: Any, language: str | None) -> str:
        """The text in a language, values filled in; '' when the form has none in it."""
        found = self.by_language.get(language or "")
        if found is None:
            found = self.by_language.get("", "")
        if isinstance(found, str):
            return found
        return "".join(part if isinstance(part, str) else part.text_of(run) for part in found).strip()

    def expressions(self) -> list[Expression]:
        """Everything shown inside the text."""
        parts = [part for text in self.by_language.values() if not isinstance(text, str) for part in text]
        return [part for part in parts if isinstance(part, Expression)]


EMPTY = Text({})


def label_text(words: Words | None, model: Model, compile_: Compile) -> Text:
    """A label: a language without it borrows from the default language, or any that has it."""
    own = message_text(words, model, compile_)
    if words is None or words.itext is None:
        return own  # the same in all languages
    default = own.by_language.get(model.default_language or "")
    spare = default or next(iter(own.by_language.values()), None)
    if spare is None:
        return own
    return Text({language: own.by_language.get(language, spare) for language in model.itext or ("",)})


def message_text(words: Words | None, model: Model, compile_: Compile) -> Text:
    """A message: only the languages the form has it in, for who speaks another will say it themselves."""
    if words is None:
        return EMPTY
    if words.itext is None:
        return Text({"": _compiled(words.parts, compile_)})
    found = {language: texts.get(words.itext) for language, texts in model.itext.items()}
    return Text({lang: _compiled(parts, compile_) for lang, parts in found.items() if _given(parts)})


def other_form(words: Words | None, form: str, model: Model, compile_: Compile) -> Text:
    """The guidance, sound, picture or film that goes with a label or hint: EMPTY where there is none.

    Like a label, a language without it borrows from the default language, or any that has it.
    """
    if words is None or words.itext is None:
        return EMPTY
    found = {lang: texts.get(words.itext, {}).get(form) for lang, texts in model.itext_forms.items()}
    own = {lang: _compiled(parts, compile_) for lang, parts in found.items() if _given(parts)}
    if not own:
        return EMPTY
    spare = own.get(model.default_language or "") or next(iter(own.values()))
    return Text({language: own.get(language, spare) for language in model.itext})


def _given(parts: Parts | None) -> bool:
    return bool(parts) and parts != (MISSING,)


def _compiled(parts: Parts | None, compile_: Compile) -> str | tuple[str | Expression, ...]:
    if parts and len(parts) == 1 and isinstance(parts[0], str):
        return parts[0].strip()
    pieces = [part if isinstance(part, str) else compile_(part.expression) for part in parts or ()]
    if all(isinstance(piece, str) for piece in pieces):
        return "".join(map(str, pieces)).strip()
    return tuple(pieces)


def code_of(language: str) -> str:
    """`bn` of "বাংলা (bn)"; the whole name where it holds no code."""
    _, opened, rest = language.rpartition("(")
    return rest.removesuffix(")").strip() if opened and rest.endswith(")") else language
