"""Volumes of bodies whose volume is known, however they lie and on whatever grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from measure_makers import CYLINDER, ELLIPSOID, body, heart

from matae.cine import Spacing
from matae.errors import MeasureError
from matae.measure import Landmarks, area_length, biplane, disks, landmarks, single_plane
from matae.measure.disks import ejection_fraction

GRIDS = [(0.5, 0.5), (0.3, 0.3), (0.308, 0.154), (0.4, 0.7)]


@pytest.mark.parametrize(("kind", "shape_factor"), [("ellipsoid", ELLIPSOID), ("cylinder", CYLINDER)])
@pytest.mark.parametrize("spacing", GRIDS)
@pytest.mark.parametrize("tilt", [0.0, 9.0, -24.0, 38.0])
def test_bodies_have_their_textbook_volume(kind, shape_factor, spacing, tilt) -> None:
    shape = (int(150 / spacing[0]), int(150 / spacing[1]))
    # The radius ends half-way between pixels, so that drawing the body does not change it.
    radius = (round(23.0 / spacing[1]) + 0.5) * spacing[1] if tilt == 0 else 23.0
    apex = (30.0, 75.0 - 75.0 % spacing[1])
    mask = body(kind, shape=shape, spacing=spacing, tilt=tilt, apex=apex, radius=radius)
    found = disks(mask, Spacing(*spacing))
    assert found.calibrated
    assert found.volume == pytest.approx(shape_factor * 80 * radius**2 / 1000, rel=0.01)
    assert found.length == pytest.approx(80, rel=0.01)


def test_area_length_is_exact_for_a_half_ellipsoid() -> None:
    found = disks(body("ellipsoid", spacing=(0.25, 0.25), shape=(600, 560)), Spacing(0.25, 0.25))
    assert area_length(found.area, found.length) / 1000 == pytest.approx(ELLIPSOID * 80 * 23**2 / 1000, rel=0.01)
    assert area_length(10.0, 0.0) == 0.0


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.floats(50, 100), st.floats(0.22, 0.42), st.floats(-40, 40),
    st.tuples(st.floats(0.35, 0.9), st.floats(0.35, 0.9)), st.tuples(st.floats(0, 1), st.floats(0, 1)),
)  # fmt: skip
def test_volume_does_not_depend_on_pose_or_grid(length, ratio, tilt, spacing, start) -> None:
    (dy, dx), (sub_y, sub_x) = spacing, start
    assume(0.55 < dy / dx < 1.8)
    radius = ratio * length
    shape = (int(190 / dy), int(240 / dx))
    mask = body("ellipsoid", shape=shape, spacing=(dy, dx), length=length, radius=radius, tilt=tilt,
                apex=(45 + sub_y, 120 + sub_x))  # fmt: skip
    found = disks(mask, Spacing(dy, dx))
    # A coarse grid leaves about a third of a pixel in doubt, once in the length and twice in the radius.
    doubt = 0.35 * max(dy, dx) * (1 / length + 1 / radius)
    assert found.volume == pytest.approx(ELLIPSOID * length * radius**2 / 1000, rel=0.01 + doubt)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.integers(0, 10_000), st.sampled_from([2, 3]))
def test_ejection_fraction_has_no_unit(seed, factor) -> None:
    _, _, masks, _, spacing = heart(seed, (128, 128))
    plain = single_plane(masks[0], masks[1], Spacing(spacing.y, spacing.x))
    # The same heart on finer pixels of the same shape, and with no calibration but square pixels.
    finer = [np.kron(mask, np.ones((factor, factor))) for mask in masks]
    scaled = single_plane(finer[0], finer[1], Spacing(spacing.y / factor, spacing.x / factor))
    assert scaled.ef_percent == pytest.approx(plain.ef_percent, abs=1.5)
    assert scaled.edv == pytest.approx(plain.edv, rel=0.02)
    if spacing.y == spacing.x:
        bare = single_plane(masks[0], masks[1])
        assert not bare.calibrated
        assert bare.ef_percent == pytest.approx(plain.ef_percent, abs=1e-6)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(0, 10_000), st.integers(-20, 20), st.integers(-20, 20))
def test_a_shifted_heart_is_the_same_heart(seed, dy, dx) -> None:
    _, _, masks, _, spacing = heart(seed, (128, 128))
    padded = np.pad(masks[0], 24)
    shifted = np.roll(padded, (dy, dx), (0, 1))
    before, after = disks(padded, spacing), disks(shifted, spacing)
    assert after.volume == pytest.approx(before.volume, rel=1e-6)
    assert after.landmarks.as_array() == pytest.approx(before.landmarks.as_array() + np.array([dy, dx]), abs=1e-6)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(0, 10_000))
def test_mirrored_and_turned_hearts(seed) -> None:
    _, _, masks, _, spacing = heart(seed, (160, 160))
    plain = disks(masks[0], spacing)
    mirrored = disks(masks[0][:, ::-1], spacing)
    assert mirrored.volume == pytest.approx(plain.volume, rel=1e-9)
    assert mirrored.landmarks.left[1] == pytest.approx(159 - plain.landmarks.right[1], abs=1e-6)
    upside_down = disks(masks[0][::-1], spacing, apex_down=True)
    assert upside_down.volume == pytest.approx(plain.volume, rel=1e-9)
    assert upside_down.landmarks.apex[0] == pytest.approx(159 - plain.landmarks.apex[0], abs=1e-6)


def test_landmarks_of_hearts_are_where_they_are() -> None:
    errors = []
    for seed in range(15):
        _, _, masks, truth, spacing = heart(seed)
        for mask, exact in zip(masks, truth, strict=True):
            points = exact if exact[1, 1] < exact[2, 1] else exact[[0, 2, 1]]
            errors.append(np.hypot(*((landmarks(mask, spacing).as_array() - points) * spacing).T))
    assert np.percentile(errors, 95, axis=0) == pytest.approx(0, abs=1.5)
    assert np.max(errors) < 5.0


@pytest.mark.parametrize("hearts", [40, pytest.param(200, marks=pytest.mark.slow)])
def test_many_hearts_are_within_two_points(hearts: int) -> None:
    errors, volumes = [], []
    for seed in range(hearts):
        truth, (edv, esv), masks, _, spacing = heart(seed)
        found = single_plane(masks[0], masks[1], spacing)
        errors.append(found.ef_percent - truth)
        volumes += [found.edv / edv - 1, found.esv / esv - 1]
    assert np.abs(errors).max() < 2.0
    assert abs(np.mean(errors)) < 0.2
    assert abs(np.mean(volumes)) < 0.005


def test_hands_win_over_the_outline() -> None:
    mask = body("ellipsoid")
    found = disks(mask, Spacing(0.5, 0.5))
    tip = found.landmarks.apex
    moved = found.landmarks.moved(apex=(tip[0] + 20.0, tip[1]))
    after = disks(mask, Spacing(0.5, 0.5), landmarks=moved)
    assert after.landmarks.by_hand
    assert after.length == pytest.approx(found.length - 10.0, abs=0.2)
    assert after.volume < found.volume
    # What lies outside the cavity holds nothing.
    beyond = found.landmarks.moved(apex=(tip[0] - 40.0, tip[1]))
    assert disks(mask, Spacing(0.5, 0.5), landmarks=beyond).diameters[0] == 0


def test_impossible_landmarks_are_refused() -> None:
    for points in (np.zeros((3, 2)), np.full((3, 2), np.nan), np.zeros((2, 2))):
        with pytest.raises(MeasureError, match=r"place all three|move them apart"):
            Landmarks.from_array(points)
    with pytest.raises(MeasureError, match="1 or more"):
        disks(body("ellipsoid"), n=0)


def test_biplane_of_equal_views_is_the_single_plane() -> None:
    found = disks(body("ellipsoid"), Spacing(0.5, 0.5))
    assert biplane(found, found) == pytest.approx(found.volume)
    wide = disks(body("ellipsoid", radius=30.0), Spacing(0.5, 0.5))
    assert biplane(found, wide) == pytest.approx(ELLIPSOID * 80 * 23 * 30 / 1000, rel=0.01)
    with pytest.raises(MeasureError, match="calibrated"):
        biplane(found, disks(body("ellipsoid")))
    with pytest.raises(MeasureError, match="same number"):
        biplane(found, disks(body("ellipsoid"), Spacing(0.5, 0.5), n=10))
    assert ejection_fraction(0.0, 1.0) is None
    assert ejection_fraction(100.0, 45.0) == pytest.approx(55.0)
