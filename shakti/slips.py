"""Slips with survivor codes to cut out: one self-contained A4 page of HTML that says nothing about what they are for.

Whoever finds a slip, or reads it over her shoulder, learns a number and that somebody should keep it. So there is no
name of the programme, no date, no word about evaluating, in the page's title neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["PER_PAGE", "slips_page"]

PER_PAGE = 10  # two by five: large enough for a thumb, small enough to hide

WORDS = (
    ("bn", "আপনার নম্বর", "কাগজটি যত্ন করে রাখুন।"),
    ("hi", "आपका नंबर", "यह पर्ची संभालकर रखें।"),
    ("en", "Your number", "Please keep this slip."),
)
GROUPS = (4, 3, 3)  # read aloud like a telephone number; copied, it has no blanks

STYLE = """
@page { size: A4; margin: 10mm }
* { box-sizing: border-box }
html { font-family: "Noto Sans", "Noto Sans Bengali", "Noto Sans Devanagari", "Nirmala UI", "Kohinoor Bangla",
  "Kohinoor Devanagari", sans-serif; color: #000; background: #fff }
body { margin: 0 }
.page { width: 190mm; height: 276mm; display: grid; grid-template: repeat(5, 1fr) / repeat(2, 1fr);
  break-after: page; margin: 0 auto }
.page:last-child { break-after: auto }
.slip { border: .3mm dashed #777; padding: 4mm 5mm; display: flex; flex-direction: column; justify-content: space-between;
  overflow: hidden }
.slip p { margin: 0; font-size: 10.5pt; line-height: 1.5; display: flex; justify-content: space-between; gap: 4mm }
.number { font: 700 22pt/1.2 "Noto Sans Mono", "DejaVu Sans Mono", Consolas, monospace; text-align: center }
.number span + span { margin-left: .45em }
@media screen { body { background: #ddd; padding: 5mm 0 } .page { background: #fff; margin-bottom: 5mm } }
"""


def slips_page(codes: Sequence[str]) -> str:
    """A page of HTML with one slip for each code, ten on a sheet of A4, the languages on each slip."""
    sheets = (codes[start : start + PER_PAGE] for start in range(0, len(codes), PER_PAGE))
    body = "\n".join(_sheet(sheet) for sheet in sheets)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>Numbers</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _sheet(codes: Iterable[str]) -> str:
    slips = "\n".join(_slip(code) for code in codes)
    return f'<section class="page">\n{slips}\n</section>'


def _slip(code: str) -> str:
    lines = [
        f'<p lang="{language}"><span>{number}</span><span>{keep}</span></p>'
        for language, number, keep in WORDS
    ]
    return f'<div class="slip">{lines[0]}<div class="number">{_grouped(code)}</div>{lines[1]}{lines[2]}</div>'


def _grouped(code: str) -> str:
    parts, rest = [], code
    for length in GROUPS:
        parts.append(rest[:length])
        rest = rest[length:]
    return "".join(f"<span>{part}</span>" for part in (*parts, rest) if part)
