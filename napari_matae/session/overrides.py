"""What people set of the cine on screen, in place of what was found in its picture or stated by its file.

Sector, flip, pixel size, view, frame rate and body size all go one way: they are noted with the cine, brought on
screen, and told to whoever stores them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from matae.cine import Spacing
from matae.store.applied import cine_with
from matae.store.types import OverrideName, Overrides
from napari_matae.session.layers import is_stand_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from matae.cine import Cine
    from napari_matae.session.cine_viewer import CineViewer
    from napari_matae.session.open_cine import OpenCine
    from napari_matae.session.signals import SessionSignals

__all__ = ["CineOverrides"]

_OF_SECTOR = frozenset({OverrideName.SECTOR, OverrideName.APEX_DOWN})


class CineOverrides:
    """Takes what a person sets, and shows what was set before or by others.

    Parameters
    ----------
    screen
        Where the cine is.
    replace
        Puts another description of the same pixels in place of the one on screen.
    tell
        Who is told that a person set something.
    """

    sector_set = Signal(object)
    """The outline of the sector, or which way up it is, is another (OpenCine)."""

    def __init__(self, screen: CineViewer, replace: Callable[[Cine], None], tell: SessionSignals) -> None:
        self._cine_viewer, self._replace, self._tell = screen, replace, tell

    def apply(self, name: OverrideName, value: Any) -> None:
        """Set something of the cine in place of what was found or stated; None takes it away.

        Parameters
        ----------
        name
            What is set.
        value
            As the field of `matae.store.Overrides` of that name holds it.
        """
        name = OverrideName(name)
        current = self._cine_viewer.current
        if current is None or current.overrides.get(name) == value:
            return
        current.overrides[name] = value
        current.unstored.add(name)
        self._show(current, {name})
        self._tell.overridden.emit(name)

    def show(self, values: Mapping[OverrideName, Any]) -> None:
        """Show what the study holds of what people set; nothing of it needs saving."""
        current = self._cine_viewer.current
        if current is None:
            return
        changed = {name for name, value in values.items() if current.overrides.get(name) != value}
        current.overrides.update(values)
        self._show(current, changed)

    def _show(self, current: OpenCine, changed: set[OverrideName]) -> None:
        if changed & _OF_SECTOR:
            self.sector_set.emit(current)
        if changed - _OF_SECTOR:
            self.describe(current)

    def describe(self, current: OpenCine) -> None:
        """Show the cine as its file states it and as people set it."""
        values = current.overrides
        spacing = values.get(OverrideName.SPACING)
        cine = cine_with(
            current.stated,
            Overrides(
                spacing=None if spacing is None else Spacing(*spacing),
                view=values.get(OverrideName.VIEW),
                frame_rate=values.get(OverrideName.FRAME_RATE),
                height_cm=values.get(OverrideName.HEIGHT),
                weight_kg=values.get(OverrideName.WEIGHT),
            ),
        )
        before, after = np.asarray(current.cine.pixel_aspect), np.asarray(cine.pixel_aspect)
        if not np.array_equal(before, after):
            # Every layer over the picture takes the new scale: a mask with the old one would lie beside its heart.
            for layer in self._cine_viewer.viewer.layers:
                scale = np.asarray(layer.scale, float)
                if layer.ndim >= 2 and not is_stand_in(layer) and np.allclose(scale[-2:], before):
                    layer.scale = (*scale[:-2], *after)
        self._replace(cine)
        if not np.array_equal(before, after):
            self._cine_viewer.viewer.reset_view()
