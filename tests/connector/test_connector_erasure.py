"""A survivor's wish to be forgotten: gone everywhere, never back, finished after any interruption, said where it cannot be."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from connector_worlds import (
    ANSWERS,
    AT_ONCE,
    CODE,
    KEYS,
    NOW,
    TEXT_PUBLIC,
    Fixed,
    instance_id,
    instance_xml,
    submission,
    with_answers,
)
from sqlalchemy import create_engine, text

from bot.outbox import Outbox, new_key_pair
from connector import (
    CentralSource,
    ChatSource,
    CollectSource,
    Counts,
    ErasureList,
    FormVersion,
    GiveUp,
    Keys,
    KoboSource,
    Page,
    RetryLater,
    Source,
    Store,
    Submission,
    Wish,
    Withdrawal,
    digits,
    erase,
    finish_erasures,
    new_code,
    sync,
)
from connector.erasers import CentralEraser, Eraser, FolderEraser, KoboEraser, NoEraser
from shakti.demo.central_server import CentralServer
from shakti.demo.kobo_server import KoboServer
from shakti.demo.loopback import Response
from xlsforms import Form

RECEIPT = ANSWERS["receipt"]
BY_RECEIPT = Wish("receipt", RECEIPT)
TODAY = NOW.date()
TOKEN, EMAIL, PASSWORD = "a" * 40, "steward@example.org", "a long passphrase"
FORBIDDEN = Response(403, b'{"detail":"You do not have permission to perform this action."}')
PAIR = new_key_pair()


def clock() -> dt.datetime:
    return NOW


@pytest.fixture
def ready(store: Store, form_version: FormVersion) -> Store:
    store.add_form(form_version)
    return store


@pytest.fixture
def listed(tmp_path: Path) -> ErasureList:
    return ErasureList(tmp_path / "data" / "erasures.list")


@pytest.fixture
def forget(ready: Store, listed: ErasureList) -> Callable[..., object]:
    """Carries out a wish, by default the one of the receipt."""

    def run(
        wish: Wish = BY_RECEIPT,
        *,
        outbox: Source | None = None,
        erasers: Mapping[str, Eraser] | None = None,
    ) -> object:
        return erase(ready, wish, erasures=listed, outbox=outbox, erasers=erasers or {}, today=TODAY)

    return run


def record(store: Store, *submissions: Submission) -> Counts:
    return store.record(submissions[0].source, Page(submissions), now=NOW)


# the store


def test_nothing_of_an_erased_evaluation_is_left_in_the_file(
    tmp_path: Path, form_version: FormVersion, listed: ErasureList
) -> None:
    root = instance_id(1).removeprefix("uuid:")
    with Store(f"sqlite:///{tmp_path / 'shakti.db'}", keys=KEYS) as store:
        store.migrate()
        store.add_form(form_version)
        record(store, submission(1, source="kobo", native_id="the-number-at-kobo"))
    before = (tmp_path / "shakti.db").read_bytes()
    assert root.encode() in before
    assert KEYS.survivor(CODE).encode() in before
    with Store(f"sqlite:///{tmp_path / 'shakti.db'}", keys=KEYS) as store:
        erase(
            store,
            BY_RECEIPT,
            erasures=listed,
            outbox=None,
            erasers={"kobo": FolderEraser(tmp_path)},
            today=TODAY,
        )
    after = b"".join(path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file())
    for trace in (root, KEYS.survivor(CODE), "the-number-at-kobo", RECEIPT):
        assert trace.encode() not in after, trace


def test_an_erased_evaluation_never_comes_back_whatever_brings_it(
    ready: Store, forget: Callable[..., object]
) -> None:
    record(ready, submission(1, source="kobo"))
    forget()
    assert record(ready, submission(1, source="kobo")) == Counts(refused=1)
    assert record(ready, submission(1, source="kobo")) == Counts(unchanged=1)
    edit = with_answers(receipt="")
    assert record(ready, submission(1, source="central", version_id="edit", answers=edit)).erased == 1
    assert ready.evaluations() == []
    assert len(ready.held("kobo")) == 1, "a sweep knows it and does not ask for it again"


def test_a_file_named_after_an_edit_that_was_seen_stays_away_too(
    ready: Store, forget: Callable[..., object]
) -> None:
    record(ready, submission(1, source="kobo", version_id="the-edit"))
    forget()
    bare = with_answers(receipt="")
    again = submission(2, root_id="the-edit", version_id="the-edit", answers=bare)
    assert record(ready, again).erased == 1
    assert ready.evaluations() == []


def test_only_what_bears_the_receipt_is_erased(ready: Store, forget: Callable[..., object]) -> None:
    record(ready, submission(1), submission(2, answers=with_answers(receipt="5922926111")))
    forget()
    assert [one["evaluation"] for one in ready.evaluations()] == ["2"]


def test_a_code_erases_what_was_said_up_to_today_and_nothing_later(
    ready: Store, forget: Callable[..., object]
) -> None:
    other = with_answers(survivor_code=new_code(99), receipt="1")
    record(
        ready, submission(1), submission(2, answers=with_answers(receipt="2")), submission(3, answers=other)
    )
    forget(Wish("code", CODE))
    assert [one["evaluation"] for one in ready.evaluations()] == ["3"]
    late = submission(4, answers=with_answers(receipt="4"))
    assert record(ready, late).erased == 1, "filled in before her wish, sent after it"
    tomorrow = with_answers(today="2026-11-24", receipt="5")
    moment = NOW + dt.timedelta(days=1)
    assert record(ready, submission(5, answers=tomorrow, changed_at=moment)) == Counts(new=1)


def test_a_restored_backup_loses_what_was_erased_before_it_is_read(
    tmp_path: Path, form_version: FormVersion, listed: ErasureList
) -> None:
    path, backup = tmp_path / "shakti.db", tmp_path / "backup.db"
    with Store(f"sqlite:///{path}", keys=KEYS) as store:
        store.migrate()
        store.add_form(form_version)
        record(store, submission(1), submission(2, answers=with_answers(receipt="2")))
        record(store, submission(3, answers=with_answers(receipt="3", survivor_code=new_code(7))))
    shutil.copy(path, backup)
    with Store(f"sqlite:///{path}", keys=KEYS) as store:
        for wish in (BY_RECEIPT, Wish("code", new_code(7))):
            erase(store, wish, erasures=listed, outbox=None, erasers={}, today=TODAY)
    shutil.copy(backup, path)
    with Store(f"sqlite:///{path}", keys=KEYS) as store:
        assert len(store.evaluations()) == 3, "the backup holds them"
        assert listed.settle(store, today=TODAY) == 2
        assert [one["evaluation"] for one in store.evaluations()] == ["2"]
        assert listed.settle(store, today=TODAY) == 0


def test_old_rows_that_kept_only_their_quarter_are_erased_by_a_code_too(
    ready: Store, store_url: str, forget: Callable[..., object]
) -> None:
    record(ready, submission(1))
    engine = create_engine(store_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE submission SET day = NULL"))
    engine.dispose()
    forget(Wish("code", CODE))
    assert ready.evaluations() == []


# the list


def test_the_list_is_written_before_the_store_so_that_a_crash_between_them_erases(
    ready: Store, listed: ErasureList
) -> None:
    record(ready, submission(1))
    listed.add(ready, ready.wished(BY_RECEIPT, today=TODAY))
    assert len(ready.evaluations()) == 1
    listed.settle(ready, today=TODAY)
    assert ready.evaluations() == []
    assert KEYS.erasure("small_evaluation", instance_id(1).removeprefix("uuid:")) in listed.read(ready).keys


def test_the_list_is_the_owners_alone_and_says_nothing(
    ready: Store, forget: Callable[..., object], listed: ErasureList
) -> None:
    record(ready, submission(1))
    forget()
    forget(Wish("code", CODE))
    text = listed.path.read_text(encoding="ascii")
    assert listed.path.stat().st_mode & 0o777 == 0o600
    for known in (RECEIPT, CODE, KEYS.survivor(CODE), instance_id(1)):
        assert known.removeprefix("uuid:") not in text


def test_the_instance_is_on_the_list_as_soon_as_it_is_erased(
    ready: Store, forget: Callable[..., object], listed: ErasureList
) -> None:
    """Its next version may bear no receipt."""
    record(ready, submission(1))
    forget()
    assert KEYS.erasure("small_evaluation", instance_id(1).removeprefix("uuid:")) in listed.read(ready).keys


def test_a_line_that_was_cut_off_is_written_again(ready: Store, listed: ErasureList) -> None:
    listed.add(ready, ready.wished(BY_RECEIPT, today=TODAY))
    whole = listed.path.read_text(encoding="ascii")
    listed.path.write_text(whole[:-5], encoding="ascii")
    assert not listed.read(ready)
    listed.add(ready, ready.wished(BY_RECEIPT, today=TODAY))
    assert listed.path.read_text(encoding="ascii") == whole


def test_a_list_of_another_key_or_a_damaged_one_stops_everything(
    ready: Store, listed: ErasureList, tmp_path: Path
) -> None:
    listed.add(ready, ready.wished(BY_RECEIPT, today=TODAY))
    other = Keys.from_hex(pseudonym="33" * 32, text_public=TEXT_PUBLIC)
    with Store(f"sqlite:///{tmp_path / 'other.db'}", keys=other) as store:
        store.migrate()
        with pytest.raises(GiveUp, match="another pseudonym key"):
            listed.settle(store, today=TODAY)
    with listed.path.open("a", encoding="ascii") as file:
        file.write("not a hash\n")
    with pytest.raises(GiveUp, match="line 3 is none of ours"):
        listed.read(ready)


def test_what_she_takes_back_in_the_chat_is_on_the_list_before_it_is_acknowledged(
    ready: Store, listed: ErasureList, form_version: FormVersion
) -> None:
    record(ready, submission(1))
    seen: list[bool] = []

    class Watching(Fixed):
        def committed(self, page: Page) -> None:
            seen.append(KEYS.receipt(RECEIPT) in listed.read(ready).keys)

    taken_back = Page(withdrawals=(Withdrawal("chat", "w1", RECEIPT),))
    sync(ready, [Watching("chat", (taken_back,), form_version)], now=clock, erasures=listed)
    assert seen == [True]
    assert ready.evaluations() == []


# the sources


@pytest.fixture
def kobo_server(workbook: Path) -> Iterator[KoboServer]:
    with KoboServer(clock=clock, token=TOKEN) as server:
        server.deploy(workbook)
        yield server


@pytest.fixture
def kobo(kobo_server: KoboServer) -> Iterator[tuple[KoboSource, KoboEraser]]:
    (uid,) = kobo_server.platform.assets
    with (
        KoboSource(kobo_server.url, token=TOKEN, asset=uid, patience=AT_ONCE) as source,
        KoboEraser(kobo_server.url, token=TOKEN, asset=uid, patience=AT_ONCE) as eraser,
    ):
        yield source, eraser


@pytest.fixture
def central_server(workbook: Path) -> Iterator[CentralServer]:
    with CentralServer(clock=clock, email=EMAIL, password=PASSWORD) as server:
        server.deploy(workbook)
        yield server


@pytest.fixture
def central(central_server: CentralServer) -> Iterator[tuple[CentralSource, CentralEraser]]:
    account = {"email": EMAIL, "password": PASSWORD, "project": central_server.project.id}
    with (
        CentralSource(central_server.url, **account, form="small_evaluation", patience=AT_ONCE) as source,
        CentralEraser(central_server.url, **account, form="small_evaluation", patience=AT_ONCE) as eraser,
    ):
        yield source, eraser


@pytest.mark.parametrize("platform", ["kobo", "central"])
def test_it_is_deleted_on_the_platform_and_the_next_run_is_content(
    request: pytest.FixtureRequest, store: Store, listed: ErasureList, platform: str
) -> None:
    server = request.getfixturevalue(f"{platform}_server")
    source, eraser = request.getfixturevalue(platform)
    server.submit(instance_xml(1))
    server.submit(instance_xml(2, receipt="2"))
    sync(store, [source], now=clock)
    done = erase(store, BY_RECEIPT, erasures=listed, outbox=None, erasers={platform: eraser}, today=TODAY)
    assert (done.stored, done.at_sources, done.left) == (1, 1, ())
    (report,) = sync(store, [source], now=clock, erasures=listed)
    assert report.ok
    assert len(store.evaluations()) == 1
    assert store.erasure_tasks() == []


@pytest.mark.parametrize("platform", ["kobo", "central"])
def test_without_the_right_to_delete_it_says_what_a_person_does_and_sees_when_it_is_done(
    request: pytest.FixtureRequest, store: Store, listed: ErasureList, platform: str
) -> None:
    server = request.getfixturevalue(f"{platform}_server")
    source, eraser = request.getfixturevalue(platform)
    root = server.submit(instance_xml(1))
    server.submit(instance_xml(2, receipt="2"))
    sync(store, [source], now=clock)
    if platform == "central":
        eraser.erase("nobody")  # opens its session, so that the next answer is the one to the deletion
    server.interrupt(FORBIDDEN)
    done = erase(store, BY_RECEIPT, erasures=listed, outbox=None, erasers={platform: eraser}, today=TODAY)
    (left,) = done.left
    assert left.reason
    assert "run this again, or on" in left.reason
    assert left.native_id in left.reason
    for _ in range(2):
        (report,) = sync(store, [source], now=clock, erasures=listed)
        assert report.ok
        assert len(store.evaluations()) == 1, "a sweep never brings it back"
        assert [task.native_id for task in store.erasure_tasks()] == [left.native_id]
    server.delete(root)
    sync(store, [source], now=clock, erasures=listed)
    assert store.erasure_tasks() == []


def test_an_erased_record_that_was_not_read_yet_becomes_a_task_when_it_arrives(
    store: Store, listed: ErasureList, kobo_server: KoboServer, kobo: tuple[KoboSource, KoboEraser]
) -> None:
    source, eraser = kobo
    erase(store, BY_RECEIPT, erasures=listed, outbox=None, erasers={}, today=TODAY)
    kobo_server.submit(instance_xml(1))
    (report,) = sync(store, [source], now=clock, erasures=listed)
    assert (report.counts, report.counts.erased) == (Counts(refused=1), 1)
    done = finish_erasures(store, erasers={"kobo": eraser}, today=TODAY)
    assert (done.at_sources, done.left) == (1, ())
    (asset,) = kobo_server.platform.assets.values()
    assert asset.rows == {}


@pytest.mark.parametrize("platform", ["kobo", "central"])
def test_what_is_gone_already_is_done_and_a_project_nobody_sees_is_not(
    request: pytest.FixtureRequest, store: Store, platform: str
) -> None:
    server = request.getfixturevalue(f"{platform}_server")
    _, eraser = request.getfixturevalue(platform)
    eraser.erase("4711")
    if platform == "kobo":
        server.platform.assets.clear()
    else:
        server.project.forms.clear()
    with pytest.raises(GiveUp, match="could not delete it"):
        eraser.erase("4711")


def test_an_account_that_is_not_accepted_is_told_as_such(kobo_server: KoboServer) -> None:
    (uid,) = kobo_server.platform.assets
    with (
        KoboEraser(kobo_server.url, token="wrong", asset=uid, patience=AT_ONCE) as eraser,
        pytest.raises(GiveUp, match="does not accept the token in KOBO_ERASE_TOKEN"),
    ):
        eraser.erase("1")


def test_an_instance_id_without_uuid_is_deleted_on_central(
    central_server: CentralServer, central: tuple[CentralSource, CentralEraser]
) -> None:
    xml = instance_xml(1).replace(instance_id(1), "plain-id-1")
    central_server.submit(xml)
    central[1].erase("plain-id-1")
    (form,) = central_server.project.forms.values()
    assert [one.deleted_at is not None for one in form.submissions.values()] == [True]


def test_a_session_on_central_that_ended_is_opened_again_and_nothing_is_left(
    central_server: CentralServer, central: tuple[CentralSource, CentralEraser]
) -> None:
    roots = [central_server.submit(instance_xml(number)) for number in (1, 2)]
    for root in roots:
        central[1].erase(root.removeprefix("uuid:"))
        central_server.end_sessions()
    (form,) = central_server.project.forms.values()
    assert [one.deleted_at is not None for one in form.submissions.values()] == [True, True]


def test_an_interrupted_erasure_is_finished_by_running_it_again(
    store: Store, listed: ErasureList, kobo_server: KoboServer, kobo: tuple[KoboSource, KoboEraser]
) -> None:
    source, eraser = kobo
    kobo_server.submit(instance_xml(1))
    sync(store, [source], now=clock)

    class CrashError(Exception):
        pass

    class Crashing:
        def erase(self, native_id: str) -> None:
            raise CrashError

    with pytest.raises(CrashError):
        erase(store, BY_RECEIPT, erasures=listed, outbox=None, erasers={"kobo": Crashing()}, today=TODAY)
    assert store.evaluations() == []
    kobo_server.interrupt(Response(503))
    first = erase(store, BY_RECEIPT, erasures=listed, outbox=None, erasers={"kobo": eraser}, today=TODAY)
    assert len(first.left) == 1
    again = erase(store, BY_RECEIPT, erasures=listed, outbox=None, erasers={"kobo": eraser}, today=TODAY)
    assert (again.at_sources, again.left) == (1, ())


def test_an_interview_that_waits_in_the_outbox_is_never_stored(
    tmp_path: Path, ready: Store, form: Form, forget: Callable[..., object]
) -> None:
    with Outbox(f"sqlite:///{tmp_path / 'outbox.db'}", public_key=PAIR.public) as outbox:
        for number, receipt in ((1, RECEIPT), (2, "2")):
            outbox.put(
                "evaluation",
                form_id=form.form_id,
                form_version=form.version,
                instance_xml=instance_xml(number, receipt=receipt),
                receipt=receipt,
                day=TODAY,
                id=f"interview-{number}",
            )
        chat = ChatSource(outbox, private_key=PAIR.private, forms=[form])
        done = forget(outbox=chat)
        assert getattr(done, "outbox", None) == 1
        assert [row.id for row in outbox.take(0, 10)] == ["interview-2"]
        sync(ready, [chat], now=clock)
    assert len(ready.evaluations()) == 1


def test_the_file_of_a_phone_is_removed_from_our_folder(
    tmp_path: Path, store: Store, form: Form, listed: ErasureList
) -> None:
    folder = tmp_path / "instances"
    (folder / "phone1").mkdir(parents=True)
    for number, receipt in ((1, RECEIPT), (2, "2")):
        path = folder / "phone1" / f"{number}.xml"
        path.write_text(instance_xml(number, receipt=receipt), encoding="utf-8")
    source = CollectSource(folder, forms=[form])
    sync(store, [source], now=clock)
    eraser = FolderEraser(folder)
    erase(store, BY_RECEIPT, erasures=listed, outbox=None, erasers={"collect": eraser}, today=TODAY)
    assert [path.name for path in folder.rglob("*.xml")] == ["2.xml"]
    sync(store, [source], now=clock, erasures=listed)
    assert len(store.evaluations()) == 1


def test_a_file_outside_the_folder_or_in_an_archive_is_left_to_a_person(tmp_path: Path) -> None:
    folder = tmp_path / "instances"
    folder.mkdir()
    outside = tmp_path / "other.xml"
    outside.write_text("kept", encoding="utf-8")
    (folder / "phones.zip").write_bytes(b"PK")
    eraser = FolderEraser(folder)
    with pytest.raises(GiveUp, match="leads out of the folder"):
        eraser.erase("../other.xml")
    with pytest.raises(GiveUp, match="unpack it"):
        eraser.erase("phones.zip/1.xml")
    assert outside.exists()


def test_a_source_that_the_settings_no_longer_name_is_said(
    ready: Store, forget: Callable[..., object]
) -> None:
    record(ready, submission(1, source="kobo:aGone", native_id="77"))
    (left,) = forget().left  # type: ignore[attr-defined]
    assert left.reason == "config.yml no longer names kobo:aGone; delete record 77 there by hand."


def test_a_machine_without_an_account_for_it_says_what_to_do_by_hand() -> None:
    with pytest.raises(GiveUp, match="whose _id is 77"):
        NoEraser(f"On it: {KoboEraser.by_hand('aX')}").erase("77")


def test_the_audit_says_what_was_done_and_to_nobody_in_particular(
    ready: Store, forget: Callable[..., object]
) -> None:
    record(ready, submission(1, source="kobo", native_id="1151"))
    forget()
    (line,) = ready.audit()
    assert (line.day, line.action) == (TODAY, "erase by receipt")
    assert line.said.startswith("1 taken out of the store")
    assert not {RECEIPT, CODE, "1151", instance_id(1)} & set(line.said.replace(",", "").split())


@pytest.mark.parametrize(
    "typed", ["4711815000", " 4711 815 000 ", "4711-815-000", "৪৭১১৮১৫০০০", "४७११ ८१५ ०००"]
)
def test_a_number_is_understood_as_people_write_it(typed: str) -> None:
    assert digits(typed) == RECEIPT


def test_a_lost_answer_to_a_deletion_is_asked_again_later(
    kobo_server: KoboServer, kobo: tuple[KoboSource, KoboEraser]
) -> None:
    kobo_server.interrupt(Response(502))
    with pytest.raises(RetryLater):
        kobo[1].erase("1")
