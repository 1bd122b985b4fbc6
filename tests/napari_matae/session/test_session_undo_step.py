from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_matae.session.undo_step import FrameChange, Patch, UndoStep

masks = st.integers(1, 12).flatmap(
    lambda n: st.tuples(arrays(np.uint8, (n, 9), elements=st.integers(0, 2)), arrays(np.uint8, (n, 9)))
)


def test_equal_masks_need_no_patch():
    assert Patch.between(np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8)) is None


@given(masks)
def test_a_patch_does_and_takes_back_exactly(pair):
    before, after = pair
    patch = Patch.between(before, after)
    if patch is None:
        assert np.array_equal(before, after)
        return
    assert patch.fits(before, forward=True)
    assert patch.fits(after, forward=False)
    mask = before.copy()
    patch.write(mask, forward=True)
    np.testing.assert_array_equal(mask, after)
    patch.write(mask, forward=False)
    np.testing.assert_array_equal(mask, before)


@given(masks)
def test_a_patch_refuses_a_mask_that_changed_inside_it(pair):
    before, after = pair
    patch = Patch.between(before, after)
    if patch is not None:
        other = before.copy()
        other[patch.box.y0, patch.box.x0] += 1
        assert not patch.fits(other, forward=True)


def test_a_stroke_is_small():
    before = np.zeros((600, 800), np.uint8)
    after = before.copy()
    after[300:320, 400:460] = 1
    assert Patch.between(before, after).n_bytes < 300
    assert Patch.between(before, np.ones_like(before)).n_bytes < 8000


def test_a_step_is_shown_where_it_was_done_or_where_it_changed_something():
    changes = tuple(FrameChange(t, None, None, None) for t in (3, 4))
    assert UndoStep("x", changes, here=4).shows == 4
    assert UndoStep("x", changes, here=9).shows == 3
    assert UndoStep("x", (), here=9).shows == 9
