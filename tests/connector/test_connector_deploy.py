"""Deployment: what is there is not sent again, what breaks off is said and made good, what is in service is verified."""

from __future__ import annotations

import base64
import json
import shutil
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from connector_worlds import AT_ONCE, KEYS, NOW
from deploy_worlds import (
    BROKEN,
    COLLECTORS,
    FORM_ID,
    PROVIDERS,
    BreakingCentral,
    BreakingKobo,
    write_form,
    writes,
)

from connector import CentralSource, GiveUp, KoboSource, RetryLater, Store, sync
from connector.deploy import (
    Attachment,
    CentralPlatform,
    KoboPlatform,
    Outcome,
    Package,
    Platform,
    deploy,
    prepare,
    server_url,
    settings_code,
)
from xlsforms import form_from_xml, marks

TODAY = NOW.date()
TOKEN = "s3cr3t-token"  # a token of nobody
EMAIL, PASSWORD = "manager@example.org", "s3cr3t-password"
NEW_LIST = PROVIDERS + "sw_303_002,Another sample name\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "forms"


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """Converting a workbook takes most of a test's time: done once."""
    return prepare(write_form(tmp_path_factory.mktemp("first")))


@pytest.fixture(scope="session")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The next version of the same form."""
    folder = tmp_path_factory.mktemp("newer")
    return prepare(write_form(folder, version="2026112302", label="Otherwise?"))


@pytest.fixture
def versions(package: Package, newer: Package) -> tuple[Package, Package]:
    return package, newer


@pytest.fixture
def package(folder: Path, prepared: Package) -> Package:
    """The form in a folder of the test's own."""
    return replace(prepared, path=Path(shutil.copytree(prepared.path.parent, folder)) / prepared.path.name)


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    with Store(sqlite_url, keys=KEYS) as opened:
        yield opened


@pytest.fixture
def kobo_server() -> Iterator[BreakingKobo]:
    with BreakingKobo(clock=lambda: NOW, token=TOKEN) as server:
        yield server


@pytest.fixture
def central_server() -> Iterator[BreakingCentral]:
    with BreakingCentral(clock=lambda: NOW, email=EMAIL, password=PASSWORD) as server:
        assert server.project.id == 1
        yield server


@pytest.fixture
def kobo(kobo_server: BreakingKobo) -> Iterator[KoboPlatform]:
    with kobo_platform(kobo_server.url) as platform:
        yield platform


@pytest.fixture
def central(central_server: BreakingCentral) -> Iterator[CentralPlatform]:
    with central_platform(central_server.url) as platform:
        yield platform


@pytest.fixture(params=["kobo", "central"])
def both(request: pytest.FixtureRequest) -> tuple[Platform, BreakingKobo | BreakingCentral]:
    """Each platform with its server."""
    name = request.param
    return request.getfixturevalue(name), request.getfixturevalue(f"{name}_server")


def kobo_platform(url: str, *, token: str = TOKEN, assets: tuple[str, ...] = ()) -> KoboPlatform:
    return KoboPlatform(url, token=token, assets=assets, patience=AT_ONCE, wait=lambda _: None)


def central_platform(url: str, *, password: str = PASSWORD, project: int = 1) -> CentralPlatform:
    return CentralPlatform(url, email=EMAIL, password=password, project=project, patience=AT_ONCE)


def run(store: Store, platform: Platform, package: Package, **options: bool) -> Outcome:
    return deploy(store, platform, package, today=TODAY, **options)


def with_new_list(package: Package) -> Package:
    collectors, _ = package.attachments
    return replace(package, attachments=(collectors, Attachment("providers.csv", NEW_LIST.encode())))


def in_service(server: BreakingKobo | BreakingCentral) -> tuple[str, dict[str, bytes]]:
    """(our version, the lists) of what phones get of the one form on the server."""
    if isinstance(server, BreakingKobo):
        (asset,) = server.platform.assets.values()
        assert asset.service is not None
        assert asset.active
        settings = asset.service.version.content["settings"]
        return str(settings["version"]), {one.filename: one.content for one in asset.files.values()}
    form = server.project.forms[FORM_ID]
    assert form.current is not None
    assert form.draft is None
    return form.current.shape.version, {
        name: one.content for name, one in form.current.files.items() if one is not None
    }


LISTS = {"collectors.csv": COLLECTORS.encode(), "providers.csv": PROVIDERS.encode()}


# what is prepared


def test_a_broken_workbook_is_not_sent(folder: Path) -> None:
    path = write_form(folder, extra="|  | select_one nolist | broken | Broken? | | | |")
    with pytest.raises(GiveUp, match="has an error and nothing was sent") as caught:
        prepare(path)
    assert "shakti forms check" in str(caught.value)


def test_only_a_workbook_with_a_version_is_sent(folder: Path) -> None:
    with pytest.raises(GiveUp, match="has no version"):
        prepare(write_form(folder, version=""))
    with pytest.raises(GiveUp, match=r"not an \.xlsx workbook"):
        prepare(folder / "form.xml")


def test_the_warnings_of_the_check_come_along(folder: Path) -> None:
    assert any("version" in one for one in prepare(write_form(folder, version="7")).warnings)


def test_our_own_forms_can_be_sent() -> None:
    forms = Path(__file__).resolve().parents[2] / "xlsforms"
    evaluation = prepare(forms / "duty_bearer_evaluation.xlsx")
    assert [one.name for one in evaluation.attachments] == ["collectors.csv", "providers.csv"]
    assert evaluation.warnings == ()


# on both platforms


def test_a_new_form_goes_into_service_with_its_lists(
    both: tuple[Platform, BreakingKobo | BreakingCentral], store: Store, package: Package
) -> None:
    platform, server = both
    outcome = run(store, platform, package)
    assert in_service(server) == ("2026112301", LISTS)
    assert outcome.done is not None
    assert outcome.plan.sends == (
        "small_evaluation.xlsx (version 2026112301) as a new form",
        "collectors.csv (1 entries)",
        "providers.csv (1 entries)",
    )


def test_the_second_time_nothing_is_sent(
    both: tuple[Platform, BreakingKobo | BreakingCentral], store: Store, package: Package
) -> None:
    platform, server = both
    run(store, platform, package)
    server.requests.clear()
    outcome = run(store, platform, package)
    assert writes(server) == []
    assert (outcome.done, outcome.plan.sends) == (None, ())
    run(store, platform, package, lists_only=True)
    assert writes(server) == []


def test_the_store_knows_the_form_before_the_first_answer_comes(
    both: tuple[Platform, BreakingKobo | BreakingCentral], store: Store, package: Package
) -> None:
    run(store, both[0], package)
    known = store.form(FORM_ID, "2026112301")
    assert known is not None
    assert known.marks == marks(package.form)
    assert form_from_xml(known.xform or "").version == "2026112301"


def test_a_dry_run_sends_nothing_and_says_what_it_would(
    both: tuple[Platform, BreakingKobo | BreakingCentral], store: Store, package: Package
) -> None:
    platform, server = both
    outcome = run(store, platform, package, dry_run=True)
    assert writes(server) == []
    assert len(outcome.plan.sends) == 3
    assert store.deployment(platform.target, FORM_ID) is None
    run(store, platform, package)
    server.requests.clear()
    assert run(store, platform, with_new_list(package), dry_run=True).plan.sends == (
        "providers.csv (2 entries)",
    )
    assert writes(server) == []


def test_a_new_version_replaces_the_one_before_and_says_what_changed(
    both: tuple[Platform, BreakingKobo | BreakingCentral], store: Store, package: Package, folder: Path
) -> None:
    platform, server = both
    run(store, platform, package)
    newer = prepare(
        write_form(folder, version="2026112302", extra="|  | text | comment | More? | comment | | |")
    )
    outcome = run(store, platform, newer)
    assert in_service(server) == ("2026112302", LISTS)
    assert outcome.changes == (
        "the version was raised from 2026112301 to 2026112302.",
        "question comment was added (text).",
    )
    assert store.form(FORM_ID, "2026112301") is not None
    assert store.form(FORM_ID, "2026112302") is not None


def test_a_changed_workbook_needs_a_new_version(
    both: tuple[Platform, BreakingKobo | BreakingCentral], store: Store, package: Package, folder: Path
) -> None:
    platform, server = both
    run(store, platform, package)
    server.requests.clear()
    with pytest.raises(GiveUp, match="still says version 2026112301") as caught:
        run(store, platform, prepare(write_form(folder, label="Otherwise?")))
    assert "write 2026112302 into `version`" in str(caught.value)
    assert writes(server) == []


def test_a_workbook_that_was_only_saved_again_is_not_sent_again(
    both: tuple[Platform, BreakingKobo | BreakingCentral], store: Store, package: Package
) -> None:
    platform, server = both
    run(store, platform, package)
    server.requests.clear()
    run(store, platform, replace(package, workbook=package.workbook + b"\0"))
    assert writes(server) == []


def test_a_changed_list_alone_is_exchanged_and_put_into_service(
    both: tuple[Platform, BreakingKobo | BreakingCentral], store: Store, package: Package
) -> None:
    platform, server = both
    run(store, platform, package)
    (package.path.parent / "providers.csv").write_text(NEW_LIST, encoding="utf-8")
    changed = prepare(package.path)
    outcome = run(store, platform, changed, lists_only=True)
    assert outcome.plan.sends == ("providers.csv (2 entries)",)
    assert in_service(server)[1] == LISTS | {"providers.csv": NEW_LIST.encode()}
    server.requests.clear()
    run(store, platform, changed)
    assert writes(server) == []


def test_pushing_lists_leaves_a_workbook_in_the_making_alone(
    both: tuple[Platform, BreakingKobo | BreakingCentral], store: Store, package: Package, newer: Package
) -> None:
    platform, server = both
    run(store, platform, package)
    run(store, platform, with_new_list(newer), lists_only=True)
    assert in_service(server)[0].startswith("2026112301")
    server.requests.clear()
    outcome = run(store, platform, with_new_list(newer))
    assert outcome.plan.sends_form
    assert in_service(server)[0] == "2026112302"


def test_lists_cannot_be_pushed_to_a_form_that_is_not_there(
    both: tuple[Platform, BreakingKobo | BreakingCentral], store: Store, package: Package
) -> None:
    with pytest.raises(GiveUp, match="shakti forms deploy"):
        run(store, both[0], package, lists_only=True)


@pytest.mark.parametrize("done_first", [False, True], ids=["not done", "done, the answer lost"])
@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_whatever_breaks_off_is_said_and_the_next_run_makes_it_good(
    both: tuple[Platform, BreakingKobo | BreakingCentral],
    store: Store,
    package: Package,
    step: int,
    done_first: bool,
) -> None:
    platform, server = both
    server.break_at(step, done_first=done_first)
    made = _tried(lambda: run(store, platform, package))
    # Only a lost answer to the very last write can be seen to have succeeded.
    assert made is (step == 4 and done_first)
    run(store, platform, package)
    assert in_service(server) == ("2026112301", LISTS)
    server.requests.clear()
    run(store, platform, package)
    assert writes(server) == []


@pytest.mark.parametrize("done_first", [False, True], ids=["not done", "done, the answer lost"])
@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_replacement_that_breaks_off_leaves_phones_with_what_they_had(
    both: tuple[Platform, BreakingKobo | BreakingCentral],
    store: Store,
    versions: tuple[Package, Package],
    step: int,
    done_first: bool,
) -> None:
    """Kobo: import, delete the old list, … Central: draft, list, publish."""
    platform, server = both
    package, newer = versions[0], with_new_list(versions[1])
    run(store, platform, package)
    server.break_at(step, done_first=done_first)
    if not _tried(lambda: run(store, platform, newer)):
        assert in_service(server)[0] == "2026112301"  # on Central also: no draft is left
    run(store, platform, newer)
    assert in_service(server) == ("2026112302", LISTS | {"providers.csv": NEW_LIST.encode()})
    server.requests.clear()
    run(store, platform, newer)
    assert writes(server) == []


@pytest.mark.parametrize("done_first", [False, True], ids=["not done", "done, the answer lost"])
@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_push_that_breaks_off_is_made_good_by_the_next(
    both: tuple[Platform, BreakingKobo | BreakingCentral],
    store: Store,
    package: Package,
    step: int,
    done_first: bool,
) -> None:
    """Kobo: delete, upload, redeploy. Central: draft, upload, publish."""
    platform, server = both
    run(store, platform, package)
    newer = with_new_list(package)
    server.break_at(step, done_first=done_first)
    _tried(lambda: run(store, platform, newer, lists_only=True))
    server.break_at(0, done_first=False)
    server.requests.clear()
    again = run(store, platform, newer, lists_only=True)
    assert in_service(server)[1] == LISTS | {"providers.csv": NEW_LIST.encode()}
    if isinstance(server, BreakingKobo):
        # The file may be there already: phones get it only when it is put into service.
        assert writes(server)[-1].endswith("/deployment/")
        assert again.plan.activates
    server.requests.clear()
    run(store, platform, newer, lists_only=True)
    assert writes(server) == []


def _tried(deed: Callable[[], object]) -> bool:
    """Whether it went through; what stopped it must say what the platform holds, and no secret."""
    try:
        deed()
    except RetryLater as error:
        text = str(error)
        assert "phone" in text or "Nothing was changed" in text or "It was published" in text, text
        assert TOKEN not in text
        assert PASSWORD not in text
        return False
    return True


def test_a_server_that_is_down_is_one_sentence(store: Store, package: Package) -> None:
    with BreakingKobo(clock=lambda: NOW, token=TOKEN) as server:
        address = server.url
    for platform in (kobo_platform(address), central_platform(address)):
        with platform, pytest.raises(RetryLater, match="could not be reached"):
            run(store, platform, package)


def test_wrong_credentials_are_one_sentence_without_the_secret(
    kobo_server: BreakingKobo, central_server: BreakingCentral, store: Store, package: Package
) -> None:
    for platform, variable in (
        (kobo_platform(kobo_server.url, token="wr0ng"), "KOBO_DEPLOY_TOKEN"),
        (central_platform(central_server.url, password="wr0ng"), "CENTRAL_DEPLOY_PASSWORD"),
    ):
        with platform, pytest.raises(GiveUp, match=variable) as caught:
            run(store, platform, package)
        assert "wr0ng" not in str(caught.value)
    assert writes(kobo_server) == []
    assert writes(central_server) == []


@pytest.mark.parametrize("pushed", [False, True], ids=["deployed", "with new lists"])
def test_an_answer_to_what_was_deployed_is_stored(
    both: tuple[Platform, BreakingKobo | BreakingCentral], store: Store, package: Package, pushed: bool
) -> None:
    platform, server = both
    done = run(store, platform, package).done
    if pushed:
        done = run(store, platform, with_new_list(package), lists_only=True).done
    assert done is not None
    version = done.form.version
    server.submit(
        f'<data id="{FORM_ID}" version="{version}"><practice>no</practice><adult>yes</adult>'
        "<consent>yes</consent><provider>sw_303_001</provider>"
        "<core><respect>5</respect></core>"
        "<meta><instanceID>uuid:0b0b0b0b-0000-4000-8000-000000000001</instanceID></meta></data>"
    )
    source = (
        KoboSource(server.url, token=TOKEN, asset=done.native_form, patience=AT_ONCE)
        if isinstance(server, BreakingKobo)
        else CentralSource(
            server.url, email=EMAIL, password=PASSWORD, project=1, form=FORM_ID, patience=AT_ONCE
        )
    )
    with source:
        (report,) = sync(store, [source], now=lambda: NOW)
    assert (report.error, report.counts.new) == (None, 1)
    (stored,) = store.evaluations()
    assert stored["values"] == {"respect": 5.0}


# KoboToolbox


def test_a_project_made_by_an_interrupted_run_is_found_again(
    kobo: KoboPlatform, kobo_server: BreakingKobo, store: Store, package: Package
) -> None:
    kobo_server.break_at(4, done_first=False)
    with pytest.raises(RetryLater, match="not in service"):
        run(store, kobo, package)
    run(store, kobo, package)
    assert len(kobo_server.platform.assets) == 1


def test_a_project_named_in_the_configuration_is_used(
    kobo_server: BreakingKobo, store: Store, package: Package
) -> None:
    uid = kobo_server.deploy(package.path)
    kobo_server.platform.assets[uid].name = "Renamed by somebody"
    with kobo_platform(kobo_server.url, assets=(uid,)) as platform:
        run(store, platform, package)
    assert list(kobo_server.platform.assets) == [uid]


def test_of_two_projects_with_one_form_none_is_guessed(
    kobo: KoboPlatform, kobo_server: BreakingKobo, store: Store, package: Package
) -> None:
    for _ in range(2):
        kobo_server.platform.import_workbook(package.workbook, filename="a.xlsx")
    with pytest.raises(GiveUp, match=r"has 2 projects .* sources\.kobo\.assets"):
        run(store, kobo, package)
    assert writes(kobo_server) == []


def test_a_project_that_is_gone_is_said_and_made_anew_only_when_asked(
    kobo: KoboPlatform, kobo_server: BreakingKobo, store: Store, package: Package
) -> None:
    run(store, kobo, package)
    kobo_server.platform.assets.clear()
    with pytest.raises(GiveUp, match="--anew"):
        run(store, kobo, package)
    run(store, kobo, package, anew=True)
    assert in_service(kobo_server) == ("2026112301", LISTS)


def test_what_somebody_changed_on_the_platform_is_replaced_and_said(
    kobo: KoboPlatform, kobo_server: BreakingKobo, store: Store, package: Package
) -> None:
    done = run(store, kobo, package).done
    assert done is not None
    address = f"/api/v2/assets/{done.native_form}/"
    kobo_server.platform.import_workbook(package.workbook, filename="a.xlsx", destination=address)
    outcome = run(store, kobo, package)
    assert any("was changed on the platform" in note for note in outcome.plan.notes)
    assert outcome.plan.sends_form


def test_lists_do_not_carry_somebodys_draft_into_service(
    kobo: KoboPlatform, kobo_server: BreakingKobo, store: Store, package: Package
) -> None:
    done = run(store, kobo, package).done
    assert done is not None
    address = f"/api/v2/assets/{done.native_form}/"
    kobo_server.platform.import_workbook(package.workbook, filename="a.xlsx", destination=address)
    kobo_server.requests.clear()
    with pytest.raises(GiveUp, match="changed there and not deployed"):
        run(store, kobo, with_new_list(package), lists_only=True)
    assert writes(kobo_server) == []


def test_a_push_to_a_project_deployed_elsewhere_is_made_good_too(
    kobo: KoboPlatform, kobo_server: BreakingKobo, store: Store, package: Package
) -> None:
    """Nothing is remembered here, and the new list may lie there without being in service."""
    kobo_server.deploy(package.path)
    kobo_server.break_at(3, done_first=False)
    with pytest.raises(RetryLater, match="not in service"):
        run(store, kobo, with_new_list(package), lists_only=True)
    kobo_server.requests.clear()
    run(store, kobo, with_new_list(package), lists_only=True)
    assert len(writes(kobo_server)) == 1
    assert writes(kobo_server)[0].startswith("PATCH")
    known = store.deployment(kobo.target, FORM_ID)
    assert known is not None
    assert (known.workbook, known.finished) == ("", True)


def test_a_list_somebody_took_away_is_brought_back(
    kobo: KoboPlatform, kobo_server: BreakingKobo, store: Store, package: Package
) -> None:
    run(store, kobo, package)
    (asset,) = kobo_server.platform.assets.values()
    asset.files.clear()
    run(store, kobo, package, lists_only=True)
    assert in_service(kobo_server)[1] == LISTS


def test_an_archived_project_is_opened_again(
    kobo: KoboPlatform, kobo_server: BreakingKobo, store: Store, package: Package
) -> None:
    run(store, kobo, package)
    (asset,) = kobo_server.platform.assets.values()
    asset.active = False
    kobo_server.requests.clear()
    run(store, kobo, package)
    assert asset.active
    assert len(writes(kobo_server)) == 1


def test_a_page_instead_of_a_deployment_is_said_and_repaired(
    kobo: KoboPlatform, kobo_server: BreakingKobo, store: Store, package: Package, newer: Package
) -> None:
    """KoboToolbox answers 500 with a web page when the version is no longer current."""
    run(store, kobo, package)
    plan = kobo.plan(newer, store.deployment(kobo.target, FORM_ID))
    assert plan.sends_form
    kobo_server.break_at(2, done_first=False)
    with pytest.raises(
        RetryLater, match=r"is a draft of project .* not in service; phones keep what they had"
    ):
        run(store, kobo, newer)
    assert in_service(kobo_server)[0] == "2026112301"
    run(store, kobo, newer)
    assert in_service(kobo_server)[0] == "2026112302"


def test_a_page_at_the_first_look_is_a_matter_of_time(
    kobo: KoboPlatform, kobo_server: BreakingKobo, store: Store, package: Package
) -> None:
    kobo_server.interrupt(*[BROKEN] * (AT_ONCE.tries + 1))
    with pytest.raises(RetryLater):
        run(store, kobo, package)
    assert writes(kobo_server) == []


def test_an_import_that_is_refused_is_told_in_the_platforms_words(
    kobo: KoboPlatform, kobo_server: BreakingKobo, store: Store, package: Package, folder: Path
) -> None:
    with pytest.raises(GiveUp, match="Unsupported format, or corrupt file"):
        run(store, kobo, replace(package, workbook=b"no workbook"))
    assert kobo_server.platform.assets == {}


def test_a_library_block_is_never_made(
    kobo: KoboPlatform, kobo_server: BreakingKobo, store: Store, package: Package
) -> None:
    run(store, kobo, package)
    (asset,) = kobo_server.platform.assets.values()
    assert asset.kind == "survey"


# ODK Central


def test_a_missing_project_is_told_from_a_missing_form(
    central_server: BreakingCentral, store: Store, package: Package
) -> None:
    with (
        central_platform(central_server.url, project=7) as platform,
        pytest.raises(GiveUp, match="shows no project 7"),
    ):
        run(store, platform, package)
    assert writes(central_server) == []


def test_new_lists_are_published_under_a_count_and_the_store_knows_it(
    central: CentralPlatform, central_server: BreakingCentral, store: Store, package: Package
) -> None:
    run(store, central, package)
    run(store, central, with_new_list(package), lists_only=True)
    assert in_service(central_server)[0] == "2026112301-2"
    (package.path.parent / "collectors.csv").write_text(COLLECTORS + "c02,c02,ngo_b\n", encoding="utf-8")
    run(store, central, prepare(package.path))
    assert in_service(central_server)[0] == "2026112301-3"
    known = store.form(FORM_ID, "2026112301-3")
    assert known is not None
    assert known.marks == marks(package.form)


def test_on_another_machine_the_workbook_itself_is_compared(
    central: CentralPlatform, central_server: BreakingCentral, store: Store, package: Package, tmp_path: Path
) -> None:
    run(store, central, package)
    central_server.requests.clear()
    with Store(f"sqlite:///{tmp_path / 'another.db'}", keys=KEYS) as other:
        other.migrate()
        run(other, central, package)
        assert writes(central_server) == []
        assert other.deployment(central.target, FORM_ID) is not None
        assert other.form(FORM_ID, "2026112301") is not None


def test_a_version_that_is_taken_is_said_before_anything_is_sent(
    central: CentralPlatform, central_server: BreakingCentral, store: Store, package: Package, folder: Path
) -> None:
    central_server.deploy(package.path)
    with pytest.raises(GiveUp, match="raise `version`"):
        run(store, central, prepare(write_form(folder, label="Otherwise?")))
    assert writes(central_server) == []


def test_somebodys_draft_is_not_replaced(
    central: CentralPlatform, central_server: BreakingCentral, store: Store, versions: tuple[Package, Package]
) -> None:
    package, newer = versions
    run(store, central, package)
    theirs = write_form(package.path.parent, version="theirs")
    form = central_server.project.forms[FORM_ID]
    central_server.platform.draft(
        central_server.project, theirs.read_bytes(), ignore_warnings=True, form=form
    )
    central_server.requests.clear()
    with pytest.raises(GiveUp, match=r"draft of small_evaluation .* not made here"):
        run(store, central, newer)
    assert writes(central_server) == []


def test_a_draft_that_is_not_the_workbook_is_taken_away_unpublished(
    central: CentralPlatform, central_server: BreakingCentral, store: Store, versions: tuple[Package, Package]
) -> None:
    """As when somebody uploads another form between our two requests."""
    package, newer = versions
    run(store, central, package)
    other = write_form(
        package.path.parent, version="2026112302", extra="|  | text | comment | More? | comment | | |"
    )
    with pytest.raises(GiveUp, match=r"is not the workbook that was sent.*The draft was taken away again"):
        run(store, central, replace(newer, workbook=other.read_bytes()))
    assert in_service(central_server)[0] == "2026112301"


def test_a_draft_that_stood_there_before_stays_when_ours_never_came(
    central: CentralPlatform, central_server: BreakingCentral, store: Store, versions: tuple[Package, Package]
) -> None:
    package, newer = versions
    run(store, central, package)
    form = central_server.project.forms[FORM_ID]
    assert form.current is not None
    central_server.platform.draft_again(form, form.current)
    central_server.break_at(1, done_first=False)
    with pytest.raises(RetryLater, match="A draft stands there, as before"):
        run(store, central, newer)
    assert form.draft is not None


def test_a_session_that_ended_is_opened_again(
    central_server: BreakingCentral, store: Store, package: Package
) -> None:
    with central_platform(central_server.url) as platform:
        run(store, platform, package)
        central_server._sessions.clear()
        run(store, platform, with_new_list(package), lists_only=True)
    assert in_service(central_server)[0] == "2026112301-2"


# the code for phones


def test_the_settings_code_says_what_collect_reads() -> None:
    address = server_url("https://central.example.org/", "abc", 3)
    assert address == "https://central.example.org/v1/key/abc/projects/3"
    code = settings_code(address)
    read = json.loads(zlib.decompress(base64.b64decode(code)))
    assert read["general"]["server_url"] == address
    assert read["general"]["form_update_mode"] == "match_exactly"
    assert read["general"]["delete_send"] is True
    assert read["admin"]["view_sent"] is False
    assert read["project"]["name"] == "Forms"
    assert not {"username", "password", "admin_pw"} & {*read["general"], *read["admin"]}
    assert len(code) < 2953  # the most a code to scan can hold
