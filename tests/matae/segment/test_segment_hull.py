"""The convex hull of a part, beside that of scikit-image."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.morphology import convex_hull_image

from matae.segment.hull import convex_hull


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (5, 4)])
def test_a_single_pixel_and_a_full_picture_are_their_own_hull(shape: tuple[int, int]) -> None:
    one = np.zeros(shape, bool)
    one[shape[0] // 2, shape[1] // 2] = True
    assert (convex_hull(one) == one).all()
    assert convex_hull(np.ones(shape, bool)).all()


@settings(max_examples=200)
@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.001, 0.6), st.integers(0, 2**16))
def test_it_is_that_of_scikit_image(rows: int, columns: int, share: float, seed: int) -> None:
    part = np.random.default_rng(seed).random((rows, columns)) < share
    part[rows // 3, columns // 2] = True
    assert (convex_hull(part) == convex_hull_image(part)).all()


@pytest.mark.parametrize("seed", range(12))
def test_it_is_that_of_scikit_image_of_fans(seed: int) -> None:
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:112, :112] - np.array([random.uniform(-9, 9), random.uniform(40, 70)])[:, None, None]
    part = (np.hypot(y, x) < random.uniform(40, 110)) & (np.abs(np.arctan2(x, y)) < random.uniform(0.3, 0.9))
    part &= random.random(part.shape) < 0.5
    assert (convex_hull(part) == convex_hull_image(part)).all()


def test_the_sector_of_a_fan_needs_no_scikit_image() -> None:
    script = (
        "import sys\nfrom matae.phantom import make_phantom\nfrom matae.segment import find_sector\n"
        "print(find_sector(make_phantom(seed=3, n_frames=4, shape=(112, 112)).cine).source)\n"
        "sys.exit('skimage' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "fan"), done.stderr
