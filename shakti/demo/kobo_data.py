"""KoboToolbox's `/data/` addresses: pages of rows, one row, deletion, reviews and edits in bulk."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from shakti.demo.kobo_assets import Asset, Event, shown
from shakti.demo.kobo_call import BadRequestError, Call, ServerError, answer_json
from shakti.demo.kobo_platform import Platform, RefusedError
from shakti.demo.kobo_query import matches
from shakti.demo.kobo_rows import Stored, bare, project
from shakti.demo.loopback import Request, Response, Route

DEFAULT_LIMIT = 100
BY_NUMBER = {"_id": 1}
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
            Route("POST", base + "{id}/duplicate/", self._duplicate),
            Route("GET", base + "{id}/attachments/{file}/", self._file),
            Route("DELETE", base + "{id}/", self._delete),
            Route("GET", base + "{id}/validation_status/", self._status),
            Route("PATCH", base + "{id}/validation_status/", self._review),
            Route("DELETE", base + "{id}/validation_status/", self._clear_review),
        )

    def _rows(self, call: Call) -> Response:
        request, asset = call.request, self._readable(call)
        if asset.service is None:
            return answer_json(400, {"detail": "The specified asset has not been deployed"})
        if request.parameter("count"):
            raise BadRequestError({"count": NOT_IMPLEMENTED})
        if request.parameter("format") == "csv":
            raise RefusedError(404, "Not found.")
        most = self._platform.page_limit
        limit = min(_positive(request, "limit", DEFAULT_LIMIT, "A positive integer is required"), most)
        start = _positive(request, "start", 0, "A positive integer is required.")
        fields = _json_parameter(request, "fields")
        rows = self._found(asset, _json_parameter(request, "query"), _json_parameter(request, "sort"))
        page = [shown(asset, stored, call.link) for stored in rows[start : start + limit]]
        # Every page that is read is itself an entry in the project's history.
        asset.history.append(Event("view-data", self._platform.clock()))
        here = call.link.plain(f"api/v2/assets/{asset.uid}/data/")
        start = _believed(request, start, limit)
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

    def _readable(self, call: Call) -> Asset:
        """The asset, when its submissions may be seen; a lost permission and a wrong uid look alike (404)."""
        if not self._platform.permission.view:
            raise RefusedError(404, "Not found.")
        return call.asset

    def _changeable(self, call: Call) -> Asset:
        asset = self._readable(call)
        if not self._platform.permission.change:
            raise RefusedError(403, "You do not have permission to perform this action.")
        return asset

    def _find(self, call: Call) -> Stored:
        """A row by its number or its root or current uuid; a replaced uuid finds nothing."""
        asset, id = self._readable(call), call.names["id"]
        stored = asset.rows.get(int(id)) if id.isdecimal() else None
        if stored is None:
            stored = asset.known(bare(id))
            if stored is not None and bare(id) not in (stored.root, stored.uuid):
                stored = None
        if stored is None or not self._sees(stored):
            raise RefusedError(404, "Not found.")
        return stored

    def _sees(self, stored: Stored) -> bool:
        rows = self._platform.permission.rows
        return rows is None or stored.root in rows

    def _found(self, asset: Asset, query: Any, sort: Any) -> Sequence[Stored]:
        """The rows a query leaves, in order. By number alone needs no look at the rows: a walk along them is cheap."""
        if isinstance(query, list) or isinstance(sort, list):
            raise ServerError
        numbers: Sequence[int] = asset.order
        by_number = _numbers(query, asset)
        if by_number is not None:
            numbers, query = by_number, None
        if query or self._platform.permission.rows is not None or sort not in (None, BY_NUMBER):
            rows = [asset.rows[number] for number in numbers]
            rows = [one for one in rows if self._sees(one) and (not query or matches(one.row, query))]
            return _sorted(rows, sort or BY_NUMBER)
        return _Rows(asset, numbers)

    def _row(self, call: Call) -> Response:
        return answer_json(200, shown(call.asset, self._find(call), call.link))

    def _file(self, call: Call) -> Response:
        """A file with the bytes it came as; `format=json` on it is not found."""
        for file in self._find(call).files.values():
            if file.uid == call.names["file"] and call.request.parameter("format") is None:
                return Response(200, file.content, {"Content-Type": file.mimetype})
        raise RefusedError(404, "Not found.")

    def _duplicate(self, call: Call) -> Response:
        asset = self._changeable(call)
        return answer_json(201, shown(asset, self._platform.duplicate(self._find(call)), call.link))

    def _delete(self, call: Call) -> Response:
        self._platform.delete(self._changeable(call), self._find(call))
        return Response(204)

    def _status(self, call: Call) -> Response:
        return answer_json(200, self._find(call).row["_validation_status"])

    def _review(self, call: Call) -> Response:
        status = str((call.request.json() or {}).get("validation_status.uid"))
        return answer_json(200, self._platform.review(self._changeable(call), self._find(call), status))

    def _clear_review(self, call: Call) -> Response:
        self._platform.review(self._changeable(call), self._find(call), None)
        return Response(204)

    def _review_many(self, call: Call) -> Response:
        payload = _payload(call)
        chosen = _chosen(self._changeable(call), payload)
        for stored in chosen:
            self._platform.review(call.asset, stored, str(payload.get("validation_status.uid")))
        return answer_json(200, {"detail": f"{len(chosen)} submissions have been updated"})

    def _delete_many(self, call: Call) -> Response:
        chosen = _chosen(self._changeable(call), _payload(call))
        for stored in chosen:
            self._platform.delete(call.asset, stored)
        return answer_json(200, {"detail": f"{len(chosen)} submissions have been deleted"})

    def _edit_many(self, call: Call) -> Response:
        payload = _payload(call)
        done = [
            self._platform.rewrite(call.asset, stored, payload.get("data", {}))
            for stored in _chosen(self._changeable(call), payload)
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


class _Rows(Sequence[Stored]):
    """Rows by their numbers, looked up when a page takes them."""

    def __init__(self, asset: Asset, numbers: Sequence[int]) -> None:
        self._asset, self._numbers = asset, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self._asset.rows[number] for number in self._numbers[place]]
        return self._asset.rows[self._numbers[place]]


def _numbers(query: Any, asset: Asset) -> Sequence[int] | None:
    """What `{"_id": {"$gt": number}}` and `{"_id": {"$in": numbers}}` leave; None for any other query."""
    wanted = query.get("_id") if isinstance(query, dict) and len(query) == 1 else None
    if not isinstance(wanted, dict) or len(wanted) != 1:
        return None
    beyond, some = wanted.get("$gt"), wanted.get("$in")
    if type(beyond) is int:
        return asset.order[bisect_right(asset.order, beyond) :]
    if isinstance(some, list) and all(type(one) is int for one in some):
        return sorted(number for number in set(some) if number in asset.rows)
    return None


def _sorted(rows: list[Stored], order: dict[str, int]) -> list[Stored]:
    if any(direction not in (1, -1) for direction in order.values()):
        raise ServerError
    for name, direction in reversed(order.items()):
        rows = sorted(rows, key=lambda one, name=name: one.row.get(name, ""), reverse=direction < 0)  # type: ignore[misc]
    return rows


def _believed(request: Request, start: int, limit: int) -> int:
    """Where the links believe the page begins: `offset` and `page` move them, and never the rows."""
    if request.parameter("start") is not None:
        return start
    offset, page = request.parameter("offset"), request.parameter("page")
    if offset and offset.isdecimal():
        return int(offset)
    return (int(page) - 1) * limit if page and page.isdecimal() and int(page) > 0 else start


def _page_link(request: Request, here: str, start: int, limit: int) -> str:
    """A page's address: the request's parameters sorted by name, with the limit that was really applied."""
    parameters = dict(request.query)
    if "limit" in parameters:
        parameters["limit"] = str(limit)
    parameters.pop("start", None)
    if start > 0:
        parameters["start"] = str(start)
    return f"{here}?{urlencode(sorted(parameters.items()))}"


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
