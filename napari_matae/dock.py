"""The dock: the steps in the order of work, and under them the beating heart's controls and its area curve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QLabel, QScrollArea, QSplitter, QTabWidget, QVBoxLayout, QWidget

from napari_matae.area_plot import AreaPlot
from napari_matae.keys import bind_keys, release_keys
from napari_matae.open_panel import OpenPanel
from napari_matae.player import Player
from napari_matae.segment_panel import SegmentPanel
from napari_matae.session import Session
from napari_matae.transport import Transport
from napari_matae.workers import probe

if TYPE_CHECKING:
    from typing import Any

    import napari
    from qtpy.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent

__all__ = ["MataeDock"]

_NO_GPU = "No GPU here: the CPU is used. Choose a smaller width if it is slow."
_WATCH_HEIGHT = 300
_RESEARCH = "Research use only. Not for diagnosis."


class MataeDock(QWidget):  # type: ignore[misc]
    """The MatAE dock widget.

    Parameters
    ----------
    napari_viewer
        The viewer it works in (napari passes it by this name).
    parent
        Qt parent.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = napari_viewer
        self.session = Session(napari_viewer)
        self.player = Player(self.session, parent=self)
        self.open_panel = OpenPanel(self.session, self)
        self.segment_panel = SegmentPanel(self.session, self)
        self.transport = Transport(self.session, self.player, self)
        self.area_plot = AreaPlot(self.session, self)
        self.banner = QLabel(_NO_GPU, self)
        self.banner.setWordWrap(True)
        self.banner.hide()
        self._open_parts: list[Any] = [
            self.open_panel,
            self.segment_panel,
            self.transport,
            self.area_plot,
            self.session,
        ]

        self.steps = QTabWidget(self)
        for panel, title in ((self.open_panel, "1  Open"), (self.segment_panel, "2  Segment")):
            area = QScrollArea(self.steps)
            area.setWidgetResizable(True)
            area.setFrameShape(QScrollArea.Shape.NoFrame)
            area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            area.setWidget(panel)
            self.steps.addTab(area, title)

        watch = QWidget(self)
        below = QVBoxLayout(watch)
        below.setContentsMargins(0, 0, 0, 0)
        below.addWidget(self.transport)
        below.addWidget(self.area_plot, stretch=1)
        below.addWidget(self.banner)
        research = QLabel(_RESEARCH, self)
        below.addWidget(research)

        # Wrapped labels do not count in a layout's smallest height: without this they are drawn over the plot.
        watch.setMinimumHeight(_WATCH_HEIGHT)
        splitter = QSplitter(Qt.Orientation.Vertical, self)
        splitter.addWidget(self.steps)
        splitter.addWidget(watch)
        splitter.setStretchFactor(0, 3)
        splitter.setStretchFactor(1, 2)
        splitter.setChildrenCollapsible(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.addWidget(splitter)
        self.setMinimumWidth(330)
        # Dropped on the canvas, napari asks which of its readers to use; dropped here there is nothing to ask.
        self.setAcceptDrops(True)

        self.session.opened.connect(self._on_opened)
        bind_keys(self.viewer, self.session, self.player)
        self._probe()
        if self.session.current is not None:
            self._on_opened(self.session.current)

    def _probe(self) -> None:
        """Load torch while the user chooses a file: the first mask comes sooner, and we know of a GPU."""
        from napari.qt.threading import create_worker

        self._probe_worker: Any = create_worker(probe, _start_thread=False, _ignore_errors=True)
        self._probe_worker.returned.connect(self._on_probed)
        self._probe_worker.start()

    @property
    def is_probing(self) -> bool:
        """Whether torch is still being loaded in the background."""
        return bool(self._probe_worker.is_running)

    def _on_probed(self, gpu: bool) -> None:
        self.banner.setVisible(not gpu)

    def _on_opened(self, current: object) -> None:
        self.player.pause()
        if current is not None:
            self.steps.setCurrentIndex(1)

    def close_down(self) -> None:
        """Stop the player, end runs and let go of the viewer."""
        parts, self._open_parts = self._open_parts, []
        if not parts:
            return
        self.player.pause()
        self._probe_worker.returned.disconnect(self._on_probed)
        self.session.opened.disconnect(self._on_opened)
        for part in parts:
            (part.close if part is self.session else part.close_down)()
        release_keys(self.viewer)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        """Take files and folders."""
        if _dropped(event) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        """Open the file or folder that was dropped."""
        path = _dropped(event)
        if path is not None:
            event.acceptProposedAction()
            self.steps.setCurrentIndex(0)
            self.open_panel.open(path)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Let go of the viewer when napari takes the widget out of its dock."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.close_down()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Let go of the viewer when the dock is closed."""
        self.close_down()
        super().closeEvent(event)


def _dropped(event: QDropEvent) -> Path | None:
    """Return the one file or folder that is being dropped, or None if it is something else."""
    urls = event.mimeData().urls()
    return Path(urls[0].toLocalFile()) if len(urls) == 1 and urls[0].isLocalFile() else None
