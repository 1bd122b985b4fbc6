"""How far to trust the Dice that a head guesses: scale and shift of its log odds, fitted on patients of their own.

The guess is learnt on patients whose masks the network and the head have both seen, where both are too often right.
Two values, fitted on patients that neither has seen, bring it to what such masks are worth (J. Platt, "Probabilistic
outputs for support vector machines", 1999; here with the Dice in place of a probability).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch.nn import functional as F

from matae.errors import TrainError
from matae.prompt.scenes import HeadTraining, Scenes, hard_dice

if TYPE_CHECKING:
    from torch import Tensor

    from matae.nn.matae import Matae
    from matae.prompt.head import PromptHead
    from matae.train.data import LabelledFrames

__all__ = ["Calibration", "calibrate", "fit"]

_LEAST = 1e-4
_STEPS = 200


class Calibration(NamedTuple):
    """What was fitted, and how far the guesses were off before and after, in Dice."""

    scale: float
    shift: float
    frames: int
    off_before: float
    off_after: float


def fit(expected: Tensor, dice: Tensor) -> tuple[float, float]:
    """Return scale and shift of the log odds of guesses that fit the true values best.

    Parameters
    ----------
    expected, dice
        Guessed and true Dice, (N,).

    Raises
    ------
    TrainError
        If there are fewer than ten, or all guesses are alike.
    """
    known = torch.isfinite(expected) & torch.isfinite(dice)
    odds = torch.logit(expected[known].double().clamp(_LEAST, 1 - _LEAST))
    if len(odds) < 10 or float(odds.std()) < 1e-6:
        raise TrainError("The guesses of the prompt head cannot be calibrated: there are too few, or all are alike.")
    target = dice[known].double().clamp(0, 1)
    # In units of the guesses' own spread, so that one step is as large for the scale as for the shift.
    middle, spread = odds.mean(), odds.std()
    unit = (odds - middle) / spread
    values = torch.tensor([1.0, 0.0], dtype=torch.double, requires_grad=True)
    optimiser = torch.optim.LBFGS([values], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = F.binary_cross_entropy_with_logits(unit * values[0] + values[1], target)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    slope, offset = values.detach().tolist()
    scale = slope / float(spread)
    return scale, offset - scale * float(middle)


@torch.no_grad()
def calibrate(
    network: Matae, head: PromptHead, frames: LabelledFrames, grid: int, options: HeadTraining, *, batches: int = 60
) -> Calibration:
    """Fit the guesses of a head on frames that neither it nor the network has learnt from, and set it.

    Parameters
    ----------
    network, head
        In inference mode; the head's `calibration` is changed.
    frames
        Frames with masks, of patients that nothing was trained on.
    grid
        Side of the network's grid.
    options
        How frames are changed and prompted; none loses the network's maps, which does not happen in use.
    batches
        Batches that are drawn.

    Raises
    ------
    TrainError
        If there is no frame, or the guesses do not tell frames apart.
    """
    if not len(frames):
        raise TrainError("There is no labelled frame to calibrate the prompt head on; name a folder that has some.")
    head.calibration.copy_(torch.tensor([1.0, 0.0]))
    scenes = Scenes(network, frames, grid, replace(options, blind=0.0))
    guessed, true = [], []
    for _ in range(batches):
        scene = scenes.draw()
        for turn in range(options.rounds):
            found, expected = scene.outlined(head)
            guessed.append(expected)
            true.append(hard_dice(found, scene.truth))
            if turn + 1 < options.rounds:
                scene = scenes.clicked(scene, found > 0)
    before, dice = torch.cat(guessed), torch.cat(true)
    with torch.enable_grad():
        scale, shift = fit(before, dice)
    head.calibration.copy_(torch.tensor([scale, shift]))
    after = torch.sigmoid(torch.logit(before.clamp(_LEAST, 1 - _LEAST)) * scale + shift)
    off = [round(float((each - dice).abs().mean()), 4) for each in (before, after)]
    return Calibration(round(scale, 4), round(shift, 4), len(dice), *off)
