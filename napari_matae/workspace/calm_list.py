"""While a cine plays, napari's layer list is drawn twice a second and not with every frame.

Each frame gives every layer another thumbnail, and without a graphics card drawing the list costs as much as drawing
the picture. While one layer stands for several, the list stays as it was drawn last: to whoever looks nothing is
hidden.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QAbstractItemView, QDockWidget

from napari_matae.background.connections import connections_of
from napari_matae.workspace.more_room import main_window

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_matae.playing.stand_in import StandIn
    from napari_matae.session.player import Player

__all__ = ["CalmList"]

_DRAWN_MS = 500
_LIST = "layer list"
"""Name of napari's dock."""


class CalmList(QObject):  # type: ignore[misc]
    """Holds the layer list still while a player plays.

    Parameters
    ----------
    player
        Which.
    stand_in
        Shows one layer for several.
    inside
        A widget in the window whose list is meant; the owner.
    """

    def __init__(self, player: Player, stand_in: StandIn, inside: QWidget) -> None:
        super().__init__(inside)
        self._inside, self._stand_in = inside, stand_in
        self._held: QWidget | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_DRAWN_MS)
        self._timer.timeout.connect(self._draw)
        player.playing_changed.connect(self._on_playing)
        stand_in.changed.connect(self._lay_out)
        connections_of(self).when_closed(self._let_go)

    def _on_playing(self, playing: bool) -> None:
        self._let_go()
        if playing:
            self._held = self._list()
            if self._held is not None:
                self._held.setUpdatesEnabled(False)
                self._timer.start()

    def _list(self) -> QWidget | None:
        window = main_window(self._inside)
        docks = [] if window is None else window.findChildren(QDockWidget)
        return next((dock.widget() for dock in docks if dock.objectName() == _LIST), None)

    def _draw(self) -> None:
        """Draw it once as it is now."""
        if self._held is not None and not self._stand_in.stands:
            self._held.setUpdatesEnabled(True)
            self._held.repaint()
            self._held.setUpdatesEnabled(False)

    def _lay_out(self) -> None:
        """Place the rows anew, which Qt puts off where nothing is drawn: until then a click on a row meets none."""
        if self._held is not None:
            for rows in self._held.findChildren(QAbstractItemView):
                rows.doItemsLayout()

    def _let_go(self) -> None:
        self._timer.stop()
        held, self._held = self._held, None
        if held is not None:
            held.setUpdatesEnabled(True)
