"""Answers that look as if nobody had given them: seven checks, each with a false-alarm rate that was measured.

A finding accuses nobody. It holds a recognition until a person has looked, and the result is shown with and without the
evaluations it names; nothing is deleted and nothing else follows from it. Within a check the findings are those of Benjamini &
Hochberg 1995 (J R Stat Soc B 57:289-300) at `Settings.alarms`: where all is as it should be, at most that share of runs has one.

Collectors are compared within the providers they share with others (as `scoring.mode` compares modes): who works where service is
bad is not blamed for it. Their deviations are divided by their common over-dispersion (Spiegelhalter 2005, Stat Med 24:1185-1202), taken from the middle
one so that the odd ones do not hide themselves. Repeats of one survivor in a quarter are one vote already, and
what leans on one survivor, collector or day is on no list: these need no check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import betainc
from scipy.stats import binom, chi2, nbinom, norm, poisson

from scoring.columns import Bools, Floats, Ints, distinct, grouped
from scoring.evaluations import ENUMERATOR
from scoring.records import CheckName, Finding
from scoring.selection import Heard
from scoring.settings import Settings

__all__ = ["checked", "discoveries"]

LEAST = 10  # evaluations of a collector, below which nothing can be said about her
LINE = 5  # equal answers in so many questions and more are a straight line
FAST = 1.0 / 3.0  # of the median duration of the form
EXTREME = (10.0, 90.0)
TOGETHER = 3  # providers that two evaluators rated alike
WITHIN_DAYS = 2
WEEK = 7


@dataclass(frozen=True)
class Suspicion:
    """One thing that was tested: whom it is about, how unlikely it is by chance, and the evaluations (rows) it would name."""

    subject: str
    p: float
    rows: Ints


Check = Callable[["_Scored"], Iterator[Suspicion]]


@dataclass(frozen=True)
class _Scored:
    """The evaluations with a score, as the checks need them; `row` is their place among what is heard."""

    heard: Heard
    row: Ints
    value: Floats
    provider: Ints
    collector: Ints  # -1: in the chat, or nobody is named
    day: Ints  # as a running number of days, -1 where it is no longer known

    def without(self, rows: Ints) -> _Scored:
        stays = np.isin(self.row, rows, invert=True)
        return _Scored(
            self.heard,
            row=self.row[stays],
            value=self.value[stays],
            provider=self.provider[stays],
            collector=self.collector[stays],
            day=self.day[stays],
        )

    def of_collector(self, number: int) -> Ints:
        rows: Ints = self.row[self.collector == number]
        return rows


def checked(heard: Heard, settings: Settings) -> tuple[Finding, ...]:
    """What the checks find among the evaluations that have a say, by check and subject."""
    scored = _scored(heard)
    return tuple(
        Finding(
            check=name,
            subject=one.subject,
            p=one.p,
            evaluations=tuple(sorted(heard.evaluations.evaluation[one.rows].tolist())),
        )
        for name, check in CHECKS.items()
        for one in _one_by_one(check, scored, settings.alarms)
    )


def _one_by_one(check: Check, scored: _Scored, rate: float) -> list[Suspicion]:
    """The findings of a check, by subject: the strongest is taken out before the others are looked at again.

    Who made interviews up about a provider makes all others who asked there look odd beside them.
    """
    found: list[Suspicion] = []
    while True:
        some = [one for one in discoveries(list(check(scored)), rate) if len(one.rows)]
        if not some:
            return sorted(found, key=lambda one: one.subject)
        found.append(min(some, key=lambda one: (one.p, one.subject)))
        scored = scored.without(found[-1].rows)


def discoveries(tested: list[Suspicion], rate: float) -> list[Suspicion]:
    """Those that Benjamini & Hochberg's procedure finds at this rate, by subject."""
    ordered = sorted(tested, key=lambda one: (one.p, one.subject))
    found = [index for index, one in enumerate(ordered, start=1) if one.p <= rate * index / len(ordered)]
    return sorted(ordered[: max(found, default=0)], key=lambda one: one.subject)


def _scored(heard: Heard) -> _Scored:
    row = np.flatnonzero(~np.isnan(heard.value))
    interviewed = heard.evaluations.mode.equals(ENUMERATOR)[row]
    ordinals = np.array([*(day.toordinal() for day in heard.evaluations.day.labels), -1], dtype=np.int64)
    return _Scored(
        heard=heard,
        row=row,
        value=heard.value[row],
        provider=heard.evaluations.provider.code[row],
        collector=np.where(interviewed, heard.collector[row], -1),
        day=ordinals[heard.day[row]],
    )


# --- collectors beside others who asked about the same providers


def _mean(scored: _Scored) -> Iterator[Suspicion]:
    """Answers kinder or harsher than those that others were given about the same providers."""
    yield from _by_z(scored, *_contrast(scored, scored.value))


def _spread(scored: _Scored) -> Iterator[Suspicion]:
    """Answers more alike, or less, than those that others were given about the same providers."""
    interviewed = scored.collector >= 0
    if not interviewed.any():
        return
    groups = grouped(
        scored.provider[interviewed] * (int(np.max(scored.collector)) + 1) + scored.collector[interviewed]
    )
    size = groups.size
    values = scored.value[interviewed][groups.order]
    means = np.add.reduceat(values, groups.starts) / size
    inside = np.add.reduceat((values - np.repeat(means, size)) ** 2, groups.starts)
    collector = groups.key % (int(np.max(scored.collector)) + 1)
    many = int(np.max(collector)) + 1
    squares, df = np.bincount(collector, inside, many), np.bincount(collector, size - 1.0, many)
    enough = df >= LEAST
    # The median: one collector whose answers are all alike must not make the others look scattered.
    pooled = float(np.median(squares[enough] / df[enough])) if enough.any() else 0.0
    if pooled <= 0.0:
        return
    p_low = chi2.cdf(squares[enough] / pooled, df[enough])
    z = norm.ppf(np.clip(p_low, 1e-15, 1.0 - 1e-15))
    yield from _by_z(scored, np.flatnonzero(enough), z)


def _missing(scored: _Scored) -> Iterator[Suspicion]:
    """Questions left without an answer far more, or less, often than by others about the same providers."""
    answered = np.zeros(len(scored.row))
    for column in scored.heard.evaluations.indicators.values():
        answered += ~np.isnan(column[scored.row])
    yield from _by_z(scored, *_contrast(scored, answered))


def _contrast(scored: _Scored, value: Floats) -> tuple[Ints, Floats]:
    """Collectors with enough evaluations, and how far each lies from the others within the same providers, in standard errors."""
    interviewed = scored.collector >= 0
    if not interviewed.any():
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    provider, collector, value = (
        scored.provider[interviewed],
        scored.collector[interviewed],
        value[interviewed],
    )
    wide, many = int(np.max(collector)) + 1, int(np.max(provider)) + 1
    groups = grouped(provider * wide + collector)
    n, total = groups.size, np.add.reduceat(value[groups.order], groups.starts)
    of_provider = groups.key // wide
    others_n = np.bincount(of_provider, n, many)[of_provider] - n
    others_total = np.bincount(of_provider, total, many)[of_provider] - total
    shared = others_n > 0
    difference = np.where(shared, total / n - others_total / np.maximum(others_n, 1), 0.0)
    weight = np.where(shared, n * others_n / np.maximum(n + others_n, 1), 0.0)
    rest = value[groups.order] - np.repeat(total / n, n)
    df = len(value) - len(groups)
    sigma2 = float(rest @ rest) / df if df > 0 else 0.0
    of_collector = groups.key % wide
    weights = np.bincount(of_collector, weight, wide)
    found = np.flatnonzero((np.bincount(of_collector, n, wide) >= LEAST) & (weights > 0))
    if sigma2 <= 0.0:
        return found[:0], np.zeros(0)
    z = np.bincount(of_collector, weight * difference, wide)[found] / np.sqrt(sigma2 * weights[found])
    return found, z


def _by_z(scored: _Scored, collector: Ints, z: Floats) -> Iterator[Suspicion]:
    """Two-sided, over-dispersion taken out; it needs five collectors to know what is usual."""
    if len(collector) < 5:
        return
    phi = _dispersion(z)
    names = scored.heard.evaluations.collector.labels
    for number, p in zip(collector.tolist(), (2.0 * norm.sf(np.abs(z) / np.sqrt(phi))).tolist(), strict=True):
        yield Suspicion(names[number], p, scored.of_collector(number))


def _dispersion(z: Floats) -> float:
    """How much more collectors differ than chance alone, seen from the middle one: several odd ones must not hide each other."""
    return max(1.0, float(np.median(np.abs(z)) / norm.ppf(0.75)) ** 2)


# --- collectors whose interviews look made up


def _straight(scored: _Scored) -> Iterator[Suspicion]:
    """The same answer to every question, more often than others hear it about the same providers."""
    columns = scored.heard.evaluations.indicators
    answers = np.array([column[scored.row] for column in columns.values()])
    known = ~np.isnan(answers)
    count = known.sum(axis=0)
    low = np.min(answers, axis=0, where=known, initial=np.inf)
    high = np.max(answers, axis=0, where=known, initial=-np.inf)
    yield from _by_rate(scored, (count >= LINE) & (high - low < 1e-9))


def _fast(scored: _Scored) -> Iterator[Suspicion]:
    """Interviews that took less than a third of the usual time."""
    evaluations = scored.heard.evaluations
    seconds = evaluations.seconds[scored.row]
    form = evaluations.form_version.code[scored.row]
    quick = np.zeros(len(seconds), dtype=bool)
    for version in np.unique(form).tolist():
        timed = (form == version) & ~np.isnan(seconds) & (scored.collector >= 0)
        if timed.any():
            quick[timed] = seconds[timed] < FAST * np.median(seconds[timed])
    yield from _by_rate(scored, quick)


def _by_rate(scored: _Scored, odd: Bools) -> Iterator[Suspicion]:
    """Collectors with more odd evaluations than the same providers' others lead to expect; one-sided, over-dispersion taken out."""
    found, z = _contrast(scored, odd.astype(float))
    interviewed = scored.collector >= 0
    if len(found) < 5:
        return
    wide = int(np.max(scored.collector)) + 1
    n = np.bincount(scored.collector[interviewed], minlength=wide)[found]
    seen = np.bincount(scored.collector[interviewed], odd[interviewed], minlength=wide)[found]
    rate = (seen.sum() - seen + 0.5) / (n.sum() - n + 1.0)
    exact = binom.sf(seen - 1, n, np.minimum(rate, 1.0))
    phi = _dispersion(z)
    # Both must be unlikely: beside all others (exact, for rare things) and within the same providers.
    p = np.maximum(exact, norm.sf(z / np.sqrt(phi)))
    names = scored.heard.evaluations.collector.labels
    for number, likely in zip(found.tolist(), p.tolist(), strict=True):
        rows = scored.row[(scored.collector == number) & odd]
        yield Suspicion(names[number], likely, rows)


def _copies(scored: _Scored) -> Iterator[Suspicion]:
    """Interviews of one collector on one day with the same answer to every question, beyond what equal scores lead to expect.

    The chance r that two evaluations of a role with the same score agree in every answer is what those of different collectors do. A
    straight line always agrees, so it tells nothing here. Pairs hang together (three alike are three pairs): their variance uses that
    three agree with a chance of r^1.5 at most, and their number is taken for negative binomial.
    """
    answers = [
        np.nan_to_num(column[scored.row], nan=-1.0) for column in scored.heard.evaluations.indicators.values()
    ]
    asked = np.flatnonzero((scored.collector >= 0) & (scored.day >= 0))
    if not answers or len(asked) < LEAST:
        return
    vector = _numbered(*(np.round(column, 6) for column in answers))
    role = scored.heard.evaluations.role.code[scored.row]
    stratum = _numbered(role, np.round(scored.value, 6))
    agree = _agreement(stratum, vector, scored.collector)
    groups = grouped(_numbered(scored.collector[asked], scored.day[asked], stratum[asked]))
    k = groups.size.astype(float)
    r = agree[asked][groups.order[groups.starts]]
    mean = k * (k - 1.0) / 2.0 * r
    variance = mean * (1.0 - r) + k * (k - 1.0) * (k - 2.0) * np.maximum(r**1.5 - r**2, 0.0)
    alike = _count(_numbered(scored.collector[asked], scored.day[asked], role[asked], vector[asked]))
    of_group = scored.collector[asked][groups.order[groups.starts]]
    wide = int(np.max(scored.collector)) + 1
    means, variances = np.bincount(of_group, mean, wide), np.bincount(of_group, variance, wide)
    pairs = np.bincount(scored.collector[asked], (alike - 1.0) / 2.0, wide)
    size = np.bincount(scored.collector[asked], minlength=wide)
    names = scored.heard.evaluations.collector.labels
    for number in np.flatnonzero(size >= LEAST).tolist():
        p = _tail(pairs[number], means[number], variances[number])
        own = asked[(scored.collector[asked] == number) & (alike > 1)]
        yield Suspicion(names[number], p, scored.row[own])


def _tail(seen: float, mean: float, variance: float) -> float:
    """P(so many or more) of a count with this mean and variance; Poisson where the variance is no larger."""
    seen = round(seen)
    if mean <= 0.0 or variance <= mean * 1.001:
        return float(poisson.sf(seen - 1, max(mean, 1e-9)))
    return float(nbinom.sf(seen - 1, mean**2 / (variance - mean), mean / variance))


def _agreement(stratum: Ints, vector: Ints, collector: Ints) -> Floats:
    """For each evaluation the chance that one of another collector with the same score has the same answers.

    Of few evaluations little can be learnt: each stratum is drawn towards all as if by twenty pairs.
    """
    others = (_count(stratum) - _count(_numbered(stratum, collector))).astype(float)
    alike = (_count(vector) - _count(_numbered(vector, collector))).astype(float)
    everywhere = (alike.sum() + 1.0) / (others.sum() + 2.0)
    pairs, agreeing = np.bincount(stratum, others), np.bincount(stratum, alike)
    chance: Floats = ((agreeing + 20.0 * everywhere) / (pairs + 20.0))[stratum]
    return np.minimum(chance, 1.0)


def _numbered(*columns: Ints | Floats) -> Ints:
    """A number for each combination of values; numbers with a fraction are told apart to the sixth place."""
    number = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        own: Ints = (column if column.dtype.kind == "i" else np.round(column * 1e6)).astype(np.int64)
        least, most = int(np.min(own, initial=0)), int(np.max(own, initial=0))
        wide = most - least + 1
        if wide > len(own):  # far apart: numbered first, so that the product stays small
            own, least, wide = grouped(own - least).number, 0, len(own)
        number = grouped(number * wide + (own - least)).number
    return number


def _count(keys: Ints) -> Ints:
    """How many rows have the same key, for each row."""
    groups = grouped(keys)
    return groups.size[groups.number]


# --- providers, and evaluators together


def _burst(scored: _Scored) -> Iterator[Suspicion]:
    """Far more arrivals about one provider in a week than that week brings elsewhere. A collector's day is one arrival."""
    known = np.flatnonzero(scored.day >= 0)
    if len(known) < LEAST:
        return
    first = _arrivals(scored, known)
    earliest = int(np.min(scored.day[first]))
    provider, day = scored.provider[first], scored.day[first] - earliest
    tested = np.flatnonzero(np.bincount(provider) >= LEAST)
    best: dict[int, tuple[float, int]] = {}
    for shift in (0, WEEK // 2):  # a burst that two weeks share is whole in one of the two
        week = (day + shift) // WEEK
        p = _weeks(provider, week)
        for number, fullest in zip(tested.tolist(), np.argmin(p[tested], axis=1).tolist(), strict=True):
            start = earliest + fullest * WEEK - shift
            likely = min(1.0, 2.0 * p.shape[1] * float(p[number, fullest]))
            best[number] = min(best.get(number, (2.0, 0)), (likely, start))
    names, own = scored.heard.evaluations.provider.labels, grouped(scored.provider)
    for number, rows in zip(own.key.tolist(), np.split(own.order, own.starts[1:]), strict=True):
        if number not in best:
            continue
        likely, start = best[number]
        inside = rows[(scored.day[rows] >= start) & (scored.day[rows] < start + WEEK)]
        yield Suspicion(names[number], likely, scored.row[inside])


def _arrivals(scored: _Scored, known: Ints) -> Ints:
    """One row for each evaluation in the chat, and one for each day on which a collector asked about a provider."""
    collector = scored.collector[known]
    alone = np.where(collector >= 0, 0, 1 + np.arange(len(known)))
    groups = grouped(_numbered(scored.provider[known], scored.day[known], collector, alone))
    return known[groups.order[groups.starts]]


def _weeks(provider: Ints, week: Ints) -> Floats:
    """For each provider and week the chance of so many arrivals or more, given all of the provider's and that week elsewhere."""
    providers, weeks = int(np.max(provider)) + 1, int(np.max(week)) + 1
    counts = np.bincount(provider * weeks + week, minlength=providers * weeks).reshape(providers, weeks)
    own = counts.sum(axis=1, keepdims=True)
    elsewhere = counts.sum(axis=0) - counts
    share = (elsewhere + 0.5) / (elsewhere.sum(axis=1, keepdims=True) + 0.5 * weeks)
    expected = own * share
    # Visits and meetings bring several at once, everywhere: so many arrivals count as one.
    spread = float((expected * (1.0 - share)).sum())
    together = max(1.0, float(((counts - expected) ** 2).sum()) / spread) if spread > 0.0 else 1.0
    # The tail of the binomial, which is defined between whole numbers too.
    x, n = counts / together, own / together
    tail: Floats = betainc(np.maximum(x, 1e-9), np.maximum(n - x, 0.0) + 1.0, share)
    return np.where(counts > 0, tail, 1.0)


def _collusion(scored: _Scored) -> Iterator[Suspicion]:
    """Two evaluators who within two days rated the same three providers or more, all of them at the same end of the scale."""
    survivor = scored.heard.survivor[scored.row]
    low, high = scored.value <= EXTREME[0], scored.value >= EXTREME[1]
    known = np.flatnonzero((scored.day >= 0) & (low | high))
    known = known[np.lexsort((survivor[known], scored.day[known], scored.provider[known]))]
    left, right = _near(scored.provider[known], scored.day[known])
    left, right = known[left], known[right]
    alike = (low[left] == low[right]) & (survivor[left] != survivor[right])
    left, right = left[alike], right[alike]
    if not len(left):
        return
    wide = int(np.max(survivor)) + 1
    one, other = np.minimum(survivor[left], survivor[right]), np.maximum(survivor[left], survivor[right])
    pairs = grouped(one * wide + other)
    chance = _extreme_chance(scored, low, high)
    always = _always_extreme(survivor, low | high)
    tested: list[Suspicion] = []
    for start, size, key in zip(pairs.starts.tolist(), pairs.size.tolist(), pairs.key.tolist(), strict=True):
        members = pairs.order[start : start + size]
        if size < TOGETHER or len(np.unique(scored.provider[left[members]])) < TOGETHER:
            continue
        # One per provider; what each does by habit is no sign of an understanding between them.
        _, first = np.unique(scored.provider[left[members]], return_index=True)
        agreed = float(np.prod(chance[left[members[first]]] ** 2))
        names = scored.heard.survivors
        rows = np.unique(np.r_[scored.row[left[members]], scored.row[right[members]]])
        subject = f"{names[key // wide]} {names[key % wide]}"
        tested.append(Suspicion(subject, max(agreed, always**2), rows))
    everybody = _pairs_met(scored, survivor)
    # Pairs that met and did not agree were tested too, and count in the correction.
    yield from (replace(one, p=min(1.0, one.p * max(1.0, everybody / len(tested)))) for one in tested)


def _near(provider: Ints, day: Ints) -> tuple[Ints, Ints]:
    """Pairs of positions (rows in the order of provider and day) about one provider within two days."""
    lefts, rights = [], []
    at = np.arange(len(provider))
    step = 1
    while True:
        at = at[at + step < len(provider)]
        near = (provider[at + step] == provider[at]) & (day[at + step] - day[at] <= WITHIN_DAYS)
        at = at[near]
        if not len(at):
            break
        lefts.append(at)
        rights.append(at + step)
        step += 1
    return np.concatenate([np.zeros(0, dtype=np.int64), *lefts]), np.concatenate(
        [np.zeros(0, dtype=np.int64), *rights]
    )


def _pairs_met(scored: _Scored, survivor: Ints) -> int:
    """How many pairs of evaluators rated three or more of the same providers within two days."""
    known = np.flatnonzero(scored.day >= 0)
    known = known[np.lexsort((survivor[known], scored.day[known], scored.provider[known]))]
    left, right = (known[side] for side in _near(scored.provider[known], scored.day[known]))
    wide, many = int(np.max(survivor)) + 1, int(np.max(scored.provider)) + 1
    one, other = np.minimum(survivor[left], survivor[right]), np.maximum(survivor[left], survivor[right])
    shared = distinct((one * wide + other) * many + scored.provider[left]) // many
    met = grouped(shared)
    return int(((met.size >= TOGETHER) & (met.key // wide != met.key % wide)).sum())


def _extreme_chance(scored: _Scored, low: Bools, high: Bools) -> Floats:
    """For each evaluation how often others were as extreme about the same provider, drawn towards the average."""
    chance = np.zeros(len(scored.row))
    for side in (low, high):
        n = np.bincount(scored.provider)
        seen = np.bincount(scored.provider, side)
        overall = (side.sum() + 1.0) / (len(side) + 2.0)
        rate = (seen + 2.0 * overall) / (n + 2.0)
        chance = np.where(side, rate[scored.provider], chance)
    return chance


def _always_extreme(survivor: Ints, extreme: Bools) -> float:
    """Share of those with three evaluations or more who are extreme in all of them."""
    n, seen = np.bincount(survivor), np.bincount(survivor, extreme)
    often = n >= TOGETHER
    return float(((seen == n) & often).sum() + 1.0) / float(often.sum() + 2.0)


CHECKS: Mapping[CheckName, Check] = {
    "collector mean": _mean,
    "collector spread": _spread,
    "collector missing": _missing,
    "straight lines": _straight,
    "too fast": _fast,
    "copies": _copies,
    "burst": _burst,
    "collusion": _collusion,
}
