"""The part of the picture the model sees: where it comes from, and how to change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from matae.store.types import OverrideName, UnsureSector
from napari_matae.background.connections import connections_of

if TYPE_CHECKING:
    from napari_matae.session.session import Session

__all__ = ["SectorControls"]


class SectorControls(QWidget):  # type: ignore[misc]
    """Says how the sector was found; lets the user drag it, find it again, or turn it.

    Parameters
    ----------
    session
        Whose sector it is.
    parent
        Qt parent.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.text = QLabel(self)
        self.text.setWordWrap(True)
        self.adjust_button = QPushButton("Adjust sector", self)
        self.adjust_button.setToolTip("Drag the corners of the blue outline: the model sees only what is inside.")
        self.adjust_button.clicked.connect(self.adjust)
        self.reset_button = QPushButton("Find again", self)
        self.reset_button.setToolTip("Drop the drawn outline and find the sector in the picture.")
        self.reset_button.clicked.connect(session.sector.find)
        self.apex_down = QCheckBox("Apex is at the bottom", self)
        self.apex_down.setToolTip("Tick for displays that show the heart upside down.")
        self.apex_down.clicked.connect(lambda on: session.sector.flip(apex_down=on))
        self.region = QComboBox(self)
        self.region.setAccessibleName("Region of the picture")
        self.region.setToolTip("Which of the B-mode pictures in the frame shows the ventricle; its scale is used.")
        self.region.activated.connect(lambda index: session.sector.choose_region(index + 1))
        buttons = QHBoxLayout()
        buttons.addWidget(self.adjust_button)
        buttons.addWidget(self.reset_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.text)
        column.addWidget(self.region)
        column.addLayout(buttons)
        column.addWidget(self.apex_down)
        connections = connections_of(self)
        connections.connect(session.sector_changed, self._update)
        connections.connect(session.opened, self._update)
        self._update()

    def adjust(self) -> None:
        """Select the outline so that its corners can be dragged."""
        current = self._session.current
        if current is None:
            return
        self._session.sector.hurry()
        if current.sector_layer is None:
            self._session.sector.find()
        if current.sector_layer is not None:
            self._session.layers_wanted.emit()
            current.sector_layer.visible = True
            self._session.viewer.layers.selection.active = current.sector_layer
            current.sector_layer.mode = "direct"
            current.sector_layer.selected_data = {0}

    def leave(self) -> None:
        """Let go of the corners: the masks, or the picture where there are none, are worked on again."""
        current = self._session.current
        if current is None or current.sector_layer is None:
            return
        selection = self._session.viewer.layers.selection
        current.sector_layer.mode = "pan_zoom"
        if selection.active == current.sector_layer:  # napari wraps one of them
            selection.active = current.labels or current.image

    def _update(self, _: object = None) -> None:
        current = self._session.current
        self._show_regions()
        if current is None or current.sector is None:
            self.text.setText("Sector: none yet" if current is None else "Sector: looking for it…")
            self.apex_down.setChecked(False)
            return
        stored = current.overrides.get(OverrideName.SECTOR)
        outline = stored.outline if isinstance(stored, UnsureSector) else stored
        is_used = outline is not None and np.array_equal(current.sector.polygon, outline)
        if outline is not None and not is_used:
            self.text.setText(f"The stored outline is none of this picture; used: {current.sector.describe()}.")
            self.apex_down.setChecked(current.sector.apex_down)
            return
        hint = " Segment again to use it." if current.run and is_used else ""
        self.text.setText(f"Sector: {current.sector.describe()}.{hint}")
        self.apex_down.setChecked(current.sector.apex_down)

    def _show_regions(self) -> None:
        """Offer the B-mode pictures of a frame that shows several; the one the sector lies in is chosen."""
        current = self._session.current
        known = () if current is None else current.cine.b_modes
        self.region.setVisible(len(known) > 1)
        self.region.clear()
        if current is None or len(known) < 2:
            return
        self.region.addItems([f"B-mode region {number} of {len(known)}" for number in range(1, len(known) + 1)])
        boxes = [region.box for region in known]
        held = current.cine.region
        if current.sector is not None:
            held = current.sector.scaled(current.cine).region
        self.region.setCurrentIndex(boxes.index(held) if held in boxes else -1)
