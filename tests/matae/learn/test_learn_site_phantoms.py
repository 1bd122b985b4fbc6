"""Phantoms in the site's style that a retraining mixes in: off unless chosen, kept in the run, gone when it goes."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from learn_makers import BASE

from matae.errors import MataeError
from matae.learn import RetrainOptions, retrain
from matae.learn.events import Started
from matae.learn.pace import Pace
from matae.learn.replay import Replay, styled_replay
from matae.models import find_model
from matae.phantom import frames
from matae.phantom.style import measure_style
from matae.train.data import load_frames

if TYPE_CHECKING:
    from pathlib import Path

    from matae.learn.events import Event
    from matae.learn.pace import Costs
    from matae.store import Study


class KilledError(Exception):
    pass


def kill_at_start(event: Event) -> None:
    if isinstance(event, Started):
        raise KilledError


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch, matae_home: Path) -> None:
    monkeypatch.setattr("matae.learn.replay._HEARTS", 3)
    monkeypatch.setattr("matae.learn.replay._GUARD", 1)
    # How much wider the speckle must be is tested with the phantom; on a grid of 32 pixels it cannot be seen.
    monkeypatch.setattr("matae.phantom.frames.fit_speckle", lambda _: (1.0, 1.2))


def test_black_pictures_have_no_style(tmp_path: Path) -> None:
    with pytest.raises(MataeError, match="nothing but black"):
        styled_replay(Replay("none", None, None), np.zeros((4, 32, 32), np.uint8), tmp_path)
    assert not (tmp_path / "site-phantoms" / "index.csv").exists()


def test_it_is_off_unless_chosen() -> None:
    assert RetrainOptions().replay == "auto"


def test_they_are_mixed_in_though_the_base_does_not_know_them_and_stay_with_the_run(
    study: Study, base: str, tmp_path: Path
) -> None:
    options = RetrainOptions(
        base=BASE, against=BASE, kind="full", replay="site", steps=4, device="cpu", name="after", self_training="off"
    )
    events: list[Event] = []
    retrain(study, options, folder=tmp_path / "run", emit=events.append)
    (started,) = [event for event in events if isinstance(event, Started)]
    assert started.n_replay == 4
    card = find_model("after").card
    assert card.training["retrain"]["replay"] == "phantom in the site's style"
    assert card.training["retrain"]["options"]["replay"] == "site"
    assert "mixed with phantom in the site's style frames" in card.data
    drawn = load_frames(tmp_path / "run" / "site-phantoms", "train", 32)
    # A run that goes on finds them: whatever its pictures are by now, it has the same.
    again = styled_replay(Replay("phantom", None, None), np.full((1, 32, 32), 9, np.uint8), tmp_path / "run")
    assert again.frames is not None
    assert again.frames.digest() == drawn.digest()
    assert again.is_styled
    # Another run draws the same.
    with pytest.raises(KilledError):
        retrain(study, replace(options, name="other"), folder=tmp_path / "other", emit=kill_at_start)
    assert load_frames(tmp_path / "other" / "site-phantoms", "train", 32).digest() == drawn.digest()


def test_their_levels_are_the_pictures(tmp_path: Path) -> None:
    looks = np.random.default_rng(1).integers(30, 90, (6, 64, 64)).astype(np.uint8)
    made = styled_replay(Replay("phantom", None, None), looks, tmp_path)
    assert made.frames is not None
    found, wanted = (np.array(measure_style(frames).levels) for frames in (made.frames.images, looks))
    at = [25, 128, 230]
    assert np.abs(found[at] - wanted[at]).max() <= 4


@pytest.mark.parametrize(("times", "goes_on"), [((60.0, 20.0), True), ((30.0, 3.0), False)])
def test_drawing_them_takes_from_the_time_of_the_training(
    study: Study,
    base: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    times: tuple[float, float],
    *,
    goes_on: bool,
) -> None:
    seconds, left = times
    clock, draw = [0.0], frames.write_phantom_frames

    def drawn(*args: Any, **kwargs: Any) -> None:
        draw(*args, **kwargs)
        clock[0] += 40.0 if kwargs.get("style") is not None else 0.0

    asked: list[float] = []

    def planned(chosen: object, wanted: int, n: int, *, seconds: float, costs: Costs) -> Pace:
        asked.append(seconds)
        return Pace(2, 1, 4)

    def kill(event: Event) -> None:
        if isinstance(event, Started):
            events.append(event)
            raise KilledError

    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])  # stands still but for drawing
    monkeypatch.setattr(frames, "write_phantom_frames", drawn)
    monkeypatch.setattr("matae.learn.pace.paced", planned)
    options = RetrainOptions(base=BASE, against=BASE, kind="full", replay="site", seconds=seconds, device="cpu")
    events: list[Event] = []
    with pytest.raises(KilledError):
        retrain(study, options, folder=tmp_path / "run", emit=kill)
    assert [event.seconds for event in events] == [left]
    assert asked == [pytest.approx(0.95 * left)]
    if not goes_on:
        return
    retrain(study, folder=tmp_path / "run", emit=events.append)
    assert [event.seconds for event in events if isinstance(event, Started)] == [left] * 2
    assert len(asked) == 1
    assert find_model(f"{BASE}-full-1").card.training["retrain"]["options"]["seconds"] == seconds
