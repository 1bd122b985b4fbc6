"""Thickness and mass against walls of known thickness, and masks without a wall to measure."""

from __future__ import annotations

import numpy as np
import pytest
from measure_makers import body

from matae.anatomy import CAVITY, WALL
from matae.cine import Spacing
from matae.measure.disks import disks
from matae.measure.wall import DENSITY, measure_wall

MM = Spacing(0.5, 0.5)


def walled(thick=10.0, *, kind="ellipsoid", spacing=MM, length=70.0, radius=22.0):
    """Return classes of a cavity whose wall is so thick beside and above it; both end at the annulus."""
    shape = (int(130 / spacing[0]), int(120 / spacing[1]))
    inner = body(kind, shape=shape, spacing=spacing, length=length, radius=radius, apex=(30, 60))
    outer = body(
        kind, shape=shape, spacing=spacing, length=length + thick, radius=radius + thick, apex=(30 - thick, 60)
    )
    return np.where(inner > 0, CAVITY, np.where(outer > 0, WALL, 0)).astype(np.uint8)


def measured(mask, spacing=MM, **more):
    return measure_wall(mask, disks(mask, spacing, label=CAVITY), spacing, **more)


def test_masks_without_a_wall_have_none() -> None:
    mask = walled()
    assert measured(np.where(mask == WALL, 0, mask)) is None
    # A wall on one side alone, or a few stray pixels of it, go round no cavity.
    scrap = np.where(mask == WALL, 0, mask).astype(np.uint8)
    scrap[10:14, 100:104] = WALL
    assert measured(scrap) is None
    inside = mask.copy()
    inside[mask == WALL] = 0
    inside[130:134, 118:122] = WALL
    assert measured(inside) is None


@pytest.mark.parametrize("thick", [6.0, 10.0, 14.0])
@pytest.mark.parametrize("spacing", [MM, Spacing(0.6, 0.3)])
def test_a_tube_is_as_thick_as_it_is(thick, spacing) -> None:
    found = measured(walled(thick, kind="cylinder", spacing=spacing), spacing)
    assert found.thickness == pytest.approx(thick, abs=0.6)
    sides = [part.thickness for part in found.segments if part.level != "apical"]
    assert sides == pytest.approx([thick] * 4, abs=0.7)


def test_volume_between_the_outlines_gives_the_mass() -> None:
    found = measured(walled(10))
    outer, inner = (2 / 3 * np.pi * length * radius**2 / 1000 for length, radius in ((80, 32), (70, 22)))
    assert found.volume == pytest.approx(outer - inner, rel=0.04)
    assert found.epicardium.volume == pytest.approx(outer, rel=0.04)
    # Half an ellipsoid is what the area-length formula is made for.
    assert found.area_length_volume == pytest.approx(outer - inner, rel=0.04)
    assert DENSITY == 1.05


def test_segments_bear_the_names_of_the_view() -> None:
    mask = walled(10)
    mask[:, :115][mask[:, :115] == WALL] = WALL
    names = [part.name for part in measured(mask, view="A4C").segments]
    assert names[0] == "basal inferoseptal"
    assert names[-1] == "basal anterolateral"
    assert [part.name for part in measured(mask, view="A4C", mirrored=True).segments] == names[::-1]
    assert measured(mask).segments[0].name == "basal left"


def test_a_thick_septum_is_seen_where_it_is() -> None:
    mask = walled(8, kind="cylinder")
    thick = walled(16, kind="cylinder")
    left = np.zeros(mask.shape, bool)
    left[:, :120] = True
    both = np.where(left & (thick == WALL), WALL, mask).astype(np.uint8)
    found = {part.name: part.thickness for part in measured(both, view="A4C").segments}
    assert found["mid inferoseptal"] == pytest.approx(16, abs=1.0)
    assert found["mid anterolateral"] == pytest.approx(8, abs=1.0)


def test_without_a_scale_lengths_are_pixels() -> None:
    mask = walled(10, kind="cylinder")
    assert measured(mask, None).thickness == pytest.approx(20, abs=1.2)
    assert not measured(mask, None).epicardium.calibrated
