"""From the store to scoring: a survivor has one voice about a provider in a quarter, and only with a code of the roll."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector import FormVersion, Keys, Page, Provider, Registry, Store, Submission, new_code, new_pair
from shakti import assembly
from shakti.config import Config
from xlsforms import Mark

NOW = dt.datetime(2026, 11, 23, 6, 0, tzinfo=dt.UTC)
FORM = FormVersion(
    "small",
    "1",
    tuple(
        Mark(
            path=path,
            kind="select_one",
            is_=is_,
            service=None,
            measures=measures,
            best=None,
            flag=None,
            choices=choices,
        )
        for path, is_, measures, choices in (
            ("consent", "consent", None, ("yes", "no")),
            ("adult", "adult", None, ("yes", "no")),
            ("survivor_code", "survivor_code", None, ()),
            ("provider", "provider", None, ()),
            ("respect", None, "respect", ("1", "2", "3", "4", "5")),
        )
    ),
)
CODES = [new_code(number) for number in range(1, 4)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    keys = Keys.from_hex(pseudonym="11" * 32, text_public=new_pair()[1])
    with Store(f"sqlite:///{tmp_path / 'shakti.db'}", keys=keys) as opened:
        opened.migrate()
        opened.add_form(FORM)
        opened.set_registry(Registry((provider(),)))
        assert opened.issue_codes(CODES)
        yield opened


def provider() -> Provider:
    labels = dict.fromkeys(("label", "label_bn", "label_hi", "label_en"), "A sample name")
    return Provider(
        name="sw_1",
        **labels,
        kind="person",
        office="",
        role="social_worker",
        block="303_b01",
        district="303",
        state="19",
        since=None,
        until=None,
        served=40,
    )


def said(
    number: int, code: str, respect: str, *, source: str = "collect", day: str = "2026-11-20"
) -> Submission:
    answers = {
        "consent": "yes",
        "adult": "yes",
        "survivor_code": code,
        "provider": "sw_1",
        "respect": respect,
    }
    return Submission(
        source=source,
        native_form="small",
        native_version="1",
        form_id="small",
        form_version="1",
        root_id=f"r{number}",
        version_id=f"r{number}",
        changed_at=None,
        mode="chat" if source == "chat" else "enumerator",
        collector=None,
        review="none",
        deleted=False,
        answers={**answers, "today": day},
        native_id=str(number),
    )


def voices(store: Store) -> tuple[int, int]:
    """(survivors, votes) behind the provider's figure."""
    rows = assembly.score(Config(), store).rows
    rating = next(one for one in rows if one.provider == "sw_1")
    return rating.n, rating.units


def test_one_survivor_in_three_evaluations_of_a_quarter_is_one_unit(store: Store) -> None:
    store.record("collect", Page((said(1, CODES[0], "1"), said(2, CODES[0], "5"))), now=NOW)
    store.record("chat", Page((said(3, CODES[0], "3", source="chat"),)), now=NOW)
    store.record("collect", Page((said(4, CODES[1], "4"),)), now=NOW)
    assert len(store.evaluations()) == 4
    assert voices(store) == (2, 2)
    store.record("collect", Page((said(5, CODES[0], "4", day="2026-08-20"),)), now=NOW)
    assert voices(store) == (2, 3), "another quarter is another unit of the same survivor"


def test_a_revoked_code_leaves_its_evaluations_and_takes_its_voice(store: Store) -> None:
    store.record("collect", Page((said(1, CODES[0], "1"), said(2, CODES[1], "5"))), now=NOW)
    assert voices(store) == (2, 2)
    assert store.revoke_codes([CODES[0], CODES[0], new_code(99)]) == 1
    assert voices(store) == (1, 1)
    assert [one["verified"] for one in store.evaluations()] == [False, True]
    assert store.unverified_counts() == {("", ""): 1}
    assert store.revoke_codes([CODES[0]]) == 0
    assert not store.issue_codes([CODES[0], new_code(7)]), "never issued again"
    assert store.revoke_codes([new_code(7)]) == 0, "and nothing with it"
