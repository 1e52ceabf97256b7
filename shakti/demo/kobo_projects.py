"""KoboToolbox's `/assets/` and `/imports/` addresses: forms come in, get files, are deployed, and tell their history."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from shakti.demo.kobo_assets import (
    Asset,
    Event,
    Media,
    asset_json,
    event_json,
    iso,
    media_json,
    page_json,
    version_json,
)
from shakti.demo.kobo_call import BadRequestError, Call, ServerError, answer_json
from shakti.demo.kobo_forms import ImportRefusedError, summary_of
from shakti.demo.kobo_platform import Platform, RefusedError
from shakti.demo.kobo_query import found_by
from shakti.demo.loopback import Response, Route, compact


class ProjectRoutes:
    """The handlers of imports, assets, their files, deployment, versions and history."""

    def __init__(self, platform: Platform, *, import_polls: int) -> None:
        self._platform, self._polls = platform, import_polls
        self._imports: dict[str, dict[str, Any]] = {}

    def routes(self) -> tuple[Route, ...]:
        """The routes of this part of the API."""
        asset = "/api/v2/assets/{uid}/"
        return (
            Route("GET", "/api/v2/assets/", self._assets),
            Route("POST", "/api/v2/imports/", self._import),
            Route("GET", "/api/v2/imports/{import}/", self._import_status),
            Route("GET", asset, self._asset),
            Route("DELETE", asset, self._delete_asset),
            Route("GET", asset + "files/", self._files),
            Route("POST", asset + "files/", self._attach),
            Route("DELETE", asset + "files/{file}/", self._delete_file),
            Route("GET", asset + "files/{file}/content/", self._file),
            Route("GET", asset + "deployment/", self._deployment),
            Route("POST", asset + "deployment/", self._deploy),
            Route("PATCH", asset + "deployment/", self._redeploy),
            Route("GET", asset + "versions/", self._versions),
            Route("GET", asset + "versions/{version}/", self._version),
            Route("GET", asset + "history/", self._history),
        )

    def _assets(self, call: Call) -> Response:
        words = call.request.parameter("q") or ""
        found = [
            asset_json(asset, call.link)
            for asset in self._platform.assets.values()
            if not words or found_by(words, _asset_reader(asset))
        ]
        return answer_json(200, page_json(found))

    def _import(self, call: Call) -> Response:
        uid = self._platform.new_uid("i")
        state: dict[str, Any] = {"status": "complete", "messages": {}, "polls": self._polls}
        state["date_created"] = iso(self._platform.clock())
        try:
            state["messages"] = self._imported(call)
        except ImportRefusedError as error:
            state |= {"status": "error", "messages": {"error": str(error), "error_type": error.kind}}
        self._imports[uid] = state
        here = call.link(f"api/v2/imports/{uid}/")
        return answer_json(201, {"uid": uid, "url": here, "status": "processing"})

    def _imported(self, call: Call) -> dict[str, Any]:
        fields, files = call.fields()
        filename, content = files.get("file", ("", b""))
        asset, created = self._platform.import_workbook(
            content,
            filename=filename,
            name=str(fields.get("name", "")),
            destination=fields.get("destination"),
            # Only the exact text `false` counts; anything else makes a library block, and says so nowhere.
            block=fields.get("library") != "false",
        )
        about = {
            "uid": asset.uid,
            "kind": "asset",
            "summary": summary_of(asset.latest.content),
            "owner__username": asset.owner,
        }
        if created:
            return {"created": [about]}
        return {"updated": [about], "audit_logs": [{"latest_version_uid": asset.latest.uid}]}

    def _import_status(self, call: Call) -> Response:
        state = self._imports.get(call.names["import"])
        if state is None:
            raise RefusedError(404, "Not found.")
        waiting, state["polls"] = state["polls"] > 0, state["polls"] - 1
        body = {
            "status": "created" if waiting else state["status"],
            "uid": call.names["import"],
            "messages": {} if waiting else state["messages"],
            "date_created": state["date_created"],
        }
        return answer_json(200, body)

    def _asset(self, call: Call) -> Response:
        return answer_json(200, self._shown(call))

    def _shown(self, call: Call) -> dict[str, Any]:
        """The asset, with what the account may do with it."""
        permission = self._platform.permission
        body = asset_json(call.asset, call.link)
        body["effective_permissions"] = [{"codename": name} for name in permission.codenames]
        return body if permission.view else body | {"deployment__submission_count": None}

    def _delete_asset(self, call: Call) -> Response:
        del self._platform.assets[call.asset.uid]
        return Response(204)

    def _files(self, call: Call) -> Response:
        files = [media_json(call.asset, media, call.link) for media in call.asset.files.values()]
        return answer_json(200, page_json(files))

    def _attach(self, call: Call) -> Response:
        fields, files = call.fields()
        filename, content = files.get("content", ("", b""))
        metadata = json.loads(fields.get("metadata") or "{}")
        try:
            media = self._platform.attach(call.asset, metadata.get("filename", filename), content)
        except RefusedError as error:
            raise BadRequestError({"content": [str(error)]}) from error
        body = media_json(call.asset, media, call.link)
        return Response(201, compact(body), {"Content-Type": "application/json", "Location": body["url"]})

    def _delete_file(self, call: Call) -> Response:
        del call.asset.files[_media(call).uid]
        return Response(204)

    def _file(self, call: Call) -> Response:
        media = _media(call)
        return Response(200, media.content, {"Content-Type": media.mimetype})

    def _deployment(self, call: Call) -> Response:
        asset = call.asset
        if asset.service is None:
            raise RefusedError(404, "Not found.")
        body = {
            "backend": "openrosa",
            "active": asset.active,
            "version_id": asset.service.version.uid,
            "asset": self._shown(call),
        }
        return answer_json(200, body)

    def _deploy(self, call: Call) -> Response:
        if call.asset.service is not None:
            raise RefusedError(405, "Use PATCH to update an existing deployment")
        fields, _ = call.fields()
        return self._put_into_service(call, active=_true(fields.get("active")))

    def _redeploy(self, call: Call) -> Response:
        asset = call.asset
        if asset.service is None:
            raise RefusedError(405, "Use POST to create a new deployment")
        fields, _ = call.fields()
        if "version_id" in fields and fields["version_id"] != asset.latest.uid:
            raise ServerError
        if "active" in fields and "version_id" not in fields:
            # Answers 200 and deploys nothing: it only archives or unarchives.
            asset.active = _true(fields["active"])
            event = "unarchive" if asset.active else "archive"
            asset.history.append(Event(event, self._platform.clock()))
            return self._deployment(call)
        return self._put_into_service(call, active=_true(fields.get("active", asset.active)))

    def _put_into_service(self, call: Call, *, active: bool) -> Response:
        if call.asset.kind != "survey":
            raise ServerError
        try:
            self._platform.deploy(call.asset, active=active)
        except RefusedError as error:
            raise BadRequestError({"error": str(error)}) from error
        return self._deployment(call)

    def _versions(self, call: Call) -> Response:
        newest_first = reversed(call.asset.versions)
        versions = [version_json(call.asset, version, call.link) for version in newest_first]
        return answer_json(200, page_json(versions))

    def _version(self, call: Call) -> Response:
        for version in call.asset.versions:
            if version.uid == call.names["version"]:
                body = version_json(call.asset, version, call.link) | {"content": version.content}
                return answer_json(200, body)
        raise RefusedError(404, "Not found.")

    def _history(self, call: Call) -> Response:
        asset, read = call.asset, call.request.parameter
        if not self._platform.permission.manage:
            raise RefusedError(403, "You do not have permission to perform this action.")
        newest_first = reversed(asset.history)
        user_uid = self._platform.user_uid
        events = (event_json(asset, event, call.link, user_uid=user_uid) for event in newest_first)
        words = read("q") or ""
        found = [event for event in events if not words or found_by(words, _event_reader(event))]
        start, limit = int(read("start") or 0), min(int(read("limit") or 100), self._platform.page_limit)
        page = page_json(found) | {"results": found[start : start + limit]}
        if start + limit < len(found):
            query = {**dict(call.request.query), "limit": str(limit), "start": str(start + limit)}
            here = call.link.plain(f"api/v2/assets/{asset.uid}/history/")
            page["next"] = f"{here}?{urlencode(sorted(query.items()))}"
        return answer_json(200, page)


def _media(call: Call) -> Media:
    media = call.asset.files.get(call.names["file"])
    if media is None:
        raise RefusedError(404, "Not found.")
    return media


def _true(value: object) -> bool:
    return str(value).lower() in ("true", "1")


def _asset_reader(asset: Asset) -> Callable[[str], str | None]:
    values = {"": asset.name, "asset_type": asset.kind, "name": asset.name, "uid": asset.uid}
    return values.get


def _event_reader(event: Mapping[str, Any]) -> Callable[[str], str | None]:
    submission = event["metadata"].get("submission", {})
    values = {
        "action": event["action"],
        "date_created": event["date_created"],
        "metadata__submission__root_uuid": submission.get("root_uuid"),
    }
    return values.get
