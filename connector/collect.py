"""A folder of instance files as ODK Collect leaves them: read once each, a broken one never stops the rest.

Collect keeps `instances/<form>_<date>/<form>_<date>.xml`, with photos beside it; a flat folder of XML files does as
well. The cursor remembers of each file a hash of its content and its instance ids. An edited form is a new file whose
`deprecatedID` names the one before: the chain gives the root, and only its newest file counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector.errors import GiveUp, SkipRecord
from connector.local_forms import LocalForms
from connector.submission import FormVersion, Held, Page, Submission, Unreadable, without_uuid
from xlsforms import Form, Instance, read_instance
from xlsforms.errors import FormError

__all__ = ["CollectSource"]

FILES_PER_PAGE = 200
MOST_BYTES = 1024 * 1024  # an evaluation has a few kilobytes; what is larger is refused, not read
HASH_CHARACTERS = 32
NOT_INSTANCES = ("__MACOSX",)
ENCRYPTED = "base64EncryptedKey"


@dataclass(frozen=True)
class _Seen:
    """What the cursor keeps of a file."""

    digest: str
    instance: str = ""
    deprecated: str = ""


class CollectSource:
    """The instance files below `folder`, filled in with `forms`.

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
        """New and changed files in the order of their names. GiveUp when the folder is not there."""
        if not self._folder.is_dir():
            raise GiveUp(
                f"The folder {self._folder} is not there; copy the phones' `instances` folder to it, or correct "
                "`sources.collect.folder` in config.yml."
            )
        seen = {name: _Seen(*entry) for name, entry in (cursor or {}).get("files", {}).items()}
        fresh = [(name, text) for name, text in self._read() if _changed(seen.get(name), text)]
        read = {name: self._parsed(text) for name, text in fresh}
        for name, text in fresh:
            seen[name] = self._remembered(text, read[name])
        before = {one.instance: one.deprecated for one in seen.values() if one.deprecated}
        for start in range(0, len(fresh), self._files_per_page):
            some = fresh[start : start + self._files_per_page]
            unread = {name for name, _ in fresh[start + self._files_per_page :]}
            files = {
                name: [one.digest, one.instance, one.deprecated]
                for name, one in sorted(seen.items())
                if name not in unread
            }
            yield self._page(some, read, before, {"files": files})

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
        instance = self._parsed(raw.encode())
        if isinstance(instance, SkipRecord):
            raise instance
        deprecated = without_uuid(instance.deprecated_id or "")
        before = {without_uuid(instance.instance_id): deprecated} if deprecated else {}
        return self._submission(native_id, instance, before)

    def _read(self) -> Iterator[tuple[str, bytes]]:
        """(name below the folder, content) of every instance file, sorted by name."""
        for path in sorted(self._folder.rglob("*.xml")):
            name = path.relative_to(self._folder)
            hidden = any(part.startswith(".") or part in NOT_INSTANCES for part in name.parts)
            if not hidden and path.is_file() and not path.is_symlink():
                with path.open("rb") as file:
                    yield name.as_posix(), file.read(MOST_BYTES + 1)

    def _parsed(self, text: bytes) -> Instance | SkipRecord:
        try:
            instance = read_instance(text)
        except FormError as error:
            return SkipRecord(f"{error} The file stays where it is; replace it and it is read again.")
        if any(ENCRYPTED in path for path in instance.answers):
            return SkipRecord(
                "The instance is encrypted; take it from the platform that holds the key. The file stays where it is."
            )
        if not instance.instance_id:
            return SkipRecord("The instance has no instanceID, so it cannot be told from another one.")
        return instance

    def _remembered(self, text: bytes, read: Instance | SkipRecord) -> _Seen:
        """Without a digest where it could not be read: it is tried again, with the workbook that was missing."""
        if isinstance(read, SkipRecord):
            return _Seen("")
        digest = _digest(text) if self._forms.has(read.form_id, read.version) else ""
        return _Seen(digest, without_uuid(read.instance_id), without_uuid(read.deprecated_id or ""))

    def _page(
        self,
        files: list[tuple[str, bytes]],
        read: Mapping[str, Instance | SkipRecord],
        before: Mapping[str, str],
        cursor: dict[str, Any],
    ) -> Page:
        superseded = set(before.values())
        submissions: list[Submission] = []
        unreadable: list[Unreadable] = []
        for name, text in files:
            instance = read[name]
            try:
                if isinstance(instance, SkipRecord):
                    raise instance
                if without_uuid(instance.instance_id) not in superseded:
                    submissions.append(self._submission(name, instance, before))
            except SkipRecord as error:
                raw = text.decode("utf-8", errors="replace")
                unreadable.append(Unreadable(self.name, name, str(error), raw))
        return Page(tuple(submissions), tuple(unreadable), cursor)

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


def _root(version_id: str, before: Mapping[str, str]) -> str:
    """The first instance of a chain of edits; a chain that bites its tail ends where it began."""
    passed = {version_id}
    while (older := before.get(version_id)) and older not in passed:
        version_id = older
        passed.add(older)
    return version_id


def _changed(known: _Seen | None, text: bytes) -> bool:
    return known is None or known.digest != _digest(text)


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:HASH_CHARACTERS]
