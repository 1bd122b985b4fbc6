"""Batches: all frames on the training device, drawn epoch by epoch and augmented there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from matae.train.augment import augment
from matae.train.self_training import strongly

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.nn.regions import Regions
    from matae.train.config import TrainConfig
    from matae.train.data import LabelledFrames
    from matae.train.pseudo_labels import PseudoLabelled

__all__ = ["Batches", "Weighted"]


class Weighted(NamedTuple):
    """Pseudo-labelled frames of a step: images (N, 1, H, W), soft masks (N, classes, H, W), weights (N, 1, H, W)."""

    images: Tensor
    masks: Tensor
    weights: Tensor


class Batches:
    """What the training steps see, a function of the step alone.

    The order of an epoch comes from the seed and the epoch's number, so a resumed run sees the very same batches
    without any state. Where several processes share a batch, each draws the random numbers of all of it and takes its
    own part: together they see what one process would.

    Parameters
    ----------
    frames
        Labelled frames.
    regions
        What each of the network's logits stands for.
    config
        Settings.
    generator
        Source of the augmentation's random numbers; its device is where the frames are kept.
    unlabelled
        More frames (N, Y, X), for `draw_unlabelled`, or where there is self-training for `draw_pair`.
    replay
        Labelled frames of another kind, of the same size; `TrainConfig.replay` says how many of a batch are such. In
        every second step they are shown as they are: what is kept of them then is what a user would see.
    pseudo
        Pseudo-labelled frames of the same size; `TrainConfig.pseudo_labels` says how many of a batch are such.
    rank, processes
        Which part of each batch is drawn here, of how many.
    """

    def __init__(
        self,
        frames: LabelledFrames,
        regions: Regions,
        config: TrainConfig,
        generator: torch.Generator,
        unlabelled: NDArray[np.uint8] | None = None,
        *,
        replay: LabelledFrames | None = None,
        pseudo: PseudoLabelled | None = None,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        self.config, self.generator, self.regions = config, generator, regions
        sides = [frames] if replay is None or not len(replay) or not config.replay else [frames, replay]
        self._n_pseudo = config.n_pseudo_labelled if pseudo is not None and len(pseudo) else 0
        labelled, unlabelled_ = config.n_labelled - self._n_pseudo, config.n_unlabelled
        self._n_labelled = labelled
        if len(sides) == 2 and labelled == 1:
            sides = sides[:1]
        self._counts = [labelled]
        if len(sides) == 2:
            # At least one of each, whatever the share.
            old = min(max(1, round(labelled * config.replay)), labelled - 1)
            self._counts = [labelled - old, old]
        self.images = [torch.tensor(side.images, device=generator.device)[:, None] for side in sides]
        self.masks = [torch.tensor(side.masks, device=generator.device) for side in sides]
        # Which logits each frame teaches: a region is known where all of its classes were outlined.
        known = [np.stack([side.is_annotated(cover) for cover in regions.covers], 1) for side in sides]
        everything = all(each.all() for each in known)
        self._known = None if everything else [torch.tensor(each, device=generator.device) for each in known]
        self._part = slice(rank * labelled // processes, (rank + 1) * labelled // processes)
        # What is unlabelled is drawn as a batch of its own: the same number, or what self-training takes.
        more = unlabelled_ or config.batch
        self._more, self._more_part = more, slice(rank * more // processes, (rank + 1) * more // processes)
        self.unlabelled = None
        if unlabelled is not None and len(unlabelled):
            self.unlabelled = torch.tensor(unlabelled, device=generator.device)[:, None]
        n = self._n_pseudo
        self._pseudo_part = slice(rank * n // processes, (rank + 1) * n // processes)
        self._pseudo: tuple[Tensor, Tensor, Tensor, Tensor] | None = None
        if n and pseudo is not None:
            outlined = np.stack([pseudo.frames.is_annotated(cover) for cover in regions.covers], 1)
            images, masks, weights = (
                torch.tensor(each, device=generator.device)
                for each in (pseudo.frames.images, pseudo.frames.masks, pseudo.weights)
            )
            self._pseudo = images, masks, weights, torch.tensor(outlined, device=generator.device)

    def epoch(self, step: int) -> float:
        """Return how often each frame was drawn in the steps before `step`, on average; replay does not count."""
        return step * self._counts[0] / len(self.images[0])

    def draw(self, step: int) -> tuple[Tensor, Tensor]:
        """Return augmented images (N, 1, grid, grid) and soft masks (N, classes, grid, grid) of a step from 0.

        The mask of what nobody outlined in a frame is -1.
        """
        chosen = [self._chosen(step, len(side), n) for side, n in zip(self.images, self._counts, strict=True)]
        images = torch.cat([side[at] for side, at in zip(self.images, chosen, strict=True)])[self._part].float() / 255
        masks = torch.cat([side[at] for side, at in zip(self.masks, chosen, strict=True)])[self._part]
        maps = self.regions.targets(masks)
        changed, moved = self._augmented(images, maps)
        if len(self.images) == 2 and step % 2:
            old = slice(max(0, self._counts[0] - self._part.start), None)
            changed[old], moved[old] = self._as_they_are(images[old]), self._as_they_are(maps[old])
        if self._known is not None:
            known = torch.cat([side[at] for side, at in zip(self._known, chosen, strict=True)])[self._part]
            moved = moved.masked_fill(~known[:, :, None, None], -1.0)
        return changed, moved

    def draw_unlabelled(self, step: int) -> Tensor | None:
        """Return as many augmented unlabelled images for the heads alone, or None if there are none."""
        if self.unlabelled is None or self.config.self_training:
            return None
        images = self._some(self.unlabelled, step)
        here = (self._more_part.start, self._more)
        return augment(images, images[:, :0], self.config.grid, self.generator, self.config.augment, here=here)[0]

    def draw_pair(self, step: int) -> tuple[Tensor, Tensor] | None:
        """Return unlabelled images (N, 1, grid, grid) changed weakly, and the same changed strongly.

        Both lie in the same place, so that what is seen in one is where it is in the other. None without self-training.
        """
        if self.unlabelled is None or not self.config.self_training:
            return None
        images = self._some(self.unlabelled, step)
        here = (self._more_part.start, self._more)
        # Moved as a mask would be, the second copy keeps its grey levels.
        strong, weak = augment(
            images, images, self.config.grid, self.generator, strongly(self.config.augment), here=here
        )
        return weak, strong

    def draw_pseudo_labelled(self, step: int) -> Weighted | None:
        """Return augmented pseudo-labelled frames of a step, None if there are none; masks as `draw` has them."""
        if self._pseudo is None:
            return None
        at = self._chosen(step, len(self._pseudo[0]), self._n_pseudo)[self._pseudo_part]
        images, masks, weights, known = (each[at] for each in self._pseudo)
        maps = torch.cat([self.regions.targets(masks), weights[:, None].float() / 255], 1)
        config, here = self.config, (self._pseudo_part.start, self._n_pseudo)
        changed, moved = augment(
            images[:, None].float() / 255, maps, config.grid, self.generator, config.augment, here=here
        )
        return Weighted(changed, moved[:, :-1].masked_fill(~known[:, :, None, None], -1.0), moved[:, -1:])

    def _some(self, pool: Tensor, step: int) -> Tensor:
        return pool[self._chosen(step, len(pool), self._more)[self._more_part]].float() / 255

    def _augmented(self, images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        config, here = self.config, (self._part.start, self._n_labelled)
        return augment(images, masks, config.grid, self.generator, config.augment, here=here)

    def _as_they_are(self, maps: Tensor) -> Tensor:
        if not len(maps):  # another process has all of them
            return maps.new_zeros(0, maps.shape[1], self.config.grid, self.config.grid)
        return F.interpolate(maps, (self.config.grid, self.config.grid), mode="bilinear", antialias=True)

    def _chosen(self, step: int, n: int, batch: int | None = None) -> Tensor:
        batch = batch or self.config.batch
        first = step * batch
        order = torch.cat([self._order(epoch, n) for epoch in range(first // n, (first + batch - 1) // n + 1)])
        start = first % n
        return order[start : start + batch].to(self.generator.device)

    def _order(self, epoch: int, n: int) -> Tensor:
        # Below the generator's limit of 64 bits, whatever the seed.
        seeded = torch.Generator().manual_seed((self.config.seed * 1_000_003 + epoch) % 2**63)
        return torch.randperm(n, generator=seeded)
