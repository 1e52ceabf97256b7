"""Each check finds what it is for and is silent where all is as it should be; a finding holds and never decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from typing import Any, get_args

import numpy as np
import pytest
from scoring_samples import CORE, SCALES, by_provider, rated, row, unit

from scoring import Evaluations, Settings, table
from scoring.integrity import CHECKS, Suspicion, checked, discoveries
from scoring.records import CheckName, Finding
from scoring.selection import select

Rows = list[dict[str, Any]]
FIRST = date(2026, 10, 1)


@cache
def _ordinary(seed: int, size: int, visits: bool) -> tuple[dict[str, Any], ...]:
    return tuple(_made(seed, size, visits))


def ordinary(seed: int = 1, *, size: int = 1500, visits: bool = False) -> Rows:
    """Rows of a world in which nobody cheats."""
    return list(_ordinary(seed, size, visits))


def _made(seed: int, size: int, visits: bool) -> Rows:
    """60 providers in four districts, 12 collectors (three in each district), 40 % chat; nobody cheats.

    `visits`: collectors come to a provider's survivors on four days of the quarter.
    """
    rng = np.random.default_rng(seed)
    quality, manner = rng.normal(60.0, 12.0, 60), rng.normal(0.0, 1.5, 12)
    leniency = rng.normal(0.0, 8.0, size // 3)
    days = rng.integers(0, 90, (60, 4))
    rows: Rows = []
    for number in range(size):
        provider, survivor = int(rng.integers(60)), int(rng.integers(size // 3))
        collector = provider % 4 * 3 + int(rng.integers(3))
        chat = rng.random() < 0.4
        day = int(days[provider, rng.integers(4)]) if visits and not chat else int(rng.integers(90))
        felt = quality[provider] + leniency[survivor] + rng.normal(0.0, 10.0)
        felt += 0.0 if chat else 4.0 + manner[collector]
        values = {
            name: float(np.clip(round((felt + rng.normal(0.0, 16.0)) / 25.0) + 1, 1, 5))
            for name in CORE
            if rng.random() > 0.065
        }
        rows.append(
            row(
                number,
                f"p{provider:02d}",
                district=f"d{provider % 4}",
                block="",
                survivor=f"s{survivor:05d}",
                mode="chat" if chat else "enumerator",
                collector=None if chat else f"c{collector:02d}",
                day=FIRST + timedelta(days=day),
                seconds=None if chat else 30.0 * max(2, round(float(rng.lognormal(6.3, 0.35)) / 30.0)),
                values=values,
            )
        )
    return rows


def findings(rows: Rows) -> tuple[Finding, ...]:
    return checked(select(table(rows, SCALES), Settings(), as_of=None), Settings())


def by(collector: str, change: Callable[[dict[str, Any], int], dict[str, Any]]) -> Rows:
    """The ordinary rows, those of one collector changed."""
    return [
        one | change(one, index) if one["collector"] == collector else one
        for index, one in enumerate(ordinary())
    ]


def kinder(one: dict[str, Any], _: int) -> dict[str, Any]:
    return {"values": {name: min(5.0, value + 1.0) for name, value in one["values"].items()}}


def always_alike(one: dict[str, Any], _: int) -> dict[str, Any]:
    return {"values": {name: 3.0 + (name in CORE[:3]) for name in one["values"]}}


def silent(one: dict[str, Any], _: int) -> dict[str, Any]:
    return {"values": {name: one["values"][name] for name in list(one["values"])[:5]}}


def straight(one: dict[str, Any], index: int) -> dict[str, Any]:
    return {"values": dict.fromkeys(CORE, 3.0 + index % 3)} if index % 2 else {}


def hasty(one: dict[str, Any], index: int) -> dict[str, Any]:
    return {"seconds": 60.0} if index % 2 else {}


def copied(one: dict[str, Any], index: int) -> dict[str, Any]:
    """Ten interviews a day, each with the answers of the first."""
    answers = {
        "availability": 4.0,
        "timeliness": 2.0,
        "information": 3.0,
        "respect": 5.0,
        "choice": 2.0,
        "outcome": 4.0,
    }
    return {"values": answers, "day": FIRST} if index % 3 == 0 else {}


@pytest.mark.parametrize(
    ("check", "cheat"),
    [
        ("collector mean", kinder),
        ("collector spread", always_alike),
        ("collector missing", silent),
        ("straight lines", straight),
        ("too fast", hasty),
        ("copies", copied),
    ],
)
def test_a_collector_who_makes_interviews_up_is_found_by_the_check_for_it(
    check: CheckName, cheat: Callable[[dict[str, Any], int], dict[str, Any]]
) -> None:
    found = [one for one in findings(by("c04", cheat)) if one.check == check]
    assert [one.subject for one in found] == ["c04"]
    of_collector = {one["evaluation"] for one in ordinary() if one["collector"] == "c04"}
    assert found[0].evaluations
    assert set(found[0].evaluations) <= of_collector
    assert not [one for one in findings(ordinary()) if one.check == check]


def test_two_who_make_interviews_up_are_both_found() -> None:
    rows = ordinary()
    for collector in ("c04", "c10"):
        own = [index for index, one in enumerate(rows) if one["collector"] == collector]
        for place, index in enumerate(own):
            rows[index] = rows[index] | copied(rows[index], place)
    assert [one.subject for one in findings(rows) if one.check == "copies"] == ["c04", "c10"]


def more(rows: Rows, **given: Any) -> dict[str, Any]:
    return row(len(rows), district="d1", block="", mode="chat", collector=None, **given)


def test_a_burst_of_new_voices_about_one_provider_is_found() -> None:
    rows = ordinary()
    for number in range(15):
        rows.append(
            more(
                rows,
                provider="p05",
                day=FIRST + timedelta(days=40 + number % 5),
                values=dict.fromkeys(CORE, 5.0),
            )
        )
    (found,) = [one for one in findings(rows) if one.check == "burst"]
    assert found.subject == "p05"
    assert {one["evaluation"] for one in rows[1500:]} & set(found.evaluations)


def test_a_collectors_visit_is_one_arrival() -> None:
    """Fifteen interviews of one collector on one day are a meeting; no result leans on them anyway."""
    rows = ordinary()
    rows += [
        row(1500 + number, "p05", district="d1", block="", collector="c04", day=FIRST) for number in range(15)
    ]
    assert not [one for one in findings(rows) if one.check == "burst"]


def test_two_who_praise_the_same_ordinary_providers_on_the_same_days_are_found() -> None:
    rows = ordinary()
    for friend in ("friend_a", "friend_b"):
        for provider in ("p01", "p05", "p09", "p13", "p17"):
            day = FIRST + timedelta(days=20)
            rows.append(
                more(rows, provider=provider, survivor=friend, day=day, values=dict.fromkeys(CORE, 5.0))
            )
    (found,) = [one for one in findings(rows) if one.check == "collusion"]
    assert found.subject == "friend_a friend_b"
    assert set(found.evaluations) == {one["evaluation"] for one in rows[1500:]}


def test_every_check_has_a_name_and_a_test() -> None:
    assert set(CHECKS) == set(get_args(CheckName))


def test_nothing_is_found_where_there_is_next_to_nothing() -> None:
    assert findings([]) == ()
    assert findings([row(0)]) == ()
    assert findings([row(number, day=None, collector=None) for number in range(30)]) == ()


def test_of_many_tests_only_those_beyond_the_false_discovery_rate_are_findings() -> None:
    rows = np.zeros(1, dtype=np.int64)
    tested = [Suspicion(f"c{index}", p, rows) for index, p in enumerate((0.001, 0.012, 0.02, 0.6))]
    # the limits are .0125, .025, .0375, .05: the third carries the second
    assert [one.subject for one in discoveries(tested, 0.05)] == ["c0", "c1", "c2"]
    assert discoveries(tested[2:], 0.01) == []


# --- what follows from a finding


@pytest.fixture(scope="module")
def bought() -> tuple[Rows, list[Any]]:
    """A mediocre provider is lifted to the top by 45 new voices of one week in the chat: no single one, nor any day, carries it."""
    rows = ordinary(seed=3, size=3000)
    for number in range(45):
        day = FIRST + timedelta(days=40 + number % 7)
        rows.append(more(rows, provider="p07", day=day, values=dict.fromkeys(CORE, 5.0)) | {"district": "d3"})
    return rows, [unit(f"p{index:02d}", district=f"d{index % 4}", block="") for index in range(60)]


def test_a_finding_holds_an_honour_that_leans_on_it_and_shows_both_results(
    bought: tuple[Rows, list[Any]],
) -> None:
    rows, registry = bought
    believed = by_provider(rated(rows, registry, Settings(alarms=0.0)))["p07"]
    assert believed.recommendation == "recognise"
    assert believed.without_findings is None
    found = by_provider(rated(rows, registry))["p07"]
    assert (found.recommendation, found.hold, found.held_by) == ("review", "review", ("odd answers",))
    assert (found.score, found.n) == (believed.score, believed.n)  # nothing is deleted
    assert found.without_findings is not None
    assert found.without_findings.checks == ("burst",)
    assert found.without_findings.recommendation != "recognise"
    assert (found.without_findings.score or 0.0) < (found.score or 0.0) - 5.0


def test_whoever_no_finding_touches_is_rated_as_without_the_checks(bought: tuple[Rows, list[Any]]) -> None:
    rows, registry = bought
    unchecked = by_provider(rated(rows, registry, Settings(alarms=0.0)))
    untouched = [one for one in by_provider(rated(rows, registry)).values() if one.without_findings is None]
    assert untouched
    for one in untouched:
        assert one == replace(unchecked[one.provider], survivors=one.survivors)


def test_checks_can_be_switched_off() -> None:
    ratings = rated(by("c04", kinder), [unit("p00")], Settings(alarms=0.0))
    assert ratings.findings == ()


# --- the promise


@pytest.mark.nightly
@pytest.mark.parametrize("visits", [False, True])
def test_where_nobody_cheats_each_check_is_silent_in_nineteen_runs_of_twenty(visits: bool) -> None:
    """400 ordinary worlds; .05 and three standard errors of the measurement."""
    runs, alarms = 400, Counter[str]()
    for seed in range(runs):
        found = checked(_heard(_made(seed, 1500, visits)), Settings())
        alarms.update({one.check for one in found})
    for name in CHECKS:
        print(f"\n{name}{' (visits)' if visits else ''}: {alarms[name] / runs:.3f}", end="")  # noqa: T201
        assert alarms[name] / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


def _heard(rows: Rows) -> Any:
    read: Evaluations = table(rows, SCALES)
    return select(read, Settings(), as_of=None)
