"""The heart at any size in the picture: other depths, other fans, sectors cut off at the sides.

Frames come with the sector filling the square. A scanner set to another depth, a picture whose sector was not found, or
one that was cropped by hand shows the same heart smaller or larger, and often without the sides of the sector.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from matae.train.chance import Chance

__all__ = ["cut_sides", "framed"]

_LEAST = 1e-3  # share of the picture below which there is no structure to size the picture by


def framed(x: Tensor, chance: Chance, cavity: tuple[float, float]) -> Tensor:
    """Return pictures and maps zoomed so that the first structure covers a random share of the picture.

    The share is drawn log-uniformly. The structure's centre goes to a random place where all of it can be seen, as far
    as it fits; pictures without the structure are zoomed about their centre, by up to a third either way.

    Parameters
    ----------
    x
        Pictures and maps of the structures, (N, 1 + structures, H, W); the first map sizes the picture.
    chance
        Source of every random number.
    cavity
        Smallest and largest share.
    """
    n, _, rows, columns = x.shape
    low, high = (torch.tensor(share).log().item() for share in cavity)
    wanted, free = torch.exp(chance.uniform(low, high)), torch.exp(chance.uniform(-0.3, 0.3))
    across, down = chance.uniform(-1, 1), chance.uniform(-1, 1)
    if not n:  # the numbers are drawn all the same: other processes have frames, and draw them too
        return x
    structure = x[:, 1] if x.shape[1] > 1 else torch.zeros_like(x[:, 0])
    share = structure.mean((1, 2))
    there = share > _LEAST
    zoom = torch.where(there, (wanted / share.clamp_min(_LEAST)).sqrt(), free)
    half_y, centre_y = _extent(structure.amax(2))
    half_x, centre_x = _extent(structure.amax(1))
    theta = torch.zeros(n, 2, 3, device=x.device)
    theta[:, 0, 0] = theta[:, 1, 1] = 1 / zoom
    for axis, (half, centre, draw) in enumerate(((half_x, centre_x, across), (half_y, centre_y, down))):
        # Where the structure's centre may lie in the new picture; what was the centre of the picture when zooming out.
        room = (1 - half * zoom).clamp_min(0.05)
        place = (centre * zoom).clamp(-room, room) * 0.5 + draw * room * 0.5
        theta[:, axis, 2] = torch.where(there, centre - place / zoom, 0.0)
    grid = F.affine_grid(theta, [n, x.shape[1], rows, columns], align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _extent(profile: Tensor) -> tuple[Tensor, Tensor]:
    """Return half the extent and the centre of what is in a profile (N, L), in a picture that goes from -1 to 1."""
    length = profile.shape[1]
    places = torch.linspace(-1 + 1 / length, 1 - 1 / length, length, device=profile.device)
    inside = profile > 0.5
    first = torch.where(inside, places, 1.0).amin(1)
    last = torch.where(inside, places, -1.0).amax(1)
    return ((last - first) / 2).clamp_min(0), (last + first) / 2


def cut_sides(x: Tensor, chance: Chance, probability: float = 0.3) -> Tensor:
    """Return pictures and maps whose left, right and lower sides are black beyond a random line, some of them.

    The first structure stays whole: the line lies between the picture's border and the structure.
    """
    coin = chance.happens(probability)
    left, right, lower = (chance.uniform(0, 1) for _ in range(3))
    structure = x[:, 1] if x.shape[1] > 1 else torch.zeros_like(x[:, 0])
    half_x, centre_x = _extent(structure.amax(1))
    half_y, centre_y = _extent(structure.amax(2))
    rows, columns = x.shape[-2:]
    across = torch.linspace(-1 + 1 / columns, 1 - 1 / columns, columns, device=x.device)[None, None, :]
    down = torch.linspace(-1 + 1 / rows, 1 - 1 / rows, rows, device=x.device)[None, :, None]

    def line(edge: Tensor, share: Tensor) -> Tensor:
        return (edge + (1 - edge) * share)[:, None, None]

    kept = (across > -line((half_x - centre_x).clamp(0, 1), left)) & (
        across < line((half_x + centre_x).clamp(0, 1), right)
    )
    kept = kept & (down < line((half_y + centre_y).clamp(0, 1), lower))
    kept = kept | ~coin[:, None, None]
    return x * kept[:, None]
