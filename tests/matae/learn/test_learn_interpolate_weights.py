"""How far back: nothing forgotten, too much, and the furthest that keeps what was known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from matae.learn.interpolate_weights import LOST, Kept, go_back
from matae.learn.recipe import RECIPES

FULL = RECIPES["full"]


class Point(nn.Module):
    """A network that is nothing but how far from the base it lies."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.register_buffer("value", torch.tensor(value, dtype=torch.float64))


def furthest(loss: float, asked: list[float] | None = None) -> Kept:
    """Return how far a network lies that loses `loss` times the square of its way."""
    base: Any = Point(0.0)
    trained: Any = Point(1.0)

    def keeps(network: Any) -> bool:
        if asked is not None:
            asked.append(float(network.value))
        return loss * float(network.value) ** 2 <= LOST

    made, kept = go_back(base, trained, FULL, keeps)
    assert float(made.value) == pytest.approx(kept.shallow)  # type: ignore[arg-type]
    assert (float(base.value), float(trained.value)) == (0.0, 1.0)
    return kept


@pytest.mark.parametrize(("loss", "share"), [(0.0, 1.0), (0.0089, 1.0), (0.0091, 0.9), (0.0139, 0.8), (9.0, 0.5)])
def test_it_lies_as_far_as_what_was_known_is_kept(loss: float, share: float) -> None:
    asked: list[float] = []
    assert furthest(loss, asked).shallow == share
    assert len(asked) <= 3  # each takes seconds


def test_the_deepest_stages_go_back_further() -> None:
    assert furthest(0.0) == (1.0, 0.5)
    base: Any = Point(0.0)
    _, kept = go_back(base, base, replace(FULL, kept=(0.7,), kept_deep=1.0), lambda _: False)
    assert kept == (0.7, 0.7)


@given(st.floats(0, 0.05))
def test_the_next_share_would_forget_too_much(loss: float) -> None:
    share = furthest(loss).shallow
    assert share == min(FULL.kept) or loss * share**2 <= LOST
    assert all(loss * further**2 > LOST for further in FULL.kept if further > share)
