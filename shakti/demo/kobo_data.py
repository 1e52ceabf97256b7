"""KoboToolbox's `/data/` addresses: pages of rows, one row, deletion, reviews and edits in bulk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from shakti.demo.kobo_assets import Asset, Event
from shakti.demo.kobo_call import BadRequestError, Call, answer_json
from shakti.demo.kobo_platform import Platform, RefusedError
from shakti.demo.kobo_query import matches
from shakti.demo.kobo_rows import Row, Stored, bare, project
from shakti.demo.loopback import Request, Response, Route

DEFAULT_LIMIT, MAXIMUM = 100, 1000
NOT_IMPLEMENTED = "This param is not implemented. Use `count` property of the response instead."


class DataRoutes:
    """The handlers of everything below `/assets/{uid}/data/`."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def routes(self, base: str) -> tuple[Route, ...]:
        """The routes below `base`, fixed names before numbers."""
        return (
            Route("GET", base, self._rows),
            Route("PATCH", base + "bulk/", self._edit_many),
            Route("DELETE", base + "bulk/", self._delete_many),
            Route("PATCH", base + "validation_statuses/", self._review_many),
            Route("GET", base + "{id}/", self._row),
            Route("DELETE", base + "{id}/", self._delete),
            Route("GET", base + "{id}/validation_status/", self._status),
            Route("PATCH", base + "{id}/validation_status/", self._review),
            Route("DELETE", base + "{id}/validation_status/", self._clear_review),
        )

    def _rows(self, call: Call) -> Response:
        request, asset = call.request, call.asset
        if asset.service is None:
            return answer_json(400, {"detail": "The specified asset has not been deployed"})
        if request.parameter("count"):
            raise BadRequestError({"count": NOT_IMPLEMENTED})
        limit = min(_positive(request, "limit", DEFAULT_LIMIT, "A positive integer is required"), MAXIMUM)
        start = _positive(request, "start", 0, "A positive integer is required.")
        query, sort = _json_parameter(request, "query"), _json_parameter(request, "sort")
        fields = _json_parameter(request, "fields")
        rows = [stored.row for stored in asset.rows.values()]
        rows = [row for row in rows if matches(row, query)] if query else rows
        rows = _sorted(rows, sort or {"_id": 1})
        page = rows[start : start + limit]
        # Every page that is read is itself an entry in the project's history.
        asset.history.append(Event("view-data", self._platform.clock()))
        here = call.link.plain(f"api/v2/assets/{asset.uid}/data/")
        return answer_json(
            200,
            {
                "count": len(rows),
                "next": _page_link(request, here, start + limit, limit)
                if start + limit < len(rows)
                else None,
                "previous": _page_link(request, here, start - limit, limit) if start > 0 else None,
                "results": [project(row, fields) for row in page] if fields else page,
            },
        )

    def _row(self, call: Call) -> Response:
        return answer_json(200, _find(call).row)

    def _delete(self, call: Call) -> Response:
        self._platform.delete(call.asset, _find(call))
        return Response(204)

    def _status(self, call: Call) -> Response:
        return answer_json(200, _find(call).row["_validation_status"])

    def _review(self, call: Call) -> Response:
        status = str((call.request.json() or {}).get("validation_status.uid"))
        return answer_json(200, self._platform.review(call.asset, _find(call), status))

    def _clear_review(self, call: Call) -> Response:
        self._platform.review(call.asset, _find(call), None)
        return Response(204)

    def _review_many(self, call: Call) -> Response:
        payload = _payload(call)
        chosen = _chosen(call.asset, payload)
        for stored in chosen:
            self._platform.review(call.asset, stored, str(payload.get("validation_status.uid")))
        return answer_json(200, {"detail": f"{len(chosen)} submissions have been updated"})

    def _delete_many(self, call: Call) -> Response:
        chosen = _chosen(call.asset, _payload(call))
        for stored in chosen:
            self._platform.delete(call.asset, stored)
        return answer_json(200, {"detail": f"{len(chosen)} submissions have been deleted"})

    def _edit_many(self, call: Call) -> Response:
        payload = _payload(call)
        done = [
            self._platform.rewrite(call.asset, stored, payload.get("data", {}))
            for stored in _chosen(call.asset, payload)
        ]
        results = [
            {
                "uuid": stored.uuid,
                "root_uuid": stored.root,
                "status_code": 201,
                "message": "Successful submission",
            }
            for stored in done
        ]
        return answer_json(
            200, {"count": len(done), "successes": len(done), "failures": 0, "results": results}
        )


def _positive(request: Request, name: str, default: int, message: str) -> int:
    text = request.parameter(name)
    if text is None:
        return default
    if not text.isdecimal() or (name == "limit" and int(text) == 0):
        raise BadRequestError({name: message})
    return int(text)


def _json_parameter(request: Request, name: str) -> Any:
    text = request.parameter(name)
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        raise BadRequestError({name: "Value must be valid JSON."}) from None
    if name == "fields" and not isinstance(value, list):
        raise BadRequestError({name: "Value must be a list."})
    return value


def _sorted(rows: list[Row], order: dict[str, int]) -> list[Row]:
    for name, direction in reversed(order.items()):
        rows = sorted(rows, key=lambda row, name=name: row.get(name, ""), reverse=direction < 0)  # type: ignore[misc]
    return rows


def _page_link(request: Request, here: str, start: int, limit: int) -> str:
    """A page's address: the request's parameters sorted by name, with the limit that was really applied."""
    parameters = dict(request.query)
    if "limit" in parameters:
        parameters["limit"] = str(limit)
    parameters.pop("start", None)
    if start > 0:
        parameters["start"] = str(start)
    return f"{here}?{urlencode(sorted(parameters.items()))}"


def _find(call: Call) -> Stored:
    """A row by its number or its root or current uuid; a replaced uuid finds nothing."""
    asset, id = call.asset, call.names["id"]
    if id.isdecimal() and int(id) in asset.rows:
        return asset.rows[int(id)]
    stored = asset.known(bare(id))
    if stored is None or bare(id) not in (stored.root, stored.uuid):
        raise RefusedError(404, "Not found.")
    return stored


def _payload(call: Call) -> dict[str, Any]:
    return dict((call.request.json() or {}).get("payload", {}))


def _chosen(asset: Asset, payload: dict[str, Any]) -> Sequence[Stored]:
    """The rows a bulk request names; one unknown id, and nothing at all is done."""
    ids = payload.get("submission_ids")
    if ids is None:
        raise BadRequestError({"payload": ["Confirmation is required"]})
    if not ids:
        raise BadRequestError({"payload": ["`submission_ids` must contain at least one value"]})
    if any(int(id) not in asset.rows for id in ids):
        raise BadRequestError({"detail": "One or more submission ids are invalid"})
    return [asset.rows[int(id)] for id in ids]
