"""The store: an instance once whatever brought it, a page whole or not at all, nothing in clear."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from connector_worlds import CODE, KEYS, NOW, TEXT_PRIVATE, submission, with_answers

from connector import (
    Collector,
    Counts,
    FormVersion,
    GiveUp,
    Page,
    Provider,
    Registry,
    RetryLater,
    Run,
    Store,
    Submission,
    Unreadable,
    Withdrawal,
)
from connector.seal import open_text

EARLY = dt.datetime(2026, 11, 20, 5, 0, tzinfo=dt.UTC)
LATE = dt.datetime(2026, 11, 21, 5, 0, tzinfo=dt.UTC)
PROVIDER = Provider(
    name="sw_303_001",
    label="A sample name",
    label_bn="",
    label_hi="",
    label_en="A sample name",
    kind="person",
    office="ngo_a",
    role="social_worker",
    block="303_b01",
    district="303",
    state="19",
    since=dt.date(2026, 1, 1),
    until=None,
    served=40,
)


@pytest.fixture
def ready(store: Store, form_version: FormVersion) -> Store:
    store.add_form(form_version)
    return store


def record(store: Store, *submissions: Submission) -> Counts:
    """One page from the first submission's source."""
    return store.record(submissions[0].source, Page(submissions), now=NOW)


def only(store: Store) -> dict[str, object]:
    (one,) = store.evaluations()
    return one


def test_an_evaluation_comes_out_as_scoring_reads_it(ready: Store) -> None:
    ready.add_codes([CODE])
    ready.set_registry(Registry((PROVIDER,), (Collector("c01", "ngo_b"),)))
    assert record(ready, submission(1)) == Counts(new=1)
    one = only(ready)
    assert one["form_version"] == "small_evaluation/2026112301"
    assert (one["provider"], one["posting"], one["role"]) == (
        "sw_303_001",
        "sw_303_001@2026-01-01",
        "social_worker",
    )
    assert (one["office"], one["block"], one["district"], one["state"]) == ("ngo_a", "303_b01", "303", "19")
    assert (one["quarter"], one["day"], one["seconds"]) == ("2026Q4", dt.date(2026, 11, 20), 450)
    assert (one["mode"], one["review"], one["verified"], one["own_office"]) == (
        "enumerator",
        "none",
        True,
        False,
    )
    assert one["survivor"] == KEYS.survivor(CODE)
    assert one["collector"] == KEYS.collector("c01")
    assert one["flags"] == ()
    assert one["values"] == {"respect": 4.0, "bribe": 0.0}


def test_scales_are_named_like_the_evaluations(ready: Store) -> None:
    record(ready, submission(1))
    scales = ready.scales()[str(only(ready)["form_version"])]
    assert (scales["respect"].low, scales["respect"].high, scales["respect"].best) == (1, 5, 5)
    assert (scales["bribe"].low, scales["bribe"].high, scales["bribe"].best) == (0, 1, 0)


def test_a_red_flag_is_named_by_its_indicator(ready: Store) -> None:
    record(ready, submission(1, answers=with_answers(core__bribe="yes")))
    assert only(ready)["flags"] == ("bribe",)


def test_what_she_does_not_know_is_missing(ready: Store) -> None:
    record(ready, submission(1, answers=with_answers(core__bribe="dont_know", core__respect="")))
    assert only(ready)["values"] == {}


def test_an_evaluation_without_a_code_of_the_roll_is_unverified(ready: Store) -> None:
    record(ready, submission(1), submission(2, answers=with_answers(survivor_code="")))
    assert [one["verified"] for one in ready.evaluations()] == [False, False]
    assert ready.unverified_counts() == {("social_worker", "303_b01"): 2}
    ready.add_codes([CODE])
    assert ready.unverified_counts() == {("social_worker", "303_b01"): 1}


def test_a_collector_of_the_same_office_is_seen(ready: Store) -> None:
    ready.set_registry(Registry((PROVIDER,), (Collector("c01", "ngo_a"),)))
    record(ready, submission(1))
    assert only(ready)["own_office"] is True


def test_a_provider_not_on_the_list_counts_for_role_and_block(ready: Store) -> None:
    ready.set_registry(Registry((PROVIDER,)))
    record(ready, submission(1, answers=with_answers(provider="not_listed", role="police")))
    one = only(ready)
    assert (one["posting"], one["role"], one["block"], one["district"]) == (
        "not_listed",
        "police",
        "303_b01",
        "303",
    )


def test_services_come_out_by_survivor(ready: Store) -> None:
    record(ready, submission(1, answers=with_answers(legal_aid__needed="yes", legal_aid__received="no")))
    (one,) = ready.services()
    assert (one["service"], one["needed"], one["asked"], one["received"]) == ("legal_aid", "yes", "", "no")
    assert (one["survivor"], one["month"]) == (KEYS.survivor(CODE), "2026-11")


def test_the_same_page_again_changes_nothing(ready: Store) -> None:
    record(ready, submission(1), submission(2))
    before = ready.evaluations()
    assert record(ready, submission(1), submission(2)) == Counts(unchanged=2)
    assert ready.evaluations() == before


def test_an_instance_twice_on_one_page_counts_once(ready: Store) -> None:
    assert record(ready, submission(1), submission(1)) == Counts(new=1, unchanged=1)
    assert len(ready.evaluations()) == 1


def test_an_edit_replaces(ready: Store) -> None:
    record(ready, submission(1, answers=with_answers(core__bribe="yes")))
    edited = submission(1, version_id="second", answers=with_answers(core__respect="5"))
    assert record(ready, edited) == Counts(edited=1)
    one = only(ready)
    assert (one["values"], one["flags"]) == ({"respect": 5.0, "bribe": 0.0}, ())


def test_a_review_alone_is_a_change(ready: Store) -> None:
    record(ready, submission(1, source="kobo"))
    assert record(ready, submission(1, source="kobo", review="rejected")) == Counts(edited=1)
    assert only(ready)["review"] == "rejected"


SIGHTINGS = (
    submission(1, source="chat", mode="chat", answers=with_answers(core__respect="1")),
    submission(1, source="collect", answers=with_answers(core__respect="2")),
    submission(1, source="kobo", changed_at=EARLY, answers=with_answers(core__respect="3")),
    submission(1, source="central", changed_at=LATE, answers=with_answers(core__respect="5")),
)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_an_instance_of_four_sources_counts_once_in_any_order(
    sqlite_url: str, form_version: FormVersion, order: tuple[int, ...]
) -> None:
    with Store(sqlite_url, keys=KEYS) as store:
        store.add_form(form_version)
        for number in order:
            record(store, SIGHTINGS[number])
        one = only(store)
        assert one["values"] == {"respect": 5.0, "bribe": 0.0}
        assert one["mode"] == "chat"
        assert store.sightings_summary() == {("central", "chat", "collect", "kobo"): 1}


def test_the_platforms_content_is_not_replaced_by_a_folder(ready: Store) -> None:
    record(ready, submission(1, source="kobo", answers=with_answers(core__respect="5")))
    assert record(ready, submission(1, answers=with_answers(core__respect="1"))) == Counts(unchanged=1)
    assert only(ready)["values"] == {"respect": 5.0, "bribe": 0.0}


def test_a_deletion_by_the_owner_leaves_only_a_tombstone(ready: Store) -> None:
    record(ready, submission(1), submission(1, source="central"))
    assert record(ready, submission(1, source="central", deleted=True)) == Counts(deleted=1)
    assert ready.evaluations() == []
    assert record(ready, submission(1)) == Counts(unchanged=1)
    assert ready.evaluations() == []


def test_a_deletion_by_another_source_only_marks_its_sighting(ready: Store) -> None:
    record(ready, submission(1, source="kobo"))
    record(ready, submission(1))
    assert record(ready, submission(1, deleted=True)) == Counts(deleted=1)
    assert ready.sightings_summary() == {("kobo",): 1}


def test_a_restored_row_comes_back(ready: Store) -> None:
    record(ready, submission(1, source="central"))
    record(ready, submission(1, source="central", deleted=True))
    assert record(ready, submission(1, source="central")) == Counts(edited=1)
    assert only(ready)["values"] == {"respect": 4.0, "bribe": 0.0}


def test_a_row_that_was_deleted_before_it_was_seen_stays_away(ready: Store) -> None:
    record(ready, submission(1, source="central", deleted=True))
    record(ready, submission(1))
    assert ready.evaluations() == []


def test_a_complete_listing_deletes_what_it_lacks(ready: Store) -> None:
    record(ready, submission(1, source="kobo"), submission(2, source="kobo"))
    record(ready, submission(3))
    listing = frozenset([submission(1).root_id])
    assert ready.record("kobo", Page(listing=listing), now=NOW) == Counts(deleted=1)
    assert len(ready.evaluations()) == 2
    assert ready.record("kobo", Page(listing=listing), now=NOW) == Counts()


def test_a_listing_of_one_platform_leaves_what_the_other_owns(ready: Store) -> None:
    record(ready, submission(1, source="kobo", changed_at=EARLY))
    record(ready, submission(1, source="central", changed_at=LATE))
    assert ready.record("kobo", Page(listing=frozenset(["another"])), now=NOW) == Counts(deleted=1)
    assert ready.sightings_summary() == {("central",): 1}


@pytest.mark.parametrize(
    "answers",
    [{"consent": "no"}, {"consent": ""}, {"adult": "no"}, {"practice": "yes"}],
    ids=["no consent", "consent not asked", "not adult", "practice"],
)
def test_a_row_without_consent_age_or_earnest_is_counted_and_not_stored(
    ready: Store, answers: dict[str, str]
) -> None:
    refused = submission(1, answers=with_answers(**answers))
    assert record(ready, refused) == Counts(refused=1)
    assert ready.evaluations() == []
    assert ready.sightings_summary() == {}
    assert record(ready, refused) == Counts(unchanged=1)


def test_consent_taken_back_by_an_edit_empties_the_row(ready: Store) -> None:
    record(ready, submission(1, source="kobo"))
    record(ready, submission(1, source="kobo", version_id="v2", answers=with_answers(consent="no")))
    assert ready.evaluations() == []
    record(ready, submission(1, source="kobo", version_id="v3"))
    assert len(ready.evaluations()) == 1


def test_a_sweep_knows_stored_and_refused_rows(ready: Store) -> None:
    record(
        ready, submission(1, source="kobo"), submission(2, source="kobo", answers=with_answers(adult="no"))
    )
    held = ready.held("kobo")
    assert len(held) == 2
    for number in (1, 2):
        root = submission(number).root_id
        assert held.same(root, root, "none")
        assert not held.same(root, "another", "none")
        assert not held.same(root, root, "approved")
    assert not held.same(submission(3).root_id, submission(3).root_id, "none")


def test_a_refused_row_deleted_at_the_source_is_forgotten(ready: Store) -> None:
    record(ready, submission(1, source="kobo", answers=with_answers(adult="no")))
    ready.record("kobo", Page(listing=frozenset([submission(2).root_id])), now=NOW)
    assert len(ready.held("kobo")) == 0


def test_a_form_that_does_not_ask_for_consent_is_quarantined(store: Store, form_version: FormVersion) -> None:
    marks = tuple(mark for mark in form_version.marks if mark.is_ != "consent")
    store.add_form(FormVersion("small_evaluation", "2026112301", marks))
    assert record(store, submission(1)) == Counts(quarantined=1)
    (waiting,) = store.quarantined()
    assert "eval:is=consent" in waiting.reason


def test_an_unreadable_record_waits_with_its_reason_until_it_can_be_read(ready: Store) -> None:
    broken = Unreadable("collect", "1.xml", "it is not XML.", "<data")
    assert ready.record("collect", Page(unreadable=(broken,)), now=NOW) == Counts(quarantined=1)
    assert ready.record("collect", Page(unreadable=(broken,)), now=NOW) == Counts()
    (waiting,) = ready.quarantined()
    assert (waiting.native_id, waiting.reason, waiting.day) == ("1.xml", "it is not XML.", NOW.date())
    record(ready, submission(1))
    assert ready.quarantined() == []


@pytest.mark.parametrize(
    "damage",
    [{"root_id": "x" * 65}, {"version_id": "a\x00b"}, {"answers": with_answers(provider="p" * 300)}],
    ids=["a long id", "a null character", "a long provider"],
)
def test_what_no_column_holds_is_quarantined_and_stops_nothing(
    ready: Store, damage: dict[str, object]
) -> None:
    assert record(ready, submission(1, **damage), submission(2)) == Counts(new=1, quarantined=1)


def test_a_record_without_any_date_is_quarantined(ready: Store) -> None:
    assert record(ready, submission(1, answers=with_answers(today="", end=""))) == Counts(quarantined=1)


def test_a_device_whose_clock_runs_ahead_is_not_believed(ready: Store) -> None:
    record(ready, submission(1, changed_at=EARLY, answers=with_answers(today="2031-01-01")))
    assert only(ready)["day"] == dt.date(2026, 11, 20)


def test_a_withdrawal_erases_by_the_receipt_for_good(ready: Store) -> None:
    record(ready, submission(1))
    taken_back = Page(withdrawals=(Withdrawal("chat", "w1", "4711815000"),))
    assert ready.record("chat", taken_back, now=NOW) == Counts(deleted=1)
    assert ready.evaluations() == []
    record(ready, submission(1, source="kobo", version_id="another"))
    assert ready.evaluations() == []
    assert ready.record("chat", taken_back, now=NOW) == Counts()


def test_a_withdrawal_that_arrives_first_keeps_the_evaluation_out(ready: Store) -> None:
    ready.record("chat", Page(withdrawals=(Withdrawal("chat", "w1", "4711815000"),)), now=NOW)
    record(ready, submission(1))
    assert ready.evaluations() == []


def test_an_edited_file_finds_the_version_only_the_platform_has(ready: Store) -> None:
    """The folder holds the second edit alone: its root is known to the platform, not to the file."""
    record(ready, submission(1, source="kobo", version_id="second"))
    record(ready, submission(9, root_id="second", version_id="third"))
    assert ready.sightings_summary() == {("collect", "kobo"): 1}


def test_a_platform_finds_the_edited_file_that_came_first(ready: Store) -> None:
    record(ready, submission(9, root_id="second", version_id="third"))
    record(ready, submission(1, source="kobo", version_id="third"))
    assert ready.sightings_summary() == {("collect", "kobo"): 1}
    assert ready.held("kobo").same(submission(1).root_id, "third", "none")


def test_a_page_is_stored_whole_or_not_at_all(ready: Store) -> None:
    page = Page((submission(1), submission(2, form_version="unknown")), cursor={"after": 2})
    with pytest.raises(KeyError):
        ready.record("collect", page, now=NOW)
    assert ready.evaluations() == []
    assert ready.cursor("collect") is None


def test_the_cursor_is_saved_with_its_page(ready: Store, make_store: Callable[[], Store]) -> None:
    ready.record("collect", Page((submission(1),), cursor={"after": 1}), now=NOW)
    ready.record("collect", Page((submission(2),)), now=NOW)
    assert make_store().cursor("collect") == {"after": 1}


def test_only_evaluations_since_a_quarter_are_read(ready: Store) -> None:
    record(ready, submission(1), submission(2, answers=with_answers(today="2026-08-01")))
    assert [one["quarter"] for one in ready.evaluations("2026Q4")] == ["2026Q4"]
    assert len(ready.evaluations()) == 2


def test_the_ledger_shows_the_last_runs_first(ready: Store) -> None:
    for minute, error in ((0, None), (15, "it was not there.")):
        moment = NOW + dt.timedelta(minutes=minute)
        ready.add_run(Run("kobo", moment, moment, Counts(new=3, refused=1), error))
    first, second = ready.runs()
    assert (first.error, first.started) == ("it was not there.", NOW + dt.timedelta(minutes=15))
    assert (second.error, second.counts, second.counts.seen) == (None, Counts(new=3, refused=1), 4)
    assert len(ready.runs(1)) == 1


def test_the_registry_is_replaced_as_a_whole(ready: Store) -> None:
    ready.set_registry(Registry((PROVIDER,), (Collector("c01", "ngo_a"),)))
    ready.set_registry(Registry((PROVIDER,)))
    assert ready.registry().providers == (PROVIDER,)
    assert [one["posting"] for one in ready.providers()] == ["sw_303_001@2026-01-01"]


def test_migrating_twice_changes_nothing(ready: Store) -> None:
    record(ready, submission(1))
    ready.migrate()
    assert len(ready.evaluations()) == 1


def test_the_tables_are_what_the_migrations_make(empty_url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from connector.store.engine import migrate, open_engine
    from connector.store.tables import metadata

    engine = open_engine(empty_url)
    try:
        migrate(engine)
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []
    finally:
        engine.dispose()


def test_neither_codes_nor_texts_are_in_the_database_file(tmp_path: Path, form_version: FormVersion) -> None:
    """With a control: the pseudonym, which may be there, is found in the same bytes."""
    path = tmp_path / "shakti.db"
    canary, receipt = "CANARY she came every week", "4711815000"
    with Store(f"sqlite:///{path}", keys=KEYS) as store:
        store.migrate()
        store.add_codes([CODE])
        store.set_registry(Registry((PROVIDER,), (Collector("coll-canary", "ngo_a"),)))
        store.add_form(form_version)
        full = with_answers(comment=canary, collector="coll-canary")
        record(store, submission(1, answers=full))
        record(store, submission(2, answers={**full, "consent": "no"}))
        record(store, submission(3, answers={**full, "today": "", "end": ""}))
        store.record(
            "collect", Page(unreadable=(Unreadable("collect", "4.xml", "broken.", canary),)), now=NOW
        )
        written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    written += path.read_bytes()
    assert KEYS.survivor(CODE).encode() in written
    for secret in (CODE, canary, "CANARY", receipt, "coll-canary", submission(2).root_id):
        assert secret.encode() not in written
    assert path.stat().st_mode & 0o077 == 0


def test_the_key_holders_can_read_the_sealed_text(tmp_path: Path, form_version: FormVersion) -> None:
    import sqlite3

    path = tmp_path / "shakti.db"
    with Store(f"sqlite:///{path}", keys=KEYS) as store:
        store.migrate()
        store.add_form(form_version)
        record(store, submission(1))
    connection = sqlite3.connect(path)
    ((sealed,),) = connection.execute("SELECT sealed FROM free_text WHERE kind = 'comment'").fetchall()
    connection.close()
    assert open_text(sealed, TEXT_PRIVATE) == "She came every week."


def test_a_full_or_broken_database_is_told_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "shakti.db"
    path.write_bytes(b"this is no database" * 100)
    with (
        Store(f"sqlite:///{path}", keys=KEYS) as store,
        pytest.raises(RetryLater, match="file is not a database"),
    ):
        store.migrate()


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(GiveUp, match=r"sqlite:///data/shakti\.db"):
        Store("data/shakti.db", keys=KEYS)
