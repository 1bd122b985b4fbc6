"""Batches: every frame once an epoch, and the same whatever came before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from matae.train.augment import AugmentConfig
from matae.train.batches import Batches
from matae.train.config import TrainConfig
from matae.train.data import LabelledFrames

CONFIG = TrainConfig(batch=4, grid=32, augment=AugmentConfig.none())


def frames(n: int) -> LabelledFrames:
    """Return n frames, each of one grey level of its own, with two classes."""
    images = np.broadcast_to(np.arange(n, dtype=np.uint8)[:, None, None] + 1, (n, 32, 32)).copy()
    masks = np.zeros((n, 32, 32), np.uint8)
    masks[:, 4:12] = 1
    masks[:, 20:] = 2
    names = tuple(f"f{i}" for i in range(n))
    return LabelledFrames(images, masks, names, names, ("",) * n, np.ones(n))


def batches(n: int, config: TrainConfig = CONFIG, unlabelled: np.ndarray | None = None) -> Batches:
    return Batches(frames(n), 2, config, torch.Generator().manual_seed(0), unlabelled)


def levels(images: torch.Tensor) -> list[int]:
    return [round(float(image.max()) * 255) for image in images]


def test_fewer_frames_than_a_batch_still_fill_it() -> None:
    images, masks = batches(1).draw(0)
    assert images.shape == (4, 1, 32, 32)
    assert masks.shape == (4, 2, 32, 32)
    assert levels(images) == [1, 1, 1, 1]


@pytest.mark.parametrize("unlabelled", [None, np.zeros((0, 32, 32), np.uint8)])
def test_without_unlabelled_frames_there_is_no_such_batch(unlabelled: np.ndarray | None) -> None:
    assert batches(3, unlabelled=unlabelled).draw_unlabelled(0) is None


def test_unlabelled_frames_are_drawn_like_labelled_ones() -> None:
    found = batches(3, unlabelled=frames(8).images)
    first, second = found.draw_unlabelled(0), found.draw_unlabelled(1)
    assert first is not None
    assert second is not None
    assert first.shape == (4, 1, 32, 32)
    assert sorted(levels(first) + levels(second)) == list(range(1, 9))


@given(n=st.integers(1, 30), batch=st.integers(1, 12), seed=st.integers(0, 2**70), start=st.integers(0, 20))
def test_every_frame_comes_once_an_epoch(n: int, batch: int, seed: int, start: int) -> None:
    found = batches(n, replace(CONFIG, batch=batch, seed=seed))
    drawn = torch.cat([found._chosen(step, n) for step in range(start + n)])
    assert len(drawn) == batch * (start + n)
    for epoch in range(len(drawn) // n):
        assert sorted(drawn[epoch * n : (epoch + 1) * n].tolist()) == list(range(n))


def test_a_step_is_the_same_whatever_was_drawn_before() -> None:
    one, other = batches(9), batches(9)
    for step in range(7):
        one.draw(step)
    torch.testing.assert_close(one.draw(7), other.draw(7))
    assert levels(batches(9, replace(CONFIG, seed=2)).draw(0)[0]) != levels(batches(9).draw(0)[0])


def test_masks_are_one_map_a_class() -> None:
    _, masks = batches(2).draw(0)
    torch.testing.assert_close(masks[:, 0, 4:12], torch.ones(4, 8, 32), atol=1e-3, rtol=0)
    torch.testing.assert_close(masks[:, 1, 20:], torch.ones(4, 12, 32), atol=1e-3, rtol=0)
    torch.testing.assert_close(masks[:, :, 13:19], torch.zeros(4, 2, 6, 32), atol=1e-3, rtol=0)
