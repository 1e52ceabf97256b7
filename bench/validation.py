"""What the ratings promise, measured where the truth is known: invented worlds, rated by `scoring.rate` itself.

    python -m bench.validation             prints every figure and draws the pictures of docs/validation.md
    python -m bench.validation --worlds 4  the same, rough, in a minute

A provider's *true value* is what an average survivor would answer about her in the chat, on the 0-100 scale that answers have: where
quality lies beyond the end of a scale, answers cannot show it, and no score claims to.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring import Evaluations, Rating, Scale, Settings, Unit, rate
from scoring.estimates import estimates_of, modes_of
from scoring.evaluations import from_columns
from scoring.levels import levels
from scoring.peers import fit
from scoring.ranks import top_places
from scoring.selection import select

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

DISTRICTS = 6
ITEMS = 6
MODE_EFFECT = 6.0
QUARTERS = ("2026Q1", "2026Q2", "2026Q3", "2026Q4")
PICTURES = Path(__file__).resolve().parent.parent / "docs" / "images"
BANDS = ((1, 3), (4, 9), (10, 30))
# Every provider with a vote has a result here, so that small n are measured too; checks of conduct have tests of their own.
ALL_RESULTS = Settings(k_programme=1, alarms=0.0)


@dataclass(frozen=True)
class Scenario:
    """How a world is made. `tau` and `noise` are deviations of quality and of one survivor's view before answers are rounded and cut."""

    name: str
    peers: int = 22
    mean: float = 55.0
    tau: float = 8.0
    noise: float = 16.0
    tails: str = "normal"
    stars: bool = True  # six items of 1-5; else one number 0-100, cut off at its ends
    kindness: float = 0.0
    each: int = 1  # how many providers a survivor rates
    collector: float = 0.0


SCENARIOS = (
    Scenario("middle of the scale"),
    Scenario("12 peers", peers=12),
    Scenario("8 peers", peers=8),
    Scenario("near the top (mean 88)", mean=88.0),
    Scenario("near the top, 8 peers", mean=88.0, peers=8),
    Scenario("cut off at 0 and 100, 8 peers", mean=50.0, tau=10.0, noise=20.0, stars=False, peers=8),
    Scenario("cut off at 100, 8 peers", mean=85.0, tau=10.0, noise=20.0, stars=False, peers=8),
    Scenario("heavy tails (t, 3 df)", tails="t3"),
    Scenario("survivors differ in kindness, rate 3 each", kindness=8.0, each=3),
    Scenario("collectors differ", collector=4.0),
)


@dataclass(frozen=True)
class World:
    evaluations: Evaluations
    registry: tuple[Unit, ...]
    truth: Mapping[str, float]
    raw: Mapping[str, tuple[float, int]]  # provider -> plain mean of the answers, number of answers


def _answers(scenario: Scenario, felt: Floats, rng: np.random.Generator) -> dict[str, Floats]:
    """What survivors who feel so tick."""
    if not scenario.stars:
        return {"percent": np.clip(felt, 0.0, 100.0)}
    own = felt[:, None] + rng.normal(0.0, 18.0, (len(felt), ITEMS))
    stars = np.clip(np.round(1.0 + own / 25.0), 1.0, 5.0)
    return {f"item_{index}": stars[:, index] for index in range(ITEMS)}


def _score(scenario: Scenario, answers: Mapping[str, Floats]) -> Floats:
    values = np.mean(list(answers.values()), axis=0)
    return np.asarray((values - 1.0) * 25.0 if scenario.stars else values)


def truth_of(scenario: Scenario, quality: Floats) -> Floats:
    """What an average survivor would answer in the chat about providers of this quality."""
    rng = np.random.default_rng(1)
    grid = np.linspace(scenario.mean - 80.0, scenario.mean + 80.0, 81)
    spread = float(np.hypot(scenario.noise, scenario.kindness))
    mean = [
        float(_score(scenario, _answers(scenario, at + rng.normal(0.0, spread, 4000), rng)).mean())
        for at in grid
    ]
    return np.interp(quality, grid, mean)


def world(scenario: Scenario, seed: int, *, largest: int = 30) -> World:
    """Six districts of providers, each heard by 1 to `largest` survivors (evenly on the logarithm), half of them in the chat."""
    rng = np.random.default_rng(seed)
    many = scenario.peers * DISTRICTS
    shape = rng.standard_t(3, many) / np.sqrt(3.0) if scenario.tails == "t3" else rng.standard_normal(many)
    quality = scenario.mean + scenario.tau * shape
    n = np.floor(np.exp(rng.uniform(0.0, np.log(largest + 1.0), many))).astype(np.int64)
    about = rng.permutation(np.repeat(np.arange(many), n))
    survivor = np.arange(len(about)) // scenario.each
    kind = rng.normal(0.0, scenario.kindness, len(about))[survivor]
    interviewed = rng.random(len(about)) < 0.5
    district = about % DISTRICTS
    collector = district * 5 + rng.integers(0, 5, len(about))
    manner = rng.normal(0.0, scenario.collector, DISTRICTS * 5)[collector]
    felt = quality[about] + kind + rng.normal(0.0, scenario.noise, len(about))
    felt += np.where(interviewed, MODE_EFFECT + manner, 0.0)
    answers = _answers(scenario, felt, rng)
    names = [f"sw_{index % DISTRICTS}_{index:04d}" for index in range(many)]
    registry = tuple(
        Unit(name, "person", "social_worker", f"{index % DISTRICTS}_b1", str(300 + index % DISTRICTS), "19")
        for index, name in enumerate(names)
    )
    day = [date(2026, 1, 1) + timedelta(days=int(one)) for one in rng.integers(0, 360, len(about))]
    voices = Voices(about, survivor, interviewed, collector, day, answers)
    score = _score(scenario, answers)
    total = np.bincount(about, score, many)
    return World(
        evaluations=evaluations_of(voices, registry, scenario),
        registry=registry,
        truth=dict(zip(names, truth_of(scenario, quality).tolist(), strict=True)),
        raw={name: (float(total[at] / n[at]), int(n[at])) for at, name in enumerate(names)},
    )


@dataclass(frozen=True)
class Voices:
    about: Ints
    survivor: Ints
    interviewed: Bools
    collector: Ints
    day: list[date]
    answers: Mapping[str, Floats]


def evaluations_of(voices: Voices, registry: tuple[Unit, ...], scenario: Scenario) -> Evaluations:
    many = len(voices.about)
    about = [registry[index] for index in voices.about.tolist()]
    interviewed = voices.interviewed.tolist()
    scale = Scale(1.0, 5.0, 5.0) if scenario.stars else Scale(0.0, 100.0, 100.0)
    columns: dict[str, Any] = {
        "evaluation": np.arange(many),
        "form_version": ["v1"] * many,
        "provider": [unit.provider for unit in about],
        "role": [unit.role for unit in about],
        "office": [""] * many,
        "block": [unit.block for unit in about],
        "district": [unit.district for unit in about],
        "state": [unit.state for unit in about],
        "quarter": [QUARTERS[(one.month - 1) // 3] for one in voices.day],
        "day": voices.day,
        "mode": ["enumerator" if one else "chat" for one in interviewed],
        "verified": np.ones(many, dtype=bool),
        "survivor": [f"s{one:06d}" for one in voices.survivor.tolist()],
        "collector": [
            f"c{one}" if asked else None
            for one, asked in zip(voices.collector.tolist(), interviewed, strict=True)
        ],
        "own_office": np.zeros(many, dtype=bool),
        "review": ["none"] * many,
        "flags": [None] * many,
        "values": dict(voices.answers),
    }
    return from_columns(columns, {"v1": dict.fromkeys(voices.answers, scale)})


# -- promises ---------------------------------------------------------------------------------------------------------------


@dataclass
class Kept:
    """One line for each provider of all worlds of a scenario."""

    n: list[int] = field(default_factory=list)
    covered: list[bool] = field(default_factory=list)
    placed: list[bool] = field(default_factory=list)
    p_top: list[float] = field(default_factory=list)
    in_top: list[bool] = field(default_factory=list)
    above: list[float] = field(default_factory=list)  # P(theta > c)
    is_above: list[bool] = field(default_factory=list)
    recognised: list[bool] = field(default_factory=list)
    mode_error: list[float] = field(default_factory=list)  # in standard errors, one for each world

    def coverage(self, low: int, high: int) -> tuple[float, int]:
        of = (np.array(self.n) >= low) & (np.array(self.n) <= high)
        return float(np.array(self.covered)[of].mean()), int(of.sum())


def measure(scenario: Scenario, seeds: Iterator[int] | range) -> Kept:
    kept = Kept()
    for seed in seeds:
        made = world(scenario, seed)
        found = rate(made.evaluations, made.registry, ALL_RESULTS, rng=np.random.default_rng(seed))
        rows = {row.provider: row for row in found.rows}
        standard = float(np.quantile(list(made.truth.values()), 0.7))
        chance = _above(made, standard)
        effect = found.modes[0]
        if effect.se > 0.0:
            kept.mode_error.append((effect.beta - MODE_EFFECT) / effect.se)
        for unit in made.registry:
            _keep(kept, rows[unit.provider], unit, made)
            kept.above.append(chance[unit.provider])
            kept.is_above.append(made.truth[unit.provider] > standard)
    return kept


def _keep(kept: Kept, row: Rating, unit: Unit, made: World) -> None:
    true = made.truth[unit.provider]
    peers = [other.provider for other in made.registry if other.district == unit.district]
    better = sum(made.truth[other] > true for other in peers)
    kept.n.append(row.n)
    kept.covered.append((row.score_low or 0.0) < true < (row.score_high or 0.0))
    kept.placed.append((row.place_low or 0) <= 1 + better <= (row.place_high or 0))
    kept.p_top.append(row.p_top or 0.0)
    kept.in_top.append(better < top_places(len(peers), 0.2))
    kept.recognised.append(row.recommendation == "recognise")


def _above(made: World, standard: float) -> dict[str, float]:
    """P(theta > standard) for each provider, from the posterior that the rating is made of."""
    heard = select(made.evaluations, ALL_RESULTS, as_of=None)
    level = levels(heard.evaluations, made.registry)[0]
    modes = modes_of(level, heard, ["social_worker"], ALL_RESULTS)
    chances: dict[str, float] = {}
    for group in fit(level, estimates_of(level, heard, modes, ALL_RESULTS), ALL_RESULTS):
        if group.posterior is not None:
            above = group.posterior.above(standard)[group.first : group.first + len(group.members)]
            for member, chance in zip(group.members.tolist(), above.tolist(), strict=True):
                chances[level.units[member].provider] = chance
    return chances


# -- lists ------------------------------------------------------------------------------------------------------------------


@dataclass
class Picks:
    """Of those a rule puts on the lists of a district, how many belong to its best fifth, and how many had three voices or fewer."""

    right: int = 0
    few: int = 0
    picked: int = 0
    districts: int = 0

    def add(self, chosen: list[str], best: set[str], made: World) -> None:
        self.right += len(best.intersection(chosen))
        self.few += sum(made.raw[name][1] <= 3 for name in chosen)
        self.picked += len(chosen)
        self.districts += 1


RULES = ("raw mean", "Bayesian average", "pooled score", "P(top) of .5 and more", "recommended")


def compare_lists(scenario: Scenario, seeds: Iterator[int] | range, *, largest: int) -> dict[str, Picks]:
    """Forced lists of a fifth (first three rules) beside lists that are as long as the evidence."""
    picks = {name: Picks() for name in RULES}
    for seed in seeds:
        made = world(scenario, seed, largest=largest)
        found = rate(made.evaluations, made.registry, Settings(alarms=0.0), rng=np.random.default_rng(seed))
        every = rate(made.evaluations, made.registry, ALL_RESULTS, rng=np.random.default_rng(seed))
        ratings = tuple({row.provider: row for row in one.rows} for one in (every, found))
        for district in range(DISTRICTS):
            names = [unit.provider for unit in made.registry if unit.district == str(300 + district)]
            best = set(sorted(names, key=lambda name: -made.truth[name])[: top_places(len(names), 0.2)])
            for rule, chosen in _chosen(made, names, *ratings).items():
                picks[rule].add(chosen, best, made)
    return picks


def _chosen(
    made: World, names: list[str], every: Mapping[str, Rating], official: Mapping[str, Rating]
) -> dict[str, list[str]]:
    """Whom each rule puts on the list of a district."""
    usual = float(np.median([n for _, n in made.raw.values()]))
    overall = float(np.mean([mean for mean, _ in made.raw.values()]))

    def forced(value: Mapping[str, float]) -> list[str]:
        return sorted(names, key=lambda name: -value[name])[: top_places(len(names), 0.2)]

    return {
        "raw mean": forced({name: made.raw[name][0] for name in names}),
        "Bayesian average": forced(
            {name: (n * mean + usual * overall) / (n + usual) for name, (mean, n) in made.raw.items()}
        ),
        "pooled score": forced({name: every[name].score or 0.0 for name in names}),
        "P(top) of .5 and more": [name for name in names if (every[name].p_top or 0.0) >= 0.5],
        "recommended": [name for name in names if official[name].recommendation == "recognise"],
    }


# -- attacks ----------------------------------------------------------------------------------------------------------------


@dataclass
class Attack:
    """How often a middling provider got where she does not belong, with so many perfect fakes."""

    tried: int = 0
    raw: int = 0  # among the best fifth by the plain mean
    sure: int = 0  # P(top) high enough, the rules about clusters left aside
    recognised: int = 0  # recommended with all rules
    unchecked: int = 0  # recommended without the checks of conduct


def attack(fakes: int, seeds: Iterator[int] | range, *, spread: bool) -> Attack:
    """`fakes` perfect evaluations of the provider nearest to the median, who has 10 to 30 honest ones.

    From one cluster: one collector on one day. Spread: as many new survivors in the chat, each on another day.
    """
    result = Attack()
    scenario = Scenario("attack")
    for seed in seeds:
        made = world(scenario, seed)
        middle = float(np.median(list(made.truth.values())))
        heard = [unit for unit in made.registry if made.raw[unit.provider][1] >= 10]
        target = min(heard, key=lambda unit: abs(made.truth[unit.provider] - middle))
        faked = _with_fakes(made, target, fakes, spread=spread)
        settings = Settings(quarters=4)
        found = rate(faked, made.registry, settings, rng=np.random.default_rng(seed))
        plain = rate(faked, made.registry, replace(settings, alarms=0.0), rng=np.random.default_rng(seed))
        row = next(row for row in found.rows if row.provider == target.provider)
        bare = next(row for row in plain.rows if row.provider == target.provider)
        peers = [unit.provider for unit in made.registry if unit.district == target.district]
        mean, n = made.raw[target.provider]
        lifted = (mean * n + 100.0 * fakes) / (n + fakes)
        better = sum(made.raw[name][0] > lifted for name in peers if name != target.provider)
        result.tried += 1
        result.raw += better < top_places(len(peers), 0.2)
        result.sure += (row.p_top or 0.0) >= settings.required_p(row.peers)
        result.recognised += row.recommendation == "recognise"
        result.unchecked += bare.recommendation == "recognise"
    return result


def _with_fakes(made: World, target: Unit, fakes: int, *, spread: bool) -> Evaluations:
    """The evaluations with the fakes behind them."""
    ones = np.ones(fakes, dtype=np.int64)
    number = next(index for index, unit in enumerate(made.registry) if unit is target)
    first = date(2026, 11, 2)
    day = [first + timedelta(days=index * 3 if spread else 0) for index in range(fakes)]
    voices = Voices(
        about=number * ones,
        survivor=900_000 + np.arange(fakes),
        interviewed=np.full(fakes, not spread),
        collector=int(target.district[-1]) * 5 * ones,
        day=day,
        answers={f"item_{index}": np.full(fakes, 5.0) for index in range(ITEMS)},
    )
    return joined(made.evaluations, evaluations_of(voices, made.registry, Scenario("fakes")))


def joined(left: Evaluations, right: Evaluations) -> Evaluations:
    """Both, with new ids."""
    columns: dict[str, Any] = {}
    for name in [
        "form_version",
        "provider",
        "role",
        "office",
        "block",
        "district",
        "state",
        "quarter",
        "day",
        "mode",
        "survivor",
        "collector",
        "review",
        "flags",
    ]:
        columns[name] = [*getattr(left, name).tolist(), *getattr(right, name).tolist()]
    for name in ("verified", "own_office", "seconds"):
        columns[name] = np.r_[getattr(left, name), getattr(right, name)]
    columns["evaluation"] = np.arange(len(left) + len(right))
    columns["values"] = {
        name: np.r_[values, right.indicators[name]] for name, values in left.indicators.items()
    }
    return from_columns(columns, {"v1": {name: Scale(0.0, 100.0, 100.0) for name in left.indicators}})


# -- pictures ---------------------------------------------------------------------------------------------------------------

SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" role="img" aria-label="{title}">
<style>text{{font:12px sans-serif;fill:#222}} .faint{{fill:#777}} .grid{{stroke:#ddd}} .axis{{stroke:#555}}</style>
<rect width="{wide}" height="{high}" fill="#fff"/>
<text x="16" y="22" font-weight="bold">{title}</text>
{body}
</svg>
"""


def dots(title: str, rows: list[tuple[str, list[tuple[float, int]]]], labels: list[str]) -> str:
    """A line for each row, a dot for each value with its 95 % range of chance; the band .86 to .94 is shaded."""
    left, step, low, high, wide = 300, 26, 0.80, 1.0, 420
    colours = ("#1b6ca8", "#d1495b", "#3a7d44")

    def x(value: float) -> float:
        return left + (min(max(value, low), high) - low) / (high - low) * wide

    bottom = 60 + step * len(rows)
    body = [
        f'<rect x="{x(0.86):.0f}" y="44" width="{x(0.94) - x(0.86):.0f}" height="{bottom - 50}" fill="#eef4ea"/>'
    ]
    for tick in (0.80, 0.85, 0.90, 0.95, 1.0):
        body.append(f'<line class="grid" x1="{x(tick):.0f}" x2="{x(tick):.0f}" y1="44" y2="{bottom - 6}"/>')
        body.append(
            f'<text class="faint" x="{x(tick):.0f}" y="{bottom + 10}" text-anchor="middle">{tick:.2f}</text>'
        )
    for index, (name, values) in enumerate(rows):
        y = 62 + step * index
        body.append(f'<text x="16" y="{y + 4}">{name}</text>')
        for place, (value, many) in enumerate(values):
            error = 1.96 * np.sqrt(value * (1 - value) / many)
            at = y + (place - (len(values) - 1) / 2) * 6
            colour = colours[place % 3]
            body.append(
                f'<line x1="{x(value - error):.1f}" x2="{x(value + error):.1f}" y1="{at:.1f}" y2="{at:.1f}" stroke="{colour}" stroke-opacity=".5"/>'
            )
            body.append(f'<circle cx="{x(value):.1f}" cy="{at:.1f}" r="3.2" fill="{colour}"/>')
    for place, label in enumerate(labels):
        body.append(
            f'<circle cx="{left + place * 120}" cy="{bottom + 28}" r="3.2" fill="{colours[place % 3]}"/>'
        )
        body.append(f'<text x="{left + place * 120 + 8}" y="{bottom + 32}">{label}</text>')
    return SVG.format(wide=left + wide + 40, high=bottom + 46, title=title, body="\n".join(body))


def curve(title: str, series: list[tuple[str, list[tuple[float, float, int]]]]) -> str:
    """Promised against kept: each point is a tenth of the promises; on the diagonal they are kept."""
    side, left, top = 340, 60, 44
    colours = ("#1b6ca8", "#d1495b", "#3a7d44", "#a06cd5")

    def at(promised: float, kept: float) -> tuple[float, float]:
        return left + promised * side, top + (1.0 - kept) * side

    body = [f'<line class="axis" x1="{left}" y1="{top + side}" x2="{left + side}" y2="{top}"/>']
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = at(tick, tick)
        body.append(f'<line class="grid" x1="{x:.0f}" x2="{x:.0f}" y1="{top}" y2="{top + side}"/>')
        body.append(f'<line class="grid" x1="{left}" x2="{left + side}" y1="{y:.0f}" y2="{y:.0f}"/>')
        body.append(
            f'<text class="faint" x="{x:.0f}" y="{top + side + 16}" text-anchor="middle">{tick:g}</text>'
        )
        body.append(f'<text class="faint" x="{left - 8}" y="{y + 4:.0f}" text-anchor="end">{tick:g}</text>')
    for index, (name, points) in enumerate(series):
        colour = colours[index % 4]
        for promised, kept, many in points:
            error = 1.96 * np.sqrt(max(kept * (1 - kept), 0.25 / many) / many)
            x, y = at(promised, kept)
            low, high = at(promised, max(0.0, kept - error))[1], at(promised, min(1.0, kept + error))[1]
            body.append(
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}" stroke="{colour}" stroke-opacity=".5"/>'
            )
            body.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.2" fill="{colour}"/>')
        y = top + 14 + index * 18
        body.append(f'<circle cx="{left + side + 24}" cy="{y - 4}" r="3.2" fill="{colour}"/>')
        body.append(f'<text x="{left + side + 34}" y="{y}">{name}</text>')
    body.append(
        f'<text class="faint" x="{left + side / 2}" y="{top + side + 34}" text-anchor="middle">promised</text>'
    )
    body.append(f'<text class="faint" x="16" y="{top + side / 2}">kept</text>')
    return SVG.format(wide=left + side + 240, high=top + side + 48, title=title, body="\n".join(body))


def promised_and_kept(
    promised: list[float], kept: list[bool], edges: tuple[float, ...]
) -> list[tuple[float, float, int]]:
    """For each band of promises their mean, the share that came true, and how many there were."""
    p, true = np.array(promised), np.array(kept)
    points = []
    for low, high in pairwise(edges):
        of = (p >= low) & (p < high)
        if of.sum() >= 20:
            points.append((float(p[of].mean()), float(true[of].mean()), int(of.sum())))
    return points


TENTHS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0001)


# -- the whole --------------------------------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--worlds", type=int, default=40, help="invented worlds for each scenario of 22 peers"
    )
    parser.add_argument("--out", type=Path, default=PICTURES, help="where the pictures go")
    chosen = parser.parse_args(arguments)
    began = time.monotonic()
    say = sys.stdout.write
    coverage, above, top = [], [], []
    say(
        "| scenario | n 1-3 | 4-9 | 10-30 | place ranges | P(top) ≥ .8: promised, kept | mode effect, in its errors |\n|---|---|---|---|---|---|---|\n"
    )
    for scenario in SCENARIOS:
        worlds = max(1, chosen.worlds * 22 // scenario.peers)
        kept = measure(scenario, range(1, worlds + 1))
        cells = [kept.coverage(low, high) for low, high in BANDS]
        sure = promised_and_kept(kept.p_top, kept.in_top, (0.8, 1.0001))
        promise = f"{sure[0][0]:.3f}, {sure[0][1]:.3f} of {sure[0][2]}" if sure else "too few"
        shown = " | ".join(f"{share:.3f} of {many:,}" for share, many in cells)
        errors = np.array(kept.mode_error)
        say(
            f"| {scenario.name} | {shown} | {np.mean(kept.placed):.3f} | {promise} | {errors.mean():+.2f} ± {errors.std():.2f} |\n"
        )
        coverage.append((scenario.name, cells))
        if scenario.name in (
            "middle of the scale",
            "12 peers",
            "near the top (mean 88)",
            "heavy tails (t, 3 df)",
        ):
            above.append((scenario.name, promised_and_kept(kept.above, kept.is_above, TENTHS)))
            top.append((scenario.name, promised_and_kept(kept.p_top, kept.in_top, TENTHS)))
    say("\nP(true value above the 70th percentile), by tenths: promised/kept\n")
    for name, points in above:
        say(f"{name}: " + ", ".join(f"{p:.2f}/{k:.2f}" for p, k, _ in points) + "\n")
    chosen.out.mkdir(parents=True, exist_ok=True)
    pictures = {
        "coverage": dots(
            "Share of true values inside their 90 % intervals", coverage, [f"n {a}-{b}" for a, b in BANDS]
        ),
        "above": curve("P(true value above a standard): promised and kept", above),
        "top": curve("P(among the best fifth): promised and kept", top),
    }
    for name, picture in pictures.items():
        (chosen.out / f"validation_{name}.svg").write_text(picture, encoding="utf-8")

    say("\n| rule | n 1-30: right, with ≤ 3 voices, list length | n 10-30 … 100 |\n|---|---|---|\n")
    lists = [
        compare_lists(Scenario("lists", tau=8.0), range(1, chosen.worlds + 1), largest=largest)
        for largest in (30, 100)
    ]
    for rule in RULES:
        parts = []
        for one in (found[rule] for found in lists):
            parts.append(
                f"{one.right / max(one.picked, 1):.2f} of {one.picked}, {one.few / max(one.picked, 1):.2f}, {one.picked / one.districts:.1f}"
            )
        say(f"| {rule} | {' | '.join(parts)} |\n")

    say(
        "\n| attack | tried | raw mean | sure enough | without checks of conduct | recommended |\n|---|---|---|---|---|---|\n"
    )
    for spread in (False, True):
        for fakes in (5, 10):
            tried = attack(fakes, range(1, 3 * chosen.worlds + 1), spread=spread)
            say(
                f"| {fakes} fakes, {'spread over days' if spread else 'one cluster'} | {tried.tried} | {tried.raw} | {tried.sure} | {tried.unchecked} | {tried.recognised} |\n"
            )
    say(f"\n{time.monotonic() - began:.0f} s\n")


if __name__ == "__main__":
    main()
