"""Prompts as maps that a small network reads beside the picture's own features.

Points become Gaussians, as in interactive segmentation by clicks (K. Sofiiuk et al., "Reviving iterative training with
mask guidance for interactive segmentation", ICIP 2022). Three points and a box also say roughly where the whole
structure lies: the mean shape of the training hearts is laid between them, and each pixel learns its place relative to
the long axis.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from matae.prompt.prompts import CLICK

if TYPE_CHECKING:
    from typing import Self

__all__ = [
    "AXIS_SPAN",
    "BOX_SPAN",
    "CHANNELS",
    "CLICKED",
    "FOLD",
    "SHAPES",
    "TEMPLATE",
    "PromptTensors",
    "axis_grid",
    "box_grid",
    "encode",
    "long_axis",
]

FOLD = 4
"""The maps are made at a quarter of the resolution of the network's grid: what is finer is in its logits."""
TEMPLATE = 48
"""Side of a mean shape."""
AXIS_SPAN = ((-1.0, 1.4), (-0.9, 0.9))
"""What a mean shape covers along the long axis (0 is the base, 1 the apex) and across it, in lengths of the axis."""
BOX_SPAN = 1.3
"""How far a mean shape reaches from the middle of a box, in halves of its sides."""
CHANNELS = 10
"""Maps that `encode` returns."""
SHAPES, CLICKED = [5, 9], [3, 4]
"""Among them the mean shapes (log odds over 4) along the axis and in the box, and the clicks inside and outside."""

_POINT = 0.02  # standard deviation of a landmark's Gaussian, as a share of the grid


@dataclass(frozen=True)
class PromptTensors:
    """Prompts of a batch of frames, in pixels of the grid (y, x); what is not given is NaN.

    Parameters
    ----------
    landmarks
        Apex, left and right hinge point, (N, 3, 2).
    box
        Top, left, bottom, right, (N, 4).
    positive, negative
        Clicks inside and outside the structure, (N, K, 2).
    """

    landmarks: Tensor
    box: Tensor
    positive: Tensor
    negative: Tensor

    @classmethod
    def none(cls, count: int, clicks: int = 1) -> Self:
        """Return the prompts of frames without any, with room for some clicks."""

        def absent(*shape: int) -> Tensor:
            return torch.full((count, *shape), torch.nan)

        return cls(absent(3, 2), absent(4), absent(clicks, 2), absent(clicks, 2))

    def take(self, which: Tensor | slice) -> Self:
        """Return the prompts of some of the frames."""
        return replace(
            self, landmarks=self.landmarks[which], box=self.box[which], positive=self.positive[which],
            negative=self.negative[which],
        )  # fmt: skip


def encode(prompts: PromptTensors, grid: int, axis_shapes: Tensor, box_shapes: Tensor) -> Tensor:
    """Return prompts as maps, (N, `CHANNELS`, grid / 4, grid / 4).

    Parameters
    ----------
    prompts
        Of N frames.
    grid
        Side of the network's grid.
    axis_shapes, box_shapes
        The mean shape (log odds) that belongs to each frame's structure, (N, TEMPLATE, TEMPLATE): relative to the long
        axis of the cavity, and to a box around the structure.
    """
    side = grid // FOLD
    where = torch.arange(side, dtype=torch.float32) * FOLD + (FOLD - 1) / 2
    points = prompts.landmarks
    maps = [_gaussians(points[:, i : i + 1], where, _POINT * grid) for i in range(3)]
    maps += [_gaussians(clicks, where, CLICK * grid) for clicks in (prompts.positive, prompts.negative)]
    along, across = axis_grid(points, where)
    has_axis = torch.isfinite(points).all(2).all(1)[:, None, None]
    (low, high), (left, right) = AXIS_SPAN
    shape = _sampled(axis_shapes, 2 * (along - low) / (high - low) - 1, 2 * (across - left) / (right - left) - 1)
    maps += [torch.where(has_axis, one, 0.0) for one in (shape / 4, along.clamp(-1.5, 2), across.clamp(-1.5, 1.5))]
    down, aside = box_grid(prompts.box, where)
    has_box = torch.isfinite(prompts.box).all(1)[:, None, None]
    inside = (down.abs() <= 1) & (aside.abs() <= 1)
    shape = _sampled(box_shapes, down / BOX_SPAN, aside / BOX_SPAN)
    maps += [torch.where(has_box, inside.float() * 2 - 1, 0.0), torch.where(has_box, shape / 4, 0.0)]
    return torch.stack(maps, 1)


def axis_grid(landmarks: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
    """Return the place of pixels along the long axis (0 at the base, 1 at the apex) and across it, (N, side, side).

    Both in lengths of the axis; across, the side of the right hinge point is positive.

    Parameters
    ----------
    landmarks
        (N, 3, 2).
    where
        Rows, and columns, of the pixels, (side,).
    """
    base, axis, normal = long_axis(landmarks)
    square = (axis * axis).sum(1).clamp_min(1.0)[:, None, None]
    y, x = where[:, None] - base[:, 0, None, None], where[None, :] - base[:, 1, None, None]

    def part(direction: Tensor) -> Tensor:
        return (y * direction[:, 0, None, None] + x * direction[:, 1, None, None]) / square

    return part(axis), part(normal)


def long_axis(landmarks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the middle of the base, the way from it to the apex, and as long a way to the right, (N, 2) each."""
    apex, left, right = landmarks.unbind(1)
    base = (left + right) / 2
    axis = apex - base
    normal = torch.stack([-axis[:, 1], axis[:, 0]], 1)
    return base, axis, normal * torch.where(((right - left) * normal).sum(1, keepdim=True) < 0, -1.0, 1.0)


def box_grid(box: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
    """Return the place of pixels in a box, down and across, -1 to 1 from side to side, (N, side, side) both."""
    top, left, bottom, right = (box[:, i, None, None] for i in range(4))
    down = (where[:, None] - (top + bottom) / 2) / ((bottom - top) / 2).clamp_min(1.0)
    aside = (where[None, :] - (left + right) / 2) / ((right - left) / 2).clamp_min(1.0)
    shape = (len(box), len(where), len(where))
    return down.expand(shape), aside.expand(shape)


def _gaussians(points: Tensor, where: Tensor, sigma: float) -> Tensor:
    """Return the largest of Gaussians around points (N, K, 2), NaN where there is none, as maps (N, side, side)."""
    there = torch.isfinite(points).all(2)
    at = torch.nan_to_num(points, nan=-1e4)
    rows = torch.exp(-0.5 * ((where - at[..., :1]) / sigma) ** 2)
    columns = torch.exp(-0.5 * ((where - at[..., 1:]) / sigma) ** 2)
    each = rows[..., :, None] * columns[..., None, :] * there[..., None, None]
    return each.amax(1)


def _sampled(shapes: Tensor, down: Tensor, aside: Tensor) -> Tensor:
    at = torch.nan_to_num(torch.stack([aside, down], -1), nan=9.0)
    # Far from the mean shape it is as sure of the background as at its border.
    return F.grid_sample(shapes[:, None], at, mode="bilinear", padding_mode="border", align_corners=False)[:, 0]
