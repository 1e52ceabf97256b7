"""A folder of instance files as ODK Collect leaves them: read once each, a broken one never stops the rest.

Collect and KoboCollect keep `instances/<form>_<date>/<form>_<date>.xml` with photos beside it, Briefcase keeps
`forms/<form>/instances/<id>/submission.xml`; a flat folder of XML files does as well, and so does any of these in a
ZIP file. The blank forms among them are passed over. The cursor remembers of each file, in eight bytes, its name and
how it looked when it was read (size and time, in a ZIP its checksum), so a file is opened again only when it was
replaced. An edited form is a new file whose `deprecatedID` names the one before: the chain gives the root, and only its
newest file counts.
"""

from __future__ import annotations

import hashlib
import zipfile
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from lxml import etree

from connector.errors import GiveUp, SkipRecord
from connector.local_forms import LocalForms
from connector.submission import FormVersion, Held, Page, Submission, Unreadable, without_uuid
from xlsforms import Form, Instance, read_instance
from xlsforms.errors import FormError

__all__ = ["CollectSource"]

FILES_PER_PAGE = 200
MARK_BYTES = 8
MOST_BYTES = 1024 * 1024  # an evaluation has a few kilobytes; what is larger is refused, not read
NOT_INSTANCES = ("__MACOSX",)
ENCRYPTED = "base64EncryptedKey"
EDIT = b"deprecatedID"
HEAD_BYTES = 4000  # more than declarations of namespaces need before the first element begins
BLANK_FORM = "{http://www.w3.org/1999/xhtml}html"  # the form itself is a page; an instance never is


@dataclass(frozen=True)
class _File:
    """A file: its name below the folder (for one in a ZIP, behind the ZIP's), how it looks, and where it is."""

    name: str
    look: str
    path: Path
    member: str = ""

    @property
    def mark(self) -> bytes:
        """Name and look in few bytes. Two files with one mark among 100,000: once in four thousand million folders."""
        return _mark(self.name, self.look)


class CollectSource:
    """The instance files below `folder` (or in it, when it is a ZIP file), filled in with `forms`.

    `aliases` maps other form ids (a KoboToolbox asset's uid) to ours.
    """

    def __init__(
        self,
        folder: Path,
        *,
        forms: Iterable[Form],
        name: str = "collect",
        aliases: Mapping[str, str] | None = None,
        files_per_page: int = FILES_PER_PAGE,
    ) -> None:
        self.name = name
        self._folder = folder
        self._forms = LocalForms(forms, aliases)
        self._files_per_page = files_per_page

    def pages(self, cursor: dict[str, Any] | None) -> Iterator[Page]:
        """New and changed files in the order of their names. GiveUp when the folder is not there.

        The cursor knows every file, so only the last page moves it: a run that broke off reads its files again.
        """
        if not self._folder.exists():
            raise GiveUp(
                f"The folder {self._folder} is not there; copy the phones' `instances` folder to it, or correct "
                "`sources.collect.folder` in config.yml."
            )
        known = _known(cursor or {})
        edits = {str(new): str(old) for new, old in (cursor or {}).get("edits", {}).items()}
        lost: list[Unreadable] = []
        with ExitStack() as opened:
            files = _Files(opened)
            found = list(files.listed(self._folder, self.name, lost))
            fresh = [one for one in found if one.mark not in known]
            if not fresh and not lost and len(found) == len(known):
                return
            edits |= self._edits(files, fresh)
            read = {one.mark for one in found}
            pages = [
                fresh[at : at + self._files_per_page] for at in range(0, len(fresh), self._files_per_page)
            ]
            for number, some in enumerate(pages or [[]], start=1):
                page = self._page(files, some, edits, read, lost if number == 1 else [])
                last = number >= len(pages)
                yield replace(page, cursor=_cursor(read, edits) if last else None)

    def _edits(self, files: _Files, fresh: Iterable[_File]) -> dict[str, str]:
        """{edited instance: the one before} of the files that are edits: a chain must be known before its first file."""
        found: dict[str, str] = {}
        for one in fresh:
            content = files.read(one)
            instance = _parsed(content) if EDIT in content else None
            if isinstance(instance, Instance) and instance.deprecated_id:
                found[without_uuid(instance.instance_id)] = without_uuid(instance.deprecated_id)
        return found

    def sweep(self, held: Held) -> Iterator[Page]:  # noqa: ARG002 - the protocol's
        """Nothing: a file that was moved away is not a deletion."""
        return iter(())

    def form_version(self, native_form: str, native_version: str) -> FormVersion:
        """The local workbook's version. SkipRecord when it is not at hand."""
        return self._forms.version(native_form, native_version)

    def committed(self, page: Page) -> None:
        """The files stay where they are; the cursor says that they were read."""

    def reread(self, native_id: str, raw: str) -> Submission:
        """A file out of the quarantine's copy. SkipRecord when it still cannot be understood."""
        instance = _parsed(raw.encode())
        if isinstance(instance, SkipRecord):
            raise instance
        deprecated = without_uuid(instance.deprecated_id or "")
        before = {without_uuid(instance.instance_id): deprecated} if deprecated else {}
        return self._submission(native_id, instance, before)

    def _page(
        self,
        files: _Files,
        some: Iterable[_File],
        edits: Mapping[str, str],
        read: set[bytes],
        lost: list[Unreadable],
    ) -> Page:
        """The submissions of some files. A file that could not be read is struck off `read`: it is tried again."""
        superseded = set(edits.values())
        submissions: list[Submission] = []
        unreadable, settled = list(lost), list[str]()
        for one in some:
            content = files.read(one)
            if _root_of(content) == BLANK_FORM:
                continue
            try:
                instance = _parsed(content)
                if isinstance(instance, SkipRecord):
                    raise instance
                if not self._forms.has(instance.form_id, instance.version):
                    read.discard(one.mark)  # tried again, with the workbook that was missing
                if without_uuid(instance.instance_id) in superseded:
                    settled.append(one.name)
                else:
                    submissions.append(self._submission(one.name, instance, edits))
            except SkipRecord as error:
                read.discard(one.mark)
                raw = content.decode("utf-8", errors="replace")
                unreadable.append(Unreadable(self.name, one.name, str(error), raw))
        return Page(tuple(submissions), tuple(unreadable), settled=tuple(settled))

    def _submission(self, name: str, instance: Instance, before: Mapping[str, str]) -> Submission:
        form_id, form_version = self._forms.names(instance.form_id, instance.version)
        version_id = without_uuid(instance.instance_id)
        return Submission(
            source=self.name,
            native_form=instance.form_id,
            native_version=instance.version,
            form_id=form_id,
            form_version=form_version,
            root_id=_root(version_id, before),
            version_id=version_id,
            changed_at=None,
            mode="enumerator",
            collector=None,
            review="none",
            deleted=False,
            answers=instance.answers,
            native_id=name,
        )


def _mark(name: str, look: str) -> bytes:
    return hashlib.blake2b(
        f"{name}\0{look}".encode(errors="surrogateescape"), digest_size=MARK_BYTES
    ).digest()


def _cursor(read: Iterable[bytes], edits: Mapping[str, str]) -> dict[str, Any]:
    return {"read": b64encode(b"".join(sorted(read))).decode(), "edits": dict(edits)}


def _known(cursor: Mapping[str, Any]) -> set[bytes]:
    """The marks of the files that were read. A cursor from before there were marks names them."""
    marks = b64decode(str(cursor.get("read", "")))
    named = {_mark(name, str(look)) for name, look in cursor.get("looks", {}).items()}
    return named | {marks[at : at + MARK_BYTES] for at in range(0, len(marks), MARK_BYTES)}


def _root(version_id: str, before: Mapping[str, str]) -> str:
    """The first instance of a chain of edits; a chain that bites its tail ends where it began."""
    passed = {version_id}
    while (older := before.get(version_id)) and older not in passed:
        version_id = older
        passed.add(older)
    return version_id


def _root_of(content: bytes) -> str | None:
    """The name of the first element; None where there is none, or before it something no instance has."""
    parser = etree.XMLPullParser(("start",), resolve_entities=False, no_network=True, load_dtd=False)
    try:
        parser.feed(content[:HEAD_BYTES])
    except etree.XMLSyntaxError:
        return None
    return next((str(getattr(begun, "tag", "")) for _, begun in parser.read_events()), None)


def _parsed(content: bytes) -> Instance | SkipRecord:
    try:
        instance = read_instance(content)
    except FormError as error:
        return SkipRecord(f"{error} The file stays where it is; replace it and it is read again.")
    if any(ENCRYPTED in path for path in instance.answers):
        return SkipRecord(
            "The instance is encrypted; take it from the platform that holds the key. The file stays where it is."
        )
    if not instance.instance_id:
        return SkipRecord("The instance has no instanceID, so it cannot be told from another one.")
    return instance


class _Files:
    """Files in folders and in ZIP files, read alike. The ZIP files stay open as long as `stack`."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._zips: dict[Path, zipfile.ZipFile] = {}

    def listed(self, folder: Path, source: str, lost: list[Unreadable]) -> Iterator[_File]:
        """Every XML file, sorted by name; a ZIP file that cannot be opened goes to `lost`."""
        for path in [folder] if folder.is_file() else sorted(folder.rglob("*")):
            name = path.name if path == folder else path.relative_to(folder).as_posix()
            kind = path.suffix.lower()
            if kind not in (".xml", ".zip") or _is_hidden(name) or path.is_symlink() or not path.is_file():
                continue
            if kind == ".xml":
                seen = path.stat()
                yield _File(name, f"{seen.st_size}-{seen.st_mtime_ns}", path)
                continue
            try:
                yield from self._members(path, name)
            except (zipfile.BadZipFile, OSError) as error:
                reason = (
                    f"The ZIP file cannot be opened ({type(error).__name__}); copy it again. It stays where it is, "
                    "and the next run tries again."
                )
                lost.append(Unreadable(source, name, reason, ""))

    def _members(self, path: Path, name: str) -> Iterator[_File]:
        archive = self._zips[path] = self._stack.enter_context(zipfile.ZipFile(path))
        for one in sorted(archive.infolist(), key=lambda info: info.filename):
            if one.filename.lower().endswith(".xml") and not _is_hidden(one.filename) and not one.is_dir():
                yield _File(f"{name}/{one.filename}", f"{one.file_size}-{one.CRC:08x}", path, one.filename)

    def read(self, file: _File) -> bytes:
        """The file, or a byte more than is ever read of one; b"" of one that cannot be read (it is no instance then)."""
        try:
            if not file.member:
                with file.path.open("rb") as plain:
                    return plain.read(MOST_BYTES + 1)
            with self._zips[file.path].open(file.member) as packed:
                return packed.read(MOST_BYTES + 1)
        except (
            OSError,
            RuntimeError,
            zipfile.BadZipFile,
            NotImplementedError,
        ):  # taken away, or with a password
            return b""


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part in NOT_INSTANCES for part in PurePosixPath(name).parts)
