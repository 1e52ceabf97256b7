"""What providers and places are called: labels in three languages, out of the registry's rows."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

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


def names(rows: Iterable[Mapping[str, str]]) -> dict[str, Name]:
    """Provider id to Name, from the rows of providers.csv (columns of DESIGN, section 4); rows without a role are no providers."""
    return {row["name"]: _name(row) for row in rows if row["role"]}


def plain(text: str) -> str:
    """The text on one line, without control characters and without marks that reverse the direction of reading."""
    kept = (character for character in " ".join(text.split()) if _visible(character))
    return "".join(kept)


def _name(row: Mapping[str, str]) -> Name:
    kinds: dict[str, Kind] = {"person": "person", "office": "office", "role_place": "role_place"}
    served = row.get("served", "").strip()
    return Name(
        role=row["role"],
        kind=kinds[row["kind"]],
        label_en=row["label_en"] or row["label"],
        label_bn=row["label_bn"],
        label_hi=row["label_hi"],
        office=row["office"],
        block=row["block"],
        district=row["district"],
        served=int(served) if served else None,
    )


def _visible(character: str) -> bool:
    return character in JOINERS or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn")
