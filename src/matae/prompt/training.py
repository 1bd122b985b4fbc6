"""Train a prompt head on labelled frames, with prompts simulated from their masks; the network it reads is frozen.

Every batch is changed at random, seen by the network once at a width drawn at random, and outlined in rounds: from a
first prompt, then with a click more into what is still wrong (`matae.prompt.simulate`). A network is far better on the
patients it was trained on than on anybody else's, and a head that only saw those would trust it where it should not. So
a share of the frames is restyled, some pictures are damaged before the network sees them, and of some frames its maps
are taken away, in part or as a whole, or are those of another frame.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from matae.errors import TrainError
from matae.prompt.encode import AXIS_SPAN, BOX_SPAN, TEMPLATE, PromptTensors, long_axis
from matae.prompt.head import HeadConfig, PromptHead
from matae.prompt.simulate import jittered_box, jittered_landmarks, next_click
from matae.train.augment import AugmentConfig, augment

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from matae.nn.matae import Matae, PlainMatae
    from matae.train.data import LabelledFrames

__all__ = ["HeadTraining", "mean_shapes", "new_head", "train_head"]

_CLICKS = 4  # at most, of each sign
_KEEP_EVERY = 25  # batches
_SURE = 4.0  # log odds that a mean shape reaches


@dataclass(frozen=True)
class HeadTraining:
    """How a head is trained.

    Parameters
    ----------
    minutes
        Processor time it may take: a busy computer trains as long as an idle one, and only later.
    steps
        Batches at most.
    batch
        Frames of a batch.
    rounds
        Times that each batch is outlined, a click more each time.
    rate
        Largest learning rate.
    jitter_mm, box_jitter
        Largest standard deviation of the landmarks and, as a share of its sides, of the box.
    damaged
        Share of the frames that are noisy, blurred or covered in part before the network sees them.
    blind
        Share of the frames whose network maps are taken away, in part or as a whole, or are another frame's.
    width_odds
        How often each width is drawn, narrowest first.
    augment
        Random changes of the frames.
    seed
        Of every random number.
    """

    minutes: float = 30.0
    steps: int = 100_000
    batch: int = 8
    rounds: int = 4
    rate: float = 4e-3
    jitter_mm: float = 6.0
    box_jitter: float = 0.06
    damaged: float = 0.3
    blind: float = 0.35
    width_odds: tuple[float, ...] = (0.36, 0.31, 0.22, 0.11)
    augment: AugmentConfig = field(default_factory=lambda: AugmentConfig(restyled=0.4, blur=0.25, cavity=(0.03, 0.3)))
    seed: int = 1


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
        self.network, self.frames, self.grid, self.options, self.report = network, frames, grid, options, report
        self.rng = np.random.default_rng(options.seed)
        self.generator = torch.Generator().manual_seed(options.seed)
        self.plain: dict[float, PlainMatae] = {width: network.extract(width) for width in network.widths}
        self.known = torch.tensor(np.stack([frames.is_annotated(cover) for cover in network.regions.covers], 1))
        self.head = new_head(network)
        self._shape()

    def _shape(self) -> None:
        """Measure the mean shapes on the frames as they are."""
        some = self.rng.permutation(len(self.frames))[:600]
        masks = self.network.regions.targets(torch.from_numpy(self.frames.masks[some]))
        found = [jittered_landmarks(mask[0].numpy() > 0.5, 0.0, None, self.rng) for mask in masks]
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
        options, rng, n = self.options, self.rng, self.options.batch
        width = float(rng.choice(np.array(self.network.widths), p=np.array(options.width_odds)))
        chosen = rng.integers(0, len(self.frames), n)
        images = torch.from_numpy(self.frames.images[chosen])[:, None].float() / 255
        maps = self.network.regions.targets(torch.from_numpy(self.frames.masks[chosen]))
        images, maps = augment(images, maps, self.grid, self.generator, options.augment)
        with torch.no_grad():
            plain = self.plain[width]
            images = self._damaged(images)
            features = plain.features(images.contiguous(memory_format=torch.channels_last))
            logits = plain.logits(features)
            features, logits = self._blinded(features.contiguous(), logits.contiguous())
        region = self._regions(maps, self.known[chosen])
        truth = maps[torch.arange(n), region]
        hard = (truth > 0.5).numpy()
        prompts, previous = self._first(maps, hard, logits, region)
        scores = []
        for turn in range(options.rounds):
            found, expected = self.head(features, logits, region, prompts, previous, width)
            loss, dice = _loss(found, expected, truth)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.head.parameters(), 1.0)
            optimiser.step()
            scores.append(float(dice.mean()))
            if turn + 1 < options.rounds:
                mask = found.detach() > 0
                prompts = self._click(prompts, mask.numpy(), hard)
                previous = mask.float() * 2 - 1
        return np.array(scores)

    def _damaged(self, images: Tensor) -> Tensor:
        """Return pictures of which some can hardly be read."""
        images, side = images.clone(), images.shape[-1]
        for i in range(len(images)):
            if self.rng.random() >= self.options.damaged:
                continue
            kind = self.rng.integers(3)
            if kind == 0:
                noise = torch.randn(images[i].shape, generator=self.generator) * self.rng.uniform(0.1, 0.4)
                images[i] = (images[i] + noise).clamp(0, 1) * (images[i] > 0)
            elif kind == 1:
                small = max(2, side // int(self.rng.integers(5, 13)))
                soft = F.interpolate(images[i : i + 1], (small, small), mode="bilinear", antialias=True)
                images[i] = F.interpolate(soft, (side, side), mode="bilinear")[0]
            else:
                high, wide = self.rng.integers(side // 6, side // 2, 2)
                top, left = self.rng.integers(0, side - high), self.rng.integers(0, side - wide)
                images[i, :, top : top + high, left : left + wide] = self.rng.choice([0.0, 0.2, 0.5])
        return images

    def _blinded(self, features: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        side, others = features.shape[-1], (features.clone(), logits.clone())
        for i in range(len(features)):
            if self.rng.random() >= self.options.blind:
                continue
            kind = self.rng.random()
            if kind < 0.2:
                features[i], logits[i] = 0, 0
            elif kind < 0.7:  # another's, at another place
                j = int(self.rng.integers(len(features)))
                by = self.rng.integers(-side // 8, side // 8 + 1, 2)
                features[i] = others[0][j].roll(tuple(by), (1, 2))
                logits[i] = others[1][j].roll(tuple(2 * by), (1, 2))
            else:  # a part of the structure is not seen
                high, wide = self.rng.integers(side // 6, side // 2, 2)
                top, left = self.rng.integers(0, side - high), self.rng.integers(0, side - wide)
                features[i, :, top : top + high, left : left + wide] = 0
                logits[i, :, 2 * top : 2 * (top + high), 2 * left : 2 * (left + wide)] = -4.0
        return features, logits

    def _regions(self, maps: Tensor, known: Tensor) -> Tensor:
        there = known & (maps.flatten(2).amax(2) > 0.5)
        odds = torch.tensor([3.0] + [1.0] * (maps.shape[1] - 1)) * there
        odds[:, 0] += 1e-6
        return torch.multinomial(odds, 1, generator=self.generator)[:, 0]

    def _first(
        self, maps: Tensor, hard: NDArray[np.bool_], logits: Tensor, region: Tensor
    ) -> tuple[PromptTensors, Tensor]:
        """Return the first prompts, and for some frames a mask to begin with."""
        options, rng = self.options, self.rng
        prompts = PromptTensors.none(len(hard), _CLICKS)
        previous = torch.zeros(hard.shape)
        for i, truth in enumerate(hard):
            kind = rng.random()
            if kind < 0.5:
                sd = rng.uniform(0, options.jitter_mm)
                points = jittered_landmarks((maps[i, 0] > 0.5).numpy(), sd, None, rng)
                if points is not None:
                    prompts.landmarks[i] = torch.tensor(points)
            elif kind < 0.72:
                box = jittered_box(truth, rng.uniform(0, options.box_jitter), rng)
                if box is not None:
                    prompts.box[i] = torch.tensor(box)
            elif kind < 0.92:
                begun = (logits[i, region[i]] > 0).numpy() if rng.random() < 0.5 else self._shaken(truth)
                previous[i] = torch.tensor(begun).float() * 2 - 1
                self._put(prompts, i, next_click(begun, truth, rng))
        return prompts, previous

    def _shaken(self, truth: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return a mask as it might be carried from another frame: moved, grown or shrunk."""
        from scipy import ndimage

        rng = self.rng
        moved = np.roll(truth, rng.integers(-8, 9, 2), (0, 1))
        if not moved.any():
            return moved
        by = int(rng.integers(1, 7))
        step = ndimage.binary_dilation if rng.random() < 0.5 else ndimage.binary_erosion
        out: NDArray[np.bool_] = step(moved, iterations=by)
        return out

    def _click(self, prompts: PromptTensors, found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> PromptTensors:
        more = PromptTensors(prompts.landmarks, prompts.box, prompts.positive.clone(), prompts.negative.clone())
        for i in range(len(found)):
            self._put(more, i, next_click(found[i], truth[i], self.rng))
        return more

    @staticmethod
    def _put(prompts: PromptTensors, i: int, click: tuple[NDArray[np.float64], bool] | None) -> None:
        if click is None:
            return
        slots = (prompts.positive if click[1] else prompts.negative)[i]
        free = torch.nonzero(~torch.isfinite(slots[:, 0]))
        if len(free):
            slots[int(free[0, 0])] = torch.tensor(click[0], dtype=torch.float32)


def _loss(found: Tensor, expected: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    p = torch.sigmoid(found)
    soft = 1 - ((2 * (p * truth).sum((1, 2)) + 1) / (p.sum((1, 2)) + truth.sum((1, 2)) + 1)).mean()
    with torch.no_grad():
        got, there = (found > 0).float(), (truth > 0.5).float()
        dice = (2 * (got * there).sum((1, 2)) + 1e-6) / (got.sum((1, 2)) + there.sum((1, 2)) + 1e-6)
    pixels = F.binary_cross_entropy_with_logits(found, truth)
    judged = F.binary_cross_entropy(expected.clamp(1e-4, 1 - 1e-4), dice.clamp(0, 1))
    return soft + 2 * pixels + 0.2 * judged, dice
