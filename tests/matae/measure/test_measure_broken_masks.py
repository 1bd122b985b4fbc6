"""Masks no one would draw: a flag or None, never an exception."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from measure_makers import beating, body, cine_of

from matae.cine import Spacing
from matae.errors import MeasureError
from matae.measure import contour, disks, landmarks, measure_cine, single_plane, tracing


def one_pixel():
    mask = np.zeros((40, 30), np.uint8)
    mask[20, 12] = 1
    return mask


@pytest.mark.parametrize("mask", [np.zeros((40, 30), np.uint8), one_pixel(), np.zeros((1, 1), np.uint8)])
def test_nothing_to_measure_is_none(mask) -> None:
    assert landmarks(mask) is None
    assert disks(mask) is None
    assert tracing(mask) is None
    assert single_plane(mask, mask) is None
    assert contour(mask).shape[1] == 2


@pytest.mark.parametrize("shape", [(3, 4, 5), (7,), ()])
def test_a_stack_is_refused_where_a_frame_is_wanted(shape) -> None:
    with pytest.raises(MeasureError, match="one frame"):
        contour(np.zeros(shape))


@settings(max_examples=120, deadline=None, derandomize=True)
@given(hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=24)), st.booleans())
def test_any_mask_gives_finite_numbers_or_none(mask, apex_down) -> None:
    found = disks(mask, Spacing(0.7, 0.4), apex_down=apex_down)
    if found is not None:
        assert found.length > 0
        assert np.isfinite(found.chords).all()
        assert (found.diameters >= 0).all()
        assert 0 <= found.volume < np.inf
        assert found.chords.shape == (20, 2, 2)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, max_side=10), elements=st.integers(0, 3)))
def test_any_clip_can_be_measured(masks) -> None:
    found = measure_cine(cine_of(masks), masks, sector=np.ones(masks.shape[1:], bool))
    assert len(found.shapes) == len(masks)
    assert found.to_json()["n_frames"] == len(masks)
    assert (found.ef is None) == (not found.beats)


BROKEN = {
    "holes": "holes",
    "parts": "several-parts",
    "ones": "on-border",
    "border": "on-border",
    "pixel": "too-small",
    "empty": "empty-frames",
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_wrong_with_a_frame_is_flagged(what) -> None:
    cine, masks = beating(1 - 0.4 * np.sin(np.linspace(0, np.pi, 20)))
    frame = 5
    match what:
        case "holes":
            masks[frame, 50:54, 52:56] = 0
        case "parts":
            masks[frame, 112:116, 4:8] = 1
        case "ones":
            masks[frame] = 1
        case "border":
            masks[frame, 10:, 50:60] = 1
        case "pixel":
            masks[frame] = 0
            masks[frame, 40, 40] = 1
        case "empty":
            masks[frame] = 0
    found = measure_cine(cine, masks)
    flags = {flag.code: flag for flag in found.flags}
    assert flags[BROKEN[what]].frames == (frame,)
    assert flags[BROKEN[what]].text.endswith(".")
    untouched = measure_cine(*beating(1 - 0.4 * np.sin(np.linspace(0, np.pi, 20))))
    assert found.ef.value == pytest.approx(untouched.ef.value, abs=1.0)
    assert (found.ed_frame, found.es_frame) == (untouched.ed_frame, untouched.es_frame)


def test_holes_and_smaller_parts_do_not_count() -> None:
    whole = body("ellipsoid")
    damaged = whole.copy()
    damaged[150:160, 130:140] = 0
    damaged[290:295, 5:20] = 1
    assert disks(damaged).volume == pytest.approx(disks(whole).volume)


def test_an_empty_clip_says_what_is_missing() -> None:
    masks = np.zeros((6, 30, 30), np.uint8)
    found = measure_cine(cine_of(masks, rate=None, spacing=None), masks)
    assert {flag.code for flag in found.flags} == {
        "empty-frames", "frame-rate-unknown", "no-beat", "uncalibrated", "view-unknown",
    }  # fmt: skip
    assert found.primary is None
    assert found.ed_frame is None
    assert all(row.value is None and row.note for row in found.table())


@pytest.mark.parametrize("n_frames", [1, 2, 3])
def test_stills_and_shortest_clips(n_frames) -> None:
    cine, masks = beating(np.linspace(1, 0.5, n_frames))
    found = measure_cine(cine, masks)
    assert (found.ef is not None) == (n_frames > 1)
    assert np.isfinite(found.volume).all()


def test_masks_of_another_clip_are_refused() -> None:
    cine, masks = beating(np.linspace(1, 0.5, 4))
    for wrong in (masks[:3], masks[:, :-1], masks[..., None]):
        with pytest.raises(MeasureError, match="masks of this clip"):
            measure_cine(cine, wrong)
    with pytest.raises(MeasureError, match="sector"):
        measure_cine(cine, masks, sector=np.ones((3, 3), bool))
    with pytest.raises(MeasureError, match="reconstruction"):
        measure_cine(cine, masks, errors=[1.0])
    point = landmarks(masks[0])
    with pytest.raises(MeasureError, match="no frame 9"):
        measure_cine(cine, masks, landmarks={9: point})
