"""What happens inside KoboToolbox, without HTTP: forms are imported and deployed, submissions come, change and go."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shakti.demo.instances import Deployed, InstanceError, edited, instance_id, parse, text_at
from shakti.demo.kobo_assets import LABELS, Asset, Event, Media, Service, Version
from shakti.demo.kobo_forms import ImportRefusedError, content_of, renamed
from shakti.demo.kobo_rows import Stored, bare, base_of, row_of
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


class Platform:
    """One KoboToolbox account in memory. `folder` holds the uploaded workbooks; `rng` draws the uids."""

    def __init__(
        self, *, clock: Callable[[], datetime], owner: str, folder: Path, rng: random.Random, first_id: int
    ) -> None:
        self.clock, self.owner = clock, owner
        self.assets: dict[str, Asset] = {}
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
        self, xml: bytes, *, by: str | None, submitted_at: datetime | None = None
    ) -> tuple[int, Asset, Stored]:
        """Take one submission: 201 for a new row or an edit, 202 for the same bytes again.

        Raises RefusedError with OpenRosa's status and message for everything else.
        """
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
        known = asset.known(uuid)
        if known is not None:
            if known.xml == xml:
                return DUPLICATE, asset, known
            raise RefusedError(409, "Submission with this instance ID already exists")
        if base_of(root):
            return CREATED, asset, self._edit(asset, xml)
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
        asset.keep(stored)
        asset.history.append(Event("add-submission", self.clock(), {"root_uuid": uuid, "submitted_by": by}))
        return CREATED, asset, stored

    def rewrite(self, asset: Asset, stored: Stored, answers: Mapping[str, str]) -> Stored:
        """Edit a row on the platform: new instance id, some answers replaced."""
        new_id = f"uuid:{_uuid_from(self._rng)}"
        try:
            xml = edited(stored.xml.decode(), new_id=new_id, answers=answers)
        except KeyError as error:
            raise RefusedError(404, "Not found.") from error
        return self._edit(asset, xml.encode())

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
        """Remove a row: nothing of it stays but an entry in the history."""
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

    def _edit(self, asset: Asset, xml: bytes) -> Stored:
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
