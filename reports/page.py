"""The leadership list as one self-contained page: no script, nothing loaded from elsewhere, readable in black and white."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined

from reports.about import mistakes, window_text
from reports.names import Language
from reports.records import Figures, Line, Release
from reports.tables import span
from reports.words import Words, phrase_class, words

__all__ = ["leaders_page"]

ROWS = 10
"""Rows under one heading: of 5 providers 80 % of readers find the best ones, of 20 only 70 % (Damman, Hibbard)."""

EXAMPLE_SURE = 0.88
"""The circle of the legend; its numbers are invented and stand in the text beside it."""


@dataclass(frozen=True)
class Strip:
    """Where dot, line and average stand on a strip from 0 to 100."""

    dot: float
    low: int
    high: int
    average: int | None
    title: str
    description: str


@dataclass(frozen=True)
class Entry:
    """One row of the page, in the words of its language."""

    name: str
    where: str
    place: str
    place_of: str
    sure: str
    sure_number: str
    slice: str
    band: str
    strip: Strip
    n_band: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """A heading and at most ten rows."""

    title: str
    entries: tuple[Entry, ...]


def leaders_page(release: Release, language: Language) -> str:
    """The outward list as HTML in one language; the same release gives the same page."""
    say = words(language)
    return (
        _environment()
        .get_template("leaders.html.j2")
        .render(
            say=say,
            release=release,
            window=window_text(release, say) if release.window else "",
            cutoff=say.date(release.cutoff) if release.cutoff else "",
            sections=tuple(_sections(release.lines, say)),
            whole=mistakes(release.lines, say) if release.lines else "",
            example=Strip(82.5, 72, 91, 64, say("page.example"), say("page.score_help")),
            example_slice=_slice(EXAMPLE_SURE),
        )
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _sections(lines: Sequence[Line], say: Words) -> Iterator[Section]:
    """By role and area; all in a role in a place are compared among places, so they stand apart from single providers."""
    for _, group in groupby(sorted(lines, key=_heading), key=_heading):
        listed = list(group)
        title = _title(listed[0], say)
        for first in range(0, len(listed), ROWS):
            some = listed[first : first + ROWS]
            entries = tuple(_entry(line, line.figures, say) for line in some if line.figures)
            yield Section(say("page.continued", title=title) if first else title, entries)


def _heading(line: Line) -> tuple[str, str, str, bool]:
    return line.role, line.area_name.en, line.area, line.everyone


def _title(line: Line, say: Words) -> str:
    return say(
        "page.group_places" if line.everyone else "page.group",
        roles=say.known(f"roles.{line.role}", line.role),
        area=line.area_name.text(say.language),
    )


def _entry(line: Line, figures: Figures, say: Words) -> Entry:
    place, place_of = _place(figures, say)
    sure = figures.p_top
    return Entry(
        name=line.name.text(say.language),
        where="" if line.everyone else line.where.text(say.language),
        place=place,
        place_of=place_of,
        sure="" if sure is None else say(f"p_top.{phrase_class(sure)}"),
        sure_number="" if sure is None else say.in_100(sure),
        slice=_slice(sure or 0.0),
        band=span(figures.score),
        strip=_strip(figures, line.average, say),
        n_band=figures.n_band,
        reasons=tuple(reason.text(say.language) for reason in line.reasons),
    )


def _place(figures: Figures, say: Words) -> tuple[str, str]:
    """The range of places, and among how many."""
    if figures.place_low is None or figures.place_high is None:
        return "–", ""
    places = str(figures.place_low)
    if figures.place_low != figures.place_high:
        places = say("page.place_span", low=figures.place_low, high=figures.place_high)
    return places, say("page.place_of", peers=figures.peers)


def _strip(figures: Figures, average: int | None, say: Words) -> Strip:
    band = span(figures.score)
    description = [say("page.strip_desc", band=band, low=figures.low, high=figures.high)]
    if average is not None:
        description.append(say("page.strip_average", average=average))
    return Strip(
        dot=sum(figures.score) / 2,
        low=figures.low,
        high=figures.high,
        average=average,
        title=say("page.strip", band=band),
        description=" ".join(description),
    )


def _slice(share: float) -> str:
    """The SVG path of a slice of a circle of radius 9 around 0,0, clockwise from the top; never the whole circle."""
    angle = 2 * math.pi * share
    x, y = 9 * math.sin(angle), -9 * math.cos(angle)
    return f"M0 0V-9A9 9 0 {int(share > 0.5)} 1 {x:.2f} {y:.2f}Z"
