"""From an open clip to its numbers in one action: segment what has no mask yet, then measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QPushButton, QVBoxLayout, QWidget

from napari_matae.background.connections import connections_of
from napari_matae.widgets.settings import settings

if TYPE_CHECKING:
    from napari_matae.segment.panel import SegmentPanel
    from napari_matae.session.session import OpenCine, Session

__all__ = ["OneClick"]

_SETTING = "segment/measure_on_open"


class OneClick(QWidget):  # type: ignore[misc]
    """The button "Segment and measure", and the choice to do it whenever a clip is opened.

    A clip that has masks in the study is somebody's work: by itself nothing is done to it. The button segments the
    frames that have no mask and no person has taken, and goes on to the numbers.

    Parameters
    ----------
    session
        What is open.
    panel
        Segments it.
    parent
        Qt parent.
    """

    measure_wanted = Signal()
    """The clip is segmented: show its numbers."""

    def __init__(self, session: Session, panel: SegmentPanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._panel = session, panel
        self._known: OpenCine | None = session.current
        self._waits: OpenCine | None = None
        self._running: OpenCine | None = None
        self.button = QPushButton("Segment and measure", self)
        self.button.setAccessibleName("Segment and measure")
        self.button.setToolTip("Segment this clip with the model above and show its ejection fraction.")
        font = self.button.font()
        font.setBold(True)
        self.button.setFont(font)
        self.button.clicked.connect(lambda _=False: self.go())
        self.automatic = QCheckBox("Do this whenever a clip is opened", self)
        self.automatic.setAccessibleName("Segment and measure whenever a clip is opened")
        self.automatic.setToolTip("Clips that have masks in the study are left as they are.")
        self.automatic.setChecked(settings().value(_SETTING, "") == "yes")
        self.automatic.toggled.connect(lambda on: settings().setValue(_SETTING, "yes" if on else ""))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.button)
        column.addWidget(self.automatic)
        panel.finished.connect(self._on_finished)
        connections = connections_of(self)
        connections.connect(session.opened, self._on_opened)
        connections.connect(session.restored, self._go_on)
        self._show_ready()

    def go(self) -> None:
        """Segment what is open, as far as it has no masks, and measure it."""
        current = self._session.current
        if current is None or self._panel.is_running:
            return
        if not current.ready:
            self._waits = current
            return
        self._waits = None
        if all(frame in current.status for frame in range(current.cine.n_frames)):
            self.measure_wanted.emit()
            return
        self._running = current
        self._panel.run()

    def _on_opened(self, current: OpenCine | None) -> None:
        another, self._known = current is not self._known, current
        self._show_ready()
        if another:
            self._running = self._waits = None
            if current is not None and self.automatic.isChecked():
                self._begin_by_itself(current)

    def _begin_by_itself(self, current: OpenCine) -> None:
        if not current.ready:
            self._waits = current
        elif not current.status:
            self.go()

    def _go_on(self) -> None:
        waits, self._waits = self._waits, None
        if waits is not None and waits is self._session.current and not waits.status:
            self.go()

    def _on_finished(self, outcome: str) -> None:
        of, self._running = self._running, None
        if outcome == "done" and of is not None and of is self._session.current:
            self.measure_wanted.emit()

    def _show_ready(self) -> None:
        self.button.setEnabled(self._session.current is not None)
