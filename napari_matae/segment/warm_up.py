"""Makes the model ready in the background, so that the first mask comes soon after the click.

Not before the picture is on screen: what the network's runtime loads would take the processor from whoever reads the
file. Then each clip that is opened is looked at: whether the model knows its pictures is wanted before it is outlined.
What no mask waits for comes after both, and measuring the computer's speed never begins beside a run; one that comes
meanwhile has it measured again on a quieter computer.
"""

from __future__ import annotations

import atexit
import threading
import weakref
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

from napari_matae.background.connections import connections_of
from napari_matae.segment.events import look_again, look_at, make_curve_ready, make_ready, measure_the_rest

if TYPE_CHECKING:
    from collections.abc import Callable

    from matae.segment import Sector
    from napari_matae.session.session import OpenCine, Session

__all__ = ["WarmUp"]

_IDLE_MS = 15_000  # without a cine: the user is choosing a file, or a large one is being read
_SHOWN_MS = 50  # after a cine was opened: its picture is drawn first
_DRAGGED_MS = 1000  # after another sector of a clip that was looked at: its outline is dragged, and a frame follows
_PATIENCE_S = 20.0  # at the end of the process
_BUSY_MS = 300  # until it is asked again whether what was begun is over


class WarmUp(QObject):  # type: ignore[misc]
    """Makes the model ready once, when a cine is on screen or nobody opens one; looks at each cine with a sector.

    Parameters
    ----------
    session
        Where cines are opened.
    parent
        Qt parent.
    """

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._thread: threading.Thread | None = None
        self._is_running = False
        self._done: set[Callable[[], None]] = set()
        self._looked_at: Sector | None = None
        """Of the clip that was looked at last."""
        self._looked_into: weakref.ref[OpenCine] | None = None
        """That clip, which is not kept for it."""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._start)
        connections = connections_of(self)
        connections.connect(session.opened, self._on_opened)
        connections.connect(session.sector_changed, self._on_sector)
        connections.connect(session.run_asked, self._on_run_began)
        connections.connect(session.run_began, self._on_run_began)
        connections.connect(session.run_ended, self._on_run_ended)
        self._timer.start(_IDLE_MS)

    def _on_run_began(self) -> None:
        self._is_running = True

    def _on_run_ended(self) -> None:
        self._is_running = False

    def _on_opened(self, current: OpenCine | None) -> None:
        self._is_running = False
        if current is not None and self._next() is not None:
            self._timer.start(_SHOWN_MS)

    def _on_sector(self) -> None:
        """Look at a clip as soon as it has a sector, and again when nobody drags it any more.

        A look is a pass over up to 16 frames: beside a drag it would hold up the frame that follows the outline.
        """
        current = self._session.current
        if current is not None and self._next() is not None:
            self._timer.start(_DRAGGED_MS if self._is_dragged else _SHOWN_MS)

    @property
    def _is_dragged(self) -> bool:
        """Whether the clip was looked at already, with another sector."""
        return self._looked_into is not None and self._looked_into() is self._session.current

    def _next(self) -> Callable[[], None] | None:
        """Return what is to be done next, or None."""
        if make_ready not in self._done:
            return make_ready
        current = self._session.current
        if current is not None and current.sector is not None and self._looked_at is not current.sector:
            return partial(look_again if self._is_dragged else look_at, current.cine, current.sector)
        return next((work for work in (make_curve_ready, measure_the_rest) if work not in self._done), None)

    def _start(self) -> None:
        from matae.segment.auto import is_measuring

        if not is_measuring():
            return
        work = self._next()
        if work is None:
            return
        if (self._thread is not None and self._thread.is_alive()) or (work is measure_the_rest and self._is_running):
            self._timer.start(_BUSY_MS)
            return
        current = self._session.current
        if isinstance(work, partial) and current is not None:
            self._looked_at, self._looked_into = current.sector, weakref.ref(current)
        else:
            self._done.add(work)
        # No window waits for it; see `_end`.
        self._thread = threading.Thread(target=work, name="matae-warm-up", daemon=True)
        self._thread.start()
        atexit.register(_end, self._thread)
        self._timer.start(_BUSY_MS)


def _end(thread: threading.Thread) -> None:
    """Wait, as the process ends and its windows are gone, until a warm-up is over.

    Python ends a thread that comes back from a library's own code then by unwinding it, and where that is C++, as in
    PyTorch, the whole process is aborted with a message that looks like a crash.
    """
    thread.join(_PATIENCE_S)
