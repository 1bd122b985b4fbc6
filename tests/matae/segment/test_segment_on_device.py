"""What a GPU does around the network, beside what the CPU does: to the grey level and to the pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from matae.cine import Box
from matae.placement import Placement
from matae.segment import on_device
from matae.segment.cleanup import one_part
from matae.segment.on_device import Placer, cleaned

CPU = torch.device("cpu")


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(
    ("box", "size", "aspect"),
    [
        (Box(3, 5, 4, 6), 32, (1.0, 1.0)), (Box(0, 0, 112, 112), 224, (1.0, 1.0)), (Box(0, 0, 32, 32), 32, (1.0, 1.0)),
        (Box(10, 20, 593, 758), 224, (1.0, 1.0)), (Box(1, 2, 90, 40), 64, (0.5, 0.8)), (Box(0, 0, 5, 300), 96, (2, 1)),
    ],
)  # fmt: skip
def test_pictures_are_those_of_pillow_to_the_grey_level(box: Box, size: int, aspect: tuple, flip: bool) -> None:
    random = np.random.default_rng(7)
    frames = random.integers(0, 256, (2, 620, 800), dtype=np.uint8)
    frames[1] = random.integers(0, 2, (620, 800)) * 255
    inside = random.random((box.height, box.width)) > 0.1
    placement = Placement((620, 800), box, aspect, size, flip, inside)
    placer = Placer.matching(placement, CPU)
    assert placer is not None
    parts = torch.from_numpy(frames[:, box.y0 : box.y1, box.x0 : box.x1].copy())
    np.testing.assert_array_equal(placer(parts).numpy(), placement.pictures(frames))


def test_a_scaling_that_would_not_be_exact_is_known() -> None:
    placement = Placement((2000, 2000), Box(0, 0, 2000, 2000), size=32)
    assert not Placer(placement, CPU).is_exact
    assert Placer.matching(placement, CPU) is None


def test_a_device_that_rounds_otherwise_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    placement = Placement((60, 80), Box(0, 0, 60, 80), size=32)
    assert Placer.matching(placement, CPU) is not None
    monkeypatch.setattr(on_device, "_rounded", lambda high, low: (high * 2048 + low).bfloat16().float() / 2**22)
    assert Placer.matching(placement, CPU) is None


@pytest.mark.parametrize("seed", range(12))
def test_what_hangs_together_is_cleaned_as_on_the_cpu_and_the_rest_is_left_to_it(seed: int) -> None:
    random = np.random.default_rng(seed)
    sigma = 2 + seed % 5
    smooth = ndimage.gaussian_filter(random.random((20, 40, 50)), (0, sigma, sigma))
    found = (smooth > np.quantile(smooth, 0.8)).astype(np.uint8)
    found[0] = 0
    found[1] = 1
    found[2] = 0
    found[2, 5:30, 5:30] = 1
    found[2, 9:12, 9:12] = 0
    masks, is_done = cleaned(torch.from_numpy(found))
    parts = np.array([ndimage.label(each)[1] for each in found])
    assert (is_done.numpy() <= (parts <= 1)).all()
    assert is_done[:3].all()
    for mask, done, each in zip(masks.numpy(), is_done, found, strict=True):
        if done:
            np.testing.assert_array_equal(mask, one_part(each))


def test_a_part_that_winds_too_much_is_left_to_the_cpu() -> None:
    spiral = np.zeros((1, 81, 81), np.uint8)
    row, column, length, step = 0, 0, 80, 0
    spiral[0, 0, 0] = 1
    while length > 0:
        for down, right in ((0, 1), (1, 0), (0, -1), (-1, 0))[step % 4 : step % 4 + 1]:
            for _ in range(length):
                row, column = row + down, column + right
                spiral[0, row, column] = 1
        step += 1
        length -= 2 if step % 2 == 1 and step > 1 else 0
        if step > 90:
            break
    assert ndimage.label(spiral[0])[1] == 1
    assert not cleaned(torch.from_numpy(spiral))[1].any()
