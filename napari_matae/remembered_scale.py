"""A pixel size that a person once set comes back with the pixels it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

from napari_matae.scales import recalibrate, with_remembered_scale

if TYPE_CHECKING:
    from matae.cine import Cine
    from napari_matae.session import OpenCine, Session

__all__ = ["RememberedScale"]


class RememberedScale(QObject):  # type: ignore[misc]
    """Gives uncalibrated cines the pixel size that is remembered for them.

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
        self._known: Cine | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._use)
        session.opened.connect(self._on_opened)
        self._on_opened(session.current)

    def close_down(self) -> None:
        """Stop listening."""
        self._timer.stop()
        self._session.opened.disconnect(self._on_opened)

    def _on_opened(self, current: OpenCine | None) -> None:
        if current is not None and current.cine.spacing is None:
            known = with_remembered_scale(current.cine)
            if known.spacing is not None:
                self._known = known
                self._timer.start()  # everybody else hears of the cine first

    def _use(self) -> None:
        current, known = self._session.current, self._known
        self._known = None
        if current is not None and known is not None and current.cine.frames is known.frames:
            recalibrate(self._session, known)
