"""Small workbooks that a test breaks in one place, and what the doctor says of them."""

from __future__ import annotations

from pathlib import Path

from openpyxl import Workbook

from xlsforms.checks import Finding, check

Sheet = list[dict[str, str]]
EN, BN = "English (en)", "বাংলা (bn)"


def healthy() -> dict[str, Sheet]:
    """A small form in two languages with nothing to mend."""
    return {
        "survey": [
            {"type": "text", "name": "code", f"label::{EN}": "Number", f"label::{BN}": "নম্বর"}
            | {"bind::eval:is": "survivor_code"},
            {
                "type": "select_one yes_no",
                "name": "asked_money",
                f"label::{EN}": "Asked?",
                f"label::{BN}": "চেয়েছে?",
            }
            | {"bind::eval:measures": "bribe", "bind::eval:best": "no", "bind::eval:flag": "yes"},
            {"type": "text", "name": "words", f"label::{EN}": "Words", f"label::{BN}": "কথা"}
            | {f"hint::{EN}": "No names", f"hint::{BN}": "নাম নয়"},
        ],
        "choices": [
            {"list_name": "yes_no", "name": "yes", f"label::{EN}": "Yes", f"label::{BN}": "হ্যাঁ"},
            {"list_name": "yes_no", "name": "no", f"label::{EN}": "No", f"label::{BN}": "না"},
        ],
        "settings": [
            {"form_title": "Sample", "form_id": "sample", "version": "2026112301", "default_language": BN}
            | {"instance_name": "concat('Sample ', today())", "namespaces": 'eval="urn:shakti:evaluation:1"'},
        ],
    }


def written(book: dict[str, Sheet], folder: Path) -> Path:
    workbook = Workbook()
    workbook.remove(workbook.active)
    for title, rows in book.items():
        header = list(dict.fromkeys(column for row in rows for column in row))
        sheet = workbook.create_sheet(title)
        sheet.append(header)
        for row in rows:
            sheet.append([row.get(column) for column in header])
    path = folder / "sample.xlsx"
    workbook.save(path)
    return path


def as_text(book: dict[str, Sheet], folder: Path, suffix: str) -> Path:
    """The same as a markdown table (.md) or with all sheets below one another (.csv)."""
    before, between, after = ("| ", " | ", " |") if suffix == ".md" else ("", ",", "")
    lines = []
    for title, rows in book.items():
        header = list(dict.fromkeys(column for row in rows for column in row))
        lines.append([title])
        lines += [
            ["", *cells] for cells in (header, *([row.get(column, "") for column in header] for row in rows))
        ]
    quoted = [[f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in cells] for cells in lines]
    path = folder / f"sample{suffix}"
    text = "\n".join(before + between.join(cells) + after for cells in (lines if suffix == ".md" else quoted))
    path.write_text(text + "\n", encoding="utf-8")
    return path


def found(book: dict[str, Sheet], folder: Path) -> list[Finding]:
    """Everything about this book but the note that it has no recordings."""
    return [f for f in check(written(book, folder)) if "recording" not in f.message]


def only(book: dict[str, Sheet], folder: Path) -> Finding:
    """The single finding about this book; anything more or less fails the test."""
    (finding,) = found(book, folder)
    return finding
