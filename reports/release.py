"""The one gate: which figures leave scoring, for whom, and how coarse; what passes it is a release.

Every list, page and mail is made from a release and never from ratings. Numbers and reasons: DESIGN section 6; the rule on
differences lives in `reports.complement`, the rounding in `reports.bands`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

from reports import bands, reasons
from reports.complement import Cell, Shown, Tree, complement, enough, shown_together
from reports.errors import GateError
from reports.names import LANGUAGES, Label, Name
from reports.records import GROUPS, NO_RESULT, Audience, Figures, GateSettings, Line, Release, Unit
from reports.words import label, words
from scoring import Rating, Ratings, quarters
from scoring.levels import place_id

__all__ = ["Audience", "Figures", "GateSettings", "Line", "Release", "gate"]

NOTHING_YET = "no answers yet"
"""The label of a release without a single answer that counts."""


def gate(
    ratings: Ratings,
    registry: Mapping[str, Name],
    *,
    audience: Audience,
    settings: GateSettings,
    previous: Release | None = None,
    places: Mapping[str, Label] | None = None,
    cutoff: date | None = None,
    sample: bool = False,
) -> Release:
    """What this audience may see of these ratings.

    Programme: every provider of the registry, with figures or with an honest reason why not, and the roles in a place that stand
    in for those without a result. Outward: of these only whom scoring recommends to recognise and nobody who is under review.
    `places` names blocks and districts by their codes, `cutoff` is the date of the data, `previous` the audience's last release: a
    figure to which fewer than k new survivors contributed stays as it was. GateError for an unknown audience.
    """
    if previous is not None and previous.audience != audience:
        raise GateError(
            f"the previous release is for '{previous.audience}' and this one for '{audience}'; compare like with like"
        )
    view = _View(ratings, registry, settings, places or {}, audience, previous)
    inside = _shown_inside(view)
    shown = inside if audience == "programme" else _shown_outward(view, inside)
    listed = {*registry, *shown} if audience == "programme" else shown
    lines = (_carried(view, _line(view, key, shown, inside)) for key in listed)
    return Release(
        release=_short(ratings.window[-1]) if ratings.window else NOTHING_YET,
        audience=audience,
        window=tuple(_short(quarter) for quarter in ratings.window),
        cutoff=cutoff,
        sample=sample,
        settings=settings,
        lines=tuple(sorted(lines, key=_order)),
    )


@dataclass(frozen=True)
class _View:
    """The ratings as the gate sees them: by provider, as a tree, with names and thresholds."""

    ratings: Ratings
    registry: Mapping[str, Name]
    settings: GateSettings
    places: Mapping[str, Label]
    audience: Audience
    previous: Release | None

    @property
    def k(self) -> int:
        return self.settings.k(self.audience)

    @cached_property
    def rows(self) -> Mapping[str, Rating]:
        return {row.provider: row for row in self.ratings.rows}

    @cached_property
    def everyone(self) -> Mapping[tuple[str, str], str]:
        """(role, block or district) to the row of all who have this role there.

        A role in a place can also be a provider of the registry, evaluated as such: its row has another id and is one of "all".
        """
        return {
            (row.role, place): row.provider
            for row in self.ratings.rows
            if row.provider == place_id(row.role, place := row.block or row.district)
        }

    @cached_property
    def tree(self) -> Tree:
        return Tree(
            {key: Cell(key, self._parent(row), frozenset(row.survivors)) for key, row in self.rows.items()}
        )

    def place(self, code: str) -> Label:
        known = (words(language).known(f"state.{code}", code) for language in LANGUAGES)
        return self.places.get(code) or Label(*known)

    def where(self, block: str, district: str, *, within: str = "") -> Label:
        """The block with its district; the district is left out where it is what the reader is in already."""
        if not block:
            return self.place(district) if district != within else Label("")
        if not district or district == within:
            return self.place(block)
        return label("area_pair", district=self.place(district), block=self.place(block))

    def has_result(self, key: str, k: int) -> bool:
        """Whether enough survivors stand behind the row, and enough were served for one provider to be shown alone."""
        row = self.rows.get(key)
        if row is None or row.score is None or len(row.survivors) < k:
            return False
        return self.is_everyone(key) or self.serves_enough(key, k)

    def is_everyone(self, key: str) -> bool:
        return key in self._everyone_keys

    def serves_enough(self, key: str, k: int) -> bool:
        served = self.registry[key].served
        return served is None or served >= self.settings.served_factor * k

    def instead(self, key: str) -> Iterator[str]:
        """Who can stand in for a provider without a result, smallest first: the office, the role in the block, in the district."""
        name = self.registry[key]
        if name.office:
            yield from (other for other in self._offices.get((name.office, name.role), ()) if other != key)
        for place in (name.block, name.district):
            other = self.everyone.get((name.role, place), key)
            if other != key:
                yield other

    @cached_property
    def _everyone_keys(self) -> frozenset[str]:
        return frozenset(self.everyone.values())

    @cached_property
    def _offices(self) -> Mapping[tuple[str, str], list[str]]:
        found: dict[tuple[str, str], list[str]] = {}
        for key, name in self.registry.items():
            if name.kind == "office":
                found.setdefault((name.office, name.role), []).append(key)
        return found

    def _parent(self, row: Rating) -> str | None:
        for place in (row.block, row.district):
            key = self.everyone.get((row.role, place)) if place else None
            if key not in (None, row.provider):
                return key
        return None


def _shown_inside(view: _View) -> Shown:
    """The programme's figures. A role in a place is shown where somebody there has no result of their own to show outward."""
    k = view.settings.k_programme
    shown = frozenset(key for key in view.registry if view.has_result(key, k) and not view.is_everyone(key))
    refused: Shown = frozenset()
    for _ in ("blocks", "districts"):  # whoever finds no block asks for the district
        wanted = frozenset(_wanted(view, refused)) - shown
        shown = shown_together(view.tree, wanted, shown=shown, k=k)
        refused |= wanted - shown
    return shown


def _wanted(view: _View, refused: Shown) -> Iterator[str]:
    """For everybody without a result to show outward, the smallest stand-in that has one."""
    outward, inside = view.settings.k_outward, view.settings.k_programme
    for key in view.registry:
        if view.has_result(key, outward):
            continue
        for other in view.instead(key):
            if other in refused or not view.has_result(other, inside):
                continue
            yield other
            if view.has_result(other, outward):
                break


def _shown_outward(view: _View, inside: Shown) -> Shown:
    """Who is recognised, out of the programme's figures: so whoever holds both lists learns nothing from their difference."""
    fit = {key for key in inside if view.has_result(key, view.k) and _recognised(view, view.rows[key])}
    alone = frozenset(key for key in fit if not view.is_everyone(key))
    return shown_together(view.tree, fit - alone, shown=alone, k=view.k)


def _recognised(view: _View, row: Rating) -> bool:
    """Whether scoring recommends it now, or did in the last release and too few have spoken since to take it back."""
    if row.hold != "none" or row.peers < view.settings.peers:
        return False
    return row.recommendation == "recognise" or _old_line(view, row.provider) is not None


def _line(view: _View, key: str, shown: Shown, inside: Shown) -> Line:
    name, row = view.registry.get(key), view.rows.get(key)
    line = _named(view, key, name, row) if name else _of_everyone(view, view.rows[key])
    if row is None or key not in shown:
        return replace(line, reasons=tuple(_why_not(view, key, shown)))
    figures = _figures(row, view.settings.peers)
    return replace(
        line,
        group=NO_RESULT if figures.p_above is None else row.group,
        figures=figures,
        average=None if view.is_everyone(key) else _average(view, row, shown, inside),
        grade=row.grade,
        trend=row.trend,
        hold=row.hold,
        recommendation=row.recommendation,
        reasons=tuple(_why(view, key, row, figures)),
    )


def _named(view: _View, key: str, name: Name, row: Rating | None) -> Line:
    """The line of a provider before anything is said about them. `hold` stays "none" for whoever has no result: with so few
    answers a flag would point at those who gave it."""
    area = row.area if row and row.area else name.district
    return _blank(
        view, key, name.label, name.kind, role=name.role, area=area, block=name.block, district=name.district
    )


def _of_everyone(view: _View, row: Rating) -> Line:
    name = label("everyone_here", roles=_role(row.role), area=view.where(row.block, row.district))
    area = row.area or row.district
    return _blank(
        view,
        row.provider,
        name,
        "role_place",
        role=row.role,
        area=area,
        block=row.block,
        district=row.district,
    )


def _blank(
    view: _View, key: str, name: Label, unit: Unit, *, role: str, area: str, block: str, district: str
) -> Line:
    return Line(
        provider=key,
        name=name,
        unit=unit,
        everyone=view.is_everyone(key),
        role=role,
        area=area,
        area_name=view.place(area),
        where=view.where(block, district, within=area),
        group=NO_RESULT,
        figures=None,
        average=None,
        grade="",
        trend="",
        hold="none",
        recommendation="",
        reasons=(),
    )


def _role(role: str) -> Label:
    return Label(*(words(language).known(f"roles.{role}", role) for language in LANGUAGES))


def _figures(row: Rating, peers: int) -> Figures:
    """The figures of a row with a result, coarse; without a place where there are fewer peers than it needs."""
    score, low_end, high_end = (
        0.0 if value is None else value for value in (row.score, row.score_low, row.score_high)
    )
    placed = row.peers >= peers
    step = bands.WIDE_STEP if row.unanimous else bands.STEP
    low, high = bands.widened(low_end, high_end, step=step)
    return Figures(
        place_low=row.place_low if placed else None,
        place_high=row.place_high if placed else None,
        peers=row.peers,
        score=bands.score_band(score, step=step),
        low=low,
        high=high,
        n_band=bands.count_band(len(row.survivors)),
        reliability=bands.reliability_class(row.reliability or 0.0),
        p_top=bands.percent(row.p_top) if placed and row.p_top is not None else None,
        p_above=bands.five_percent(row.p_above) if placed and row.p_above is not None else None,
    )


def _average(view: _View, row: Rating, shown: Shown, inside: Shown) -> int | None:
    """The mean of the role in its district in steps of 5: a figure too, so it passes the gate as everyone's there would."""
    key = view.everyone.get((row.role, row.district))
    about = ("provider", row.role, row.district)
    mu = next((one.mu for one in view.ratings.groups if (one.unit, one.role, one.area) == about), None)
    if key is None or mu is None or row.area != row.district or len(view.tree.survivors(key)) < view.k:
        return None
    lists = ((shown, view.k), (inside, view.settings.k_programme))
    if not all(enough(complement(view.tree, key, kept), k) for kept, k in lists):
        return None
    return round(mu / bands.STEP) * bands.STEP


def _why(view: _View, key: str, row: Rating, figures: Figures) -> Iterator[Label]:
    yield from reasons.about_result(
        row, figures, peers=view.settings.peers, outward=view.audience == "outward"
    )
    if key in view.registry and view.registry[key].served is None:
        yield label("reason.served_unknown")


def _why_not(view: _View, key: str, shown: Shown) -> Iterator[Label]:
    """Why a provider has no result, and whom to look at instead. None or some answers: the sentence is the same."""
    if view.serves_enough(key, view.k):
        yield label("reason.too_few", k=view.k)
    else:
        yield label("reason.served_few")
    other = next((other for other in view.instead(key) if other in shown), None)
    if other is not None:
        line = _line(view, other, shown, shown)
        yield label("reason.see_place", name=line.name)


def _carried(view: _View, line: Line) -> Line:
    """The line with the figures of the last release where fewer than k survivors have spoken since: the difference would be theirs.

    Whether somebody is under review is said as of now: that is for safety, and moves no figure.
    """
    old = _old_line(view, line.provider) if line.figures else None
    if old is None or view.previous is None:
        return line
    note = label("reason.carried", release=view.previous.release, k=view.k)
    return replace(old, hold=line.hold, reasons=(*(one for one in old.reasons if one != note), note))


def _old_line(view: _View, key: str) -> Line | None:
    """The line of the last release, if it had figures and fewer than k survivors have spoken since."""
    if view.previous is None:
        return None
    old = next((line for line in view.previous.lines if line.provider == key and line.figures), None)
    return old if old and _new_survivors(view.rows[key], view.previous) < view.k else None


def _new_survivors(row: Rating, previous: Release) -> int:
    """Distinct survivors who spoke after the last release; of several quarters the fullest, since one survivor may speak in each."""
    last = quarters.number(previous.release)
    return max((n for quarter, n in row.new_survivors.items() if quarters.number(quarter) > last), default=0)


def _order(line: Line) -> tuple[str, str, str, int, float, str, str]:
    place = line.figures.place_low if line.figures else None
    place_or_last = float("inf") if place is None else place
    group = GROUPS.index(line.group)
    return line.role, line.area_name.en, line.area, group, place_or_last, line.name.en, line.provider


def _short(quarter: str) -> str:
    return quarter.replace("-", "")
