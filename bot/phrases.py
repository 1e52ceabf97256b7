"""The bot's own words: what it says, what it understands at once, whom it can name; each a table in a CSV.

`phrases.csv` has one column a language, `lexicon.csv` one row per meaning and way of writing, `helplines.csv` one
row per number. They are edited in a spreadsheet, so every mistake is answered with the row and what to do.
"""

from __future__ import annotations

import csv
import datetime as dt
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.errors import WordsError
from bot.understand import Lexicon, make_lexicon

__all__ = ["LANGUAGES", "Helpline", "Phrases", "Words", "load_words"]

LANGUAGES = ("en", "bn", "hi")
EVERYWHERE = "*"
LOCAL_NUMBER_FRESH_FOR = dt.timedelta(days=90)  # a dead number sends a survivor into the void


@dataclass(frozen=True)
class Phrases:
    """Every sentence of the bot, by key and language."""

    texts: Mapping[str, Mapping[str, str]]

    def say(self, key: str, language: str, **values: object) -> str:
        """The sentence `key` in `language` ("en", "bn", "hi") with its placeholders filled."""
        return self.texts[key][language].format(**values)

    def has(self, key: str) -> bool:
        """Whether there is such a sentence."""
        return key in self.texts


@dataclass(frozen=True)
class Helpline:
    """A number that may be shown; `state` is an LGD state code, or * for all of India."""

    state: str
    number: str
    labels: Mapping[str, str]
    kind: str
    verified_on: dt.date
    source: str


@dataclass(frozen=True)
class Words:
    """All tables together."""

    phrases: Phrases
    lexicon: Lexicon
    helplines: tuple[Helpline, ...]

    def helplines_for(self, state: str | None, today: dt.date) -> tuple[Helpline, ...]:
        """National numbers always; those of one state only while a person's check of them is fresh."""
        return tuple(line for line in self.helplines if _may_be_shown(line, state, today))

    def emergency_number(self) -> str:
        """The number for immediate danger."""
        return next(line.number for line in self.helplines if line.kind == "emergency")


def load_words(folder: Path | None = None) -> Words:
    """Read the three tables of `folder` (default: the ones shipped beside this file). Raises WordsError."""
    folder = folder or Path(__file__).parent
    return Words(
        phrases=_read_phrases(folder / "phrases.csv"),
        lexicon=_read_lexicon(folder / "lexicon.csv"),
        helplines=_read_helplines(folder / "helplines.csv"),
    )


def _read_phrases(path: Path) -> Phrases:
    texts: dict[str, dict[str, str]] = {}
    for number, row in _rows(path, ("key", *LANGUAGES)):
        if row["key"] in texts:
            raise WordsError(f"{path.name}, row {number}: {row['key']} is there twice; remove one of them.")
        _check_placeholders(path, number, row)
        texts[row["key"]] = {language: row[language] for language in LANGUAGES}
    return Phrases(texts)


def _check_placeholders(path: Path, number: int, row: Mapping[str, str]) -> None:
    found = {language: _placeholders(path, number, row[language]) for language in LANGUAGES}
    for language in LANGUAGES:
        if found[language] != found["en"]:
            wanted = ", ".join(sorted(f"{{{name}}}" for name in found["en"])) or "none"
            raise WordsError(
                f"{path.name}, row {number} ({row['key']}): the text in {language} must have the same placeholders "
                f"as the English one ({wanted})."
            )


def _placeholders(path: Path, number: int, text: str) -> set[str]:
    try:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError as error:
        raise WordsError(f"{path.name}, row {number}: a {{placeholder}} is not closed ({error}).") from error


def _read_lexicon(path: Path) -> Lexicon:
    rows = []
    for number, row in _rows(path, ("meaning", "language", "match", "words")):
        if row["match"] not in ("whole", "within"):
            raise WordsError(f"{path.name}, row {number}: match is whole or within, not {row['match']!r}.")
        rows.append((row["meaning"], row["match"], tuple(row["words"].split(";"))))
    return make_lexicon(rows)


def _read_helplines(path: Path) -> tuple[Helpline, ...]:
    columns = ("state", "number", "label_en", "label_bn", "label_hi", "kind", "verified_on", "source")
    lines = tuple(_helpline(path, number, row) for number, row in _rows(path, columns))
    if not any(line.kind == "emergency" and line.state == EVERYWHERE for line in lines):
        raise WordsError(
            f"{path.name}: no row has the kind emergency for state *; the first message needs it."
        )
    return lines


def _helpline(path: Path, number: int, row: Mapping[str, str]) -> Helpline:
    try:
        verified_on = dt.date.fromisoformat(row["verified_on"])
    except ValueError as error:
        raise WordsError(
            f"{path.name}, row {number}: verified_on is a date such as 2026-11-23, not {row['verified_on']!r}."
        ) from error
    return Helpline(
        state=row["state"],
        number=row["number"],
        labels={language: row[f"label_{language}"] for language in LANGUAGES},
        kind=row["kind"],
        verified_on=verified_on,
        source=row["source"],
    )


def _may_be_shown(line: Helpline, state: str | None, today: dt.date) -> bool:
    if line.state == EVERYWHERE:
        return True
    return line.state == state and today - line.verified_on <= LOCAL_NUMBER_FRESH_FOR


def _rows(path: Path, columns: Iterable[str]) -> Iterable[tuple[int, dict[str, str]]]:
    """Rows with their number in the sheet; every cell filled, spreadsheets' byte order mark ignored."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise WordsError(f"{path}: cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise WordsError(f"{path.name}: save it as CSV in UTF-8.") from error
    reader = csv.DictReader(text.splitlines(keepends=True))
    missing = [column for column in columns if column not in (reader.fieldnames or ())]
    if missing:
        raise WordsError(f"{path.name}: the column {missing[0]} is missing.")
    for number, row in enumerate(reader, start=2):
        empty = [column for column in columns if not (row[column] or "").strip()]
        if empty:
            name = next(iter(row.values())) or "unnamed"
            raise WordsError(f"{path.name}, row {number} ({name}): the cell {empty[0]} is empty; fill it.")
        yield number, {column: row[column].strip() for column in columns}
