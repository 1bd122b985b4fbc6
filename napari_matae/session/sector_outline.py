"""The sector of the cine on screen and the layer in which its outline can be dragged."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QTimer

from matae.errors import SegmentError
from matae.store.applied import sector_from
from matae.store.types import OverrideName, UnsureSector
from napari_matae.background.connections import Connections
from napari_matae.background.worker import EventWorker
from napari_matae.session.layers import make_sector_layer, sector_polygon

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from matae.segment import Sector
    from napari_matae.session.cine_viewer import CineViewer
    from napari_matae.session.open_cine import OpenCine
    from napari_matae.session.overrides import CineOverrides
    from napari_matae.session.signals import SessionSignals

__all__ = ["SectorOutline", "sector_of"]

_LATER_MS = 1000
"""Until the picture is drawn, and the model is loaded: beside napari's compiler both would take longer."""


class SectorOutline:
    """Shows sectors and follows the outline a person drags.

    Parameters
    ----------
    screen
        Where the cine is.
    tell
        Who is told that the sector is another, and that one of several pictures was chosen.
    overrides
        What people set of the cine, the outline among it.
    finds
        Whether a sector is found here and now; else `take` and `take_region` bring it.
    """

    def __init__(
        self, screen: CineViewer, tell: SessionSignals, overrides: CineOverrides, *, finds: bool = True
    ) -> None:
        self._cine_viewer, self._tell, self._overrides, self._finds = screen, tell, overrides, finds
        self._connections = Connections()
        self._layer_later = False
        self._later: QTimer | None = None
        self._first: EventWorker | None = None
        self._mask_wanted = False
        """Whether a run was asked for that no mask came of yet."""
        tell.run_asked.connect(partial(self._want_mask, True))
        tell.run_began.connect(partial(self._want_mask, True))
        tell.proposed.connect(lambda _: self._want_mask(False))
        tell.run_ended.connect(partial(self._want_mask, False))
        overrides.sector_set.connect(self.show)

    # -- where it comes from ------------------------------------------------------------------------------

    def find(self) -> None:
        """Drop the outline that a person drew and show the one that was found in the picture."""
        current = self._cine_viewer.current
        if current is None:
            return
        if current.overrides.get(OverrideName.SECTOR) is None:
            self.show_found(current)
        else:
            self._overrides.apply(OverrideName.SECTOR, None)

    def take(self, found: Sector) -> None:
        """Take the sector that was found in the picture; what people set of it stands."""
        current = self._cine_viewer.current
        if current is not None:
            current.found = found
            self.show(current)

    def choose_region(self, number: int) -> None:
        """Take one of several B-mode pictures of the frame, from 1: the sector in it is what the person sets."""
        current = self._cine_viewer.current
        if current is None:
            return
        part = current.stated.with_region(number)
        if self._finds:
            from matae.segment import find_sector

            self.take_region(find_sector(part))
        else:
            self._tell.region_chosen.emit(part)

    def take_region(self, found: Sector) -> None:
        """Take the sector that was found in the picture a person chose, as what the person set; unsure stays unsure.

        Which way up it is goes with it: what was found or said of another picture of the frame does not hold here.
        """
        current = self._cine_viewer.current
        if current is not None and found.apex_down != is_apex_down(current):
            self._overrides.apply(OverrideName.APEX_DOWN, found.apex_down)
        outline = _vertices(found.polygon)
        self._overrides.apply(OverrideName.SECTOR, UnsureSector(outline, found.source) if found.is_unsure else outline)

    def flip(self, *, apex_down: bool) -> None:
        """State whether the display has the apex at the bottom."""
        self._overrides.apply(OverrideName.APEX_DOWN, apex_down)

    # -- its layer ----------------------------------------------------------------------------------------

    def show_found(self, current: OpenCine) -> None:
        """Show the sector of a cine, having found it where nobody has and it is to be found here."""
        if current.found is None and self._finds:
            from matae.segment import find_sector

            current.found = find_sector(current.cine)
        self.show(current)

    def show(self, current: OpenCine) -> None:
        """Bring the sector and its layer in line with what was found and what people set."""
        current.sector = sector = sector_of(current)
        self._tell.sector_taken.emit()
        if sector is not None:
            if current.sector_layer is None:
                self._add_layer(current)
            elif not _same_outline(sector_polygon(current.sector_layer), sector.polygon):
                with self._cine_viewer.quiet():
                    current.sector_layer.data = [(sector.polygon, "polygon")]
        self._tell.sector_changed.emit()

    def let_picture_come_first(self) -> None:
        """Put the first layer on screen only after its picture, and load in a thread what draws it.

        For the first outline of a process napari loads its compiler, and compiles where it never did on this computer:
        seconds in which the window would not answer.
        """
        self._layer_later = True

    def hurry(self) -> None:
        """Put an outline on screen now that is still to come: somebody wants to drag it."""
        current = self._cine_viewer.current
        if current is not None and current.outline_comes_late:
            self._add_late(current)

    def _add_layer(self, current: OpenCine) -> None:
        if not self._layer_later:
            self._add_now(current)
        elif not current.outline_comes_late:
            current.outline_comes_late = True
            self._later = QTimer()
            self._later.timeout.connect(lambda: self._draw_once(current))
            self._later.start(_LATER_MS)

    def _add_now(self, current: OpenCine) -> None:
        self._layer_later = current.outline_comes_late = False
        sector = current.sector
        if sector is not None:
            layer = make_sector_layer(current.cine, sector)
            current.sector_layer = self._cine_viewer.add_above(layer, below=current.labels)
            self.follow(current)

    def _draw_once(self, current: OpenCine) -> None:
        """Have napari load what an outline takes, in a thread; the one that comes on screen is made in the GUI's.

        Later, where somebody waits for the first mask of a run, or for what the study holds of the clip.
        """
        if self._mask_wanted or not current.ready:
            return
        if self._later is not None:
            self._later.stop()
        if current.sector is None:  # it was taken back
            current.outline_comes_late = False
            return
        self._first = EventWorker()
        # An error comes as an event too; it is raised where the layer is made once more.
        self._first.came.connect(lambda _: self._add_late(current))
        self._first.call(make_sector_layer, current.cine, current.sector)

    def _want_mask(self, wanted: bool) -> None:
        self._mask_wanted = wanted

    def _await_none(self) -> None:
        if self._later is not None:
            self._later.stop()
        if self._first is not None:
            self._first.drop()
            with suppress(TypeError):  # Qt's word for nobody being connected
                self._first.came.disconnect()

    def _add_late(self, current: OpenCine) -> None:
        self._await_none()
        self._add_now(current)
        self._tell.sector_changed.emit()

    def follow(self, current: OpenCine) -> None:
        """Listen to a cine's outline; one that did not come before the cine was left comes now."""
        if current.outline_comes_late:
            self._add_now(current)
        elif current.sector_layer is not None:
            self._connections.connect(current.sector_layer.events.data, self.settle)

    def unfollow(self) -> None:
        """Listen to no outline any more, and let none come late."""
        self._connections.close()
        self._await_none()
        self._mask_wanted = False  # a run ends with the cine it is of, and nobody says so

    def settle(self) -> None:
        """Take the outline as it is drawn by now."""
        from matae.segment import sector_from_polygon

        current = self._cine_viewer.current
        if self._cine_viewer.is_ours or current is None or current.sector is None or current.sector_layer is None:
            return
        polygon = sector_polygon(current.sector_layer)
        if polygon is None or _same_outline(polygon, current.sector.polygon):
            return  # napari also announces changes about to come, with the data as they were
        try:
            sector_from_polygon(polygon)
        except SegmentError:
            return  # a drag passes through odd shapes; the last sound outline stands
        self._overrides.apply(OverrideName.SECTOR, _vertices(polygon))


def sector_of(current: OpenCine) -> Sector | None:
    """Return the sector as people set it, else as it was found; None while it is being looked for."""
    found, outline, down = current.found, current.overrides.get(OverrideName.SECTOR), is_apex_down(current)
    if outline is not None:
        with suppress(SegmentError):  # stored by another program; that it is not used is said beside the sector
            return sector_from(outline, apex_down=down)
    return None if found is None else replace(found, apex_down=down)


def is_apex_down(current: OpenCine) -> bool:
    """Return whether the apex is at the bottom, as people set it, else as it was found."""
    down = current.overrides.get(OverrideName.APEX_DOWN)
    return bool(current.found is not None and current.found.apex_down) if down is None else bool(down)


def _vertices(polygon: NDArray[np.floating[Any]]) -> tuple[tuple[float, float], ...]:
    return tuple((float(y), float(x)) for y, x in polygon)


def _same_outline(a: NDArray[np.float64] | None, b: NDArray[np.float64]) -> bool:
    # Shapes layers keep float32.
    return a is not None and a.shape == b.shape and bool(np.allclose(a, b, atol=1e-2))
