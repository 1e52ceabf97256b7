"""The table of services: bands, nobody alone, and nobody who could be worked out from the others."""

from __future__ import annotations

from typing import Any

import pytest

from reports.services import FEW, FINISHED_ONLY, SERVICES, services_table
from scoring import Settings, services

AREAS = {"b1": "303", "b2": "304", "b3": "305"}


def said(first: int, count: int, block: str, **more: Any) -> list[dict[str, Any]]:
    given = {"verified": True, "review": "none", "service": "compensation", "needed": "yes", "asked": "yes"}
    given |= {"block": block, "received": "no", "month": "2026-11"}
    return [{"survivor": f"s{first + number}", **given, **more} for number in range(count)]


def shown(rows: list[dict[str, Any]], figure: str) -> dict[str, Any]:
    found = services_table(services(rows, AREAS, Settings()), "2026Q4", k=5)
    assert all(set(row) == set(SERVICES) for row in found)
    return {str(row["area"]): row for row in found if row["figure"] == figure}


def test_a_district_is_shown_when_what_it_leaves_of_all_is_nobody_or_enough() -> None:
    found = shown([*said(0, 8, "b1"), *said(20, 6, "b2")], "needed")
    assert {area: row["n_band"] for area, row in found.items()} == {"": "10–19", "303": "5–9", "304": "5–9"}


@pytest.mark.parametrize("few", [1, 4])
def test_nobody_in_a_small_district_can_be_worked_out_from_the_others(few: int) -> None:
    """With 303 and 304 shown beside everywhere the few of 305 would be what is left."""
    found = shown([*said(0, 8, "b1"), *said(20, 6, "b2"), *said(40, few, "b3")], "needed")
    assert {area for area, row in found.items() if row["value"]} == {"", "303"}
    assert found["304"]["note"] == found["305"]["note"] == FEW


def test_those_of_no_district_are_not_worked_out_either() -> None:
    found = shown([*said(0, 8, "b1"), *said(20, 2, "elsewhere")], "needed")
    assert {area for area, row in found.items() if row["value"]} == {""}


def test_shares_are_in_bands_of_five_and_wide_where_all_said_the_same() -> None:
    rows = [*said(0, 3, "b1", received="yes"), *said(10, 7, "b1")]
    received, needed = shown(rows, "received")["303"], shown(rows, "needed")["303"]
    assert (received["value"], needed["value"]) == ("30–35", "80–100")
    assert received["low"] % 5 == received["high"] % 5 == 0
    assert received["low"] <= 30 <= received["high"]


def test_days_are_said_as_the_month_they_lie_in_and_who_still_waits_is_not_counted() -> None:
    rows = [*said(0, 4, "b1", days_to_order=40), *said(10, 3, "b1", days_to_order=75), *said(20, 3, "b1")]
    days = shown(rows, "days from application to order")["303"]
    assert (days["value"], days["n_band"], days["note"]) == ("30–60", "5–9", FINISHED_ONLY)
    late = shown(rows, "order overdue")["303"]
    assert (late["value"], late["note"]) == ("40–45", FINISHED_ONLY)
    assert shown(rows, "payment overdue")["303"]["value"] == ""
