"""The ejection fraction, large, with how far to trust it in plain words and what it was made from."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from qtpy.QtCore import QRectF, Qt, Signal
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from matae.measure.reliability import NOT_RELIABLE, judged
from matae.store.types import FrameStatus
from napari_matae.widgets.colours import colours_of, follow_colours
from napari_matae.widgets.layout import wrapped
from napari_matae.widgets.number_button import NumberButton

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QPaintEvent

    from matae.measure import Interval, Measurement, QualityFlag
    from napari_matae.measure.live_measurement import LiveMeasurement
    from napari_matae.session.session import OpenCine, Session
    from napari_matae.widgets.colours import Colours

__all__ = ["EfCard", "IntervalBar", "facts", "trust"]

_MOST_LINKS = 6
_WHOSE = {"user": "marked by hand", "file": "stated by the file", "ecg": "by the ECG", "curve": "by the curve"}
_BY = {
    FrameStatus.EDITED: "corrected by a person",
    FrameStatus.ACCEPTED: "accepted by a person",
    FrameStatus.MACHINE: "not reviewed yet",
}


class IntervalBar(QWidget):  # type: ignore[misc]
    """The interval on a scale from 0 to 100 %.

    Parameters
    ----------
    parent
        Qt parent.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._interval: Interval | None = None
        self.setMinimumWidth(110)
        self.setFixedHeight(30)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_interval(self, interval: Interval | None) -> None:
        """Draw this interval; None leaves the empty scale."""
        self._interval = interval
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw scale, interval and value."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        left, width, y = 12.0, self.width() - 24.0, 6.0
        colours = colours_of(self)
        ink = QColor(colours.ink)
        painter.fillRect(QRectF(left, y, width, 7), QColor(colours.empty))
        if self._interval is not None:
            low, high, value = (
                left + width * min(max(v, 0.0), 100.0) / 100
                for v in (self._interval.low, self._interval.high, self._interval.value)
            )
            painter.fillRect(QRectF(low, y, max(high - low, 2.0), 7), QColor(colours.es))
            painter.fillRect(QRectF(value - 1.5, y - 4, 3, 15), ink)
        font = painter.font()
        font.setPixelSize(10)
        painter.setFont(font)
        painter.setPen(ink)
        for percent in (0, 25, 50, 75, 100):
            x = left + width * percent / 100
            painter.drawText(QRectF(x - 16, y + 10, 32, 13), Qt.AlignmentFlag.AlignCenter, str(percent))
        painter.end()


class _BigNumber(NumberButton):
    """The ejection fraction."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(24, parent)
        self.number.setWordWrap(True)
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 0, 6, 0)
        row.addWidget(self.number)
        self.setFixedSize(112, 50)
        self.show_text("–")

    def show_doubt(self, text: str) -> None:
        """Show words in place of a number, grey."""
        self.setAccessibleName(text)
        self.number.setText(f"<span style='font-size:13pt; color:{colours_of(self).faint}'>{escape(text)}</span>")


class EfCard(QWidget):  # type: ignore[misc]
    """Ejection fraction, interval, method, view, beats, calibration, model.

    Parameters
    ----------
    session, measuring
        What is measured.
    parent
        Qt parent.
    """

    seek_wanted = Signal(tuple)
    """Frames (tuple of int) behind the ejection fraction are to be shown."""

    def __init__(self, session: Session, measuring: LiveMeasurement, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._measuring = session, measuring
        self.value = _BigNumber(self)
        self.value.setToolTip("Ejection fraction. Click to see end-diastole, click again for end-systole.")
        self.value.clicked.connect(self._on_clicked)
        self.interval = wrapped("", self)
        self.interval.setTextFormat(Qt.TextFormat.RichText)
        self.bar = IntervalBar(self)
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(self.interval)
        right.addWidget(self.bar)
        row = QHBoxLayout()
        row.addWidget(self.value)
        row.addLayout(right, stretch=1)
        self.doubts = QLabel(self)
        self.doubts.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.doubts.linkActivated.connect(lambda link: self.seek_wanted.emit((int(link),)))
        self.trust = QLabel(self)
        self.facts = QLabel(self)
        for label in (self.doubts, self.trust, self.facts):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.RichText)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addLayout(row)
        column.addWidget(self.doubts)
        column.addWidget(self.trust)
        column.addWidget(self.facts)
        follow_colours(self, self.show_measurement)

    def show_measurement(self, _: object = None) -> None:
        """Show the measurement as it stands."""
        measured = self._measuring.measurement
        if measured is None:
            return
        ef, colours = measured.ef, colours_of(self)
        self.value.show_text("–" if ef is None else f"{ef.value:.0f} %")
        self.value.setEnabled(ef is not None)
        if doubts := measured.doubts:
            self.value.show_doubt(NOT_RELIABLE)
        self.interval.setText(_interval(measured, colours))
        self.bar.show_interval(None if doubts else ef)
        self.doubts.setText(_reasons(doubts, colours))
        self.doubts.setVisible(bool(doubts))
        self.trust.setVisible(not doubts)
        self.trust.setText(escape(trust(measured, asking=self._measuring.is_asking_widths)))
        self.facts.setText(facts(measured, self._session.current, colours))
        self.facts.setToolTip(f"{measured.calibration[0].upper()}{measured.calibration[1:]}")

    def _on_clicked(self) -> None:
        measured = self._measuring.measurement
        if measured is not None and measured.primary is not None:
            self.seek_wanted.emit(measured.primary.frames)


def _interval(measured: Measurement, colours: Colours) -> str:
    ef = measured.ef
    if ef is None:
        return "<b>No ejection fraction</b>"
    if measured.doubts:
        text = f"EF {ef.value:.0f} % computed, 90 % interval {ef.low:.0f}–{ef.high:.0f}"
        return f"<span style='color:{colours.faint}'>{text}</span>"
    provisional = f" <span style='color:{colours.faint}'>provisional</span>" if measured.inputs.widths_pending else ""
    return f"<b>EF</b>, 90 % interval <b>{ef.low:.0f}–{ef.high:.0f}</b>{provisional}"


def _reasons(doubts: Sequence[QualityFlag], colours: Colours) -> str:
    """Return why there is no number to rely on, each reason with links to its frames."""
    lines = []
    for flag in doubts:
        links = " · ".join(
            f"<a href='{frame}' style='color:{colours.link}'>{frame + 1}</a>" for frame in flag.frames[:_MOST_LINKS]
        )
        word = "Frame" if len(flag.frames) == 1 else "Frames"
        lines.append(
            f"<span style='color:{colours.warning}'>▲</span> {escape(flag.text)}{f' {word} {links}' if links else ''}"
        )
    if doubts:
        lines.append("Correct these frames, or accept them if they are right: the number comes back.")
    return "<br>".join(lines)


def trust(measured: Measurement, *, asking: bool = False) -> str:
    """Return how far to trust the ejection fraction, in words."""
    ef = measured.ef
    if ef is None:
        return "There is no beat to measure: see below what is missing."
    text = (
        f"Outlined again with care, these frames give {ef.low:.0f} to {ef.high:.0f} % nine times in ten; another view "
        "or probe position differs more."
    )
    if ef.judged:
        text += f" {judged(measured)}"
    if asking:
        return f"{text} Asking the model's other widths…"
    if len(measured.by_width) > 1:
        low, high = min(measured.by_width.values()), max(measured.by_width.values())
        text += f" The model's widths say {low:.0f} to {high:.0f} %."
    return text


def facts(measured: Measurement, current: OpenCine | None, colours: Colours) -> str:
    """Return method, view, beats, calibration and model as lines of rich text."""
    m = measured
    count = len(m.beats)
    beats = "no beat" if not count else f"{count} beat{'s' * (count != 1)}"
    if m.ef_sd is not None:
        beats += f", SD {m.ef_sd:.1f} points"
    view = m.view or "view not stated"
    scale = "calibrated" if m.calibrated else f"<b style='color:{colours.warning}'>uncalibrated: no mL, no mm</b>"
    model = f"{escape(m.model)}, width {escape(m.width)}" if m.model else "outlined by hand or from a file"
    lines = [f"{m.method[0].upper()}{m.method[1:]} · {escape(view)} · {beats} · {scale}", f"Masks: {model}"]
    primary = m.primary
    if primary is not None and current is not None:
        for name, colour, frame, source in (
            ("ED", colours.ed, primary.beat.ed, primary.beat.ed_source),
            ("ES", colours.es, primary.beat.es, primary.beat.es_source),
        ):
            status = current.status.get(frame)
            whose = _BY.get(status, "") if status is not None else "being drawn"
            lines.append(
                f"<span style='color:{colour}'>{'●' if name == 'ED' else '■'}</span> "
                f"{name} frame {frame + 1}, {_WHOSE[source]}; mask {whose}"
            )
    return "<br>".join(lines)
