"""How far places are from the edge of the sector, computed only where it matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["edge_distance"]


def edge_distance(
    sector: NDArray[np.bool_], scale: NDArray[np.float64], around: NDArray[np.float64], reach: float
) -> NDArray[np.float64]:
    """Return the distance of each pixel from the sector's edge, exact up to `reach` and larger than it beyond.

    A cavity fills a small part of the picture, and its outline is measured again with every move of a hand: the rest
    of the picture is left out.

    Parameters
    ----------
    sector
        Pixels of the sector, (Y, X) bool. The picture's own edge is an edge of the sector too.
    scale
        Size of a pixel, (y, x).
    around
        Places (N, 2) as (y, x) in pixels that will be asked for.
    reach
        Largest distance that matters, in the unit of `scale`.

    Returns
    -------
    numpy.ndarray
        (Y, X); infinite away from `around`.
    """
    from scipy.ndimage import distance_transform_edt

    depth = np.full(sector.shape, np.inf)
    if not len(around):
        return depth
    room = np.ceil(reach / scale).astype(int) + 2
    limit = np.array(sector.shape)
    low = np.clip(np.floor(around.min(0)).astype(int) - room, 0, limit - 1)
    high = np.clip(np.ceil(around.max(0)).astype(int) + room + 1, low + 1, limit)
    part = sector[low[0] : high[0], low[1] : high[1]]
    # Outside only where the picture ends: elsewhere the sector may go on.
    ends = [(int(low[axis] == 0), int(high[axis] == limit[axis])) for axis in (0, 1)]
    padded = np.pad(part, ends)
    if padded.all():
        return depth
    found = distance_transform_edt(padded, sampling=tuple(scale))
    rows = slice(ends[0][0], ends[0][0] + part.shape[0])
    columns = slice(ends[1][0], ends[1][0] + part.shape[1])
    depth[low[0] : high[0], low[1] : high[1]] = found[rows, columns]
    return depth
