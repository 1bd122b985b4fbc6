"""The masks of the frames that changed most, kept beside a verdict."""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING

import numpy as np

from matae.errors import TrainError
from matae.files import write_atomic, writing_to

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.learn.paired_scores import Tally
    from matae.learn.verdict import FrameChange, Side

__all__ = ["OVERLAYS", "load_overlay", "save_overlays"]

OVERLAYS = "overlays.npz"


def save_overlays(folder: Path, tallies: Sequence[Tally], sides: Sequence[Side]) -> None:
    """Keep the masks of the most improved and the most harmed frames of each side.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    arrays: dict[str, NDArray[np.uint8]] = {}
    for tally, side in zip(tallies, sides, strict=True):
        for frame in (*side.most_improved(), *side.most_harmed()):
            shape, packed = tally.masks[frame.content_id, frame.frame]
            for kind, data in zip(("before", "after", "yours"), packed, strict=True):
                mask = np.frombuffer(zlib.decompress(data), np.uint8).reshape(shape)
                arrays[f"{frame.content_id}/{frame.frame}/{kind}"] = mask
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    with writing_to(folder):
        write_atomic(folder / OVERLAYS, buffer.getvalue())


def load_overlay(folder: Path, frame: FrameChange) -> dict[str, NDArray[np.uint8]]:
    """Return the masks ``before``, ``after`` and ``yours`` of one of the most improved or most harmed frames.

    Raises
    ------
    TrainError
        If they are not there.
    """
    try:
        with np.load(folder / OVERLAYS, allow_pickle=False) as file:
            return {kind: file[f"{frame.content_id}/{frame.frame}/{kind}"] for kind in ("before", "after", "yours")}
    except (OSError, KeyError, ValueError):
        raise TrainError("The pictures of this run are gone; compare the two models again.") from None
