"""How a training spends its time: checks have their share and no more, on whatever machine."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matae.errors import TrainError
from matae.learn import RetrainOptions, retrain
from matae.learn.events import Event, Started, Step, Validation
from matae.learn.folders import PLAN
from matae.learn.pace import (
    CHECKS_SHARE,
    FEWEST_CHECKED,
    FEWEST_CHECKS,
    FEWEST_STEPS,
    Costs,
    Pace,
    paced,
    some_of,
)
from matae.learn.plan import Plan
from matae.learn.recipe import RECIPES
from matae.models import find_model
from matae.train.data import LabelledFrames
from matae.train.loop import make_fabric

if TYPE_CHECKING:
    from pathlib import Path

    from lightning_fabric import Fabric

    from matae.store import Study
    from matae.train.config import TrainConfig

KINDS = st.sampled_from(["quick", "full"])


def frames_of(patients: tuple[str, ...]) -> LabelledFrames:
    n = len(patients)
    pixels = np.zeros((n, 2, 2), np.uint8)
    return LabelledFrames(pixels, pixels, tuple(map(str, range(n))), patients, ("",) * n, np.ones(n))


@given(
    kind=KINDS,
    wanted=st.integers(1, 1200),
    n=st.integers(1, 5000),
    seconds=st.floats(0.0, 1e6),
    costs=st.builds(Costs, st.floats(1e-4, 1e3), st.floats(0.0, 1e2)),
)
def test_checks_have_their_share_at_most(kind: str, wanted: int, n: int, seconds: float, costs: Costs) -> None:
    found = paced(RECIPES[kind], wanted, n, seconds=seconds, costs=costs)
    looked_at = found.checks * found.checked
    least = FEWEST_CHECKS * min(n, FEWEST_CHECKED)
    assert looked_at * costs.frame <= CHECKS_SHARE * seconds * (1 + 1e-9) or looked_at <= least
    assert 1 <= found.checked <= min(n, RECIPES[kind].checked)
    assert found.checks <= RECIPES[kind].checks + 1
    # A start, an end and one between them, even of two steps; one more where there are enough for it.
    assert found.checks >= min(3, found.steps + 1)
    assert found.checks >= FEWEST_CHECKS or found.steps < FEWEST_STEPS
    assert min(wanted, FEWEST_STEPS) <= found.steps <= wanted
    if found.steps > FEWEST_STEPS:
        assert found.steps * costs.step + looked_at * costs.frame <= seconds * (1 + 1e-9)


@pytest.mark.parametrize("n", [1, 3, 40, 1000])
@pytest.mark.parametrize("kind", ["quick", "full"])
def test_where_there_is_time_checks_are_those_of_the_recipe(kind: str, n: int) -> None:
    chosen = RECIPES[kind]
    found = paced(chosen, 80, n, seconds=1e6, costs=Costs(0.1, 0.01))
    assert found == Pace(80, 80 // chosen.checks, min(n, chosen.checked))
    assert found.checks == chosen.checks + 1


def test_a_slow_machine_checks_less_often_and_only_then_fewer_frames() -> None:
    def at(frame: float) -> Pace:
        return paced(RECIPES["full"], 520, 100, seconds=100.0, costs=Costs(1.0, frame))

    assert (at(0.02).checks, at(0.02).checked, at(0.02).steps) == (6, 100, 88)
    assert (at(0.03).checks, at(0.03).checked, at(0.03).steps) == (4, 100, 88)
    assert (at(0.06).checks, at(0.06).checked, at(0.06).steps) == (4, 52, 87)
    assert (at(10.0).checks, at(10.0).checked, at(10.0).steps) == (4, FEWEST_CHECKED, FEWEST_STEPS)


def test_no_time_at_all_still_takes_some_steps_between_a_start_and_an_end() -> None:
    found = paced(RECIPES["full"], 520, 1, seconds=0.0, costs=Costs(5.0, 5.0))
    assert found == Pace(FEWEST_STEPS, 4, 1)
    assert found.checks == FEWEST_CHECKS
    assert paced(RECIPES["full"], 520, 1, seconds=-3.0, costs=Costs(5.0, 5.0)) == found


@given(st.lists(st.integers(1, 5), min_size=1, max_size=40), st.integers(1, 120))
def test_frames_to_check_on_are_as_many_of_each_patient(each: list[int], most: int) -> None:
    names = tuple(f"p{who}" for who, n in enumerate(each) for _ in range(n))
    frames = frames_of(names)
    chosen = some_of(frames, most)
    at = [int(name) for name in chosen.frames]
    assert len(at) == min(most, len(names)) == len(set(at))
    assert at == sorted(at)
    assert at == [int(name) for name in some_of(frames, most).frames]
    counts = Counter(chosen.patients)
    # Nobody has two fewer than another who has no more frames left to give.
    assert all(counts[f"p{who}"] >= min(n, max(counts.values()) - 1) for who, n in enumerate(each))


@pytest.mark.parametrize("most", [10, 16, 25, 50, 75])
def test_end_diastole_and_end_systole_are_checked_alike(most: int) -> None:
    chosen = some_of(frames_of(tuple(f"p{i // 2}" for i in range(100))), most)
    assert abs(sum(int(name) % 2 for name in chosen.frames) - most / 2) <= 1


class KilledError(Exception):
    pass


ONE_KIND = pytest.mark.parametrize("kind", ["quick", pytest.param("full", marks=pytest.mark.slow)])
"""Of a whole retraining: what is planned is the same code for both, and above both are planned for."""


@ONE_KIND
def test_a_killed_run_keeps_the_pace_it_began_with(
    base: str, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    measured: list[Costs] = []

    def planned(chosen: object, wanted: int, n: int, *, seconds: float, costs: Costs) -> Pace:
        measured.append(costs)
        return Pace(12, 5, 4)

    def kill(event: Event) -> None:
        if isinstance(event, Validation) and event.step == 5:
            raise KilledError

    monkeypatch.setattr("matae.learn.pace.paced", planned)
    options = RetrainOptions(base=base, against=base, kind=kind, replay="none", seconds=60.0, device="cpu")
    with pytest.raises(KilledError):
        retrain(study, options, folder=tmp_path / "run", emit=kill)
    plan = Plan.read(tmp_path / "run")
    assert plan is not None
    assert (plan.steps, plan.options.check_every, plan.options.checked) == (12, 5, 4)
    events: list[Event] = []
    verdict = retrain(study, folder=tmp_path / "run", emit=events.append)
    assert len(measured) == 1
    assert min(measured[0].step, measured[0].frame) > 0
    assert [(event.step, event.held_out) for event in events if isinstance(event, Started)] == [
        (5, "4 of 9 frames of 3 held-out patients")
    ]
    assert [event.step for event in events if isinstance(event, Validation)] == [10, 12]
    # The checks looked at four frames, the verdict looks at all of them; what repeats the training is in the card.
    assert verdict.held_out.n_frames == 9
    facts = find_model(verdict.name).card.training["retrain"]["options"]
    assert (facts["check_every"], facts["checked"]) == (5, 4)


@ONE_KIND
def test_a_run_of_an_earlier_version_goes_on_with_the_frames_it_was_checked_on(
    base: str, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def every_so_many(frames: LabelledFrames, most: int) -> LabelledFrames:
        n = len(frames)
        return frames if n <= most else frames.take([i * n // most for i in range(most)])

    def kill(event: Event) -> None:
        if isinstance(event, Validation) and event.step == 4:
            raise KilledError

    # There are 9 held-out frames: of so few none were left out.
    monkeypatch.setitem(RECIPES, kind, replace(RECIPES[kind], checked=4, checks=2))
    options = RetrainOptions(base=base, against=base, kind=kind, replay="none", steps=8, device="cpu")
    folder = tmp_path / "run"
    with monkeypatch.context() as earlier:
        earlier.setattr("matae.learn.pace.some_of", every_so_many)
        with pytest.raises(KilledError):
            retrain(study, options, folder=folder, emit=kill)
    plan = json.loads((folder / PLAN).read_text(encoding="utf-8"))
    del plan["options"]["check_every"], plan["options"]["checked"]
    (folder / PLAN).write_text(json.dumps(plan), encoding="utf-8")
    events: list[Event] = []
    retrain(study, folder=folder, emit=events.append)
    assert [event.step for event in events if isinstance(event, Started)] == [4]
    assert [event.step for event in events if isinstance(event, Validation)] == [8]


@ONE_KIND
def test_a_second_of_training_has_a_start_an_end_and_something_between(
    base: str, study: Study, tmp_path: Path, kind: str
) -> None:
    events: list[Event] = []
    options = RetrainOptions(base=base, against=base, kind=kind, replay="none", seconds=1.0, device="cpu")
    retrain(study, options, folder=tmp_path / "run", emit=events.append)
    checks = [event.step for event in events if isinstance(event, Validation)]
    steps = [event.step for event in events if isinstance(event, Step)]
    assert len(checks) >= 2
    assert (checks[0], checks[-1]) == (0, steps[-1])


def test_steps_that_a_person_chose_have_the_checks_of_the_recipe(base: str, study: Study, tmp_path: Path) -> None:
    options = RetrainOptions(base=base, against=base, kind="quick", replay="none", steps=8, device="cpu")
    events: list[Event] = []
    retrain(study, options, folder=tmp_path / "run", emit=events.append)
    assert [event.step for event in events if isinstance(event, Validation)] == [0, 2, 4, 6, 8]


def test_what_a_step_and_a_check_take_is_found_without_what_only_the_first_takes(
    base: str, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, checks = [0.0], list[float]()

    def load(config: TrainConfig) -> Fabric:
        now[0] += 100.0
        return make_fabric(config)

    def step(*_: object, **__: object) -> float:
        now[0] += 9.0 if now[0] == 100.0 else 0.5
        return 0.0

    def check(*_: object) -> object:
        checks.append(now[0])
        now[0] += 1.8 if len(checks) == 1 else 0.9
        return {}, {}

    measured: list[tuple[Costs, float]] = []

    def planned(chosen: object, wanted: int, n: int, *, seconds: float, costs: Costs) -> Pace:
        measured.append((costs, seconds))
        raise KilledError

    monkeypatch.setattr("matae.learn.pace.time", SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr("matae.train.loop.make_fabric", load)
    monkeypatch.setattr("matae.train.step.take_step", step)
    monkeypatch.setattr("matae.train.validation.validate", check)
    monkeypatch.setattr("matae.learn.pace.paced", planned)
    options = RetrainOptions(base=base, against=base, kind="quick", replay="none", seconds=100.0, device="cpu")
    with pytest.raises(KilledError):
        retrain(study, options, folder=tmp_path / "run")
    # Nine seconds of a first step, two of half a second, and two checks of nine frames.
    assert measured == [(Costs(pytest.approx(0.5), pytest.approx(0.1), pytest.approx(12.7)), pytest.approx(82.3))]
    checks.clear()
    with pytest.raises(KilledError):
        retrain(study, replace(options, seconds=80.0), folder=tmp_path / "other")
    assert len(checks) == 1  # a second one would take too much of 80 seconds


def test_checks_of_less_than_nothing_are_refused() -> None:
    for options in (RetrainOptions(checked=-1), RetrainOptions(check_every=-1)):
        with pytest.raises(TrainError, match="0 or more"):
            options.check()
