"""Augmentation on the training device: mild geometry, mild grey levels.

Affine changes and gamma carry most of the gain on echo; heavy intensity tricks cost accuracy. A little blur and
slow gain drift stand for other scanners, each on a share of the frames only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["AugmentConfig", "augment"]

_KNOTS = 6  # of the smooth warp, a side: bends that a heart could have, no wrinkles


@dataclass(frozen=True)
class AugmentConfig:
    """Ranges of the random changes; each frame draws its own.

    Parameters
    ----------
    rotate
        Largest rotation, degrees.
    scale
        Smallest and largest zoom.
    stretch
        Largest difference of zoom between rows and columns, as a ratio minus 1.
    shift
        Largest shift, as a share of the side.
    perspective
        Largest change of zoom from one side of the frame to the other, as a share.
    bend
        Typical displacement of a smooth random warp, as a share of the side.
    flip
        Probability of a left-right flip.
    gamma
        Largest exponent of the grey curve; the smallest is its inverse.
    gain
        Largest relative change of brightness.
    blur
        Probability of losing resolution.
    drift
        Probability of slow gain drift over depth and width.
    """

    rotate: float = 18.0
    scale: tuple[float, float] = (0.8, 1.25)
    stretch: float = 0.12
    shift: float = 0.09
    perspective: float = 0.1
    bend: float = 0.01
    flip: float = 0.25
    gamma: float = 1.6
    gain: float = 0.2
    blur: float = 0.15
    drift: float = 0.25

    @classmethod
    def none(cls) -> AugmentConfig:
        """Return ranges that change nothing but the size."""
        return cls(0.0, (1.0, 1.0), 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)


def augment(
    images: Tensor, masks: Tensor, grid: int, generator: torch.Generator, config: AugmentConfig | None = None
) -> tuple[Tensor, Tensor]:
    """Return randomly changed frames and masks, resampled to the network's grid.

    Parameters
    ----------
    images
        Frames (N, 1, H, W) in 0-1.
    masks
        Class maps as float one-hot (N, classes, H, W).
    grid
        Side of the output.
    generator
        Source of every random number.
    config
        Ranges; the defaults if None.

    Returns
    -------
    tuple of Tensor
        Images (N, 1, grid, grid) and soft masks (N, classes, grid, grid), both in 0-1.
    """
    config = config or AugmentConfig()
    moved = _move(torch.cat([images, masks], 1), grid, generator, config)
    images, masks = moved[:, : images.shape[1]], moved[:, images.shape[1] :]
    return _regrade(images, generator, config), masks


def _uniform(n: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.rand(n, generator=generator, device=generator.device) * (high - low) + low


def _move(x: Tensor, grid: int, generator: torch.Generator, config: AugmentConfig) -> Tensor:
    n = x.shape[0]
    angle = _uniform(n, -config.rotate, config.rotate, generator) * (math.pi / 180)
    low, high = (math.log(s) for s in config.scale)
    zoom = torch.exp(_uniform(n, low, high, generator))
    stretch = torch.exp(_uniform(n, -config.stretch, config.stretch, generator) / 2)
    flip = torch.where(_uniform(n, 0, 1, generator) < config.flip, -1.0, 1.0)
    cos, sin = torch.cos(angle), torch.sin(angle)
    theta = torch.zeros(n, 2, 3, device=x.device)
    theta[:, 0, 0], theta[:, 0, 1] = cos * flip / (zoom * stretch), -sin / zoom
    theta[:, 1, 0], theta[:, 1, 1] = sin * flip / zoom, cos * stretch / zoom
    theta[:, 0, 2] = _uniform(n, -2 * config.shift, 2 * config.shift, generator)
    theta[:, 1, 2] = _uniform(n, -2 * config.shift, 2 * config.shift, generator)
    points = F.affine_grid(theta, [n, x.shape[1], grid, grid], align_corners=False)
    if config.perspective:
        lean = _uniform(2 * n, -config.perspective / 2, config.perspective / 2, generator).reshape(n, 1, 1, 2)
        points = points / (1 + (points * lean).sum(-1, keepdim=True))
    if config.bend:
        knots = torch.randn(n, 2, _KNOTS, _KNOTS, generator=generator, device=generator.device) * (2 * config.bend)
        warp = F.interpolate(knots, (grid, grid), mode="bicubic", align_corners=True)
        points = points + warp.permute(0, 2, 3, 1)
    return F.grid_sample(x, points, mode="bilinear", padding_mode="zeros", align_corners=False)


def _regrade(images: Tensor, generator: torch.Generator, config: AugmentConfig) -> Tensor:
    n = images.shape[0]

    def each(low: float, high: float) -> Tensor:
        return _uniform(n, low, high, generator)[:, None, None, None]

    log_gamma = math.log(config.gamma)
    inside = images > 0  # the black around the sector stays black
    images = images.clamp_min(1e-4) ** torch.exp(each(-log_gamma, log_gamma))
    images = images * (1 + each(-config.gain, config.gain))
    if config.drift:
        knots = torch.rand(n, 1, 3, 3, generator=generator, device=generator.device) * 0.8 + 0.6
        field = F.interpolate(knots, images.shape[-2:], mode="bicubic", align_corners=True)
        images = torch.where(each(0, 1) < config.drift, images * field, images)
    if config.blur:
        side = images.shape[-1]
        small = max(1, int(side * (0.35 + 0.4 * float(_uniform(1, 0, 1, generator)))))
        soft = F.interpolate(images, (small, small), mode="bilinear", antialias=True)
        soft = F.interpolate(soft, (side, side), mode="bilinear")
        images = torch.where(each(0, 1) < config.blur, soft, images)
    return (images * inside).clamp(0, 1)
