"""The pictures of a verdict, read and drawn off the GUI thread, one at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_matae.background.events import Failed
from napari_matae.background.failure import explain
from napari_matae.study_thread.own_connection import own_connection

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.learn.verdict import FrameChange
    from matae.store import Study

__all__ = ["CONTOURS", "Picture", "Subjects", "verdict_events"]

CONTOURS = {
    "yours": ("yours", (255, 255, 255)), "before": ("before", (230, 159, 0)), "after": ("after", (86, 180, 233)),
}  # fmt: skip
"""What each contour is called, and its colour, in the order they are drawn."""
_SIDE = 288
_MARGIN = 0.2


@dataclass(frozen=True)
class Subjects:
    """Who is who on this screen.

    Parameters
    ----------
    names
        Subject of each cine of the study, by content id.
    """

    names: dict[str, str]


@dataclass(frozen=True, eq=False)
class Picture:
    """One frame with its three contours, or why there is none.

    Parameters
    ----------
    frame
        Which.
    colour
        (Y, X, 3) uint8, or None.
    why
        A sentence where there is none.
    """

    frame: FrameChange
    colour: NDArray[np.uint8] | None
    why: str = ""


def verdict_events(
    target: str, folder: Path | None, frames: Sequence[FrameChange]
) -> Iterator[Subjects | Picture | Failed]:
    """Say who is who, then draw the frames, as events for the GUI thread.

    Parameters
    ----------
    target
        The study; empty where none is open.
    folder
        Where the masks of the frames are; None for nowhere.
    frames
        Those to draw.
    """
    if not target:
        for frame in frames:
            yield Picture(frame, None, "Open the study it was made from to see this frame.")
        return
    try:
        with own_connection(target) as study:
            yield Subjects({c.content_id: c.subject for c in study.cines() if c.subject})
            opened: tuple[str, Cine] | None = None
            for frame in frames:
                try:
                    masks = _masks(folder, frame)
                    if opened is None or opened[0] != frame.content_id:
                        opened = frame.content_id, _cine(study, frame.content_id)
                    yield Picture(frame, _drawn(opened[1], frame.frame, masks))
                except Exception as error:  # noqa: BLE001 - see napari_matae.background.failure; the other frames may be there
                    yield Picture(frame, None, explain(error))
    except Exception as error:  # noqa: BLE001 - see napari_matae.background.failure
        yield Failed(explain(error))


def _masks(folder: Path | None, frame: FrameChange) -> dict[str, NDArray[np.uint8]]:
    from matae.errors import TrainError
    from matae.learn import load_overlay

    if folder is None:
        raise TrainError("Its outlines were not kept; compare the two models again.")
    return load_overlay(folder, frame)


def _cine(study: Study, content_id: str) -> Cine:
    from matae.exchange.export.source import open_stored

    return open_stored(study, study.cine(content_id)).cine


def _drawn(cine: Cine, frame: int, masks: dict[str, NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return the part of a frame round its contours, with square pixels."""
    from matae.output.draw import draw_outlines, to_picture

    y, x = _box(cine.shape, [mask > 0 for mask in masks.values()])
    size_y, size_x = cine.pixel_aspect
    tall, wide = (y.stop - y.start) * size_y, (x.stop - x.start) * size_x
    scale = _SIDE / max(tall, wide)
    picture = to_picture(
        np.asarray(cine.frames[frame])[y, x], (max(1, round(wide * scale)), max(1, round(tall * scale)))
    )
    for kind, (_, colour) in CONTOURS.items():
        draw_outlines(picture, masks[kind][y, x], thickness=2.2, colours=(colour,))  # every structure's outline
    return np.asarray(picture)


def _box(shape: tuple[int, int], masks: Sequence[NDArray[np.bool_]]) -> tuple[slice, slice]:
    found = np.logical_or.reduce(masks)
    if not found.any():
        return slice(0, shape[0]), slice(0, shape[1])
    rows, columns = np.flatnonzero(found.any(1)), np.flatnonzero(found.any(0))
    half = (0.5 + _MARGIN) * max(int(np.ptp(rows)), int(np.ptp(columns)), 8)
    slices = []
    for line, length in ((rows, shape[0]), (columns, shape[1])):
        middle = (line[0] + line[-1]) / 2
        slices.append(slice(max(0, int(middle - half)), min(length, int(np.ceil(middle + half)) + 1)))
    return slices[0], slices[1]
