"""What makes no phantom is refused with a sentence."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from matae.errors import MataeError
from matae.phantom import (
    Appearance,
    Chambers,
    LeftVentricle,
    Motion,
    PhantomConfig,
    PhantomError,
    Pose,
    SectorConfig,
    make_phantom,
    random_heart,
)


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_frames": 0},
        {"n_frames": -3},
        {"n_frames": 10**9},
        {"n_frames": 20000, "shape": (2048, 2048)},
        {"frame_rate": -50.0},
        {"frame_rate": 0.0},
        {"frame_rate": math.nan},
        {"frame_rate": math.inf},
        {"shape": (0, 0)},
        {"shape": (112, -1)},
        {"shape": (112,)},
        {"shape": (10**6, 112)},
        {"seed": -1},
    ],
)
def test_absurd_request_is_one_sentence(wrong):
    with pytest.raises(PhantomError, match=r"^Phantom: .*give.*\.$"):
        make_phantom(**wrong)


@pytest.mark.parametrize(
    "part",
    [
        {"ventricle": LeftVentricle(long_axis_mm=-80.0)},
        {"ventricle": LeftVentricle(diameter_mm=math.nan)},
        {"ventricle": LeftVentricle(annulus_slant_deg=60.0)},
        {"chambers": Chambers(left_atrium_mm=(0.0, 40.0))},
        {"chambers": Chambers(right_ventricle_mm=-1.0)},
        {"motion": Motion(heart_rate=0.0)},
        {"motion": Motion(ef_percent=100.0)},
        {"sector": SectorConfig(angle_deg=0.0)},
        {"sector": SectorConfig(depth_mm=0.0)},
        {"sector": SectorConfig(margin=(0.6, 0.6, 0.0, 0.0))},
        {"pose": Pose(tilt_deg=math.inf)},
        {"appearance": Appearance(axial_mm=0.0)},
        {"appearance": Appearance(gamma=-1.0)},
    ],
)
def test_impossible_heart_is_one_sentence(part):
    with pytest.raises(MataeError, match=r"^Phantom: .*give.*\.$"):
        PhantomConfig(**part)


@pytest.mark.parametrize("ef", [-5.0, 0.0, 99.0, math.nan])
def test_impossible_ejection_fraction(ef):
    with pytest.raises(PhantomError):
        random_heart(0, ef_percent=ef)


def test_negative_seed_of_a_heart():
    with pytest.raises(PhantomError, match="seed"):
        random_heart(-1)


def test_heart_far_outside_the_fan_is_an_empty_mask_not_a_crash():
    config = replace(PhantomConfig(), pose=Pose(apex_depth_mm=400.0))
    phantom = make_phantom(0, n_frames=2, shape=(64, 64), config=config)
    assert not phantom.masks.any()
    assert phantom.cine.n_frames == 2


def test_flat_grey_levels_still_make_a_frame():
    config = replace(PhantomConfig(), appearance=Appearance(median_grey=0.0, bright_grey=0.0, speckle_reduction=1.0))
    assert make_phantom(0, n_frames=1, shape=(64, 64), config=config).cine.frames.max() < 255
