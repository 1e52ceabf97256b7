"""Evaluations column by column: the same as row by row, on both databases."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
from connector_worlds import KEYS
from store_worlds import CODES, PERCENT, fill

from connector import FormVersion, Store
from connector.ratings import layout_of
from connector.store import Columns


@pytest.fixture
def full(store: Store, form_version: FormVersion) -> Store:
    fill(store, form_version)
    return store


def row_by_row(columns: Columns) -> Iterator[dict[str, Any]]:
    """The columns as `Store.evaluations` gives them."""
    lists = {
        name: column.tolist() for name, column in vars(columns).items() if name not in ("values", "flags")
    }
    flags = [names or () for names in columns.flags.tolist()]
    for index in range(len(columns)):
        values = {name: float(column[index]) for name, column in columns.values.items()}
        row = {name: column[index] for name, column in lists.items()}
        yield {
            **row,
            "evaluation": str(row["evaluation"]),
            "seconds": None if math.isnan(row["seconds"]) else row["seconds"],
            "flags": flags[index],
            "values": {name: value for name, value in values.items() if not math.isnan(value)},
        }


@pytest.mark.parametrize("since", [None, "2026Q3", "2030Q1"])
def test_columns_hold_what_the_rows_hold(full: Store, since: str | None) -> None:
    rows = full.evaluations(since)
    assert list(row_by_row(full.columns(since))) == rows
    assert since == "2030Q1" or len(rows) > 100


def test_labels_are_sorted_and_distinct(full: Store) -> None:
    columns = full.columns()
    for name, column in vars(columns).items():
        if hasattr(column, "labels"):
            assert list(column.labels) == sorted(set(column.labels)), name


def test_an_empty_store_has_empty_columns(store: Store) -> None:
    columns = store.columns()
    assert (len(columns), columns.provider.tolist(), columns.values) == (0, [], {})


def test_a_layout_reads_what_it_wrote(form_version: FormVersion) -> None:
    layout = layout_of((PERCENT, *form_version.marks))
    values = {"percent": 33.25, "respect": 4.0}
    text = layout.pack(values)
    assert (len(text), layout.unpack(text), layout.unpack(layout.pack({}))) == (18, values, {})


def test_a_choice_is_one_character_and_a_range_a_number(form_version: FormVersion) -> None:
    widths = {slot.name: slot.width for slot in layout_of((PERCENT, *form_version.marks)).slots}
    assert widths == {"percent": 16, "respect": 1, "bribe": 1}


def test_pseudonyms_are_those_of_the_rows(full: Store) -> None:
    assert KEYS.survivor(CODES[0]) in full.columns().survivor.labels
