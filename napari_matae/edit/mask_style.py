"""How masks look: outline or fill, opacity, hidden for a moment, the predicted mask over a manual one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_matae.background.connections import connections_of
from napari_matae.edit.overlay_layer import OverlayLayer
from napari_matae.session.layers import OUTLINE_WIDTH, PROPOSAL_COLOUR
from napari_matae.widgets.settings import settings

if TYPE_CHECKING:
    from napari_matae.session.session import Session

__all__ = ["MaskStyle"]

_OUTLINE, _FILL = 0.9, 0.4


class MaskStyle(QObject):  # type: ignore[misc]
    """The look of the session's masks, kept from cine to cine and from sitting to sitting.

    Parameters
    ----------
    session
        Whose layers.
    parent
        Qt parent.
    """

    changed = Signal()
    """They look another way."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._overlay = OverlayLayer(session, "Predicted mask", PROPOSAL_COLOUR)
        kept = settings()
        self._outline = str(kept.value("look/outline", "true")) == "true"
        self._opacity = {
            True: float(kept.value("look/outline_opacity", _OUTLINE)),
            False: float(kept.value("look/fill_opacity", _FILL)),
        }
        self._difference = False
        connections = connections_of(self)
        connections.connect(session.labels_changed, self._on_labels)
        connections.connect(session.opened, self._on_opened)
        connections.connect(session.area_changed, self._overlay.refresh)
        connections.when_closed(self._overlay.remove)
        self._on_labels()

    @property
    def outline(self) -> bool:
        """Whether only the contour is drawn."""
        return self._outline

    @property
    def opacity(self) -> float:
        """Opacity in 0-1 of the outline or the fill, whichever is shown."""
        return self._opacity[self._outline]

    @property
    def difference(self) -> bool:
        """Whether the predicted mask is shown over the mask."""
        return self._difference

    def set_outline(self, on: bool) -> None:
        """Draw the contour alone, or fill the cavity."""
        self._outline = on
        self._save("look/outline", "true" if on else "false")

    def set_opacity(self, value: float) -> None:
        """Make masks more or less opaque, 0-1."""
        self._opacity[self._outline] = min(1.0, max(0.05, value))
        self._save("look/outline_opacity" if self._outline else "look/fill_opacity", self.opacity)

    def toggle_hidden(self) -> None:
        """Hide the masks, or show them again: the border is best judged without a line on it."""
        self._session.layers_wanted.emit()
        current = self._session.current
        if current is not None and current.labels is not None:
            current.labels.visible = not current.labels.visible
            self.changed.emit()

    def set_difference(self, on: bool) -> None:
        """Show or hide the predicted mask."""
        current = self._session.current
        self._difference = on and current is not None and current.predicted is not None
        if self._difference and current is not None and current.predicted is not None:
            self._overlay.show(current.predicted)
        else:
            self._overlay.hide()
        self.changed.emit()

    def _save(self, key: str, value: object) -> None:
        settings().setValue(key, value)
        self._on_labels()
        self.changed.emit()

    def _on_labels(self) -> None:
        current = self._session.current
        if current is not None and current.labels is not None:
            width = OUTLINE_WIDTH if self._outline else 0
            if current.labels.contour != width:
                current.labels.contour = width
            current.labels.opacity = self.opacity
        if self._difference:
            self.set_difference(current is not None and current.predicted is not None)

    def _on_opened(self, _: object) -> None:
        self.set_difference(False)
        self._on_labels()
