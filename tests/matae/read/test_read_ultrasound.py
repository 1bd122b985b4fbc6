from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matae.cine import Box, Spacing
from matae.read._ultrasound import UltrasoundRegion, calibrate, plausible_spacing

SHAPE = (400, 600)
TISSUE = UltrasoundRegion(1, 1, 50, 20, 549, 379, 3, 3, 0.03, 0.03)
numbers = st.none() | st.integers(-10, 700)
deltas = st.none() | st.floats() | st.floats(-0.5, 0.5)
regions = st.builds(
    UltrasoundRegion,
    st.sampled_from([None, 1, 2, 3]),
    st.sampled_from([None, 1, 2]),
    numbers,
    numbers,
    numbers,
    numbers,
    st.sampled_from([None, 0, 3, 4]),
    st.sampled_from([None, 0, 3, 4]),
    deltas,
    deltas,
)


def test_no_regions_no_millimetres() -> None:
    found = calibrate([], SHAPE)
    assert (found.region, found.spacing) == (None, None)
    assert "no ultrasound region calibration" in found.note


def test_sound_region() -> None:
    found = calibrate([TISSUE], SHAPE)
    assert found.region == Box(20, 50, 380, 550)
    assert found.spacing == pytest.approx(Spacing(0.3, 0.3))


def test_direction_is_no_size() -> None:
    found = calibrate([replace(TISSUE, delta_y=-0.02, delta_x=0.03)], SHAPE)
    assert found.spacing == pytest.approx(Spacing(0.2, 0.3))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"x1": 900}, "does not lie inside the image"),
        ({"x0": -1}, "does not lie inside the image"),
        ({"x0": 560}, "does not lie inside the image"),
        ({"y1": None}, "does not lie inside the image"),
        ({"units_x": 4}, "not measured in centimetres"),
        ({"units_y": None}, "not measured in centimetres"),
        ({"delta_x": 0.0}, "not plausible"),
        ({"delta_x": float("nan")}, "not plausible"),
        ({"delta_y": 5.0}, "not plausible"),
        ({"delta_y": None}, "states no pixel size"),
        ({"delta_x": 0.002}, "not plausible"),
        ({"spatial_format": 3}, "no ultrasound region is 2-D tissue"),
        ({"data_type": 2}, "no ultrasound region is 2-D tissue"),
    ],
)
def test_doubtful_regions_are_refused(change: dict[str, object], reason: str) -> None:
    found = calibrate([replace(TISSUE, **change)], SHAPE)  # type: ignore[arg-type]
    assert found.spacing is None
    assert reason in found.note
    assert found.note.startswith("No millimetres: ")


def test_exclusive_corner_is_clipped() -> None:
    found = calibrate([replace(TISSUE, x0=0, y0=0, x1=600, y1=400)], SHAPE)
    assert found.region == Box(0, 0, 400, 600)


def test_tissue_regions_wherever_they_stand() -> None:
    doppler = replace(TISSUE, data_type=2, x0=0, y0=0, x1=599, y1=399)
    found = calibrate([doppler, TISSUE], SHAPE)
    assert (found.region, found.spacing) == (Box(20, 50, 380, 550), pytest.approx(Spacing(0.3, 0.3)))
    assert [region.kind for region in found.regions] == ["B-mode", "colour flow"]
    small = replace(TISSUE, x0=0, x1=40, delta_x=0.02, delta_y=0.02)
    found = calibrate([doppler, TISSUE, small], SHAPE)
    assert (found.region, found.spacing) == (None, None)
    assert "before one of the 2 B-mode regions is chosen: their pixels differ in size" in found.note
    assert [region.spacing for region in found.regions[:2]] == [pytest.approx((0.2, 0.2)), pytest.approx((0.3, 0.3))]
    assert found.warnings[0].startswith("The picture shows several B-mode regions (1: x 0 to 40, y 20 to 379; 2: ")


def test_pixel_spacing_against_the_region_refuses_both() -> None:
    assert calibrate([TISSUE], SHAPE, pixel_spacing=(0.3, 0.3)).spacing is not None
    found = calibrate([TISSUE], SHAPE, pixel_spacing=(0.25, 0.25))
    assert found.spacing is None
    assert "contradicts the ultrasound region" in found.note


def test_pixel_spacing_alone_needs_its_origin() -> None:
    found = calibrate([], SHAPE, pixel_spacing=(0.3, 0.3))
    assert found.spacing is None
    assert "alone is not reliable in ultrasound" in found.note
    assert calibrate([], SHAPE, pixel_spacing=(0.3, 0.3), calibration_type="GEOMETRY").spacing == (0.3, 0.3)
    assert calibrate([], SHAPE, pixel_spacing=(0.0, 0.3), calibration_type="GEOMETRY").spacing is None


@given(st.lists(regions, max_size=4), st.none() | st.tuples(st.floats(), st.floats()))
def test_whatever_is_stated_the_result_is_sound(
    stated: list[UltrasoundRegion], pixel_spacing: tuple[float, float] | None
) -> None:
    found = calibrate(stated, SHAPE, pixel_spacing=pixel_spacing)
    if found.region is not None:
        assert 0 <= found.region.y0 < found.region.y1 <= SHAPE[0]
        assert 0 <= found.region.x0 < found.region.x1 <= SHAPE[1]
    if found.spacing is None:
        assert found.note.startswith("No millimetres: ")
    else:
        assert plausible_spacing(*found.spacing)
        used = [one for one in stated if one.is_tissue and one.units_x == one.units_y == 3]
        assert any(abs(one.delta_y or 0) * 10 == found.spacing.y for one in used)


@given(st.floats(0.005, 0.1), st.floats(0.005, 0.1), st.sampled_from([-1, 1]), st.sampled_from([-1, 1]))
def test_sound_sizes_come_out_in_millimetres(y: float, x: float, sign_y: int, sign_x: int) -> None:
    found = calibrate([replace(TISSUE, delta_y=sign_y * y, delta_x=sign_x * x)], SHAPE)
    if 0.2 <= y / x <= 5 and x * 5000 <= 600:
        assert found.spacing == pytest.approx(Spacing(10 * y, 10 * x))
