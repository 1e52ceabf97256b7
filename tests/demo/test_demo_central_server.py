"""Our ODK Central answers as the recorded one did, and as the facts say where nothing was recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

import pytest
from demo_replay import FORM, PROVIDERS, Answer, Clock, by_note, recorded, renamed, send

from shakti.demo.central_server import CentralServer

THEIR_URL = "https://central.example.org"
EMAIL, PASSWORD = "admin@example.org", "PASSWORD"
FEED = "/v1/projects/3/forms/service_evaluation_sample.svc/Submissions"
STEM = "uuid:0a0a0a0a-0000-4000-8000-000000000"
WRITES = (
    "new project",
    "create a draft from a workbook",
    "attachments the draft expects",
    "upload the provider list",
    "publish",
    "the form",
    *(f"submission {number}" for number in range(1, 13)),
    "the same submission again",
    "review: approved",
    "review: rejected",
    "delete submission 5",
    "form attachments",
    "bad filter",
    "unknown form",
    "wrong token",
)
FEEDS = (
    "page 1 of 5",
    "page 2",
    "page 3",
    "changes since the mark, deleted rows too",
    "everything that lives",
    "count only",
    "the repeat table",
)


def row_xml(row: dict[str, Any], *, instance_id: str, base: str = "") -> bytes:
    """The XML that made a recorded row."""

    def leaf(name: str, value: object) -> str:
        return f"<{name}>{'' if value is None else escape(str(value))}</{name}>"

    head = "".join(leaf(name, row[name]) for name in ("start", "end", "role", "provider"))
    core = "".join(leaf(name, value) for name, value in row["core"].items())
    visits = "".join(
        f"<visit>{leaf('visit_date', one['visit_date'])}</visit>" for one in row.get("visit", [])
    )
    deprecated = leaf("deprecatedID", base) if base else ""
    return (
        f'<data id="service_evaluation_sample" version="2026112301">{head}<core>{core}</core>{leaf("why", row["why"])}'
        f"{visits}<meta><instanceID>{instance_id}</instanceID>{deprecated}</meta></data>"
    ).encode()


class Replay:
    """The recorded exchanges, sent in their order; `names` maps what was drawn there to what is drawn here."""

    def __init__(self, server: CentralServer, clock: Clock) -> None:
        self.server, self.clock = server, clock
        self.exchanges = recorded("odk-central.json")
        self.names = {THEIR_URL: server.url}
        self.marks: dict[str, str] = {}
        self.answers: dict[str, Answer] = {}
        self.token = "TOKEN"
        pages = [by_note(self.exchanges, note)["response"]["body"]["value"] for note in FEEDS[:3]]
        self.rows = {row["__id"]: row for page in pages for row in page}
        alive = by_note(self.exchanges, "everything that lives")["response"]["body"]["value"]
        self.edited = next(row for row in alive if row["__system"]["edits"])
        server.platform.next_project = server.platform.next_form = 3  # the recorded server had others before

    def run(self) -> None:
        for exchange in self.exchanges:
            answer = self.send(exchange)
            self.answers[exchange["note"]] = answer
            self.learn(exchange, answer)

    def send(self, exchange: dict[str, Any]) -> Answer:
        request, note = exchange["request"], exchange["note"]
        self.set_clock(exchange)
        token = "wrong" if note == "wrong token" else self.token
        headers = {"Authorization": f"Bearer {token}", "User-Agent": "python-requests/2.34.2"}
        if note == "unchanged since the ETag":
            headers["If-None-Match"] = self.answers["everything that lives"].headers["ETag"]
        url = renamed(request["url"], self.names).replace(" ", "+")
        if request["body"] is not None:
            return send(request["method"], url, headers=headers, json_body=request["body"])
        return send(request["method"], url, headers=headers, body=self.body(note))

    def body(self, note: str) -> bytes | None:
        if note == "create a draft from a workbook":
            return FORM.read_bytes()
        if note == "upload the provider list":
            return PROVIDERS.read_bytes()
        if note == "edit of submission 2":
            return row_xml(self.edited, instance_id=STEM + "102", base=STEM + "002")
        if note == "the same submission again":
            return row_xml(self.rows[STEM + "001"], instance_id=STEM + "001")
        if note.startswith("submission "):
            id = f"{STEM}{int(note.removeprefix('submission ')):03d}"
            return row_xml(self.rows[id], instance_id=id)
        return None

    def set_clock(self, exchange: dict[str, Any]) -> None:
        """Put our clock to the moment the recorded server wrote down for this write."""
        body, note = exchange["response"]["body"], exchange["note"]
        times = {"publish": "2026-11-23T04:33:38.896Z", "delete submission 5": "2026-11-23T04:33:39.266Z"}
        if note in times:
            self.clock.set(times[note])
        elif isinstance(body, dict) and exchange["request"]["method"] != "GET":
            moment = body.get("updatedAt") or body.get("createdAt")
            if moment:
                self.clock.set(moment)

    def learn(self, exchange: dict[str, Any], answer: Answer) -> None:
        theirs = exchange["response"]
        for key in ("token", "csrf", "acteeId", "draftToken"):
            if isinstance(theirs["body"], dict) and theirs["body"].get(key):
                self.names[theirs["body"][key]] = answer.json[key]
        if exchange["note"] == "log in":
            self.token = answer.json["token"]
        mark = theirs["headers"].get("ETag", "")
        if "eventhash" in mark:
            self.marks.setdefault(mark, answer.headers["ETag"])

    def expected(self, note: str) -> Any:
        body = renamed(by_note(self.exchanges, note)["response"]["body"], self.names)
        return renamed(body, self.repeat_ids(by_note(self.exchanges, note)["response"]["body"], note))

    def repeat_ids(self, body: Any, note: str) -> dict[str, str]:
        """Ids of repeats are hashes with a recipe of the server's own: theirs to ours, place by place."""
        ours = _hashes(self.answers[note].json)
        return dict(zip(_hashes(body), ours, strict=True)) if len(_hashes(body)) == len(ours) else {}


def _hashes(value: Any) -> list[str]:
    if isinstance(value, dict):
        mine = [value["__id"]] if len(value.get("__id", "")) == 40 else []
        return mine + [found for inner in value.values() for found in _hashes(inner)]
    return [found for inner in value for found in _hashes(inner)] if isinstance(value, list) else []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Iterator[CentralServer]:
    with CentralServer(clock=clock, email=EMAIL, password=PASSWORD) as running:
        yield running


@pytest.fixture
def replay(server: CentralServer, clock: Clock) -> Replay:
    """Everything recorded has been sent; the test may go on and change it."""
    replay = Replay(server, clock)
    replay.run()
    return replay


@pytest.fixture(scope="module")
def replayed() -> Iterator[Replay]:
    """Everything recorded has been sent, once for all the tests that only look."""
    clock = Clock()
    with CentralServer(clock=clock, email=EMAIL, password=PASSWORD) as server:
        replay = Replay(server, clock)
        replay.run()
        yield replay


def ask(replay: Replay, method: str, path: str, **more: Any) -> Answer:
    headers = {"Authorization": f"Bearer {replay.token}"} | more.pop("headers", {})
    return send(method, replay.server.url + path, headers=headers, **more)


def feed(replay: Replay, **options: str) -> Answer:
    query = "&".join(f"%24{name}={quote(value)}" for name, value in options.items())
    return ask(replay, "GET", f"{FEED}?{query}")


def numbers(answer: Answer) -> list[int]:
    return [int(row["__id"][-3:]) for row in answer.json["value"]]


def test_every_recorded_exchange_gets_the_recorded_status(replayed: Replay) -> None:
    expected = {exchange["note"]: exchange["response"]["status"] for exchange in replayed.exchanges}
    assert {note: answer.status for note, answer in replayed.answers.items()} == expected


@pytest.mark.parametrize("note", WRITES)
def test_an_answer_is_the_recorded_json_with_its_headers(replayed: Replay, note: str) -> None:
    answer, response = replayed.answers[note], by_note(replayed.exchanges, note)["response"]
    assert json.dumps(answer.json) == json.dumps(replayed.expected(note))
    for name, value in response["headers"].items():
        drawn = name == "ETag" and note in ("new project", "create a draft from a workbook")
        assert drawn or answer.headers[name] == value


@pytest.mark.parametrize("note", FEEDS)
def test_a_feed_gives_the_recorded_json_in_the_recorded_order(replayed: Replay, note: str) -> None:
    answer, expected = replayed.answers[note].json, replayed.expected(note)
    if note == "the repeat table":  # the token names a repeat, whose id is a hash of the server's own recipe
        assert (
            answer.pop("@odata.nextLink").split("skiptoken")[0]
            == expected.pop("@odata.nextLink").split("skiptoken")[0]
        )
    assert json.dumps(answer) == json.dumps(expected)


def test_marks_differ_exactly_where_the_recorded_ones_do(replayed: Replay) -> None:
    for exchange in replayed.exchanges:
        mark = exchange["response"]["headers"].get("ETag", "")
        if "eventhash" in mark:
            assert replayed.answers[exchange["note"]].headers["ETag"] == replayed.marks[mark]
    assert len(set(replayed.marks.values())) == len(replayed.marks)


def test_the_edit_answers_as_recorded(replayed: Replay) -> None:
    expected = replayed.expected("edit of submission 2")
    expected["currentVersion"]["createdAt"] = expected["updatedAt"]  # there a millisecond later
    assert json.dumps(replayed.answers["edit of submission 2"].json) == json.dumps(expected)


@pytest.mark.parametrize("note", ["form XML", "metadata"])
def test_an_xml_document_is_handed_out_as_it_was_recorded(replayed: Replay, note: str) -> None:
    answer, response = replayed.answers[note], by_note(replayed.exchanges, note)["response"]
    assert answer.body.decode() == response["body"]
    assert {name: answer.headers[name] for name in response["headers"]} == response["headers"]


def test_logging_in_answers_as_recorded(replayed: Replay) -> None:
    expected = replayed.expected("log in")
    day = timedelta(hours=24)
    given = replayed.answers["log in"].json
    assert list(given) == list(expected)
    created, expires = (datetime.fromisoformat(given[name]) for name in ("createdAt", "expiresAt"))
    assert expires - created == day


def test_every_recorded_exchange_has_the_recorded_headers(replayed: Replay) -> None:
    """But for the ETags: those over rows are compared by where they differ, those over a body with drawn names cannot be."""
    for exchange in replayed.exchanges:
        answer = replayed.answers[exchange["note"]]
        for name, value in exchange["response"]["headers"].items():
            assert name in answer.headers
            assert name == "ETag" or answer.headers[name] == value


def test_what_is_unchanged_is_not_sent_again(replay: Replay) -> None:
    answer = replay.answers["unchanged since the ETag"]
    assert (answer.status, answer.body) == (304, b"")
    replay.server.review(STEM + "001", "approved")
    mark = {"If-None-Match": answer.headers["ETag"]}
    assert ask(replay, "GET", FEED + "?%24expand=%2A&%24count=true", headers=mark).status == 200


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("__id eq 'uuid:0a0a0a0a-0000-4000-8000-000000000007'", [7]),
        ("__system/submissionDate gt 2026-11-23T04:33:39.041Z", [12]),
        ("__system/submissionDate ge 2026-11-23T04:33:39.041Z", [12, 11]),
        ("__system/submissionDate ge 2026-11-23T10:03:39.041+05:30", [12, 11]),
        ("__system/submissionDate eq 2026-11-23T04:33:39.067Z", [12]),
        ("__system/updatedAt gt 2020-01-01T00:00:00Z", [4, 3, 2]),
        ("__system/updatedAt ne null", [4, 3, 2]),
        ("__system/deletedAt ne null", [5]),
        ("__system/deletedAt eq null and __system/updatedAt ne null", [4, 3, 2]),
        ("__system/reviewState eq 'rejected' or __system/reviewState eq 'approved'", [4, 3]),
        ("__system/reviewState ne 'rejected' and not (__system/updatedAt eq null)", [3, 2]),
        ("__system/submissionDate lt 2026-11-23", []),
        ("not (__system/updatedAt gt 2027-01-01T00:00:00Z or __id eq 'x')", [4, 3, 2]),
    ],
)
def test_a_filter_finds_what_the_server_finds(replayed: Replay, text: str, found: list[int]) -> None:
    assert numbers(feed(replayed, filter=text)) == found


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"filter": "__system/submissionDate gt 2026-11-23T04:33:39"}, 400.18),
        ({"filter": "__system/submissionDate in ('x')"}, 400.18),
        ({"filter": "(__id eq 'a'"}, 400.18),
        ({"filter": "__system/edits gt 0"}, 501.5),
        ({"orderby": "role"}, 501.5),
        ({"expand": "visit"}, 501.6),
        ({"foo": "1"}, 501.1),
        ({"top": "abc"}, 400.11),
        ({"skiptoken": "nope"}, 400.35),
        ({"select": "nope"}, 400.23),
        ({"select": "__id", "expand": "*"}, 501.11),
    ],
)
def test_what_the_feed_does_not_speak_is_a_numbered_problem(
    replayed: Replay, options: dict[str, str], code: float
) -> None:
    answer = feed(replayed, **options)
    assert (answer.status, answer.json["code"]) == (int(code), code)


def test_a_negative_page_breaks_the_server(replayed: Replay) -> None:
    answer = feed(replayed, top="-1")
    assert (answer.status, answer.json) == (500, {"message": "Internal Server Error"})


def test_pages_can_be_skipped_ordered_and_narrowed(replayed: Replay) -> None:
    assert numbers(feed(replayed, top="3", skip="8")) == [3, 2, 1]
    assert "@odata.nextLink" in feed(replayed, top="3", skip="9").json  # the server's own mistake, kept
    assert numbers(feed(replayed, orderby="__system/updatedAt desc", top="3")) == [4, 3, 2]
    row = feed(replayed, select="__id,__system/edits,core/visits", top="1").json["value"][0]
    assert row == {"__id": STEM + "012", "__system": {"edits": 0}, "core": {"visits": 2}}
    assert numbers(ask(replayed, "GET", f"{FEED}('{STEM}002')")) == [2]


def test_a_walk_past_an_unknown_row_ends_in_silence(replayed: Replay) -> None:
    token = "01eyJpbnN0YW5jZUlkIjoidXVpZDpub25lIn0="  # {"instanceId":"uuid:none"}
    body = feed(replayed, top="3", count="true", skiptoken=token).json
    assert (body["value"], body["@odata.count"], "@odata.nextLink" in body) == ([], 11, False)


def test_rows_that_come_during_a_walk_do_not_disturb_it(replay: Replay) -> None:
    first = feed(replay, top="5").json
    replay.server.submit(row_xml(replay.rows[STEM + "001"], instance_id="uuid:new").decode())
    second = send("GET", first["@odata.nextLink"], headers={"Authorization": f"Bearer {replay.token}"})
    assert numbers(second) == [7, 6, 4, 3, 2]


@pytest.mark.parametrize(
    "path",
    [
        FEED.replace("projects/3", "projects/9"),
        FEED + ".nothing",
        FEED.replace(".svc", ""),
        "/v1/projects/3/forms/service_evaluation_sample/submissions/uuid:none",
    ],
)
def test_a_wrong_address_finds_nothing(replayed: Replay, path: str) -> None:
    assert ask(replayed, "GET", path).json["code"] == 404.1


def test_an_address_without_a_version_is_no_address(replayed: Replay) -> None:
    assert ask(replayed, "GET", "/projects").json["code"] == 404.2


def test_a_session_ends_after_a_day_and_a_wrong_password_opens_none(replay: Replay) -> None:
    wrong = {"email": EMAIL, "password": "other"}
    assert send("POST", replay.server.url + "/v1/sessions", json_body=wrong).json["code"] == 401.2
    replay.clock.now += timedelta(hours=25)
    assert feed(replay).json["code"] == 401.2


def test_a_deleted_submission_is_hidden_refused_and_restored(replay: Replay) -> None:
    path = f"/v1/projects/3/forms/service_evaluation_sample/submissions/{STEM}005"
    xml = row_xml(replay.rows[STEM + "005"], instance_id=STEM + "005")
    assert ask(replay, "DELETE", path).json["code"] == 404.1
    assert ask(replay, "POST", path.rpartition("/")[0], body=xml).json["code"] == 409.3
    before = feed(replay, filter="__system/deletedAt ne null").json["value"][0]
    assert ask(replay, "POST", path + "/restore").json == {"success": True}
    after = feed(replay, filter=f"__id eq '{STEM}005'").json["value"][0]
    assert after["__system"] == before["__system"] | {"deletedAt": None}


@pytest.mark.parametrize(
    ("base", "new", "code"),
    [("002", "302", 409.9), ("999", "302", 409.9), ("102", "001", 409.3), ("", "302", 400.19)],
)
def test_an_edit_must_replace_the_newest_version(replay: Replay, base: str, new: str, code: float) -> None:
    xml = row_xml(replay.edited, instance_id=STEM + new, base=STEM + base if base else "")
    path = f"/v1/projects/3/forms/service_evaluation_sample/submissions/{STEM}002"
    assert ask(replay, "PUT", path, body=xml).json["code"] == code


def test_a_review_needs_a_known_state_and_an_empty_one_changes_nothing(replay: Replay) -> None:
    path = f"/v1/projects/3/forms/service_evaluation_sample/submissions/{STEM}001"
    assert ask(replay, "PATCH", path, json_body={"reviewState": "bogus"}).json["code"] == 400.8
    assert ask(replay, "PATCH", path, json_body={}).json["updatedAt"] is None


def test_openrosa_takes_the_same_again_and_refuses_another_under_the_same_id(replay: Replay) -> None:
    headers = {"X-OpenRosa-Version": "1.0"}
    row = replay.rows[STEM + "001"]
    for xml, status in (
        (row_xml(row, instance_id="uuid:x1"), 201),
        (row_xml(row, instance_id="uuid:x1"), 201),
        (row_xml(row | {"why": "other"}, instance_id="uuid:x1"), 409),
        (row_xml(row, instance_id="uuid:x2", base="uuid:x1"), 201),
        (row_xml(row, instance_id=STEM + "005"), 409),
        (b"<cut", 400),
    ):
        files = {"xml_submission_file": ("s.xml", xml)}
        assert ask(replay, "POST", "/v1/projects/3/submission", headers=headers, files=files).status == status
    assert feed(replay, filter="__id eq 'uuid:x1'").json["value"][0]["__system"]["edits"] == 1


def test_a_submission_of_another_form_or_version_is_refused(replay: Replay) -> None:
    path = "/v1/projects/3/forms/service_evaluation_sample/submissions"
    xml = row_xml(replay.rows[STEM + "001"], instance_id="uuid:y")
    assert ask(replay, "POST", path, body=xml.replace(b"2026112301", b"1")).json["code"] == 404.6
    assert ask(replay, "POST", path, body=xml.replace(b"_sample", b"_other")).json["code"] == 400.8
    assert ask(replay, "POST", path, body=b"").json["code"] == 400.2


def test_a_draft_keeps_its_files_and_a_used_version_cannot_be_published_again(replay: Replay) -> None:
    base = "/v1/projects/3/forms/service_evaluation_sample"
    assert ask(replay, "POST", base + "/draft/publish").json["code"] == 404.1
    assert ask(replay, "POST", base + "/draft").json == {"success": True}
    assert ask(replay, "GET", base + "/draft/attachments").json[0]["exists"] is True
    assert ask(replay, "POST", base + "/draft/publish").json["code"] == 409.6
    assert [one["version"] for one in ask(replay, "GET", base + "/versions").json] == ["2026112301"]
    assert ask(replay, "GET", base + "/attachments/providers.csv").body == PROVIDERS.read_bytes()


def test_an_instance_and_its_edit_are_delivered_without_http_too(replay: Replay) -> None:
    with CentralServer(clock=replay.clock, email=EMAIL, password=PASSWORD) as server:
        (FORM.parent / "providers.csv").stat()
        assert server.deploy(FORM) == "service_evaluation_sample"
        at = datetime(2026, 5, 4, 10, 30, 0, 123456, tzinfo=UTC)
        row = replay.rows[STEM + "001"]
        root = server.submit(row_xml(row, instance_id="uuid:z1").decode(), created_at=at)
        assert (
            server.submit(row_xml(row, instance_id="uuid:z2", base="uuid:z1").decode()) == root == "uuid:z1"
        )
        found = server.project.forms["service_evaluation_sample"].submissions[root]
        assert (found.created_at, found.review_state) == (at.replace(microsecond=123000), "edited")
