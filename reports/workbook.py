"""The leadership list as an Excel workbook: what to know on the first sheet, one real table on the second."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

import xlsxwriter

from reports.about import about
from reports.names import Language
from reports.records import Figures, Line, Release
from reports.tables import Cell, span
from reports.words import Words, phrase_class, words

__all__ = ["leaders_workbook"]

# Text stays text: a name that begins like a formula or an address is shown, never run or linked.
OPTIONS = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
A4 = 9
WRAP = {"text_wrap": True, "valign": "top"}

# Column (a key of words.csv) and its width in characters.
COLUMNS = (
    ("column.role", 20),
    ("column.area", 20),
    ("column.name", 32),
    ("column.unit", 18),
    ("column.place_low", 8),
    ("column.place_high", 8),
    ("column.peers", 10),
    ("column.score_band", 10),
    ("column.score_low", 10),
    ("column.score_high", 10),
    ("column.n_band", 12),
    ("column.sure", 30),
    ("column.chance", 10),
    ("column.reasons", 56),
    ("column.provider", 22),
    ("column.release", 16),
)


def leaders_workbook(release: Release, language: Language) -> bytes:
    """The outward list as .xlsx; the same release gives the same bytes."""
    say = words(language)
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, OPTIONS) as book:
        # The date of the data, not of the clock: two runs over one release give one file.
        made = (
            datetime.combine(release.cutoff, datetime.min.time()) if release.cutoff else datetime(2026, 1, 1)
        )
        book.set_properties({"title": f"{say('page.title')} {release.mark}", "created": made})
        _read_first(book, release, say)
        _list(book, release, say)
    return out.getvalue()


def _read_first(book: Any, release: Release, say: Words) -> None:
    sheet = book.add_worksheet(say("book.read_first"))
    title, loud = book.add_format({"bold": True, "font_size": 16}), book.add_format(WRAP | {"bold": True})
    strong, plain = book.add_format({"bold": True, "valign": "top"}), book.add_format(WRAP)
    sheet.set_column(0, 0, 24)
    sheet.set_column(1, 1, 96)
    sheet.write_string(0, 0, say("page.title"), title)
    row = 1
    if release.sample:
        sheet.write_string(row, 1, say("sample"), loud)
        row += 1
    for head, text in about(release, say):
        sheet.write_string(row, 0, head, strong)
        sheet.write_string(row, 1, text, plain)
        row += 1
    _for_print(sheet, release, say)


def _list(book: Any, release: Release, say: Words) -> None:
    sheet = book.add_worksheet(say("book.leaders"))
    head, wrap = book.add_format(WRAP | {"bold": True, "bottom": 1}), book.add_format(WRAP)
    for column, (_, width) in enumerate(COLUMNS):
        sheet.set_column(column, column, width, wrap)
    heads = [say(key) for key, _ in COLUMNS]
    rows = [_row(release, line, say) for line in release.lines]
    for column, text in enumerate(heads):
        sheet.write_string(0, column, text, head)
    if rows:
        _table(sheet, heads, rows, head, wrap)
    else:  # a table of Excel needs a row; an empty one would look like somebody without a name
        sheet.write_string(1, 0, say("page.empty"))
    sheet.freeze_panes(1, 0)
    sheet.repeat_rows(0)
    _for_print(sheet, release, say)


def _table(sheet: Any, heads: list[str], rows: list[list[Cell]], head: Any, wrap: Any) -> None:
    columns = [{"header": text, "header_format": head} for text in heads]
    options = {"name": "Leaders", "columns": columns, "style": "Table Style Light 1", "autofilter": True}
    sheet.add_table(0, 0, len(rows), len(heads) - 1, options)
    for number, row in enumerate(rows, start=1):
        for column, cell in enumerate(row):
            if isinstance(cell, str):
                sheet.write_string(number, column, cell, wrap)
            elif cell is not None:
                sheet.write_number(number, column, cell, wrap)


def _row(release: Release, line: Line, say: Words) -> list[Cell]:
    return [
        say.known(f"role.{line.role}", line.role),
        line.area_name.text(say.language),
        line.name.text(say.language),
        say(f"unit.{line.unit}"),
        *_numbers(line.figures, say),
        " ".join(reason.text(say.language) for reason in line.reasons),
        line.provider,
        release.mark,
    ]


def _numbers(figures: Figures | None, say: Words) -> list[Cell]:
    """The cells from `column.place_low` to `column.chance`."""
    if figures is None:
        return [None] * 9
    sure = figures.p_top
    return [
        figures.place_low,
        figures.place_high,
        figures.peers,
        span(figures.score),
        figures.low,
        figures.high,
        figures.n_band,
        None if sure is None else say(f"p_top.{phrase_class(sure)}"),
        None if sure is None else round(sure * 100),
    ]


def _for_print(sheet: Any, release: Release, say: Words) -> None:
    sheet.set_landscape()
    sheet.set_paper(A4)
    sheet.fit_to_pages(1, 0)
    sheet.set_margins(left=0.4, right=0.4)
    sheet.set_header(f"&L{say('sample') if release.sample else ''}&R{release.mark}")
    sheet.set_footer(f"&C{say('book.page_of')}")
