"""To the network's grid and exactly back, and one cavity a frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from matae.cine import Cine, Spacing
from matae.errors import SegmentError
from matae.segment import Sector, sector_from_polygon
from matae.segment.grid import Placement


def a_cine(rows: int, columns: int, spacing: Spacing | None = None, grey: int = 200) -> Cine:
    return Cine(np.full((2, rows, columns), grey, np.uint8), None, spacing, Path("clip"))


def rectangle(y0: int, x0: int, y1: int, x1: int, *, apex_down: bool = False) -> Sector:
    corners = np.array([[y0, x0], [y0, x1 - 1], [y1 - 1, x1 - 1], [y1 - 1, x0]], float)
    return Sector(corners, "user", apex_down)


def test_a_sector_outside_the_picture_is_refused() -> None:
    with pytest.raises(SegmentError, match="outside the picture"):
        Placement.of(a_cine(50, 50), sector_from_polygon([[100, 100], [140, 100], [140, 140]]), 32)


@pytest.mark.parametrize("shape", [(1, 1), (1, 90), (90, 1), (2, 3)])
def test_the_smallest_pictures_go_there_and_back(shape: tuple[int, int]) -> None:
    placement = Placement.of(a_cine(*shape), rectangle(0, 0, *shape), 32)
    x = placement.to_grid(a_cine(*shape).frames)
    assert x.shape == (2, 1, 32, 32)
    assert x.max() > 0.5
    assert placement.to_native(x).shape == (2, 1, *shape)


def test_what_is_outside_the_sector_is_black() -> None:
    cine = a_cine(60, 60, grey=255)
    x = Placement.of(cine, Sector(np.array([[0.0, 30], [59, 0], [59, 59]]), "fan"), 64).to_grid(cine.frames)
    assert x[0, 0, 5, 5] == 0
    assert x[0, 0, 50, 32] == 1


def test_a_millimetre_is_as_long_both_ways() -> None:
    placement = Placement.of(a_cine(100, 100, Spacing(0.3, 0.15)), rectangle(0, 0, 100, 100), 64)
    assert (placement.height, placement.width) == (64, 32)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_blob_lands_where_it_was(data: st.DataObject) -> None:
    rows, columns = data.draw(st.integers(24, 300)), data.draw(st.integers(24, 300))
    y0, x0 = data.draw(st.integers(0, rows - 20)), data.draw(st.integers(0, columns - 20))
    y1, x1 = data.draw(st.integers(y0 + 18, rows)), data.draw(st.integers(x0 + 18, columns))
    aspect = data.draw(st.floats(0.5, 2))
    cine = a_cine(rows, columns, Spacing(0.2, 0.2 * aspect))
    placement = Placement.of(cine, rectangle(y0, x0, y1, x1, apex_down=data.draw(st.booleans())), 64)
    height, width = y1 - y0, x1 - x0
    centre = np.array([data.draw(st.floats(0.3, 0.7)) * height, data.draw(st.floats(0.3, 0.7)) * width])
    y, x = np.mgrid[:height, :width] + 0.5
    blob = np.exp(-(((y - centre[0]) / (0.12 * height)) ** 2 + ((x - centre[1]) / (0.12 * width)) ** 2))
    frames = np.zeros((1, rows, columns), np.uint8)
    frames[0, y0:y1, x0:x1] = np.round(255 * blob)
    on_grid = placement.to_grid(frames)
    assert on_grid.shape == (1, 1, 64, 64)
    native = placement.to_native(on_grid)
    assert native.shape == (1, 1, height, width)
    weight = native[0, 0].numpy()
    found = np.array([(weight * y).sum(), (weight * x).sum()]) / weight.sum()
    tolerance = np.maximum(1.0, 0.02 * np.array([height, width]))
    assert (abs(found - centre) < tolerance).all()


def test_upside_down_frames_come_back_upside_down() -> None:
    cine = a_cine(40, 30)
    frames = np.zeros((1, 40, 30), np.uint8)
    frames[0, :10] = 255
    placement = Placement.of(cine, rectangle(0, 0, 40, 30, apex_down=True), 40)
    assert placement.to_grid(frames)[0, 0, -5, 20] == 1
    torch.testing.assert_close(
        placement.to_native(placement.to_grid(frames))[0, 0], torch.from_numpy(frames[0] / 255).float()
    )
