"""Counts, sizes, times and frames in words."""

from __future__ import annotations

import doctest

import pytest

from napari_matae.widgets import words
from napari_matae.widgets.words import frames_in_words, listed, megabytes, plural, time_left


def test_the_examples_are_true() -> None:
    done = doctest.testmod(words)
    assert done.attempted >= 8
    assert done.failed == 0


@pytest.mark.parametrize(
    ("frames", "said"),
    [([], "no frame"), ([0], "frame 1"), ([2, 1, 1], "frames 2 to 3"), ([0, 4], "2 frames, 1 to 5")],
)
def test_frames_are_counted_as_people_do(frames, said) -> None:
    assert frames_in_words(frames) == said


def test_none_is_in_the_plural() -> None:
    assert plural(0, "clip") == "0 clips"
    assert plural(1, "clip") == "1 clip"


def test_sizes_are_never_zero() -> None:
    assert megabytes(0) == "0.1 MB"
    assert megabytes(999_999_999) == "1000.0 MB"
    assert megabytes(10**9) == "1.0 GB"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "almost done"), (1, "about 1 s left"), (89.4, "about 89 s left"), (90, "about 2 min left")],
)
def test_time_left(seconds, said) -> None:
    assert time_left(seconds) == said


def test_two_names_are_joined_by_and() -> None:
    assert listed(("a", "b")) == "a and b"
