"""A server that speaks KoboToolbox's API: the account, the way to every handler, and OpenRosa submissions."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

from shakti.demo.instances import as_kobo_sends, parse
from shakti.demo.kobo_assets import Asset, Links
from shakti.demo.kobo_call import BadRequestError, Call, ServerError, answer_json
from shakti.demo.kobo_data import DataRoutes
from shakti.demo.kobo_openrosa import OPENROSA, OpenRosaRoutes
from shakti.demo.kobo_permission import Permission
from shakti.demo.kobo_platform import Pending, Platform, RefusedError
from shakti.demo.kobo_projects import ProjectRoutes
from shakti.demo.kobo_rows import Stored
from shakti.demo.loopback import LoopbackServer, Request, Response, Route, compact

HTML = {"Content-Type": "text/html; charset=utf-8"}
PAGE_NOT_FOUND = Response(404, b"<h1>Page not found (404)</h1>", HTML)
STATUS = {
    "approved": "validation_status_approved",
    "not_approved": "validation_status_not_approved",
    "on_hold": "validation_status_on_hold",
    "none": None,
}


class KoboServer(LoopbackServer):
    """KoboToolbox with one account, in memory, on loopback. Use as a context manager.

    `clock` gives aware time; `token` is the account's API token; `first_id` the first `_id`; `import_polls` how often
    a poll of an import still says `created`.

    What people do: `submit` (an edit has a `deprecatedID`), `review`, `delete`, `attach` (a file that comes later),
    `duplicate`. What it does to them: `begin` (a row that becomes visible later than others with a higher number),
    `haunt` (a failed commit leaves a ghost; the client's retry, `submit`, makes its twin), `resync` (ghosts go, the
    times of clients change), `permission.lose()`, `.regain()`, `.only(roots)`, `.viewer()`, `platform.page_limit`,
    `platform.full`, `platform.processing`. What the network does: `trouble`.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        token: str,
        owner: str = "owner",
        first_id: int = 1,
        import_polls: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self._folder = TemporaryDirectory(prefix="kobo-")
        self.clock, self._token = clock, token
        self.platform = Platform(
            clock=clock,
            owner=owner,
            folder=Path(self._folder.name),
            rng=random.Random(seed),  # noqa: S311 - uids of an invented server
            first_id=first_id,
        )
        self._routes = (
            Route("GET", "/me/", self._me),
            *ProjectRoutes(self.platform, import_polls=import_polls).routes(),
            *DataRoutes(self.platform).routes("/api/v2/assets/{uid}/data/"),
            *OpenRosaRoutes(self.platform, url=lambda: self.url).routes(),
        )

    def close(self) -> None:
        """Stop listening and remove the uploaded workbooks."""
        super().close()
        self._folder.cleanup()

    # -- without HTTP: what a demonstration does to the platform itself

    def deploy(self, form_path: Path) -> str:
        """Import and deploy a workbook with the CSV files it asks for (from its folder); returns the asset's uid."""
        with self.lock:
            known = self._by_form_id(form_path.stem)
            destination = f"/api/v2/assets/{known.uid}/" if known else None
            asset, _ = self.platform.import_workbook(
                form_path.read_bytes(), filename=form_path.name, destination=destination
            )
            self.platform.deploy(asset, active=True)
            for name in asset.service.shape.media if asset.service else ():
                if all(media.filename != name for media in asset.files.values()):
                    self.platform.attach(asset, name, (form_path.parent / name).read_bytes())
            return asset.uid

    @property
    def permission(self) -> Permission:
        """What the token may do, to be taken away and given back."""
        return self.platform.permission

    def submit(
        self,
        instance_xml: str,
        submitted_at: datetime | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> str:
        """Send an instance of our form as Collect would have sent it from here; returns the root uuid.

        An instance with `deprecatedID` is an edit. Raises RefusedError as the platform would refuse it.
        """
        with self.lock:
            owner, xml = self.platform.owner, self._as_sent(instance_xml)
            return self.platform.receive(xml, by=owner, submitted_at=submitted_at, files=files)[2].root

    def begin(self, instance_xml: str) -> Pending:
        """A submission that has its number and its time already; it is seen after `commit`."""
        with self.lock:
            return self.platform.begin(self._as_sent(instance_xml), by=self.platform.owner)

    def haunt(self, instance_xml: str) -> int:
        """A submission whose commit fails: listed, but not in the database. Its `_id`; `submit` it again for its twin."""
        with self.lock:
            return self.platform.haunt(self._as_sent(instance_xml), by=self.platform.owner).id

    def attach(self, root_uuid: str, name: str, content: bytes) -> None:
        """A file arrives for a submission that is there."""
        with self.lock:
            self.platform.add_file(self._find(root_uuid)[1], name, content)

    def duplicate(self, root_uuid: str) -> str:
        """Copy a submission on the platform; returns the copy's root uuid."""
        with self.lock:
            return self.platform.duplicate(self._find(root_uuid)[1]).root

    def resync(self) -> None:
        """Fill all listings from the database again."""
        with self.lock:
            for asset in self.platform.assets.values():
                self.platform.resync(asset)

    def _as_sent(self, instance_xml: str) -> bytes:
        asset = self._by_form_id(parse(instance_xml).get("id", ""))
        if asset is None or asset.service is None:
            raise RefusedError(404, "the instance's form is not deployed here")
        return as_kobo_sends(instance_xml, asset.service.names).encode()

    def review(self, root_uuid: str, status: str) -> None:
        """Set a submission's validation status: approved, not_approved, on_hold or none."""
        with self.lock:
            asset, stored = self._find(root_uuid)
            self.platform.review(asset, stored, STATUS[status])

    def delete(self, root_uuid: str) -> None:
        """Delete a submission by its first instance id."""
        with self.lock:
            self.platform.delete(*self._find(root_uuid))

    def xform(self, uid: str) -> str:
        """The deployed XForm, as phones get it."""
        service = self.platform.assets[uid].service
        if service is None:
            raise RefusedError(400, "The specified asset has not been deployed")
        return service.xform

    def _by_form_id(self, form_id: str) -> Asset | None:
        assets = self.platform.assets.values()
        return next((asset for asset in assets if asset.latest.form_id == form_id), None)

    def _find(self, root_uuid: str) -> tuple[Asset, Stored]:
        for asset in self.platform.assets.values():
            stored = asset.known(root_uuid.removeprefix("uuid:"))
            if stored is not None:
                return asset, stored
        raise RefusedError(404, f"no submission {root_uuid}")

    # -- HTTP

    def answer(self, request: Request) -> Response:
        """KoboToolbox's answer to one request."""
        if request.segments[:1] in (("assets",), ("environment",)) or request.segments[:2] == ("api", "v1"):
            return answer_json(410, {"detail": "The V1 API has been removed."})
        if request.segments[:1] in (("api",), ("me",)) and not request.path.endswith("/"):
            # POST too: a client that follows with a GET has changed nothing, and does not notice.
            query = f"?{urlencode(request.query)}" if request.query else ""
            return Response(301, headers={"Location": f"{request.path}/{query}"})
        try:
            return self._refusal(request) or self._route(request)
        except BadRequestError as error:
            return answer_json(400, error.body)
        except RefusedError as error:
            return answer_json(error.status, {"detail": str(error)})
        except ServerError:
            return Response(500, b"<h1>Server Error (500)</h1>", HTML)

    def _route(self, request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        known = False
        for route in self._routes:
            names = route.match(request.segments)
            if names is None:
                continue
            known = True
            if route.method in (method, request.method):
                return self._run(route, request, names)
        if known:
            return answer_json(405, {"detail": f'Method "{request.method}" not allowed.'})
        return PAGE_NOT_FOUND

    def _run(self, route: Route, request: Request, names: dict[str, str]) -> Response:
        asset = self.platform.assets.get(names.get("uid", ""))
        if asset is None and "/data/" in route.path:
            return PAGE_NOT_FOUND  # a web page, although JSON was asked for
        links = Links(self.url, request.parameter("format") == "json")
        answer = route.handler(Call(request, links, asset, names))
        return replace(answer, headers={"X-Kobonaut": self.platform.owner, **answer.headers})

    def _refusal(self, request: Request) -> Response | None:
        """The answer to a request without, or with wrong, credentials; None when they are right."""
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        token = credentials.strip()
        if scheme == "Token" and token == self._token:
            return None
        if scheme == "Token":
            empty = "Invalid token header. No credentials provided."
            return _unauthorised("Invalid token." if token else empty)
        if scheme == "Basic":
            return _unauthorised("Invalid username/password.")
        return _anonymous(request)

    def _me(self, call: Call) -> Response:
        owner = self.platform.owner
        about = {
            "username": owner,
            "first_name": "",
            "last_name": "",
            "email": f"{owner}@example.com",
            "is_superuser": False,
            "server_time": self.clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "projects_url": call.link.plain(owner),
            "extra_details__uid": self.platform.user_uid,
        }
        return answer_json(200, about)


def _anonymous(request: Request) -> Response:
    """The answer without credentials, or with a scheme the API does not know: what is private is not there."""
    missing = "Authentication credentials were not provided."
    if request.segments[-1:] in (("submission",), ("formList",)):
        body = f"<root><detail>{missing}</detail></root>".encode()
        return Response(401, body, OPENROSA | {"WWW-Authenticate": 'Digest realm="kobo"'})
    if request.segments[:3] in (("me",), ("api", "v2", "imports")):
        return _unauthorised(missing)
    if request.segments == ("api", "v2", "assets"):
        return answer_json(200, {"count": 0, "next": None, "previous": None, "results": []})
    return answer_json(404, {"detail": "Not found."})


def _unauthorised(detail: str) -> Response:
    headers = {"Content-Type": "application/json", "WWW-Authenticate": "Session"}
    return Response(401, compact({"detail": detail}), headers)
