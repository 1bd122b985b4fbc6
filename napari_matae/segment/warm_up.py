"""Makes the model ready in the background, so that the first mask comes soon after the click.

Not before the picture is on screen: what the network's runtime loads would take the processor from whoever reads the
file.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

from napari_matae.background.connections import connections_of
from napari_matae.segment.events import make_ready
from napari_matae.session.layers import label_colours

if TYPE_CHECKING:
    from napari_matae.session.session import OpenCine, Session

__all__ = ["WarmUp"]

_IDLE_MS = 15_000  # without a cine: the user is choosing a file, or a large one is being read
_SHOWN_MS = 50  # after a cine was opened: its picture is drawn first


class WarmUp(QObject):  # type: ignore[misc]
    """Starts once, when a cine is on screen or nobody opens one.

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
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._start)
        connections_of(self).connect(session.opened, self._on_opened)
        self._timer.start(_IDLE_MS)

    def _on_opened(self, current: OpenCine | None) -> None:
        if current is not None and self._thread is None:
            self._timer.start(_SHOWN_MS)

    def _start(self) -> None:
        from matae.segment.auto import is_measuring

        if self._thread is not None or not is_measuring():
            return
        # Nobody waits for it: a viewer that is closed meanwhile need not either.
        self._thread = threading.Thread(target=_make_all_ready, name="matae-warm-up", daemon=True)
        self._thread.start()


def _make_all_ready() -> None:
    """Load the model, and have napari compile how it colours masks: otherwise the first mask waits for both."""
    import numpy as np

    make_ready()
    label_colours().map(np.zeros((2, 2), np.uint8))
