"""While a cine plays, one layer stands for the image, the masks over it and the sector.

It comes when nobody has touched anything for a moment, and goes before a key or a button of the mouse does what it
does: whoever works at the layers finds them as they are.
"""

from __future__ import annotations

import gc
from contextlib import ExitStack
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt, QTimer, Signal
from qtpy.QtWidgets import QApplication

from napari_matae.background.connections import Connections, connections_of
from napari_matae.session.layers import STAND_IN_KEY, is_stand_in

if TYPE_CHECKING:
    from typing import Any

    from napari.layers import Image, Layer

    from napari_matae.playing.one_picture import OnePicture
    from napari_matae.session.player import Player
    from napari_matae.session.session import Session

__all__ = ["StandIn"]

_CALM_MS = 500
_TOUCHES = {
    QEvent.Type.MouseButtonPress,
    QEvent.Type.MouseButtonDblClick,
    QEvent.Type.KeyPress,
    QEvent.Type.ShortcutOverride,  # a key is a shortcut before it is a key
    QEvent.Type.ContextMenu,
    QEvent.Type.DragEnter,
    QEvent.Type.TouchBegin,
    QEvent.Type.TabletPress,
}
_NAME = "Playing"


class StandIn(QObject):  # type: ignore[misc]
    """Shows the picture of the layers in their place, and them when they are wanted.

    Parameters
    ----------
    session
        Whose cine.
    player
        Plays it.
    parent
        Qt parent.
    """

    changed = Signal(bool)
    """It stands for the layers now, or no longer does."""

    def __init__(self, session: Session, player: Player, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._player = session, player
        self._is_allowed = True
        self.calm_ms = _CALM_MS
        """So long nobody touches anything before it comes; from the next touch on."""
        self._picture: OnePicture | None = None
        self._layer: Image | None = None
        self._is_ours = self._is_frozen = False
        self._left_hidden: set[Layer] = set()
        """Layers that somebody else hid while they were."""
        self._coming: set[Layer] = set()
        """Hidden layers among those that it stood for, which somebody showed: nothing over them is composed."""
        self._covered = Connections()
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.timeout.connect(self._begin)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(0)
        self._later.timeout.connect(self._remove)
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.setInterval(0)
        self._again.timeout.connect(lambda: self._show(session.frame))
        player.playing_changed.connect(self._on_playing)
        connections = connections_of(self)
        connections.connect(session.frame_changed, self._show)
        connections.connect(session.area_changed, self._show_soon)
        connections.connect(session.layers_wanted, self.give_way)
        viewer = session.viewer
        for event in (viewer.layers.events.inserting, viewer.layers.events.removing, viewer.layers.events.moving):
            connections.connect(event, self._on_list)
        connections.connect(viewer.layers.events.reordered, self._on_list)
        connections.connect(viewer.dims.events.ndisplay, self.give_way)
        connections.connect(viewer.dims.events.order, self.give_way)
        connections.when_closed(self._end)

    @property
    def stands(self) -> bool:
        """Whether it stands for the layers now."""
        return self._picture is not None

    @property
    def allowed(self) -> bool:
        """Whether it comes at all."""
        return self._is_allowed

    @allowed.setter
    def allowed(self, value: bool) -> None:
        self._is_allowed = value
        self.give_way()

    def give_way(self) -> None:
        """Show the layers themselves; it comes back when it is calm, if the cine still plays.

        Its own layer leaves the list a moment later: the list may be changing just now.
        """
        if self._player.is_playing:
            self._calm.start(self.calm_ms)
        if self.stands:
            self._show_layers()
            self._later.start()

    def eventFilter(self, _: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 - Qt's name
        """Give way before anything is touched."""
        if event is not None and event.type() in _TOUCHES:
            self.give_way()
        return False

    def _on_playing(self, _: bool) -> None:
        self._calm.stop()
        self._coming.clear()
        self.give_way()

    def _end(self) -> None:
        self._calm.stop()
        self._show_layers()
        self._remove()

    def _on_list(self, _: object = None) -> None:
        if not self._is_ours:
            self.give_way()

    # -- coming -------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        from napari_matae.playing.one_picture import OnePicture, composable

        current, viewer = self._session.current, self._session.viewer
        if not self._is_allowed or not self._player.is_playing or current is None or self.stands:
            return
        self._remove()
        if _is_touched():
            self._calm.start(self.calm_ms)
            return
        if viewer.dims.ndisplay != 2 or viewer.grid.enabled:
            return
        layers = composable(viewer.layers, current, self._coming)
        if len(layers) < 2:
            return
        self._session.settle()  # a mask is shown as it is recorded
        picture = OnePicture(current, layers)
        picture.compose(self._session.frame)
        self._insert(picture)
        self._picture = picture
        with self._quietly(layers):
            for layer in layers:
                layer.visible = False
        for layer in layers:
            self._covered.connect(layer.events, self._on_layer)
        top = max(viewer.layers.index(layer) for layer in layers)
        for layer in list(viewer.layers)[:top]:
            if layer not in layers and not is_stand_in(layer):
                self._covered.connect(layer.events.visible, self._on_coming)
        self.changed.emit(True)

    def _insert(self, picture: OnePicture) -> None:
        from napari.layers import Image

        image, layers = picture.layers[0], self._session.viewer.layers
        self._freeze()
        layer = Image(
            picture.pixels,
            rgb=True,
            name=_NAME,
            scale=image.scale[-2:],
            translate=image.translate[-2:],
            interpolation2d=image.interpolation2d,
            metadata={STAND_IN_KEY: True},
        )
        layer.editable = False
        with self._quietly([]):
            chosen, active = set(layers.selection), layers.selection.active
            # The lowest: nothing under it is visible, and no other row of the list, which is not drawn anew, moves.
            layers.insert(0, layer)
            layers.selection.intersection_update(chosen)
            layers.selection.update(chosen)
            layers.selection.active = active
        self._layer = layer
        QApplication.instance().installEventFilter(self)

    def _show(self, frame: int) -> None:
        if self._picture is not None and self._layer is not None:
            self._picture.compose(frame)
            self._layer.refresh(extent=False, thumbnail=False, highlight=False)

    def _show_soon(self) -> None:
        """Show the frame anew, where it may stay on screen for long: the clip plays slowly, or one frame of it."""
        if self.stands:
            self._again.start()

    # -- going --------------------------------------------------------------------------------------------

    def _on_layer(self, event: Any) -> None:
        if self._is_ours or self._picture is None:
            return
        if event.type == "visible":  # somebody else hides it, or shows it
            if not event.source.visible:
                self._left_hidden.add(event.source)
            self.give_way()
        elif self._picture.fits:
            self._picture.forget()
            self._show_soon()
        else:
            self.give_way()

    def _on_coming(self, event: Any) -> None:
        if event.source.visible:
            self._coming.add(event.source)
            self.give_way()

    def _show_layers(self) -> None:
        picture, self._picture = self._picture, None
        if picture is None:
            return
        self._covered.close()
        with self._quietly(picture.layers):
            for layer in picture.layers:
                if layer not in self._left_hidden:
                    layer.visible = True
            self._left_hidden.clear()
            if self._layer is not None:
                self._layer.visible = False
        self.changed.emit(False)

    def _remove(self) -> None:
        self._later.stop()
        layer, self._layer = self._layer, None
        if layer is None:
            return
        QApplication.instance().removeEventFilter(self)
        layers = self._session.viewer.layers
        try:
            if layer in layers:
                with self._quietly([]):
                    layers.remove(layer)
        finally:
            del layer
            self._thaw()

    def _freeze(self) -> None:
        """Leave all that is there now out of the garbage collections until `_thaw`, unless somebody else does.

        napari collects garbage when a layer goes, to be rid of what the graphics card held for it. In the whole of
        memory that takes longer than all else; in what came with the layer it does not.
        """
        self._is_frozen = gc.get_freeze_count() == 0
        if self._is_frozen:
            gc.freeze()

    def _thaw(self) -> None:
        if self._is_frozen:
            self._is_frozen = False
            gc.collect()  # the layer itself, which napari still held when it collected
            gc.unfreeze()

    def _quietly(self, layers: list[Layer]) -> ExitStack:
        """Do something that is no doing of the user's: tools stay in the hand, and what is chosen stays chosen."""
        stack = ExitStack()
        before, self._is_ours = self._is_ours, True
        stack.callback(lambda: setattr(self, "_is_ours", before))
        if layers:
            for layer in layers:
                stack.enter_context(layer.events.mode.blocker())
        else:
            stack.enter_context(self._session.viewer.layers.selection.events.blocker_all())
        return stack


def _is_touched() -> bool:
    application = QApplication.instance()
    held = application.mouseButtons() != Qt.MouseButton.NoButton
    return held or application.activePopupWidget() is not None or application.activeModalWidget() is not None
