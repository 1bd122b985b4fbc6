"""nnU-Net's 2-D recipe: plain U-Net, augmentation, loss with deep supervision, optimiser and mirrored inference.

The network comes from dynamic_network_architectures and the augmentation from batchgeneratorsv2, the packages that
nnU-Net itself uses (F. Isensee et al., "nnU-Net: a self-configuring method for deep learning-based biomedical image
segmentation", Nature Methods 2021; settings of version 2.8). Its 1,000 epochs of 250 steps become the time there is,
over which the learning rate falls by the same polynomial.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from taught import Clock, Lesson, Taught
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

sys.path.append(str(Path(__file__).parents[1] / "performance"))
from others import nnunet_2d

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform
    from numpy.typing import NDArray

    from matae.train.data import LabelledFrames

RATE, MOMENTUM, DECAY, LARGEST_GRADIENT = 0.01, 0.99, 3e-5, 12.0
CLASSES = 4


def transforms(grid: int) -> BasicTransform:
    """Return nnU-Net's training transforms of 2-D pictures."""
    from batchgeneratorsv2.transforms.intensity.brightness import MultiplicativeBrightnessTransform
    from batchgeneratorsv2.transforms.intensity.contrast import BGContrast, ContrastTransform
    from batchgeneratorsv2.transforms.intensity.gamma import GammaTransform
    from batchgeneratorsv2.transforms.intensity.gaussian_noise import GaussianNoiseTransform
    from batchgeneratorsv2.transforms.noise.gaussian_blur import GaussianBlurTransform
    from batchgeneratorsv2.transforms.spatial.low_resolution import SimulateLowResolutionTransform
    from batchgeneratorsv2.transforms.spatial.mirroring import MirrorTransform
    from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform
    from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms
    from batchgeneratorsv2.transforms.utils.random import RandomTransform

    def gamma(*, invert: bool) -> BasicTransform:
        return GammaTransform(
            gamma=BGContrast((0.7, 1.5)), p_invert_image=float(invert), synchronize_channels=False, p_per_channel=1,
            p_retain_stats=1,
        )  # fmt: skip

    some = [
        (0.1, GaussianNoiseTransform(noise_variance=(0, 0.1), p_per_channel=1, synchronize_channels=True)),
        (0.2, GaussianBlurTransform((0.5, 1.0), synchronize_channels=False, synchronize_axes=False, p_per_channel=0.5)),
        (0.15, MultiplicativeBrightnessTransform(BGContrast((0.75, 1.25)), synchronize_channels=False)),
        (0.15, ContrastTransform(BGContrast((0.75, 1.25)), preserve_range=True, synchronize_channels=False)),
        (0.25, SimulateLowResolutionTransform(
            scale=(0.5, 1), synchronize_channels=False, synchronize_axes=True, ignore_axes=None,
            allowed_channels=None, p_per_channel=0.5)),
        (0.1, gamma(invert=True)),
        (0.3, gamma(invert=False)),
    ]  # fmt: skip
    return ComposeTransforms([
        SpatialTransform(
            (grid, grid), patch_center_dist_from_border=0, random_crop=False, p_elastic_deform=0, p_rotation=0.2,
            rotation=(-math.pi, math.pi), p_scaling=0.2, scaling=(0.7, 1.4), p_synchronize_scaling_across_axes=1,
            bg_style_seg_sampling=False, border_mode_seg="constant", padding_value_seg=0,
        ),
        *(RandomTransform(each, apply_probability=p) for p, each in some),
        MirrorTransform(allowed_axes=(0, 1)),
    ])  # fmt: skip


def loss(outputs: list[Tensor], truth: Tensor) -> Tensor:
    """Return Dice of the batch and cross entropy, at every scale but the lowest, weighted by halves.

    Parameters
    ----------
    outputs
        Logits (N, classes, Y, X), finest first.
    truth
        Classes, (N, Y, X) int64.
    """
    weights = np.array([0.5**k for k in range(len(outputs))])
    weights[-1] = 0
    total = torch.zeros((), device=truth.device)
    for weight, logits in zip(weights / weights.sum(), outputs, strict=True):
        if not weight:
            continue
        step = truth.shape[-1] // logits.shape[-1]
        target = truth[:, step // 2 :: step, step // 2 :: step]
        total = total + weight * (F.cross_entropy(logits, target) - _dice(logits.softmax(1), target))
    return total


def _dice(found: Tensor, target: Tensor) -> Tensor:
    known = F.one_hot(target, found.shape[1]).movedim(-1, 1).float()
    axes = (0, 2, 3)
    both, all_found, all_known = (found * known).sum(axes), found.sum(axes), known.sum(axes)
    return ((2 * both + 1e-5) / (all_found + all_known + 1e-5).clamp_min(1e-8))[1:].mean()


def teach_nnunet(sides: tuple[LabelledFrames, LabelledFrames], lesson: Lesson) -> Taught:
    """Train for a time, and segment the held-out frames with all mirrored copies."""
    grid, device = lesson.grid, lesson.device
    torch.manual_seed(lesson.seed)
    frames, held_out = sides
    images, masks = _scaled(frames.images, grid), torch.tensor(frames.masks)[:, None].float()
    masks = F.interpolate(masks, (grid, grid), mode="nearest-exact").to(torch.int16)
    model = nnunet_2d(grid, CLASSES, deep_supervision=True).to(device)
    optimiser = torch.optim.SGD(model.parameters(), RATE, MOMENTUM, weight_decay=DECAY, nesterov=True)
    drawn = iter(
        DataLoader(Drawn(images, masks, transforms(grid), lesson.seed), lesson.batch, num_workers=lesson.workers)
    )
    clock, steps = Clock(device), 0
    while (spent := clock() / lesson.seconds) < 1:
        for group in optimiser.param_groups:
            group["lr"] = RATE * (1 - spent) ** 0.9
        x, truth = (each.to(device) for each in next(drawn))
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16, enabled=device != "cpu"):
            outputs = model(x)
        total = loss([logits.float() for logits in outputs], truth)
        total.backward()
        nn.utils.clip_grad_norm_(model.parameters(), LARGEST_GRADIENT)
        optimiser.step()
        steps += 1
    del drawn  # with its workers
    model.eval()
    model.decoder.deep_supervision = False
    found = _segment(model, _scaled(held_out.images, grid), held_out.masks.shape[1:], device)
    return Taught({"1": found}, sum(p.numel() for p in model.parameters()), steps, lesson.batch)


class Drawn(IterableDataset[tuple[Tensor, Tensor]]):
    """Frames drawn at random without end and augmented: pictures (1, grid, grid) and classes (grid, grid) int64."""

    def __init__(self, images: Tensor, masks: Tensor, change: BasicTransform, seed: int) -> None:
        self.images, self.masks, self.change, self.seed = images, masks, change, seed

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Draw: each worker process in an order of its own."""
        worker = get_worker_info()
        seed = [self.seed, 0 if worker is None else worker.id]
        chance = np.random.default_rng(seed)
        # batchgeneratorsv2 draws from both of these.
        np.random.seed(int(chance.integers(2**31)))  # noqa: NPY002
        if worker is not None:
            torch.manual_seed(int(chance.integers(2**31)))
        while True:
            at = int(chance.integers(len(self.images)))
            # Copies: without a turn or a scale, what comes after changes the picture that it is given.
            one = self.change(image=self.images[at].clone(), segmentation=self.masks[at].clone())
            yield one["image"], one["segmentation"][0].long()


def _scaled(images: NDArray[np.uint8], grid: int) -> Tensor:
    """Return frames on the grid, each with mean 0 and standard deviation 1, (N, 1, grid, grid)."""
    x = F.interpolate(torch.tensor(images)[:, None].float(), (grid, grid), mode="bilinear", antialias=True)
    return (x - x.mean((1, 2, 3), keepdim=True)) / x.std((1, 2, 3), keepdim=True).clamp_min(1e-8)


@torch.no_grad()
def _segment(model: nn.Module, images: Tensor, size: tuple[int, ...], device: str) -> NDArray[np.uint8]:
    found = []
    for some in images.split(8):
        x = some.to(device)
        mirrored = [(), (2,), (3,), (2, 3)]
        chances = sum(model(x.flip(axes)).softmax(1).flip(axes) for axes in mirrored) / len(mirrored)
        full = F.interpolate(chances, size, mode="bilinear")
        found.append(full.argmax(1).to(torch.uint8).cpu().numpy())
    return np.concatenate(found)
