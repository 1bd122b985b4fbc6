"""Masks no one would draw: a flag or None, never an exception."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from measure_makers import beating, body, cine_of

from matae.cine import Spacing
from matae.errors import MeasureError
from matae.measure import Landmarks, PhaseMarks, contour, disks, landmarks, measure_cine, single_plane, tracing


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
    with pytest.raises(MeasureError, match=r"frames 1 to \d+; there is no frame 10"):
        measure_cine(cine, masks, landmarks={9: point})


# --- what is odd about the clip, not the mask -------------------------------------------------------------------

BEATS = 1 - 0.25 * (1 - np.cos(np.linspace(0, 4 * np.pi, 90)))


@pytest.mark.parametrize("times", ["a gap", "none", "standing", "backwards"])
def test_frame_times_that_no_clock_shows_count_as_none(times) -> None:
    cine, masks = beating(BEATS)
    clock = {
        "a gap": np.where(np.arange(90) == 5, np.nan, np.arange(90) / 50.0), "none": np.full(90, np.nan),
        "standing": np.zeros(90), "backwards": np.arange(90)[::-1] / 50.0,
    }[times]  # fmt: skip
    odd = replace(cine, frame_times=clock)
    found = measure_cine(odd, masks)
    assert "frame-rate-unknown" in {flag.code for flag in found.flags}
    assert (found.frame_rate, found.cycle.heart_rate) == (None, None)
    assert found.ef.value == pytest.approx(measure_cine(cine, masks).ef.value, abs=1.0)
    assert found.inputs.cine is odd  # whoever asked knows the clip again


@pytest.mark.parametrize("spacing", [Spacing(0.0, 1.0), Spacing(float("nan"), 1.0), Spacing(-0.3, -0.3)])
def test_impossible_pixels_are_refused(spacing) -> None:
    cine, masks = beating(BEATS)
    with pytest.raises(MeasureError, match="set the scale"):
        measure_cine(replace(cine, spacing=spacing), masks)
    with pytest.raises(MeasureError, match="set the scale"):
        measure_cine(cine, masks).updated(spacing=spacing)


def test_two_labelled_frames_of_a_clip_are_a_beat() -> None:
    cine, masks = beating(BEATS)
    whole = measure_cine(cine, masks)
    ed, es = whole.beats[0].frames
    sparse = np.zeros_like(masks)
    sparse[[ed, es]] = masks[[ed, es]]
    found = measure_cine(cine, sparse)
    assert (found.ed_frame, found.es_frame) == (ed, es)
    assert found.ef.value == pytest.approx(whole.beats[0].volumes.ef_percent)


def test_a_second_part_does_not_move_end_systole() -> None:
    cine, masks = beating(BEATS)
    plain = measure_cine(cine, masks)
    masks = masks.copy()
    masks[18:28, 85:119, 2:30] = 1
    masks[3, 60, 50:53] = 0
    found = measure_cine(cine, masks)
    assert [values.frames for values in found.beats] == [values.frames for values in plain.beats]
    assert found.area_px == pytest.approx(plain.area_px, rel=0.01)
    assert "area-jump" not in {flag.code for flag in found.flags}


def test_landmarks_that_are_no_places_are_refused() -> None:
    cine, masks = beating(BEATS)
    found = measure_cine(cine, masks)
    lost = found.landmarks(0).moved(apex=(float("nan"), 3.0))
    with pytest.raises(MeasureError, match="place it again"):
        found.updated(landmarks={0: lost})


def test_landmarks_beside_the_cavity_are_said() -> None:
    cine, masks = beating(BEATS)
    plain = measure_cine(cine, masks)
    ed, es = plain.beats[0].frames
    away = Landmarks.from_array([(300, 50), (400, 20), (400, 90)], by_hand=True)
    found = plain.updated(landmarks={es: away}, marks=PhaseMarks((ed,), (es,)))
    flags = {flag.code: flag.frames for flag in found.flags}
    assert flags["landmark-outside"] == (es,)
    # A cavity of no volume gives no ejection fraction of 100 %.
    assert flags["mark-unused"] == (ed, es)
    assert all(values.volumes.ef_percent < 99 for values in found.beats)
