"""The reports' own words in three languages: one table, `words.csv`, which a translator opens in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from reports.errors import WordsError
from reports.names import LANGUAGES, Label, Language

__all__ = ["Words", "above_phrase", "label", "phrase_class", "top_phrase", "words"]

# From which probability on a phrase is used. Phrases without the number beside them are read differently by different readers
# (Budescu; Harris 2013), so they never stand alone. Recognition begins at .8: "very likely".
CLASSES = ((0.95, "1"), (0.8, "2"), (0.6, "3"), (0.4, "4"), (0.2, "5"), (0.0, "6"))


@dataclass(frozen=True)
class Words:
    """The table in one language: `words("page.title")`, `words("in_100", n=88)`."""

    language: Language
    table: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        if key not in self.table:
            raise WordsError(f"words.csv has no row '{key}'; add it in {', '.join(LANGUAGES)}")
        return self.table[key].format(**values)

    def known(self, key: str, otherwise: str) -> str:
        """The word for a code, or the code itself where programmes have their own."""
        return self.table.get(key, otherwise)

    def date(self, day: date) -> str:
        return self("date", day=day.day, month=self(f"month.{day.month}"), year=day.year)

    def month(self, year: int, month: int) -> str:
        return self("month_year", month=self(f"month.{month}"), year=year)

    def in_100(self, probability: float) -> str:
        """A probability as a count of hundred; certainty is never claimed."""
        return self("in_100", n=min(99, max(1, round(probability * 100))))


def words(language: Language) -> Words:
    """The words of one language. WordsError if the table has no such language."""
    if language not in LANGUAGES:
        raise WordsError(f"there are no words in '{language}'; choose one of {', '.join(LANGUAGES)}")
    return Words(language, _table()[language])


def label(key: str, **values: Label | object) -> Label:
    """A text of the table in all languages; a Label among the values says its own language in each."""
    texts = {
        language: words(language)(key, **{name: _in(value, language) for name, value in values.items()})
        for language in LANGUAGES
    }
    return Label(**texts)


def phrase_class(probability: float) -> str:
    """Which of the six fixed phrases a probability has: "1" (almost certainly) to "6" (very unlikely)."""
    return next(name for least, name in CLASSES if probability >= least)


def top_phrase(probability: float, language: Language) -> str:
    """For example "very likely among the best fifth (88 in 100)"."""
    return _phrase("p_top", probability, language)


def above_phrase(probability: float, language: Language) -> str:
    """For example "probably better than the middle (70 in 100)"."""
    return _phrase("p_above", probability, language)


def _phrase(about: str, probability: float, language: Language) -> str:
    say = words(language)
    phrase = say(f"{about}.{phrase_class(probability)}")
    return say("phrase_number", phrase=phrase, number=say.in_100(probability))


def _in(value: object, language: Language) -> object:
    return value.text(language) if isinstance(value, Label) else value


@cache
def _table() -> Mapping[str, Mapping[str, str]]:
    """Language to key to text."""
    text = files("reports").joinpath("words.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(text.splitlines()))
    return MappingProxyType(
        {language: MappingProxyType({row["key"]: row[language] for row in rows}) for language in LANGUAGES}
    )
