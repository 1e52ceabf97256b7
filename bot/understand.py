"""What a person's words mean: an answer to the open question, or one of the words that work everywhere.

Vocabulary: a *meaning* is what a word of the lexicon stands for; meanings that steer the conversation are called as
Rasa's intents are (`stop`, `need_help`, …). A *sign* is the number shown before a choice. A *reading* is a value, or
the reason why there is none together with what may have been meant: a guess is offered, never taken.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from bot.errors import WordsError
from xlsforms import Choice, Form, Prompt, State, prompt, set_language
from xlsforms.signs import signs as signs_of_names

__all__ = [
    "CONTROLS",
    "Lexicon",
    "Reading",
    "Suggestion",
    "clean",
    "control",
    "fold",
    "in_digits_of",
    "make_lexicon",
    "meaning",
    "number_typed",
    "read",
    "read_answer",
    "script_language",
    "signs",
    "to_ascii_digits",
    "trusted",
]

# Meanings that steer, whatever the open question is. The order is the order of precedence for phrases found within.
CONTROLS = (
    "danger",
    "stop",
    "need_help",
    "skip",
    "back",
    "change_language",
    "language:en",
    "language:bn",
    "language:hi",
    "repeat_question",
    "withdraw",
    "hint",
)
RESERVED = ("dont_know", "wont_say", "other")
ENOUGH_TO_ASK, ENOUGH_TO_ACT = 0.5, 0.7  # confidence 0-1; at 0.7 about one guess in eight is wrong
CLOSE_ENOUGH = 78  # rapidfuzz ratio 0-100: below it "did you mean" annoys more than it helps
MOST_SUGGESTIONS = 4
YES_NAMES, NO_NAMES = ("yes",), ("no",)

_YES_AND_NO = {"acknowledge": {"affirm": "OK"}, "repeat": {"affirm": "add", "deny": "done"}}

# Left in texts because Bengali and Hindi spelling needs them.
_JOINERS = "\u200c\u200d"
_NATIVE_ZERO = {"bn": 0x09E6, "hi": 0x0966}
_SCRIPTS = {"bn": ("\u0980", "\u09ff"), "hi": ("\u0900", "\u097f")}
_SENTENCE_MARKS = "\u0964\u0965"  # danda, double danda: shared by both scripts

_ISO_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_DAY_FIRST_DATE = re.compile(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4}|\d{2})")
_TIME = re.compile(r"(\d{1,2})[:.](\d{2})")
_PLAIN_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_INDIAN_GROUPING = re.compile(r"[+-]?\d{1,2}(,\d{2})*,\d{3}(\.\d+)?")
_WESTERN_GROUPING = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")


@dataclass(frozen=True)
class Lexicon:
    """Words by folded spelling: `whole` messages, and phrases that count `within` a longer one."""

    whole: Mapping[str, str]
    within: tuple[tuple[str, str], ...]
    separators: frozenset[str]


@dataclass(frozen=True)
class Suggestion:
    """An answer that may have been meant: the value it would give, and the words to ask with."""

    value: str
    label: str


@dataclass(frozen=True)
class Reading:
    """`value` as XForms stores it, or None with a `reason` (a key of phrases.csv) and `suggestions`."""

    value: str | None
    reason: str | None = None
    suggestions: tuple[Suggestion, ...] = ()


def make_lexicon(rows: Iterable[tuple[str, str, Sequence[str]]]) -> Lexicon:
    """Fold (meaning, "whole"|"within", words) rows. Raises WordsError when one word has two meanings."""
    whole: dict[str, str] = {}
    within: dict[str, str] = {}
    for meaning_, match, words in rows:
        table = whole if match == "whole" else within
        for word in filter(None, map(_key, words)):
            if table.setdefault(word, meaning_) != meaning_:
                raise WordsError(
                    f"lexicon.csv: {word!r} stands for {table[word]} and for {meaning_}; leave it with one of them."
                )
    separators = frozenset(word for word, meaning_ in whole.items() if meaning_ == "and")
    return Lexicon(whole, tuple(within.items()), separators)


def clean(text: str) -> str:
    """A text as typed, without control, direction and invisible characters, in Unicode NFC."""
    spaced = (c if c == "\n" or not c.isspace() else " " for c in unicodedata.normalize("NFC", text))
    return "".join(c for c in spaced if c == "\n" or _is_visible(c)).strip()


def fold(text: str) -> str:
    """A spelling two phones can agree on: one case, one digit script, no nukta, no joiners, no marks."""
    letters = unicodedata.normalize("NFKD", text.replace("\N{KEYCAP TEN}", "10")).casefold()
    kept = "".join(_fold_character(c) for c in letters)
    return " ".join(kept.split())


def to_ascii_digits(text: str) -> str:
    """Digits of any script as 0-9, everything else as it is."""
    return "".join(str(unicodedata.decimal(c, None) or 0) if c.isdecimal() else c for c in text)


def in_digits_of(language: str, text: object) -> str:
    """0-9 in the digits of a language ("bn", "hi"); other languages keep them."""
    zero = _NATIVE_ZERO.get(language)
    if zero is None:
        return str(text)
    return "".join(chr(zero + ord(c) - ord("0")) if c in "0123456789" else c for c in str(text))


def script_language(text: str | None) -> str | None:
    """The language a script gives away; None for Latin letters, which never do."""
    for language, (first, last) in _SCRIPTS.items():
        if any(first <= c <= last and c not in _SENTENCE_MARKS for c in text or ""):
            return language
    return None


def control(text: str, lexicon: Lexicon) -> str | None:
    """The steering meaning of a message by exact words: the whole message, or a danger phrase within it."""
    folded = fold(text)
    found = lexicon.whole.get(_key(text))
    if found in CONTROLS:
        return found
    padded = f" {folded} "
    return next((meaning_ for phrase, meaning_ in lexicon.within if f" {phrase} " in padded), None)


def meaning(text: str, intent: str | None, lexicon: Lexicon) -> str | None:
    """What a message means on its own: exact words first, the classifier's intent second."""
    found = control(text, lexicon) or lexicon.whole.get(fold(text))
    if found is None:
        return intent
    if found.startswith("language:"):
        return "change_language"
    return "ask_why" if found == "hint" else _as_intent(found)


def trusted(intent: str | None, confidence: float) -> str | None:
    """The classifier's intent, if sure enough: what only asks back needs less than what moves on."""
    enough = ENOUGH_TO_ASK if intent in ("danger", "stop", "need_help") else ENOUGH_TO_ACT
    return intent if intent != "nlu_fallback" and confidence >= enough else None


def signs(choices: Sequence[Choice]) -> tuple[str, ...]:
    """The number shown before each choice; the same rule as on paper (`xlsforms.signs`)."""
    return signs_of_names([choice.name for choice in choices])


def read(
    prompt: Prompt,
    text: str,
    lexicon: Lexicon,
    *,
    today: dt.date,
    others: Sequence[Prompt] = (),
) -> Reading:
    """Read `text` as the answer to `prompt`; `others` are the same question in the form's other languages."""
    if prompt.kind in ("select_one", "select_multiple"):
        read_choice = _read_choice if prompt.kind == "select_one" else _read_choices
        return read_choice(_all_labels(prompt, others), prompt.choices, text, lexicon)
    if prompt.kind in ("integer", "decimal"):
        return _read_number(prompt.kind, text, lexicon)
    if prompt.kind == "date":
        return _read_date(text, lexicon, today)
    if prompt.kind == "time":
        return _read_time(text)
    if prompt.kind in _YES_AND_NO:
        value = _YES_AND_NO[prompt.kind].get(lexicon.whole.get(fold(text), ""))
        return Reading(value, None if value else "not_a_choice")
    return Reading(clean(text))


def read_answer(
    form: Form, state: State, asked: Prompt, text: str, lexicon: Lexicon, *, today: dt.date
) -> Reading:
    """Read `text` as the answer to a question of an open interview, in any language of its form."""
    languages = form.languages if asked.choices else ()
    others = [prompt(form, set_language(form, state, language), asked.path) for language in languages]
    return read(asked, text, lexicon, today=today, others=others)


def number_typed(text: str) -> str | None:
    """A text that is nothing but digits of any script, with blanks between them, in ASCII digits; else None."""
    digits = "".join(to_ascii_digits(text).split())
    return digits if digits.isascii() and digits.isdigit() else None


def _read_choice(
    labels: Mapping[str, str], choices: Sequence[Choice], text: str, lexicon: Lexicon
) -> Reading:
    folded = fold(text)
    exact = _exact_choice(labels, choices, folded, lexicon)
    if exact is not None:
        return Reading(exact)
    close = process.extract(folded, labels.keys(), scorer=_likeness, limit=None, score_cutoff=CLOSE_ENOUGH)
    names = list(dict.fromkeys(labels[label] for label, _, _ in close))[:MOST_SUGGESTIONS]
    label_of = {choice.name: choice.label for choice in choices}
    return Reading(None, "not_a_choice", tuple(Suggestion(name, label_of[name]) for name in names))


def _exact_choice(
    labels: Mapping[str, str], choices: Sequence[Choice], folded: str, lexicon: Lexicon
) -> str | None:
    """By sign, by label in any language, by name, by a word of the lexicon, by a number word: in this order."""
    names = [choice.name for choice in choices]
    by_sign = dict(zip(signs(choices), names, strict=True))
    if folded in by_sign:
        return by_sign[folded]
    if folded in labels:
        return labels[folded]
    if folded.replace(" ", "_") in names:
        return folded.replace(" ", "_")
    word = lexicon.whole.get(folded, "")
    if word.startswith("number:"):
        return by_sign.get(word.removeprefix("number:"))
    wanted = {"affirm": YES_NAMES, "deny": NO_NAMES}.get(word, (word,))
    return next((name for name in names if name in wanted), None)


def _read_choices(
    labels: Mapping[str, str], choices: Sequence[Choice], text: str, lexicon: Lexicon
) -> Reading:
    """Several choices, written "1 3", "1,3", "১ ও ৩"; one unreadable part makes the whole unclear."""
    whole = _exact_choice(labels, choices, fold(text), lexicon)
    if whole is not None:
        return Reading(whole)
    parts = [part for part in re.split(r"[,;/&+\n]", text) if fold(part)]
    if not all(_exact_choice(labels, choices, fold(part), lexicon) for part in parts):
        parts = [
            part for part in fold(re.sub(r"[,;/&+]", " ", text)).split() if part not in lexicon.separators
        ]
    readings = [_read_choice(labels, choices, part, lexicon) for part in parts]
    unclear = next((reading for reading in readings if reading.value is None), None)
    if unclear is not None or not readings:
        return Reading(None, "choose_many", unclear.suggestions if unclear else ())
    picked = {reading.value for reading in readings}
    return Reading(" ".join(choice.name for choice in choices if choice.name in picked))


def _read_number(kind: str, text: str, lexicon: Lexicon) -> Reading:
    word = lexicon.whole.get(fold(text), "")
    if word.startswith("number:"):
        return Reading(word.removeprefix("number:"))
    written = to_ascii_digits(clean(text)).replace(" ", "").rstrip(_SENTENCE_MARKS)
    number = _plain_number(written)
    if number is not None and (kind == "decimal" or "." not in number):
        return Reading(number)
    return Reading(None, "not_a_number", _number_meant(written, text, lexicon))


def _plain_number(written: str) -> str | None:
    """1,50,000 and 150,000 are one number; "1,5" is not sure to be one."""
    if _INDIAN_GROUPING.fullmatch(written) or _WESTERN_GROUPING.fullmatch(written):
        written = written.replace(",", "")
    if not _PLAIN_NUMBER.fullmatch(written):
        return None
    sign = "-" if written.startswith("-") else ""
    whole, point, part = written.lstrip("+-").partition(".")
    return sign + (whole.lstrip("0") or "0") + point + part


def _number_meant(written: str, text: str, lexicon: Lexicon) -> tuple[Suggestion, ...]:
    """ "3 days" probably means 3: offered when there is exactly one number among the words."""
    runs = re.findall(r"\d+", written)
    words = [lexicon.whole.get(word, "") for word in fold(text).split()]
    spelled = [word.removeprefix("number:") for word in words if word.startswith("number:")]
    found = runs or spelled
    return (Suggestion(found[0], found[0]),) if len(found) == 1 else ()


def _read_date(text: str, lexicon: Lexicon, today: dt.date) -> Reading:
    back = {"today": 0, "yesterday": 1, "day_before_yesterday": 2}.get(lexicon.whole.get(fold(text), ""))
    if back is not None:
        return Reading((today - dt.timedelta(days=back)).isoformat())
    written = " ".join(to_ascii_digits(clean(text)).rstrip(_SENTENCE_MARKS).split())
    parts = _date_parts(written) or _spelled_date_parts(written, lexicon)
    if parts is None:
        return Reading(None, "not_a_date")
    try:
        return Reading(dt.date(*parts).isoformat())
    except ValueError:
        return Reading(None, "not_a_date")


def _date_parts(written: str) -> tuple[int, int, int] | None:
    iso = _ISO_DATE.fullmatch(written)
    if iso:
        return int(iso[1]), int(iso[2]), int(iso[3])
    day_first = _DAY_FIRST_DATE.fullmatch(written)
    return (_year(day_first[3]), int(day_first[2]), int(day_first[1])) if day_first else None


def _spelled_date_parts(written: str, lexicon: Lexicon) -> tuple[int, int, int] | None:
    """ "5 March 2025", "৫ মার্চ ২০২৫": day, month's name, year."""
    words = fold(written.replace(",", " ")).split()
    if len(words) != 3 or not (words[0].isdecimal() and words[2].isdecimal() and len(words[2]) in (2, 4)):
        return None
    month = lexicon.whole.get(words[1], "")
    return (
        (_year(words[2]), int(month.removeprefix("month:")), int(words[0]))
        if month.startswith("month:")
        else None
    )


def _year(digits: str) -> int:
    return int(digits) + (2000 if len(digits) == 2 else 0)


def _read_time(text: str) -> Reading:
    found = _TIME.fullmatch(to_ascii_digits(clean(text)))
    if found and int(found[1]) < 24 and int(found[2]) < 60:
        return Reading(f"{int(found[1]):02}:{found[2]}:00.000")
    return Reading(None, "not_a_time")


def _all_labels(prompt: Prompt, others: Sequence[Prompt]) -> dict[str, str]:
    """Folded label → choice name over all languages; a label that two choices share is nobody's."""
    owners: dict[str, set[str]] = {}
    for one in (prompt, *others):
        for choice in one.choices:
            for label in _spellings(choice.label):
                owners.setdefault(label, set()).add(choice.name)
    return {label: min(names) for label, names in owners.items() if label and len(names) == 1}


def _spellings(label: str) -> list[str]:
    """Lists that show two scripts at once, "রিনা দাস · Rina Das", are found by either half."""
    return [fold(part) for part in (label, *label.split(" · "))]


def _likeness(first: str, second: str, *, score_cutoff: float | None = None) -> float:
    """Whole labels misspelt, or a part of a long one (a family name) spelt well."""
    whole = fuzz.ratio(first, second)
    part = fuzz.partial_ratio(first, second) if 4 <= len(first) < len(second) else 0.0
    score = max(whole, part - 10)
    return score if score >= (score_cutoff or 0) else 0.0


def _as_intent(found: str) -> str:
    """The lexicon's finer words as the intents they belong to."""
    if found.startswith(("number:", "month:")) or found in (
        *RESERVED,
        "today",
        "yesterday",
        "day_before_yesterday",
    ):
        return "answer"
    return {"send": "affirm", "continue": "affirm", "change": "answer", "and": "answer"}.get(found, found)


def _key(word: str) -> str:
    """How a word is looked up; "?" and its kind are nothing but punctuation and stay as they are."""
    return fold(word) or word.strip()


def _is_visible(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn")


def _fold_character(character: str) -> str:
    """Letters and signs that spell stay; nukta and chandrabindu go, punctuation becomes a space."""
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    if character in _DROPPED or "\u0300" <= character <= "\u036f":
        return ""
    if unicodedata.category(character) == "Cf":
        return ""
    if unicodedata.category(character)[0] in "LMN" or unicodedata.category(character) == "So":
        return character
    return " "


# Nukta and chandrabindu of both scripts (phones leave them out), and the variation selectors of emoji.
_DROPPED = frozenset("\u09bc\u093c\u0981\u0901\ufe0e\ufe0f\u20e3'’")
