"""The clip that is measured on: a synthetic heart, in memory and as a video file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from matae.cine import Cine

__all__ = ["phantom_clip", "write_avi"]

_RATE = 50.0


def phantom_clip(n_frames: int, shape: tuple[int, int], distinct: int | None = None) -> Cine:
    """Return a synthetic clip at 50 frames a second.

    Parameters
    ----------
    n_frames
        Number of frames.
    shape
        Rows and columns.
    distinct
        How many frames are drawn, which takes longer than segmenting them; then they repeat. All if None.
    """
    from matae.phantom import make_phantom

    drawn = min(n_frames, distinct or n_frames)
    cine = make_phantom(seed=3, n_frames=drawn, shape=shape, frame_rate=_RATE).cine
    if drawn == n_frames:
        return cine
    return replace(
        cine, frames=np.resize(cine.frames, (n_frames, *shape)), frame_times=np.arange(n_frames, dtype=float) / _RATE
    )


def write_avi(cine: Cine, path: Path) -> None:
    """Write a clip as a scanner exports it: Motion JPEG in an AVI, in colour."""
    import av

    colour = np.repeat(np.asarray(cine.frames)[..., None], 3, -1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=round(_RATE))
        stream.height, stream.width = colour.shape[1:3]
        stream.pix_fmt = "yuvj420p"
        for picture in colour:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
