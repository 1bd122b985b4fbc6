"""What the run's thread does so that the window need not."""

from __future__ import annotations

import importlib.machinery
import sys

import numpy as np
import scipy.signal

from matae.models import DEFAULT_MODEL
from matae.segment import FrameMask, SegmentOptions, find_sector
from matae.segment.expected import implied_dice
from matae.segment.notices import say_once, take_notices
from napari_matae.background.events import Finished, Notice
from napari_matae.segment.events import again_events, segment_events

from ..conftest import make_cine

OPTIONS = SegmentOptions(DEFAULT_MODEL, width="1/8", device="cpu", backend="torch")


def test_results_know_what_their_probabilities_imply():
    cine = make_cine(seed=1)
    sector = find_sector(cine)
    events = [*segment_events(cine, sector, [0, 1], OPTIONS), *again_events(cine, sector, 1, OPTIONS)]
    results = [event for event in events if isinstance(event, FrameMask)]
    assert [result.index for result in results] == [0, 1, 1]
    for result in results:
        known = vars(result)["implied_dice"]  # kept: nobody has to sum it up again
        np.testing.assert_equal(known, implied_dice(result.mask, result.probability))


def test_what_was_made_anew_before_the_run_is_said_by_it_once():
    cine = make_cine(seed=1)
    sector = find_sector(cine)
    take_notices()
    say_once("The compiled network is damaged; it was made anew.")
    said = [
        [event.text for event in segment_events(cine, sector, [0], OPTIONS) if isinstance(event, Notice)]
        for _ in range(2)
    ]
    assert "The compiled network is damaged; it was made anew." in said[0]
    assert "The compiled network is damaged; it was made anew." not in said[1]


class Watching:
    """Gives whoever imports a module an empty one, and notes it: the real one is loaded once a process."""

    def __init__(self, watched: str) -> None:
        self.watched, self.loaded = watched, False

    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name == self.watched else None

    def create_module(self, spec) -> None:
        self.loaded = True

    def exec_module(self, module) -> None: ...


def test_what_finds_beats_is_loaded_when_a_run_says_its_end(monkeypatch):
    cine = make_cine(seed=1)
    sector, watching = find_sector(cine), Watching("scipy.signal")
    monkeypatch.setattr(scipy, "signal", scipy.signal)  # as it was, afterwards
    monkeypatch.setitem(sys.modules, "scipy.signal", scipy.signal)
    del sys.modules["scipy.signal"]
    monkeypatch.setattr(sys, "meta_path", [watching, *sys.meta_path])
    loaded = [(type(event), watching.loaded) for event in segment_events(cine, sector, [0], OPTIONS)]
    assert (Finished, True) in loaded
    assert (FrameMask, False) in loaded  # and not before the first mask
