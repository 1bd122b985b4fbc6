"""What a GPU does before the network, beside what the CPU does: to the grey level."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from matae.cine import Box
from matae.placement import Placement
from matae.segment import on_device
from matae.segment.on_device import Placer

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
