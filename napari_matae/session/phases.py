"""End-diastole and end-systole of the open cine: the same two frames for every step of the dock.

The Measure step, where it has measured the masks on screen, has the last word. Else the frames are found from the area
curve by the same rules, which costs a few milliseconds; they are looked for again only after something they depend on
has changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matae.metrics import dice
from matae.review import Phases, cycle_phases
from matae.store.types import FrameStatus

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from matae.measure import Disks, Measurement
    from napari_matae.session.session import OpenCine, Session

__all__ = ["PhaseFinder"]

_MOST = 64
"""Frames whose disks are kept."""


class PhaseFinder:
    """Knows end-diastole and end-systole of the session's cine.

    Parameters
    ----------
    session
        Whose cine.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._of: tuple[Any, ...] | None = None
        self._found = Phases(None, None)
        self._disks: dict[tuple[Any, ...], Disks | None] = {}

    @property
    def phases(self) -> Phases:
        """End-diastole and end-systole: as a person marked them, else the file, else by the area curve."""
        current = self._session.current
        return Phases(None, None) if current is None else self.phases_of(current)

    def phases_of(self, current: OpenCine) -> Phases:
        """Return those of a cine that was on screen until just now, or is."""
        area = self._area(current)
        basis = _basis(current, area)
        if basis != self._of:
            self._found = cycle_phases(
                area,
                current.cine,
                ed=current.ed,
                es=current.es,
                ejection=lambda ed, es: self._ejection(current, ed, es),
            )
            self._of = basis
        return self._found

    def set_measurement(self, measurement: Measurement | None) -> None:
        """Hear what the Measure step found; it counts until masks or marks change."""
        current = self._session.current
        if current is None or measurement is None or measurement.content_id != current.cine.content_id:
            return
        self._take_widths(current, measurement)
        found = Phases(measurement.ed_frame, measurement.es_frame)
        marks = measurement.inputs.marks
        if (marks.ed and found.ed not in marks.ed) or (marks.es and found.es not in marks.es):
            return  # a mark that makes no beat is still shown
        if _same(measurement, current, found.ed) and _same(measurement, current, found.es):  # else it will come again
            self._of, self._found = _basis(current, self._area(current)), found

    @staticmethod
    def _area(current: OpenCine) -> NDArray[np.float64]:
        area = current.area_px.copy()
        area[current.with_status(FrameStatus.REJECTED)] = np.nan  # a frame called unusable is not measured
        return area

    def _ejection(self, current: OpenCine, ed: int, es: int) -> float | None:
        from matae.measure.disks import pair

        first, second = self._disks_of(current, ed), self._disks_of(current, es)
        found = None if first is None or second is None else pair(first, second)
        return None if found is None else found.ef_percent

    def _disks_of(self, current: OpenCine, frame: int) -> Disks | None:
        from matae.measure.disks import disks

        down = current.sector is not None and current.sector.apex_down
        key = (current.cine.content_id, frame, current.digest(frame), current.placed(frame), down)
        if key not in self._disks:
            if len(self._disks) >= _MOST:
                self._disks.clear()
            self._disks[key] = disks(
                current.mask(frame), current.cine.pixel_size, landmarks=current.placed(frame), apex_down=down, label=1
            )
        return self._disks[key]

    @staticmethod
    def _take_widths(current: OpenCine, measurement: Measurement) -> None:
        """Note how far the widths of the network are apart where they have been asked anyway."""
        masks = measurement.inputs.width_masks
        current.asked[:] = np.nan
        for frame in {t for by_frame in masks.values() for t in by_frame}:
            own = current.mask(frame) == 1 if current.labels is not None else None
            others = [by_frame[frame] == 1 for by_frame in masks.values() if frame in by_frame]
            if own is not None and len(others) > 1 and 0 <= frame < current.cine.n_frames:
                current.asked[frame] = 1.0 - min(float(dice(own, other)) for other in others)


def _basis(current: OpenCine, area: NDArray[np.float64]) -> tuple[Any, ...]:
    """Return what the two frames depend on; equal where nothing of it has changed."""
    down = current.sector is not None and current.sector.apex_down
    return current.cine, current.ed, current.es, down, area.tobytes()


def _same(measurement: Measurement, current: OpenCine, frame: int | None) -> bool:
    """Return whether a frame was measured with the mask on screen."""
    if frame is None or current.labels is None:
        return False
    return np.array_equal(measurement.inputs.mask(frame), current.mask(frame))
