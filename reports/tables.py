"""The two lists as tables of text and numbers: their columns, and CSV that a spreadsheet cannot mistake for formulas.

CSV is UTF-8 with a byte order mark (read it with `utf-8-sig`): without the mark Excel shows Bengali and Hindi as rubbish. Every cell
is quoted, and a text that a spreadsheet could take for a formula begins with an apostrophe. The columns are fixed by DESIGN
section 5 and stand in the first line, so sample data say what they are in each row: in `release` ("2026Q4-sample") and in `reasons`.
`programme.csv` holds the codes of the design (role, unit, group, hold, recommendation), `leaders.csv` words in one language.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from reports.bands import Band
from reports.names import JOINERS, Language, plain
from reports.records import Line, Release
from reports.words import top_phrase, words

__all__ = ["LEADERS", "PROGRAMME", "Cell", "Row", "csv_text", "leaders", "programme", "safe", "span"]

Cell = str | int | float | None
Row = Mapping[str, Cell]

PROGRAMME = (
    "release",
    "role",
    "area",
    "provider",
    "name",
    "unit",
    "group",
    "place_low",
    "place_high",
    "score",
    "score_low",
    "score_high",
    "n_band",
    "reliability",
    "p_top",
    "p_above",
    "grade",
    "trend",
    "hold",
    "recommendation",
    "reasons",
)
LEADERS = (
    "release",
    "role",
    "area",
    "place_low",
    "place_high",
    "provider",
    "name",
    "unit",
    "score_band",
    "n_band",
    "p_top",
    "reasons",
)

FORMULA = "=+-@"
BLANK_START = "\t\r\n"


def programme(release: Release, language: Language) -> list[Row]:
    """The rows of programme.csv, in the columns of PROGRAMME; names, areas and reasons in one language."""
    return [_programme_row(release, line, language) for line in release.lines]


def leaders(release: Release, language: Language) -> list[Row]:
    """The rows of leaders.csv, in the columns of LEADERS; all words in one language."""
    return [_leaders_row(release, line, language) for line in release.lines]


def csv_text(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """The table as CSV with a header; see the module for what it does to texts."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, columns, quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows({column: safe(cell) for column, cell in row.items()} for row in rows)
    return out.getvalue()


def safe(cell: Cell) -> Cell:
    """A text that begins like a formula, also in full-width signs or behind blanks and marks that are not seen, with an apostrophe before it (OWASP, CSV injection)."""
    if not isinstance(cell, str) or not cell:
        return cell
    begins = unicodedata.normalize("NFKC", plain(cell).lstrip(JOINERS))[:1]
    return f"'{cell}" if cell[0] in BLANK_START or (begins and begins in FORMULA) else cell


def span(band: Band) -> str:
    """A band as text, with an en dash: Excel takes "10-15" with a hyphen for a date."""
    return f"{band[0]}–{band[1]}"


def _programme_row(release: Release, line: Line, language: Language) -> Row:
    figures = line.figures
    row: dict[str, Cell] = dict.fromkeys(PROGRAMME)
    row |= {
        "release": release.mark,
        "role": line.role,
        "area": line.area_name.text(language),
        "provider": line.provider,
        "name": line.name.text(language),
        "unit": line.unit,
        "group": line.group,
        "grade": line.grade,
        "trend": line.trend,
        "hold": line.hold,
        "recommendation": line.recommendation,
        "reasons": _reasons(release, line, language),
    }
    if figures is not None:
        row |= {
            "place_low": figures.place_low,
            "place_high": figures.place_high,
            "score": span(figures.score),
            "score_low": figures.low,
            "score_high": figures.high,
            "n_band": figures.n_band,
            "reliability": figures.reliability,
            "p_top": figures.p_top,
            "p_above": figures.p_above,
        }
    return row


def _leaders_row(release: Release, line: Line, language: Language) -> Row:
    say, figures = words(language), line.figures
    row: dict[str, Cell] = dict.fromkeys(LEADERS)
    row |= {
        "release": release.mark,
        "role": say.known(f"role.{line.role}", line.role),
        "area": line.area_name.text(language),
        "provider": line.provider,
        "name": line.name.text(language),
        "unit": say(f"unit.{line.unit}"),
        "reasons": _reasons(release, line, language),
    }
    if figures is not None:
        row |= {
            "place_low": figures.place_low,
            "place_high": figures.place_high,
            "score_band": span(figures.score),
            "n_band": figures.n_band,
            "p_top": None if figures.p_top is None else top_phrase(figures.p_top, language),
        }
    return row


def _reasons(release: Release, line: Line, language: Language) -> str:
    sentences = [reason.text(language) for reason in line.reasons]
    if release.sample:
        sentences.append(words(language)("sample"))
    return " ".join(sentences)
