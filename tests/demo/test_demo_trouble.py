"""What can go wrong, on the wire and inside the platforms: each is there when it is asked for, and gone when it is over."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from demo_replay import FORM, Answer, send

from shakti.demo.central_server import CentralServer
from shakti.demo.kobo_platform import RefusedError
from shakti.demo.kobo_server import KoboServer
from shakti.demo.trouble import Cut, Lost, SetClock, broken, busy, login_page

TOKEN, EMAIL, PASSWORD = "a-token", "admin@example.org", "PASSWORD"


def instance(number: int, *, base: int | None = None, **answers: str) -> str:
    """The number-th filled form of the recorded one; `base` makes it an edit."""
    deprecated = f"<deprecatedID>uuid:{base}</deprecatedID>" if base is not None else ""
    values = {"start": "2026-11-20T10:00:00.000+05:30", "role": "bdo", **answers}
    leaves = "".join(f"<{name}>{text}</{name}>" for name, text in values.items())
    return (
        f'<data id="service_evaluation_sample" version="2026112301">{leaves}'
        f"<meta><instanceID>uuid:{number}</instanceID>{deprecated}</meta></data>"
    )


@pytest.fixture
def kobo() -> Iterator[KoboServer]:
    with KoboServer(clock=SetClock(), token=TOKEN) as server:
        server.deploy(FORM)
        yield server


@pytest.fixture
def central() -> Iterator[CentralServer]:
    with CentralServer(clock=SetClock(), email=EMAIL, password=PASSWORD) as server:
        server.deploy(FORM)
        yield server


def ask(server: KoboServer, path: str, method: str = "GET", **more: Any) -> Answer:
    return send(method, server.url + path, headers={"Authorization": f"Token {TOKEN}"}, **more)


def data(server: KoboServer, query: str = "") -> Answer:
    return ask(server, f"/api/v2/assets/{next(iter(server.platform.assets))}/data/{query}")


def numbers(server: KoboServer) -> list[int]:
    return [row["_id"] for row in data(server).json["results"]]


def session(server: CentralServer) -> str:
    body = {"email": EMAIL, "password": PASSWORD}
    return str(send("POST", server.url + "/v1/sessions", json_body=body).json["token"])


def call(server: CentralServer, path: str, method: str = "GET", **more: Any) -> Answer:
    headers = {"Authorization": f"Bearer {session(server)}"} | more.pop("headers", {})
    return send(method, f"{server.url}/v1/{path}", headers=headers, **more)


SVC = "projects/1/forms/service_evaluation_sample.svc/Submissions"
ONE = "projects/1/forms/service_evaluation_sample/submissions/uuid:1"


def feed(server: CentralServer, query: str = "") -> list[dict[str, Any]]:
    return list(call(server, SVC + query).json["value"])


# on the wire


def test_trouble_comes_once_in_its_order_and_is_over(kobo: KoboServer) -> None:
    kobo.trouble.next(busy(3), broken(502), login_page())
    answers = [ask(kobo, "/me/") for _ in range(4)]
    assert [one.status for one in answers] == [429, 502, 200, 200]
    assert answers[0].headers["Retry-After"] == "3"
    assert answers[2].headers["Content-Type"].startswith("text/html")
    assert answers[3].json["username"] == "owner"


def test_a_date_in_retry_after_is_the_servers(kobo: KoboServer) -> None:
    clock = SetClock()
    kobo.trouble.next(busy(clock.later(seconds=90)))
    answer = ask(kobo, "/me/")
    assert answer.headers["Retry-After"] == "Mon, 23 Nov 2026 06:01:30 GMT"
    assert answer.headers["Date"] == "Mon, 23 Nov 2026 06:00:00 GMT"


def test_trouble_meets_only_what_it_is_meant_for_and_lasts_until_calm(kobo: KoboServer) -> None:
    kobo.trouble.every(broken(503), on="/data/")
    kobo.trouble.next(broken(504), on=lambda request: request.method == "DELETE")
    assert [data(kobo).status, ask(kobo, "/me/").status, data(kobo).status] == [503, 200, 503]
    assert kobo.trouble.pending == 1
    kobo.trouble.calm()
    assert (data(kobo).status, kobo.trouble.pending) == (200, 0)


def test_an_answer_is_cut_at_byte_n(kobo: KoboServer) -> None:
    kobo.trouble.next(Cut(10))
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(kobo, "/me/")
    assert len(caught.value.partial) == 10


@pytest.mark.parametrize("done", [True, False])
def test_an_answer_that_is_lost_may_have_been_done(kobo: KoboServer, done: bool) -> None:
    kobo.submit(instance(1))
    kobo.trouble.next(Lost(done=done))
    path = f"/api/v2/assets/{next(iter(kobo.platform.assets))}/data/1/"
    with pytest.raises(http.client.RemoteDisconnected):
        ask(kobo, path, "DELETE")
    assert numbers(kobo) == ([] if done else [1])


# inside KoboToolbox


def test_a_row_becomes_visible_after_one_with_a_higher_number_and_a_later_time(kobo: KoboServer) -> None:
    late = kobo.begin(instance(1))
    kobo.submit(instance(2))
    assert numbers(kobo) == [2]
    assert late.commit() == "1"
    assert numbers(kobo) == [1, 2]
    assert [row["_id"] for row in data(kobo, '?query={"_id":{"$gt":1}}').json["results"]] == [2]


def test_a_ghost_is_listed_and_cannot_be_deleted_and_its_twin_has_the_same_root(kobo: KoboServer) -> None:
    ghost = kobo.haunt(instance(1))
    kobo.submit(instance(1))
    rows = data(kobo).json["results"]
    assert [row["_id"] for row in rows] == [ghost, ghost + 1]
    assert len({row["meta/rootUuid"] for row in rows}) == 1
    path = f"/api/v2/assets/{next(iter(kobo.platform.assets))}/data/{ghost}/"
    gone = ask(kobo, path, "DELETE")
    assert (gone.status, gone.json) == (404, {"detail": "Submission not found"})
    assert ask(kobo, path).status == 200
    kobo.resync()
    assert numbers(kobo) == [ghost + 1]


def test_a_copy_has_its_own_root_and_number(kobo: KoboServer) -> None:
    kobo.submit(instance(1))
    root = kobo.duplicate("1")
    rows = data(kobo).json["results"]
    assert rows[1]["meta/rootUuid"] == f"uuid:{root}" != rows[0]["meta/rootUuid"]
    assert (rows[0]["start"], rows[1]["start"]) != (rows[1]["start"], rows[0]["start"])
    assert "meta/deprecatedID" not in rows[1]


def test_a_time_the_client_chose_changes_when_the_listing_is_filled_again(kobo: KoboServer) -> None:
    chosen = instance(1).replace("<data ", '<data submissionDate="2012-05-05T10:00:00.000+02:00" ')
    uid = next(iter(kobo.platform.assets))
    service = kobo.platform.assets[uid].service
    assert service is not None
    xml = chosen.replace("service_evaluation_sample", uid).encode()
    files = {"xml_submission_file": ("s.xml", xml)}
    assert ask(kobo, "/submission", "POST", fields={}, files=files).status == 404  # without formhub/uuid
    inside = f"<formhub><uuid>{service.names.formhub_uuid}</uuid></formhub><start>"
    files = {"xml_submission_file": ("s.xml", xml.replace(b"<start>", inside.encode()))}
    assert ask(kobo, "/submission", "POST", fields={}, files=files).status == 201
    assert data(kobo).json["results"][0]["_submission_time"] == "2012-05-05T10:00:00"
    kobo.resync()
    assert data(kobo).json["results"][0]["_submission_time"] == "2012-05-05T08:00:00"


def test_files_come_with_a_row_or_later_and_only_the_files_tell(kobo: KoboServer) -> None:
    kobo.submit(instance(1, why="a b.jpg", provider="c.jpg"), files={"a b.jpg": b"1", "other.jpg": b"?"})
    (row,) = data(kobo).json["results"]
    (one,) = row["_attachments"]  # a file that no answer names is hidden
    assert (one["media_file_basename"], one["question_xpath"]) == ("a b.jpg", "why")
    assert one["filename"].endswith("/a_b.jpg")
    address = one["download_url"].removeprefix(kobo.url)
    assert ask(kobo, address).body == b"1"
    assert ask(kobo, address + "?format=json").status == 404
    events = len(kobo.platform.assets[row["_xform_id_string"]].history)
    kobo.attach("1", "c.jpg", b"2")
    (after,) = data(kobo).json["results"]
    assert len(after.pop("_attachments")) == 2
    row.pop("_attachments")
    assert after == row
    assert len(kobo.platform.assets[row["_xform_id_string"]].history) == events + 1  # the page that was read


def test_the_same_xml_with_a_new_file_is_taken_and_without_one_a_duplicate(kobo: KoboServer) -> None:
    kobo.submit(instance(1, why="a.jpg"))
    (stored,) = next(iter(kobo.platform.assets.values())).rows.values()
    more = {"xml_submission_file": ("s.xml", stored.xml), "a.jpg": ("a.jpg", b"1")}
    assert ask(kobo, "/submission", "POST", fields={}, files=more).status == 201
    assert ask(kobo, "/submission", "POST", fields={}, files=more).status == 202
    assert len(data(kobo).json["results"][0]["_attachments"]) == 1


def test_a_lost_permission_looks_like_nothing_and_a_part_of_it_like_fewer_rows(kobo: KoboServer) -> None:
    for number in (1, 2, 3):
        kobo.submit(instance(number))
    kobo.permission.lose()
    assert (data(kobo).status, data(kobo).json) == (404, {"detail": "Not found."})
    uid = next(iter(kobo.platform.assets))
    assert ask(kobo, f"/api/v2/assets/{uid}/").json["deployment__submission_count"] is None
    kobo.permission.regain()
    kobo.permission.only("uuid:2")
    assert (data(kobo).json["count"], numbers(kobo)) == (1, [2])
    kobo.permission.regain()
    kobo.permission.viewer()
    assert numbers(kobo) == [1, 2, 3]
    assert ask(kobo, f"/api/v2/assets/{uid}/history/").status == 403
    assert ask(kobo, f"/api/v2/assets/{uid}/data/1/", "DELETE").status == 403


def test_the_windows_that_do_not_move(kobo: KoboServer) -> None:
    """`offset` and `page` leave the rows where they are, and the links believe otherwise."""
    for number in range(1, 6):
        kobo.submit(instance(number))
    moved = data(kobo, "?offset=2&limit=2").json
    assert ([row["_id"] for row in moved["results"]], moved["next"][-7:]) == ([1, 2], "start=4")
    assert [row["_id"] for row in data(kobo, "?page=2&limit=2").json["results"]] == [1, 2]
    kobo.platform.page_limit = 2
    silent = data(kobo, "?limit=1000").json
    assert (len(silent["results"]), "limit=2" in silent["next"]) == (2, True)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("sort=_id", 400),
        ('sort=[["_id",1]]', 500),
        ('sort={"_id":"x"}', 500),
        ("query=[]", 500),
        ("format=csv", 404),
    ],
)
def test_a_question_out_of_order_is_refused_or_breaks_the_server(
    kobo: KoboServer, query: str, status: int
) -> None:
    assert data(kobo, "?" + quote(query, safe="=")).status == status


@pytest.mark.parametrize("status", [402, 403, 423])
def test_a_full_plan_a_missing_right_and_two_at_once_refuse_a_submission(
    kobo: KoboServer, status: int
) -> None:
    kobo.platform.full = status == 402
    kobo.permission.add = status != 403
    kobo.platform.processing = {"1"} if status == 423 else set()
    with pytest.raises(RefusedError) as caught:
        kobo.submit(instance(1))
    assert caught.value.status == status


def test_phones_get_the_forms_in_service(kobo: KoboServer) -> None:
    uid, asset = next(iter(kobo.platform.assets.items()))
    listed = ask(kobo, "/formList").body.decode()
    assert f"<formID>{uid}</formID>" in listed
    address = listed.partition("<downloadUrl>")[2].partition("</downloadUrl>")[0].removeprefix(kobo.url)
    assert ask(kobo, address).body.decode() == kobo.xform(uid)
    assert "mediaFile" not in ask(kobo, f"/xformsManifest/{uid}").body.decode() or asset.files
    assert send("GET", kobo.url + "/formList", headers={"Authorization": "Basic eDp5"}).status == 401
    assert ask(kobo, "/submission", "HEAD").headers["X-OpenRosa-Accept-Content-Length"] == "10000000"
    asset.active = False
    assert uid not in ask(kobo, "/owner/formList").body.decode()


# inside Central


def test_a_submission_appears_below_one_that_was_read(central: CentralServer) -> None:
    late = central.begin(instance(1))
    central.clock.later(seconds=1)  # type: ignore[attr-defined]
    central.submit(instance(2))
    newest = feed(central)[0]["__system"]["submissionDate"]
    late.commit()
    assert [row["__id"] for row in feed(central)] == ["uuid:2", "uuid:1"]
    after = quote(f"__system/submissionDate gt {newest}")
    assert feed(central, f"?%24filter={after}") == []


def test_a_purged_row_is_gone_without_a_trace_but_in_the_audit_log(central: CentralServer) -> None:
    central.submit(instance(1))
    central.delete("uuid:1")
    central.purge("uuid:1")
    deleted = quote("__system/deletedAt ne null")
    assert feed(central, f"?%24filter={deleted}") == []
    log = call(central, "audits?action=submission").json
    assert [one["action"] for one in log] == ["submission.purge", "submission.delete", "submission.create"]
    assert (
        call(central, "audits?action=submission.create&limit=1").json[0]["details"]["instanceId"] == "uuid:1"
    )
    assert call(central, "audits?action=nope").json == []
    central.submit(instance(1))  # the id may come again


def test_an_encrypted_row_shows_nothing_but_itself(central: CentralServer) -> None:
    central.submit(instance(1))
    central.encrypt("uuid:1")
    (row,) = feed(central)
    assert sorted(row) == ["__id", "__system"]
    assert row["__system"]["status"] == "notDecrypted"
    assert row["__system"]["formVersion"].startswith("2026112301[encrypted:")


def test_broken_xml_is_taken_as_long_as_its_form_can_be_read(central: CentralServer) -> None:
    cut = instance(1, why="x").partition("<meta>")[0]
    path = ONE.rpartition("/")[0]
    answer = call(central, path, "POST", body=cut.encode())
    assert answer.status == 200
    assert not answer.json["instanceId"].startswith("uuid:")  # the server invented one
    (row,) = feed(central)
    assert (row["role"], row["why"]) == ("bdo", "x")
    assert call(central, path, "POST", body=b"<cut").json["code"] == 400.2


def test_a_role_that_was_taken_away_is_forbidden_where_something_is(central: CentralServer) -> None:
    central.submit(instance(1))
    central.permission.lose()
    assert call(central, SVC).json["code"] == 403.1
    assert call(central, SVC.replace("projects/1", "projects/9")).json["code"] == 404.1
    assert call(central, "projects").json == []
    central.permission.viewer()
    assert len(feed(central)) == 1
    assert call(central, ONE, "PATCH", json_body={"reviewState": "approved"}).json["code"] == 403.1
    assert call(central, "audits").json["code"] == 403.1


def test_everybody_can_be_logged_out(central: CentralServer) -> None:
    token = session(central)
    central.end_sessions()
    answer = send("GET", f"{central.url}/v1/{SVC}", headers={"Authorization": f"Bearer {token}"})
    assert answer.json["code"] == 401.2


def test_tests_of_a_draft_stay_with_the_draft(central: CentralServer) -> None:
    form = central.project.forms["service_evaluation_sample"]
    central.platform.draft_again(form, form.versions[-1])
    address = f"test/{form.draft_token}/projects/1/forms/service_evaluation_sample/draft/submission"
    files = {"xml_submission_file": ("s.xml", instance(7).encode())}
    assert send("POST", f"{central.url}/v1/{address}", fields={}, files=files).status == 201
    assert (
        send("POST", f"{central.url}/v1/{address.replace(form.draft_token, 'x')}", files=files).status == 404
    )
    assert feed(central) == []
    tests = call(central, "projects/1/forms/service_evaluation_sample/draft.svc/Submissions").json["value"]
    assert [row["__id"] for row in tests] == ["uuid:7"]
    central.platform.publish(form, version="2026112302")
    assert form.draft_submissions == {}


def test_a_device_sends_and_reads_no_submissions(central: CentralServer) -> None:
    user = call(central, "projects/1/app-users", "POST", json_body={"displayName": "tablet-7"}).json
    base = f"{central.url}/v1/key/{user['token']}/projects/1"
    files = {"xml_submission_file": ("s.xml", instance(1).encode())}
    rosa = {"X-OpenRosa-Version": "1.0"}
    assert send("POST", f"{base}/submission", headers=rosa, files=files).status == 401  # not assigned yet
    form = "projects/1/forms/service_evaluation_sample"
    assert call(central, f"{form}/assignments/app-user/{user['id']}", "POST").json == {"success": True}
    assert send("POST", f"{base}/submission", headers=rosa, files=files).status == 201
    assert send("GET", f"{base}/forms/service_evaluation_sample.xml").status == 200
    assert send("GET", f"{base}/forms/service_evaluation_sample.svc/Submissions").json["code"] == 403.1
    bearer = {"Authorization": f"Bearer {user['token']}"}
    assert send("GET", f"{central.url}/v1/{SVC}", headers=bearer).json["code"] == 403.1
    assert send("GET", f"{central.url}/v1/key/short/projects/1").json["code"] == 401.2
    call(central, f"sessions/{user['token']}", "DELETE")
    assert send("POST", f"{base}/submission", headers=rosa, files=files).json["code"] == 403.1


def test_an_edited_id_leads_to_its_version_and_all_versions_can_be_read(central: CentralServer) -> None:
    central.submit(instance(1))
    central.submit(instance(2, base=1, why="edited"))
    moved = call(central, ONE.replace("uuid:1", "uuid:2"))
    assert (moved.status, moved.headers["Location"].rpartition("/v1/")[2]) == (
        301,
        ONE.replace("uuid:1", "uuid%3A1") + "/versions/uuid%3A2",
    )
    versions = call(central, f"{ONE}/versions").json
    assert [(one["instanceId"], one["current"]) for one in versions] == [("uuid:2", True), ("uuid:1", False)]
    assert b"edited" not in call(central, f"{ONE}/versions/uuid:1.xml").body


def test_a_closed_form_refuses_and_a_deleted_one_never_was(central: CentralServer) -> None:
    form = "projects/1/forms/service_evaluation_sample"
    assert call(central, form, "PATCH", json_body={"state": "closed"}).json["state"] == "closed"
    answer = call(central, f"{form}/submissions", "POST", body=instance(1).encode())
    assert answer.json["code"] == 409.2
    assert call(central, form, "PATCH", json_body={"state": "ajar"}).json["code"] == 400.8
    call(central, form, "DELETE")
    assert call(central, SVC).json["code"] == 404.1


def test_a_late_file_moves_no_time_and_no_mark(tmp_path: Any) -> None:
    clock = SetClock()
    with CentralServer(clock=clock, email=EMAIL, password=PASSWORD) as server:
        xform = (
            '<h:html xmlns:h="http://www.w3.org/1999/xhtml" xmlns="http://www.w3.org/2002/xforms"><h:head>'
            "<h:title>t</h:title><model><instance><data id='service_evaluation_sample' version='2026112301'>"
            "<start/><role/><photo/><meta><instanceID/></meta></data></instance>"
            "<bind nodeset='/data/photo' type='binary'/></model></h:head><h:body/></h:html>"
        )
        form = server.platform.draft(server.project, xform.encode(), ignore_warnings=True)
        server.platform.publish(form)
        server.submit(instance(1, photo="p.jpg"))
        before = call(server, SVC)
        assert before.json["value"][0]["__system"]["attachmentsExpected"] == 1
        assert call(server, f"{ONE}/attachments").json == [{"name": "p.jpg", "exists": False}]
        assert call(server, f"{ONE}/attachments/p.jpg").json["code"] == 404.1
        clock.later(minutes=1)
        server.attach("uuid:1", "p.jpg", b"jpeg")
        after = call(server, SVC)
        assert after.headers["ETag"] == before.headers["ETag"]
        assert after.json["value"][0]["__system"]["updatedAt"] is None
        assert after.json["value"][0]["__system"]["attachmentsPresent"] == 1
        assert call(server, f"{ONE}/attachments/p.jpg").body == b"jpeg"


def test_what_a_feed_holds_is_said_by_its_service_document(central: CentralServer) -> None:
    body = call(central, SVC.rpartition("/")[0]).json
    assert [one["name"] for one in body["value"]] == ["Submissions", "Submissions.visit"]


def test_entities_are_texts_and_a_change_must_know_its_version(central: CentralServer) -> None:
    base = "projects/1/datasets"
    call(central, base, "POST", json_body={"name": "people"})
    call(central, f"{base}/people/properties", "POST", json_body={"name": "age"})
    made = {"uuid": "u1", "label": "P6", "data": {}}
    assert call(central, f"{base}/people/entities", "POST", json_body=made).status == 200
    assert call(central, f"{base}/people/entities", "POST", json_body=made).json["code"] == 409.3
    bad = {"uuid": "u2", "label": "x", "data": {"age": 7}}
    assert call(central, f"{base}/people/entities", "POST", json_body=bad).json["code"] == 400.11
    answer = call(central, f"{base}/people.svc/Entities")
    assert "ETag" not in answer.headers
    (row,) = answer.json["value"]
    assert (row["age"], row["__system"]["version"], "deletedAt" in row["__system"]) == ("", 1, False)
    change = {"data": {"age": "7"}}
    assert call(central, f"{base}/people/entities/u1", "PATCH", json_body=change).json["code"] == 409.15
    changed = call(central, f"{base}/people/entities/u1?baseVersion=1", "PATCH", json_body=change)
    assert changed.json["currentVersion"]["version"] == 2


def test_a_long_walk_is_not_searched_anew_for_each_page_and_sees_every_change(
    central: CentralServer,
) -> None:
    for number in range(1, 8):
        central.submit(instance(number))
    first = call(central, SVC + "?%24top=3").json
    form = central.project.forms["service_evaluation_sample"]
    kept = next(iter(form.selections.values()))
    token = first["@odata.nextLink"].rpartition("v1/")[2]
    call(central, token)
    assert next(iter(form.selections.values())) is kept
    central.review("uuid:1", "approved")
    assert call(central, token).status == 200
    assert next(iter(form.selections.values())) is not kept


def test_a_clock_is_put_where_one_wants_it() -> None:
    clock = SetClock()
    before = clock()
    assert clock.later(hours=2, seconds=-1) - before == timedelta(seconds=7199)
    assert clock.later(days=-1) < before
