"""Frames with simulated prompts: what a head is trained on and calibrated on.

A batch of frames is changed at random, seen by the frozen network once at a width drawn at random, and prompted as a
person would (`matae.prompt.simulate`). A network is far better on the patients it was trained on than on anybody
else's, and a head that only saw those would trust it where it should not. So a share of the frames is restyled, some
pictures are damaged before the network sees them, and of some frames its maps are taken away, in part or as a whole, or
are those of another frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from matae.prompt.encode import PromptTensors
from matae.prompt.simulate import jittered_box, jittered_landmarks, next_click
from matae.train.augment import AugmentConfig, augment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.nn.matae import Matae, PlainMatae
    from matae.prompt.head import PromptHead
    from matae.train.data import LabelledFrames

__all__ = ["HeadTraining", "Scene", "Scenes", "hard_dice"]

_CLICKS = 4  # at most, of each sign


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


@dataclass(frozen=True, eq=False)
class Scene:
    """A batch of frames as the network saw them, and what was prompted so far.

    Parameters
    ----------
    features, logits
        Of the network, as `PromptHead` takes them.
    region
        Which structure is outlined in each frame, (N,).
    truth
        The structure, soft, (N, grid, grid).
    prompts
        In pixels of the grid.
    previous
        The mask so far, 1 inside and -1 outside, 0 where there is none.
    width
        At which the network saw them.
    """

    features: Tensor
    logits: Tensor
    region: Tensor
    truth: Tensor
    prompts: PromptTensors
    previous: Tensor
    width: float

    def outlined(self, head: PromptHead) -> tuple[Tensor, Tensor]:
        """Return what a head makes of it: logits (N, grid, grid), and the Dice it expects, (N,)."""
        found: tuple[Tensor, Tensor] = head(
            self.features, self.logits, self.region, self.prompts, self.previous, self.width
        )
        return found


@torch.no_grad()
def hard_dice(found: Tensor, truth: Tensor) -> Tensor:
    """Return the Dice of logits against a soft reference, each cut at its middle, (N,)."""
    got, there = (found > 0).float(), (truth > 0.5).float()
    dice: Tensor = (2 * (got * there).sum((1, 2)) + 1e-6) / (got.sum((1, 2)) + there.sum((1, 2)) + 1e-6)
    return dice


class Scenes:
    """Draws scenes, each a function of the seed and of how many were drawn before.

    Parameters
    ----------
    network
        In inference mode; it is not changed.
    frames
        Frames with masks of the network's structures.
    grid
        Side of the network's grid.
    options
        How frames are changed and prompted.
    """

    def __init__(self, network: Matae, frames: LabelledFrames, grid: int, options: HeadTraining) -> None:
        self.network, self.frames, self.grid, self.options = network, frames, grid, options
        self.rng = np.random.default_rng(options.seed)
        self.generator = torch.Generator().manual_seed(options.seed)
        self._plain: dict[float, PlainMatae] = {width: network.extract(width) for width in network.widths}
        self._known = torch.tensor(np.stack([frames.is_annotated(cover) for cover in network.regions.covers], 1))

    def draw(self) -> Scene:
        """Return frames with their first prompts."""
        options, rng, n = self.options, self.rng, self.options.batch
        width = float(rng.choice(np.array(self.network.widths), p=np.array(options.width_odds)))
        chosen = rng.integers(0, len(self.frames), n)
        images = torch.from_numpy(self.frames.images[chosen])[:, None].float() / 255
        maps = self.network.regions.targets(torch.from_numpy(self.frames.masks[chosen]))
        images, maps = augment(images, maps, self.grid, self.generator, options.augment)
        with torch.no_grad():
            plain = self._plain[width]
            images = self._damaged(images)
            features = plain.features(images.contiguous(memory_format=torch.channels_last))
            logits = plain.logits(features)
            features, logits = self._blinded(features.contiguous(), logits.contiguous())
        region = self._regions(maps, self._known[chosen])
        truth = maps[torch.arange(n), region]
        prompts, previous = self._first(maps, (truth > 0.5).numpy(), logits, region)
        return Scene(features, logits, region, truth, prompts, previous, width)

    def clicked(self, scene: Scene, mask: Tensor) -> Scene:
        """Return a scene with one click more, into what a mask (N, grid, grid) bool has wrong."""
        prompts = self._click(scene.prompts, mask.numpy(), (scene.truth > 0.5).numpy())
        return replace(scene, prompts=prompts, previous=mask.float() * 2 - 1)

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
