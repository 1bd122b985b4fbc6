"""Simulated prompts: nothing of nothing, landmarks as far off as asked, clicks into what is wrong."""

from __future__ import annotations

import numpy as np

from matae.prompt.simulate import AXIS_MM, jittered_box, jittered_landmarks, next_click

ROWS, COLUMNS = np.mgrid[:100, :100]
HEART = ((ROWS - 50) / 35) ** 2 + ((COLUMNS - 50) / 15) ** 2 < 1


def test_of_nothing_there_is_no_prompt() -> None:
    nothing, rng = np.zeros((20, 20), bool), np.random.default_rng(0)
    assert jittered_landmarks(nothing, 1.0, None, rng) is None
    assert jittered_box(nothing, 0.1, rng) is None
    assert next_click(nothing, nothing) is None
    assert next_click(HEART, HEART) is None


def test_landmarks_are_as_far_off_as_asked() -> None:
    rng = np.random.default_rng(0)
    exact = jittered_landmarks(HEART, 0.0, 0.5, rng)
    assert exact is not None
    assert abs(exact[0, 0] - 15) < 3
    moved = np.stack([jittered_landmarks(HEART, 3.0, 0.5, rng) - exact for _ in range(100)])
    assert abs(moved.std() - 6.0) < 0.8
    # Without calibration a millimetre is told by the long axis.
    length = np.hypot(*(exact[0] - exact[1:].mean(0)))
    free = np.stack([jittered_landmarks(HEART, 3.0, None, rng) - exact for _ in range(100)])
    assert abs(free.std() - 3.0 * length / AXIS_MM) < 0.3


def test_a_box_lies_around_the_structure() -> None:
    box = jittered_box(HEART, 0.0, np.random.default_rng(0))
    assert box is not None
    assert box.tolist() == [16.0, 36.0, 84.0, 64.0]


def test_a_click_goes_into_the_largest_error_and_says_what_it_is() -> None:
    half = HEART & (ROWS < 50)
    at, positive = next_click(half, HEART) or (np.zeros(2), False)
    assert positive
    assert HEART[tuple(at.astype(int))]
    assert not half[tuple(at.astype(int))]
    much = HEART | (COLUMNS > 80)
    rng = np.random.default_rng(3)
    for _ in range(5):
        at, positive = next_click(much, HEART, rng) or (np.zeros(2), True)
        assert not positive
        assert at[1] > 79
