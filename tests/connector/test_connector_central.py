"""ODK Central as a source: recorded rows, the feed of a server that speaks its API, and what that feed hides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
    write_workbook,
)
from connector_worlds import (
    FORM as SMALL_FORM,
)

from connector import CentralSource, Counts, GiveUp, RetryLater, RunReport, Source, Store, sync
from shakti.demo.central_server import CentralServer
from shakti.demo.trouble import Cut, Kind, Lost, broken, busy, login_page
from shakti.demo.wire import Request, Response
from xlsforms import load_form, marks

EMAIL, PASSWORD = "reader@example.org", "a long passphrase"
FORM = "service_evaluation_sample"


@dataclass
class Clock:
    """A clock that stands where the test puts it."""

    now: dt.datetime = NOW

    def __call__(self) -> dt.datetime:
        return self.now

    def later(self, **time: float) -> None:
        self.now += dt.timedelta(**time)


class Faltering(CentralServer):
    """A server whose answer to the requests that `meddles` knows is another one."""

    meddles: Callable[[Request], Response | None] = staticmethod(lambda _: None)

    def answer(self, request: Request) -> Response:
        return self.meddles(request) or super().answer(request)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock, workbook: Path) -> Iterator[Faltering]:
    with Faltering(clock=clock, email=EMAIL, password=PASSWORD) as running:
        running.deploy(workbook)
        yield running


def reading(server: CentralServer, **options: Any) -> CentralSource:
    return CentralSource(
        server.url,
        email=EMAIL,
        project=server.project.id,
        form="small_evaluation",
        patience=AT_ONCE,
        **{"password": PASSWORD, "page_rows": 4, **options},
    )


@pytest.fixture
def source(server: CentralServer) -> Iterator[CentralSource]:
    """Small pages: every walk has several."""
    with reading(server) as central:
        yield central


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    with Store(sqlite_url, keys=KEYS) as opened:
        yield opened


def run(store: Store, source: Source, **options: Any) -> RunReport:
    (report,) = sync(store, [source], now=lambda: NOW, **options)
    return report


def submit(server: CentralServer, clock: Clock, numbers: range, **answers: str) -> None:
    for number in numbers:
        clock.later(milliseconds=7)
        server.submit(instance_xml(number, **answers))


def recorded_platform(feed: Any) -> Callable[[Asked], Reply]:
    """A recorded feed behind ODK Central's addresses; anything else is not there."""

    def script(asked: Asked) -> Reply:
        if asked.path == "/v1/sessions":
            return Reply(noted("odk-central", "log in"))
        if asked.path == f"/v1/projects/3/forms/{FORM}.svc/Submissions":
            return Reply(feed)
        return Reply(noted("odk-central", "unknown form"), 404)

    return script


def recorded(feed: Any) -> list[Any]:
    with (
        Scripted(recorded_platform(feed)) as site,
        CentralSource(
            site.url, email=EMAIL, password=PASSWORD, project=3, form=FORM, patience=AT_ONCE
        ) as central,
    ):
        (page,) = central.pages(None)
    return list(page.submissions)


def test_recorded_rows_become_submissions() -> None:
    rows = {one.root_id[-2:]: one for one in recorded(noted("odk-central", "everything that lives"))}
    assert len(rows) == 11
    first, edited = rows["01"], rows["02"]
    assert (first.form_id, first.form_version, first.native_id) == (FORM, "2026112301", first.root_id)
    assert first.changed_at == dt.datetime(2026, 11, 23, 4, 33, 38, 935000, tzinfo=dt.UTC)
    assert first.answers["core/visits"] == "9"  # a JSON number there
    assert first.answers["meta/instanceID"] == "uuid:0a0a0a0a-0000-4000-8000-000000000001"
    assert not any("@odata" in path or "__" in path for path in first.answers)
    assert edited.version_id == "0a0a0a0a-0000-4000-8000-000000000102"
    assert edited.changed_at == dt.datetime(2026, 11, 23, 4, 33, 39, 241000, tzinfo=dt.UTC)
    assert (edited.review, rows["03"].review, rows["04"].review) == ("none", "approved", "rejected")


def test_recorded_deletions_are_seen_in_the_changes() -> None:
    changes = recorded(noted("odk-central", "changes since the mark, deleted rows too"))
    assert [one.root_id[-2:] for one in changes if one.deleted] == ["05"]


@pytest.mark.parametrize("name", ["duty_bearer_evaluation", "services_checkin"])
def test_the_platforms_copy_of_our_forms_means_what_the_workbook_means(name: str, clock: Clock) -> None:
    path = Path(__file__).resolve().parents[2] / "xlsforms" / f"{name}.xlsx"
    ours = load_form(path)
    with CentralServer(clock=clock, email=EMAIL, password=PASSWORD) as server:
        server.deploy(path)
        with CentralSource(
            server.url, email=EMAIL, password=PASSWORD, project=server.project.id, form=name, patience=AT_ONCE
        ) as central:
            theirs = central.form_version(name, ours.version)
    assert (theirs.form_id, theirs.version) == (ours.form_id, ours.version)
    assert theirs.marks == marks(ours)


def test_a_first_run_takes_everything_and_a_second_changes_nothing(
    store: Store, server: CentralServer, source: CentralSource, clock: Clock
) -> None:
    submit(server, clock, range(1, 11))
    assert run(store, source).counts == Counts(new=10)
    before = store.evaluations()
    assert run(store, source).counts == Counts(unchanged=10)
    assert store.evaluations() == before


def test_answers_arrive_as_they_were_given(
    server: CentralServer, source: CentralSource, clock: Clock
) -> None:
    submit(server, clock, range(1, 2), core__village_size="1200")
    (page,) = source.pages(None)
    (one,) = page.submissions
    assert dict(one.answers) == ANSWERS | {"core/village_size": "1200", "meta/instanceID": instance_id(1)}


def test_what_is_old_is_not_read_again(
    store: Store, server: CentralServer, source: CentralSource, clock: Clock
) -> None:
    submit(server, clock, range(1, 6))
    clock.later(hours=1)
    submit(server, clock, range(6, 8))
    run(store, source)
    assert run(store, source).counts == Counts(unchanged=2)


def test_a_run_without_news_is_three_short_requests(
    store: Store, server: CentralServer, source: CentralSource, clock: Clock
) -> None:
    submit(server, clock, range(1, 4))
    for _ in range(2):
        run(store, source)
    server.requests.clear()
    assert run(store, source).counts == Counts()
    assert len(server.requests) <= 3
    assert any("if-none-match" in request.headers for request in server.requests)


def test_an_edit_a_review_and_a_deletion_arrive(
    store: Store, server: CentralServer, source: CentralSource, clock: Clock
) -> None:
    submit(server, clock, range(1, 11))
    run(store, source)
    clock.later(hours=2)
    server.submit(instance_xml(90, deprecated=2, core__respect="1"))
    server.review(instance_id(3), "hasIssues")
    server.delete(instance_id(4))
    report = run(store, source)
    assert report.error is None
    assert (report.counts.edited, report.counts.deleted) == (2, 1)
    found = store.evaluations()
    assert len(found) == 9
    assert [one["values"]["respect"] for one in found].count(1.0) == 1
    assert [one["review"] for one in found].count("on_hold") == 1


def test_a_restored_row_comes_back(
    store: Store, server: CentralServer, source: CentralSource, clock: Clock
) -> None:
    """A restore moves no time at all: only the number of rows shows it."""
    submit(server, clock, range(1, 11))
    run(store, source)
    clock.later(hours=2)
    server.delete(instance_id(4))
    run(store, source)
    clock.later(hours=2)
    server.restore(instance_id(4))
    run(store, source)
    assert len(store.evaluations()) == 10


def test_the_next_link_is_followed_on_our_address_alone(
    store: Store, server: Faltering, source: CentralSource, clock: Clock
) -> None:
    """Central builds its links from its configured domain, whatever name it was called by."""
    submit(server, clock, range(1, 11))
    domain = server.url.encode()

    def under_another_name(request: Request) -> Response | None:
        answer = CentralServer.answer(server, request)
        return Response(
            answer.status, answer.body.replace(domain, b"https://evil.example.org"), answer.headers
        )

    server.meddles = under_another_name
    assert run(store, source).counts == Counts(new=10)


def test_fewer_rows_than_counted_conclude_nothing(
    store: Store, server: Faltering, source: CentralSource, clock: Clock
) -> None:
    """A purged row as the cursor of a page: the server answers with no rows, no link and no error."""
    submit(server, clock, range(1, 11))

    def ends_in_silence(request: Request) -> Response | None:
        if request.parameter("$skiptoken") is None:
            return None
        return Response(200, b'{"value":[],"@odata.count":10}', {"Content-Type": "application/json"})

    server.meddles = ends_in_silence
    report = run(store, source)
    assert isinstance(report.error, RetryLater)
    assert "counted 10 rows" in str(report.error)
    assert store.cursor("central") is None
    server.meddles = lambda _: None
    run(store, source)
    assert len(store.evaluations()) == 10


def test_a_session_that_ended_is_opened_again(
    store: Store, server: CentralServer, source: CentralSource, clock: Clock
) -> None:
    submit(server, clock, range(1, 4))
    run(store, source)
    clock.later(hours=25)
    submit(server, clock, range(4, 6))
    assert run(store, source).error is None
    assert len(store.evaluations()) == 5


def test_a_wrong_password_is_told_and_not_repeated(store: Store, server: CentralServer) -> None:
    with reading(server, password="another passphrase") as central:
        report = run(store, central)
    assert isinstance(report.error, GiveUp)
    assert "the password in CENTRAL_PASSWORD" in str(report.error)
    assert "passphrase" not in str(report.error)


def test_an_unknown_form_deletes_nothing(store: Store, server: CentralServer) -> None:
    with CentralSource(
        server.url, email=EMAIL, password=PASSWORD, project=server.project.id, form="nope", patience=AT_ONCE
    ) as central:
        report = run(store, central)
    assert isinstance(report.error, GiveUp)
    assert "shows no published form 'nope'" in str(report.error)


def test_an_encrypted_row_waits_in_the_quarantine(store: Store) -> None:
    row = {
        "__id": "uuid:1",
        "__system": {
            "submissionDate": "2026-11-23T04:33:38.935Z",
            "status": "notDecrypted",
            "formVersion": "1",
        },
    }
    with (
        Scripted(recorded_platform({"value": [row], "@odata.count": 1})) as site,
        CentralSource(
            site.url, email=EMAIL, password=PASSWORD, project=3, form=FORM, patience=AT_ONCE
        ) as central,
    ):
        assert run(store, central).counts.quarantined == 1
    assert "encrypted" in store.quarantined()[0].reason


def test_a_purged_row_ends_a_walk_in_silence_and_nothing_is_concluded(
    store: Store, server: CentralServer, source: CentralSource, clock: Clock
) -> None:
    """The row a page's address names is gone: the server answers with no rows and without an error."""
    submit(server, clock, range(1, 11))
    pages = source.pages(None)
    next(pages)
    server.delete(instance_id(7))  # the last row of the first page
    server.purge(instance_id(7))
    with pytest.raises(RetryLater, match="counted 9 rows"):
        list(pages)
    assert run(store, source).ok
    assert len(store.evaluations()) == 9


def test_rows_deleted_and_purged_while_nobody_looked_are_gone(
    store: Store, server: CentralServer, source: CentralSource, clock: Clock
) -> None:
    submit(server, clock, range(1, 11))
    run(store, source)
    server.delete(instance_id(4))
    server.purge(instance_id(4))
    clock.later(days=31)
    assert run(store, source).counts.deleted == 1
    assert len(store.evaluations()) == 9


def test_a_row_that_was_long_in_coming_is_seen_by_the_number_of_rows(
    store: Store, server: CentralServer, source: CentralSource, clock: Clock
) -> None:
    """Its times are those of the beginning of its transaction, older than what the next question asks for."""
    submit(server, clock, range(1, 7))
    late = server.begin(instance_xml(50))
    clock.later(hours=1)
    submit(server, clock, range(7, 11))
    run(store, source)
    late.commit()
    assert run(store, source).counts.new == 1
    assert run(store, source).counts.new == 0


def test_a_large_form_is_not_listed_in_every_run(
    store: Store, server: CentralServer, source: CentralSource, clock: Clock
) -> None:
    submit(server, clock, range(1, 11))
    run(store, source)
    assert run(store, source).counts == Counts(unchanged=10)  # a row may still be on its way among them
    clock.later(minutes=11)
    run(store, source)
    assert run(store, source).counts == Counts(unchanged=1)  # none can be any more
    server.requests.clear()
    assert run(store, source).counts == Counts()
    assert [request.parameter("$top") for request in server.requests] == ["4", "0"]


def test_a_small_form_is_listed_in_every_run_and_costs_no_more(
    store: Store, server: CentralServer, clock: Clock
) -> None:
    submit(server, clock, range(1, 11))
    with reading(server, page_rows=100) as central:
        for _ in range(3):
            run(store, central)
        server.requests.clear()
        run(store, central)
    assert len(server.requests) == 2
    assert all("if-none-match" in request.headers for request in server.requests)


def test_restores_and_deletions_that_balance_are_found_by_the_listing_that_is_due(
    store: Store, server: CentralServer, clock: Clock
) -> None:
    submit(server, clock, range(1, 11))
    with reading(server, now=clock) as central:
        run(store, central)
        server.delete(instance_id(4))
        run(store, central)
        clock.later(hours=1)
        server.restore(instance_id(4))
        server.delete(instance_id(5))
        server.purge(instance_id(5))
        run(store, central)
        clock.later(hours=25)
        run(store, central)
    alive = {one.removeprefix("uuid:") for one in server.project.forms["small_evaluation"].submissions}
    assert len(store.evaluations()) == len(alive) == 9


def test_repeated_and_grouped_answers_of_an_edit_replace_the_old_ones_as_a_whole(
    server: CentralServer, source: CentralSource, clock: Clock
) -> None:
    submit(server, clock, range(1, 2), core__village_size="1200")
    server.submit(instance_xml(2, deprecated=1, core__bribe=""))
    (page,) = source.pages(None)
    assert "core/village_size" not in page.submissions[0].answers
    assert "core/bribe" not in page.submissions[0].answers


def test_tests_of_a_draft_are_never_read(
    store: Store, server: CentralServer, source: CentralSource, clock: Clock
) -> None:
    form = server.project.forms["small_evaluation"]
    server.platform.draft_again(form, form.versions[-1])
    server.submit_draft(instance_xml(99))
    submit(server, clock, range(1, 3))
    assert run(store, source).counts == Counts(new=2)


def test_an_encrypted_row_is_reported_and_the_others_are_read(
    store: Store, server: CentralServer, source: CentralSource, clock: Clock
) -> None:
    submit(server, clock, range(1, 4))
    server.encrypt(instance_id(2))
    assert run(store, source).counts == Counts(new=2, quarantined=1)
    assert "encrypted" in store.quarantined()[0].reason


def test_a_lost_permission_deletes_nothing(
    store: Store, server: CentralServer, source: CentralSource, clock: Clock
) -> None:
    submit(server, clock, range(1, 4))
    run(store, source)
    server.permission.lose()
    report = run(store, source)
    assert isinstance(report.error, GiveUp)
    assert "right to view" in str(report.error)
    server.permission.viewer()
    assert run(store, source).ok
    assert len(store.evaluations()) == 3


def test_everybody_logged_out_is_no_trouble(
    store: Store, server: CentralServer, source: CentralSource, clock: Clock
) -> None:
    submit(server, clock, range(1, 11))
    pages = source.pages(None)
    next(pages)
    server.end_sessions()
    assert sum(len(page.submissions) for page in pages) == 6


def test_a_server_with_another_name_for_itself_is_read_all_the_same(clock: Clock, workbook: Path) -> None:
    with CentralServer(
        clock=clock, email=EMAIL, password=PASSWORD, domain="https://central.example.org"
    ) as server:
        server.deploy(workbook)
        submit(server, clock, range(1, 11))
        with reading(server) as central:
            assert sum(len(page.submissions) for page in central.pages(None)) == 10


@pytest.mark.parametrize("kind", [Cut(200), Lost(), busy(), broken(500), login_page()], ids=repr)
def test_trouble_in_the_middle_of_a_run_loses_and_doubles_nothing(
    store: Store, server: CentralServer, source: CentralSource, clock: Clock, kind: Kind
) -> None:
    """Whatever it is, it does not end: the run stops, the next one does what is left."""
    submit(server, clock, range(1, 11))
    server.trouble.every(kind, on="skiptoken")
    assert isinstance(run(store, source).error, RetryLater)
    server.trouble.calm()
    assert run(store, source).ok
    assert len(store.evaluations()) == 10


def test_a_question_that_left_the_form_is_read_from_the_rows_own_xml(
    tmp_path: Path, server: CentralServer, source: CentralSource, clock: Clock
) -> None:
    """The feed shows the fields of the version in service: the answer to a dropped question is not in it."""
    submit(server, clock, range(1, 3))
    shorter = SMALL_FORM.replace("2026112301", "2026112401")
    without_bribe = "\n".join(line for line in shorter.splitlines() if "| bribe |" not in line)
    write_workbook(without_bribe, tmp_path / "small_evaluation.xlsx")
    server.deploy(tmp_path / "small_evaluation.xlsx")
    clock.later(minutes=1)
    server.submit(instance_xml(3, version="2026112401", core__bribe=""))
    server.requests.clear()
    (page,) = source.pages(None)
    answers = {one.root_id[-1]: one.answers.get("core/bribe") for one in page.submissions}
    assert answers == {"1": "no", "2": "no", "3": None}
    assert (
        sum(request.path.endswith(".xml") and "/submissions/" in request.path for request in server.requests)
        == 2
    )


def test_broken_xml_waits_in_the_quarantine_when_it_must_be_read(
    store: Store, server: CentralServer, source: CentralSource, clock: Clock
) -> None:
    """The server takes anything whose form id it can read, and shows what it could make of it."""
    form = server.project.forms["small_evaluation"]
    whole = instance_xml(1)
    server.platform.submit(form, whole[: whole.index("<core>") + 30].encode())
    submit(server, clock, range(2, 4))
    assert run(store, source).counts == Counts(new=3)  # consent was given before it broke off


WITH_PHOTO = SMALL_FORM.replace(
    "|  | text | comment |", "|  | image | photo | A photo | | | | | |\n|  | text | comment |"
)


def test_a_file_that_comes_later_brings_its_row_again(tmp_path: Path, clock: Clock) -> None:
    """No time and no ETag tells of it: rows that lack a file are asked for by name."""
    write_workbook(WITH_PHOTO, tmp_path / "small_evaluation.xlsx")
    with CentralServer(clock=clock, email=EMAIL, password=PASSWORD) as server:
        server.deploy(tmp_path / "small_evaluation.xlsx")
        submit(server, clock, range(1, 2), photo="a.jpg")
        clock.later(hours=1)
        submit(server, clock, range(2, 4))
        with reading(server, page_rows=2) as central:
            cursor: Any = None

            def again() -> list[str]:
                nonlocal cursor
                pages = [*central.pages(cursor), *central.sweep(Everything())]
                cursor = [page.cursor for page in pages if page.cursor is not None][-1]
                return [one.root_id[-1] for page in pages for one in page.submissions]

            assert again() == ["3", "2", "1"]
            assert cursor["waiting"] == {instance_id(1): 0}
            assert "1" not in again()
            server.attach(instance_id(1), "a.jpg", b"jpeg")
            assert "1" in again()
            assert "1" not in again()


class Everything:
    """A store that holds every row as it is."""

    def __len__(self) -> int:
        return 3

    def same(self, root_id: str, version_id: str, review: str) -> bool:
        return True

    def missing(self, listing: frozenset[str]) -> int:
        return 0
