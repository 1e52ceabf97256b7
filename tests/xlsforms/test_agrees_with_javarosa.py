"""Our engine and JavaRosa, ODK's own, filling the same generated forms with the same answers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from agreement import Both
from generated_forms import ANSWERS, NAMES, Generated, forms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.reference.javarosa.driver import JavaRosa, is_installed, javarosa

pytestmark = [
    pytest.mark.java,
    pytest.mark.skipif(not is_installed(), reason="Java is not installed; the pinned values are tested"),
]
WALK = settings(
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@pytest.fixture(scope="module")
def reference() -> Iterator[JavaRosa]:
    with javarosa() as running:
        yield running


def walk(reference: JavaRosa, form: Generated, data: st.DataObject) -> None:
    """Opens the form in both engines and answers it, here and there once more, until the end."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "walk.md"
        file.write_text(form.markdown, encoding="utf-8")
        if form.places:
            (file.parent / "places.csv").write_text(form.places, encoding="utf-8")
        both = Both.begin(reference, file)
        for _ in range(data.draw(st.integers(0, 25), label="steps")):
            step(both, form, data)
        both.finish()


def step(both: Both, form: Generated, data: st.DataObject) -> None:
    askable = both.askable()
    if form.languages and data.draw(st.integers(0, 9)) == 0:
        both.language(data.draw(st.sampled_from(form.languages)))
    elif askable:
        path = data.draw(st.sampled_from(askable))
        both.answer(path, data.draw(answers(both, path, form.kinds[path.rpartition("/")[2]])))


def answers(both: Both, path: str, kind: str) -> st.SearchStrategy[str]:
    """What may be answered now: of choices only those that are offered."""
    if kind not in ("select_one", "select_multiple"):
        return st.sampled_from(ANSWERS[kind])
    names = [name for name, _ in both.told.questions[path].choices]
    if not names:
        return st.just("")
    if kind == "select_one":
        return st.sampled_from([*names, ""])
    return st.lists(st.sampled_from(names), unique=True, max_size=len(NAMES)).map(" ".join)


@settings(WALK, max_examples=200, derandomize=True)
@given(form=forms(), data=st.data())
def test_both_engines_say_the_same_after_every_answer(
    reference: JavaRosa, form: Generated, data: st.DataObject
) -> None:
    walk(reference, form, data)


@pytest.mark.nightly
@settings(WALK, max_examples=2000)
@given(form=forms(), data=st.data())
def test_both_engines_say_the_same_on_many_more_forms(
    reference: JavaRosa, form: Generated, data: st.DataObject
) -> None:
    walk(reference, form, data)
