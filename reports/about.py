"""What a reader must know before the first figure: the same sentences on the page and on the first sheet of the workbook."""

from __future__ import annotations

from collections.abc import Iterator

from reports.records import Line, Release
from reports.words import Words
from scoring import quarters

__all__ = ["about", "mistakes", "window_text"]


def about(release: Release, say: Words) -> Iterator[tuple[str, str]]:
    """Heading and text, in the order of reading: what it is, of when, for whom, how to read it, how sure it is."""
    yield say("page.what"), say("page.lead")
    yield say("page.release"), release.mark
    if release.window:
        yield say("page.window"), window_text(release, say)
    if release.cutoff:
        yield say("page.cutoff"), say.date(release.cutoff)
    yield say("page.threshold"), say("page.threshold_text", k=release.k)
    yield say("page.audience"), say("page.audience_outward")
    yield say("column.place"), say("page.place_help")
    yield say("column.sure"), say("page.sure_help")
    yield say("column.score_band"), say("page.score_help")
    yield say("column.n_band"), say("page.n_help")
    if release.lines:
        yield say("page.whole"), mistakes(release.lines, say)
    else:
        yield say("page.empty"), say("page.empty_why")
    yield say("page.not_here"), say("page.absent")
    yield say("page.fingerprint"), release.sha256


def window_text(release: Release, say: Words) -> str:
    """The months of the window: "January 2026 to December 2026"."""
    first, last = (divmod(quarters.number(label), 4) for label in (release.window[0], release.window[-1]))
    return say(
        "page.window_text",
        first=say.month(first[0], 3 * first[1] + 1),
        last=say.month(last[0], 3 * last[1] + 3),
    )


def mistakes(lines: tuple[Line, ...], say: Words) -> str:
    """How many of the list do not belong to the best fifth if the chances are right: the sum of what each lacks to certainty."""
    chances = [line.figures.p_top for line in lines if line.figures and line.figures.p_top is not None]
    wrong = round(sum(1 - chance for chance in chances))
    if wrong == 0:
        return say("page.mistakes_none", all=len(lines))
    return say("page.mistakes", wrong=wrong, all=len(lines))
