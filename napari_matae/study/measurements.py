"""Keeps the last measurement of the open clip in the study, for the worklist and for other readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_matae.background.connections import connections_of

if TYPE_CHECKING:
    from matae.measure import Measurement
    from matae.store import Study
    from matae.store.types import StoredMeasurement
    from napari_matae.study.link import StudyLink

__all__ = ["StudyMeasurements"]

_CALM_MS = 1000


class StudyMeasurements(QObject):  # type: ignore[misc]
    """Stores what is measured once it is calm and the study has the masks that were measured.

    Parameters
    ----------
    link
        The study.
    parent
        Qt parent.
    """

    kept = Signal()
    """What was measured is in the study."""

    def __init__(self, link: StudyLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._noted: Measurement | None = None
        self._stored: tuple[str, StoredMeasurement, dict[int, int]] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_CALM_MS)
        self._timer.timeout.connect(self.save)
        connections_of(self).when_closed(self._timer.stop)

    def note(self, measured: Measurement | None) -> None:
        """Store this before long; None where there is nothing, or nobody keeps it in step with the masks any more."""
        self._noted = measured
        if measured is None:
            self._timer.stop()
        else:
            self._timer.start()

    def save(self) -> None:
        """Store what was noted, or wait until the study has its masks."""
        measured, entry = self._noted, self._link.sync_state.entry
        if measured is None or entry is None or entry.content_id != measured.content_id:
            return
        if self._link.state == "saving":
            self._timer.start()
            return
        from matae.worklist import stored_measurement

        content_id, stored = measured.content_id, stored_measurement(measured)
        revisions = dict(self._link.sync_state.revisions)
        if self._stored == (content_id, stored, revisions):
            return

        def work(study: Study) -> bool:
            return study.has_cine(content_id) and study.put_measurement(content_id, stored, revisions=revisions)

        def done(is_stored: bool) -> None:
            if is_stored:
                self._stored = (content_id, stored, revisions)
                self.kept.emit()

        self._link.connection.requests.ask(work, done, lambda _: None)
