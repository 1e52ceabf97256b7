"""The four files: their columns, what a spreadsheet or a browser makes of hostile names, and that none is left half done."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html
from reports_samples import everyone, name, people, rating, release

from reports import GateError, Release, WriteError, write_all
from reports.files import put
from reports.names import LANGUAGES, Language
from reports.page import leaders_page
from reports.tables import LEADERS, PROGRAMME, csv_text, leaders, safe
from reports.workbook import leaders_workbook

SAMPLE = "Sample data: invented, not about real people."

# What a spreadsheet, a browser or a terminal might take for more than a name.
HOSTILE = (
    "=cmd|' /C calc'!A0",
    "+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "＝1",
    "＋1",
    "－1",
    "＠x",
    "\ufeff=1",
    "\u200d=1",
    '"=1"',
    '=HYPERLINK("http://x.example","y")',
    "http://x.example/",
    "a\r\nb,=1",
    "a;=1",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "'\"><svg onload=alert(1)>",
    "{{ 7*7 }}",
    "\u202egnp.exe",
    "\x00\x07name",
    "রিনা দাস",
)


def named(text: str) -> Release:
    """A release whose one recognised person is called this in every language."""
    registry = {"sw_1": name(text, label_bn=text, label_hi=text, office=text)}
    return release(rating(), registry=registry)


def inside(text: str = "Rina Das") -> Release:
    return release(rating(), registry={"sw_1": name(text)}, audience="programme")


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def cells_of(content: bytes) -> list[Any]:
    book = openpyxl.load_workbook(io.BytesIO(content))
    return [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]


def test_all_four_files_are_written_and_their_paths_given(tmp_path: Path) -> None:
    paths = write_all(named("Rina Das"), inside(), tmp_path / "new" / "folder", "en")
    assert [path.name for path in paths] == ["leaders.csv", "leaders.xlsx", "leaders.html", "programme.csv"]
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == sorted(
        path.name for path in paths
    )


def test_the_columns_are_those_of_the_design_in_its_order(tmp_path: Path) -> None:
    write_all(named("Rina Das"), inside(), tmp_path, "en")
    assert list(read(tmp_path / "programme.csv")[0]) == [
        "release",
        "role",
        "area",
        "provider",
        "name",
        "unit",
        "group",
        "place_low",
        "place_high",
        "score",
        "score_low",
        "score_high",
        "n_band",
        "reliability",
        "p_top",
        "p_above",
        "grade",
        "trend",
        "hold",
        "recommendation",
        "reasons",
    ]
    assert list(read(tmp_path / "leaders.csv")[0]) == [
        "release",
        "role",
        "area",
        "place_low",
        "place_high",
        "provider",
        "name",
        "unit",
        "score_band",
        "n_band",
        "p_top",
        "reasons",
    ]


def test_a_row_of_the_programme_list_holds_codes_bands_and_sentences(tmp_path: Path) -> None:
    write_all(named("x"), inside(), tmp_path, "en")
    assert read(tmp_path / "programme.csv") == [
        {
            "release": "2026Q4-sample",
            "role": "social_worker",
            "area": "North 24 Parganas",
            "provider": "sw_1",
            "name": "Rina Das",
            "unit": "person",
            "group": "clearly above",
            "place_low": "1",
            "place_high": "5",
            "score": "80–85",
            "score_low": "75",
            "score_high": "90",
            "n_band": "10–19",
            "reliability": "good",
            "p_top": "0.88",
            "p_above": "0.95",
            "grade": "",
            "trend": "",
            "hold": "none",
            "recommendation": "recognise",
            "reasons": "Very likely among the best fifth (88 in 100). It holds without any one survivor, collector or day. "
            f"What would change it: the answers of the coming quarters; each release looks again. {SAMPLE}",
        }
    ]


def test_a_row_of_the_leaders_holds_words_and_the_number_beside_them(tmp_path: Path) -> None:
    write_all(named("Rina Das"), inside(), tmp_path, "en")
    row = read(tmp_path / "leaders.csv")[0]
    assert row["p_top"] == "very likely among the best fifth (88 in 100)"
    assert (row["role"], row["score_band"], row["n_band"]) == ("Social worker", "80–85", "10–19")


def test_those_without_a_result_have_blank_figures_and_an_honest_reason(tmp_path: Path) -> None:
    programme = release(rating(survivors=people(3)), audience="programme")
    write_all(named("x"), programme, tmp_path, "en")
    row = read(tmp_path / "programme.csv")[0]
    figures = [
        "place_low",
        "place_high",
        "score",
        "score_low",
        "score_high",
        "n_band",
        "reliability",
        "p_top",
        "p_above",
    ]
    assert {row[column] for column in figures} == {""}
    assert row["group"] == "no result yet"
    assert row["reasons"] == f"Fewer than 5 different survivors so far. {SAMPLE}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_output_says_that_it_is_sample_data(tmp_path: Path, language: Language) -> None:
    sentence = {
        "en": SAMPLE,
        "bn": "নমুনা তথ্য: বানানো, কোনো সত্যিকারের মানুষের কথা নয়।",
        "hi": "नमूना जानकारी: बनाई हुई, किसी असली व्यक्ति के बारे में नहीं।",
    }[language]
    write_all(named("x"), inside(), tmp_path, language)
    for table in ("leaders.csv", "programme.csv"):
        rows = read(tmp_path / table)
        assert rows
        assert all(sentence in row["reasons"] and row["release"] == "2026Q4-sample" for row in rows)
    assert sentence in (tmp_path / "leaders.html").read_text(encoding="utf-8")
    book = openpyxl.load_workbook(tmp_path / "leaders.xlsx")
    assert sentence in [cell.value for row in book.worksheets[0].iter_rows() for cell in row]
    assert all(sentence in sheet.oddHeader.left.text for sheet in book)


def test_real_data_do_not_say_that_they_are_a_sample(tmp_path: Path) -> None:
    real = release(rating(), sample=False), release(rating(), sample=False, audience="programme")
    for path in write_all(*real, tmp_path, "en"):
        if path.suffix != ".xlsx":
            assert "ample data" not in path.read_text(encoding="utf-8-sig")
    assert not any(
        "ample data" in str(cell.value) for cell in cells_of((tmp_path / "leaders.xlsx").read_bytes())
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_no_hostile_name_becomes_a_formula_or_a_link_in_the_workbook(text: str) -> None:
    cells = cells_of(leaders_workbook(named(text), "en"))
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    assert not any(cell.hyperlink for cell in cells)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_hostile_name_begins_a_formula_in_csv_or_breaks_its_rows(text: str, tmp_path: Path) -> None:
    write_all(named(text), inside(text), tmp_path, "en")
    for table in ("leaders.csv", "programme.csv"):
        rows = read(tmp_path / table)
        assert len(rows) == 1
        for cell in rows[0].values():
            assert not cell.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_hostile_name_becomes_markup_on_the_page(text: str, language: Language) -> None:
    page = leaders_page(named(text), language)
    tree = html.fromstring(page)
    assert (
        tree.xpath("//script | //img | //iframe | //object | //embed | //link | //base | //form | //a") == []
    )
    assert [attribute for attribute in tree.xpath("//@*") if attribute.attrname.startswith("on")] == []
    assert "49" not in (tree.xpath("string(//th[@scope='row'])"))


@given(
    st.text(max_size=12).map(lambda tail: tail),
    st.sampled_from(["=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠", "\n="]),
)
@settings(max_examples=150, deadline=None)
def test_whatever_follows_a_formula_sign_stays_text(tail: str, sign: str) -> None:
    guarded = safe(sign + tail)
    assert guarded == f"'{sign}{tail}"
    written = csv_text(("name",), [{"name": sign + tail}])
    assert next(csv.DictReader(io.StringIO(written, newline="")))["name"] == guarded


def test_numbers_and_ordinary_names_are_left_as_they_are() -> None:
    assert [safe(cell) for cell in (12, 0.5, None, "", "Rina", "রিনা", "10–19", "'=1")] == [
        12,
        0.5,
        None,
        "",
        "Rina",
        "রিনা",
        "10–19",
        "'=1",
    ]


def test_a_guarded_name_keeps_what_it_said() -> None:
    assert leaders(named("=Rina"), "en")[0]["name"] == "=Rina"
    assert "'=Rina" in csv_text(LEADERS, leaders(named("=Rina"), "en"))


def test_csv_begins_with_the_mark_that_excel_needs_for_bengali(tmp_path: Path) -> None:
    write_all(named("রিনা"), inside("রিনা"), tmp_path, "bn")
    for table in ("leaders.csv", "programme.csv"):
        content = (tmp_path / table).read_bytes()
        assert content.startswith(b"\xef\xbb\xbf")
        assert "রিনা" in content.decode("utf-8-sig")


# The workbook


def test_the_workbook_opens_with_what_to_read_first_and_holds_one_real_table() -> None:
    book = openpyxl.load_workbook(io.BytesIO(leaders_workbook(named("Rina Das"), "en")))
    assert book.sheetnames == ["Read first", "Leaders"]
    sheet = book["Leaders"]
    table = sheet.tables["Leaders"]
    assert table.ref == "A1:P2"
    assert table.autoFilter is not None
    assert sheet.freeze_panes == "A2"
    assert sheet.print_title_rows == "$1:$1"
    assert (sheet.page_setup.orientation, sheet.page_setup.paperSize) == ("landscape", 9)
    assert not sheet.merged_cells.ranges


def test_numbers_are_numbers_in_the_workbook() -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(leaders_workbook(named("Rina Das"), "en")))["Leaders"]
    row = {head.value: cell.value for head, cell in zip(sheet[1], sheet[2], strict=True)}
    assert [
        row[head]
        for head in (
            "Place from",
            "Place to",
            "Compared with",
            "Score, least",
            "Score, most",
            "Chance in 100",
        )
    ] == [
        1,
        5,
        22,
        75,
        90,
        88,
    ]
    assert row["Different survivors"] == "10–19"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_same_release_gives_the_same_files(language: Language) -> None:
    made = named("Rina Das")
    assert leaders_workbook(made, language) == leaders_workbook(made, language)
    assert leaders_page(made, language) == leaders_page(made, language)


# An empty list


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_empty_list_is_valid_everywhere_and_says_that_nobody_is_recognised_yet(
    tmp_path: Path, language: Language
) -> None:
    write_all(release(), release(registry={}, audience="programme"), tmp_path, language)
    sentence = {
        "en": "Nobody is recognised yet.",
        "bn": "এখনও কাউকে সম্মান জানানো হয়নি।",
        "hi": "अभी तक किसी को सम्मान के लिए नहीं चुना गया है।",
    }[language]
    assert sentence in (tmp_path / "leaders.html").read_text(encoding="utf-8")
    assert read(tmp_path / "leaders.csv") == []
    with (tmp_path / "leaders.csv").open(encoding="utf-8-sig", newline="") as file:
        assert tuple(next(csv.reader(file))) == LEADERS
    sheets = openpyxl.load_workbook(tmp_path / "leaders.xlsx").worksheets
    assert sheets[1]["A2"].value == sentence
    assert not sheets[1].tables


# Nothing half done


def test_an_exception_in_the_middle_leaves_the_old_files_as_they_were(tmp_path: Path) -> None:
    write_all(named("Old"), inside("Old"), tmp_path, "en")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    broken = {"leaders.csv": b"new", "leaders.xlsx": b"new", "leaders.html": None}
    with pytest.raises(TypeError):
        put(tmp_path, broken, modes={})  # type: ignore[arg-type]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_that_cannot_be_written_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(WriteError, match=r"could not be written .*name another folder"):
        write_all(named("x"), inside(), tmp_path / "file" / "out", "en")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_only_the_owner_may_read_the_programme_list(tmp_path: Path) -> None:
    write_all(named("x"), inside(), tmp_path, "en")
    assert (tmp_path / "programme.csv").stat().st_mode & 0o077 == 0


def test_releases_cannot_be_mixed_up(tmp_path: Path) -> None:
    with pytest.raises(GateError, match="was about to be written as 'outward'"):
        write_all(inside(), inside(), tmp_path, "en")
    assert list(tmp_path.iterdir()) == []


# The page


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_loads_nothing_and_runs_nothing(language: Language) -> None:
    tree = html.fromstring(leaders_page(named("Rina Das"), language))
    policy = tree.xpath("string(//meta[@http-equiv='Content-Security-Policy']/@content)")
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert tree.xpath("//@src | //@href | //@srcset | //@action") == []
    assert "url(" not in tree.xpath("string(//style)")
    assert tree.get("lang") == language


def test_each_strip_has_a_title_and_a_description_of_its_own() -> None:
    rows = [rating(f"sw_{number}") for number in range(3)] + [everyone("303", people(40))]
    tree = html.fromstring(leaders_page(release(*rows), "en"))
    ids = tree.xpath("//@id")
    assert len(ids) == len(set(ids))
    strips = tree.xpath("//table//svg[@role='img']")
    assert len(strips) == 3
    for strip in strips:
        title, description = strip.get("aria-labelledby").split()
        assert tree.xpath(f"string(//*[@id='{title}'])") == "Score 80–85 of 100"
        assert tree.xpath(f"string(//*[@id='{description}'])") == (
            "Best estimate 80–85; the truth lies between 75 and 90 9 times in 10. Average of this role in this area: about 60."
        )


def test_no_heading_stands_over_more_than_ten_rows() -> None:
    rows = [rating(f"sw_{number:02}") for number in range(23)]
    tree = html.fromstring(leaders_page(release(*rows), "en"))
    assert [len(table.xpath(".//tbody/tr")) for table in tree.xpath("//table")] == [10, 10, 3]
    assert (
        tree.xpath("//section[@class='group']//h2/text()")[1]
        == "Social workers · North 24 Parganas (continued)"
    )


def test_roles_and_areas_stand_under_headings_of_their_own() -> None:
    rows = (
        rating("sw_1"),
        rating("po_1", role="police"),
        rating("sw_2", area="19"),
        everyone("303_b01", people(30), recommendation="recognise"),
    )
    registry = {"sw_1": name(), "sw_2": name(), "po_1": name(role="police"), "sw_3": name()}
    tree = html.fromstring(leaders_page(release(*rows, registry=registry), "en"))
    assert tree.xpath("//section[@class='group']//h2/text()") == [
        "Police · North 24 Parganas",
        "Social workers · North 24 Parganas",
        "Social workers · North 24 Parganas · whole places",
        "Social workers · West Bengal",
    ]


def test_the_page_says_how_sure_it_is_and_who_may_see_it() -> None:
    rows = [rating(f"sw_{number}", p_top=0.85) for number in range(10)]
    page = leaders_page(release(*rows), "en")
    assert "about 2 of the 10 on this list do not belong to the best fifth" in page
    assert "Who may see it" in page
    assert "23 November 2026" in page
    assert "January 2026 to December 2026" in page


def test_the_programme_columns_are_complete_in_every_row() -> None:
    from reports.tables import programme

    rows = programme(release(rating(), rating("sw_2", people(2)), audience="programme"), "en")
    assert all(tuple(row) == PROGRAMME for row in rows)
