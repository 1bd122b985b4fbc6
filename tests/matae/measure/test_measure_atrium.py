"""The left atrium against bodies of known volume, and the masks in which there is none to measure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from measure_makers import body

from matae.anatomy import ATRIUM, CAVITY
from matae.cine import Spacing
from matae.errors import MeasureError
from matae.measure.atrium import atrial_volume, biplane_atrial_volume, cut_atrium, is_cut_off
from matae.measure.disks import disks

HALF = Spacing(0.5, 0.5)


def heart(*, length=50.0, radius=20.0, spacing=HALF, tilt=0.0):
    """Return classes with a ventricle and, under its annulus, half an ellipsoid of an atrium, both on one axis."""
    shape = (int(170 / spacing[0]), int(150 / spacing[1]))
    apex = (20.0, 75.0 - 70 * np.sin(np.radians(tilt)))
    cavity = body("ellipsoid", shape=shape, spacing=spacing, length=70, radius=24, tilt=tilt, apex=apex)
    angle = np.radians(tilt)
    annulus = (apex[0] + 70 * np.cos(angle), apex[1] + 70 * np.sin(angle))
    roof = (annulus[0] + length * np.cos(angle), annulus[1] + length * np.sin(angle))
    atrium = body("ellipsoid", shape=shape, spacing=spacing, length=length, radius=radius, tilt=tilt + 180, apex=roof)
    return np.where(cavity > 0, CAVITY, np.where(atrium > 0, ATRIUM, 0)).astype(np.uint8)


def cut(mask, spacing=HALF):
    cavity = disks(mask, spacing, label=CAVITY)
    assert cavity is not None
    return cut_atrium(mask, cavity.landmarks, spacing)


def test_masks_without_an_atrium_have_none() -> None:
    mask = heart()
    cavity = disks(mask, HALF, label=CAVITY).landmarks
    assert cut_atrium(np.zeros_like(mask), cavity, HALF) is None
    assert cut_atrium(np.where(mask == ATRIUM, 0, mask), cavity, HALF) is None
    speck = np.zeros_like(mask)
    speck[300, 150] = ATRIUM
    assert cut_atrium(speck, cavity, HALF) is None
    # What lies on the other side of the annulus, above the apex, is not the atrium of this ventricle.
    above = np.where(mask == CAVITY, CAVITY, 0).astype(np.uint8)
    above[:30, 130:170] = ATRIUM
    assert cut_atrium(above, cavity, HALF) is None


def test_only_a_single_frame_has_one() -> None:
    mask = heart()
    with pytest.raises(MeasureError, match="one frame"):
        cut_atrium(mask[None], disks(mask, HALF, label=CAVITY).landmarks, HALF)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    length=st.floats(35, 60), radius=st.floats(14, 24), tilt=st.floats(-15, 15),
    pixel=st.tuples(st.floats(0.3, 0.7), st.floats(0.3, 0.7)),
)  # fmt: skip
def test_half_an_ellipsoid_has_its_volume_whatever_pixel_and_tilt(length, radius, tilt, pixel) -> None:
    spacing = Spacing(*pixel)
    found = cut(heart(length=length, radius=radius, spacing=spacing, tilt=tilt), spacing)
    assert found.length == pytest.approx(length, rel=0.03)
    volume = atrial_volume(found)
    true = 2 / 3 * np.pi * length * radius**2 / 1000
    assert volume.disks == pytest.approx(true, rel=0.05)
    # Half an ellipsoid is what the area-length formula is made for.
    assert volume.area_length == pytest.approx(true, rel=0.06)


def test_two_planes_multiply_their_diameters_and_take_the_shorter_length_for_the_area_formula() -> None:
    four, two = cut(heart(length=50, radius=20)), cut(heart(length=46, radius=16))
    both = biplane_atrial_volume(four, two)
    assert both.disks == pytest.approx(2 / 3 * np.pi * 50 * 20 * 16 / 1000, rel=0.05)
    assert both.area_length == pytest.approx(8 * four.area * two.area / (3 * np.pi * two.length) / 1000)
    bare = cut(heart(), None)
    with pytest.raises(MeasureError, match="calibrated"):
        biplane_atrial_volume(four, bare)
    assert atrial_volume(bare).disks == pytest.approx(atrial_volume(cut(heart())).disks * 1000 * 8, rel=1e-3)


def test_a_sector_that_ends_in_the_atrium_cuts_it_off() -> None:
    mask = heart()
    found = cut(mask)
    everywhere = np.ones(mask.shape, bool)
    assert not is_cut_off(mask, found, everywhere, HALF)
    shallow = everywhere.copy()
    last = int(np.flatnonzero((mask == ATRIUM).any(1))[-1])
    shallow[last - 40 :] = False
    cropped = np.where(shallow, mask, 0).astype(np.uint8)
    assert is_cut_off(cropped, cut(cropped), shallow, HALF)
