"""The same instance from all four sources, in any order and any state of edit, review and deletion, counts once."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from connector_worlds import submission, with_answers
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connector import FormVersion, Page, Store, Submission
from connector.submission import precedence

NOW = dt.datetime(2026, 11, 23, 6, 0, tzinfo=dt.UTC)
SOURCES = ("chat", "collect", "kobo", "central")
NUMBERS = itertools.count(1)  # each example is about an instance of its own: emptying the store takes longer


@dataclass(frozen=True)
class State:
    """What a source shows of the instance at one time."""

    source: str
    version: int
    respect: int
    review: str
    deleted: bool
    minute: int


@st.composite
def deliveries(draw: st.DrawFn) -> list[State]:
    """What each source shows one after the other, mixed in any order; some of it delivered twice."""
    histories: dict[str, list[State]] = {}
    for source in draw(st.sets(st.sampled_from(SOURCES), min_size=1)):
        is_platform = source in ("kobo", "central")
        states: list[State] = []
        for minute in sorted(draw(st.sets(st.integers(0, 9), min_size=1, max_size=3))):
            states.append(
                State(
                    source,
                    version=draw(st.integers(0, 2)),
                    respect=draw(st.integers(1, 5)),
                    review=draw(st.sampled_from(["none", "approved", "rejected"])) if is_platform else "none",
                    deleted=is_platform and draw(st.booleans()) and bool(states),
                    minute=minute,
                )
            )
        histories[source] = states
    order = draw(st.permutations([source for source, states in histories.items() for _ in states]))
    waiting = {source: iter(states) for source, states in histories.items()}
    mixed = [next(waiting[source]) for source in order]
    return [one for one in mixed for _ in range(draw(st.integers(1, 2)))]


def as_submission(number: int, state: State) -> Submission:
    """An edit changes the version; what a version says never changes, wherever it is seen."""
    fields: dict[str, Any] = {
        "source": state.source,
        "mode": "chat" if state.source == "chat" else "enumerator",
        "review": state.review,
        "deleted": state.deleted,
        "version_id": f"{number}-{state.version}-{state.respect}" if state.version else None,
        # Collect folders and the chat have no server time.
        "changed_at": NOW + dt.timedelta(minutes=state.minute) if precedence(state.source) == 3 else None,
        "answers": with_answers(provider=f"p{number}", core__respect=str(state.respect)),
    }
    return submission(number, **{name: value for name, value in fields.items() if value is not None})


def expected(number: int, states: list[State]) -> tuple[dict[str, Any], set[str]] | None:
    """By the rule of the records, in one line each: who owns it, what it says there, who still shows it."""
    last = {state.source: state for state in states}

    def rank(state: State) -> tuple[int, int, str]:
        return precedence(state.source), state.minute if precedence(state.source) == 3 else 0, state.source

    owner = max(last.values(), key=rank)
    if owner.deleted:
        return None
    found = {
        "values": {"respect": float(owner.respect), "bribe": 0.0},
        "review": owner.review,
        "mode": "chat" if "chat" in last else "enumerator",
        "provider": f"p{number}",
    }
    return found, {source for source, state in last.items() if not state.deleted}


def stored(store: Store, number: int) -> Iterator[dict[str, Any]]:
    for one in store.evaluations():
        if one["provider"] == f"p{number}":
            yield {name: one[name] for name in ("values", "review", "mode", "provider")}


@pytest.fixture
def ready(store: Store, form_version: FormVersion) -> Store:
    store.add_form(form_version)
    return store


def versions_agree(states: list[State]) -> bool:
    """A first version (0) says one thing only: its id is the root's in every source."""
    return len({state.respect for state in states if state.version == 0}) <= 1


TOUCHED_LATER = [  # the platform touches its record again and changes nothing: it is still the later one
    State("central", 0, 1, "approved", deleted=False, minute=0),
    State("central", 0, 1, "approved", deleted=False, minute=1),
    State("kobo", 0, 1, "none", deleted=False, minute=0),
    State("chat", 0, 1, "none", deleted=False, minute=0),
]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(states=deliveries().filter(versions_agree))
@example(TOUCHED_LATER)
def test_it_counts_once_with_its_owners_content(ready: Store, states: list[State]) -> None:
    number = next(NUMBERS)
    for state in states:
        ready.record(state.source, Page((as_submission(number, state),)), now=NOW)
    wanted = expected(number, states)
    assert list(stored(ready, number)) == ([] if wanted is None else [wanted[0]])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(states=deliveries().filter(versions_agree))
def test_who_shows_it_is_known_whatever_the_order(ready: Store, states: list[State]) -> None:
    number = next(NUMBERS)
    for state in states:
        ready.record(state.source, Page((as_submission(number, state),)), now=NOW)
    root = submission(number).root_id
    last = {state.source: state for state in states}
    for source in SOURCES:
        shown = source in last and not last[source].deleted
        assert (root in ready.held(source).rows) == shown
