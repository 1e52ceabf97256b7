"""KoboToolbox's OpenRosa side: what phones ask for and where they send to, in XML."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC
from html import escape
from typing import Any

from shakti.demo.kobo_assets import Asset
from shakti.demo.kobo_call import Call, ServerError
from shakti.demo.kobo_platform import CREATED, Platform, RefusedError
from shakti.demo.kobo_rows import Stored
from shakti.demo.wire import Response, Route

OPENROSA = {"Content-Type": "text/xml; charset=utf-8", "X-OpenRosa-Version": "1.0"}
MOST_BYTES = 10_000_000


class OpenRosaRoutes:
    """The handlers of form lists, forms, their files and submissions. `url` gives the server's own address."""

    def __init__(self, platform: Platform, *, url: Callable[[], str]) -> None:
        self._platform, self._url = platform, url

    def routes(self) -> tuple[Route, ...]:
        """Each address with and without the owner in front."""
        found: list[Route] = []
        for owner in ("", "/{owner}"):
            found += [
                Route("GET", f"{owner}/formList", self._list),
                Route("GET", f"{owner}/xformsManifest/{{uid}}", self._manifest),
                Route("HEAD", f"{owner}/submission", self._head),
                Route("POST", f"{owner}/submission", self._submission),
            ]
        return (*found, Route("GET", "/{owner}/forms/{uid}/form.xml", self._form))

    def _list(self, call: Call) -> Response:
        """The forms in service; an archived one is not among them."""
        self._require_owner(call)
        active = [asset for asset in self._platform.assets.values() if asset.service and asset.active]
        listed = "".join(self._listed(asset) for asset in active)
        body = f'<xforms xmlns="http://openrosa.org/xforms/xformsList">{listed}</xforms>'
        return Response(200, body.encode(), OPENROSA)

    def _listed(self, asset: Asset) -> str:
        if asset.service is None:
            return ""
        owner, xform = self._platform.owner, asset.service.xform.encode()
        md5 = hashlib.md5(xform, usedforsecurity=False).hexdigest()
        fields = {
            "formID": asset.uid,
            "name": asset.name,
            "version": asset.service.names.version,
            "hash": f"md5:{md5}",
            "downloadUrl": f"{self._url()}/{owner}/forms/{asset.uid}/form.xml",
            "manifestUrl": f"{self._url()}/{owner}/xformsManifest/{asset.uid}",
        }
        inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in fields.items())
        return f"<xform>{inner}</xform>"

    def _manifest(self, call: Call) -> Response:
        """The form's files: those that were there when it was deployed, others come with the next deployment."""
        asset = call.asset
        deployed = asset.service.version.deployed_at if asset.service else None
        there = [one for one in asset.files.values() if deployed and one.created_at <= deployed]
        inner = "".join(
            f"<mediaFile><filename>{escape(one.filename)}</filename><hash>md5:{one.md5}</hash><downloadUrl>"
            f"{self._url()}/api/v2/assets/{asset.uid}/files/{one.uid}/content/</downloadUrl></mediaFile>"
            for one in there
        )
        body = f'<manifest xmlns="http://openrosa.org/xforms/xformsManifest">{inner}</manifest>'
        return Response(200, body.encode(), OPENROSA)

    def _form(self, call: Call) -> Response:
        self._require_owner(call)
        if call.asset.service is None:
            raise RefusedError(404, "Not found.")
        return Response(200, call.asset.service.xform.encode(), OPENROSA)

    def _head(self, call: Call) -> Response:
        self._require_owner(call)
        return Response(204, headers=OPENROSA | {"X-OpenRosa-Accept-Content-Length": str(MOST_BYTES)})

    def _submission(self, call: Call) -> Response:
        if call.names.get("owner", self._platform.owner) != self._platform.owner:
            return Response(404, _message("Not found."), OPENROSA)
        _, files = call.fields()
        if "xml_submission_file" not in files:
            raise ServerError
        headers = OPENROSA | {"Location": self._url() + call.request.path}
        try:
            _, xml = files.pop("xml_submission_file")
            named: dict[str, Any] = dict(files.values())
            status, asset, stored = self._platform.receive(xml, by=self._platform.owner, files=named)
        except RefusedError as error:
            return Response(error.status, _message(str(error)), headers)
        if status != CREATED:
            return Response(status, _message("Duplicate Instance"), headers)
        return Response(status, self._receipt(asset, stored), headers)

    def _receipt(self, asset: Asset, stored: Stored) -> bytes:
        submitted, now = (
            moment.astimezone(UTC).isoformat(timespec="microseconds")
            for moment in (stored.submitted_at, self._platform.clock())
        )
        return (
            '<OpenRosaResponse xmlns="http://openrosa.org/http/response">\n'
            "    <message>Successful submission.</message>\n"
            '    <submissionMetadata xmlns="http://www.opendatakit.org/xforms" '
            f'id="{asset.uid}"  instanceID="uuid:{stored.uuid}" submissionDate="{submitted}" '
            f'isComplete="true" markedAsCompleteDate="{now}"/>\n'
            "</OpenRosaResponse>\n"
        ).encode()

    def _require_owner(self, call: Call) -> None:
        if call.names.get("owner", self._platform.owner) != self._platform.owner:
            raise RefusedError(404, "Not found.")


def _message(text: str) -> bytes:
    return (
        "<?xml version='1.0' encoding='UTF-8' ?>\n"
        '<OpenRosaResponse xmlns="http://openrosa.org/http/response">\n'
        f'        <message nature="">{escape(text)}</message>\n'
        "</OpenRosaResponse>"
    ).encode()
