"""Indicators become domains, domains a composite; what was not answered weighs nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scoring_samples import CORE, evaluations, row

from scoring import Settings
from scoring.items import domains, scores

ALL_GOOD = dict.fromkeys(CORE, 5.0)


def composite(*values: dict[str, float | None], settings: Settings | None = None) -> list[float]:
    rows = [row(number, values=dict(given)) for number, given in enumerate(values)]
    return scores(evaluations(rows), settings or Settings()).composite.tolist()


def test_domains_weigh_alike_however_many_questions_they_have() -> None:
    # access 100 (three questions), dignity 0 (three), result 100 (one)
    mixed = ALL_GOOD | {"respect": 1.0, "confidentiality": 1.0, "choice": 1.0}
    assert composite(mixed) == [pytest.approx(200 / 3)]


def test_weights_of_domains_count() -> None:
    mixed = ALL_GOOD | {"outcome": 1.0}
    assert composite(mixed, settings=Settings(weights={"result": 2.0})) == [pytest.approx(50.0)]


def test_a_domain_counts_from_half_of_its_questions_on() -> None:
    one_of_three = ALL_GOOD | {"availability": None, "timeliness": None, "information": 1.0}
    two_of_three = ALL_GOOD | {"availability": None, "timeliness": 1.0, "information": 1.0}
    found = composite(ALL_GOOD, one_of_three, two_of_three)
    assert found == [pytest.approx(100.0), pytest.approx(100.0), pytest.approx(200 / 3)]


def test_an_evaluation_in_which_too_little_was_answered_does_not_count() -> None:
    assert np.isnan(composite(ALL_GOOD, {"outcome": 5.0})[1])


def test_red_flags_never_enter_the_score() -> None:
    clean, asked = ALL_GOOD | {"bribe": 0.0}, ALL_GOOD | {"bribe": 1.0}
    assert composite(clean) == composite(asked) == composite(ALL_GOOD)


def test_unless_the_settings_forget_that_they_are_red_flags() -> None:
    """So that the test above can fail."""
    assert composite(ALL_GOOD | {"bribe": 1.0}, settings=Settings(red_flags=frozenset())) == [75.0]


def test_questions_that_no_domain_names_make_the_domain_of_the_role() -> None:
    found = domains(("respect", "home_visit", "bribe"), Settings())
    assert found == {"access": (), "dignity": ("respect",), "result": (), "role": ("home_visit",)}


def test_a_stray_answer_to_another_roles_question_does_not_make_it_apply() -> None:
    rows = [row(number, values=ALL_GOOD) for number in range(40)]
    stray = row(40, values=ALL_GOOD | {"home_visit": 0.0})
    assert scores(evaluations([*rows, stray]), Settings()).composite.tolist() == [100.0] * 41
