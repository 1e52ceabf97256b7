"""A folder of Collect's files: each read once, a broken one quarantined, edits followed to their root."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from connector_worlds import ANSWERS, FORM, KEYS, NOW, instance_id, instance_xml, write_workbook

from connector import CollectSource, Counts, GiveUp, Page, RunReport, Store, sync
from xlsforms import Form, load_form


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "instances"
    folder.mkdir()
    return folder


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    with Store(sqlite_url, keys=KEYS) as opened:
        yield opened


def run(store: Store, folder: Path, form: Form, **options: Any) -> RunReport:
    source = CollectSource(folder, forms=[form], files_per_page=3, **options)
    (report,) = sync(store, [source], now=lambda: NOW)
    return report


def leave(folder: Path, name: str, text: str) -> Path:
    """Write a file as Collect does: a folder of its own with the same name."""
    path = folder / name / f"{name}.xml"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    return path


def test_collects_own_folders_and_flat_files_are_read(store: Store, folder: Path, form: Form) -> None:
    leave(folder, "Evaluation_2026-11-20_10-00-00", instance_xml(1))
    (folder / "Evaluation_2026-11-20_10-00-00" / "1700000000.jpg").write_bytes(b"\xff\xd8")
    (folder / "flat.xml").write_text(instance_xml(2), encoding="utf-8")
    assert run(store, folder, form).counts == Counts(new=2)
    assert len(store.evaluations()) == 2


def test_answers_are_read_as_they_were_given(folder: Path, form: Form) -> None:
    leave(folder, "one", instance_xml(1))
    (page,) = CollectSource(folder, forms=[form]).pages(None)
    (one,) = page.submissions
    assert dict(one.answers) == ANSWERS | {"meta/instanceID": instance_id(1)}
    assert (one.mode, one.review, one.native_id) == ("enumerator", "none", "one/one.xml")


def test_a_file_is_read_once(store: Store, folder: Path, form: Form) -> None:
    for number in range(1, 8):
        leave(folder, f"e{number}", instance_xml(number))
    assert run(store, folder, form).counts == Counts(new=7)
    assert run(store, folder, form).counts == Counts()
    leave(folder, "e8", instance_xml(8))
    assert run(store, folder, form).counts == Counts(new=1)


def test_a_copy_of_a_file_counts_once(store: Store, folder: Path, form: Form) -> None:
    leave(folder, "one", instance_xml(1))
    leave(folder, "one (copy)", instance_xml(1))
    assert run(store, folder, form).counts == Counts(new=1, unchanged=1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<data id='small_evaluation'><consent>yes</cons", "XML"),
        ("", "XML"),
        ("<!DOCTYPE data [<!ENTITY x 'y'>]><data id='small_evaluation'>&x;</data>", "DOCTYPE"),
        ("<data id='small_evaluation' version='2026112301'><consent>yes</consent></data>", "instanceID"),
        ("<data id='x'><base64EncryptedKey>abc</base64EncryptedKey></data>", "encrypted"),
        (f"<data id='small_evaluation'><comment>{'x' * 1_100_000}</comment></data>", "kB"),
        (instance_xml(1, form_id="aXkJq3bnJNeCKbtKL5VRKA"), "none of ours"),
        (instance_xml(1, version="2025010101"), "version 2025010101"),
    ],
    ids=["cut off", "empty", "doctype", "no id", "encrypted", "huge", "another form", "another version"],
)
def test_an_unreadable_file_is_quarantined_with_its_reason_and_stops_nothing(
    store: Store, folder: Path, form: Form, text: str, words: str
) -> None:
    path = leave(folder, "broken", text)
    leave(folder, "whole", instance_xml(2))
    assert run(store, folder, form).counts == Counts(new=1, quarantined=1)
    (waiting,) = store.quarantined()
    assert waiting.native_id == "broken/broken.xml"
    assert words in waiting.reason
    assert path.exists()


def test_what_could_not_be_read_is_looked_at_again_and_the_rest_is_not(folder: Path, form: Form) -> None:
    leave(folder, "broken", instance_xml(1)[:200])
    leave(folder, "whole", instance_xml(2))
    source = CollectSource(folder, forms=[form])
    (first,) = source.pages(None)
    (again,) = source.pages(first.cursor)
    assert [one.native_id for one in again.unreadable] == ["broken/broken.xml"]
    assert again.submissions == ()


def test_a_repaired_file_leaves_the_quarantine(store: Store, folder: Path, form: Form) -> None:
    path = leave(folder, "one", instance_xml(1)[:200])
    run(store, folder, form)
    path.write_text(instance_xml(1), encoding="utf-8")
    assert run(store, folder, form).counts == Counts(new=1)
    assert store.quarantined() == []


def test_a_file_of_another_version_is_read_once_its_workbook_is_there(
    store: Store, folder: Path, form: Form, tmp_path: Path
) -> None:
    leave(folder, "one", instance_xml(1, version="2027010101"))
    assert run(store, folder, form).counts == Counts(quarantined=1)
    write_workbook(FORM.replace("2026112301", "2027010101"), tmp_path / "small_evaluation.xlsx")
    newer = load_form(tmp_path / "small_evaluation.xlsx")
    assert run(store, folder, newer).counts == Counts(new=1)
    assert store.quarantined() == []
    # The store knows that version now: the older workbook is enough.
    leave(folder, "two", instance_xml(2, version="2027010101"))
    assert run(store, folder, form).counts.new == 1


def test_a_form_under_the_platforms_name_is_read_where_it_is_mapped(
    store: Store, folder: Path, form: Form
) -> None:
    asset = "aXkJq3bnJNeCKbtKL5VRKA"
    leave(folder, "one", instance_xml(1, form_id=asset, version="1 (2026-11-23 05:22:54)"))
    assert run(store, folder, form, aliases={asset: "small_evaluation"}).counts == Counts(new=1)


@pytest.mark.parametrize("names", [("a", "b", "c"), ("c", "b", "a"), ("b", "c", "a")], ids="".join)
def test_of_a_chain_of_edits_the_newest_counts_once(
    store: Store, folder: Path, form: Form, names: tuple[str, str, str]
) -> None:
    first, second, third = names
    leave(folder, first, instance_xml(1, core__respect="1"))
    leave(folder, second, instance_xml(2, deprecated=1, core__respect="2"))
    leave(folder, third, instance_xml(3, deprecated=2, core__respect="3"))
    run(store, folder, form)
    (one,) = store.evaluations()
    assert one["values"]["respect"] == 3


def test_an_edit_that_comes_later_replaces(store: Store, folder: Path, form: Form) -> None:
    leave(folder, "a", instance_xml(1, core__respect="1"))
    run(store, folder, form)
    leave(folder, "b", instance_xml(2, deprecated=1, core__respect="5"))
    assert run(store, folder, form).counts == Counts(edited=1)
    (one,) = store.evaluations()
    assert one["values"]["respect"] == 5


def test_a_file_that_was_moved_away_deletes_nothing(store: Store, folder: Path, form: Form) -> None:
    path = leave(folder, "one", instance_xml(1))
    run(store, folder, form)
    path.unlink()
    assert run(store, folder, form).counts == Counts()
    assert len(store.evaluations()) == 1


def test_hidden_files_and_links_are_not_read(store: Store, folder: Path, form: Form, tmp_path: Path) -> None:
    leave(folder, ".trash", instance_xml(1))
    leave(folder, "__MACOSX", instance_xml(2))
    outside = tmp_path / "outside.xml"
    outside.write_text(instance_xml(3), encoding="utf-8")
    (folder / "link.xml").symlink_to(outside)
    assert run(store, folder, form).counts == Counts()


def test_a_folder_that_is_not_there_is_told(store: Store, tmp_path: Path, form: Form) -> None:
    report = run(store, tmp_path / "nowhere", form)
    assert isinstance(report.error, GiveUp)
    assert "nowhere is not there" in str(report.error)


# other places and packings


def packed(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def test_a_zip_file_is_read_like_the_folder_it_holds(store: Store, folder: Path, form: Form) -> None:
    packed(
        folder / "phone 7.zip",
        {
            "instances/one/one.xml": instance_xml(1),
            "instances/one/photo.jpg": "no instance",
            "__MACOSX/instances/one/._one.xml": "rubbish",
            "instances/two/two.xml": instance_xml(2)[:300],
        },
    )
    leave(folder, "three", instance_xml(3))
    assert run(store, folder, form).counts == Counts(new=2, quarantined=1)
    assert store.quarantined()[0].native_id == "phone 7.zip/instances/two/two.xml"
    packed(folder / "phone 7.zip", {"one.xml": instance_xml(1), "four.xml": instance_xml(4)})
    assert run(store, folder, form).counts == Counts(new=1, unchanged=1)
    assert run(store, folder, form).counts == Counts()


def test_the_folder_itself_may_be_a_zip_file(store: Store, tmp_path: Path, form: Form) -> None:
    path = packed(tmp_path / "phone.zip", {"a.xml": instance_xml(1), "b.xml": instance_xml(2, deprecated=1)})
    assert run(store, path, form).counts == Counts(new=1)


def test_a_zip_file_that_was_cut_waits_and_stops_nothing(store: Store, folder: Path, form: Form) -> None:
    whole = packed(folder / "phone.zip", {"one.xml": instance_xml(1)}).read_bytes()
    (folder / "phone.zip").write_bytes(whole[:200])
    leave(folder, "two", instance_xml(2))
    assert run(store, folder, form).counts == Counts(new=1, quarantined=1)
    assert "copy it again" in store.quarantined()[0].reason
    (folder / "phone.zip").write_bytes(whole)
    assert run(store, folder, form).counts == Counts(new=1)


def test_a_file_with_a_false_size_in_a_zip_is_not_unpacked_without_end(
    store: Store, folder: Path, form: Form
) -> None:
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("one.xml", b"<data>" + b" " * 50_000_000)
    assert run(store, folder, form).counts == Counts(quarantined=1)


def test_briefcases_folders_are_read_and_its_blank_forms_passed_over(
    store: Store, folder: Path, form: Form
) -> None:
    base = folder / "ODK Briefcase Storage" / "forms" / "A small evaluation"
    for number in (1, 2):
        place = base / "instances" / f"uuid{number}"
        place.mkdir(parents=True)
        (place / "submission.xml").write_text(instance_xml(number), encoding="utf-8")
    (base / "A small evaluation.xml").write_text(form.xform, encoding="utf-8")
    assert run(store, folder, form).counts == Counts(new=2)
    assert store.quarantined() == []


def test_a_file_is_opened_again_only_when_it_was_replaced(store: Store, folder: Path, form: Form) -> None:
    path = leave(folder, "one", instance_xml(1, core__respect="1"))
    run(store, folder, form)
    path.write_text(instance_xml(1, core__respect="5"), encoding="utf-8")  # of the same length
    assert run(store, folder, form).counts.seen == 1
    assert run(store, folder, form).counts.seen == 0


def test_two_thousand_files_are_picked_up_once_and_their_cursor_is_small(
    store: Store, folder: Path, form: Form
) -> None:
    for number in range(2000):
        (folder / f"Evaluation_2026-11-20_10-00-00_{number}.xml").write_text(
            instance_xml(number), encoding="utf-8"
        )
    source = CollectSource(folder, forms=[form])

    def counts() -> Counts:
        (report,) = sync(store, [source], now=lambda: NOW)
        return report.counts

    assert counts() == Counts(new=2000)
    assert len(json.dumps(store.cursor("collect"))) < 2000 * 12
    assert counts() == Counts()
    leave(folder, "one more", instance_xml(2000))
    (folder / "Evaluation_2026-11-20_10-00-00_7.xml").unlink()
    assert counts() == Counts(new=1)
    assert counts() == Counts()


def test_a_cursor_that_names_its_files_is_still_understood(store: Store, folder: Path, form: Form) -> None:
    """What an earlier version of this program wrote."""
    paths = [leave(folder, f"e{number}", instance_xml(number)) for number in (1, 2)]
    looks = {
        path.relative_to(folder).as_posix(): f"{path.stat().st_size}-{path.stat().st_mtime_ns}"
        for path in paths
    }
    edits = {instance_id(2).removeprefix("uuid:"): instance_id(1).removeprefix("uuid:")}
    store.record("collect", Page(cursor={"looks": looks, "edits": edits}), now=NOW)
    leave(folder, "e3", instance_xml(3, deprecated=2))
    assert run(store, folder, form).counts == Counts(new=1)
    assert store.held("collect").missing(frozenset({instance_id(1).removeprefix("uuid:")})) == 0
    assert run(store, folder, form).counts == Counts()


def test_a_run_that_broke_off_reads_its_files_again(folder: Path, form: Form) -> None:
    for number in range(1, 9):
        leave(folder, f"e{number}", instance_xml(number))
    source = CollectSource(folder, forms=[form], files_per_page=3)
    assert [page.cursor is None for page in source.pages(None)] == [True, True, False]


def test_a_superseded_file_is_settled(folder: Path, form: Form) -> None:
    """One that waited in the quarantine need not wait for anything any more."""
    leave(folder, "a", instance_xml(1))
    leave(folder, "b", instance_xml(2, deprecated=1))
    (page,) = CollectSource(folder, forms=[form]).pages(None)
    assert page.settled == ("a/a.xml",)


@pytest.mark.parametrize("deprecated", [None, 1])
def test_a_copy_in_the_quarantine_is_read_as_the_file_is(
    folder: Path, form: Form, deprecated: int | None
) -> None:
    leave(folder, "one", instance_xml(2, deprecated=deprecated))
    source = CollectSource(folder, forms=[form])
    (page,) = source.pages(None)
    assert source.reread("one/one.xml", instance_xml(2, deprecated=deprecated)) == page.submissions[0]
