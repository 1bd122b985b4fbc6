"""Reads the cine that is named on the command line while the viewer starts, which takes several times as long.

Its picture can be shown as soon as it is decoded. What else is found out of it waits for that: it would take processor
time from whoever brings the picture on screen.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any, ClassVar

    from matae.cine import Cine

__all__ = ["early_cine", "read_early", "taken_early"]


class _Early:
    """What one path holds, as it becomes known."""

    last: ClassVar[_Early | None] = None

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events: list[Any] = []
        self.cine: Cine | None = None
        self.is_decoded, self.may_go_on = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._read, name="matae-early", daemon=True)
        self.thread.start()

    def _read(self) -> None:
        from napari_matae.background.worker import guarded
        from napari_matae.open.reading import Decoded, reading_events

        for event in guarded(reading_events(self.path)):
            self.events.append(event)
            if isinstance(event, Decoded):
                self.cine = event.cine
                self.is_decoded.set()
                self.may_go_on.wait()
        self.is_decoded.set()


def read_early(path: Path) -> None:
    """Begin to read a file or folder in another thread, once.

    Parameters
    ----------
    path
        As for `napari_matae.open.reading.path_events`.
    """
    import napari_matae.background.worker  # noqa: F401 - Qt takes the thread that loads it for the GUI's

    _Early.last = _Early(path)


def early_cine(path: Path, patience_s: float) -> Cine | None:
    """Return the cine that is being read early, as soon as it is decoded; what else is found out of it waits.

    Parameters
    ----------
    path
        As it was given to `read_early`.
    patience_s
        How long to wait for it; the window is drawn meanwhile.

    Returns
    -------
    Cine or None
        None for another path, where that is no single cine or cannot be read, and where it takes longer.
    """
    from napari_matae.background.patient_wait import wait_until

    early = _Early.last
    if early is None or path != early.path:
        return None
    wait_until(early.is_decoded.is_set, patience_s)
    return early.cine


def taken_early(path: Path) -> Iterator[Any] | None:
    """Return the events of what was read early, which are waited for; None for another path, and the second time.

    It is taken with the call, though nobody asks for an event: what was read is kept for nobody else.
    """
    early = _Early.last
    if early is None or path != early.path:
        return None
    _Early.last = None
    early.may_go_on.set()
    return _awaited(early)


def _awaited(early: _Early) -> Iterator[Any]:
    early.thread.join()
    yield from early.events
