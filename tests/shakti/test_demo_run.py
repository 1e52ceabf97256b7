"""The demonstration itself: from the forms to the lists, with everything real but the people."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from shakti import assembly
from shakti.config import read_config
from shakti.demo.run import run_demo
from shakti.demo.sample import NOTE
from shakti.screen import Screen
from xlsforms import FormError

FULL = 3400


@pytest.fixture(scope="session")
def demonstrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one demonstration, as large as `make demo`, the two conversations talked without Rasa."""
    out = tmp_path_factory.mktemp("shakti") / "demo"
    run_demo(out, seed=2026, evaluations=FULL, rasa=None, screen=Screen())
    return out


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def keys_of(folder: Path) -> dict[str, str]:
    return dict(re.findall(r"export (\w+)=(\w+)", (folder / "keys.env").read_text(encoding="utf-8")))


def test_every_list_is_written_and_says_that_it_is_sample_data(demonstrated: Path) -> None:
    for name in ("leaders.csv", "leaders.html", "programme.csv"):
        assert NOTE in (demonstrated / name).read_text(encoding="utf-8-sig"), name
    assert (demonstrated / "leaders.xlsx").stat().st_size > 0


def test_the_programme_list_has_every_provider_of_the_registry(demonstrated: Path) -> None:
    config = read_config(demonstrated / "config.yml")
    registered = {one.name for one in assembly.load_registry(config).providers}
    assert len(registered) >= 120
    assert registered <= {row["provider"] for row in rows(demonstrated / "programme.csv")}


def test_some_are_recognised_and_many_have_no_result_yet(demonstrated: Path) -> None:
    leaders, programme = rows(demonstrated / "leaders.csv"), rows(demonstrated / "programme.csv")
    groups = Counter(row["group"] for row in programme)
    assert leaders
    assert groups["no result yet"] >= 30
    recognised = {row["provider"] for row in programme if row["recommendation"] == "recognise"}
    assert {row["provider"] for row in leaders} <= recognised
    assert len(recognised) < len(programme) / 10


def test_all_four_sources_reach_the_store_and_each_instance_counts_once(demonstrated: Path) -> None:
    config = read_config(demonstrated / "config.yml")
    with assembly.open_store(config, keys_of(demonstrated)) as store:
        seen, evaluations = store.sightings_summary(), store.evaluations()
        quarantined = store.quarantined()
    kinds = Counter[str]()
    for sources, count in seen.items():
        for source in sources:
            kinds[source.split(":")[0]] += count
    assert set(kinds) == {"kobo", "central", "collect", "chat"}
    assert sum(count for sources, count in seen.items() if len(sources) > 1) >= 80, "some came by two ways"
    assert len({row["evaluation"] for row in evaluations}) == len(evaluations) >= 3000
    assert {row["mode"] for row in evaluations} == {"enumerator", "chat"}
    assert len(quarantined) == 3


def test_it_never_touches_a_folder_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(FormError, match="holds files that no demonstration made"):
        run_demo(tmp_path, seed=1, evaluations=200, rasa=None, screen=Screen())
    assert (tmp_path / "letter.txt").read_text(encoding="utf-8") == "mine"
