"""The whole path: who counts, who is compared with whom, and what must never change a result."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring_samples import CORE, QUARTERS, by_provider, rated, row, unit, world

import scoring
from scoring import Rating, Ratings, RegistryError, Settings, Unit


def as_bytes(ratings: Ratings) -> bytes:
    """Everything a run says, in one fixed writing."""
    return json.dumps(asdict(ratings), sort_keys=True, default=sorted).encode()


@pytest.fixture(scope="module")
def sample() -> tuple[list[dict[str, Any]], list[Unit]]:
    rows, registry, _ = world(districts=("303", "304"), providers=40, roles=("social_worker", "police"))
    return rows, registry


def one(rows: Sequence[dict[str, Any]], registry: Sequence[Unit] = (unit("sw_1"),), **more: Any) -> Rating:
    return by_provider(rated(rows, registry, **more))["sw_1"]


def voices(many: int, *, start: int = 0, **more: Any) -> list[dict[str, Any]]:
    return [row(start + index, values={"percent": 40.0 + index % 5 * 10}, **more) for index in range(many)]


# --- the same input gives the same bytes


def test_the_same_evaluations_settings_and_seed_give_the_same_bytes(
    sample: tuple[list[dict[str, Any]], list[Unit]],
) -> None:
    assert as_bytes(rated(*sample)) == as_bytes(rated(*sample))
    assert as_bytes(rated(*sample)) != as_bytes(rated(*sample, seed=2))


def test_the_order_of_rows_and_registry_does_not_matter(
    sample: tuple[list[dict[str, Any]], list[Unit]],
) -> None:
    rows, registry = list(sample[0]), list(sample[1])
    random.Random(3).shuffle(rows)
    random.Random(4).shuffle(registry)
    assert as_bytes(rated(rows, registry)) == as_bytes(rated(*sample))


LEFT_OUT: dict[str, dict[str, Any]] = {
    "unverified": {"verified": False},
    "without a survivor": {"survivor": None},
    "rejected": {"review": "rejected"},
    "unverified with a red flag": {"verified": False, "flags": ("bribe",)},
    "unverified in a later quarter": {"verified": False, "quarter": "2027Q3"},
    "unverified with an indicator nobody else has": {"verified": False, "values": {"home_visit": 1.0}},
    "unverified in an unknown block": {"verified": False, "block": "399_b01", "district": "399"},
    "unverified form": {"verified": False, "values": dict.fromkeys(CORE, 1.0)},
}


@pytest.mark.parametrize("left_out", LEFT_OUT)
def test_rows_that_do_not_count_change_no_byte(
    sample: tuple[list[dict[str, Any]], list[Unit]], left_out: str
) -> None:
    rows, registry = sample
    noise = [
        row(50_000 + index, registry[0].provider, **({"values": {"percent": 0.0}} | LEFT_OUT[left_out]))
        for index in range(30)
    ]
    assert as_bytes(rated(rows + noise, registry)) == as_bytes(rated(rows, registry))


def test_a_verified_row_does_change_something(sample: tuple[list[dict[str, Any]], list[Unit]]) -> None:
    """So that the test above can fail."""
    rows, registry = sample
    more = row(50_000, registry[0].provider, values={"percent": 0.0})
    assert as_bytes(rated([*rows, more], registry)) != as_bytes(rated(rows, registry))


def renamed(label: str | None) -> str | None:
    return label and f"{hash_of(label)}_{label}"


def hash_of(label: str) -> int:
    return sum(ord(sign) * 31**place for place, sign in enumerate(label)) % 9973


def test_what_anybody_is_called_does_not_matter(sample: tuple[list[dict[str, Any]], list[Unit]]) -> None:
    rows, registry = sample
    other_rows = [
        line | {name: renamed(line[name]) for name in ("evaluation", "survivor", "collector", "provider")}
        for line in rows
    ]
    other_registry = [replace(person, provider=str(renamed(person.provider))) for person in registry]
    here, there = by_provider(rated(rows, registry)), by_provider(rated(other_rows, other_registry))
    for person in registry:
        a, b = here[person.provider], there[str(renamed(person.provider))]
        assert (a.group, a.recommendation, a.place_low, a.place_high) == (
            b.group, b.recommendation, b.place_low, b.place_high,
        )  # fmt: skip
        assert a.score == pytest.approx(b.score)
        assert a.p_top == pytest.approx(b.p_top)
        assert a.p_top_without_one == pytest.approx(b.p_top_without_one)


def test_a_peer_group_does_not_depend_on_other_roles() -> None:
    """What is heard about the police never moves a social worker's place."""
    rows, registry, _ = world(providers=40, voices=(24, 30), roles=("social_worker", "police"))
    police = [person for person in registry if person.role == "police"]
    more = [
        row(60_000 + index, person.provider, role="police", values={"percent": 50.0})
        for index, person in enumerate(police)
    ]
    alone = Settings(sigma_prior_df=1e-9)  # else the roles share a trace of their within deviation
    before, after = (rated(lines, registry, alone) for lines in (rows, rows + more))
    assert {mode.source for mode in before.modes} == {"role"}
    here, there = by_provider(before), by_provider(after)
    moved = {
        person.role
        for person in registry
        if here[person.provider].place != pytest.approx(there[person.provider].place)
    }
    assert moved == {"police"}


# --- what counts


def test_an_evaluation_taken_by_the_own_office_is_left_out() -> None:
    assert one(voices(9) + voices(3, start=100, own_office=True)).n == 9


def test_what_a_reviewer_holds_or_rejects_is_left_out() -> None:
    rows = voices(9) + voices(1, start=100, review="on_hold") + voices(1, start=200, review="rejected")
    assert one(rows + voices(1, start=300, review="approved")).n == 10


def test_only_approved_evaluations_count_where_the_programme_wants_it_so() -> None:
    rows = voices(9) + voices(4, start=100, review="approved")
    assert one(rows, settings=Settings(require_approved=True)).n == 4


def test_the_window_is_the_last_four_quarters_or_those_that_are_asked_for() -> None:
    rows = voices(6) + voices(3, start=100, quarter="2026Q1") + voices(2, start=200, quarter="2025Q4")
    assert rated(rows, []).window == QUARTERS
    assert one(rows).n == 9
    assert one(rows).new_survivors == {"2026Q1": 3, "2026Q2": 0, "2026Q3": 0, "2026Q4": 6}
    assert one(rows, as_of="2026Q3").n == 5
    assert one(rows, settings=Settings(quarters=1)).n == 6


def test_survivors_are_counted_once_and_votes_by_quarter() -> None:
    rows = voices(6) + [row(100 + index, survivor=f"s{index:06d}", quarter="2026Q3") for index in range(6)]
    found = one(rows)
    assert (found.n, found.units, len(found.survivors)) == (6, 12, 6)


def test_a_red_flag_holds_the_recommendation_and_leaves_the_score_alone() -> None:
    rows = voices(12)
    flagged = [rows[0] | {"flags": ("bribe",)}, *rows[1:]]
    assert (one(flagged).hold, one(flagged).recommendation) == ("review", "review")
    assert one(flagged).score == one(rows).score
    assert one(rows).hold == "none"


@pytest.mark.parametrize("also_heard", [{"review": "on_hold"}, {"own_office": True}])
def test_a_red_flag_is_heard_also_where_the_score_is_not(also_heard: dict[str, Any]) -> None:
    assert one([*voices(9), row(100, flags=("safety",), **also_heard)]).hold == "review"


@pytest.mark.parametrize("not_heard", [{"review": "rejected"}, {"verified": False}, {"quarter": "2025Q1"}])
def test_nobody_outside_can_stop_a_recognition_with_a_red_flag(not_heard: dict[str, Any]) -> None:
    assert one([*voices(9), row(100, flags=("safety",), **not_heard)]).hold == "none"


def test_below_five_survivors_there_is_no_score_no_place_and_no_profile() -> None:
    found = one(voices(4))
    assert (found.n, found.score, found.place_low, found.p_top, found.group) == (
        4,
        None,
        None,
        None,
        "no result yet",
    )
    assert found.indicators == {}


def test_no_evaluations_at_all_give_a_row_for_everybody_and_no_result() -> None:
    ratings = rated([], [unit("sw_1"), unit("sw_2")])
    assert {line.provider for line in ratings.rows if line.unit == "person"} == {"sw_1", "sw_2"}
    assert {line.group for line in ratings.rows} == {"no result yet"}
    assert ratings.window == ()


def test_unanimous_answers_are_marked() -> None:
    alike = [row(index, values={"percent": 80.0}) for index in range(8)]
    assert one(alike).unanimous
    assert not one(voices(8)).unanimous


def test_the_profile_gives_each_indicator_with_those_who_answered_it() -> None:
    rows = [
        row(index, values=dict.fromkeys(CORE, 3.0) | ({"home_visit": 1.0} if index < 6 else {}))
        for index in range(10)
    ]
    profile = one(rows).indicators
    assert (profile["respect"].mean, profile["respect"].n) == (50.0, 10)
    assert (profile["home_visit"].mean, profile["home_visit"].n) == (100.0, 6)


# --- who is compared with whom


def peers_of(
    many: int, *, each: int = 6, role: str = "social_worker", district: str = "303", state: str = "19"
) -> tuple[list[dict[str, Any]], list[Unit]]:
    registry, rows = [], []
    for index in range(many):
        person = unit(
            f"{role}_{district}_{index:02d}",
            role=role,
            district=district,
            block=f"{district}_b01",
            state=state,
        )
        registry.append(person)
        for voice in range(each):
            number = len(rows) + int(district) * 1000
            place = {"role": role, "district": district, "block": person.block, "state": state}
            rows.append(row(number, person.provider, values={"percent": 40.0 + index + voice}, **place))
    return rows, registry


def test_peers_are_the_district_where_eight_have_a_result_else_the_state() -> None:
    big_rows, big = peers_of(9, district="303")
    small_rows, small = peers_of(3, district="304")
    found = by_provider(rated(big_rows + small_rows, big + small))
    assert {(found[person.provider].area, found[person.provider].peers) for person in big} == {("303", 9)}
    # The three are compared with everybody of the role in the state, the nine of the other district included.
    assert {(found[person.provider].area, found[person.provider].peers) for person in small} == {("19", 12)}
    assert all(found[person.provider].place_high is not None for person in big + small)


def test_a_district_is_no_peer_group_because_of_those_without_a_result() -> None:
    rows, registry = peers_of(7, district="303")
    quiet = [unit(f"quiet_{index}") for index in range(4)]
    more_rows, more = peers_of(3, district="304")
    found = by_provider(rated(rows + more_rows, registry + quiet + more))
    assert {(found[person.provider].area, found[person.provider].peers) for person in registry} == {
        ("19", 10)
    }


def test_with_seven_peers_there_is_a_score_and_no_place() -> None:
    rows, registry = peers_of(7)
    found = by_provider(rated(rows, registry))
    assert all(found[person.provider].score is not None for person in registry)
    assert all(found[person.provider].place_low is None for person in registry)
    assert {found[person.provider].group for person in registry} == {"no result yet"}


def test_units_with_too_few_voices_are_not_peers() -> None:
    rows, registry = peers_of(8)
    quiet = unit("sw_quiet")
    heard = [*rows, *[row(900 + index, "sw_quiet") for index in range(4)]]
    found = by_provider(rated(heard, [*registry, quiet]))
    assert found["sw_quiet"].peers == 8
    assert found["sw_quiet"].place is None


def test_a_small_group_is_drawn_towards_its_role_and_says_so() -> None:
    rows, registry = peers_of(2)
    groups = [group for group in rated(rows, registry).groups if group.unit == "provider"]
    assert [(group.peers, group.mu_prior) for group in groups] == [(2, "role")]
    rows, registry = peers_of(9)
    groups = [group for group in rated(rows, registry).groups if group.unit == "provider"]
    assert [(group.peers, group.mu_prior) for group in groups] == [(9, "flat")]


def test_roles_in_a_place_are_rated_from_everybody_there_and_those_not_on_the_list() -> None:
    rows = voices(3) + voices(3, start=100, provider="not_listed") + voices(2, start=200, provider="unknown")
    found = by_provider(rated(rows, [unit("sw_1")]))
    block, district = found["social_worker@303_b01"], found["social_worker@303"]
    assert (block.unit, block.block, block.district, block.n) == ("role_place", "303_b01", "303", 8)
    assert (district.unit, district.block, district.district, district.n) == ("role_place", "", "303", 8)
    assert found["sw_1"].n == 3
    assert "not_listed" not in found


def test_a_survivor_who_met_two_of_a_role_in_a_block_has_one_vote_there() -> None:
    rows = [
        row(index * 2 + person, f"sw_{person + 1}", survivor=f"s{index}", values={"percent": 50.0})
        for index in range(6)
        for person in range(2)
    ]
    found = by_provider(rated(rows, [unit("sw_1"), unit("sw_2")]))
    assert (found["sw_1"].n, found["sw_2"].n, found["social_worker@303_b01"].units) == (6, 6, 6)


def test_roles_in_a_place_are_ranked_among_each_other() -> None:
    registry, rows = [], []
    for index in range(9):
        place = {"block": f"303_b{index:02d}"}
        registry.append(unit(f"sw_{index}", **place))
        rows += [
            row(index * 100 + voice, f"sw_{index}", values={"percent": 30.0 + index * 5}, **place)
            for voice in range(6)
        ]
    found = by_provider(rated(rows, registry))
    best = found["social_worker@303_b08"]
    assert (best.peers, best.area, best.place_low) == (9, "19", 1)
    assert found["social_worker@303"].peers == 1


def test_the_registrys_word_on_a_role_in_a_place_is_kept() -> None:
    listed = unit(
        "social_worker@303_b01", kind="role_place", name="All social workers of Block 1", served=200
    )
    found = by_provider(rated(voices(6), [unit("sw_1"), listed]))["social_worker@303_b01"]
    assert (found.name, found.served, found.n) == ("All social workers of Block 1", 200, 6)


def test_a_registry_that_names_a_provider_twice_is_refused() -> None:
    with pytest.raises(RegistryError, match="names provider 'sw_1' twice"):
        rated([], [unit("sw_1"), unit("sw_1", block="303_b02")])


# --- the list holds only with all answers in it


def leader(*, sigma: float, voices_each: int, collectors: int = 5, days: int = 30) -> Rating:
    """The best of 24, all others alike."""
    rng = np.random.default_rng(5)
    registry, rows = [], []
    for index in range(24):
        registry.append(unit(f"sw_{index:02d}"))
        for _ in range(voices_each):
            value = float(np.clip((90.0 if index == 0 else 50.0) + rng.normal(0, sigma), 0, 100))
            number = len(rows)
            line = row(
                number, f"sw_{index:02d}", values={"percent": value}, collector=f"c{number % collectors}"
            )
            rows.append(line | {"day": line["day"].replace(day=1 + number % days, month=10)})
    return by_provider(rated(rows, registry))["sw_00"]


def test_a_clear_leader_is_recognised_from_the_answers_themselves() -> None:
    found = leader(sigma=12.0, voices_each=12)
    assert (found.group, found.recommendation, found.place_low, found.place_high) == (
        "clearly above",
        "recognise",
        1,
        1,
    )


def test_a_place_that_hangs_on_one_collector_or_one_day_is_not_recognised() -> None:
    assert leader(sigma=12.0, voices_each=12, collectors=1).missing == ("leans_on_one", "one_collector")
    assert leader(sigma=12.0, voices_each=12, days=1).missing == ("leans_on_one",)


def test_with_nine_survivors_the_same_leader_is_not_recognised() -> None:
    assert leader(sigma=12.0, voices_each=9).missing == ("too_few", "leans_on_one")


def test_grades_stand_where_there_is_a_place_and_set_only_the_clearly_better_apart() -> None:
    rows, registry, truth = world(seed=3, providers=24, tau=12.0, voices=(15, 30))
    found = by_provider(rated(rows, registry))
    graded = [found[person.provider] for person in registry]
    assert all((one.grade != "") == (one.place is not None) for one in found.values())
    numbers = sorted({int(one.grade) for one in graded})
    assert numbers == list(range(1, len(numbers) + 1))
    assert 2 <= len(numbers) < 12
    best = [truth[one.provider] for one in graded if one.grade == "1"]
    rest = [truth[one.provider] for one in graded if one.grade == str(numbers[-1])]
    assert min(best) > max(rest)


# --- settings, audit, doors


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 100), st.booleans()), min_size=1, max_size=120))
def test_whatever_is_answered_results_keep_their_bounds(answered: list[tuple[int, int, bool]]) -> None:
    registry = [unit(f"sw_{index}") for index in range(12)]
    rows = [
        row(number, f"sw_{index}", mode="chat" if chat else "enumerator", values={"percent": float(value)})
        for number, (index, value, chat) in enumerate(answered)
    ]
    for line in rated(rows, registry, Settings(draws=100)).rows:
        assert (line.score is None) == (line.n < 5)
        if line.score is not None and line.score_low is not None and line.score_high is not None:
            assert 0 <= line.score_low <= line.score <= line.score_high <= 100
        if line.place_low is not None and line.place_high is not None:
            assert 1 <= line.place_low <= line.place_high <= line.peers
        assert line.recommendation != "recognise" or line.n >= 10


def test_the_audit_record_is_json_and_names_input_settings_seed_and_versions(
    sample: tuple[list[dict[str, Any]], list[Unit]],
) -> None:
    audit = json.loads(json.dumps(rated(*sample).audit))
    assert len(audit["input_sha256"]) == 64
    assert audit["as_of"] == "2026Q4"
    assert audit["settings"]["k_outward"] == 10
    assert set(audit["versions"]) == {"method", "numpy", "scipy", "python"}
    for group in audit["coefficients"]["groups"]:
        assert group["rater_sd"] >= 0.0
        assert 0.0 < group["collector_rho"] < 1.0
    changed = [sample[0][0] | {"values": {"percent": 1.0}}, *sample[0][1:]]
    assert rated(changed, sample[1]).audit["input_sha256"] != audit["input_sha256"]


def test_no_survivor_is_ever_printed(sample: tuple[list[dict[str, Any]], list[Unit]]) -> None:
    assert "s000" not in repr(rated(*sample))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"level": 1.0}, "setting level is 1.0; it must lie in (0, 1)"),
        ({"k_programme": 0}, "setting k_programme is 0; it must lie in [1, inf]"),
        ({"recognise_p": 1.2}, "setting recognise_p is 1.2; it must lie in [0, 1]"),
        ({"weights": {"access": 0.0}}, "the weight of domain 'access' is 0.0; it must be above 0"),
        ({"peers": 1}, "setting peers is 1; it must lie in [2, inf]"),
    ],
)
def test_a_setting_outside_its_range_is_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(scoring.SettingsError) as caught:
        Settings(**wrong)
    assert str(caught.value) == says


def test_the_public_names_are_there_and_sorted() -> None:
    assert scoring.__all__ == sorted(scoring.__all__, key=lambda name: (name.islower(), name))
    assert all(hasattr(scoring, name) for name in scoring.__all__)
