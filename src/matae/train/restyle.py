"""Pictures as another maker's scanner, preset or recorder would show them: domain randomisation of grey levels.

A network that is shown one maker's pictures learns that maker's grey curve, speckle and frame. Here each of the things
that differ between scanners is drawn anew, wider than any one scanner differs (J. Tobin et al., "Domain randomization
for transferring deep neural networks from simulation to the real world", IROS 2017). Grey levels of an echo are
decibels: what multiplies the signal (gain, attenuation, speckle) is added to them.

Every function takes pictures (N, 1, H, W) in 0-1 and returns as many; a coin a frame decides which of them change.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from matae.train.chance import Chance

__all__ = ["attenuate", "blur_speckle", "compress", "grey_curve", "overlay", "restyle", "shade", "speckle", "tgc"]

_JPEG_SIDE = 112  # of the public data sets of compressed clips
_BLOCK = 8
# The table of luminance of the JPEG standard (ITU-T T.81, annex K.1), for a quality of 50.
_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55), (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62), (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip


def restyle(images: Tensor, chance: Chance) -> Tensor:
    """Return pictures in a random style each.

    Parameters
    ----------
    images
        Pictures (N, 1, H, W) in 0-1; what is 0 is outside the sector.
    chance
        Source of every random number.

    Returns
    -------
    Tensor
        Pictures of the same shape, in 0-1.
    """
    outside = images <= 0
    for change in (speckle, blur_speckle, tgc, attenuate, shade, grey_curve):
        images = change(images, chance).masked_fill(outside, 0)
    return compress(overlay(images, chance), chance).clamp(0, 1)


def _where(coin: Tensor, changed: Tensor, images: Tensor) -> Tensor:
    return torch.where(coin[:, None, None, None], changed, images)


def _column(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def grey_curve(images: Tensor, chance: Chance, probability: float = 0.8) -> Tensor:
    """Return pictures with another dynamic range, reject level and grey map.

    A dynamic range other than the recorded one stretches or squeezes the decibels; what falls below the reject level is
    black, what exceeds the range white. The map from there to grey is a power, or an S.
    """
    coin = chance.happens(probability)
    low, high = _column(chance.uniform(-0.15, 0.2)), _column(chance.uniform(0.65, 1.25))
    power = _column(torch.exp(chance.uniform(-0.7, 0.7)))
    bent = _column(chance.uniform(0, 1)) * _column(chance.happens(0.3).float())
    x = ((images - low) / (high - low)).clamp(1e-4, 1)
    x = torch.lerp(x, x * x * (3 - 2 * x), bent) ** power
    return _where(coin, x, images)


def tgc(images: Tensor, chance: Chance, probability: float = 0.6) -> Tensor:
    """Return pictures with another gain at every depth and a slow drift over the width."""
    coin = chance.happens(probability)
    side = images.shape[-2:]
    depth = F.interpolate(chance.normal((1, 8, 1)) * 0.09, (side[0], 1), mode="bicubic", align_corners=True)
    width = F.interpolate(chance.normal((1, 1, 4)) * 0.05, (1, side[1]), mode="bicubic", align_corners=True)
    return _where(coin, (images + depth + width).clamp(0, 1), images)


def attenuate(images: Tensor, chance: Chance, probability: float = 0.3) -> Tensor:
    """Return pictures that grow darker with depth, or have haze near the probe."""
    coin = chance.happens(probability)
    depth = torch.linspace(0, 1, images.shape[-2], device=images.device)[None, None, :, None]
    loss = _column(chance.uniform(0, 0.45)) * depth
    haze = _column(chance.uniform(0, 0.35)) * torch.exp(-depth / _column(chance.uniform(0.05, 0.3)))
    return _where(coin, (images - loss + haze).clamp(0, 1), images)


def speckle(images: Tensor, chance: Chance, probability: float = 0.6) -> Tensor:
    """Return pictures with more speckle, whose grains are wider across the beam, and wider still with depth."""
    coin = chance.happens(probability)
    side = images.shape[-2:]
    strength = _column(chance.uniform(0.02, 0.16))
    depth = torch.linspace(0, 1, side[0], device=images.device)[None, None, :, None]
    # One grain for the batch, as each is a filter of its own; strength and place are each frame's.
    high, near, far = (float(x) for x in _whole_batch(chance, (1, 3, 4), (2.5, 7, 14)))
    grains = [_noise(images, chance, int(side[0] / high), int(side[1] / wide)) for wide in (near, far)]
    noise = (grains[0] * (1 - depth) + grains[1] * depth) * strength
    return _where(coin, (images + noise * (0.35 + images)).clamp(0, 1), images)


def _whole_batch(chance: Chance, low: tuple[float, ...], high: tuple[float, ...]) -> Tensor:
    """Return numbers that all frames share: drawn once, whichever process asks."""
    drawn = torch.rand(len(low), generator=chance.generator, device=chance.generator.device).cpu()
    return torch.tensor(low) + drawn * (torch.tensor(high) - torch.tensor(low))


def _noise(images: Tensor, chance: Chance, rows: int, columns: int) -> Tensor:
    """Return noise of about unit variance, with so many grains down and across the picture."""
    fine = chance.normal((1, max(2, rows), max(2, columns)))
    return F.interpolate(fine, images.shape[-2:], mode="bilinear", align_corners=True) * 1.5


def blur_speckle(images: Tensor, chance: Chance, probability: float = 0.5) -> Tensor:
    """Return pictures of less resolution, more of it lost across the beam than along it."""
    coin = chance.happens(probability)
    side = images.shape[-2:]
    down, across = (float(x) for x in _whole_batch(chance, (1.0, 1.3), (3.0, 4.0)))
    small = (max(2, int(side[0] / down)), max(2, int(side[1] / across)))
    soft = F.interpolate(images, small, mode="bilinear", antialias=True)
    return _where(coin, F.interpolate(soft, side, mode="bilinear"), images)


def shade(images: Tensor, chance: Chance, probability: float = 0.5) -> Tensor:
    """Return pictures with shadows of ribs and lung along the beams, and walls that drop out."""
    coin = chance.happens(probability)
    rows, columns = images.shape[-2:]
    y = torch.linspace(0, 1, rows, device=images.device)[None, :, None]
    x = torch.linspace(0, 1, columns, device=images.device)[None, None, :]
    top, middle = chance.uniform(-0.25, 0.0)[:, None, None], chance.uniform(0.35, 0.65)[:, None, None]
    angle, reach = torch.atan2(x - middle, y - top), torch.hypot(x - middle, y - top)
    kept = torch.zeros_like(angle)
    for _ in range(3):
        at, wide = chance.uniform(-0.7, 0.7)[:, None, None], chance.uniform(0.02, 0.14)[:, None, None]
        begins, ends = chance.uniform(0, 0.6)[:, None, None], chance.uniform(0.3, 1.6)[:, None, None]
        dark = chance.uniform(0.0, 0.6)[:, None, None]
        along = torch.sigmoid((reach - begins) * 25) * torch.sigmoid((begins + ends - reach) * 25)
        kept = kept + dark * along * torch.exp(-(((angle - at) / wide) ** 2))
    return _where(coin, (images - kept[:, None] * (0.4 + images)).clamp(0, 1), images)


def overlay(images: Tensor, chance: Chance, probability: float = 0.5) -> Tensor:
    """Return pictures with what scanners draw on them: words, a scale, a grey bar, a trace, a grey background."""
    coin = chance.happens(probability)
    n, (rows, columns) = len(images), images.shape[-2:]
    drawn = torch.zeros_like(images)
    y = torch.linspace(0, 1, rows, device=images.device)[None, :, None]
    x = torch.linspace(0, 1, columns, device=images.device)[None, None, :]

    def at(low: float, high: float) -> Tensor:
        return chance.uniform(low, high)[:, None, None]

    def some(share: float) -> Tensor:
        return chance.happens(share)[:, None, None]

    # Words: cells of letters, each of 3 x 5 dots, half of them lit, in lines of a block that may lie over the sector.
    for _ in range(2):
        lines, letters = 4, 10
        dots = (chance.each((lines * 7, letters * 4)) < 0.5).float()
        dots[:, torch.arange(lines * 7) % 7 >= 5] = 0
        dots[:, :, torch.arange(letters * 4) % 4 == 3] = 0
        words = (chance.each((lines, 1, letters, 1)) < 0.6).float().expand(-1, -1, 7, -1, 4).reshape(dots.shape)
        size, left, upper = at(0.15, 0.4), at(-0.05, 0.85), at(-0.05, 0.9)
        across, down = (x - left) / size * 2 - 1, (y - upper) / (size * 0.5) * 2 - 1
        points = torch.stack([across.expand(n, rows, columns), down.expand(n, rows, columns)], -1)
        block = F.grid_sample((dots * words)[:, None], points, mode="nearest", align_corners=False)
        drawn = torch.maximum(drawn, block * (at(0.5, 1.0) * some(0.6))[:, None])
    # A scale of depth along one side, a bar of greys, and a trace at the bottom.
    side = at(0.0, 1.0).round() * 0.96 + 0.02
    ticks = ((y * at(5, 20)) % 1 < 0.1) & ((x - side).abs() < 0.012)
    bar_at, bar_high = at(0.0, 1.0).round() * 0.9 + 0.05, at(0.2, 0.6)
    bar = ((x - bar_at).abs() < 0.015) & (y < bar_high + 0.1) & (y > 0.1)
    beat = ((x * at(2, 6) + at(0, 1)) % 1 - 0.5).abs()
    trace = at(0.85, 0.97) - 0.1 * torch.exp(-((beat / 0.04) ** 2)) - 0.02 * torch.sin(x * at(10, 30))
    line = (y - trace).abs() < 0.006
    for shape, bright, share in (
        (ticks.float(), at(0.5, 1.0), 0.4),
        (bar.float() * (1 - (y - 0.1) / bar_high).clamp(0, 1), at(0.9, 1.0), 0.3),
        (line.float(), at(0.4, 1.0), 0.4),
    ):
        drawn = torch.maximum(drawn, (shape * bright * some(share))[:, None])
    ground = (at(0.0, 0.12) * some(0.25))[:, None]
    changed = torch.where(drawn > 0, drawn, torch.maximum(images, ground))
    return _where(coin, changed, images)


def compress(images: Tensor, chance: Chance, probability: float = 0.5) -> Tensor:
    """Return pictures as a clip of 112 pixels a side keeps them: resampled, and coded in blocks as JPEG does."""
    coin = chance.happens(probability)
    quality = chance.uniform(12, 70)
    scale = torch.where(quality < 50, 50 / quality, 2 - quality / 50)
    small = F.interpolate(images, (_JPEG_SIDE, _JPEG_SIDE), mode="bilinear", antialias=True)
    basis, table = _cosines(images.device), torch.tensor(_LUMINANCE, device=images.device) / 255
    n = _JPEG_SIDE // _BLOCK
    blocks = (small - 0.5).reshape(-1, n, _BLOCK, n, _BLOCK).transpose(2, 3)
    step = (table * scale[:, None, None])[:, None, None]
    coded = (basis @ blocks @ basis.T / step).round() * step
    back = (basis.T @ coded @ basis).transpose(2, 3).reshape(small.shape) + 0.5
    return _where(coin, F.interpolate(back, images.shape[-2:], mode="bilinear").clamp(0, 1), images)


@lru_cache(maxsize=4)
def _cosines(device: torch.device) -> Tensor:
    """Return the orthonormal cosine transform of a block's rows."""
    k, i = torch.meshgrid(torch.arange(_BLOCK), torch.arange(_BLOCK), indexing="ij")
    basis = torch.cos(math.pi * (2 * i + 1) * k / (2 * _BLOCK)) * math.sqrt(2 / _BLOCK)
    basis[0] /= math.sqrt(2)
    return basis.to(device)
