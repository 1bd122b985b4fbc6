"""Keeps a measurement of the open cine in step with its masks.

The first measurement of a cine, and one after many frames changed, is made off the GUI thread. A stroke or a dragged
handle changes one frame: only that is measured again, at once, so that the numbers move with the hand.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal
from superqt.utils import qdebounced, qthrottled

from matae.errors import MataeError
from matae.store.types import OverrideName
from napari_matae.background.connections import connections_of
from napari_matae.background.events import Failed
from napari_matae.background.worker import EventWorker
from napari_matae.measure.inputs import (
    SuspectFrames,
    changed_landmarks,
    changed_masks,
    cine_to_measure,
    is_judged_otherwise,
    is_of_another_network,
    landmarks_of,
    marks_of,
    of_another_person,
    reviewed_frames,
    task_of,
)
from napari_matae.measure.tasks import Measured, measure_events
from napari_matae.measure.width_check import WidthCheck, without_frames
from napari_matae.study.landmarks import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from numpy.typing import NDArray

    from matae.measure import Measurement
    from napari_matae.session.open_cine import OpenCine
    from napari_matae.session.session import Session

__all__ = ["LiveMeasurement"]

_LIVE_MS = 30
_CALM_MS = 300
_OUTLINED_MS = 250
"""After another outline of the sector: the frame on screen follows it first, and a drag sets more of them."""
_WIDTHS_MS = 1200
_JUDGED_MS = 700
"""Longer than from one report of widths that are being compared to the next, mostly: all of them are taken at once."""
_AT_ONCE = 2
"""So many changed frames are measured in the GUI thread; more go to a worker."""


class LiveMeasurement(QObject):  # type: ignore[misc]
    """The measurement of the session's cine.

    Parameters
    ----------
    session
        Whose masks are measured.
    parent
        Qt parent.
    """

    changed = Signal()
    """The measurement is another one, or gone, or it cannot be made: see `measurement`, `is_running`, `problem`."""
    outdated = Signal()
    """There is another outline of the sector: `changed` follows once it rests, so that the frame on screen is first."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._measurement: Measurement | None = None
        self.problem = ""
        """Why there is no measurement; empty if nothing went wrong."""
        self.seconds = 0.0
        """How long the last change took to be measured."""
        self._active = False
        self._stale = True
        self._outdated = False
        """Whether what was measured is of an outline of the sector that is another one now."""
        self._suspects = SuspectFrames()
        self._worker = EventWorker(self)
        self._worker.came.connect(self._on_event)
        self._worker.ended.connect(self._on_ended)
        self._widths = WidthCheck(self)
        self._widths.answered.connect(self._on_widths)
        self._widths.ended.connect(self._on_widths_ended)
        self._follow_soon = qthrottled(self._follow, timeout=_LIVE_MS, parent=self)
        self._check_soon = qdebounced(self._check_all, timeout=_CALM_MS, parent=self)
        self._ask_widths_soon = qdebounced(self._ask_widths, timeout=_WIDTHS_MS, parent=self)
        self._judge_soon = qdebounced(self._judge, timeout=_JUDGED_MS, parent=self)
        self._anew_soon = qdebounced(self._begin_outdated_anew, timeout=_OUTLINED_MS, parent=self)
        session.opened.connect(self._on_described)
        session.labels_changed.connect(self._begin_anew)
        session.area_changed.connect(self._on_masks)
        session.status_changed.connect(self._on_masks)
        session.marks_changed.connect(self._on_marks)
        session.sector_changed.connect(self._on_sector)
        session.written.connect(self._on_written)
        session.restored.connect(self._begin_anew)
        session.placed.connect(self._on_placed)
        session.doubted.connect(self._on_doubted)
        connections = connections_of(self)
        for wait in (self._follow_soon, self._check_soon, self._ask_widths_soon, self._judge_soon, self._anew_soon):
            connections.when_closed(wait.cancel)
        self._on_opened()

    # -- what is asked of it ------------------------------------------------------------------------------

    @property
    def measurement(self) -> Measurement | None:
        """What was measured; None also from another outline of the sector on, before `changed` is said of that."""
        return None if self._outdated else self._measurement

    @measurement.setter
    def measurement(self, measured: Measurement | None) -> None:
        self._measurement = measured

    @property
    def active(self) -> bool:
        """Whether somebody looks at the numbers: nothing is measured otherwise."""
        return self._active

    @active.setter
    def active(self, on: bool) -> None:
        if on == self._active:
            return
        self._active = on
        self.changed.emit()
        if on:
            self._follow_soon()
            self._check_soon()

    @property
    def is_running(self) -> bool:
        """Whether a measurement is being made off the GUI thread, or about to be."""
        return self._outdated or self._worker.is_running

    @property
    def is_asking_widths(self) -> bool:
        """Whether the other widths of the network are being asked."""
        return self._widths.is_asking

    @property
    def has_masks(self) -> bool:
        """Whether there is a mask to measure."""
        current = self._session.current
        return current is not None and current.labels is not None and bool(current.status or current.drawn)

    @property
    def view(self) -> str | None:
        """Standard view as a person chose it; None for what the file says."""
        current = self._session.current
        return None if current is None else current.overrides.get(OverrideName.VIEW)

    def choose_view(self, view: str | None) -> None:
        """State the standard view; None for what the file says."""
        self._session.overrides.apply(OverrideName.VIEW, view)

    def clear_marks(self) -> None:
        """Take manual marks away: the file's, the ECG's or the curve's frames are used again."""
        current = self._session.current
        if current is not None:
            current.ed, current.es = current.cine.ed_frame, current.cine.es_frame
            self._session.marks_changed.emit()

    @property
    def is_marked(self) -> bool:
        """Whether a person marked end-diastole or end-systole."""
        current = self._session.current
        return current is not None and (current.ed, current.es) != (current.cine.ed_frame, current.cine.es_frame)

    # -- following the session ----------------------------------------------------------------------------

    def _on_described(self, current: OpenCine | None = None) -> None:
        """Measure another cine, or the same one as it is described now."""
        measured = self.measurement
        if current is not None and measured is not None and not self.is_running:
            known = of_another_person(current, measured)
            if known is not None:
                self.measurement = known
                self.changed.emit()
                return
        self._on_opened()

    def _on_opened(self, _: object = None) -> None:
        self._ask_widths_soon.cancel()
        self._widths.drop()
        self._begin_anew()

    def _on_sector(self) -> None:
        """Measure another outline; nobody waits for that as for the frame on screen, which follows it too."""
        current, measured = self._session.current, self._measurement
        if measured is not None and current is not None and measured.inputs.cine.frames is current.cine.frames:
            self._ask_widths_soon.cancel()
            self._widths.drop()
            self._worker.drop()
            self._outdated = True
            self._anew_soon()
            self.outdated.emit()
        elif measured is not None or self._active or self.is_running or self.problem:
            self._on_opened()  # also during the first measurement, which has the one before

    def _begin_outdated_anew(self) -> None:
        if self._outdated:
            self._on_opened()

    def _on_doubted(self) -> None:
        if self._active:
            self._judge_soon()

    def _on_masks(self) -> None:
        if self._active:
            self._follow_soon()
            self._check_soon()

    def _on_written(self, frames: list[int], _: str) -> None:
        self._suspects.add(frames)
        self._on_masks()

    def _on_placed(self, frame: int) -> None:
        current = self._session.current
        if not self._active or current is None or self.measurement is None or self.is_running:
            return
        self._compare([frame])

    def _on_marks(self) -> None:
        current, measured = self._session.current, self.measurement
        if not self._active or current is None or measured is None:
            self._begin_anew()
        elif cine_to_measure(current, measured) is not measured.inputs.cine:
            self._begin_anew()  # the file's own mark was taken away or given back
        else:
            self._update(marks=marks_of(current))

    # -- one frame, at once -------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Bring the measurement up to date with the frames that are known to have changed."""
        current = self._session.current
        if not self._active or current is None or self.is_running:
            return
        if not self.has_masks:
            if self.measurement is not None or self.problem:
                self.measurement, self.problem = None, ""
                self.changed.emit()
        elif self.measurement is not None:
            self._compare({self._session.frame, *self._suspects.frames_to_check(current)})
        elif self._stale or self.problem:
            self._start()

    def _check_all(self) -> None:
        """Look at every frame once it is calm: whatever changed unseen is found here."""
        current = self._session.current
        if self._active and current is not None and self.measurement is not None and not self.is_running:
            self._compare(range(current.cine.n_frames))
            self._judge()

    def _judge(self) -> None:
        """Take the Dice to be expected of the outlines as it is known now."""
        current, measured = self._session.current, self.measurement
        if self._active and current is not None and measured is not None and not self.is_running:
            expected = current.expected_dice
            known = measured.inputs.expected
            if known is None or not np.array_equal(known, expected, equal_nan=True):
                self._update(expected=expected, implied=current.implied_dice)

    def _compare(self, frames: Iterable[int]) -> None:
        """Measure those of these frames again that have another mask, or other landmarks, than was measured."""
        current, measured = self._session.current, self.measurement
        if current is None or measured is None:
            return
        looked_at = list(frames)
        changed = changed_masks(current, measured, looked_at)
        self._suspects.looked(current)
        unreadable = {t for remark in measured.inputs.remarks if remark.code == UNREADABLE for t in remark.frames}
        if len(changed) > _AT_ONCE or unreadable != current.unreadable or is_of_another_network(current, measured):
            self._start()
            return
        if changed:
            self._update(
                masks={t: mask.copy() for t, mask in changed.items()},
                landmarks=landmarks_of(current, measured, changed),
                width_masks=without_frames(measured.inputs.width_masks, changed),
            )
        if self.measurement is not None and (moved := changed_landmarks(current, self.measurement, looked_at)):
            self._update(landmarks=moved)
        if self.measurement is not None and (seen := reviewed_frames(current)) != self.measurement.inputs.reviewed:
            self._update(reviewed=seen)
        if self.measurement is not None and is_judged_otherwise(current, self.measurement):
            # A stroke was taken back, or a frame is a prediction again: what was known of it counts again.
            self._update(expected=current.expected_dice, implied=current.implied_dice)

    def _update(self, *, landmarks: Mapping[int, Any] | None = None, **changes: Any) -> None:
        """Measure anew what depends on some changes; see `Measurement.updated`."""
        if self.measurement is None:
            return
        start = time.perf_counter()
        try:
            self.measurement = self.measurement.updated(landmarks=landmarks or None, **changes)
            self.problem = ""
        except MataeError as error:
            self.problem = str(error)
        self.seconds = time.perf_counter() - start
        self._mark_provisional()
        self._ask_widths_soon()
        self.changed.emit()

    # -- all of it, off the GUI thread --------------------------------------------------------------------

    def _begin_anew(self) -> None:
        self._worker.drop()
        self._outdated = False
        self.measurement, self.problem, self._stale = None, "", True
        self.changed.emit()
        self._follow_soon()

    def _start(self) -> None:
        current = self._session.current
        task = None if current is None else task_of(current, self.measurement)
        if current is None or task is None:
            return
        self._stale = False
        self._suspects.begin(current)
        self._worker.start(measure_events, task)
        self.changed.emit()

    def _on_event(self, event: object) -> None:
        if isinstance(event, Measured):
            self.measurement, self.problem = event.measurement, ""
            self._mark_provisional()
        elif isinstance(event, Failed):
            self.measurement, self.problem = None, event.text

    def _on_ended(self) -> None:
        self._ask_widths_soon()
        self.changed.emit()
        self._check_all()  # what was drawn meanwhile

    # -- what the widths of the network say ---------------------------------------------------------------

    def _ask_widths(self) -> None:
        current, measured = self._session.current, self.measurement
        if self._active and current is not None and measured is not None and not self.is_running:
            self._widths.ask(current, measured)

    def _mark_provisional(self) -> None:
        """Have the measurement know whether the widths are yet to be compared."""
        current, measured = self._session.current, self.measurement
        if current is None or measured is None:
            return
        pending = self._widths.is_wanted(current, measured)
        if pending != measured.inputs.widths_pending:
            self.measurement = measured.updated(widths_pending=pending)

    def _on_widths_ended(self) -> None:
        self._mark_provisional()
        self.changed.emit()

    def _on_widths(self, answer: dict[str, dict[int, NDArray[np.uint8]]]) -> None:
        current, measured = self._session.current, self.measurement
        if current is None or measured is None:
            return
        masks = self._widths.masks_for(current, measured, answer)
        if masks is None:
            self._ask_widths_soon()
            return
        self.measurement = measured.updated(width_masks=masks, widths_pending=False)
        self.changed.emit()
