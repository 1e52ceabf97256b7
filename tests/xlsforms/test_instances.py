"""Filled forms are read as any source delivers them."""

from __future__ import annotations

import pytest

from xlsforms import FormError, read_instance

COLLECT = """<?xml version='1.0' ?>
<data xmlns:orx="http://openrosa.org/xforms" id="visit" version="2026112301">
  <start>2026-11-23T10:15:30.000+05:30</start>
  <core><respect>4</respect><comment/></core>
  <visit><day>2026-01-02</day></visit>
  <visit><day>2026-01-03</day><who>x</who></visit>
  <empty>   </empty>
  <said>ভালো &lt;কথা&gt;
two lines</said>
  <orx:meta><orx:instanceID>uuid:8d7f</orx:instanceID><orx:deprecatedID>uuid:1a2b</orx:deprecatedID></orx:meta>
</data>"""


def test_answers_are_read_by_path_with_repeats_numbered_and_empty_ones_left_out() -> None:
    found = read_instance(COLLECT)
    assert (found.form_id, found.version) == ("visit", "2026112301")
    assert (found.instance_id, found.root_id, found.deprecated_id) == ("uuid:8d7f", "8d7f", "uuid:1a2b")
    assert found.answers == {
        "start": "2026-11-23T10:15:30.000+05:30",
        "core/respect": "4",
        "visit[1]/day": "2026-01-02",
        "visit[2]/day": "2026-01-03",
        "visit[2]/who": "x",
        "said": "ভালো <কথা>\ntwo lines",
        "meta/instanceID": "uuid:8d7f",
        "meta/deprecatedID": "uuid:1a2b",
    }


def test_bytes_and_text_are_read_alike_whatever_encoding_is_declared() -> None:
    latin = "<?xml version='1.0' encoding='ISO-8859-1'?><data id='f'><a>é</a></data>"
    assert read_instance(latin).answers == {"a": "é"}
    assert read_instance(latin.encode("iso-8859-1")).answers == {"a": "é"}


def test_what_is_missing_is_empty_and_not_an_error() -> None:
    found = read_instance("<data/>")
    assert (found.form_id, found.version, found.instance_id, found.deprecated_id) == ("data", "", "", None)
    assert found.answers == {}


@pytest.mark.parametrize(
    ("xml", "said"),
    [
        ("", "the instance is not XML"),
        ("<data><a></data>", "the instance is not XML"),
        ("hello", "the instance is not XML"),
        ('<!DOCTYPE data [<!ENTITY a "b">]><data><x>&a;</x></data>', "DOCTYPE"),
        (f"<data><x>{'y' * 1024 * 1024}</x></data>", "larger than 1024 kB"),
        ("<a>" * 150 + "</a>" * 150, "nested too deeply"),
        (b"\xff\xfe\x00", "the instance is not XML"),
        ("<data>\ud800</data>", "the instance is not XML"),
    ],
)
def test_an_unreadable_instance_is_refused_in_one_sentence(xml: str | bytes, said: str) -> None:
    with pytest.raises(FormError) as caught:
        read_instance(xml)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
