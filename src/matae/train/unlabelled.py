"""Frames nobody labelled, for the autoencoder heads: pictures of a folder, or the frames of clips."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matae.errors import TrainError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.cine import Cine

__all__ = ["load_unlabelled"]

_PER_CLIP = 24  # neighbouring frames of a clip tell little that is new


def load_unlabelled(sources: Sequence[Path], size: int) -> NDArray[np.uint8]:
    """Return unlabelled frames as the network sees labelled ones: the sector, padded to a square, at one size.

    Parameters
    ----------
    sources
        Clips that `matae.read.open_cine` reads, or folders of them; up to 24 frames of each are taken, evenly spread.
    size
        Side of the frames in pixels.

    Returns
    -------
    ndarray
        (N, size, size) uint8.

    Raises
    ------
    TrainError
        If there is no frame in them.
    ReadError
        If one of them cannot be read.
    """
    from matae.read import list_cines

    frames = [_frames(ref.open(), size) for source in sources for ref in list_cines(source)]
    if not frames:
        raise TrainError("The unlabelled folders hold no clip that can be read; name others or leave them out.")
    return np.concatenate(frames)


def _frames(cine: Cine, size: int) -> NDArray[np.uint8]:
    from matae.placement import Placement
    from matae.segment.choice import choose_sector

    chosen = np.unique(np.linspace(0, cine.n_frames - 1, min(_PER_CLIP, cine.n_frames)).round().astype(int))
    return Placement.of(cine, choose_sector(cine), size).pictures(cine.frames[chosen])
