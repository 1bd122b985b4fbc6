"""Masks, volumes and motion are what they say they are."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from matae.cine import content_id
from matae.phantom import (
    LABELS,
    Appearance,
    LeftVentricle,
    Motion,
    PhantomConfig,
    Screen,
    SectorConfig,
    make_phantom,
    random_heart,
)
from matae.phantom.cycle import cardiac_cycle
from matae.phantom.scan import HeartFrame, make_fan
from matae.phantom.shape import beating_ventricle
from matae.phantom.tissue import to_rest

SEEDS = st.integers(0, 2**31 - 1)
QUICK = settings(max_examples=15, deadline=None, derandomize=True)


def _black(scene, *_):
    return np.zeros((len(scene.poses), *scene.fan.inside.shape), np.uint8)


def truth_of(seed, **asked):
    """Make a phantom whose frames are black, in half the time: what is drawn changes nothing of the truth."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("matae.phantom.make._image", _black)
        return make_phantom(seed, **asked)


def disks_ml(mask, landmarks, spacing, n_disks=20):
    """Single-plane summation of disks, sharing out each pixel between the slabs across the long axis it lies in."""
    parts = 5  # whole pixels would alias with slabs a few rows high
    y, x = (np.add.outer(axis, (np.arange(parts) + 0.5) / parts - 0.5) for axis in np.nonzero(mask))
    points = np.stack(np.broadcast_arrays(y[:, :, None] * spacing.y, x[:, None] * spacing.x), -1).reshape(-1, 2)
    apex, septal, lateral = landmarks * [spacing.y, spacing.x]
    axis = (septal + lateral) / 2 - apex
    axis /= np.hypot(*axis)
    along = (points - apex) @ axis
    counts, edges = np.histogram(along, n_disks)
    height = edges[1] - edges[0]
    diameters = counts * spacing.y * spacing.x / parts**2 / height
    return np.pi / 4 * (diameters**2).sum() * height / 1000


@pytest.mark.parametrize("seed", [3, 7])
def test_the_truth_is_the_same_without_the_picture(seed):
    drawn, alone = (made(seed, n_frames=3, frame_rate=6.0, shape=(64, 72)) for made in (make_phantom, truth_of))
    assert drawn.cine.frames.shape == drawn.masks.shape
    assert drawn.cine.frames[:, drawn.sector].std() > 5
    assert not alone.cine.frames[:, alone.sector].any()
    for name in ("masks", "labels", "volumes_ml", "long_axis_mm", "landmarks", "sector"):
        assert np.array_equal(getattr(drawn, name), getattr(alone, name)), name
    assert (drawn.cine.ed_frame, drawn.cine.es_frame) == (alone.cine.ed_frame, alone.cine.es_frame)
    assert drawn.cine.region == alone.cine.region


def test_half_ellipsoid_has_its_textbook_volume():
    ventricle = LeftVentricle(
        long_axis_mm=90, diameter_mm=50, bluntness=2, taper=0, bend_mm=7, sigmoid_mm=3, annulus_slant_deg=0
    )
    beating = beating_ventricle(ventricle, Motion(ef_percent=60), np.array([0.0, 0.5, 1.0]))
    exact = 2 / 3 * np.pi * 90 * 25**2 / 1000
    assert beating.volumes_ml == pytest.approx(exact * np.array([1, 0.7, 0.4]), rel=2e-4)


@pytest.mark.parametrize("slant", [-15.0, 15.0])
def test_slanted_annulus_is_part_of_the_volume(slant):
    config = PhantomConfig(LeftVentricle(annulus_slant_deg=slant), sector=SectorConfig(depth_mm=180))
    phantom = truth_of(1, n_frames=1, shape=(400, 400), config=config)
    measured = disks_ml(phantom.masks[0], phantom.landmarks[0], phantom.cine.spacing, 80)
    assert measured == pytest.approx(phantom.volumes_ml[0], rel=0.01)


@QUICK
@given(SEEDS)
def test_disks_on_the_mask_measure_the_stated_volume(seed):
    phantom = truth_of(seed, n_frames=3, frame_rate=6.0, shape=(256, 256))
    for frame in (phantom.cine.ed_frame, phantom.cine.es_frame):
        measured = disks_ml(phantom.masks[frame], phantom.landmarks[frame], phantom.cine.spacing)
        assert measured == pytest.approx(phantom.volumes_ml[frame], rel=0.02)


@QUICK
@given(SEEDS)
def test_truth_is_consistent(seed):
    phantom = truth_of(seed, frame_rate=15.0, shape=(64, 72))
    cine, volumes = phantom.cine, phantom.volumes_ml
    assert phantom.masks.shape == phantom.labels.shape == cine.frames.shape
    assert set(np.unique(phantom.labels)) <= set(LABELS.values())
    assert np.array_equal(phantom.masks == 1, phantom.labels == LABELS["left ventricular cavity"])
    assert not phantom.labels[:, ~phantom.sector].any()
    assert volumes[cine.ed_frame] == volumes.max()
    assert volumes[cine.es_frame] == volumes.min()
    assert phantom.long_axis_mm.argmax() == cine.ed_frame
    area = phantom.masks.sum((1, 2))
    assert area[cine.ed_frame] > area[cine.es_frame] > 0
    box = cine.region
    assert phantom.sector[box.y0 : box.y1, box.x0 : box.x1].sum() == phantom.sector.sum()
    for mask in phantom.masks:
        assert ndimage.label(mask)[1] == 1


@QUICK
@given(SEEDS)
@example(135827)  # which left the fan that it was drawn with
def test_fan_holds_the_whole_cavity(seed):
    phantom = truth_of(seed, frame_rate=12.0, shape=(96, 96))
    border = phantom.sector & ~ndimage.binary_erosion(phantom.sector, border_value=0)
    # A cavity that comes within a pixel of an edge may have that pixel; one that leaves has a row of them.
    assert (phantom.masks.astype(bool) & border).sum((1, 2)).max() <= 1


def test_clipped_hearts_exist():
    touching = 0
    for seed in range(25):
        phantom = truth_of(seed, n_frames=1, shape=(64, 64), config=random_heart(seed, clipped=True))
        border = phantom.sector & ~ndimage.binary_erosion(phantom.sector, border_value=0)
        touching += bool((phantom.masks.astype(bool) & border).any())
    assert 0 < touching < 25


@pytest.mark.parametrize("ef", [15.0, 40.0, 60.0, 75.0])
@pytest.mark.parametrize("seed", [0, 5])
def test_ejection_fraction_is_the_one_asked_for(ef, seed):
    config = random_heart(seed, ef_percent=ef)
    config = replace(config, motion=replace(config.motion, rr_variability=0.0))
    # Half a second holds the systole of every heart rate.
    phantom = truth_of(seed, n_frames=25, frame_rate=50.0, shape=(32, 32), config=config)
    assert 0 < phantom.cine.es_frame < 24
    assert phantom.ejection_fraction == pytest.approx(ef, abs=0.3)


@given(rate=st.floats(45, 120), rapid=st.floats(0.5, 0.85))
@QUICK
def test_beat_has_its_phases(rate, rapid):
    times = np.arange(0, 60 / rate, 0.002)
    cycle = cardiac_cycle(times, Motion(heart_rate=rate, rapid_filling=rapid), np.random.default_rng(0))
    c, valve = cycle.contraction, cycle.mitral_opening
    assert c.min() >= 0
    assert c.max() == pytest.approx(1)
    end = int(c.argmax())
    assert np.all(np.diff(c[: end + 1]) >= -1e-12)  # one ejection
    assert np.all(np.diff(c[end:]) <= 1e-12)  # one filling, no notch
    assert np.count_nonzero(c == 0) >= 10  # isovolumic contraction, 20 ms or more
    assert np.all(valve[: end + 1] < 1e-6)  # shut in systole
    assert valve.max() > 0.9


def test_long_clip_repeats_its_beats():
    config = replace(PhantomConfig(), motion=Motion(heart_rate=60, drift_mm=0))
    volumes = truth_of(2, n_frames=100, frame_rate=50.0, shape=(32, 32), config=config).volumes_ml
    assert volumes[:50] == pytest.approx(volumes[50:])


def test_irregular_rhythm_changes_the_beats():
    config = replace(PhantomConfig(), motion=Motion(heart_rate=75, rr_variability=0.2))
    volumes = truth_of(2, n_frames=75, frame_rate=25.0, shape=(32, 32), config=config).volumes_ml
    lows = [low for low in range(1, 74) if volumes[low] < volumes[low - 1] and volumes[low] <= volumes[low + 1]]
    assert len({round(float(volumes[low]), 1) for low in lows}) > 2


@QUICK
@given(SEEDS)
def test_muscle_volume_is_conserved_and_walls_thicken(seed):
    config = random_heart(seed)
    beating = beating_ventricle(config.ventricle, config.motion, np.array([0.0, 0.5, 1.0]))
    thickness = []
    for instant in beating.instants:
        s = np.linspace(-instant.cap, instant.length, 4001, dtype=np.float32)
        left, right = instant.wall_edges(s)
        inner_left, inner_right = instant.cavity_edges(s)
        hole = np.where(s >= 0, inner_right - inner_left, 0)
        muscle = np.pi / 4 * (((right - left) ** 2 - hole**2).sum()) * (s[1] - s[0])
        middle = s.size // 2
        thickness.append(((right - left) - hole)[middle])
        assert np.all((right - left) + 1e-3 >= hole)
        if abs(instant.slant) < 1e-9:
            assert muscle > 0
    assert all(later > earlier for earlier, later in pairwise(thickness))


def test_annulus_descends_and_apex_stays():
    config = replace(PhantomConfig(), motion=Motion(rocking_deg=0, drift_mm=0))
    phantom = truth_of(0, shape=(128, 128), config=config)
    travel = (phantom.landmarks - phantom.landmarks[0])[phantom.cine.es_frame] * phantom.cine.spacing.y
    apex, septal, lateral = np.hypot(*travel.T)
    assert apex < 0.1
    assert min(septal, lateral) > 8


def quiet():
    return Appearance(
        blood_db=-60, haze_db=-80, noise_db=-80, near_clutter_db=-80, side_lobe=0, valve_db=-60, speckle_reduction=0.3
    )


def tracked(phantom, frame):
    """Myocardial texture of a frame, and of the first frame at the same tissue and at the same pixels."""
    config = phantom.config
    rate = phantom.cine.frame_rate
    times = np.arange(phantom.cine.n_frames) / rate
    cycle = cardiac_cycle(times, config.motion, np.random.default_rng(0))
    beating = beating_ventricle(config.ventricle, config.motion, cycle.contraction)
    fan = make_fan(config.sector, phantom.cine.shape)
    texture = [f - ndimage.gaussian_filter(f, 4.0) for f in phantom.cine.frames.astype(float)]
    home = HeartFrame(config.pose)
    wall = ndimage.binary_erosion(phantom.labels[frame] == LABELS["myocardium"], iterations=3)
    s, x = home.to_heart(fan.pixel_x[wall], fan.pixel_y[wall])
    right, down = home.to_probe(*to_rest(s, x, beating.instants[frame], beating.rest, 140.0))
    place = (down - fan.pixel_y[0, 0]) / fan.spacing.y, (right - fan.pixel_x[0, 0]) / fan.spacing.x
    return texture[frame][wall], ndimage.map_coordinates(texture[0], place, order=1), texture[0][wall]


def test_speckle_moves_with_the_wall():
    motion = Motion(rocking_deg=0, drift_mm=0)
    phantom = make_phantom(4, n_frames=12, shape=(300, 300), config=PhantomConfig(motion=motion, appearance=quiet()))
    now, followed, stayed = tracked(phantom, 11)
    assert np.corrcoef(now, followed)[0, 1] > 0.6
    assert abs(np.corrcoef(now, stayed)[0, 1]) < 0.3


def test_same_seed_same_bytes_and_other_seed_other_bytes():
    first, again, other = (make_phantom(seed, n_frames=4, shape=(80, 96)) for seed in (7, 7, 8))
    assert content_id(first.cine.frames) == content_id(again.cine.frames)
    assert np.array_equal(first.masks, again.masks)
    assert content_id(first.cine.frames) != content_id(other.cine.frames)


def test_screen_marks_change_no_mask_and_stay_outside_the_fan():
    marks = Screen(text_lines=4, depth_scale=True, grey_bar=True, marker=True, buttons=True, ecg=True)
    bare, full, over = (
        make_phantom(3, n_frames=3, shape=(160, 200), config=random_heart(3, screen=screen))
        for screen in (Screen(), marks, replace(marks, overlap=True))
    )
    assert np.array_equal(bare.masks, full.masks)
    assert np.array_equal(bare.cine.frames[:, bare.sector], full.cine.frames[:, full.sector])
    assert not bare.cine.frames[:, ~bare.sector].any()
    assert full.cine.frames[:, ~full.sector].any()
    assert not np.array_equal(full.cine.frames[0], full.cine.frames[2])  # the ECG cursor moves
    assert np.array_equal(full.masks, over.masks)


@QUICK
@given(SEEDS)
def test_cavity_is_darker_than_its_wall_and_the_fan_is_not_empty(seed):
    config = random_heart(seed, screen=Screen())
    phantom = make_phantom(seed, n_frames=1, shape=(128, 128), config=config)
    frame = phantom.cine.frames[0].astype(float)
    inside = frame[phantom.sector]
    assert inside.std() > 5
    assert 5 < np.median(inside) < 200
    if not config.appearance.shadows and config.appearance.septum_db - config.appearance.blood_db > 8:
        assert frame[phantom.labels[0] == 1].mean() < frame[phantom.labels[0] == 2].mean() + 15


def test_calibration_and_timing_are_stated():
    config = replace(PhantomConfig(), sector=SectorConfig(pixel_aspect=1.3))
    cine = make_phantom(0, n_frames=5, frame_rate=40.0, shape=(100, 140), config=config).cine
    assert cine.spacing.y / cine.spacing.x == pytest.approx(1.3)
    assert cine.frame_rate == pytest.approx(40.0)
    assert cine.view == "A4C"
    box = cine.region
    assert (box.y1 - box.y0) * cine.spacing.y == pytest.approx(155.0, abs=6.0)


def test_phase_is_drawn_on_request_and_changes_nothing_else():
    first, drawn, again = (random_heart(9, start_phase=phase) for phase in (0.0, None, None))
    assert drawn == again
    assert 0 < drawn.motion.start_phase < 1
    assert replace(drawn, motion=replace(drawn.motion, start_phase=0.0)) == first


def test_blood_does_not_move_with_the_wall():
    look = replace(quiet(), blood_db=-10.0)
    config = PhantomConfig(motion=Motion(rocking_deg=0, drift_mm=0, heart_rate=30), appearance=look)
    phantom = make_phantom(4, n_frames=2, frame_rate=10.0, shape=(200, 200), config=config)
    core = ndimage.binary_erosion(phantom.masks.all(0), iterations=8)
    first, second = phantom.cine.frames[:, core].astype(float)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.3


def test_echo_free_tissue_fades_to_dark_grey_with_a_toe():
    hard, soft = (
        make_phantom(2, n_frames=1, shape=(96, 96), config=PhantomConfig(appearance=Appearance(toe=toe, blood_db=-40)))
        for toe in (0.0, 0.6)
    )
    cavity = hard.masks[0] == 1
    assert np.median(soft.cine.frames[0][cavity]) > np.median(hard.cine.frames[0][cavity])
