"""Services needed against received: one voice for each survivor, her last; durations with what is overdue."""

from __future__ import annotations

import random
from typing import Any

import pytest

from scoring import ServiceFigure, Settings, TableError, services
from scoring.services import wilson

AREAS = {"303_b01": "303", "304_b01": "304"}


def said(survivor: str, **more: Any) -> dict[str, Any]:
    """One survivor about one service: needed, asked for, not received."""
    given: dict[str, Any] = {
        "survivor": survivor,
        "verified": True,
        "block": "303_b01",
        "mode": "chat",
        "review": "none",
        "service": "compensation",
        "needed": "yes",
        "asked": "yes",
        "received": "no",
        "month": "2026-11",
        "days_to_order": None,
        "days_to_payment": None,
    }
    return given | more


def everywhere(rows: list[dict[str, Any]], settings: Settings | None = None, **more: Any) -> ServiceFigure:
    found = services(rows, AREAS, settings or Settings(), **more)
    return next(one for one in found if (one.service, one.area) == ("compensation", ""))


def people(count: int, first: int = 0, **more: Any) -> list[dict[str, Any]]:
    return [said(f"s{first + number}") | more for number in range(count)]


def test_shares_are_of_those_who_answered_and_needed_it() -> None:
    rows = [
        *people(4, received="yes"),
        *people(3, 4, received="partly"),
        *people(3, 7, asked="no"),
        *people(2, 10, received="dont_know"),
        *people(6, 12, needed="no", asked="", received=""),
        *people(2, 18, needed="wont_say", asked="", received=""),
    ]
    one = everywhere(rows)
    assert one.n == 18
    for figure, seen, of in (
        (one.needed, 12, 18),
        (one.asked, 9, 12),
        (one.received, 4, 10),
        (one.received_something, 7, 10),
    ):
        assert figure is not None
        assert (figure.seen, figure.of) == (seen, of)
        assert figure.share == pytest.approx(seen / of)
        assert figure.low < figure.share < figure.high


def test_a_survivor_speaks_once_and_her_last_word_counts() -> None:
    rows = [*people(6, month="2026-02"), said("s0", month="2026-10", received="yes")]
    received = everywhere(rows).received
    assert received is not None
    assert (received.seen, received.of) == (1, 6)


def test_neither_the_order_of_rows_nor_two_check_ins_in_one_month_make_a_difference() -> None:
    rows = people(6) + people(6, received="yes") + people(6, needed="no")
    shuffled = random.Random(1).sample(rows, len(rows))
    assert services(rows, AREAS, Settings()) == services(shuffled, AREAS, Settings())


@pytest.mark.parametrize(
    "left_out",
    [
        {"verified": False},
        {"survivor": None},
        {"review": "rejected"},
        {"review": "on_hold"},
        {"month": "2025-12"},
    ],
)
def test_who_is_not_on_the_roll_or_is_held_or_long_ago_changes_nothing(left_out: dict[str, Any]) -> None:
    rows = people(6)
    assert services([*rows, *people(9, 6, **left_out)], AREAS, Settings(), as_of="2026Q4") == services(
        rows, AREAS, Settings(), as_of="2026Q4"
    )


def test_fewer_than_five_are_no_figure_and_areas_are_counted_apart() -> None:
    rows = people(6) + people(4, 6, block="304_b01") + people(1, 10, block="elsewhere")
    found = {one.area: one for one in services(rows, AREAS, Settings())}
    assert {area: one.n for area, one in found.items()} == {"": 11, "303": 6, "304": 4}
    assert found["304"].needed is None
    assert found["303"].needed is not None


def test_days_have_a_median_and_say_how_many_were_overdue() -> None:
    rows = [said(f"s{day}", days_to_order=day, days_to_payment=day // 2) for day in (10, 20, 61, 90, 400)]
    one = everywhere(rows)
    assert one.to_order is not None
    assert (one.to_order.of, one.to_order.median, one.to_order.overdue.seen) == (5, 61.0, 3)
    assert one.to_payment is not None
    assert one.to_payment.overdue.seen == 2  # 5, 10, 30 are in time, 45 and 200 are not


def test_the_norm_can_be_another() -> None:
    rows = [said(f"s{day}", days_to_order=day) for day in (10, 20, 61, 90, 400)]
    order = everywhere(rows, Settings(norm_order_days=90)).to_order
    assert order is not None
    assert order.overdue.seen == 1


def test_wilson_agrees_with_published_intervals() -> None:
    for seen, of, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)):
        assert wilson(seen, of, level=0.95) == pytest.approx((low, high), abs=5e-5)
    assert wilson(0, 0, level=0.9) == (0.0, 1.0)


def test_a_row_that_cannot_be_read_is_named() -> None:
    with pytest.raises(TableError, match="row 2, column 'month': 'November' is no month"):
        services([said("s0"), said("s1", month="November")], AREAS, Settings())
    incomplete = said("s1")
    del incomplete["needed"]
    with pytest.raises(TableError, match="row 2 has no column 'needed'"):
        services([said("s0"), incomplete], AREAS, Settings())


def test_no_rows_give_no_figures() -> None:
    assert services([], AREAS, Settings()) == ()
