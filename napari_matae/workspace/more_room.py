"""More room for the picture: napari's own docks fold away, and come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QDockWidget, QMainWindow

from napari_matae.background.connections import connections_of

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

__all__ = ["MoreRoom", "main_window"]

_NAPARIS = frozenset({"layer list", "layer controls"})
"""Names of the docks that napari itself brings and nobody needs for a cine."""


class MoreRoom(QObject):  # type: ignore[misc]
    """Folds napari's layer list and layer controls away and brings back those that were there.

    Docks of other plugins, and docks that float, are left alone.

    Parameters
    ----------
    inside
        A widget in the window whose docks are meant; the owner.
    """

    changed = Signal(bool)
    """Whether they are folded away."""

    def __init__(self, inside: QWidget) -> None:
        super().__init__(inside)
        self._inside = inside
        self._folded: list[QDockWidget] = []
        connections_of(self).when_closed(self._bring_back)  # a viewer is left as it was found

    @property
    def is_folded(self) -> bool:
        """Whether docks are folded away, and nobody has brought them all back by napari's menu."""
        return any(dock.isHidden() for dock in self._folded)

    def toggle(self) -> None:
        """Fold them away, or bring them back."""
        if self.is_folded:
            self._bring_back()
        else:
            self._folded = [dock for dock in self._docks() if not dock.isHidden() and not dock.isFloating()]
            for dock in self._folded:
                dock.hide()
        self.changed.emit(self.is_folded)

    def _docks(self) -> list[QDockWidget]:
        window = main_window(self._inside)
        found = [] if window is None else window.findChildren(QDockWidget)
        return [dock for dock in found if dock.objectName() in _NAPARIS]

    def _bring_back(self) -> None:
        docks, self._folded = self._folded, []
        there = self._docks()
        for dock in docks:
            if dock in there:
                dock.show()


def main_window(widget: QWidget) -> QMainWindow | None:
    """Return the main window a widget is in, docked or floating."""
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, QMainWindow):
        parent = parent.parentWidget()
    return parent
