"""What providers and places are called: labels in three languages, out of the registry."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from connector.registry import Provider

__all__ = ["LANGUAGES", "Label", "Language", "Name", "names", "plain"]

Language = Literal["en", "bn", "hi"]
LANGUAGES: tuple[Language, ...] = ("en", "bn", "hi")
Kind = Literal["person", "office", "role_place"]

# Joiners shape Bengali and Devanagari conjuncts: they are format characters (Cf) like the invisible ones that turn text round, but stay.
JOINERS = "\u200c\u200d"


@dataclass(frozen=True)
class Label:
    """One name in three languages; a language without a name says the English one."""

    en: str
    bn: str = ""
    hi: str = ""

    def text(self, language: Language) -> str:
        return {"en": self.en, "bn": self.bn, "hi": self.hi}[language] or self.en


@dataclass(frozen=True)
class Name:
    """One row of the registry. `served`: survivors served in the window, None where unknown."""

    role: str
    kind: Kind
    label_en: str
    label_bn: str = ""
    label_hi: str = ""
    office: str = ""
    block: str = ""
    district: str = ""
    served: int | None = None

    @property
    def label(self) -> Label:
        return Label(en=plain(self.label_en), bn=plain(self.label_bn), hi=plain(self.label_hi))


def names(postings: Iterable[Provider]) -> dict[str, Name]:
    """Provider id to Name, from the postings of providers.csv; of several postings the latest says role and place."""
    in_time = sorted(postings, key=lambda one: one.since or date.min)
    return {one.name: _name(one) for one in in_time}


def plain(text: str) -> str:
    """The text on one line, without control characters and without marks that reverse the direction of reading."""
    kept = (character for character in " ".join(text.split()) if _visible(character))
    return "".join(kept)


def _name(posting: Provider) -> Name:
    kinds: dict[str, Kind] = {"person": "person", "office": "office", "role_place": "role_place"}
    return Name(
        role=posting.role,
        kind=kinds[posting.kind],
        label_en=posting.label_en or posting.label,
        label_bn=posting.label_bn,
        label_hi=posting.label_hi,
        office=posting.office,
        block=posting.block,
        district=posting.district,
        served=posting.served,
    )


def _visible(character: str) -> bool:
    return character in JOINERS or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn")
