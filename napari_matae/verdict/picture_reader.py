"""Reads the pictures of a verdict in a worker, and hands them on one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_matae.background.events import Failed
from napari_matae.background.worker import EventWorker
from napari_matae.verdict.pictures import Picture, Subjects, verdict_events

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matae.learn.verdict import FrameChange

__all__ = ["PictureReader"]


class PictureReader(QObject):  # type: ignore[misc]
    """One set of pictures at a time.

    Parameters
    ----------
    parent
        Qt parent.
    """

    named = Signal(object)
    """Subject of each cine of the study, by content id."""
    drawn = Signal(object)
    """A picture, or why there is none (`napari_matae.verdict.pictures.Picture`)."""
    failed = Signal(str)
    """No more will come; a sentence."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._events = EventWorker(self)
        self._events.came.connect(self._on_event)

    @property
    def is_reading(self) -> bool:
        """Whether pictures are still being read."""
        return self._events.is_running

    def start(self, target: str, folder: Path | None, frames: Sequence[FrameChange]) -> None:
        """Read these; see `napari_matae.verdict.pictures.verdict_events`."""
        self._events.start(verdict_events, target, folder, frames)

    def stop(self) -> None:
        """Do not listen any more."""
        self._events.drop()

    def _on_event(self, event: object) -> None:
        if isinstance(event, Subjects):
            self.named.emit(event.names)
        elif isinstance(event, Picture):
            self.drawn.emit(event)
        elif isinstance(event, Failed):
            self.failed.emit(event.text)
