"""Small pictures of the clips on screen: read off the GUI thread, the newest wish first, and kept in memory only.

No picture of a patient is written anywhere: a folder of thumbnails would be one more place from which they leave.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, QSize, Qt, Signal
from qtpy.QtGui import QImage, QPixmap

from matae.errors import MataeError
from napari_matae.background.worker import EventWorker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["SIZE", "Thumbnails", "read_thumbnail"]

SIZE = QSize(64, 48)
"""Of a thumbnail, in screen pixels."""
_KEPT = 2000
_MOST_READ = 4 * SIZE.height()


@dataclass(frozen=True, eq=False)
class _Read:
    key: str
    pixels: NDArray[np.uint8] | None


class Thumbnails(QObject):  # type: ignore[misc]
    """Reads the thumbnails that are wanted now, one after the other.

    Parameters
    ----------
    parent
        Qt parent.
    """

    came = Signal(str, object)
    """A clip's key and its picture (QPixmap); an empty one where its file cannot be read."""
    dropped = Signal(object)
    """Keys (list) whose pictures are not kept any longer."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._kept: OrderedDict[str, QPixmap] = OrderedDict()
        self._worker = EventWorker(self)
        self._worker.came.connect(self._on_event)
        self._under_way: tuple[str, ...] = ()

    @property
    def is_reading(self) -> bool:
        """Whether a picture is being read."""
        return self._worker.is_running

    def want(self, clips: Sequence[tuple[str, Path]]) -> None:
        """Have the pictures of these clips (key and file) read, and none that were wanted before and are not now."""
        for key, _ in clips:
            if key in self._kept:
                self._kept.move_to_end(key)
        missing = [(key, path) for key, path in clips if key not in self._kept]
        keys = tuple(key for key, _ in missing)
        if not missing or (self.is_reading and set(keys) <= set(self._under_way)):
            return
        self._under_way = keys
        self._worker.start(_read_all, missing)

    def _on_event(self, event: object) -> None:
        if not isinstance(event, _Read):
            return
        picture = QPixmap() if event.pixels is None else _pixmap(event.pixels)
        self._kept[event.key] = picture
        self.came.emit(event.key, picture)
        if len(self._kept) > _KEPT:
            self.dropped.emit([self._kept.popitem(last=False)[0] for _ in range(_KEPT // 4)])


def _read_all(clips: Sequence[tuple[str, Path]]) -> Iterator[_Read]:
    for key, path in clips:
        try:
            pixels = read_thumbnail(path)
        except MataeError:
            pixels = None
        except Exception:  # noqa: BLE001 - a codec may raise anything, and a picture less is no harm
            pixels = None
        yield _Read(key, pixels)


def read_thumbnail(path: Path) -> NDArray[np.uint8]:
    """Return the middle frame of a clip, (Y, X) grey, with square pixels and hardly more of them than are shown.

    Raises
    ------
    MataeError
        If the file cannot be read.
    """
    from matae.read import open_cine

    cine = open_cine(path, third_axis_is_time=True)
    frame = cine.frames[cine.n_frames // 2]
    tall, wide = cine.pixel_aspect
    step_y = max(1, round(frame.shape[0] * 1.0 / _MOST_READ))
    step_x = max(1, round(step_y * tall / wide))
    return np.ascontiguousarray(frame[::step_y, ::step_x])


def _pixmap(pixels: NDArray[np.uint8]) -> QPixmap:
    rows, columns = pixels.shape
    image = QImage(pixels.data, columns, rows, columns, QImage.Format.Format_Grayscale8).copy()
    scaled = image.scaled(SIZE, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
    return QPixmap.fromImage(scaled)
