"""Each rule of recognition keeps somebody off the list, and nothing else does."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, get_args

import pytest

from scoring import Rating, Settings
from scoring.lists import decide, most_improved
from scoring.records import Change, DomainResult, Rule


def rating(provider: str = "sw_1", **more: Any) -> Rating:
    """A unit that meets every rule."""
    given: dict[str, Any] = {
        "provider": provider,
        "unit": "person",
        "name": "",
        "role": "social_worker",
        "office": "",
        "block": "303_b01",
        "district": "303",
        "state": "19",
        "served": None,
        "area": "303",
        "peers": 22,
        "n": 14,
        "units": 15,
        "collectors": 3,
        "chat_share": 0.0,
        "new_survivors": {},
        "survivors": frozenset(),
        "score": 82.0,
        "score_low": 75.0,
        "score_high": 88.0,
        "reliability": 0.6,
        "place": 2.1,
        "place_low": 1,
        "place_high": 4,
        "p_top": 0.88,
        "p_above": 0.99,
        "p_top_without_one": 0.7,
    }
    return Rating(**{**given, **more})


def decided(*ratings: Rating, settings: Settings | None = None) -> dict[str, Rating]:
    return {one.provider: one for one in decide(ratings, settings or Settings())}


def test_who_meets_every_rule_is_recognised_and_it_is_said_why() -> None:
    found = decided(rating())["sw_1"]
    assert (found.group, found.recommendation, found.missing) == ("clearly above", "recognise", ())
    assert found.reasons == (
        "Very likely (88 in 100) among the best fifth of its peers.",
        "Place 1 to 4 of 22 peers with a result.",
        "This holds without any one survivor, collector or day.",
        "What would change it: the answers of the coming quarters; each release looks again.",
    )


TWINS: list[tuple[Rule, dict[str, Any]]] = [
    ("hold", {"hold": "review"}),
    ("too_few", {"n": 9}),
    ("not_sure_enough", {"p_top": 0.79}),
    ("not_sure_enough", {"peers": 19}),  # .88 is enough among 20, not among 19
    ("leans_on_one", {"p_top_without_one": 0.59}),
    ("leans_on_one", {"p_top_without_one": None}),
    ("unreliable", {"reliability": 0.49}),
    ("one_collector", {"collectors": 1, "chat_share": 0.29}),
    ("comparison", {"p_top": None, "p_above": None, "place_low": None, "place_high": None}),
]


@pytest.mark.parametrize(("rule", "twin"), TWINS)
def test_who_misses_one_rule_is_not_recognised(rule: Rule, twin: dict[str, Any]) -> None:
    found = decided(rating(**twin))["sw_1"]
    assert found.recommendation != "recognise"
    assert found.missing == (rule,)


def test_every_rule_has_a_failing_twin() -> None:
    assert {rule for rule, _ in TWINS} | {"mistakes"} == set(get_args(Rule))


@pytest.mark.parametrize(
    "just_enough",
    [
        {"n": 10},
        {"p_top": 0.80},
        {"p_top": 0.90, "peers": 8},
        {"p_top_without_one": 0.60},
        {"reliability": 0.50},
        {"collectors": 2},
        {"collectors": 0, "chat_share": 1.0},
        {"collectors": 1, "chat_share": 0.30},
    ],
)
def test_exactly_enough_is_enough(just_enough: dict[str, Any]) -> None:
    assert decided(rating(**just_enough))["sw_1"].recommendation == "recognise"


def test_a_list_is_cut_where_it_would_be_expected_to_hold_too_many_mistakes() -> None:
    low = Settings(recognise_p=0.5, recognise_p_small=0.5)  # at .8 each, a list keeps its bound by itself
    some = [rating(f"sw_{p}", p_top=p / 100) for p in (95, 90, 75, 55, 52)]
    found = decided(*some, settings=low)
    # mistakes .05, .15, .40 of three; .85 of four would be .2125 a head
    assert [name for name, one in found.items() if one.recommendation == "recognise"] == [
        "sw_95",
        "sw_90",
        "sw_75",
    ]
    assert found["sw_55"].missing == ("mistakes",)
    assert "too many mistakes" in found["sw_55"].reasons[-2]


def test_lists_of_different_roles_and_areas_do_not_carry_each_other() -> None:
    low = Settings(recognise_p=0.5, recognise_p_small=0.5)
    sure = [rating(f"sw_{index}", p_top=0.99) for index in range(9)]
    alone = rating("police_1", role="police", p_top=0.7)
    assert decided(*sure, alone, settings=low)["police_1"].missing == ("mistakes",)


def test_nobody_is_recognised_because_a_place_is_free() -> None:
    unsure = [rating(f"sw_{index}", p_top=0.4, p_above=0.8) for index in range(22)]
    assert {one.recommendation for one in decided(*unsure).values()} == {""}


@pytest.mark.parametrize(
    ("p_above", "group", "recommendation"),
    [
        (0.96, "clearly above", "encourage"),
        (0.94, "not clearly different", ""),
        (0.06, "not clearly different", ""),
        (0.04, "clearly below", "support"),
    ],
)
def test_groups_are_by_what_the_interval_says(p_above: float, group: str, recommendation: str) -> None:
    found = decided(rating(p_top=0.1, p_above=p_above))["sw_1"]
    assert (found.group, found.recommendation) == (group, recommendation)


def test_a_red_flag_goes_before_everything_with_or_without_a_result() -> None:
    nothing = dict.fromkeys(
        ("score", "score_low", "score_high", "reliability", "place", "p_top", "p_above", "p_top_without_one")
    )
    assert decided(rating(hold="review"))["sw_1"].recommendation == "review"
    assert decided(rating(hold="review", n=1, **nothing))["sw_1"].recommendation == "review"


def test_too_few_peers_are_no_comparison_and_the_score_stays() -> None:
    found = decided(rating(peers=7, p_top=None, p_above=None, place=None, place_low=None, place_high=None))[
        "sw_1"
    ]
    assert (found.group, found.score, found.recommendation) == ("no result yet", 82.0, "")
    assert found.reasons[0] == "Too few peers with a result for a comparison: it needs 8."


def test_too_few_voices_are_said_without_their_number() -> None:
    few = rating(n=3, score=None, p_top=None, p_above=None, reliability=None)
    none = rating("sw_2", n=0, score=None, p_top=None, p_above=None, reliability=None)
    found = decided(few, none)
    assert found["sw_1"].reasons[0] == "Too few voices yet: a result needs 5 survivors."
    assert found["sw_2"].reasons[0] == "No verified answer in the last 4 quarters."


def test_reasons_never_carry_a_score_or_a_count_of_survivors() -> None:
    cases = [
        rating(f"sw_{index}", **twin, n=17, units=18)
        for index, (rule, twin) in enumerate(TWINS)
        if rule != "too_few"
    ]
    for one in decided(*cases, rating("sw_x", n=17)).values():
        numbers = set(re.findall(r"\d+", " ".join(one.reasons)))
        assert not numbers & {"17", "18", "82", "75", "70", "59"}


# --- change, improvement, good practice


def changed(provider: str = "sw_1", **more: Any) -> Rating:
    """A unit that meets every rule of the list of the most improved."""
    own = {"mean": 9.0, "p_better": 0.99, "p_clearly_better": 0.92, "p_clearly_worse": 0.0}
    return rating(provider, change=Change(**{**own, "p_clearly_better_without_one": 0.7, **more}))


@pytest.mark.parametrize(
    ("change", "trend"),
    [
        ({}, "improved"),
        ({"p_better": 0.94}, "no clear change"),
        ({"p_clearly_better": 0.79}, "no clear change"),
        ({"p_better": 0.04, "p_clearly_better": 0.0, "p_clearly_worse": 0.92}, "declined"),
        ({"p_better": 0.06, "p_clearly_better": 0.0, "p_clearly_worse": 0.92}, "no clear change"),
        ({"p_better": 0.04, "p_clearly_better": 0.0, "p_clearly_worse": 0.79}, "no clear change"),
    ],
)
def test_a_change_is_said_only_when_it_is_sure_and_large_enough(change: dict[str, Any], trend: str) -> None:
    assert decided(changed(**change))["sw_1"].trend == trend


def test_without_two_halves_nothing_is_said_about_change() -> None:
    assert decided(rating())["sw_1"].trend == ""


def test_changes_are_cut_where_too_many_of_a_role_would_be_mistakes() -> None:
    some = [changed(f"sw_{p}", p_clearly_better=p / 100) for p in (96, 90, 82, 81)]
    found = decided(*some)
    # .04, .14, .32 of three would be .107 a head
    assert [name for name, one in found.items() if one.trend == "improved"] == ["sw_96", "sw_90"]
    settings = Settings(trend_mistakes=0.5)
    assert all(one.trend == "improved" for one in decided(*some, settings=settings).values())


@pytest.mark.parametrize(
    "twin",
    [
        {"hold": "review"},
        {"change": Change(9.0, 0.99, 0.92, 0.0, 0.59)},
        {"change": Change(9.0, 0.99, 0.92, 0.0, None)},
        {"collectors": 1, "chat_share": 0.29},
    ],
)
def test_the_list_of_the_most_improved_has_the_rules_of_recognition(twin: dict[str, Any]) -> None:
    assert decided(changed())["sw_1"].improved
    found = decided(replace(changed(), **twin))["sw_1"]
    assert (found.trend, found.improved) == ("improved", False)


def test_the_most_improved_stand_in_the_order_of_how_sure_it_is() -> None:
    some = [changed("sw_1", p_clearly_better=0.93), changed("sw_2", p_clearly_better=0.97), rating("sw_3")]
    assert [one.provider for one in most_improved(decided(*some).values())] == ["sw_2", "sw_1"]


DIGNITY = DomainResult(90.0, 84.0, 95.0, p_top=0.93, p_top_without_one=0.8)


def test_a_domain_in_which_somebody_is_surely_among_the_best_is_a_good_practice() -> None:
    domains = {"access": replace(DIGNITY, p_top=0.89), "dignity": DIGNITY}
    assert decided(rating(domains=domains))["sw_1"].highlights == ("dignity",)


@pytest.mark.parametrize("twin", [{"hold": "review"}, {"n": 9}, {"collectors": 1, "chat_share": 0.29}])
def test_a_good_practice_needs_what_recognition_needs(twin: dict[str, Any]) -> None:
    assert decided(rating(domains={"dignity": DIGNITY}, **twin))["sw_1"].highlights == ()


def test_a_good_practice_that_leans_on_one_voice_is_none() -> None:
    leaning = replace(DIGNITY, p_top_without_one=0.59)
    assert decided(rating(domains={"dignity": leaning}))["sw_1"].highlights == ()
