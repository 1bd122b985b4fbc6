"""From logits to structures by tensor operations: what `matae.segment.structures` finds, for many frames at once.

The rules are those of `find_structures`, pixel for pixel. Nearly every frame is simple: each outline is one part
without holes beside which lie specks at most. Only such frames are decided here, by few operations, for each of them
costs a launch; whether a frame is one is known for certain. All others are left to `find_structures`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from matae.anatomy import ATRIUM, CAVITY, WALL
from matae.segment.cleanup import PART
from matae.segment.parts_on_device import all_of_four, any_of_four, euler, grown, is_cut, seeds
from matae.segment.structures import LOPSIDED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from matae.nn.regions import Regions

__all__ = ["structures"]

_BLOB = (2, 1, 2, 1)
"""Turns in which an outline grows from a pixel: its row, what is above and below that, and so on."""
_AROUND = (1, 2, 1, 2)
"""Turns in which the outline around another grows from that."""
_SHELL = (1, 2, 1, 2, 1, 2)
"""Turns in which a wall grows from its half at the apex."""


def structures(logits: Tensor, regions: Regions) -> tuple[Tensor, Tensor]:
    """Return the class of every pixel, and of which frames that is what `find_structures` finds.

    Parameters
    ----------
    logits
        One map a region, (N, regions, H, W), at the size the masks are wanted in.
    regions
        What each logit stands for.

    Returns
    -------
    tuple of Tensor
        (N, H, W) uint8, and (N,) bool.
    """
    if not regions.is_nested:
        best, numbers = _likeliest(logits, regions.values)
        found = _Parts([_blob(numbers == value, best) for value in regions.values])
        return found.painted(regions.values), (found.is_one & found.is_alone).all(1)
    maps = {cover: logits[:, i] for i, cover in enumerate(regions.covers)}
    inner = [cover for cover in maps if any(set(cover) < set(other) for other in maps)]
    around = [cover for cover in maps if len(cover) > 1]
    if len(inner) != 1 or len(around) != 1:  # no model has such regions
        shape = logits[:, 0].shape
        none = torch.zeros(len(logits), dtype=torch.bool, device=logits.device)
        return torch.zeros(shape, dtype=torch.uint8, device=logits.device), none
    return _nested(maps, inner[0], around[0])


def _nested(
    maps: dict[tuple[int, ...], Tensor], inner: tuple[int, ...], around: tuple[int, ...]
) -> tuple[Tensor, Tensor]:
    others = sorted(cover for cover in maps if cover not in (inner, around))
    inside = _blob(maps[inner] > 0, maps[inner])
    strength = torch.maximum(maps[around], maps[inner])
    own = strength > 0
    for cover in others:
        own &= maps[cover] <= strength
    own |= inside.part
    outer = _Part(own, grown(own, inside.part, _AROUND))
    shell = outer.part ^ inside.part
    wall = _Part(shell, grown(shell, _towards_wall(inside.part, shell), _SHELL))
    values = [inner[0], next(value for value in around if value not in inner)]
    kept = [inside, wall]
    if others:
        values += [cover[0] for cover in others]
        best, numbers = _likeliest(torch.stack([maps[cover] for cover in others], 1), values[2:])
        numbers = torch.where(inside.part | wall.part, 0, numbers)
        kept += [_blob(numbers == value, torch.where(numbers > 0, best, 0)) for value in values[2:]]
    found = _Parts([*kept, outer], around=1)
    # What lies apart from the outer outline is left out whatever its size. Around nothing, that outline is not one.
    is_done = found.is_one.all(1) & found.is_alone[:, :-1].all(1)
    if ATRIUM in values[2:]:
        place = values.index(ATRIUM, 2)
        apical = found.apical(values, place)
        found.parts[:, place] &= ~apical[:, None, None]
        is_done &= ~apical | (found.rest[:, place] == 0)  # else the largest of the others stays
    return found.painted(values), is_done


class _Part(NamedTuple):
    """A mask, and the part of it that stays, (N, H, W) bool."""

    mask: Tensor
    part: Tensor


def _blob(mask: Tensor, strength: Tensor) -> _Part:
    return _Part(mask, grown(mask, seeds(torch.where(mask, strength, 0), mask), _BLOB))


def _likeliest(strengths: Tensor, values: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return the largest logit of each pixel, and whose it is; 0 where none is above 0."""
    if strengths.shape[1] == 1:
        best = strengths[:, 0]
        return best, (best > 0).to(torch.uint8) * values[0]
    best, which = strengths.max(1)
    # No table of the values: it would be copied from the host, which a CUDA graph cannot record.
    numbers = torch.zeros_like(which, dtype=torch.uint8)
    for place, value in enumerate(values):
        numbers.masked_fill_((which == place) & (best > 0), value)
    return best, numbers


def _towards_wall(cavity: Tensor, shell: Tensor) -> Tensor:
    """Return the pixels of a shell on that side of the cavity on which most of it lies.

    Crumbs of a shell lie at the base, where both outlines are nearly the same; the wall is whole at the apex.
    """
    counts = torch.stack([cavity, shell], 1)
    ahead = []
    for axis in (3, 2):
        lines = counts.sum(axis).float()  # of each row, then of each column
        along = torch.arange(lines.shape[2], device=lines.device)
        centre = (lines @ along.float()) / lines.sum(2)
        ahead.append((along - centre[:, :1]) * (centre[:, 1:] - centre[:, :1]))
    return shell & (ahead[0][:, :, None] > -ahead[1][:, None])


class _Parts:
    """The parts of several structures, (N, structures, H, W) bool, and what is known of each.

    Parameters
    ----------
    kept
        Masks and their parts. The last is the outline around the first, where there is a wall between them.
    around
        The place of what lies between the two.

    Attributes
    ----------
    sizes, rest
        Pixels of each part, and of the rest of its mask.
    is_one
        Whether it is whole, connected, and without holes; or its mask is empty. The wall may go around the first.
    is_alone
        Whether the rest is smaller than a part of any size.
    """

    def __init__(self, kept: Sequence[_Part], around: int | None = None) -> None:
        masks = torch.stack([each.mask for each in kept], 1)
        self.parts = torch.stack([each.part for each in kept], 1)
        self._lines = self.parts.sum(3), self.parts.sum(2)
        self.sizes = self._lines[0].sum(2)
        whole = masks.sum((2, 3))
        self.rest = whole - self.sizes
        padded = torch.nn.functional.pad(self.parts, (1, 1, 1, 1))
        wanted = torch.ones_like(self.sizes)
        if around is not None:
            # Of what is not the wall: one piece, or two where the wall goes all around, less the parts of the wall,
            # which are the holes in it. Crumbs are no further pieces, for each touches what is no wall.
            padded[:, around].logical_not_()
            touch = (any_of_four(padded[:, 0]) & ~all_of_four(padded[:, -1])).flatten(1).any(1)
            wanted[:, around] = torch.where(touch | (self.sizes[:, 0] == 0), 0, 1)
        self.is_one = ~is_cut(masks, self.parts) & ((euler(padded) == wanted) | (whole == 0))
        self.is_alone = (self.rest == 0) | (self.rest < PART * self.sizes.double())

    def painted(self, values: Sequence[int]) -> Tensor:
        """Return the number of the part that each pixel is in, (N, H, W) uint8; 0 outside."""
        mask = self.parts[:, 0].to(torch.uint8) * values[0]
        for place, value in enumerate(values[1:], start=1):
            mask = mask.masked_fill_(self.parts[:, place], value)
        return mask

    def apical(self, values: Sequence[int], atrium: int) -> Tensor:
        """Return whether an atrium lies on the apex' side of the ventricle, (N,) bool."""
        if not {CAVITY, WALL} <= set(values):
            return torch.zeros(len(self.sizes), dtype=torch.bool, device=self.sizes.device)
        inside, around = values.index(CAVITY), values.index(WALL)
        cavity, wall, pixels = (self.sizes[:, place] for place in (inside, around, atrium))
        ahead: Tensor | float = 0.0
        towards = []
        for lines in self._lines:
            sums = (lines * torch.arange(lines.shape[2], device=lines.device)).sum(2)
            centre = sums[:, inside]
            towards.append((sums[:, around] * cavity - centre * wall).double())
            ahead = ahead + (cavity * sums[:, atrium] - pixels * centre).double() * towards[-1]
        apart = torch.hypot(*towards)
        is_told = (cavity > 0) & (wall > 0) & (apart > LOPSIDED * cavity.double().sqrt() * (cavity * wall).double())
        return is_told & (ahead > 0) & (pixels > 0)
