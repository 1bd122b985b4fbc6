"""Reads the cine that is named on the command line while the viewer starts, which takes several times as long."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

__all__ = ["read_early", "taken_early"]


class _Early:
    path: Path | None = None
    thread: threading.Thread | None = None
    events: list[Any] | None = None


def read_early(path: Path) -> None:
    """Begin to read a file or folder in another thread, once.

    Parameters
    ----------
    path
        As for `napari_matae.open.reading.path_events`.
    """
    from napari_matae.background.worker import guarded
    from napari_matae.open.reading import reading_events

    def read() -> None:
        _Early.events = list(guarded(reading_events(path)))

    _Early.path = path
    _Early.thread = threading.Thread(target=read, name="matae-early", daemon=True)
    _Early.thread.start()


def taken_early(path: Path) -> list[Any] | None:
    """Return the events of what was read early, waiting for its end; None for another path, and the second time."""
    thread = _Early.thread
    if thread is None or path != _Early.path:
        return None
    thread.join()
    events, _Early.events, _Early.thread, _Early.path = _Early.events, None, None, None
    return events
