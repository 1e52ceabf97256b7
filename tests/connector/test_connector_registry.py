"""providers.csv and collectors.csv: every fault is named by file, row and column."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from connector import NOT_LISTED, Collector, Registry, RegistryError, read_collectors, read_providers

HEADER = "name,label,label_bn,label_hi,label_en,kind,office,role,block,district,state,from,to,served\n"
ROW = "sw_1,Name,,,Name,person,ngo_a,social_worker,303_b01,303,19,{since},{until},{served}\n"
SAMPLE = Path(__file__).resolve().parents[2] / "xlsforms"


def row(since: str = "", until: str = "", served: str = "") -> str:
    return ROW.format(since=since, until=until, served=served)


def write(folder: Path, text: str) -> Path:
    path = folder / "providers.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_sample_lists_are_read() -> None:
    providers = read_providers(SAMPLE / "providers.csv")
    assert len(providers) >= 130
    assert all(one.name != NOT_LISTED for one in providers)
    assert read_collectors(SAMPLE / "collectors.csv")[0] == Collector("c01", "ngo_a")


def test_a_posting_is_found_by_its_day(tmp_path: Path) -> None:
    moved = row("2025-01-01", "2026-03-31") + row("2026-04-01").replace("303_b01", "303_b02")
    registry = Registry(read_providers(write(tmp_path, HEADER + moved)))
    found = [
        registry.provider_at("sw_1", dt.date(*day)) for day in ((2026, 3, 31), (2026, 4, 1), (2024, 1, 1))
    ]
    assert [one.block if one else None for one in found] == ["303_b01", "303_b02", None]
    assert [one.posting for one in registry.providers] == ["sw_1@2025-01-01", "sw_1@2026-04-01"]


def test_blank_cells_are_open_and_unknown(tmp_path: Path) -> None:
    (one,) = read_providers(write(tmp_path, "\ufeff" + HEADER + row() + ",,,,,,,,,,,,,\n"))
    assert (one.since, one.until, one.served, one.posting) == (None, None, None, "sw_1")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEADER.replace(",served", "") + row(), "row 1: the column 'served' is missing"),
        (HEADER + row(since="1.4.2026"), "row 2, column 'from': '1.4.2026' is not a date"),
        (HEADER + row("2026-02-01", "2026-01-01"), "row 2, column 'to': the posting ends"),
        (HEADER + row(served="many"), "row 2, column 'served': 'many' is not a whole number"),
        (HEADER + row().replace("person", "ghost"), "row 2, column 'kind': 'ghost' is not one of"),
        (HEADER + row().replace("303,19", ",19"), "row 2, column 'district': the cell is empty"),
        (HEADER + row() + row("2026-01-01"), "'sw_1' has two postings on the same day"),
        (HEADER + row().strip() + ",more\n", "row 2: there are more cells than columns"),
    ],
)
def test_a_fault_is_named_by_row_and_column(tmp_path: Path, text: str, words: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(RegistryError) as caught:
        read_providers(path)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="is not there; correct `registry`"):
        read_providers(tmp_path / "none.csv")


def test_a_workbook_called_csv_is_told(tmp_path: Path) -> None:
    path = tmp_path / "providers.csv"
    path.write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(RegistryError, match="not a CSV file in UTF-8"):
        read_providers(path)


def test_a_collectors_code_stands_once(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="row 3, column 'name': the code 'c01' stands here twice"):
        read_collectors(write(tmp_path, "name,label,office\nc01,C01,ngo_a\nc01,C01,ngo_b\n"))
