"""Keeps a measurement of the open cine in step with its masks.

The first measurement of a cine, and one after many frames changed, is made off the GUI thread. A stroke or a dragged
handle changes one frame: only that is measured again, at once, so that the numbers move with the hand.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal
from superqt.utils import qdebounced, qthrottled

from matae.errors import MataeError
from matae.store.types import FrameStatus
from napari_matae.measure_work import Measured, Task, WidthsDone, measure_events, widths_events
from napari_matae.scales import recalibrate, with_remembered_scale
from napari_matae.workers import Failed

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.measure import Landmarks, Marks, Measurement
    from napari_matae.session import OpenCine, Session
    from napari_matae.study_link import StudyLink

__all__ = ["Measuring"]

_LIVE_MS = 30
_CALM_MS = 300
_WIDTHS_MS = 1200
_AT_ONCE = 2
"""So many changed frames are measured in the GUI thread; more go to a worker."""


class Measuring(QObject):  # type: ignore[misc]
    """The measurement of the session's cine.

    Parameters
    ----------
    session
        Whose masks are measured.
    link
        The study, for landmarks that people stored.
    parent
        Qt parent.
    """

    changed = Signal()
    """The measurement is another one, or gone, or it cannot be made: see `measurement`, `is_running`, `problem`."""

    def __init__(self, session: Session, link: StudyLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._link = session, link
        self.measurement: Measurement | None = None
        self.problem = ""
        """Why there is no measurement; empty if nothing went wrong."""
        self.view: str | None = None
        """Standard view as the person chose it; None for what the file says."""
        self.seconds = 0.0
        """How long the last change took to be measured."""
        self._active = False
        self._of: OpenCine | None = None
        self._stale = True
        self._worker: Any = None
        self._widths_worker: Any = None
        self._asked: tuple[Any, ...] = ()
        self._views: dict[str, str] = {}
        self._areas: NDArray[np.float64] = np.zeros(0)
        self._written: set[int] = set()
        self._known: Cine | None = None
        self._scale_soon = QTimer(self)
        self._scale_soon.setSingleShot(True)
        self._scale_soon.setInterval(0)
        self._scale_soon.timeout.connect(self._use_known_scale)
        self._follow_soon = qthrottled(self._follow, timeout=_LIVE_MS, parent=self)
        self._check_soon = qdebounced(self._check_all, timeout=_CALM_MS, parent=self)
        self._ask_widths_soon = qdebounced(self._ask_widths, timeout=_WIDTHS_MS, parent=self)
        self._signals = (
            (session.opened, self._on_opened),
            (session.labels_changed, self._on_other_labels),
            (session.area_changed, self._on_masks),
            (session.status_changed, self._on_masks),
            (session.marks_changed, self._on_marks),
            (session.sector_changed, self._on_sector),
            (session.written, self._on_written),
            (session.restored, self._on_other_labels),
            (session.placed, self._on_placed),
        )
        for signal, slot in self._signals:
            signal.connect(slot)
        self._on_opened(session.current)

    def close_down(self) -> None:
        """Stop listening and drop what is under way."""
        for wait in (self._follow_soon, self._check_soon, self._ask_widths_soon):
            wait.cancel()
        self._scale_soon.stop()
        for signal, slot in self._signals:
            signal.disconnect(slot)
        self._drop_worker()
        self._drop_widths()

    # -- what is asked of it ------------------------------------------------------------------------------

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
        """Whether a measurement is being made off the GUI thread."""
        return self._worker is not None

    @property
    def is_asking_widths(self) -> bool:
        """Whether the other widths of the network are being asked."""
        return self._widths_worker is not None

    @property
    def has_masks(self) -> bool:
        """Whether there is a mask to measure."""
        current = self._session.current
        return current is not None and current.labels is not None and bool(current.status or current.drawn)

    def choose_view(self, view: str | None) -> None:
        """State the standard view; None for what the file says."""
        current = self._session.current
        if current is None or view == self.view:
            return
        self.view = view
        if view is None:
            self._views.pop(current.cine.content_id, None)
        else:
            self._views[current.cine.content_id] = view
        self._begin_anew()

    def clear_marks(self) -> None:
        """Take a person's marks away: the file's, the ECG's or the curve's frames are used again."""
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

    def _on_opened(self, current: OpenCine | None) -> None:
        self._of = current
        self._ask_widths_soon.cancel()
        self._drop_widths()
        self.view = None if current is None else self._views.get(current.cine.content_id)
        if current is not None and current.cine.spacing is None:
            known = with_remembered_scale(current.cine)
            if known.spacing is not None:
                self._known = known
                self._scale_soon.start()  # everybody else hears of the cine first
        self._begin_anew()

    def _use_known_scale(self) -> None:
        current, known = self._session.current, self._known
        self._known = None
        if current is not None and known is not None and current.cine.frames is known.frames:
            recalibrate(self._session, known)

    def _on_other_labels(self) -> None:
        self._begin_anew()

    def _on_sector(self) -> None:
        if self.measurement is not None:
            self._begin_anew()

    def _begin_anew(self) -> None:
        self._drop_worker()
        self.measurement, self.problem, self._stale = None, "", True
        self.changed.emit()
        self._follow_soon()

    def _on_masks(self) -> None:
        if self._active:
            self._follow_soon()
            self._check_soon()

    def _on_written(self, frames: list[int], _: str) -> None:
        self._written.update(frames)
        self._on_masks()

    def _on_placed(self, frame: int) -> None:
        current, measured = self._session.current, self.measurement
        if not self._active or current is None or measured is None or self._worker is not None:
            return
        self._take([frame])
        placed = current.placed(frame)
        if self.measurement is not None and placed != self.measurement.inputs.landmarks.get(frame):
            self._update({}, landmarks={frame: placed})

    def _on_marks(self) -> None:
        if self.measurement is None or not self._active:
            self._begin_anew()
            return
        if self._cine() is not self.measurement.inputs.cine:
            self._begin_anew()  # the file's own mark was taken away or given back
            return
        self._update({}, marks=self._marks())

    # -- measuring ----------------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Bring the measurement up to date with the frames that are known to have changed."""
        current = self._session.current
        if not self._active or current is None or self._worker is not None:
            return
        if not self.has_masks:
            if self.measurement is not None or self.problem:
                self.measurement, self.problem = None, ""
                self.changed.emit()
            return
        if self.measurement is None:
            if self._stale or self.problem:
                self._start()
            return
        hints = {self._session.frame, *current.drawn, *self._written}
        if self._areas.shape == current.area_px.shape:
            same = (self._areas == current.area_px) | (np.isnan(self._areas) & np.isnan(current.area_px))
            hints.update(int(t) for t in np.flatnonzero(~same))
        self._written.clear()
        self._take(hints)

    def _check_all(self) -> None:
        """Look at every frame once it is calm: whatever changed unseen is found here."""
        current = self._session.current
        if self._active and current is not None and self.measurement is not None and self._worker is None:
            self._take(range(current.cine.n_frames))

    def _take(self, frames: Any) -> None:
        current, measured = self._session.current, self.measurement
        if current is None or measured is None:
            return
        changed = {}
        for t in frames:
            mask = self._mask(current, t)
            if not np.array_equal(mask, measured.inputs.mask(t)):
                changed[t] = mask
        self._areas = current.area_px.copy()
        if len(changed) > _AT_ONCE:
            self._start()
        elif changed:
            self._update({t: mask.copy() for t, mask in changed.items()})

    def _update(
        self,
        masks: dict[int, NDArray[np.uint8]],
        marks: Marks | None = None,
        landmarks: dict[int, Landmarks | None] | None = None,
    ) -> None:
        current = self._session.current
        if self.measurement is None or current is None:
            return
        start = time.perf_counter()
        # A person who corrects a frame speaks for it: what the network's widths made of it counts no longer.
        widths: dict[str, Any] | None = {} if masks else None
        placed = dict(landmarks or {})
        for t in masks:  # landmarks of a handle that is dragged come with its mask; another tool's mask has none
            if (mine := current.placed(t)) is not None or t in self.measurement.inputs.landmarks:
                placed[t] = mine
        try:
            self.measurement = self.measurement.updated(
                masks=masks, marks=marks, landmarks=placed or None, width_masks=widths
            )
            self.problem = ""
        except MataeError as error:
            self.problem = str(error)
        self.seconds = time.perf_counter() - start
        self._ask_widths_soon()
        self.changed.emit()

    def _start(self) -> None:
        from napari.qt.threading import create_worker

        from matae.measure import MeasureOptions

        current = self._session.current
        if current is None or current.labels is None:
            return
        self._stale = False
        self._written.clear()
        self._areas = current.area_px.copy()
        down = current.sector is not None and current.sector.apex_down
        task = Task(
            cine=self._cine(),
            masks=current.labels.data,
            frames=frozenset(t for t in {*current.status, *current.drawn} if not _is_rejected(current, t)),
            options=MeasureOptions(view=self.view, apex_down=down),
            marks=self._marks(),
            sector=current.sector,
            model=str(current.run.get("model", "")),
            width=str(current.run.get("width", "")),
            study=self._link.target if self._link.entry is not None else "",
            placed={t: current.placed(t) for t in current.by_hand},
        )
        self._worker = create_worker(measure_events, task, _start_thread=False)
        self._worker.yielded.connect(self._on_event)
        self._worker.finished.connect(self._on_finished)
        self._worker.start()
        self.changed.emit()

    def _on_event(self, event: object) -> None:
        if isinstance(event, Measured):
            self.measurement, self.problem = event.measurement, ""
        elif isinstance(event, Failed):
            self.measurement, self.problem = None, event.text

    def _on_finished(self) -> None:
        self._worker = None
        self._ask_widths_soon()
        self.changed.emit()
        self._check_all()  # what was drawn meanwhile

    def _drop_worker(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.yielded.disconnect(self._on_event)
            worker.finished.disconnect(self._on_finished)
            worker.quit()

    def _mask(self, current: OpenCine, frame: int) -> NDArray[np.uint8]:
        if _is_rejected(current, frame) or (frame not in current.status and frame not in current.drawn):
            return np.zeros(current.cine.shape, np.uint8)  # a frame called unusable is not measured
        return current.mask(frame)

    def _marks(self) -> Marks:
        """Return what a person marked; what the file states is in the cine."""
        from matae.measure import Marks

        current = self._session.current
        if current is None:
            return Marks()
        ed, es, cine = current.ed, current.es, current.cine
        return Marks(
            () if ed is None or ed == cine.ed_frame else (ed,), () if es is None or es == cine.es_frame else (es,)
        )

    def _cine(self) -> Any:
        """Return the cine, without a mark of the file that a person took away."""
        from dataclasses import replace

        current = self._session.current
        if current is None:
            raise RuntimeError("nothing is open")
        cine = current.cine
        ed = None if current.ed is None else cine.ed_frame
        es = None if current.es is None else cine.es_frame
        if (ed, es) == (cine.ed_frame, cine.es_frame):
            return cine
        kept = None if self.measurement is None else self.measurement.inputs.cine
        if kept is not None and kept.frames is cine.frames and (kept.ed_frame, kept.es_frame) == (ed, es):
            return kept
        return replace(cine, ed_frame=ed, es_frame=es)

    # -- what the widths of the network say ---------------------------------------------------------------

    def _ask_widths(self) -> None:
        """Ask the other widths about the frames behind the ejection fraction, where these are the machine's own."""
        from napari.qt.threading import create_worker

        current, measured = self._session.current, self.measurement
        if current is None or measured is None or current.sector is None or self._worker is not None:
            return
        frames = sorted({t for values in measured.beats for t in values.frames})
        made = current.machine is not None and all(
            t in current.proposed and np.array_equal(current.machine[t], current.mask(t)) for t in frames
        )
        run = (str(current.run.get("model", "")), str(current.run.get("width", "")))
        asked = (current.cine.content_id, run, tuple(frames))
        if not self._active or not frames or not made or not all(run) or measured.by_width or asked == self._asked:
            return
        self._drop_widths()
        self._asked = asked
        self._widths_worker = create_worker(
            widths_events, current.cine, current.sector, dict(current.run), frames, _start_thread=False
        )
        self._widths_worker.yielded.connect(self._on_widths)
        self._widths_worker.finished.connect(self._on_widths_finished)
        self._widths_worker.start()

    def _on_widths(self, event: object) -> None:
        current, measured = self._session.current, self.measurement
        if not isinstance(event, WidthsDone) or current is None or measured is None or not event.masks:
            return  # a model that is not here any more: the interval does without its widths
        frames = sorted({t for values in measured.beats for t in values.frames})
        if tuple(frames) != self._asked[2]:
            self._asked = ()
            self._ask_widths_soon()
            return
        own = {t: measured.inputs.mask(t) for t in frames}
        masks = {**event.masks, str(current.run.get("width", "")): own}
        self.measurement = measured.updated(width_masks=masks)
        self.changed.emit()

    def _on_widths_finished(self) -> None:
        self._widths_worker = None
        self.changed.emit()

    def _drop_widths(self) -> None:
        worker, self._widths_worker = self._widths_worker, None
        self._asked = ()
        if worker is not None:
            worker.yielded.disconnect(self._on_widths)
            worker.finished.disconnect(self._on_widths_finished)
            worker.quit()


def _is_rejected(current: OpenCine, frame: int) -> bool:
    return current.status.get(frame) is FrameStatus.REJECTED
