"""Forms are read from every kind of file, and what is wrong with one is said in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from talking import NOW, Talk, WriteForm

from xlsforms import FormError, begin, form_from_xml, load_form
from xlsforms.workbook import sheets, to_xform

FORM = """
| survey |
| | type | name | label::English (en) | label::বাংলা (bn) | appearance | read_only | calculation | bind::eval:is | bind::eval:measures | parameters |
| | start | start | | | | | | | | |
| | select_one yn | adult | Adult? | প্রাপ্তবয়স্ক? | likert | | | adult | | |
| | begin_group | core | Core | মূল | | | | | | |
| | range | respect | Respect | সম্মান | | | | | respect | start=0 end=10 step=1 |
| | end_group | | | | | | | | | |
| | note | bye | Bye | বিদায় | | | | | | |
| | acknowledge | ok | OK? | ঠিক? | | | | | | |
| | time | at | At | কখন | | | | | | |
| | calculate | c | | | | | 1 + 1 | | | |
| | hidden | mode | | | | | | | | |
| choices |
| | list_name | name | label::English (en) | label::বাংলা (bn) |
| | yn | yes | Yes | হ্যাঁ |
| | yn | no | No | না |
| settings |
| | form_id | version | form_title | default_language | namespaces |
| | f1 | 2026112301 | A form | বাংলা (bn) | eval="urn:shakti:evaluation:1" |
"""


def test_a_form_knows_itself_and_its_questions(write_form: WriteForm) -> None:
    form = write_form(FORM)
    assert (form.form_id, form.version, form.title) == ("f1", "2026112301", "A form")
    assert (form.languages, form.default_language) == (("English (en)", "বাংলা (bn)"), "বাংলা (bn)")
    kinds = {question.path: question.kind for question in form.questions}
    assert kinds == {
        "adult": "select_one",
        "core/respect": "integer",
        "bye": "note",
        "ok": "acknowledge",
        "at": "time",
        "c": "calculate",
        "mode": "hidden",
    }
    adult = form.question("adult")
    assert (adult.choice_names, adult.appearance, adult.eval) == (("yes", "no"), "likert", {"is": "adult"})
    assert form.question("core/respect").parameters == {"start": "0", "end": "10", "step": "1"}
    assert form.question("bye").readonly
    assert "<h:html" in form.xform


def test_a_form_cannot_be_changed(write_form: WriteForm) -> None:
    form = write_form(FORM)
    with pytest.raises(AttributeError):
        form.version = "1"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        form.questions[0].path = "x"  # type: ignore[misc]


def test_a_language_is_found_by_its_code_or_its_name(write_form: WriteForm) -> None:
    form = write_form(FORM)
    assert form.language("bn") == form.language("বাংলা (bn)") == "বাংলা (bn)"
    with pytest.raises(KeyError, match=r"f1 has no language 'hi'; it has English \(en\), বাংলা \(bn\)"):
        form.language("hi")


def test_a_form_without_languages_says_so(write_form: WriteForm) -> None:
    form = write_form("| survey |\n| | type | name | label |\n| | text | q | Q |")
    assert (form.languages, form.default_language) == ((), None)
    with pytest.raises(KeyError, match="one language without a name"):
        form.language("en")


def test_the_same_form_is_read_from_a_workbook_and_from_its_xform(
    write_form: WriteForm, tmp_path: Path
) -> None:
    form = write_form(FORM)
    (tmp_path / "form.xml").write_text(form.xform, encoding="utf-8")
    assert load_form(tmp_path / "form.xml").questions == form.questions
    assert form_from_xml(form.xform).questions == form.questions


def test_a_form_with_repeats_is_loaded_with_its_marks(write_form: WriteForm) -> None:
    form = write_form("""
        | survey |
        | | type | name | label |
        | | begin_repeat | visit | Visit |
        | | date | day | Day |
        | | end_repeat | | |
        """)
    assert [question.path for question in form.questions] == ["visit/day"]


def test_pyxforms_own_words_follow_the_file(tmp_path: Path) -> None:
    path = tmp_path / "broken.md"
    path.write_text("| survey |\n| | type | name | label |\n| | nosuchtype | q | Q |\n", encoding="utf-8")
    with pytest.raises(FormError, match=rf"^{path}: .*nosuchtype"):
        to_xform(path)


def test_a_reference_to_no_question_is_named_by_pyxform(write_form: WriteForm) -> None:
    with pytest.raises(FormError, match=r"form\.md: .*nosuch"):
        write_form("| survey |\n| | type | name | label | relevant |\n| | text | q | Q | ${nosuch} = 1 |")


def test_unbalanced_brackets_in_a_relevant_are_named_with_their_question(write_form: WriteForm) -> None:
    with pytest.raises(FormError, match=r"form\.md: question q, relevant `\(\$\{a\} = 1`: it ends too early"):
        write_form(
            "| survey |\n| | type | name | label | relevant |\n| | text | a | A | |\n| | text | q | Q | (${a} = 1 |"
        )


@pytest.mark.parametrize("column", ["constraint", "required", "read_only", "calculation", "label", "default"])
def test_an_expression_is_checked_wherever_it_stands(write_form: WriteForm, column: str) -> None:
    text = "${a} frob(" if column != "label" else "Hello ${a}"
    table = (
        f"| survey |\n| | type | name | label | {column} |\n| | text | a | A | |\n| | text | q | Q | {text} |"
    )
    if column == "label":
        table = "| survey |\n| | type | name | label |\n| | text | a | A |\n| | text | q | Hello ${a} |"
        assert write_form(table).question("q").kind == "text"
        return
    if column == "default":
        table = table.replace(text, "frob(1)")
    with pytest.raises(FormError, match="question q"):
        write_form(table)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("form.xlsx", b"this is no workbook", "form.xlsx: "),
        ("form.txt", b"| survey |", "form.txt: not a form; it should end in .xlsx, .xls, .csv, .md or .xml"),
        ("form.xml", b"<h:html", "form.xml is not XML"),
        ("form.xml", b"<a/>", "form.xml is not an XForm: it needs a model, a primary instance and a body"),
        ("form.md", b"x" * (5 * 1024 * 1024 + 1), "form.md: larger than 5 MB"),
        ("form.xml", b"x" * (5 * 1024 * 1024 + 1), "form.xml: larger than 5 MB"),
    ],
)
def test_a_file_that_is_no_form_is_refused_in_one_sentence(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FormError) as caught:
        load_form(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormError, match=r"nowhere\.xlsx: there is no such file"):
        load_form(tmp_path / "nowhere.xlsx")


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE h:html [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE h:html SYSTEM "http://127.0.0.1:9/x.dtd">',
        "<!DOCTYPE h:html>",
    ],
)
def test_a_doctype_is_refused(write_form: WriteForm, doctype: str) -> None:
    xml = write_form(FORM).xform.replace('<?xml version="1.0"?>', f'<?xml version="1.0"?>{doctype}')
    assert doctype in xml
    with pytest.raises(FormError, match="DOCTYPE"):
        form_from_xml(xml)


def test_an_xform_not_made_by_pyxform_is_understood() -> None:
    """Inline choices, prefixes, relative references and binds by id, as older tools write them."""
    form = form_from_xml("""<?xml version="1.0"?>
        <h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml"
                xmlns:jr="http://openrosa.org/javarosa" xmlns:orx="http://openrosa.org/xforms">
          <h:head><h:title>Old</h:title><model>
            <instance><old id="old" version="7" xmlns=""><g><q/></g><n/><orx:meta><orx:instanceID/></orx:meta></old></instance>
            <bind nodeset="/old/g/q" type="select1" id="bq"/>
            <bind nodeset="/old/n" type="xsd:int" relevant="../g/q = 'b'" constraint=". &gt; 0" jr:constraintMsg="More"/>
            <bind nodeset="/old/orx:meta/orx:instanceID" type="string" jr:preload="uid"/>
          </model></h:head>
          <h:body>
            <group ref="/old/g"><label>G</label>
              <select1 bind="bq"><label>Q</label>
                <item><label>Aye</label><value>a</value></item><item><label>Bee</label><value>b</value></item>
              </select1>
            </group>
            <input ref="/old/n"><label>N <output value="/old/g/q"/>!</label></input>
          </h:body>
        </h:html>""")
    talk = Talk(form, begin(form, now=NOW, instance_id="uuid:test"))
    assert [(choice.name, choice.label) for choice in talk.prompt.choices] == [("a", "Aye"), ("b", "Bee")]
    assert talk.prompt.section == "G"
    talk.say("b")
    assert (talk.prompt.kind, talk.prompt.label) == ("integer", "N b!")
    assert talk.say("3").finished() == {"g/q": "b", "n": "3", "meta/instanceID": "uuid:test"}


def test_a_workbooks_rows_are_read_with_their_numbers(tmp_path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "settings"
    for row in (["form_id", "version"], [None, None], ["f1", 2026112301.0]):
        sheet.append(row)
    book.save(tmp_path / "book.xlsx")
    (row,) = sheets(tmp_path / "book.xlsx")["settings"]
    assert (row.number, row.cells) == (3, {"form_id": "f1", "version": "2026112301"})
