"""The overlay video in a thread of its own: frames are drawn and encoded while the network runs on the next ones."""

from __future__ import annotations

import threading
from queue import Queue
from typing import TYPE_CHECKING

from matae.output.video import OverlayVideo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any, Self

    import numpy as np
    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.segment.margins import Margins

__all__ = ["OverlayThread"]

_WAITING = 16
"""Masks that may wait to be drawn; whoever makes them waits beyond that, and memory stays flat."""


class OverlayThread:
    """Writes an overlay video from masks that come one by one, in the order of the frames.

    Leaving the context ends the thread, and with it the video where it was not finished; the file is closed then.

    Parameters
    ----------
    path, cine, visible
        As for `matae.output.video.OverlayVideo`.
    """

    def __init__(self, path: Path, cine: Cine, visible: Margins | None = None) -> None:
        self._waiting: Queue[NDArray[np.uint8] | None] = Queue(_WAITING)
        self._stopped = threading.Event()
        self._facts: dict[str, Any] = {}
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(path, cine, visible), name="matae-overlay", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._end()

    def add(self, mask: NDArray[np.uint8]) -> None:
        """Have the next frame drawn; it returns at once, or when there is room again.

        Parameters
        ----------
        mask
            (Y, X) classes in native pixels; not to be changed any more.

        Raises
        ------
        OSError
            If an earlier frame could not be written.
        """
        self._raise()
        self._waiting.put(mask)

    def finish(self) -> dict[str, Any]:
        """Wait for the last frame, and return what `OverlayVideo.finish` says of the video.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        self._end()
        self._raise()
        return self._facts

    def _end(self) -> None:
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self, path: Path, cine: Cine, visible: Margins | None) -> None:
        masks = self._masks()
        try:
            with OverlayVideo(path, cine, visible) as video:
                for mask in masks:
                    if not self._stopped.is_set():
                        video.add(mask)
                if not self._stopped.is_set():
                    self._facts = video.finish()
        except BaseException as error:  # noqa: BLE001 - raised again by whoever adds or waits
            self._error = error
            for _ in masks:  # whoever waits for room is not left waiting
                pass

    def _masks(self) -> Iterator[NDArray[np.uint8]]:
        while (mask := self._waiting.get()) is not None:
            yield mask
