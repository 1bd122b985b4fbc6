"""From logits to structures by tensor operations: what `matae.segment.structures` finds, for many frames at once.

The rules are those of `find_structures`, pixel for pixel. A frame in which parts of some size may have to be joined is
left to it, and so is one whose parts wind so much that they are not told apart in time; few frames are either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from matae.anatomy import ATRIUM, CAVITY, WALL
from matae.segment.cleanup import PART
from matae.segment.parts_on_device import filled, largest, parts, sizes_of
from matae.segment.structures import LOPSIDED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from matae.nn.regions import Regions

__all__ = ["structures"]

_AT_ONCE = 2**23  # pixels: parts have a number of eight bytes each, several times


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
    some = max(1, _AT_ONCE // max(1, logits[0, 0].numel()))
    found = [_structures(part, regions) for part in torch.split(logits, some)]
    return torch.cat([mask for mask, _ in found]), torch.cat([is_done for _, is_done in found])


def _structures(logits: Tensor, regions: Regions) -> tuple[Tensor, Tensor]:
    if not regions.is_nested:
        best, which = logits.max(1)
        return _one_part_each(torch.where(best > 0, _numbers(regions.values, which), 0), regions.values)
    maps = {cover: logits[:, i] for i, cover in enumerate(regions.covers)}
    covers = sorted(maps, key=lambda cover: (len(cover), cover))
    inner = [cover for cover in covers if any(set(cover) < set(other) for other in covers)]
    around = [cover for cover in covers if len(cover) > 1]
    beside = [cover for cover in covers if cover not in inner and cover not in around]
    mask = torch.zeros_like(logits[:, 0], dtype=torch.uint8)
    is_done = torch.ones(len(logits), dtype=torch.bool, device=logits.device)
    for cover in inner:
        found, is_sure = _one_part_each(((maps[cover] > 0) & (mask == 0)).to(torch.uint8), (1,))
        mask = torch.where(found > 0, cover[0], mask)
        is_done &= is_sure
    inside = mask
    for cover in around:
        mine = [other for other in inner if set(other) < set(cover)]
        strength = torch.stack([maps[cover], *(maps[other] for other in mine)]).amax(0)
        own = strength > 0
        for other in beside:
            own &= ~((maps[other] > 0) & (maps[other] > strength))
        enclosed = torch.stack([inside == other[0] for other in mine]).any(0)
        outer, is_sure = _with((own & ((inside == 0) | enclosed)) | enclosed, enclosed)
        shell, is_sure_too = _without_islands(outer & (mask == 0))
        mask = torch.where(shell, next(value for value in cover if all(value not in other for other in mine)), mask)
        is_done &= is_sure & is_sure_too
    if beside:
        found, is_sure = _beside(torch.stack([maps[cover] for cover in beside], 1), [c[0] for c in beside], mask)
        mask = torch.where(mask == 0, found, mask)
        is_done &= is_sure
    return mask, is_done


def _numbers(values: Sequence[int], which: Tensor) -> Tensor:
    return torch.tensor(values, dtype=torch.uint8, device=which.device)[which]


def _one_part_each(numbers: Tensor, values: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return one part a class without holes, and for which frames nothing might have to be joined to it."""
    out = torch.zeros_like(numbers)
    is_done = torch.ones(len(numbers), dtype=torch.bool, device=numbers.device)
    for value in sorted(values):
        found, is_sure = parts(numbers == value)
        sizes = sizes_of(found)
        out = torch.where(largest(found, sizes).view_as(out), value, out)
        is_done &= is_sure & (_large(sizes).sum(1) < 2)
    for value in sorted(values):
        whole, is_sure = filled(out == value)
        out = torch.where(whole & (out == 0), value, out)
        is_done &= is_sure
    return out, is_done


def _large(sizes: Tensor) -> Tensor:
    return (sizes >= PART * sizes.amax(1, keepdim=True).double()) & (sizes > 0)


def _with(own: Tensor, enclosed: Tensor) -> tuple[Tensor, Tensor]:
    """Return the parts that hold what they enclose, filled; the largest where they enclose nothing."""
    found, is_sure = parts(own)
    sizes = sizes_of(found)
    holds = torch.zeros(len(own), sizes.shape[1] + 1, dtype=torch.uint8, device=own.device)
    holds.scatter_reduce_(1, found, enclosed.flatten(1).to(torch.uint8), "amax")
    holds[:, -1] = 0
    kept = torch.where(
        enclosed.flatten(1).any(1, keepdim=True), holds.gather(1, found) > 0, largest(found, sizes)
    ).view_as(own)
    whole, is_sure_too = filled(kept)
    return whole, is_sure & is_sure_too


def _without_islands(shell: Tensor) -> tuple[Tensor, Tensor]:
    found, is_sure = parts(shell)
    large = torch.nn.functional.pad(_large(sizes_of(found)), (0, 1))
    return large.gather(1, found).view_as(shell) & shell, is_sure


def _beside(strengths: Tensor, values: Sequence[int], mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return the structures beside what masks hold already, each where it is likelier than the others."""
    best, which = strengths.max(1)
    numbers = torch.where((best > 0) & (mask == 0), _numbers(values, which), 0)
    is_sure = torch.ones(len(mask), dtype=torch.bool, device=mask.device)
    if ATRIUM in values:
        apical, is_sure = _apical(numbers == ATRIUM, mask)
        numbers = torch.where(apical, 0, numbers)
    found, is_done = _one_part_each(numbers, values)
    return found, is_done & is_sure


def _apical(atrium: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return those parts of an atrium that lie on the apex' side of the ventricle."""
    (cavity, *centre), (wall, *middle) = (_sums(mask == value) for value in (CAVITY, WALL))
    towards = [w * cavity - c * wall for w, c in zip(middle, centre, strict=True)]
    apart = torch.hypot(*(each.double() for each in towards))
    is_told = (cavity > 0) & (wall > 0) & (apart > LOPSIDED * cavity.double().sqrt() * (cavity * wall).double())
    found, is_sure = parts(atrium)
    sizes = sizes_of(found)
    ahead = torch.zeros_like(sizes, dtype=torch.float64)
    for along, first, each in zip(_along(atrium), centre, towards, strict=True):
        sums = torch.zeros(len(found), found.shape[1] + 1, dtype=torch.int64, device=found.device)
        sums.scatter_add_(1, found, along.expand_as(atrium).flatten(1))
        side = (cavity[:, None] * sums[:, :-1] - sizes * first[:, None]).double()
        ahead += side * each[:, None].double()
    apical = torch.nn.functional.pad(ahead > 0, (0, 1)) & is_told[:, None]
    return apical.gather(1, found).view_as(atrium) & atrium, is_sure


def _along(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return the row and the column of every pixel, to be expanded."""
    rows, columns = (torch.arange(side, device=mask.device) for side in mask.shape[1:])
    return rows[:, None], columns


def _sums(part: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return of each frame how many pixels a part has, and the sums of their rows and columns."""
    rows, columns = _along(part)
    return part.sum((1, 2)), (part * rows).sum((1, 2)), (part * columns).sum((1, 2))
