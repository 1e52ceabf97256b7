"""KoboToolbox's assets: a form with its versions, files and deployment, and the JSON the API shows of them."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shakti.demo.instances import Deployed
from shakti.demo.kobo_forms import Content, content_hash, summary_of
from shakti.demo.kobo_rows import Attachment, Row, Stored
from shakti.demo.shapes import Shape

LABELS = {
    "validation_status_approved": "Approved",
    "validation_status_not_approved": "Not Approved",
    "validation_status_on_hold": "On Hold",
}


@dataclass
class Version:
    """One state of an asset's content, made by an import; `deployed_at` once it is in service."""

    uid: str
    content: Content
    workbook: Path
    modified_at: datetime
    number: str
    deployed_at: datetime | None = None

    @property
    def form_id(self) -> str:
        """Our own form id, which survives in the settings only."""
        return str(self.content["settings"].get("id_string", ""))


@dataclass(frozen=True)
class Media:
    """A file attached to the form."""

    uid: str
    filename: str
    mimetype: str
    content: bytes
    md5: str
    created_at: datetime


@dataclass(frozen=True)
class Service:
    """What is deployed: the version, KoboToolbox's names for it, and the compiled form."""

    version: Version
    names: Deployed
    xform: str
    shape: Shape


@dataclass(frozen=True)
class Event:
    """Something that happened to a project; `submission` for what happened to one of its rows."""

    action: str
    at: datetime
    submission: Mapping[str, Any] | None = None


@dataclass
class Asset:
    """A project: its versions oldest first, its submissions by `_id`, its history oldest first."""

    uid: str
    owner: str
    name: str
    kind: str
    created_at: datetime
    modified_at: datetime
    formhub_uuid: str
    versions: list[Version] = field(default_factory=list)
    files: dict[str, Media] = field(default_factory=dict)
    rows: dict[int, Stored] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    history: list[Event] = field(default_factory=list)
    service: Service | None = None
    active: bool = False
    order: list[int] = field(default_factory=list)

    @property
    def latest(self) -> Version:
        """The newest version, deployed or not."""
        return self.versions[-1]

    @property
    def deployed_versions(self) -> list[Version]:
        """The versions that were ever in service, oldest first."""
        return [version for version in self.versions if version.deployed_at]

    def next_number(self) -> str:
        """The number of a new draft: "2.1" after the second deployment."""
        deployed = len(self.deployed_versions)
        return f"{deployed}.{len(self.versions) - deployed + 1}"

    def keep(self, stored: Stored) -> None:
        """Put a submission, or its new state after an edit, where its number and all its uuids find it."""
        if stored.id not in self.rows:
            insort(
                self.order, stored.id
            )  # a row that was long in coming stands below others that came before it
        self.rows[stored.id] = stored
        if stored.ghost:
            return
        for uuid in (stored.root, stored.uuid, *stored.former):
            self.numbers[uuid] = stored.id

    def drop(self, stored: Stored) -> None:
        """Forget a submission; its uuids may come again."""
        del self.rows[stored.id]
        self.order.remove(stored.id)
        for uuid in (stored.root, stored.uuid, *stored.former):
            self.numbers.pop(uuid, None)

    def known(self, uuid: str) -> Stored | None:
        """The submission that has, or once had, this instance id (without `uuid:`)."""
        number = self.numbers.get(uuid)
        return None if number is None else self.rows[number]


def iso(moment: datetime) -> str:
    """A time as the asset's JSON writes it: microseconds and Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Links:
    """The addresses an answer carries: absolute, with `format=json` if the request asked for it."""

    def __init__(self, base: str, format_json: bool) -> None:
        self._base, self._tail = base, "?format=json" if format_json else ""

    def __call__(self, path: str) -> str:
        return f"{self._base}/{path}{self._tail}"

    def plain(self, path: str) -> str:
        """An address outside the API, which never carries the format."""
        return f"{self._base}/{path}"


def media_json(asset: Asset, media: Media, link: Links) -> dict[str, Any]:
    """A form file, as `/files/` shows it."""
    here = f"api/v2/assets/{asset.uid}/files/{media.uid}/"
    return {
        "uid": media.uid,
        "url": link(here),
        "asset": link(f"api/v2/assets/{asset.uid}/"),
        "user": link(f"api/v2/users/{asset.owner}/"),
        "user__username": asset.owner,
        "file_type": "form_media",
        "description": "default",
        "date_created": iso(media.created_at),
        "content": link(f"{here}content/"),
        "metadata": {"filename": media.filename, "hash": f"md5:{media.md5}", "mimetype": media.mimetype},
    }


def shown(asset: Asset, stored: Stored, link: Links) -> Row:
    """A row as the API shows it: its files have addresses on this server."""
    row = stored.row
    named = [file for file in stored.files.values() if file.xpath]
    return row | {"_attachments": [_file_json(asset, stored, file, link) for file in named]} if named else row


def _file_json(asset: Asset, stored: Stored, file: Attachment, link: Links) -> dict[str, Any]:
    here = link.plain(f"api/v2/assets/{asset.uid}/data/{stored.id}/attachments/{file.uid}/")
    folder = f"{asset.owner}/attachments/{asset.formhub_uuid}/{stored.uuid}"
    return {
        "download_url": here,
        "mimetype": file.mimetype,
        "filename": f"{folder}/{file.name.replace(' ', '_')}",
        "media_file_basename": file.name,
        "uid": file.uid,
        "is_deleted": False,
        "download_large_url": f"{here}large/",
        "download_medium_url": f"{here}medium/",
        "download_small_url": f"{here}small/",
        "question_xpath": file.xpath,
    }


def version_json(asset: Asset, version: Version, link: Links) -> dict[str, Any]:
    """A version, as the list of versions shows it."""
    return {
        "uid": version.uid,
        "url": link(f"api/v2/assets/{asset.uid}/versions/{version.uid}/"),
        "content_hash": content_hash(version.content),
        "date_deployed": iso(version.deployed_at) if version.deployed_at else False,
        "date_modified": iso(version.modified_at),
        "version_number": version.number,
    }


def page_json(results: list[Any]) -> dict[str, Any]:
    """A list that fits on one page."""
    return {"count": len(results), "next": None, "previous": None, "results": results}


def deployment_status(asset: Asset) -> str:
    """draft, deployed or archived."""
    if asset.service is None:
        return "draft"
    return "deployed" if asset.active else "archived"


def asset_json(asset: Asset, link: Links) -> dict[str, Any]:
    """An asset as `/assets/{uid}/` shows it, without the keys that concern the web pages and permissions."""
    here, latest, service = f"api/v2/assets/{asset.uid}/", asset.latest, asset.service
    deployed = [version_json(asset, version, link) for version in reversed(asset.deployed_versions)]
    times = [stored.submitted_at for stored in asset.rows.values()]
    return {
        "url": link(here),
        "owner": link(f"api/v2/users/{asset.owner}/"),
        "owner__username": asset.owner,
        "asset_type": asset.kind,
        "files": [media_json(asset, media, link) for media in asset.files.values()],
        "summary": summary_of(latest.content),
        "date_created": iso(asset.created_at),
        "date_modified": iso(asset.modified_at),
        "date_deployed": iso(service.version.deployed_at)
        if service and service.version.deployed_at
        else None,
        "version_id": latest.uid,
        "version__content_hash": content_hash(latest.content),
        "version_count": len(asset.versions),
        "has_deployment": service is not None,
        "deployed_version_id": service.version.uid if service else None,
        "deployed_versions": page_json(deployed),
        "deployment__links": {},
        "deployment__active": asset.active,
        "deployment__submission_count": len(asset.rows),
        "deployment__last_submission_time": iso(max(times)) if times else None,
        "deployment__encrypted": False,
        "deployment__uuid": asset.formhub_uuid,
        "deployment_status": deployment_status(asset),
        "content": latest.content,
        "uid": asset.uid,
        "kind": "asset",
        "name": asset.name,
        "data": link(f"{here}data/"),
        "status": "private",
        "owner_label": asset.owner,
    }


def event_json(asset: Asset, event: Event, link: Links, *, user_uid: str) -> dict[str, Any]:
    """An entry of the project's history."""
    metadata: dict[str, Any] = {"source": "Python Requests (Other)", "asset_uid": asset.uid}
    metadata["ip_address"] = "192.0.2.1"
    if event.submission is not None:
        metadata["submission"] = dict(event.submission)
    return {
        "user": link(f"api/v2/users/{asset.owner}/"),
        "user_uid": user_uid,
        "username": asset.owner,
        "action": event.action,
        "metadata": metadata | {"log_subtype": "project", "project_owner": asset.owner},
        "date_created": event.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
