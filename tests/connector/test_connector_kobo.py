"""KoboToolbox as a source: recorded rows, edits, reviews and deletions of a server that speaks its API."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from connector_worlds import (
    ANSWERS,
    AT_ONCE,
    KEYS,
    NOW,
    Asked,
    Reply,
    Scripted,
    instance_id,
    instance_xml,
    noted,
)

from connector import Counts, GiveUp, KoboSource, RetryLater, RunReport, SkipRecord, Source, Store, sync
from connector.kobo_content import form_version_of
from shakti.demo.kobo_server import KoboServer
from shakti.demo.loopback import Request, Response
from xlsforms import load_form, marks

TOKEN = "0123456789abcdef0123456789abcdef01234567"
ASSET = "aAXZzKBQxxZs5HnHGdJZDX"
VERSION = "vxjPgPH9wBUQsiEvBx46ci"


def clock() -> dt.datetime:
    return NOW


class Faltering(KoboServer):
    """A server that fails (503) for the requests that `fails` picks."""

    fails: Callable[[Request], bool] = staticmethod(lambda _: False)

    def answer(self, request: Request) -> Response:
        return Response(503) if self.fails(request) else super().answer(request)


@pytest.fixture
def server() -> Iterator[Faltering]:
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
def wide(server: KoboServer, workbook: Path) -> Iterator[KoboSource]:
    """Pages as large as the platform gives them."""
    with KoboSource(server.url, token=TOKEN, asset=server.deploy(workbook), patience=AT_ONCE) as kobo:
        yield kobo


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    with Store(sqlite_url, keys=KEYS) as opened:
        yield opened


def run(store: Store, source: Source, **options: Any) -> RunReport:
    (report,) = sync(store, [source], now=clock, **options)
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
        KoboServer(clock=clock, token=TOKEN) as server,
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


def test_a_404_deletes_nothing_and_names_the_asset(
    store: Store, server: KoboServer, source: KoboSource
) -> None:
    server.submit(instance_xml(1))
    run(store, source)
    server.interrupt(Response(404, b'{"detail": "Not found."}', {"Content-Type": "application/json"}))
    report = run(store, source)
    assert isinstance(report.error, GiveUp)
    assert "shows no project" in str(report.error)
    assert len(store.evaluations()) == 1


def test_a_listing_that_breaks_off_deletes_nothing(
    store: Store, server: Faltering, source: KoboSource
) -> None:
    for number in range(1, 11):
        server.submit(instance_xml(number))
    run(store, source)
    server.delete(instance_id(10))
    # The sweep's second page fails, and goes on failing.
    server.fails = lambda request: "fields" in dict(request.query) and "1004" in request.parameter("query")
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


def test_a_row_that_failed_half_way_counts_once(store: Store, server: KoboServer, source: KoboSource) -> None:
    """A ghost: the first request failed after the row was listed, the client's retry made a second row."""
    server.submit(instance_xml(1))
    asset = next(iter(server.platform.assets.values()))
    (ghost,) = asset.rows.values()
    asset.rows[ghost.id + 1] = replace(ghost, row=ghost.row | {"_id": ghost.id + 1})
    assert run(store, source).counts == Counts(new=1)
    assert run(store, source).counts == Counts(unchanged=1)
