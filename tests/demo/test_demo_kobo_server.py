"""Our KoboToolbox answers as the recorded one did, and as the facts say where nothing was recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

import pytest
from demo_replay import FORM, PROVIDERS, Answer, Clock, by_note, recorded, renamed, send, without

from shakti.demo.kobo_server import KoboServer

THEIR_URL = "https://kobo.example.org"
THEIR_ASSET = "aAXZzKBQxxZs5HnHGdJZDX"
THEIR_VERSION = "vxjPgPH9wBUQsiEvBx46ci"
THEIR_FORMHUB = "31e443825b1444cbb6371ab738cebe1c"
TOKEN = "a-token"  # a token of nobody
# What a server draws at random or takes from its clock to the microsecond, and what concerns its web pages.
OPAQUE = ("$kuid", "content_hash", "version__content_hash", "date_created", "date_modified", "date_deployed")
ACCOUNT = (
    "gravatar",
    "date_joined",
    "last_login",
    "extra_details",
    "git_rev",
    "social_accounts",
    "validated_password",
    "accepted_tos",
    "organization",
)
READS = (
    "page 1 of 5",
    "page 2",
    "page 3",
    "keyset walk: after _id of the 6th",
    "keyset walk: rows after an id",
    "everything after edits, review and deletion",
    "narrow sweep",
    "limit beyond the maximum",
    "limit 0",
    "bad query",
    "unknown asset",
    "wrong token",
    "no token",
)


def row_xml(row: dict[str, Any], *, instance_id: str, base: str = "", **changes: str) -> bytes:
    """The XML that made a recorded row: groups from the keys' slashes, repeats from the lists."""
    leaf = "".join(
        f"<{name}>{escape(changes.get(name, row.get(name, '')))}</{name}>"
        for name in ("start", "end", "role", "provider")
    )
    core = "".join(
        f"<{name}>{escape(row.get(f'core/{name}', ''))}</{name}>"
        for name in ("respect", "timeliness", "bribe_asked", "services", "visits")
    )
    why = f"<why>{escape(changes.get('why', row.get('why', '')))}</why>"
    visits = "".join(
        f"<visit><visit_date>{one['visit/visit_date']}</visit_date></visit>" for one in row.get("visit", [])
    )
    version = f"<__version__>{row['__version__']}</__version__>" if "__version__" in row else ""
    deprecated = f"<deprecatedID>{base}</deprecatedID>" if base else ""
    uid = row["_xform_id_string"]
    return (
        f'<{uid} id="{uid}" version="1 (2026-11-23 04:33:34)"><formhub><uuid>{row["formhub/uuid"]}</uuid></formhub>'
        f"{leaf}<core>{core}</core>{why}{visits}{version}"
        f"<meta><instanceID>{instance_id}</instanceID>{deprecated}</meta></{uid}>"
    ).encode()


class Replay:
    """The recorded exchanges, sent in their order; `names` maps what was drawn there to what is drawn here."""

    def __init__(self, server: KoboServer, clock: Clock) -> None:
        self.server, self.clock = server, clock
        self.exchanges = recorded("kobotoolbox.json")
        self.names = {THEIR_URL: server.url, "uyhQguAoQPKg4yF6875wWH": server.platform.user_uid}
        self.answers: dict[str, Answer] = {}
        pages = [by_note(self.exchanges, note)["response"]["body"]["results"] for note in READS[:3]]
        self.rows = {row["meta/instanceID"]: row for page in pages for row in page}
        last = by_note(self.exchanges, "everything after")["response"]["body"]["results"]
        self.edited = next(row for row in last if "meta/deprecatedID" in row)

    def run(self) -> None:
        """Send everything; what a write's answer names is learned before the next request."""
        for number, exchange in enumerate(self.exchanges):
            answer = self.send(exchange)
            note = exchange["note"]
            self.answers[f"{note} ({number})" if note == "poll the import" else note] = answer
            self.learn(exchange, answer)

    def send(self, exchange: dict[str, Any]) -> Answer:
        request, note = exchange["request"], exchange["note"]
        self.set_clock(exchange)
        tokens = {"wrong token": {"Authorization": "Token nope"}, "no token": {}}
        headers = tokens.get(note, {"Authorization": f"Token {TOKEN}"})
        url = renamed(request["url"], self.names)
        fields, files = self.files(exchange)
        if files:
            return send(request["method"], url, headers=headers, fields=fields, files=files)
        return send(request["method"], url, headers=headers, json_body=request["body"])

    def files(self, exchange: dict[str, Any]) -> tuple[dict[str, str], dict[str, tuple[str, bytes]]]:
        note, body = exchange["note"], exchange["request"]["body"]
        if note == "import a workbook":
            return body, {"file": (FORM.name, FORM.read_bytes())}
        if note == "attach the provider list":
            return body, {"content": (PROVIDERS.name, PROVIDERS.read_bytes())}
        if exchange["request"]["url"].endswith("/submission"):
            return {}, {"xml_submission_file": ("s.xml", self.submission(note))}
        return {}, {}

    def submission(self, note: str) -> bytes:
        first = self.rows["uuid:0a0a0a0a-0000-4000-8000-000000000001"]
        ours = self.names
        if note == "the same submission again":
            return row_xml(renamed(first, ours), instance_id=first["meta/instanceID"])
        if note == "same id, other content":
            return row_xml(renamed(first, ours), instance_id=first["meta/instanceID"], why="other")
        if note.endswith("edit of submission 2"):
            new, base = ("202", "102") if note.startswith("second") else ("102", "002")
            stem = "uuid:0a0a0a0a-0000-4000-8000-000000000"
            return row_xml(renamed(self.edited, ours), instance_id=stem + new, base=stem + base)
        number = int(note.removeprefix("submission "))
        row = self.rows[f"uuid:0a0a0a0a-0000-4000-8000-{number:012d}"]
        return row_xml(renamed(row, ours), instance_id=row["meta/instanceID"])

    def set_clock(self, exchange: dict[str, Any]) -> None:
        """Put our clock to the moment the recorded server wrote into its answer."""
        body = exchange["response"]["body"]
        if isinstance(body, str) and "submissionDate=" in body:
            mark = "markedAsCompleteDate" if "edit" in exchange["note"] else "submissionDate"
            self.clock.set(body.split(f'{mark}="')[1].split('"')[0])
        elif isinstance(body, dict) and "server_time" in body:
            self.clock.set(body["server_time"])
        elif isinstance(body, dict) and "timestamp" in body:
            self.clock.set("2026-11-23T04:33:37+00:00")
        elif exchange["note"] == "first deployment":
            self.clock.set(body["asset"]["date_deployed"])

    def learn(self, exchange: dict[str, Any], answer: Answer) -> None:
        if exchange["note"] in ("import a workbook", "attach the provider list"):
            self.names[exchange["response"]["body"]["uid"]] = answer.json["uid"]
        if exchange["note"] == "poll the import" and answer.json["messages"]:
            self.names[THEIR_ASSET] = answer.json["messages"]["created"][0]["uid"]
        if exchange["note"] == "first deployment":
            self.names[THEIR_VERSION] = answer.json["version_id"]
            self.names[THEIR_FORMHUB] = answer.json["asset"]["deployment__uuid"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Iterator[KoboServer]:
    with KoboServer(clock=clock, token=TOKEN, first_id=1147, import_polls=2) as running:
        yield running


@pytest.fixture
def replay(server: KoboServer, clock: Clock) -> Replay:
    """Everything recorded has been sent; the test may go on and change it."""
    replay = Replay(server, clock)
    replay.run()
    return replay


@pytest.fixture(scope="module")
def replayed() -> Iterator[Replay]:
    """Everything recorded has been sent, once for all the tests that only look."""
    clock = Clock()
    with KoboServer(clock=clock, token=TOKEN, first_id=1147, import_polls=2) as server:
        replay = Replay(server, clock)
        replay.run()
        yield replay


def ask(server: KoboServer, method: str, path: str, **more: Any) -> Answer:
    return send(method, server.url + path, headers={"Authorization": f"Token {TOKEN}"}, **more)


def test_every_recorded_exchange_gets_the_recorded_status(replayed: Replay) -> None:
    expected = [(exchange["note"], exchange["response"]["status"]) for exchange in replayed.exchanges]
    assert [(note.split(" (")[0], answer.status) for note, answer in replayed.answers.items()] == expected


@pytest.mark.parametrize("note", READS)
def test_a_read_gives_the_recorded_json_in_the_recorded_order(replayed: Replay, note: str) -> None:
    response = by_note(replayed.exchanges, note)["response"]
    answer = next(answer for name, answer in replayed.answers.items() if name.startswith(note))
    assert answer.headers["Content-Type"] == response["headers"]["Content-Type"]
    if note != "unknown asset":  # a web page
        assert json.dumps(answer.json) == json.dumps(renamed(response["body"], replayed.names))


def test_every_recorded_exchange_has_the_recorded_headers(replayed: Replay) -> None:
    for exchange, answer in zip(replayed.exchanges, replayed.answers.values(), strict=True):
        given = {name.lower(): value for name, value in answer.headers.items()}
        for name, value in renamed(exchange["response"]["headers"], replayed.names).items():
            assert (exchange["note"], given[name.lower()]) == (exchange["note"], value)


def test_deployment_and_asset_read_as_recorded(replayed: Replay) -> None:
    for note in ("first deployment", "the asset after deployment"):
        expected = renamed(by_note(replayed.exchanges, note)["response"]["body"], replayed.names)
        given = replayed.answers[note].json
        for body in (expected, given):
            summary = body.get("asset", body)["summary"]
            summary["columns"] = sorted(
                summary["columns"]
            )  # a set there: the order differs between two answers
            body.get("asset", body).pop("report_styles", None)
        assert without(given, *OPAQUE) == without(expected, *OPAQUE)


def test_the_import_is_created_first_and_complete_then(replayed: Replay) -> None:
    polls = [exchange for exchange in replayed.exchanges if exchange["note"] == "poll the import"]
    given = [answer for note, answer in replayed.answers.items() if note.startswith("poll")]
    for exchange, answer in zip(polls, given, strict=True):
        expected, body = renamed(exchange["response"]["body"], replayed.names), answer.json
        for messages in (expected["messages"], body["messages"]):
            for created in messages.get("created", []):
                created["summary"]["columns"] = sorted(created["summary"]["columns"])
        assert without(body, *OPAQUE) == without(expected, *OPAQUE)


def test_history_and_account_and_review_read_as_recorded(replayed: Replay) -> None:
    for note in ("history: edits and deletions", "validation status: not approved", "validation status"):
        expected = renamed(by_note(replayed.exchanges, note)["response"]["body"], replayed.names)
        assert replayed.answers[note].json == expected
    expected = renamed(by_note(replayed.exchanges, "who am I")["response"]["body"], replayed.names)
    assert replayed.answers["who am I"].json == without(expected, *ACCOUNT)


def test_submissions_are_acknowledged_in_the_recorded_words(replayed: Replay) -> None:
    for exchange in replayed.exchanges:
        body = exchange["response"]["body"]
        if not exchange["request"]["url"].endswith("/submission"):
            continue
        given = replayed.answers[exchange["note"]].body.decode()
        expected = renamed(body, replayed.names)
        assert _without_completion(given) == _without_completion(expected)


def _without_completion(text: str) -> str:
    return text.partition("markedAsCompleteDate")[0]


@pytest.mark.parametrize(
    "path",
    [
        "/api/v2/assets/{uid}/submissions/?format=json",
        "/api/v2/asset/{uid}/data/",
        "/api/v2/assets/{uid}x/data/",
        "/api/v2/assets/{uid}/data/999999/",
        "/api/v2/assets/{uid}/versions/nope/",
    ],
)
def test_a_wrong_address_finds_nothing(replayed: Replay, path: str) -> None:
    path = path.format(uid=replayed.names[THEIR_ASSET])
    assert ask(replayed.server, "GET", path).status == 404


@pytest.mark.parametrize("path", ["/api/v1/data", "/assets/"])
def test_the_first_api_is_gone(server: KoboServer, path: str) -> None:
    assert ask(server, "GET", path).status == 410


def test_a_missing_slash_is_a_redirect_even_for_a_post(server: KoboServer) -> None:
    answer = ask(server, "POST", "/api/v2/imports?format=json")
    assert (answer.status, answer.headers["Location"]) == (301, "/api/v2/imports/?format=json")


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({"_id": {"$gte": 1157}}, [1157, 1158]),
        ({"_id": {"$gt": "1156"}}, [1157, 1158]),
        ({"_id": {"$gt": "abc"}}, []),
        ({"_id": {"$in": [1147, 1149]}}, [1147, 1149]),
        ({"$or": [{"_id": 1147}, {"_uuid": "0a0a0a0a-0000-4000-8000-000000000202"}]}, [1147, 1148]),
        ({"$and": [{"role": "bdo"}, {"core/respect": "2"}, {"_id": {"$lt": 1149}}]}, [1147]),
        ({"meta/rootUuid": "uuid:0a0a0a0a-0000-4000-8000-000000000002"}, [1148]),
        ({"_submission_time": {"$gte": "2026-11-23T04:33:36"}, "_id": {"$lte": 1156}}, [1155, 1156]),
        ({"_submission_time": {"$gte": "2026-11-23T04:33:36Z"}, "_id": {"$lte": 1156}}, []),
        ({"_validation_status.uid": "validation_status_approved"}, [1149]),
        ({"core/visits": 0}, []),
        ({"_id": {"$where": "1"}}, []),
    ],
)
def test_a_query_finds_what_mongodb_finds(
    replayed: Replay, query: dict[str, Any], numbers: list[int]
) -> None:
    uid = replayed.names[THEIR_ASSET]
    answer = ask(replayed.server, "GET", f"/api/v2/assets/{uid}/data/?query={quote(json.dumps(query))}")
    assert [row["_id"] for row in answer.json["results"]] == numbers


def test_a_projection_invents_an_empty_validation_status(replayed: Replay) -> None:
    uid = replayed.names[THEIR_ASSET]
    path = f"/api/v2/assets/{uid}/data/?fields={quote(json.dumps(['_id', 'role']))}&query={quote(json.dumps({'_id': 1149}))}"
    row = ask(replayed.server, "GET", path).json["results"][0]
    assert row == {
        "role": "bdo",
        "_uuid": "0a0a0a0a-0000-4000-8000-000000000003",
        "meta/rootUuid": "uuid:0a0a0a0a-0000-4000-8000-000000000003",
        "_validation_status": {},
        "_id": 1149,
    }


def test_the_version_still_holds_our_form_id_version_and_marks(replayed: Replay) -> None:
    uid, version = replayed.names[THEIR_ASSET], replayed.names[THEIR_VERSION]
    content = ask(replayed.server, "GET", f"/api/v2/assets/{uid}/versions/{version}/").json["content"]
    marks = {row["name"]: row.get("bind::eval:measures") for row in content["survey"] if "name" in row}
    assert content["settings"]["id_string"] == "service_evaluation_sample"
    assert content["settings"]["version"] == "2026112301"
    assert marks["bribe_asked"] == "bribe"


def test_a_redeployment_without_a_version_changes_nothing(replay: Replay) -> None:
    server, uid = replay.server, replay.names[THEIR_ASSET]
    files = {"file": (FORM.name, FORM.read_bytes())}
    fields = {"library": "false", "destination": f"{server.url}/api/v2/assets/{uid}/"}
    ask(server, "POST", "/api/v2/imports/", fields=fields, files=files)
    asset = ask(server, "GET", f"/api/v2/assets/{uid}/").json
    deployment = f"/api/v2/assets/{uid}/deployment/"
    assert asset["version_id"] != asset["deployed_version_id"]
    same = ask(server, "PATCH", deployment, json_body={"active": True}).json
    assert same["version_id"] == asset["deployed_version_id"]
    assert ask(server, "PATCH", deployment, json_body={"active": True, "version_id": "vOLD"}).status == 500
    wanted = {"active": True, "version_id": asset["version_id"]}
    assert ask(server, "PATCH", deployment, json_body=wanted).json["version_id"] == asset["version_id"]
    assert ask(server, "POST", deployment, json_body=wanted).status == 405


def test_an_import_without_library_false_is_a_block_that_cannot_be_deployed(server: KoboServer) -> None:
    imported = ask(server, "POST", "/api/v2/imports/", files={"file": (FORM.name, FORM.read_bytes())}).json
    for _ in range(3):
        state = ask(server, "GET", f"/api/v2/imports/{imported['uid']}/").json
    uid = state["messages"]["created"][0]["uid"]
    assert ask(server, "POST", f"/api/v2/assets/{uid}/deployment/", json_body={"active": True}).status == 500


def test_a_file_that_is_no_workbook_ends_in_an_error(server: KoboServer) -> None:
    files = {"file": ("form.xlsx", b"not a workbook")}
    imported = ask(server, "POST", "/api/v2/imports/", fields={"library": "false"}, files=files).json
    for _ in range(3):
        state = ask(server, "GET", f"/api/v2/imports/{imported['uid']}/").json
    assert (state["status"], state["messages"]["error_type"]) == ("error", "XlsFormatException")


def test_an_edit_of_a_replaced_version_and_of_an_unknown_one_are_refused(replay: Replay) -> None:
    server, row = replay.server, renamed(replay.edited, replay.names)
    stem = "uuid:0a0a0a0a-0000-4000-8000-000000000"
    for base, status in (("002", 410), ("102", 410), ("999", 404), ("202", 201)):
        xml = row_xml(row, instance_id=stem + "302", base=stem + base)
        files = {"xml_submission_file": ("s.xml", xml)}
        assert ask(server, "POST", "/owner/submission", files=files).status == status


def test_a_deleted_submission_comes_back_under_a_new_number(replay: Replay) -> None:
    row = replay.rows["uuid:0a0a0a0a-0000-4000-8000-000000000005"]
    xml = row_xml(renamed(row, replay.names), instance_id=row["meta/instanceID"])
    assert (
        ask(replay.server, "POST", "/submission", files={"xml_submission_file": ("s.xml", xml)}).status == 201
    )
    uid = replay.names[THEIR_ASSET]
    found = ask(replay.server, "GET", f"/api/v2/assets/{uid}/data/0a0a0a0a-0000-4000-8000-000000000005/").json
    assert found["_id"] == 1159


@pytest.mark.parametrize(
    ("xml", "status"),
    [(b"<cut", 400), (b"<a id='x'/>", 400), (b"<a><meta><instanceID>uuid:1</instanceID></meta></a>", 404)],
)
def test_a_submission_nobody_can_place_is_refused(server: KoboServer, xml: bytes, status: int) -> None:
    answer = ask(server, "POST", "/submission", files={"xml_submission_file": ("s.xml", xml)})
    assert answer.status == status


def test_rows_change_and_go_in_bulk_or_not_at_all(replay: Replay) -> None:
    server, data = replay.server, f"/api/v2/assets/{replay.names[THEIR_ASSET]}/data/"
    review = {"submission_ids": [1147, 1148], "validation_status.uid": "validation_status_on_hold"}
    done = ask(server, "PATCH", data + "validation_statuses/", json_body={"payload": review})
    assert done.json == {"detail": "2 submissions have been updated"}
    unknown = {"payload": {"submission_ids": [1147, 1]}}
    assert ask(server, "DELETE", data + "bulk/", json_body=unknown).status == 400
    assert ask(server, "GET", data + "1147/").json["_validation_status"]["label"] == "On Hold"
    edit = {"payload": {"submission_ids": [1147], "data": {"core/respect": "5"}}}
    assert ask(server, "PATCH", data + "bulk/", json_body=edit).json["successes"] == 1
    row = ask(server, "GET", data + "1147/").json
    assert (row["core/respect"], row["meta/rootUuid"][-3:]) == ("5", "001")
    assert row["_uuid"] != "0a0a0a0a-0000-4000-8000-000000000001"
    ask(server, "DELETE", data + "bulk/", json_body={"payload": {"submission_ids": [1147]}})
    assert ask(server, "GET", data + "1147/").status == 404


def test_an_instance_of_our_form_is_sent_as_collect_sends_it_from_the_deployed_one(
    server: KoboServer,
) -> None:
    uid = server.deploy(FORM)
    root = server.submit(
        '<data id="service_evaluation_sample" version="2026112301"><role>bdo</role><core><respect>4</respect></core>'
        "<why/><meta><instanceID>uuid:5a5a5a5a-0000-4000-8000-000000000001</instanceID></meta></data>"
    )
    row = ask(server, "GET", f"/api/v2/assets/{uid}/data/{root}/").json
    service = server.platform.assets[uid].service
    assert service is not None
    assert list(row)[:6] == ["_id", "formhub/uuid", "role", "core/respect", "__version__", "meta/instanceID"]
    assert row["formhub/uuid"] == service.names.formhub_uuid
    assert row["__version__"] == service.version.uid
    assert row["_xform_id_string"] == uid
    assert service.names.version.startswith("1 (2026-11-23 ")
    assert f'nodeset="/{uid}/core/respect"' in server.xform(uid)
    assert "/data/" not in server.xform(uid)


def test_an_outage_is_answered_first_and_then_it_is_over(server: KoboServer) -> None:
    from shakti.demo.loopback import Response

    server.interrupt(Response(503, b"<h1>busy</h1>", {"Retry-After": "1"}))
    assert [ask(server, "GET", "/me/").status for _ in range(2)] == [503, 200]
