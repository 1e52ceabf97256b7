"""The form doctor: what a workbook gets wrong that neither pyxform nor a phone would say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from .errors import FormError
from .form import load_form
from .marks import marks, scale
from .workbook import Row, sheets, to_xform

Level = Literal["error", "warning", "note"]
Sheets = Mapping[str, tuple[Row, ...]]

LEVELS: tuple[Level, ...] = ("error", "warning", "note")

# What a question may mean to the other rooms (DESIGN, "What travels with a form").
MEANINGS = frozenset(
    {"provider", "role", "place", "survivor_code", "collector", "consent", "adult", "practice", "receipt"}
    | {"comment", "good_practice", "idea", "missing_provider"}
    | {"needed", "asked", "received", "applied_on", "ordered_on", "paid_on"}
)
EVAL_COLUMNS = frozenset({"is", "service", "measures", "best", "flag"})

# Row types that write down who or where somebody is; pyxform's older spellings included.
IDENTIFYING_TYPES = frozenset(
    {"deviceid", "device id", "get device id", "imei", "phonenumber", "phone number", "get phone number"}
    | {"username", "email", "simserial", "sim id", "get sim id", "subscriberid", "subscriber id"}
    | {"geopoint", "gps", "location", "geotrace", "geoshape", "start-geopoint", "background-geopoint"}
    | {"audit", "background-audio"}
)
# A sent form keeps its instance name on the phone: it must not say whose it is or where she lives.
IDENTIFYING_MEANINGS = frozenset(
    {
        "survivor_code",
        "provider",
        "place",
        "collector",
        "missing_provider",
        "comment",
        "good_practice",
        "idea",
    }
)

SPOKEN = ("label", "hint", "guidance_hint", "constraint_message", "required_message")
MEDIA = ("image", "big-image", "audio", "video")
ROW_OF_PYXFORM = re.compile(r"\[row : ([0-9]+)\]\s*")
SHEET_OF_PYXFORM = re.compile(r"the '(\w+)' sheet")
QUESTION_OF_ENGINE = re.compile(r"question ([^\s,]+),")
REFERENCE = re.compile(r"\$\{\s*([^}\s]+)\s*\}")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend: where it is (`row` counts as the spreadsheet does), what it is, and how to mend it."""

    level: Level
    sheet: str
    row: int | None
    message: str
    fix: str

    def __str__(self) -> str:
        place = self.sheet if self.row is None else f"{self.sheet} row {self.row}"
        return f"{self.level}: {place}: {self.message} {self.fix}"


def check(path: Path, *, media: Path | None = None) -> tuple[Finding, ...]:
    """Everything found wrong with the form at `path`, errors first; an empty tuple for a healthy form.

    `media` is the folder of its attached lists (default: the form's own). Never raises for a bad form.
    """
    try:
        book = _book(path)
    except FormError as error:
        return (_refusal(path, error, {}),)
    found = [*_translations(book), *_settings(book), *_survey(book), *_conversion(path, media, book)]
    if not book and not found:
        why = f"{path.name} is not an .xlsx workbook, so its rows were not looked at one by one."
        found.append(
            Finding(
                "note", "workbook", None, why, "Check the .xlsx workbook it comes from, or save it as one."
            )
        )
    return tuple(sorted(found, key=lambda finding: LEVELS.index(finding.level)))


def _book(path: Path) -> Sheets:
    """The sheets under the names pyxform knows them by; {} for a form that is not written in rows we can number."""
    if path.suffix.lower() != ".xlsx":
        return {}
    return {title.lower(): rows for title, rows in sheets(path).items()}


# --- what the converter and the engine say ---------------------------------------------------------------


def _conversion(path: Path, media: Path | None, book: Sheets) -> Iterator[Finding]:
    numbers = {row.cells.get("name", ""): row.number for row in book.get("survey", ())}
    try:
        form = load_form(path, media=media)
        warnings = () if path.suffix.lower() == ".xml" else to_xform(path).warnings
    except FormError as error:
        yield _refusal(path, error, numbers)
        return
    for warning in warnings:
        if not (book and warning.startswith("Language '")):  # said better, row by row, by _translations
            yield Finding(
                "warning", "workbook", None, _sentence(warning), "This is pyxform's advice: follow it."
            )
    for mark in marks(form):
        if mark.measures and scale(mark) is None:
            yield Finding(
                "error",
                "survey",
                numbers.get(_last(mark.path)),
                f"The indicator '{mark.measures}' has no scale, so its answers would never count.",
                "Name its choices 1, 2, 3 … or yes and no, or give the range a start and an end.",
            )


def _refusal(path: Path, error: FormError, numbers: Mapping[str, int]) -> Finding:
    """Why the form cannot be used at all, at the row it is about where the words say so."""
    text = str(error).removeprefix(f"{path}: ")
    by_row, by_name = ROW_OF_PYXFORM.match(text), QUESTION_OF_ENGINE.match(text)
    sheet, row = "workbook", None
    if by_row:
        text, row = text[by_row.end() :], int(by_row.group(1))
        named = SHEET_OF_PYXFORM.search(text)
        sheet = named.group(1) if named else "survey"
    elif by_name and _last(by_name.group(1)) in numbers:
        sheet, row = "survey", numbers[_last(by_name.group(1))]
    else:
        text = f"{path.name}: {text}"
    return Finding("error", sheet, row, _sentence(text), "Correct that and check again.")


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _last(path: str) -> str:
    return path.rsplit("/", 1)[-1]


# --- languages -------------------------------------------------------------------------------------------


def _translations(book: Sheets) -> Iterator[Finding]:
    """Every text that is there in one language and missing in another: a phone would show “-”."""
    languages = _languages(book)
    if not languages:
        return
    for sheet, rows in book.items():
        for row in rows:
            for text in sorted(_spoken_columns(row)):
                yield from _missing(sheet, row, text, languages)


def _missing(sheet: str, row: Row, text: str, languages: Iterable[str]) -> Iterator[Finding]:
    owner = row.cells.get("name", "")
    if text in row.cells:
        yield Finding(
            "error",
            sheet,
            row.number,
            f"The {text} of '{owner}' is in a column without a language.",
            f"Move it to a column such as {text}::{next(iter(languages))}.",
        )
        return
    for language in languages:
        if f"{text}::{language}" not in row.cells:
            yield Finding(
                "error",
                sheet,
                row.number,
                f"The {text} of '{owner}' is missing in {language}, so people would see only “-”.",
                f"Write it in the column {text}::{language}.",
            )


def _languages(book: Sheets) -> tuple[str, ...]:
    """Full names of all languages used anywhere in the workbook, in the order of their columns."""
    cells = (column for rows in book.values() for row in rows for column in row.cells)
    return tuple(dict.fromkeys(language for _, language in map(_split, cells) if language))


def _spoken_columns(row: Row) -> set[str]:
    return {text for text, _ in map(_split, row.cells) if text}


def _split(column: str) -> tuple[str, str]:
    """'label::বাংলা (bn)' -> ('label', 'বাংলা (bn)'); a column that nobody reads or hears -> ('', '')."""
    head, _, rest = column.partition("::")
    if head == "media":
        kind, _, language = rest.partition("::")
        return f"media::{kind}", language
    return (head, rest) if head in SPOKEN + MEDIA else ("", "")


# --- the settings sheet ----------------------------------------------------------------------------------


def _settings(book: Sheets) -> Iterator[Finding]:
    row = next(iter(book.get("settings", ())), None)
    cells = row.cells if row else {}
    number = row.number if row else None
    languages, default, version = (
        _languages(book),
        cells.get("default_language", ""),
        cells.get("version", ""),
    )
    if languages and default not in languages:
        what = f"'{default}' is not a language of this form" if default else "There is no default_language"
        yield Finding(
            "warning",
            "settings",
            number,
            f"{what}, so phones may open the form in a language without texts.",
            f"Write one of these into default_language: {', '.join(languages)}.",
        )
    if book and not _is_version(version):
        what = f"The version '{version}' is not" if version else "There is no version made of"
        yield Finding(
            "warning",
            "settings",
            number,
            f"{what} year, month, day and a two-digit count.",
            "Write it like 2026112301 and raise it with every change.",
        )
    for name in _names_that_tell(cells.get("instance_name", ""), book):
        yield Finding(
            "error",
            "settings",
            number,
            f"The instance_name uses '{name}', and a phone keeps that name even after the form was sent.",
            "Use something neutral, such as concat('Evaluation ', today()).",
        )


def _is_version(text: str) -> bool:
    if not re.fullmatch(r"[0-9]{10}", text):
        return False
    try:
        datetime.strptime(text[:8], "%Y%m%d")
    except ValueError:
        return False
    return True


def _names_that_tell(instance_name: str, book: Sheets) -> Iterator[str]:
    """The questions named in the instance name whose answers could name a person, an office or a place."""
    by_name = {row.cells.get("name", ""): row.cells for row in book.get("survey", ())}
    for name in REFERENCE.findall(instance_name):
        cells = by_name.get(name, {})
        typed = cells.get("type", "").startswith(("text", "select_one_from_file"))
        if typed or cells.get("bind::eval:is") in IDENTIFYING_MEANINGS:
            yield name


# --- the survey sheet ------------------------------------------------------------------------------------


def _survey(book: Sheets) -> Iterator[Finding]:
    rows = book.get("survey", ())
    choices = _choice_names(book)
    counts = Counter(row.cells["name"] for row in rows if _makes_a_node(row))
    for row in rows:
        yield from _identifying(row)
        yield from _eval_columns(row)
        yield from _eval_choices(row, choices)
        yield from _messages(row)
        yield from _twice(row, counts)


def _identifying(row: Row) -> Iterator[Finding]:
    kind = " ".join(row.cells.get("type", "").lower().split())
    if kind in IDENTIFYING_TYPES:
        yield Finding(
            "error",
            "survey",
            row.number,
            f"A row of type '{kind}' records who or where somebody is.",
            "Take the row out: an evaluation must not lead back to a person.",
        )


def _eval_columns(row: Row) -> Iterator[Finding]:
    for column, value in row.cells.items():
        if not column.startswith("bind::eval:"):
            continue
        attribute = column.removeprefix("bind::eval:")
        if attribute not in EVAL_COLUMNS:
            yield _unknown(row, f"The column '{column}' is not known", attribute, EVAL_COLUMNS)
        elif attribute == "is" and value not in MEANINGS:
            yield _unknown(row, f"'{value}' is not a known value of {column}", value, MEANINGS)


def _unknown(row: Row, what: str, word: str, known: Iterable[str]) -> Finding:
    near = get_close_matches(word, list(known), n=1)
    fix = f"Did you mean '{near[0]}'?" if near else f"Use one of these: {', '.join(sorted(known))}."
    return Finding("error", "survey", row.number, f"{what}, so nothing would read this answer.", fix)


def _eval_choices(row: Row, choices: Mapping[str, set[str]]) -> Iterator[Finding]:
    kind, _, list_name = row.cells.get("type", "").partition(" ")
    if kind not in ("select_one", "select_multiple") or list_name not in choices:
        return
    for column in ("bind::eval:best", "bind::eval:flag"):
        value = row.cells.get(column)
        if value and value not in choices[list_name]:
            yield Finding(
                "error",
                "survey",
                row.number,
                f"{column} is '{value}', which is not a choice of the list '{list_name}'.",
                f"Write one of its choices: {', '.join(sorted(choices[list_name]))}.",
            )


def _messages(row: Row) -> Iterator[Finding]:
    name, spoken = row.cells.get("name", ""), _spoken_columns(row)
    if row.cells.get("constraint") and "constraint_message" not in spoken:
        yield Finding(
            "warning",
            "survey",
            row.number,
            f"The constraint of '{name}' has no message, so people are refused without a reason.",
            "Say in constraint_message what to do instead, in every language.",
        )
    required = row.cells.get("required", "").lower() not in ("", "no", "false", "false()")
    if required and "required_message" not in spoken:
        yield Finding(
            "note",
            "survey",
            row.number,
            f"'{name}' must be answered but has no message of its own.",
            "Write a kind required_message in every language.",
        )


def _twice(row: Row, counts: Mapping[str, int]) -> Iterator[Finding]:
    name = row.cells.get("name", "")
    if _makes_a_node(row) and counts[name] > 1:
        yield Finding(
            "warning",
            "survey",
            row.number,
            f"The name '{name}' is used {counts[name]} times; KoboToolbox refuses that even in different groups.",
            "Give every question and group a name of its own.",
        )


def _makes_a_node(row: Row) -> bool:
    return bool(row.cells.get("name")) and not row.cells.get("type", "").lower().startswith("end")


def _choice_names(book: Sheets) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in book.get("choices", ()):
        name = row.cells.get("list_name") or row.cells.get("list name", "")
        found.setdefault(name, set()).add(row.cells.get("name", ""))
    return found
