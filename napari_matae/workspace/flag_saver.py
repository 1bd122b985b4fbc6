"""Puts the frames that are worth a look into the study, for whoever opens the next cine or another viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from napari_matae.edit.actions import Actions
    from napari_matae.session.session import OpenCine, Session
    from napari_matae.study.link import StudyLink

__all__ = ["FlagKeeper"]

_CALM_MS = 1500


class FlagKeeper(QObject):  # type: ignore[misc]
    """Stores the flags of the open cine once its masks and marks have been left alone for a moment.

    Parameters
    ----------
    session
        Whose cine.
    link
        The study.
    actions
        Knows which frames are flagged.
    parent
        Qt parent.
    """

    def __init__(self, session: Session, link: StudyLink, actions: Actions, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link, self._actions = link, actions
        self._of: OpenCine | None = session.current
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_CALM_MS)
        self._timer.timeout.connect(self.save)
        self._session = session
        self._signals = (
            session.area_changed, session.status_changed, session.marks_changed, session.restored, session.overridden,
            session.doubted,
        )  # fmt: skip
        for signal in self._signals:
            signal.connect(self._on_changed)
        session.opened.connect(self._on_opened)

    def close_down(self) -> None:
        """Store what waits and stop listening."""
        self._save_now()
        for signal in self._signals:
            signal.disconnect(self._on_changed)
        self._session.opened.disconnect(self._on_opened)

    def save(self) -> None:
        """Store the flags as they are."""
        current = self._of
        self._timer.stop()
        if current is not None and current.ready and current.labels is not None:
            self._link.record.save_flags(current.cine.content_id, self._actions.flags_of(current))

    def _save_now(self) -> None:
        if self._timer.isActive():
            self.save()

    def _on_changed(self) -> None:
        self._timer.start()

    def _on_opened(self, current: OpenCine | None) -> None:
        if current is not self._of:
            self._save_now()  # those of the cine before
            self._of = current
