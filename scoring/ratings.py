"""From evaluations to ratings: the whole path, one step a line.

evaluations -> what has a say (selection, items) -> who is rated (levels) -> votes -> estimates (cells, mode)
-> peer groups (peers, pooling) -> places (results, ranks) -> decisions (lists, explain)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from scoring import audit
from scoring.columns import Bools, Ints, firsts
from scoring.estimates import Estimates, estimates_of, modes_of, role_numbers
from scoring.evaluations import Evaluations
from scoring.highlights import domain_results
from scoring.integrity import checked
from scoring.levels import Level, levels
from scoring.lists import decide
from scoring.peers import Fitted, fit
from scoring.profile import profiles
from scoring.records import (
    Change,
    CheckName,
    Finding,
    ModeEffect,
    PeerGroup,
    Rating,
    Ratings,
    Sensitivity,
    Survivors,
    Unit,
)
from scoring.results import results_of
from scoring.selection import Heard, select
from scoring.settings import Settings
from scoring.trend import changes

__all__ = ["rate"]


def rate(
    evaluations: Evaluations,
    registry: Sequence[Unit],
    settings: Settings,
    *,
    rng: np.random.Generator,
    as_of: str | None = None,
) -> Ratings:
    """Rate every unit of the registry, and every role in a block and district, over the quarters that end with `as_of`.

    `as_of` defaults to the last quarter in which an evaluation counts. One number is taken from `rng` and every peer group draws
    from a stream made of it, its units ordered by their estimates: a place depends neither on the order of the rows nor on
    anybody's name nor on other groups. RegistryError if a provider is named twice, TableError if `as_of` is not a quarter.
    """
    seed = int(rng.integers(2**63))
    heard = select(evaluations, settings, as_of=as_of)
    all_levels = levels(heard.evaluations, registry)
    roles = sorted({unit.role for level in all_levels for unit in level.units})
    modes = modes_of(all_levels[0], heard, roles, settings)
    rows, groups = _rated(all_levels, heard, modes, settings, seed=seed)
    findings = checked(heard, settings) if settings.alarms > 0.0 else ()
    if findings:
        rows = _beside_findings(rows, findings, all_levels, heard, settings, seed=seed)
    return Ratings(
        rows=rows,
        window=heard.window,
        modes=modes,
        groups=groups,
        findings=findings,
        audit=audit.record(
            heard, registry, settings, seed=seed, modes=modes, groups=groups, findings=findings
        ),
    )


def _rated(
    all_levels: Sequence[Level],
    heard: Heard,
    modes: Sequence[ModeEffect],
    settings: Settings,
    *,
    seed: int,
) -> tuple[tuple[Rating, ...], tuple[PeerGroup, ...]]:
    """The decided ratings of all units, sorted by provider, and the coefficients of the peer groups."""
    rows: list[Rating] = []
    groups: list[PeerGroup] = []
    for level in all_levels:
        estimates = estimates_of(level, heard, modes, settings)
        evidence = _evidence(level, estimates, heard, modes, settings)
        for unit, change in _changes(level, heard, modes, settings).items():
            evidence[unit] = replace(evidence[unit], change=change)
        if level.name == "provider":
            domains = domain_results(level, heard, [mode.role for mode in modes], settings, seed=seed)
            evidence = [replace(one, domains=own) for one, own in zip(evidence, domains, strict=True)]
        for group in fit(level, estimates, settings):
            found = results_of(group, estimates, settings, seed=seed, graded=True)
            rows += [
                replace(evidence[unit], area=group.area, peers=group.peers, **found.get(unit, {}))
                for unit in group.belongs.tolist()
            ]
            groups += _coefficients(level, estimates, group)
    return decide(sorted(rows, key=lambda row: row.provider), settings), tuple(groups)


def _beside_findings(
    rows: Sequence[Rating],
    findings: Sequence[Finding],
    all_levels: Sequence[Level],
    heard: Heard,
    settings: Settings,
    *,
    seed: int,
) -> tuple[Rating, ...]:
    """The ratings with what they would be without the evaluations that findings name; an honour that leans on these is held."""
    named = {evaluation for finding in findings for evaluation in finding.evaluations}
    odd = np.array([evaluation in named for evaluation in heard.evaluations.evaluation.tolist()], dtype=bool)
    touched = _touched(findings, all_levels, heard)
    rest = replace(
        heard,
        value=np.where(odd, np.nan, heard.value),
        domains={name: np.where(odd, np.nan, values) for name, values in heard.domains.items()},
    )
    modes = modes_of(all_levels[0], rest, sorted({row.role for row in rows}), settings)
    concerned = [level for level in all_levels if any(unit.provider in touched for unit in level.units)]
    others, _ = _rated(concerned, rest, modes, settings, seed=seed)
    without = {row.provider: row for row in others if row.provider in touched}
    held = [
        _held_by_findings(row, without[row.provider], touched[row.provider])
        if row.provider in without
        else row
        for row in rows
    ]
    return decide(held, settings)


def _touched(
    findings: Sequence[Finding], all_levels: Sequence[Level], heard: Heard
) -> dict[str, tuple[CheckName, ...]]:
    """Provider -> the checks that name an evaluation of it."""
    ids = heard.evaluations.evaluation
    found: dict[str, dict[CheckName, None]] = {}
    for finding in findings:
        rows = np.searchsorted(ids, np.array(finding.evaluations, dtype=ids.dtype))
        for level in all_levels:
            for unit in np.unique(level.unit[rows]).tolist():
                if unit >= 0:
                    found.setdefault(level.units[unit].provider, {})[finding.check] = None
    return {provider: tuple(checks) for provider, checks in found.items()}


def _held_by_findings(row: Rating, without: Rating, checks: tuple[CheckName, ...]) -> Rating:
    """A finding takes nothing away: it holds what would be honoured until a person has looked, where it would not be without."""
    leans = (
        (row.recommendation == "recognise" and without.recommendation != "recognise")
        or (row.improved and not without.improved)
        or bool(set(row.highlights) - set(without.highlights))
    )
    return replace(
        row,
        hold="review" if leans else row.hold,
        held_by=(*row.held_by, "odd answers") if leans else row.held_by,
        without_findings=Sensitivity(
            checks=checks,
            score=without.score,
            score_low=without.score_low,
            score_high=without.score_high,
            p_top=without.p_top,
            recommendation=without.recommendation,
        ),
    )


def _evidence(
    level: Level, estimates: Estimates, heard: Heard, modes: Sequence[ModeEffect], settings: Settings
) -> list[Rating]:
    """For each unit who it is and what stands behind its rating; not yet what it is beside its peers."""
    many = len(level.units)
    survivors = _survivors(estimates, heard, many)
    spoke = _spoke(estimates, heard, many)
    held = _held(level, heard)
    profile = profiles(estimates.votes, heard.evaluations, many)
    uncertain = {mode.role for mode in modes if mode.source == "not comparable yet"}
    return [
        Rating(
            provider=unit.provider,
            unit=unit.kind,
            name=unit.name,
            role=unit.role,
            office=unit.office,
            block=unit.block,
            district=unit.district,
            state=unit.state,
            served=unit.served,
            area="",
            peers=0,
            n=int(estimates.n[index]),
            units=int(estimates.size[index]),
            collectors=int(estimates.collectors[index]),
            chat_share=1.0 - float(estimates.interviewed[index]) if estimates.size[index] else 0.0,
            new_survivors=dict(zip(heard.window, spoke[index].tolist(), strict=True)),
            survivors=survivors[index],
            modes_comparable=unit.role not in uncertain,
            unanimous=bool(estimates.unanimous[index]),
            hold="review" if held[index] else "none",
            held_by=("red flag",) if held[index] else (),
            indicators=profile[index] if estimates.n[index] >= settings.k_programme else {},
        )
        for index, unit in enumerate(level.units)
    ]


def _changes(
    level: Level, heard: Heard, modes: Sequence[ModeEffect], settings: Settings
) -> dict[int, Change]:
    """How each unit changed between the halves of the window. An odd quarter in the middle belongs to the second half."""
    middle = len(heard.window) // 2
    if not middle or not level.units:
        return {}
    halves = (heard.quarter < middle, heard.quarter >= middle)
    before, now = (
        estimates_of(replace(level, unit=np.where(half, level.unit, -1)), heard, modes, settings)
        for half in halves
    )
    return changes(before, now, role_numbers(level, [mode.role for mode in modes]), settings)


def _survivors(estimates: Estimates, heard: Heard, units: int) -> list[Survivors]:
    """Who spoke about each unit (votes are in the order of unit and survivor)."""
    votes, wide = estimates.votes, len(heard.survivors)
    one_vote_each = firsts(votes.unit * wide + votes.survivor)
    unit, survivor = votes.unit[one_vote_each], votes.survivor[one_vote_each]
    ends = np.searchsorted(unit, np.arange(units + 1))
    return [Survivors(heard.survivors, survivor[start:end]) for start, end in pairwise(ends.tolist())]


def _spoke(estimates: Estimates, heard: Heard, units: int) -> Ints:
    """Distinct survivors for each unit and quarter of the window (a survivor has one vote a quarter)."""
    wide = len(heard.window)
    keys = estimates.votes.unit * wide + estimates.votes.quarter
    return np.bincount(keys, minlength=units * wide).reshape(units, wide)


def _held(level: Level, heard: Heard) -> Bools:
    about = level.unit[heard.flagged]
    return np.bincount(about[about >= 0], minlength=len(level.units)) > 0


def _coefficients(level: Level, estimates: Estimates, group: Fitted) -> list[PeerGroup]:
    """What the group was rated with; nothing for a group in which nobody has a vote."""
    if group.posterior is None or not len(group.members):
        return []
    return [
        PeerGroup(
            role=group.role,
            area=group.area,
            unit=level.name,
            members=len(group.members),
            peers=group.peers,
            mu=float(group.posterior.mu[group.group]),
            tau=group.posterior.tau_mean,
            sigma=float(estimates.sigma[group.members[0]]),
            mu_prior="flat" if group.mu_is_flat else "role",
            rater_sd=estimates.rater_sd,
            collector_rho=float(estimates.collector_rho[group.members[0]]),
        )
    ]
