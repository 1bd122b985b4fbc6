"""What a number rests on: the longer axis of biplane, each term of the interval of the EF, each disk in its place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from measure_makers import CYLINDER, body

from matae.cine import Spacing
from matae.errors import MeasureError
from matae.measure import area_length, biplane, disks, single_plane, uncertainty
from matae.measure.disks import Disks, ejection_fraction, pair
from matae.measure.uncertainty import boundary_sensitivity, ef_interval

MM = Spacing(0.5, 0.5)
SHAPE = {"shape": (300, 320), "spacing": (0.5, 0.5)}


def cylinder(length: float, radius: float) -> Disks:
    found = disks(body("cylinder", length=length, radius=radius, **SHAPE), MM)
    assert found is not None
    return found


@pytest.mark.parametrize("lengths", [(80.0, 62.0), (62.0, 80.0)])
def test_biplane_takes_the_longer_axis_whichever_view_has_it(lengths: tuple[float, float]) -> None:
    # Foreshortening makes an axis shorter, never longer (J Am Soc Echocardiogr 2015;28:1-39).
    views = [cylinder(length, radius) for length, radius in zip(lengths, (20.25, 27.25), strict=True)]
    assert biplane(*views) == pytest.approx(CYLINDER * 80 * 20.25 * 27.25 / 1000, rel=0.01)
    assert biplane(*views) == biplane(*reversed(views))


def test_each_term_of_the_interval_counts() -> None:
    found = ef_interval(55.0, 400.0, [50.0, 56.0])
    widths, boundary, reader = np.std([50.0, 56.0], ddof=1), 0.007 * 400.0, 4.25
    assert (found.widths_sd, found.boundary_sd, found.reader_sd) == pytest.approx((widths, boundary, reader))
    half = 1.6448536 * np.sqrt(widths**2 + boundary**2 + reader**2)
    assert (found.low, found.high) == pytest.approx((55 - half, 55 + half))
    assert found.half_width == pytest.approx(half)
    # None of them is lost in the others' squares.
    without_widths, without_boundary = ef_interval(55.0, 400.0), ef_interval(55.0, 0.0, [50.0, 56.0])
    assert without_widths.high == pytest.approx(55 + 1.6448536 * np.hypot(boundary, reader))
    assert without_boundary.high == pytest.approx(55 + 1.6448536 * np.hypot(widths, reader))
    assert ef_interval(55.0, 0.0).high == pytest.approx(55 + 1.6448536 * reader)
    assert ef_interval(55.0, 400.0, widths_sd=2.0).high == pytest.approx(55 + 1.6448536 * np.sqrt(4 + 7.84 + 4.25**2))


def test_the_interval_stays_between_nothing_and_everything() -> None:
    assert ef_interval(55.0, 400.0).value == 55.0
    assert ef_interval(99.0, 400.0).high == 100.0
    assert ef_interval(0.5, 400.0).low == 0.0
    # What is below nothing is shown as it is: the frames are the wrong way round, and a flag says so.
    assert ef_interval(-3.0, 400.0).low == -3.0
    # One width says nothing of how widths differ.
    assert ef_interval(55.0, 400.0, [50.0]).widths_sd == 0.0


def test_the_sensitivity_has_no_unit() -> None:
    stacks = [disks(body("cylinder", length=length, radius=20.5, shape=(150, 160), spacing=(1.0, 1.0)), unit)
              for unit in (Spacing(1.0, 1.0), None) for length in (90.0, 70.0)]  # fmt: skip
    in_mm, in_pixels = boundary_sensitivity(*stacks[:2]), boundary_sensitivity(*stacks[2:])
    assert in_pixels == pytest.approx(in_mm, rel=1e-12)
    # However small the heart is, and none of a cavity that holds nothing.
    small = [replace(s, volume=s.volume / 1e6, diameters=s.diameters / 1e2, length=s.length / 1e2) for s in stacks[:2]]
    assert boundary_sensitivity(*small) == pytest.approx(in_mm, rel=1e-9)
    assert boundary_sensitivity(replace(stacks[0], volume=0.0), stacks[1]) == 0.0


def test_the_constants_are_those_that_were_fitted() -> None:
    assert (uncertainty.BOUNDARY_SHIFT, uncertainty.READER_SD) == (0.007, 4.25)  # docs/measure.md gives the fit


@pytest.mark.parametrize(("ed", "es"), [((90.0, 24.25), (76.0, 18.25)), ((70.0, 20.25), (66.0, 19.25))])
def test_the_sensitivity_is_what_a_shifted_outline_does(ed: tuple[float, float], es: tuple[float, float]) -> None:
    stacks = cylinder(*ed), cylinder(*es)
    value = 100 * (1 - stacks[1].volume / stacks[0].volume)
    shift = 1e-4 * stacks[0].length
    changes = []
    for which in (0, 1):
        grown = [_grown(stack, shift) if number == which else stack for number, stack in enumerate(stacks)]
        found = pair(*grown)
        assert found is not None
        changes.append((found.ef_percent - value) / 1e-4)
    assert boundary_sensitivity(*stacks) == pytest.approx(np.hypot(*changes), rel=0.002)
    assert boundary_sensitivity(replace(stacks[0], volume=0.0), stacks[1]) == 0.0
    assert boundary_sensitivity(replace(stacks[0], length=0.0), stacks[1]) == 0.0


def _grown(stack: Disks, shift: float) -> Disks:
    """Return a stack whose walls lie `shift` mm further out; the plane of the valve stays."""
    wider, longer = stack.diameters + 2 * shift, stack.length + shift
    volume = np.pi / 4 * float((wider**2).sum()) * longer / len(wider) / 1000
    return replace(stack, diameters=wider, length=longer, volume=volume)


# --- disks, to the digit ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("apex_down", [False, True])
def test_each_chord_is_where_its_disk_is_and_begins_on_the_left(apex_down: bool) -> None:
    mask = body("cylinder", shape=(120, 90), spacing=(1, 1), length=80, radius=20.25, apex=(10, 40))
    if apex_down:
        mask = mask[::-1]
    unit = Spacing(1.0, 0.5)
    found = disks(mask, unit, apex_down=apex_down)
    assert found is not None
    apex, base = found.landmarks.apex, found.landmarks.base
    assert abs(base[0] - apex[0]) == pytest.approx(80, abs=1)
    assert (base[0] > apex[0]) is not apex_down
    assert found.length == pytest.approx(80, abs=1)
    rows = apex[0] + (base[0] - apex[0]) * (np.arange(20) + 0.5) / 20
    np.testing.assert_allclose(found.chords[..., 0].mean(1), rows, atol=0.5)
    middle = slice(1, 19)  # the corners of a cylinder are cut
    np.testing.assert_allclose(found.chords[middle, 0, 1], 20, atol=0.6)
    np.testing.assert_allclose(found.chords[middle, 1, 1], 60, atol=0.6)
    np.testing.assert_allclose(found.diameters[middle], 41 * 0.5, atol=0.01)  # columns 20 to 60
    assert found.area == pytest.approx(81 * 20.5, rel=0.01)
    assert found.volume == pytest.approx(np.pi / 4 * float((found.diameters**2).sum()) * found.length / 20 / 1000)


def test_how_many_disks_and_of_which_class() -> None:
    mask = body("cylinder", shape=(120, 90), spacing=(1, 1), length=80, radius=20.25, apex=(10, 40))
    both = np.where(mask > 0, 2, 0).astype(np.uint8)
    both[100:118, 5:85] = 1
    one, many = disks(both, MM, n=1, label=2), disks(both, MM, n=50, label=2)
    plain = disks(mask, MM)
    assert one is not None
    assert many is not None
    assert plain is not None
    assert (len(one.diameters), len(many.diameters), len(plain.diameters)) == (1, 50, 20)
    for found in (one, many):
        assert found.volume == pytest.approx(plain.volume, rel=0.02)
        assert found.length == plain.length
    assert disks(both, MM, label=3) is None
    with pytest.raises(MeasureError, match=r"^0 disks make no volume; give 1 or more"):
        disks(mask, MM, n=0)
    # What a person placed does not make a cavity of an empty frame.
    assert disks(np.zeros_like(mask), MM, landmarks=plain.landmarks) is None


def test_single_plane_of_a_class_upside_down() -> None:
    pair_of = [body("cylinder", shape=(120, 90), spacing=(1, 1), length=length, radius=20.25, apex=(10, 40))[::-1]
               for length in (80, 60)]  # fmt: skip
    labelled = [np.where(mask > 0, 2, 0).astype(np.uint8) for mask in pair_of]
    for mask in labelled:
        mask[:8] = 1
    found = single_plane(*labelled, MM, apex_down=True, label=2)
    assert found is not None
    assert (found.ed.length, found.es.length) == pytest.approx((80 / 2, 60 / 2), abs=1)
    assert found.ed.landmarks.apex[0] > found.ed.landmarks.base[0]
    assert found.es.landmarks.apex[0] > found.es.landmarks.base[0]
    empty = np.zeros_like(labelled[0])
    assert single_plane(labelled[0], empty, MM, apex_down=True, label=2) is None
    assert single_plane(empty, labelled[0], MM, apex_down=True, label=2) is None


def test_formulas_of_small_hearts() -> None:
    assert area_length(2.0, 0.5) == pytest.approx(8 * 4 / (1.5 * np.pi))
    assert area_length(2.0, 0.0) == 0.0
    assert ejection_fraction(0.5, 0.2) == pytest.approx(60)
    assert ejection_fraction(0.0, 0.0) is None


def test_biplane_refuses_what_is_not_alike() -> None:
    found = cylinder(80.0, 20.25)
    bare, ten = replace(found, calibrated=False), replace(found, diameters=found.diameters[:10])
    for pair_of in ((found, bare), (bare, found)):
        with pytest.raises(MeasureError, match=r"^Biplane volumes need both clips calibrated; set the scale of each"):
            biplane(*pair_of)
    for pair_of in ((found, ten), (ten, found)):
        with pytest.raises(MeasureError, match=r"^Biplane volumes need the same number of disks in both views; cut"):
            biplane(*pair_of)
