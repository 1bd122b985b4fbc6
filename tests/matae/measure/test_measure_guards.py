"""What a number rests on and nobody would miss: the longer axis of biplane, each term of the interval of the EF."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from measure_makers import CYLINDER, body

from matae.cine import Spacing
from matae.measure import biplane, disks, uncertainty
from matae.measure.disks import Disks, pair
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
