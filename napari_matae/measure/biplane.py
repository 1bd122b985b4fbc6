"""Biplane volumes with another cine of the same patient in the study."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from matae.errors import MataeError
from matae.measure.reliability import NOT_RELIABLE
from napari_matae.background.events import Failed
from napari_matae.background.worker import EventWorker
from napari_matae.measure.tasks import OtherView, ViewsFound, other_view_events, views_events

if TYPE_CHECKING:
    from typing import Any

    from matae.measure import Measurement, TwoViews
    from matae.store.types import CineSummary
    from napari_matae.measure.live_measurement import LiveMeasurement
    from napari_matae.study.link import StudyLink

__all__ = ["BiplaneMeasurement"]

_OTHER = {"A4C": "A2C", "A2C": "A4C"}
_NONE = (
    "With an A4C and an A2C of one patient, volumes need no assumption about the other plane. No other outlined cine "
    "of this patient is in the study: open it, segment it, and give both the same patient code in the Open step."
)


class BiplaneMeasurement(QWidget):  # type: ignore[misc]
    """Choose the other view, see biplane volumes and ejection fraction.

    Parameters
    ----------
    link
        The study.
    measuring
        The open cine's measurement.
    parent
        Qt parent.
    """

    changed = Signal()
    """Other cines were found, or both views were measured."""

    def __init__(self, link: StudyLink, measuring: LiveMeasurement, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link, self._measuring = link, measuring
        self._events = EventWorker(self)
        self._events.came.connect(self._on_event)
        self._events.ended.connect(self._update)
        self._other: Measurement | None = None
        self._found: tuple[CineSummary, ...] = ()
        self._problem = ""
        self.result: TwoViews | None = None
        """Both views together; None while they are not."""
        self.choice = QComboBox(self)
        self.choice.setAccessibleName("The other view")
        self.choice.setToolTip("Outlined cines of the same patient in the study.")
        self.choice.currentIndexChanged.connect(self._forget)
        self.button = QPushButton("Combine", self)
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.button.setToolTip("Measure the other cine from its stored masks, and both together.")
        self.button.clicked.connect(self.combine)
        self.words = QLabel(self)
        self.words.setWordWrap(True)
        self.words.setTextFormat(Qt.TextFormat.RichText)
        row = QHBoxLayout()
        row.addWidget(self.choice, stretch=1)
        row.addWidget(self.button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.words)
        measuring.changed.connect(self._update)
        link.entry_changed.connect(self._on_entry)
        self._update()

    @property
    def is_running(self) -> bool:
        """Whether the study is being read."""
        return self._events.is_running

    def refresh(self) -> None:
        """Look for other cines of this patient."""
        entry = self._link.sync_state.entry
        if entry is not None and self._link.connection.target and not self._events.is_running:
            self._start(views_events, self._link.connection.target, entry.content_id)

    def combine(self) -> None:
        """Measure the chosen cine too."""
        content_id, here = self.choice.currentData(), self._measuring.measurement
        if content_id is None or here is None or self._events.is_running:
            return
        self._start(
            other_view_events,
            self._link.connection.target,
            self._link.connection.rater,
            content_id,
            _OTHER.get(here.view or "", "A2C"),
        )

    def _start(self, work: Any, *arguments: object) -> None:
        self._problem = ""
        self._events.start(work, *arguments)
        self._update()

    def _on_event(self, event: object) -> None:
        if isinstance(event, ViewsFound):
            self._list(event.cines)
        elif isinstance(event, OtherView):
            self._other = event.measurement
        elif isinstance(event, Failed):
            self._problem = event.text

    def _list(self, found: tuple[CineSummary, ...]) -> None:
        here = self._measuring.measurement
        wanted = _OTHER.get("" if here is None or here.view is None else here.view)
        self._found = tuple(sorted(found, key=lambda cine: cine.view != wanted))
        kept = self.choice.currentData()
        self.choice.blockSignals(True)
        self.choice.clear()
        for cine in self._found:
            self.choice.addItem(f"{cine.stem}, {cine.view or 'view not stated'}", cine.content_id)
        place = self.choice.findData(kept)
        self.choice.setCurrentIndex(max(place, 0))
        self.choice.blockSignals(False)
        if place < 0:
            self._other = None

    def _on_entry(self, _: object) -> None:
        self._events.drop()
        self._other, self._found = None, ()
        self.choice.clear()
        self._update()

    def _forget(self, _: int) -> None:
        self._other = None
        self._update()

    def _update(self) -> None:
        from matae.measure import measure_two_views

        here, self.result = self._measuring.measurement, None
        if here is not None and self._other is not None:
            four, two = (self._other, here) if here.view == "A2C" else (here, self._other)
            try:
                self.result = measure_two_views(four, two)
                self._problem = ""
            except MataeError as error:
                self._problem = str(error)
        known = bool(self._found)
        self.choice.setVisible(known)
        self.button.setVisible(known)
        self.button.setEnabled(here is not None and not self.is_running)
        self.words.setText(self._words())
        self.changed.emit()

    def _words(self) -> str:
        from html import escape

        if self.is_running:
            return "Reading the study…"
        if self._problem:
            return escape(self._problem, quote=False)
        if self.result is not None:
            r = self.result
            flags = "".join(f"<br>▲ {escape(flag.sentence)}" for flag in (*r.doubts, *r.flags))
            ef = f"<b style='font-size:large'>{r.ef.value:.0f} %</b> biplane ejection fraction"
            if r.doubts:
                ef = f"Biplane ejection fraction <b>{NOT_RELIABLE}</b> ({r.ef.value:.0f} % computed)"
            rows = {row.key: row for row in r.table() if row.value is not None}
            beside = " · ".join(
                f"{name} {rows[key].text}"
                for name, key in (
                    ("Left atrium", "la_volume_ml"), ("indexed", "la_volume_index_ml_m2"), ("wall", "lv_mass_g"),
                )
                if key in rows
            )  # fmt: skip
            beside = f"<br>{beside}" if beside else ""
            return (
                f"{ef}, 90 % interval "
                f"{r.ef.low:.0f}–{r.ef.high:.0f}<br>EDV {r.edv_ml:.0f} mL · ESV {r.esv_ml:.0f} mL · "
                f"SV {r.stroke_volume_ml:.0f} mL{beside}<br>"
                f"Long axes differ by {r.length_difference_percent:.0f} %{flags}"
            )
        return "" if self._found else _NONE
