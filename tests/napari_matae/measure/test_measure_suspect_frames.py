"""Hints at changed frames: none forgotten, none given twice, and a frame without a mask is no change."""

from __future__ import annotations

import numpy as np
import pytest

from napari_matae.measure.inputs import SuspectFrames


class Shown:
    """What is asked of a cine on screen."""

    def __init__(self, areas):
        self.area_px = np.array(areas, float)
        self.drawn = set()


@pytest.fixture
def shown():
    return Shown([10, np.nan, 30])


def test_of_another_cine_nothing_is_known(shown):
    suspects = SuspectFrames()
    suspects.looked(Shown([1, 2]))
    assert suspects.frames_to_check(shown) == set()


def test_areas_that_are_others_are_suspect_until_they_were_looked_at(shown):
    suspects = SuspectFrames()
    suspects.begin(shown)
    assert suspects.frames_to_check(shown) == set()
    shown.area_px[:] = [11, np.nan, np.nan]
    assert suspects.frames_to_check(shown) == {0, 2}
    suspects.looked(shown)
    assert suspects.frames_to_check(shown) == set()


def test_what_was_said_is_told_once_and_what_is_drawn_in_always(shown):
    suspects = SuspectFrames()
    suspects.begin(shown)
    suspects.add([2])
    shown.drawn.add(1)
    assert suspects.frames_to_check(shown) == {1, 2}
    assert suspects.frames_to_check(shown) == {1}


def test_what_is_being_measured_anew_is_not_suspect(shown):
    suspects = SuspectFrames()
    suspects.add([0])
    suspects.begin(shown)
    assert suspects.frames_to_check(shown) == set()
