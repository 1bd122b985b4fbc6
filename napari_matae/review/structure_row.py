"""The structure the tools act on, by colour and name; there only where the masks hold several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QLabel, QWidget

from matae.anatomy import class_name
from napari_matae.session.layers import class_colour
from napari_matae.widgets.layout import combo_box

if TYPE_CHECKING:
    from napari_matae.edit.structure_choice import StructureChoice

__all__ = ["StructureRow"]

_SWATCH = 14


class StructureRow(QWidget):  # type: ignore[misc]
    """Chooses a structure.

    Parameters
    ----------
    structures
        The choice.
    parent
        Qt parent.
    """

    def __init__(self, structures: StructureChoice, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._structures = structures
        self.box = combo_box(self)
        self.box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.box.activated.connect(self._on_activated)
        title = QLabel("Structure", self)
        title.setBuddy(self.box)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(title)
        row.addWidget(self.box, stretch=1)
        structures.changed.connect(self._update)
        self._update()

    def _on_activated(self, place: int) -> None:
        self._structures.choose(int(self.box.itemData(place)))

    def _update(self) -> None:
        offered, there = self._structures.known, self._structures.offered
        if [self.box.itemData(place) for place in range(self.box.count())] != offered:
            self.box.clear()
            for value in offered:
                self.box.addItem(_swatch(value), "", value)
        for place, value in enumerate(offered):
            name, note = class_name(value), "" if value in there else " (not in these masks)"
            self.box.setItemText(place, name[0].upper() + name[1:] + note)
        self.box.setCurrentIndex(offered.index(self._structures.value))
        self.setVisible(self._structures.several)


def _swatch(value: int) -> QIcon:
    picture = QPixmap(_SWATCH, _SWATCH)
    picture.fill(QColor(class_colour(value)))
    return QIcon(picture)
