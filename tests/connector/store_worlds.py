"""A store full of random evaluations: edited, deleted, of two form versions, by two sources, of a registry with postings."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from connector_worlds import ANSWERS, CODE, NOW, submission

from connector import Collector, FormVersion, Page, Provider, Registry, Store, Submission, new_code
from xlsforms import Mark

RICHER = "2026112302"  # a version with one more indicator, which is no digit
PERCENT = Mark("core/percent", "range", None, None, "percent", None, None, (), 0, 100)
CODES = [new_code(number) for number in range(12)]
PLACES = ("label", "label_bn", "label_hi", "label_en")


def posting(name: str, **changes: Any) -> Provider:
    fields: dict[str, Any] = {
        **dict.fromkeys(PLACES, name),
        "kind": "person",
        "office": "ngo_a",
        "role": "social_worker",
        "block": "303_b01",
        "district": "303",
        "state": "19",
        "since": None,
        "until": None,
        "served": 40,
    }
    return Provider(name=name, **(fields | changes))


REGISTRY = Registry(
    (
        posting("sw_1"),
        posting("sw_2", since=dt.date(2026, 1, 1), until=dt.date(2026, 6, 30), office=""),
        posting("sw_2", since=dt.date(2026, 8, 1), office="ngo_b", block="304_b07", district="304"),
        posting("po_1", role="police", office="station", until=dt.date(2026, 5, 1)),
    ),
    (Collector("c1", "ngo_a"), Collector("c2", "ngo_b"), Collector("c3", "")),
)


def filled(number: int, rng: random.Random, richer: FormVersion) -> Submission:
    day = dt.date(2026, 1, 1) + dt.timedelta(days=rng.randrange(330))
    answers = ANSWERS | {
        "today": day.isoformat(),
        "start": rng.choice(["", ANSWERS["start"]]),
        "collector": rng.choice(["", "c1", "c2", "c3", "c4"]),
        "survivor_code": rng.choice([*CODES, CODE, "", "12"]),
        "role": rng.choice(["social_worker", "police", ""]),
        "block": rng.choice(["303_b01", "304_b07", "999", ""]),
        "provider": rng.choice(["sw_1", "sw_2", "sw_2", "po_1", "not_listed", "who, me", ""]),
        "core/respect": rng.choice(["", "1", "2", "3", "4", "5"]),
        "core/bribe": rng.choice(["", "no", "yes", "dont_know"]),
        "core/percent": rng.choice(["", "0", "33.25", "100"]),
    }
    more: dict[str, Any] = {"form_version": RICHER, "native_version": RICHER} if rng.random() < 0.3 else {}
    return submission(
        number,
        source=rng.choice(["kobo", "chat"]),
        mode=rng.choice(["enumerator", "chat"]),
        review=rng.choice(["none", "none", "approved", "on_hold", "rejected"]),
        answers=answers,
        **more,
    )


def fill(store: Store, form_version: FormVersion, *, roll: Sequence[str] = CODES[:8]) -> None:
    """400 evaluations, some edited, some deleted, some of another form version."""
    richer = replace(form_version, version=RICHER, marks=(PERCENT, *form_version.marks))
    for form in (form_version, richer):
        store.add_form(form)
    store.add_codes(roll)
    store.set_registry(REGISTRY)
    rng = random.Random(20261123)
    rows = [filled(number, rng, richer) for number in range(400)]
    edits = [
        replace(filled(number, rng, richer), source=rows[number].source, version_id=f"edit{number}")
        for number in range(0, 90, 3)
    ]
    gone = [replace(rows[number], deleted=True, version_id="gone") for number in range(100, 120)]
    for some in (rows, edits, gone):
        for source in ("kobo", "chat"):
            store.record(source, Page(tuple(one for one in some if one.source == source)), now=NOW)
    return store
