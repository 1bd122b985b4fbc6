"""Graphs of what decides structures: what is not worth recording, then that nothing of the result changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from matae.anatomy import CLASS_NAMES
from matae.nn.regions import Regions
from matae.segment import graphs
from matae.segment.graphs import Graphs, decided

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

NESTED = Regions.nested(CLASS_NAMES)


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Return the shapes of what is recorded, by a recorder that computes anew and overwrites the result before."""
    shapes: list[tuple[int, ...]] = []

    def captured(work: Callable[[Tensor], tuple[Tensor, ...]], like: Tensor) -> Callable[[Tensor], tuple[Tensor, ...]]:
        shapes.append(tuple(like.shape))
        kept = work(like)

        def replay(now: Tensor) -> tuple[Tensor, ...]:
            assert now.shape == like.shape
            for old, new in zip(kept, work(now), strict=True):
                old.copy_(new)
            return kept

        return replay

    monkeypatch.setattr(graphs, "captured", captured)
    return shapes


def logits(height: int, width: int, seed: int = 0, count: int = 2) -> Tensor:
    noise = torch.randn(count, 3, 7, 9, generator=torch.Generator().manual_seed(seed)) * 4
    return torch.nn.functional.interpolate(noise, (height, width), mode="bicubic")


def same(found: tuple[Tensor, ...], native: Tensor) -> None:
    for one, other in zip(found, decided(native, NESTED), strict=True):
        assert torch.equal(one, other)


def test_what_is_done_seldom_or_is_large_is_not_recorded(
    recorded: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Graphs()
    for _ in range(4):
        same(kept.decided(logits(20, 30), NESTED), logits(20, 30))
    monkeypatch.setattr(graphs, "_SMALL", 2 * 32 * 32 - 1)
    for _ in range(8):
        same(kept.decided(logits(20, 30), NESTED), logits(20, 30))
    assert recorded == []


def test_rectangles_of_about_one_size_share_a_graph(recorded: list[tuple[int, ...]]) -> None:
    kept = Graphs()
    for seed, (height, width) in enumerate([(20, 30), (17, 32), (32, 17), (29, 25), (31, 31), (20, 30), (18, 20)]):
        same(kept.decided(logits(height, width, seed), NESTED), logits(height, width, seed))
    assert recorded == [(2, 3, 32, 32)]


def test_another_model_is_no_matter_of_this_one(recorded: list[tuple[int, ...]]) -> None:
    kept, alone = Graphs(), Regions.alone(CLASS_NAMES)
    for _ in range(6):
        same(kept.decided(logits(20, 30), NESTED), logits(20, 30))
        found = kept.decided(logits(20, 30), alone)
        assert torch.equal(found[0], decided(logits(20, 30), alone)[0])
    assert len(recorded) == 2


def test_few_are_kept_and_the_one_used_last_goes_last(recorded: list[tuple[int, ...]]) -> None:
    kept = Graphs()
    for side in (16, 32, 48, 16, 64):  # the first once more before the fourth, so that the second goes
        for _ in range(8):
            kept.decided(logits(side, side), NESTED)
    assert [shape[2] for shape in recorded] == [16, 32, 48, 64]
    kept.decided(logits(16, 16), NESTED)
    assert len(recorded) == 4
    kept.decided(logits(32, 32), NESTED)
    assert [shape[2] for shape in recorded] == [16, 32, 48, 64, 32]
    kept.clear()
    kept.decided(logits(32, 32), NESTED)
    assert len(recorded) == 6


def test_more_sizes_in_turn_than_are_kept_are_not_recorded_again_and_again(recorded: list[tuple[int, ...]]) -> None:
    kept = Graphs()
    for _ in range(12):
        for side in (16, 32, 48, 64):
            same(kept.decided(logits(side, side), NESTED), logits(side, side))
    assert [shape[2] for shape in recorded] == [16, 32, 48]


def test_where_memory_does_not_suffice_to_record_all_goes_on_without(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def full(_: object, like: Tensor) -> None:
        tried.append(like.shape)
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(graphs, "captured", full)
    kept = Graphs()
    for side in (16, 32):
        for _ in range(6):
            same(kept.decided(logits(side, side), NESTED), logits(side, side))
    assert len(tried) == 1


def test_nothing_that_is_recorded_is_copied_from_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def copied(*_: object, **__: object) -> None:
        raise RuntimeError("Cannot copy between CPU and CUDA tensors during CUDA graph capture")

    natives = [logits(20, 30), logits(20, 30, 1)]
    for name in ("tensor", "as_tensor", "from_numpy"):
        monkeypatch.setattr(torch, name, copied)
    for regions in (NESTED, Regions.alone(CLASS_NAMES)):
        for native in natives:
            decided(native, regions)


def test_a_network_is_recorded_once_for_each_key(recorded: list[tuple[int, ...]]) -> None:
    kept = Graphs()
    for key in ("a", "a", "b"):
        (found,) = kept.network(key, lambda x: (x.float() + 1,), torch.ones(2, 4, 4, dtype=torch.uint8))  # type: ignore[arg-type,return-value]
        assert torch.equal(found, torch.full((2, 4, 4), 2.0))
    assert len(recorded) == 2


@settings(max_examples=30, deadline=None)
@given(height=st.integers(1, 70), width=st.integers(1, 70), seed=st.integers(0, 2**32), kind=st.booleans())
def test_pixels_of_nothing_beside_a_picture_change_nothing(height: int, width: int, seed: int, kind: bool) -> None:
    regions = NESTED if kind else Regions.alone(CLASS_NAMES)
    native = logits(height, width, seed)
    padded = torch.full((2, 3, height + 9, width + 5), graphs._NOTHING)
    padded[:, :, :height, :width] = native
    mask, certain, is_done = decided(padded, regions)
    wanted = decided(native, regions)
    assert not mask[:, height:].any()
    assert not mask[:, :, width:].any()
    assert torch.equal(certain[:, :height, :width], wanted[1])
    assert torch.equal(is_done, wanted[2])
    assert torch.equal(mask[is_done, :height, :width], wanted[0][is_done])
