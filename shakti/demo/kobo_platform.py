"""What happens inside KoboToolbox, without HTTP: forms are imported and deployed, submissions come, change and go."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shakti.demo.instances import Deployed, InstanceError, edited, find, instance_id, parse, text_at, write
from shakti.demo.kobo_assets import LABELS, Asset, Event, Media, Service, Version
from shakti.demo.kobo_forms import ImportRefusedError, content_of, renamed
from shakti.demo.kobo_permission import Permission
from shakti.demo.kobo_rows import Attachment, Stored, bare, base_of, names_of_files, row_of
from shakti.demo.shapes import read_shape
from xlsforms.errors import FormError
from xlsforms.workbook import sheets, to_xform

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
CREATED, DUPLICATE = 201, 202
MEDIA_TYPES = {".csv": "text/csv", ".png": "image/png", ".mp3": "audio/mpeg"}


class RefusedError(Exception):
    """The platform says no: an HTTP status and the words that go with it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Pending:
    """A submission that has its number and its time and is not visible yet: its files are still being stored."""

    asset: Asset
    stored: Stored
    log: Callable[[], None]

    def commit(self) -> str:
        """Make it visible; returns the root uuid."""
        self.asset.keep(self.stored)
        self.log()
        return self.stored.root


class Platform:
    """One KoboToolbox account in memory. `folder` holds the uploaded workbooks; `rng` draws the uids.

    `permission` is what the token may, `page_limit` the most rows of a page, `full` whether the owner's plan is used
    up (402), `processing` the roots whose POST is being worked on by another process (423).
    """

    def __init__(
        self, *, clock: Callable[[], datetime], owner: str, folder: Path, rng: random.Random, first_id: int
    ) -> None:
        self.clock, self.owner = clock, owner
        self.assets: dict[str, Asset] = {}
        self.permission = Permission()
        self.page_limit, self.full = 1000, False
        self.processing: set[str] = set()
        self.user_uid = ""
        self._folder, self._rng, self._next_id = folder, rng, first_id
        self.user_uid = self.new_uid("u")

    def new_uid(self, prefix: str, length: int = 22) -> str:
        """A random uid in the platform's alphabet."""
        return prefix + "".join(self._rng.choices(ALPHABET, k=length))

    def import_workbook(
        self,
        content: bytes,
        *,
        filename: str,
        name: str = "",
        destination: str | None = None,
        block: bool = False,
    ) -> tuple[Asset, bool]:
        """Make an asset of a workbook, or replace the draft of `destination`; True when the asset is new.

        The form is not compiled here: what is broken in it shows at deployment. Raises ImportRefusedError.
        """
        workbook = self._folder / f"{self.new_uid('w')}{Path(filename).suffix or '.xlsx'}"
        workbook.write_bytes(content)
        try:
            rows = {name: [row.cells for row in found] for name, found in sheets(workbook).items()}
        except Exception as error:
            # Whatever the reader says about a broken file, the platform has one sentence for it.
            raise ImportRefusedError("Unsupported format, or corrupt file", "XlsFormatException") from error
        title, form = content_of(rows, lambda: self.new_uid("", 9))
        now = self.clock()
        asset = self._destination(destination) if destination else self._new_asset(now, block=block)
        asset.name = title.text or name or asset.name
        number = asset.next_number() if asset.versions else "1"
        asset.versions.append(Version(self.new_uid("v"), form, workbook, now, number))
        asset.modified_at = now
        asset.history.append(Event("replace-form", now))
        return asset, destination is None

    def attach(self, asset: Asset, filename: str, content: bytes) -> Media:
        """Add a form file. Raises RefusedError when the name is taken: the old one must be deleted first."""
        if any(media.filename == filename for media in asset.files.values()):
            raise RefusedError(400, "File already exists")
        media = Media(
            uid=self.new_uid("af"),
            filename=filename,
            mimetype=MEDIA_TYPES.get(Path(filename).suffix, "application/octet-stream"),
            content=content,
            md5=hashlib.md5(content, usedforsecurity=False).hexdigest(),
            created_at=self.clock(),
        )
        asset.files[media.uid] = media
        return media

    def deploy(self, asset: Asset, *, active: bool) -> None:
        """Compile the newest version and put it into service. Raises RefusedError when it does not compile."""
        version, now = asset.latest, self.clock()
        try:
            xform = to_xform(version.workbook).xform
        except FormError as error:
            raise RefusedError(400, str(error)) from error
        again = version.deployed_at is not None
        version.deployed_at = version.modified_at = now
        version.number = str(len(asset.deployed_versions))
        names = Deployed(
            uid=asset.uid,
            version=f"{version.number} ({now.astimezone(UTC):%Y-%m-%d %H:%M:%S})",
            version_uid=version.uid,
            formhub_uuid=asset.formhub_uuid,
        )
        first = asset.service is None
        form = renamed(xform, names)
        asset.service = Service(version, names, form, read_shape(form))
        asset.active, asset.modified_at = active, now
        asset.history.append(Event("deploy" if first and not again else "redeploy", now))

    def receive(
        self,
        xml: bytes,
        *,
        by: str | None,
        submitted_at: datetime | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> tuple[int, Asset, Stored]:
        """Take one submission: 201 for a new row, an edit or new files, 202 for the same bytes again.

        Raises RefusedError with OpenRosa's status and message for everything else.
        """
        given = files or {}
        asset, root, uuid = self._opened(xml)
        known = asset.known(uuid)
        if known is not None:
            if known.xml != xml:
                raise RefusedError(409, "Submission with this instance ID already exists")
            fresh = {name: content for name, content in given.items() if name not in known.files}
            self._keep_files(known, fresh)
            return CREATED if fresh else DUPLICATE, asset, known
        if base_of(root):
            return CREATED, asset, self._edit(asset, xml, given)
        pending = self.begin(xml, by=by, submitted_at=submitted_at, files=given)
        pending.commit()
        return CREATED, asset, pending.stored

    def begin(
        self,
        xml: bytes,
        *,
        by: str | None,
        submitted_at: datetime | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> Pending:
        """A new submission up to the moment before it becomes visible: number and time are taken, files come next."""
        asset, root, uuid = self._opened(xml)
        now = submitted_at or _client_time(root.get("submissionDate")) or self.clock()
        row = row_of(
            root,
            id=self._new_id(),
            root_uuid=uuid,
            submitted_at=now,
            by=by,
            repeats=self._repeats(asset),
            validation={},
        )
        stored = Stored(row, xml, uuid, now)
        self._keep_files(stored, files or {})

        def log() -> None:
            about = {"root_uuid": uuid, "submitted_by": by}
            asset.history.append(Event("add-submission", self.clock(), about))

        return Pending(asset, stored, log)

    def haunt(self, xml: bytes, *, by: str | None) -> Stored:
        """A commit that failed: the client hears 500, the row stays listed, and the database never had it."""
        pending = self.begin(xml, by=by)
        pending.stored.ghost = True
        pending.asset.keep(pending.stored)
        return pending.stored

    def add_file(self, stored: Stored, name: str, content: bytes) -> None:
        """A file that came later than its submission: no id, no time and no entry in the history tells of it."""
        self._keep_files(stored, {name: content})

    def duplicate(self, stored: Stored) -> Stored:
        """A copy under an instance id, a root and a number of its own."""
        root = parse(stored.xml)
        now, uuid = self.clock(), _uuid_from(self._rng)
        text = now.astimezone(UTC).isoformat(timespec="milliseconds")
        for path, value in (("start", text), ("end", text), ("meta/instanceID", f"uuid:{uuid}")):
            element = find(root, path)
            if element is not None:
                element.text = value
        old = find(root, "meta/deprecatedID")
        if old is not None and (meta := old.getparent()) is not None:
            meta.remove(old)
        return self.receive(write(root).encode(), by=stored.row["_submitted_by"])[2]

    def resync(self, asset: Asset) -> None:
        """Fill the listing from the database again: ghosts vanish, a time chosen by a client is shown in UTC at last."""
        for stored in list(asset.rows.values()):
            if stored.ghost:
                asset.drop(stored)
                continue
            chosen = parse(stored.xml).get("submissionDate")
            if chosen:
                moment = datetime.fromisoformat(chosen).astimezone(UTC)
                stored.row["_submission_time"] = moment.strftime("%Y-%m-%dT%H:%M:%S")

    def _opened(self, xml: bytes) -> tuple[Asset, Any, str]:
        """The form, the root element and the instance id of what was posted. RefusedError as OpenRosa refuses."""
        try:
            root = parse(xml)
        except InstanceError as error:
            raise RefusedError(400, "Improperly formatted XML.") from error
        uuid = bare(instance_id(root))
        if not uuid:
            raise RefusedError(400, "Instance ID is required")
        asset = self._asset_for(root)
        if not asset.active:
            raise RefusedError(405, "Form is not active")
        if not self.permission.add:
            raise RefusedError(403, "Access denied")
        if self.full:
            raise RefusedError(402, "The owner of this project has exceeded the submission limit.")
        base = base_of(root) or uuid
        known = asset.known(base)
        if (known.root if known else base) in self.processing:
            raise RefusedError(423, f"Submission {base} is currently being processed. Try again later.")
        return asset, root, uuid

    def _keep_files(self, stored: Stored, files: Mapping[str, bytes]) -> None:
        named = names_of_files(stored.row, files)
        for name, content in files.items():
            kind = MEDIA_TYPES.get(Path(name).suffix, "application/octet-stream")
            uid = self.new_uid("att")
            stored.files[name] = Attachment(uid, name, content, kind, named.get(name, ""))

    def rewrite(self, asset: Asset, stored: Stored, answers: Mapping[str, str]) -> Stored:
        """Edit a row on the platform: new instance id, some answers replaced."""
        new_id = f"uuid:{_uuid_from(self._rng)}"
        try:
            xml = edited(stored.xml.decode(), new_id=new_id, answers=answers)
        except KeyError as error:
            raise RefusedError(404, "Not found.") from error
        return self._edit(asset, xml.encode(), {})

    def review(self, asset: Asset, stored: Stored, status: str | None) -> dict[str, Any]:
        """Set or clear a row's validation status. Raises RefusedError for an unknown one."""
        if status is not None and status not in LABELS:
            raise RefusedError(400, f"Invalid validation status: `{status}`")
        now = self.clock()
        value: dict[str, Any] = {}
        if status is not None:
            label = LABELS[status]
            value = {"timestamp": int(now.timestamp()), "uid": status, "by_whom": self.owner, "label": label}
        stored.row["_validation_status"] = value
        about = {"status": value.get("label"), "root_uuid": stored.root}
        asset.history.append(
            Event("modify-submission", now, about | {"submitted_by": stored.row["_submitted_by"]})
        )
        return value

    def delete(self, asset: Asset, stored: Stored) -> None:
        """Remove a row: nothing of it stays but an entry in the history. A ghost cannot be removed (404)."""
        if stored.ghost:
            raise RefusedError(404, "Submission not found")
        asset.drop(stored)
        about = {"root_uuid": stored.root, "submitted_by": stored.row["_submitted_by"]}
        asset.history.append(Event("delete-submission", self.clock(), about))

    def _new_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def _new_asset(self, now: datetime, *, block: bool) -> Asset:
        asset = Asset(
            uid=self.new_uid("a"),
            owner=self.owner,
            name="",
            kind="block" if block else "survey",
            created_at=now,
            modified_at=now,
            formhub_uuid=f"{self._rng.getrandbits(128):032x}",
        )
        self.assets[asset.uid] = asset
        return asset

    def _destination(self, address: str) -> Asset:
        if "/" not in address:
            raise ImportRefusedError(f"{{'path': '{address}'}}", "Resolver404")
        asset = self.assets.get(address.partition("?")[0].rstrip("/").rpartition("/")[2])
        if asset is None:
            raise ImportRefusedError("Asset matching query does not exist.", "DoesNotExist")
        return asset

    def _asset_for(self, root: Any) -> Asset:
        """The form is found by `formhub/uuid`, or by the id KoboToolbox gave it; our own id is unknown here."""
        uuid = text_at(root, "formhub/uuid")
        for asset in self.assets.values():
            if asset.service and uuid and (uuid == asset.formhub_uuid or root.get("id") == asset.uid):
                return asset
        raise RefusedError(404, "Form does not exist, or is not active.")

    def _edit(self, asset: Asset, xml: bytes, files: Mapping[str, bytes]) -> Stored:
        root = parse(xml)
        base = base_of(root)
        stored = asset.known(base)
        if stored is None:
            raise RefusedError(404, "Submission not found")
        if stored.uuid != base:
            raise RefusedError(410, "Invalid submission - deprecatedID refers to an old version")
        row = row_of(
            root,
            id=stored.id,
            root_uuid=stored.root,
            submitted_at=stored.submitted_at,
            by=stored.row["_submitted_by"],
            repeats=self._repeats(asset),
            validation=stored.row["_validation_status"],
        )
        stored.former.append(stored.uuid)
        stored.row, stored.xml = row, xml
        kept = {name: file.content for name, file in stored.files.items()}
        stored.files.clear()
        self._keep_files(stored, {**kept, **files})  # a file the new XML does not name is not shown any more
        asset.keep(stored)
        about = {"root_uuid": stored.root, "submitted_by": row["_submitted_by"]}
        asset.history.append(Event("modify-submission", self.clock(), about))
        return stored

    def _repeats(self, asset: Asset) -> frozenset[str]:
        return asset.service.shape.repeats if asset.service else frozenset()


def _client_time(text: str | None) -> datetime | None:
    """A `submissionDate` the client wrote on the root: its local time is shown as if it were UTC."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None


def _uuid_from(rng: random.Random) -> str:
    """A random UUID (version 4) out of the given randomness."""
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
