"""KoboToolbox as a source: recorded rows, edits, reviews and deletions of a server that speaks its API."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from connector_worlds import (
    ANSWERS,
    AT_ONCE,
    FORM,
    KEYS,
    NOW,
    Asked,
    Reply,
    Scripted,
    instance_id,
    instance_xml,
    noted,
    write_workbook,
)

from connector import Counts, GiveUp, KoboSource, RetryLater, RunReport, SkipRecord, Source, Store, sync
from connector.kobo_content import form_version_of
from shakti.demo.kobo_server import KoboServer
from shakti.demo.trouble import Cut, Instead, Kind, Lost, broken, busy, login_page
from shakti.demo.wire import Request, Response
from xlsforms import load_form, marks

TOKEN = "0123456789abcdef0123456789abcdef01234567"
ASSET = "aAXZzKBQxxZs5HnHGdJZDX"
VERSION = "vxjPgPH9wBUQsiEvBx46ci"


@dataclass
class Clock:
    """A clock that stands where the test puts it."""

    now: dt.datetime = NOW

    def __call__(self) -> dt.datetime:
        return self.now

    def later(self, **time: float) -> None:
        self.now += dt.timedelta(**time)


class Faltering(KoboServer):
    """A server that fails (503) for the requests that `fails` picks."""

    fails: Callable[[Request], bool] = staticmethod(lambda _: False)

    def answer(self, request: Request) -> Response:
        return Response(503) if self.fails(request) else super().answer(request)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Iterator[Faltering]:
    with Faltering(clock=clock, token=TOKEN, first_id=1001) as running:
        yield running


@pytest.fixture
def source(server: KoboServer, workbook: Path) -> Iterator[KoboSource]:
    """Small pages: every walk has several."""
    with KoboSource(
        server.url, token=TOKEN, asset=server.deploy(workbook), patience=AT_ONCE, page_rows=4
    ) as kobo:
        yield kobo


@pytest.fixture
def large(server: KoboServer, workbook: Path, clock: Clock) -> Iterator[KoboSource]:
    """To this one twelve rows are a large project: four fit a page, two are the overlap."""
    uid = server.deploy(workbook)
    with KoboSource(
        server.url, token=TOKEN, asset=uid, patience=AT_ONCE, page_rows=4, overlap_rows=2, now=clock
    ) as kobo:
        yield kobo


@pytest.fixture
def twelve(store: Store, server: KoboServer, large: KoboSource) -> None:
    """Twelve rows are there and were read."""
    for number in range(1, 13):
        server.submit(instance_xml(number))
    assert run(store, large).counts.new == 12


@pytest.fixture
def wide(server: KoboServer, workbook: Path) -> Iterator[KoboSource]:
    """Pages as large as the platform gives them."""
    with KoboSource(server.url, token=TOKEN, asset=server.deploy(workbook), patience=AT_ONCE) as kobo:
        yield kobo


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    with Store(sqlite_url, keys=KEYS) as opened:
        yield opened


def run(store: Store, source: Source, **options: Any) -> RunReport:
    (report,) = sync(store, [source], now=lambda: NOW, **options)
    return report


def recorded_platform(rows: list[dict[str, Any]]) -> Callable[[Asked], Reply]:
    """Recorded rows behind KoboToolbox's addresses; anything else is not there."""
    base = f"/api/v2/assets/{ASSET}/"

    def script(asked: Asked) -> Reply:
        if asked.path == f"{base}data/":
            after = json.loads(asked.query["query"])["_id"]["$gt"]
            found = [row for row in rows if row["_id"] > after]
            return Reply({"count": len(found), "next": None, "previous": None, "results": found})
        if asked.path == f"{base}versions/{VERSION}/":
            return Reply(
                {"uid": VERSION, "content": noted("kobotoolbox", "the asset after deployment")["content"]}
            )
        if asked.path == base:
            return Reply(noted("kobotoolbox", "the asset after deployment"))
        return Reply("<html>Page not found (404)</html>", 404)

    return script


def test_recorded_rows_become_submissions() -> None:
    rows = noted("kobotoolbox", "everything after edits, review and deletion")["results"]
    with (
        Scripted(recorded_platform(rows)) as site,
        KoboSource(site.url, token=TOKEN, asset=ASSET, patience=AT_ONCE) as kobo,
    ):
        (page,) = kobo.pages(None)
    assert len(page.submissions) == 11
    first, edited, approved = page.submissions[:3]
    assert (first.form_id, first.form_version) == ("service_evaluation_sample", "2026112301")
    assert (first.native_form, first.native_version, first.native_id) == (ASSET, VERSION, "1147")
    assert first.changed_at == dt.datetime(2026, 11, 23, 4, 33, 35, tzinfo=dt.UTC)
    assert first.answers == {
        "start": "2026-11-20T10:00:00.000+05:30",
        "end": "2026-11-20T10:07:31.000+05:30",
        "role": "bdo",
        "provider": "bdo-001",
        "core/respect": "2",
        "core/timeliness": "4",
        "core/bribe_asked": "yes",
        "core/services": "legal health compensation",
        "core/visits": "0",
        "why": "সময়ে আসেননি & খারাপ ব্যবহার",
        "meta/instanceID": "uuid:0a0a0a0a-0000-4000-8000-000000000001",
    }
    assert edited.root_id == "0a0a0a0a-0000-4000-8000-000000000002"
    assert edited.version_id == "0a0a0a0a-0000-4000-8000-000000000202"
    # The edit's client named no version: it is the deployed one.
    assert (edited.native_version, edited.form_version) == ("", "2026112301")
    assert edited.answers["visit[2]/visit_date"] == "2026-10-09"
    assert (approved.review, page.submissions[3].review) == ("approved", "rejected")


def test_the_recorded_form_is_found_behind_the_platforms_names() -> None:
    content = noted("kobotoolbox", "the asset after deployment")["content"]
    found = form_version_of(content, {})
    assert (found.form_id, found.version) == ("service_evaluation_sample", "2026112301")
    respect = next(mark for mark in found.marks if mark.path == "core/respect")
    assert (respect.kind, respect.measures, respect.choices) == (
        "select_one",
        "respect",
        ("1", "2", "3", "4", "5"),
    )


@pytest.mark.parametrize("name", ["duty_bearer_evaluation", "services_checkin"])
def test_the_platforms_copy_of_our_forms_means_what_the_workbook_means(name: str) -> None:
    path = Path(__file__).resolve().parents[2] / "xlsforms" / f"{name}.xlsx"
    ours = load_form(path)
    with (
        KoboServer(clock=Clock(), token=TOKEN) as server,
        KoboSource(server.url, token=TOKEN, asset=server.deploy(path), patience=AT_ONCE) as kobo,
    ):
        theirs = kobo.form_version(next(iter(server.platform.assets)), "")
    assert (theirs.form_id, theirs.version) == (ours.form_id, ours.version)
    assert theirs.marks == marks(ours)


def test_a_project_without_our_form_id_is_told() -> None:
    with pytest.raises(SkipRecord, match="which form it is"):
        form_version_of({"survey": []}, {})


def test_a_first_run_takes_everything_and_a_second_changes_nothing(
    store: Store, server: KoboServer, source: KoboSource
) -> None:
    for number in range(1, 11):
        server.submit(instance_xml(number))
    assert run(store, source).counts == Counts(new=10)
    before = store.evaluations()
    assert run(store, source).counts == Counts(unchanged=10)
    assert store.evaluations() == before


def test_answers_arrive_as_they_were_given(store: Store, server: KoboServer, source: KoboSource) -> None:
    server.submit(instance_xml(1))
    (page,) = source.pages(None)
    (one,) = page.submissions
    meta = {"meta/instanceID": instance_id(1)}
    assert dict(one.answers) == ANSWERS | meta


def test_the_walk_starts_some_rows_back(server: KoboServer, wide: KoboSource) -> None:
    """A row can become visible below one that was read already."""
    for number in range(1, 251):
        server.submit(instance_xml(number))
    *_, last = wide.pages(None)
    assert last.cursor is not None
    again = [one.native_id for page in wide.pages(last.cursor) for one in page.submissions]
    assert len(again) == 200
    assert again[-1] == max(again, key=int)


def test_an_edit_a_review_and_a_deletion_are_found_by_the_sweep(
    store: Store, server: KoboServer, source: KoboSource
) -> None:
    for number in range(1, 11):
        server.submit(instance_xml(number))
    run(store, source)
    server.submit(instance_xml(90, deprecated=2, core__respect="1"))
    server.review(instance_id(3), "approved")
    server.delete(instance_id(4))
    report = run(store, source)
    assert report.error is None
    assert (report.counts.edited, report.counts.deleted) == (2, 1)
    found = store.evaluations()
    assert len(found) == 9
    assert [one["values"]["respect"] for one in found].count(1.0) == 1
    assert [one["review"] for one in found].count("approved") == 1


def test_edits_beyond_the_overlap_are_found(store: Store, server: KoboServer, wide: KoboSource) -> None:
    for number in range(1, 251):
        server.submit(instance_xml(number))
    run(store, wide)
    server.submit(instance_xml(901, deprecated=1, core__respect="1"))
    assert run(store, wide).counts.edited == 1


def test_refused_rows_are_asked_for_once(store: Store, server: KoboServer, source: KoboSource) -> None:
    server.submit(instance_xml(1, consent="no"))
    assert run(store, source).counts == Counts(refused=1)
    server.requests.clear()
    assert run(store, source).counts == Counts(unchanged=1)
    assert not any("$in" in (request.parameter("query") or "") for request in server.requests)


def test_too_many_deletions_stop_the_source_until_a_person_agrees(
    store: Store, server: KoboServer, source: KoboSource
) -> None:
    for number in range(1, 11):
        server.submit(instance_xml(number))
    run(store, source)
    for number in (1, 2, 3):
        server.delete(instance_id(number))
    report = run(store, source)
    assert isinstance(report.error, GiveUp)
    assert "no longer shows 3 of 10 records" in str(report.error)
    assert len(store.evaluations()) == 10
    assert run(store, source, allow_deletions=True).counts.deleted == 3
    assert len(store.evaluations()) == 7


def test_an_empty_listing_deletes_nothing(store: Store, server: KoboServer, source: KoboSource) -> None:
    server.submit(instance_xml(1))
    run(store, source)
    server.delete(instance_id(1))
    report = run(store, source)
    assert "shows no record at all" in str(report.error)
    assert len(store.evaluations()) == 1


def test_a_lost_permission_deletes_nothing_and_is_told_from_a_wrong_uid(
    store: Store, server: KoboServer, source: KoboSource
) -> None:
    """Both answer 404, and so does a deleted project."""
    server.submit(instance_xml(1))
    run(store, source)
    server.permission.lose()
    report = run(store, source)
    assert isinstance(report.error, GiveUp)
    assert "and not its submissions" in str(report.error)
    server.permission.regain()
    assert run(store, source).ok
    server.platform.assets.clear()
    assert "shows no project" in str(run(store, source).error)
    assert len(store.evaluations()) == 1


def test_an_account_that_sees_some_rows_only_deletes_nothing(
    store: Store, server: KoboServer, source: KoboSource
) -> None:
    """A user with row-level permission gets fewer rows, and nothing in the answer says so."""
    for number in range(1, 11):
        server.submit(instance_xml(number))
    run(store, source)
    server.permission.only(*(instance_id(number) for number in range(1, 10)))
    report = run(store, source)
    assert isinstance(report.error, GiveUp)
    assert "only some submissions" in str(report.error)
    assert len(store.evaluations()) == 10
    server.permission.regain()
    assert run(store, source).counts == Counts(unchanged=10)


def test_a_listing_that_breaks_off_deletes_nothing(
    store: Store, server: Faltering, source: KoboSource
) -> None:
    for number in range(1, 11):
        server.submit(instance_xml(number))
    run(store, source)
    server.delete(instance_id(10))
    # The second page fails, and goes on failing.
    server.fails = lambda request: "1004" in (request.parameter("query") or "")
    report = run(store, source)
    assert isinstance(report.error, RetryLater)
    assert len(store.evaluations()) == 10
    server.fails = lambda _: False
    assert run(store, source).counts.deleted == 1


@pytest.mark.parametrize(
    "answer",
    [{"detail": "?"}, {"count": 1, "results": [{"name": "no id"}]}, {"count": 3, "results": []}, []],
    ids=["no rows", "rows without ids", "fewer rows than counted", "a list"],
)
def test_an_answer_of_another_shape_concludes_nothing(store: Store, answer: object) -> None:
    with (
        Scripted(lambda _: Reply(answer)) as site,
        KoboSource(site.url, token=TOKEN, asset=ASSET, patience=AT_ONCE) as kobo,
    ):
        report = run(store, kobo)
    assert isinstance(report.error, RetryLater)
    assert store.cursor("kobo") is None


def test_a_wrong_token_is_told_and_kept_out_of_the_ledger(
    store: Store, server: KoboServer, workbook: Path
) -> None:
    wrong = "ffffffffffffffffffffffffffffffffffffffff"
    with KoboSource(server.url, token=wrong, asset=server.deploy(workbook), patience=AT_ONCE) as kobo:
        report = run(store, kobo)
    assert isinstance(report.error, GiveUp)
    (line,) = store.runs()
    assert line.error is not None
    assert "does not accept the token in KOBO_TOKEN" in line.error
    assert wrong not in line.error


def test_a_version_the_platform_lost_waits_in_the_quarantine(
    store: Store, server: KoboServer, source: KoboSource
) -> None:
    server.submit(instance_xml(1))
    asset = next(iter(server.platform.assets.values()))
    row = next(iter(asset.rows.values())).row
    lost, row["__version__"] = row["__version__"], "vLost"
    assert run(store, source).counts == Counts(quarantined=1)
    assert "vLost" in store.quarantined()[0].reason
    row["__version__"] = lost
    assert run(store, source).counts.new == 1
    assert store.quarantined() == []


def test_a_ghost_and_its_twin_count_once(store: Store, server: KoboServer, source: KoboSource) -> None:
    """The first request failed after the row was listed, the client's retry made a second row of the same root."""
    ghost = server.haunt(instance_xml(1))
    server.submit(instance_xml(1))
    assert len(next(iter(server.platform.assets.values())).rows) == 2
    assert ghost == 1001
    assert run(store, source).counts == Counts(new=1)
    assert run(store, source).counts == Counts(unchanged=1)


def test_of_a_ghost_and_an_edited_twin_the_twin_counts(
    store: Store, server: KoboServer, large: KoboSource, twelve: None, clock: Clock
) -> None:
    server.haunt(instance_xml(20))
    server.submit(instance_xml(20))
    server.submit(instance_xml(21, deprecated=20, core__respect="1"))
    run(store, large)
    for number in range(30, 36):  # the two rows are beyond the overlap
        server.submit(instance_xml(number))
    for _ in range(2):
        clock.later(hours=7)  # a listing is due: it shows both
        assert run(store, large).ok
    assert [one["values"]["respect"] for one in store.evaluations()].count(1.0) == 1
    server.resync()  # the ghost goes, and nothing with it
    assert run(store, large).counts.deleted == 0
    assert len(store.evaluations()) == 19


# a project of more than a page: it is not listed in every run


def asked(server: KoboServer) -> list[str]:
    return [request.path.rsplit("/", 2)[-2] for request in server.requests]


@pytest.mark.parametrize("viewer", [True, False])
def test_a_run_without_news_is_three_requests_at_most(
    store: Store, server: KoboServer, large: KoboSource, twelve: None, viewer: bool
) -> None:
    if viewer:
        server.permission.viewer()
    run(store, large)
    server.requests.clear()
    assert run(store, large).counts == Counts(unchanged=2)
    # Who may only view is told so once, and asks no more.
    assert asked(server) == ["data", "data"] if viewer else ["data", "history", "data"]


def test_a_first_walk_is_not_followed_by_a_listing(
    store: Store, server: KoboServer, large: KoboSource, twelve: None
) -> None:
    assert asked(server).count("data") == 3 + 1  # the last one asks for the number of rows


def test_a_project_of_one_page_is_read_with_one_request(
    store: Store, server: KoboServer, wide: KoboSource
) -> None:
    server.submit(instance_xml(1))
    run(store, wide)
    server.requests.clear()
    assert run(store, wide).counts == Counts(unchanged=1)
    assert asked(server) == ["data"]


def test_the_history_tells_of_an_edit_and_a_review_at_once(
    store: Store, server: KoboServer, large: KoboSource, twelve: None, clock: Clock
) -> None:
    clock.later(hours=1)
    server.submit(instance_xml(90, deprecated=2, core__respect="1"))
    server.review(instance_id(3), "on_hold")
    server.requests.clear()
    assert run(store, large).counts == Counts(edited=2, unchanged=2)
    assert not any("fields" in dict(one.query) and one.parameter("limit") == "4" for one in server.requests)
    server.requests.clear()
    clock.later(minutes=1)
    assert run(store, large).counts == Counts(
        unchanged=2
    )  # what the overlap of the history shows again is known
    assert len(server.requests) == 3


def test_who_may_not_read_the_history_sees_an_edit_when_a_listing_is_due(
    store: Store, server: KoboServer, large: KoboSource, clock: Clock
) -> None:
    server.permission.viewer()
    for number in range(1, 13):
        server.submit(instance_xml(number))
    run(store, large)
    server.submit(instance_xml(90, deprecated=2, core__respect="1"))
    server.review(instance_id(3), "approved")
    assert run(store, large).counts.edited == 0
    clock.later(hours=7)
    assert run(store, large).counts.edited == 2
    assert run(store, large).counts.edited == 0


def test_a_clock_that_was_put_back_makes_a_listing_due(
    store: Store, server: KoboServer, large: KoboSource, twelve: None, clock: Clock
) -> None:
    server.permission.viewer()
    server.submit(instance_xml(90, deprecated=2, core__respect="1"))
    clock.later(days=-30)
    assert run(store, large).counts.edited == 1


def test_a_deletion_is_seen_by_the_number_of_rows(
    store: Store, server: KoboServer, large: KoboSource, twelve: None
) -> None:
    server.permission.viewer()
    server.delete(instance_id(3))
    server.submit(instance_xml(40))
    assert run(store, large).counts == Counts(new=1, deleted=1, unchanged=2)


@pytest.mark.parametrize("between", [1, 5])
def test_a_row_that_becomes_visible_late_is_taken(
    store: Store, server: KoboServer, large: KoboSource, twelve: None, between: int
) -> None:
    """Its number and its time were taken before; with five others between it stands below the overlap."""
    late = server.begin(instance_xml(50, core__respect="1"))
    for number in range(60, 60 + between):
        server.submit(instance_xml(number))
    assert run(store, large).counts.new == between
    late.commit()
    assert run(store, large).counts.new == 1
    assert run(store, large).counts.new == 0


def test_a_time_that_the_client_chose_does_not_hide_a_row(
    store: Store, server: KoboServer, large: KoboSource, twelve: None
) -> None:
    chosen = instance_xml(70).replace("<data ", '<data submissionDate="2012-05-05T10:00:00.000+02:00" ')
    server.submit(chosen)
    row = next(reversed(next(iter(server.platform.assets.values())).rows.values())).row
    row["_submission_time"] = "2012-05-05T10:00:00"
    assert run(store, large).counts.new == 1


def test_a_deleted_row_that_is_sent_again_comes_back(
    store: Store, server: KoboServer, large: KoboSource, twelve: None
) -> None:
    server.delete(instance_id(3))
    run(store, large)
    assert len(store.evaluations()) == 11
    server.submit(instance_xml(3))  # a new number, the same root
    run(store, large)
    assert len(store.evaluations()) == 12


def test_a_page_limit_of_the_server_is_no_end(store: Store, server: KoboServer, wide: KoboSource) -> None:
    server.platform.page_limit = 5
    for number in range(1, 13):
        server.submit(instance_xml(number))
    assert run(store, wide).counts == Counts(new=12)


def test_an_empty_page_after_one_that_announced_more_is_no_end(
    store: Store, server: KoboServer, large: KoboSource
) -> None:
    """An operator that the server does not know is no error there: it matches nothing."""
    for number in range(1, 13):
        server.submit(instance_xml(number))
    nothing = Response(
        200, b'{"count":0,"next":null,"previous":null,"results":[]}', {"Content-Type": "application/json"}
    )
    server.trouble.next(Instead(nothing), on='{"_id": {"$gt": 1004}}')
    report = run(store, large)
    assert isinstance(report.error, RetryLater)
    assert "announces 8 more rows" in str(report.error)
    assert run(store, large).ok
    assert len(store.evaluations()) == 12


@pytest.mark.parametrize("kind", [Cut(200), Lost(), busy(), broken(500), login_page()], ids=repr)
def test_trouble_in_the_middle_of_a_run_loses_and_doubles_nothing(
    store: Store, server: KoboServer, large: KoboSource, twelve: None, kind: Kind
) -> None:
    """Whatever it is, it does not end: the run stops, the next one does what is left."""
    for number in range(30, 36):
        server.submit(instance_xml(number))
    server.delete(instance_id(1))
    server.trouble.every(kind, on="fields")
    report = run(store, large)
    assert isinstance(report.error, RetryLater)
    server.trouble.calm()
    assert run(store, large).ok
    assert len(store.evaluations()) == 17


WITH_PHOTO = FORM.replace(
    "|  | text | comment |", "|  | image | photo | A photo | | | | | |\n|  | text | comment |"
)


def test_a_file_that_comes_later_brings_its_row_again(tmp_path: Path, server: KoboServer) -> None:
    """No number, no time and no history tells of it: rows that lack a file are asked for by their number."""
    write_workbook(WITH_PHOTO, tmp_path / "small_evaluation.xlsx")
    uid = server.deploy(tmp_path / "small_evaluation.xlsx")
    with KoboSource(
        server.url, token=TOKEN, asset=uid, patience=AT_ONCE, page_rows=4, overlap_rows=2
    ) as kobo:
        server.submit(instance_xml(1, photo="a.jpg"))
        for number in range(2, 13):
            server.submit(instance_xml(number))
        held = Everything()
        cursor = [page.cursor for page in kobo.pages(None)][-1]
        cursor = [page.cursor for page in kobo.sweep(held)][-1]
        assert cursor is not None
        assert cursor["waiting"] == {"1001": 0}

        def again() -> list[str]:
            nonlocal cursor
            pages = [*kobo.pages(cursor), *kobo.sweep(held)]
            cursor = [page.cursor for page in pages if page.cursor is not None][-1]
            return [one.native_id for page in pages for one in page.submissions if one.native_id == "1001"]

        assert again() == []
        server.attach(instance_id(1), "a.jpg", b"jpeg")
        assert again() == ["1001"]
        assert again() == []
        assert cursor["waiting"] == {}


class Everything:
    """A store that holds every row as it is."""

    def __len__(self) -> int:
        return 12

    def same(self, root_id: str, version_id: str, review: str) -> bool:
        return True

    def missing(self, listing: frozenset[str]) -> int:
        return 0
