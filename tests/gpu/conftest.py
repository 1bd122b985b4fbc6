"""What the tests on a GPU share. They need PyTorch, the engine and a CUDA device, and nothing of the viewer.

MATAE_TEST_DEVICE=cpu runs them on the CPU: to see that the tests themselves are in order where there is no GPU.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.segment.backends import ModelSource
    from matae.train.data import LabelledFrames


@pytest.fixture
def device() -> str:
    """Return where to run, or skip."""
    wanted = os.environ.get("MATAE_TEST_DEVICE", "cuda")
    if wanted.startswith("cuda") and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return wanted


@pytest.fixture
def cuda(device: str) -> Iterator[str]:
    """Return a CUDA device, or skip; what a test took of its memory is given back, and no limit stays."""
    if not device.startswith("cuda"):
        pytest.skip("only a CUDA device has this")
    yield device
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATAE_HOME", str(tmp_path / "home"))


@pytest.fixture
def source() -> ModelSource:
    """Return the model that ships."""
    from matae.segment.backends import ModelSource

    return ModelSource.named("matae-lv")


@pytest.fixture
def pictures() -> NDArray[np.uint8]:
    """Return eight frames of synthetic hearts on the grid of the model that ships."""
    from matae.placement import whole_frame
    from matae.speed.clip import phantom_clip

    clip = phantom_clip(8, (224, 224))
    return whole_frame(clip, 224).pictures(clip.frames)


@pytest.fixture
def sides() -> tuple[LabelledFrames, LabelledFrames]:
    """Return a few frames to train on, and others to hold out: dark ellipses in noise."""
    from matae.train.data import LabelledFrames

    def frames(count: int, seed: int) -> LabelledFrames:
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[:64, :64]
        masks = np.stack([
            ((y - cy) / 18) ** 2 + ((x - cx) / 11) ** 2 < 1 for cy, cx in rng.uniform(26, 38, (count, 2))
        ]).astype(np.uint8)  # fmt: skip
        images = (np.where(masks, 40, 160) + rng.integers(0, 40, masks.shape)).astype(np.uint8)
        names = tuple(f"{seed}-{n}" for n in range(count))
        return LabelledFrames(images, masks, names, names, ("",) * count, np.full(count, np.nan))

    return frames(16, 1), frames(4, 2)
