"""Augmentation on the training device: mild geometry, mild grey levels.

Affine changes and gamma carry most of the gain on echo; heavy intensity tricks cost accuracy on the scanner that was
trained on. So most frames change a little, and a share of each batch (`AugmentConfig.restyled`) is taken far away: to
another zoom (`matae.train.zoom`) and another scanner's look (`matae.train.restyle`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from matae.train.chance import Chance
from matae.train.restyle import restyle
from matae.train.zoom import cut_sides, framed

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
    restyled
        Share of a batch that is brought to another zoom and restyled instead of being changed a little.
    cavity
        Smallest and largest share of the picture that the first structure covers after such a zoom.
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
    restyled: float = 0.0
    cavity: tuple[float, float] = (0.03, 0.45)

    @classmethod
    def none(cls) -> AugmentConfig:
        """Return ranges that change nothing but the size."""
        return cls(0.0, (1.0, 1.0), 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)


def augment(
    images: Tensor,
    masks: Tensor,
    grid: int,
    generator: torch.Generator,
    config: AugmentConfig | None = None,
    *,
    here: tuple[int, int] | None = None,
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
    here
        Place of the first of these frames in the batch they are part of, and the number of frames in that: the
        random numbers are those that the whole batch would have drawn. None if they are the batch.

    Returns
    -------
    tuple of Tensor
        Images (N, 1, grid, grid) and soft masks (N, classes, grid, grid), both in 0-1.
    """
    config = config or AugmentConfig()
    first, whole = here or (0, len(images))
    random = Chance(generator, whole, slice(first, first + len(images)))
    x = torch.cat([images, masks], 1)
    moved = _move(x, grid, random, config)
    images, masks = moved[:, : images.shape[1]], moved[:, images.shape[1] :]
    changed = _regrade(images, random, config)
    if not config.restyled:
        return changed, masks
    # The first frames of the batch: their order is a random one already.
    far = round(config.restyled * whole)
    random = Chance(generator, far, slice(min(first, far), min(first + len(images), far)))
    mine = slice(0, random.here.stop - random.here.start)
    moved = cut_sides(framed(moved[mine], random, config.cavity), random)
    images, masks = changed.clone(), masks.clone()
    images[mine], masks[mine] = restyle(moved[:, :1], random), moved[:, 1:]
    return images, masks


def _uniform(n: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.rand(n, generator=generator, device=generator.device) * (high - low) + low


def _move(x: Tensor, grid: int, random: Chance, config: AugmentConfig) -> Tensor:
    n = x.shape[0]
    angle = random.uniform(-config.rotate, config.rotate) * (math.pi / 180)
    low, high = (math.log(s) for s in config.scale)
    zoom = torch.exp(random.uniform(low, high))
    stretch = torch.exp(random.uniform(-config.stretch, config.stretch) / 2)
    flip = torch.where(random.uniform(0, 1) < config.flip, -1.0, 1.0)
    cos, sin = torch.cos(angle), torch.sin(angle)
    theta = torch.zeros(n, 2, 3, device=x.device)
    theta[:, 0, 0], theta[:, 0, 1] = cos * flip / (zoom * stretch), -sin / zoom
    theta[:, 1, 0], theta[:, 1, 1] = sin * flip / zoom, cos * stretch / zoom
    theta[:, 0, 2] = random.uniform(-2 * config.shift, 2 * config.shift)
    theta[:, 1, 2] = random.uniform(-2 * config.shift, 2 * config.shift)
    points = F.affine_grid(theta, [n, x.shape[1], grid, grid], align_corners=False)
    if config.perspective:
        lean = _uniform(2 * random.whole, -config.perspective / 2, config.perspective / 2, random.generator)
        lean = lean.reshape(random.whole, 1, 1, 2)[random.here]
        points = points / (1 + (points * lean).sum(-1, keepdim=True))
    if config.bend:
        knots = torch.randn(
            random.whole, 2, _KNOTS, _KNOTS, generator=random.generator, device=random.generator.device
        )[random.here] * (2 * config.bend)
        warp = F.interpolate(knots, (grid, grid), mode="bicubic", align_corners=True)
        points = points + warp.permute(0, 2, 3, 1)
    return F.grid_sample(x, points, mode="bilinear", padding_mode="zeros", align_corners=False)


def _regrade(images: Tensor, random: Chance, config: AugmentConfig) -> Tensor:
    def each(low: float, high: float) -> Tensor:
        return random.uniform(low, high)[:, None, None, None]

    log_gamma = math.log(config.gamma)
    inside = images > 0  # the black around the sector stays black
    images = images.clamp_min(1e-4) ** torch.exp(each(-log_gamma, log_gamma))
    images = images * (1 + each(-config.gain, config.gain))
    if config.drift:
        knots = torch.rand(random.whole, 1, 3, 3, generator=random.generator, device=random.generator.device)
        knots = knots[random.here] * 0.8 + 0.6
        field = F.interpolate(knots, images.shape[-2:], mode="bicubic", align_corners=True)
        images = torch.where(each(0, 1) < config.drift, images * field, images)
    if config.blur:
        side = images.shape[-1]
        small = max(1, int(side * (0.35 + 0.4 * float(_uniform(1, 0, 1, random.generator)))))
        soft = F.interpolate(images, (small, small), mode="bilinear", antialias=True)
        soft = F.interpolate(soft, (side, side), mode="bilinear")
        images = torch.where(each(0, 1) < config.blur, soft, images)
    return (images * inside).clamp(0, 1)
