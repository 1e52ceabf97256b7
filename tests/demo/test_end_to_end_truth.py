"""The whole way with a known truth: invented survivors answer the real form through the engine, the store keeps it, scoring finds it.

What is true of a provider is what its survivors would say on average in the chat: the simulated answers are cut off at the ends of
the scale and rounded to five steps, so it is computed from the same model of answering, not from the quality alone.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtr

from bot.outbox import Outbox
from connector import ChatSource, CollectSource, Keys, Store, read_collectors, read_providers, sync
from connector.registry import Registry
from scoring import ModeEffect, Rating, Ratings, Settings
from scoring.items import domains
from shakti import assembly
from shakti.commands.keys import fresh_keys
from shakti.config import Config, Secrets
from shakti.demo.central_server import CentralServer
from shakti.demo.kobo_server import KoboServer
from shakti.demo.sample import EVALUATION, Sample, deliver, make_sample
from shakti.demo.survivors import ITEM_SPREAD, LENIENCY_SPREAD, VISIT_SPREAD
from shakti.demo.truth import KINDER_TO_A_FACE, ProviderTruth
from xlsforms import Form, load_form, marks, scale

XLSFORMS = Path(__file__).resolve().parents[2] / "xlsforms"
TODAY = dt.date(2026, 11, 23)
ROLES = ("social_worker", "panchayat_member", "health_worker")
Row = Mapping[str, str]


@dataclass(frozen=True)
class Found:
    """What was simulated, and what scoring made of it."""

    form: Form
    sample: Sample
    registry: Sequence[Row]
    ratings: Ratings

    @property
    def rows(self) -> Mapping[str, Rating]:
        return {row.provider: row for row in self.ratings.rows}

    def true(self, provider: Row, *, tilt: float = 0.0) -> float:
        """The composite that this provider's survivors would give on average; `tilt` is what a face adds."""
        return composite(self.form, provider["role"], self.sample.truth.providers[provider["name"]], tilt)


def rows_of(name: str) -> list[dict[str, str]]:
    with (XLSFORMS / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def registry_of(size: int) -> list[dict[str, str]]:
    """So many invented people in three roles, spread over the blocks of the real list."""
    places = sorted({(row["district"], row["block"]) for row in rows_of("providers") if row["block"]})
    like = next(row for row in rows_of("providers") if row["kind"] == "person")
    made = []
    for index in range(size):
        district, block = places[index % len(places)]
        own = {"name": f"person_{index:04d}", "role": ROLES[index // len(places) % 3], "district": district}
        made.append(like | own | {"block": block, "office": "", "from": "", "to": "", "served": ""})
    return made


def write(path: Path, rows: Sequence[Row]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def run(folder: Path, *, providers: int, evaluations: int, seed: int) -> Found:
    """Simulate, deliver (half by phone, the chat's by the outbox), store and score."""
    registry, collectors = registry_of(providers), rows_of("collectors")
    not_listed = [row for row in rows_of("providers") if row["name"] == "not_listed"]
    listed = write(folder / "providers.csv", [*registry, *not_listed])
    asked = write(folder / "collectors.csv", collectors)
    forms = {EVALUATION: load_form(XLSFORMS / f"{EVALUATION}.xlsx", media=folder)}
    forms["services_checkin"] = load_form(XLSFORMS / "services_checkin.xlsx", media=folder)
    sample = make_sample(
        forms, registry, collectors, seed=seed, today=TODAY, evaluations=evaluations, checkins=1
    )
    by_phone = tuple(
        replace(
            item,
            sources=("chat",) if item.mode == "chat" else ("collect",),
            edit={},
            review=None,
            deleted=False,
        )
        for item in sample.items
    )
    keys, _ = fresh_keys(Secrets())
    with (
        Outbox(f"sqlite:///{folder}/outbox.db", public_key=keys["SHAKTI_OUTBOX_PUBLIC_KEY"]) as outbox,
        KoboServer(clock=lambda: dt.datetime.now(dt.UTC), token="unused") as kobo,
        CentralServer(clock=lambda: dt.datetime.now(dt.UTC), email="unused", password="unused") as central,
        Store(
            f"sqlite:///{folder}/store.db",
            keys=Keys.from_hex(
                pseudonym=keys["SHAKTI_PSEUDONYM_KEY"], text_public=keys["SHAKTI_TEXT_PUBLIC_KEY"]
            ),
        ) as store,
    ):
        deliver(
            replace(sample, items=by_phone), kobo=kobo, central=central, collect_dir=folder, outbox=outbox
        )
        store.migrate()
        store.add_codes(sample.roll)
        store.set_registry(Registry(providers=read_providers(listed), collectors=read_collectors(asked)))
        sources = (
            CollectSource(folder, forms=tuple(forms.values()), aliases={}),
            ChatSource(outbox, private_key=keys["SHAKTI_OUTBOX_PRIVATE_KEY"], forms=tuple(forms.values())),
        )
        for report in sync(store, sources, now=lambda: dt.datetime.now(dt.UTC)):
            assert report.error is None
        ratings = assembly.score(Config(), store)
    return Found(forms[EVALUATION], sample, registry, ratings)


def composite(form: Form, role: str, truth: ProviderTruth, tilt: float) -> float:
    """The expected composite: the mean of the domains' means over the indicators that this role is asked about."""
    expected = {
        mark.measures: answer(
            scale(mark) is not None and len(scale(mark).values) > 2, truth.on(mark.measures) + tilt
        )  # type: ignore[union-attr]
        for mark in marks(form)
        if mark.measures and not mark.flag and asked_of(mark.path, role)
    }
    members = domains(tuple(expected), Settings())
    means = [np.mean([expected[name] for name in names]) for names in members.values() if names]
    return float(np.mean(means))


GROUPS = {"social_worker": "sw", "panchayat_member": "panchayat", "health_worker": "health"}


def asked_of(path: str, role: str) -> bool:
    return path.split("/", maxsplit=1)[0] in ("core", "care", GROUPS[role])


def answer(in_steps: bool, felt: float) -> float:
    """The mean answer on 0-100 when the average survivor feels this way."""
    if in_steps:
        spread = np.sqrt(LENIENCY_SPREAD**2 + VISIT_SPREAD**2 + ITEM_SPREAD**2)
        between = np.array([12.5, 37.5, 62.5, 87.5])
        return float(25.0 * ndtr((felt - between) / spread).sum())
    spread = np.sqrt(LENIENCY_SPREAD**2 + VISIT_SPREAD**2)
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    good = np.clip((felt + spread * nodes) / 100.0, 0.03, 0.97)
    return float(100.0 * (weights @ good) / weights.sum())


def covered(found: Found) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    scored = [(found.rows[one["name"]], found.true(one)) for one in found.registry]
    return np.array(
        [
            (row.score_low or 0.0) <= true <= (row.score_high or 0.0)
            for row, true in scored
            if row.score is not None
        ]
    )


def mode_errors(found: Found) -> list[tuple[ModeEffect, float]]:
    """Each role's effect, and how far it lies from the true one in its standard errors."""
    result = []
    # What a face adds is the same for all; what these collectors add on average happened once, and is in all their answers.
    tilt = KINDER_TO_A_FACE + float(np.mean(list(found.sample.truth.collectors.values())))
    for effect in found.ratings.modes:
        people = [one for one in found.registry if one["role"] == effect.role]
        if people and effect.source in ("role", "all roles"):
            true = np.mean([found.true(one, tilt=tilt) - found.true(one) for one in people])
            result.append((effect, (effect.beta - float(true)) / effect.se))
    return result


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return run(tmp_path_factory.mktemp("small"), providers=24, evaluations=600, seed=3)


def test_nearly_all_true_values_lie_in_their_intervals(small: Found) -> None:
    inside = covered(small)
    assert len(inside) >= 16
    assert inside.mean() >= 0.75  # 90 % of 16, less two standard errors


def test_the_mode_effect_is_found_where_it_was_put(small: Found) -> None:
    errors = mode_errors(small)
    assert errors
    for effect, error in errors:
        assert abs(error) < 3.0
        assert effect.beta > 0.0


def test_scores_follow_the_truth(small: Found) -> None:
    pairs = [(small.rows[one["name"]].score, small.true(one)) for one in small.registry]
    scored = np.array([(score, true) for score, true in pairs if score is not None])
    assert np.corrcoef(scored.T)[0, 1] > 0.85


@pytest.mark.nightly
def test_three_hundred_providers_are_found_as_often_as_promised(tmp_path: Path) -> None:
    found = run(tmp_path, providers=300, evaluations=9000, seed=20)
    inside = covered(found)
    errors = mode_errors(found)
    told = ", ".join(f"{effect.role} {effect.beta:+.1f} ({error:+.1f} se)" for effect, error in errors)
    print(f"\ncovered {inside.mean():.3f} of {len(inside)}; mode effects {told}", end="")  # noqa: T201
    assert len(inside) >= 200
    assert 0.86 <= inside.mean() <= 0.95
    assert all(abs(error) < 3.0 for _, error in errors)
    recognised = [
        row for row in found.ratings.rows if row.recommendation == "recognise" and row.unit == "person"
    ]
    assert recognised
    for row in recognised:  # nobody who is honoured is worse than the middle of all
        truth = {one["name"]: found.true(one) for one in found.registry if one["role"] == row.role}
        assert truth[row.provider] > np.median(list(truth.values()))
