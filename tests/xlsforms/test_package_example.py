"""The room's front page: what it exports, and an example that runs."""

from __future__ import annotations

import contextlib
import doctest
from pathlib import Path

import xlsforms

VISIT = """
| survey |
| | type | name | label::English (en) | label::বাংলা (bn) | relevant | constraint | constraint_message::English (en) | constraint_message::বাংলা (bn) |
| | select_one yes_no | met | Did you meet? | দেখা হয়েছে? | | | | |
| | integer | visits | How often? | কতবার? | ${met} = 'yes' | . >= 0 | Zero or more | শূন্য বা তার বেশি লিখুন |
| choices |
| | list_name | name | label::English (en) | label::বাংলা (bn) |
| | yes_no | yes | Yes | হ্যাঁ |
| | yes_no | no | No | না |
"""
TRIPS = """
| survey |
| | type | name | label | calculation |
| | begin_repeat | trip | Trip | |
| | integer | km | Kilometres? | |
| | end_repeat | | | |
| | calculate | total | | sum(${km}) |
"""


def test_the_example_on_the_front_page_runs_as_it_is_shown(tmp_path: Path) -> None:
    (tmp_path / "visit.md").write_text(VISIT.strip() + "\n", encoding="utf-8")
    (tmp_path / "trips.md").write_text(TRIPS.strip() + "\n", encoding="utf-8")
    example = doctest.DocTestParser().get_doctest(
        xlsforms.__doc__ or "", dict(vars(xlsforms)), "xlsforms", xlsforms.__file__, 0
    )
    with contextlib.chdir(tmp_path):
        result = doctest.DocTestRunner().run(example)
    assert result.failed == 0
    assert result.attempted >= 10


def test_what_is_exported_is_there_sorted_and_explained() -> None:
    assert xlsforms.__all__ == sorted(xlsforms.__all__)
    for name in xlsforms.__all__:
        if name != "State":  # plain JSON, explained beside its definition
            assert getattr(xlsforms, name).__doc__
