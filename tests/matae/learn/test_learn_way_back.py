"""How far back: nothing to forget, nothing forgotten, too much, and the furthest that keeps what was known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from matae.learn import way_back
from matae.learn.recipe import RECIPES
from matae.learn.way_back import go_back
from matae.train.watch import StoppedError


class Point(nn.Module):
    """A network that is nothing but how far from the base it lies."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.register_buffer("value", torch.tensor(value, dtype=torch.float64))


class Guard:
    """Frames on which a network loses `loss` times the square of its way; `asked` are the ways it was asked about."""

    def __init__(self, loss: float) -> None:
        self.loss, self.asked = loss, list[float]()

    def dice(self, network: Any, *_: object) -> np.ndarray:
        self.asked.append(float(network.value))
        return np.array([0.95 - self.loss * self.asked[-1] ** 2])


def furthest(guard: Guard | None, kind: str = "full") -> way_back.Kept:
    base, trained, frames = Point(0.0), Point(1.0), guard
    with pytest.MonkeyPatch.context() as patch:
        if guard is not None:
            patch.setattr(way_back, "guard_dice", guard.dice)
        made, kept = go_back(base, trained, frames, kind=kind, grid=4)  # type: ignore[arg-type]
    assert float(made.value) == pytest.approx(kept.shallow)  # type: ignore[arg-type]
    assert (float(base.value), float(trained.value)) == (0.0, 1.0)
    return kept


def test_where_nothing_was_known_nothing_is_asked() -> None:
    assert furthest(None) == (1.0, 1.0)
    guard = Guard(1.0)
    assert furthest(guard, "quick") == (1.0, 1.0)  # the adapter is whole or nothing
    assert not guard.asked


@pytest.mark.parametrize(("loss", "share"), [(0.0, 1.0), (0.0089, 1.0), (0.0091, 0.9), (0.0139, 0.8), (9.0, 0.5)])
def test_it_lies_as_far_as_what_was_known_is_kept(loss: float, share: float) -> None:
    guard = Guard(loss)
    assert furthest(guard).shallow == share
    assert len(guard.asked) <= 4  # the base, and a few of the way


def test_the_deepest_stages_go_back_further(monkeypatch: pytest.MonkeyPatch) -> None:
    assert furthest(Guard(0.0)) == (1.0, 0.5)
    monkeypatch.setitem(RECIPES, "full", replace(RECIPES["full"], kept_deep=1.0))
    assert furthest(Guard(0.0)) == (1.0, 1.0)


@given(st.floats(0, 0.05))
def test_the_next_share_would_forget_too_much(loss: float) -> None:
    share, shares = furthest(Guard(loss)).shallow, RECIPES["full"].kept
    assert share == min(shares) or loss * share**2 <= 0.009 + 1e-9
    assert all(loss * further**2 > 0.009 - 1e-9 for further in shares if further > share)


def test_a_wish_to_stop_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    def guard_dice(*_: object) -> np.ndarray:
        raise StoppedError

    monkeypatch.setattr(way_back, "guard_dice", guard_dice)
    with pytest.raises(StoppedError):
        go_back(Point(0.0), Point(1.0), object(), kind="full", grid=4)  # type: ignore[arg-type]
