"""Train a prompt head on labelled frames, with prompts simulated from their masks; the network it reads is frozen.

Every batch (`matae.prompt.scenes`) is outlined in rounds: from a first prompt, then with a click more into what is
still wrong.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from matae.errors import TrainError
from matae.prompt.encode import AXIS_SPAN, BOX_SPAN, TEMPLATE, long_axis
from matae.prompt.head import HeadConfig, PromptHead
from matae.prompt.scenes import HeadTraining, Scenes, hard_dice
from matae.prompt.simulate import jittered_landmarks

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from matae.nn.matae import Matae
    from matae.train.data import LabelledFrames

__all__ = ["mean_shapes", "new_head", "train_head"]

_KEEP_EVERY = 25  # batches
_SURE = 4.0  # log odds that a mean shape reaches


def new_head(network: Matae) -> PromptHead:
    """Return an untrained head for a network."""
    config = network.config
    return PromptHead(HeadConfig(tuple(config.at(w)[0] for w in config.widths), config.widths, config.classes))


def mean_shapes(masks: Tensor, landmarks: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean shape of each structure as log odds, relative to the long axis and to its box.

    Parameters
    ----------
    masks
        0 and 1, (N, regions, grid, grid); the first is the cavity.
    landmarks
        Of the cavity, in pixels of the grid, (N, 3, 2); NaN where there are none.

    Returns
    -------
    tuple of Tensor
        (regions, TEMPLATE, TEMPLATE) each.
    """
    grid = masks.shape[-1]
    line = (torch.arange(TEMPLATE) + 0.5) / TEMPLATE
    base, axis, normal = long_axis(landmarks)
    along = (AXIS_SPAN[0][0] + line * (AXIS_SPAN[0][1] - AXIS_SPAN[0][0]))[None, :, None, None]
    across = (AXIS_SPAN[1][0] + line * (AXIS_SPAN[1][1] - AXIS_SPAN[1][0]))[None, None, :, None]
    at = base[:, None, None] + along * axis[:, None, None] + across * normal[:, None, None]
    there = torch.isfinite(at).all(3).all(2).all(1)
    axis_shapes = _mean(masks[there], at[there].expand(-1, TEMPLATE, TEMPLATE, -1), grid)
    box_shapes = []
    place = (2 * line - 1) * BOX_SPAN
    for region in range(masks.shape[1]):
        mine = masks[:, region]
        filled = torch.nonzero(mine.flatten(1).any(1))[:, 0]
        boxes = torch.stack([_bounds(mine[i]) for i in filled]) if len(filled) else torch.zeros(0, 4)
        half, middle = (boxes[:, 2:] - boxes[:, :2]) / 2, (boxes[:, 2:] + boxes[:, :2]) / 2
        rows = middle[:, :1] + place * half[:, :1]
        columns = middle[:, 1:] + place * half[:, 1:]
        shape = (len(boxes), TEMPLATE, TEMPLATE)
        where = torch.stack([rows[:, :, None].expand(shape), columns[:, None, :].expand(shape)], -1)
        box_shapes.append(_mean(mine[filled][:, None], where, grid)[0])
    return axis_shapes, torch.stack(box_shapes)


def _bounds(mask: Tensor) -> Tensor:
    rows, columns = torch.nonzero(mask.any(1))[:, 0], torch.nonzero(mask.any(0))[:, 0]
    return torch.stack([rows[0], columns[0], rows[-1], columns[-1]]).float()


def _mean(masks: Tensor, at: Tensor, grid: int) -> Tensor:
    if not len(masks):
        return torch.zeros(masks.shape[1], TEMPLATE, TEMPLATE)
    place = (at.flip(-1) + 0.5) / grid * 2 - 1
    share = F.grid_sample(masks, place.to(masks.dtype), mode="bilinear", align_corners=False).mean(0)
    return torch.logit(share.clamp(1e-3, 1 - 1e-3)).clamp(-_SURE, _SURE)


def train_head(
    network: Matae,
    frames: LabelledFrames,
    grid: int,
    options: HeadTraining | None = None,
    *,
    report: Callable[[str], None] = lambda _: None,
    keep: Callable[[PromptHead], None] = lambda _: None,
) -> PromptHead:
    """Return a head trained for a frozen network.

    Parameters
    ----------
    network
        In inference mode; it is not changed.
    frames
        Frames with masks of the network's structures.
    grid
        Side of the network's grid.
    options
        How; the defaults if None.
    report
        Told of the loss now and then.
    keep
        Given the head as it is by then, averaged over the last steps, now and then.

    Raises
    ------
    TrainError
        If there is no frame, or the network does not outline the cavity first.
    """
    options = options or HeadTraining()
    if not len(frames):
        raise TrainError("There is no labelled frame to train the prompt head on; name a folder that has some.")
    if network.regions.covers[0] != (1,):
        raise TrainError("The model does not outline the left ventricular cavity first, so no prompt head fits it.")
    torch.manual_seed(options.seed)
    return _Trainer(network, frames, grid, options, report).run(keep)


class _Trainer:
    def __init__(
        self,
        network: Matae,
        frames: LabelledFrames,
        grid: int,
        options: HeadTraining,
        report: Callable[[str], None],
    ) -> None:
        self.network, self.frames, self.options, self.report = network, frames, options, report
        self.scenes = Scenes(network, frames, grid, options)
        self.head = new_head(network)
        self._shape()

    def _shape(self) -> None:
        """Measure the mean shapes on the frames as they are."""
        rng = self.scenes.rng
        some = rng.permutation(len(self.frames))[:600]
        masks = self.network.regions.targets(torch.from_numpy(self.frames.masks[some]))
        found = [jittered_landmarks(mask[0].numpy() > 0.5, 0.0, None, rng) for mask in masks]
        points = np.stack([np.full((3, 2), np.nan) if one is None else one for one in found])
        axis, box = mean_shapes(masks, torch.tensor(points, dtype=torch.float32))
        self.head.axis_shapes.copy_(axis)
        self.head.box_shapes.copy_(box)

    def run(self, keep: Callable[[PromptHead], None]) -> PromptHead:
        options, head = self.options, self.head.train()
        optimiser = torch.optim.AdamW(head.parameters(), options.rate, weight_decay=1e-3)
        average = {key: value.clone() for key, value in head.state_dict().items()}
        begun, step, losses = time.process_time(), 0, []
        while step < options.steps:
            share = max((time.process_time() - begun) / (60 * options.minutes), step / options.steps)
            if share >= 1:
                break
            warm = min(1.0, (step + 1) / 50)
            for group in optimiser.param_groups:
                group["lr"] = options.rate * warm * max(0.01, 0.5 * (1 + math.cos(math.pi * share)))
            losses.append(self._batch(optimiser))
            step += 1
            decay = min(0.995, step / (step + 10))
            for key, value in head.state_dict().items():
                average[key].lerp_(value, 1 - decay)
            if step % 25 == 0:
                recent = np.mean(losses[-25:], 0)
                words = " ".join(f"{value:.4f}" for value in recent)
                self.report(f"step {step}, {100 * share:.0f} %: Dice by round {words}")
            if step % _KEEP_EVERY == 0:
                kept = PromptHead(head.config)
                kept.load_state_dict(average)
                keep(kept)
        head.load_state_dict(average)
        return head.eval()

    def _batch(self, optimiser: torch.optim.Optimizer) -> NDArray[np.float64]:
        scene = self.scenes.draw()
        scores = []
        for turn in range(self.options.rounds):
            found, expected = scene.outlined(self.head)
            loss, dice = _loss(found, expected, scene.truth)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.head.parameters(), 1.0)
            optimiser.step()
            scores.append(float(dice.mean()))
            if turn + 1 < self.options.rounds:
                scene = self.scenes.clicked(scene, found.detach() > 0)
        return np.array(scores)


def _loss(found: Tensor, expected: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    p = torch.sigmoid(found)
    soft = 1 - ((2 * (p * truth).sum((1, 2)) + 1) / (p.sum((1, 2)) + truth.sum((1, 2)) + 1)).mean()
    dice = hard_dice(found, truth)
    pixels = F.binary_cross_entropy_with_logits(found, truth)
    judged = F.binary_cross_entropy(expected.clamp(1e-4, 1 - 1e-4), dice.clamp(0, 1))
    return soft + 2 * pixels + 0.2 * judged, dice
