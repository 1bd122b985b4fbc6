"""Calibrating the guessed Dice: refused without frames or differences, right where the truth is known, and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from matae.errors import TrainError
from matae.prompt.calibration import calibrate, fit
from matae.prompt.scenes import HeadTraining
from matae.prompt.weights import load_head, save_head

from .prompt_makers import GRID, head_of, tiny
from .test_prompt_training import frames

if TYPE_CHECKING:
    from pathlib import Path

SHORT = HeadTraining(batch=2, rounds=2)


@pytest.mark.parametrize("guesses", [torch.zeros(0), torch.full((50,), 0.9), torch.full((50,), torch.nan)])
def test_guesses_that_tell_nothing_are_refused(guesses: torch.Tensor) -> None:
    with pytest.raises(TrainError, match="cannot be calibrated"):
        fit(guesses, torch.full((len(guesses),), 0.8))


@given(scale=st.floats(0.2, 3.0), shift=st.floats(-1.5, 1.5), seed=st.integers(0, 100))
def test_a_known_distortion_is_found(scale: float, shift: float, seed: int) -> None:
    odds = torch.from_numpy(np.random.default_rng(seed).normal(1.5, 1.0, 200))
    found = fit(torch.sigmoid(odds), torch.sigmoid(odds * scale + shift))
    assert found == pytest.approx((scale, shift), abs=0.02)


def test_guesses_without_any_relation_become_the_mean() -> None:
    rng = np.random.default_rng(1)
    dice = torch.from_numpy(rng.uniform(0.7, 0.9, 4000))
    scale, shift = fit(torch.from_numpy(rng.uniform(0.2, 0.99, 4000)), dice)
    assert abs(scale) < 0.05
    assert torch.sigmoid(torch.tensor(shift)).item() == pytest.approx(0.8, abs=0.02)


def test_without_a_frame_nothing_is_calibrated() -> None:
    network, _ = tiny()
    with pytest.raises(TrainError, match="no labelled frame"):
        calibrate(network, head_of(network), frames(0), GRID, SHORT)


def test_a_calibration_is_set_and_travels_with_the_head(tmp_path: Path) -> None:
    network, card = tiny()
    head = head_of(network)
    assert not head.is_calibrated
    found = calibrate(network, head, frames(4), GRID, SHORT, batches=12)
    assert head.is_calibrated
    assert head.calibration.tolist() == pytest.approx([found.scale, found.shift], abs=1e-3)
    assert found.off_after <= found.off_before + 1e-3
    assert found.frames == 12 * 2 * 2
    save_head(tmp_path / "prompt.safetensors", head, card)
    assert load_head(tmp_path / "prompt.safetensors", card).is_calibrated
