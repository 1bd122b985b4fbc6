"""Batches: every frame once an epoch, and the same whatever came before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from matae.nn.regions import Regions
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
    return Batches(frames(n), Regions.numbered(2), config, torch.Generator().manual_seed(0), unlabelled)


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


def replaying(*, rank: int = 0, processes: int = 1) -> Batches:
    config = TrainConfig(batch=8, grid=16, replay=0.4)
    return Batches(
        frames(6),
        Regions.numbered(2),
        config,
        torch.Generator().manual_seed(0),
        replay=frames(20),
        rank=rank,
        processes=processes,
    )


def test_replayed_frames_are_shown_as_they_are_every_second_step() -> None:
    found = replaying()
    changed, unchanged = found.draw(0), found.draw(1)
    # Five to learn from and three to keep; as they are, a frame is of one grey level and its edges lie where they lay.
    assert all(float(image.std()) == pytest.approx(0, abs=1e-6) for image in unchanged[0][5:])
    kept = unchanged[1][5]
    assert not any(torch.allclose(mask, kept, atol=0.2) for mask in [*changed[1], *unchanged[1][:5]])
    np.testing.assert_allclose(unchanged[1][5:, 0, 3:5], 1, atol=0.2)
    np.testing.assert_allclose(unchanged[1][5:, 0, 8:], 0, atol=1e-6)
    assert len(set(levels(unchanged[0][5:]))) == 3


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("processes", [2, 4])
def test_several_processes_see_together_what_one_sees(step: int, processes: int) -> None:
    whole = replaying().draw(step)
    parts = [replaying(rank=rank, processes=processes).draw(step) for rank in range(processes)]
    for number in range(2):
        torch.testing.assert_close(torch.cat([part[number] for part in parts]), whole[number])


def test_what_nobody_outlined_in_a_frame_teaches_nothing() -> None:
    classes = ("left ventricular cavity", "left ventricular myocardium")
    some = replace(frames(4), annotated=((1, 2), (1,), (2,), ()))
    found = Batches(some, Regions.nested(classes), CONFIG, torch.Generator().manual_seed(0))
    images, masks = found.draw(0)
    by_level = dict(zip(levels(images), masks, strict=True))
    # The outline of the wall is known where cavity and wall both are; the order of the frames is a random one.
    known = {level: [bool(m.min() >= 0) for m in maps] for level, maps in by_level.items()}
    assert known == {1: [True, True], 2: [True, False], 3: [False, False], 4: [False, False]}
    assert all(bool((m == -1).all()) != bool((m >= 0).all()) for maps in by_level.values() for m in maps)
    everything = Batches(replace(some, annotated=((1, 2),) * 4), Regions.nested(classes), CONFIG, torch.Generator())
    assert all((m >= 0).all() for m in everything.draw(0)[1])


def test_replayed_frames_teach_what_was_outlined_in_them() -> None:
    config = replace(CONFIG, replay=0.5)
    old = replace(frames(4), annotated=((1,),) * 4)
    found = Batches(frames(4), Regions.numbered(2), config, torch.Generator().manual_seed(0), replay=old)
    for step in range(2):
        _, masks = found.draw(step)
        assert (masks[:2] >= 0).all()
        assert (masks[2:, 0] >= 0).all()
        assert (masks[2:, 1] == -1).all()
