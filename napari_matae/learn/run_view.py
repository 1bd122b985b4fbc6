"""A retraining as it runs: what it does now, how far it is, its curves and its numbers, and how it ended."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from matae.learn.events import Notice, Stage, Started, Step, Stopped, Stopping, Validation
from napari_matae.learn.run_curves import RunCurves, width_colour
from napari_matae.widgets.colours import colours_of, follow_colours
from napari_matae.widgets.words import time_left

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matae.learn.events import Event
    from napari_matae.widgets.colours import Colours

__all__ = ["RunView"]

_STAGES = {
    "reading": "Reading the corrected clips",
    "filling": "Filling the frames between corrected ones",
    "replay": "Drawing phantom hearts to mix in, once for all runs",
    "training": "Finding out how many steps fit into the time",
    "judging": "Judging old and new model, clip by clip",
}
_BEGAN = {"full": "The base", "quick": "The base, its batch statistics adapted"}
"""What a training begins with, by kind; the verdict compares with the bare base, or the model in use."""
_STOP = "End the training now. The best so far is kept, and judged."
_ASIDE = (
    "Stop judging for now. The new model is kept, but without a verdict nothing offers it for use; the run is listed "
    "under Retrain, and Go on judges it."
)
_DASH = "–"


class RunView(QWidget):  # type: ignore[misc]
    """What a run says, for a person.

    Parameters
    ----------
    parent
        Qt parent.
    """

    stop_wanted = Signal()
    """The button was pressed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._started: Started | None = None
        self._base: Validation | None = None
        self._best: Validation | None = None
        self._stopping = self._judging = False
        self.title = QLabel(self)
        self.title.setWordWrap(True)
        self.stage = QLabel(self)
        self.stage.setWordWrap(True)
        self.bar = QProgressBar(self)
        self.bar.setAccessibleName("Progress of learning")
        self.bar.setToolTip("How far the run is.")
        self.bar.setTextVisible(False)
        self.stop_button = QPushButton("Stop", self)
        self.stop_button.setToolTip("Stop this run.")
        self.stop_button.clicked.connect(self._on_stop)
        self.numbers = QLabel(self)
        self.numbers.setTextFormat(Qt.TextFormat.RichText)
        self.numbers.setWordWrap(True)
        self.curves = RunCurves(self)
        self.scores = QLabel(self)
        self.scores.setTextFormat(Qt.TextFormat.RichText)
        self.scores.setWordWrap(True)
        self.scores.setToolTip("Means over the frames of held-out patients, on the network's own grid.")
        self.notices = QLabel(self)
        self.notices.setWordWrap(True)
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(self.bar, 0, 0)
        grid.addWidget(self.stop_button, 0, 1)
        grid.setColumnStretch(0, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.title)
        column.addWidget(self.stage)
        column.addLayout(grid)
        for widget in (self.numbers, self.notices, self.curves, self.scores):
            column.addWidget(widget)
        follow_colours(self, self._show_scores)

    @property
    def was_put_aside(self) -> bool:
        """Whether the person put the run aside, so that its end is no news."""
        return self._judging and self._stopping

    def begin(self) -> None:
        """Another run: forget the last one."""
        self._started = self._base = self._best = None
        self._stopping = self._judging = False
        self.curves.clear_all()
        self.title.setText("")
        self.stage.setText("Starting…")
        self.bar.setRange(0, 0)
        self.stop_button.setText("Stop")
        self.stop_button.setToolTip(_STOP)
        self.stop_button.setEnabled(True)
        for widget in (self.stage, self.bar, self.stop_button):
            widget.show()
        for label in (self.title, self.numbers, self.scores, self.notices):
            label.setText("")
            label.hide()
        self.curves.hide()

    def show_past(self, events: Sequence[Event]) -> None:
        """Show the curves and numbers of a run that has long been over."""
        self.begin()
        for event in events:
            self.add_event(event)
        self.end()

    def end(self) -> None:
        """Keep the curves and numbers of a run that is over."""
        for widget in (self.bar, self.stop_button, self.stage):
            widget.hide()
        self.curves.redraw()

    def _on_stop(self) -> None:
        self._say_stopping()
        self.stop_wanted.emit()

    def _say_stopping(self) -> None:
        self._stopping = True
        self.stop_button.setEnabled(False)
        self.stage.setText(
            "Putting it aside…" if self._judging else "Stopping… The best so far is kept and judged next."
        )

    # -- what a run says ----------------------------------------------------------------------------------

    def add_event(self, event: Event) -> None:
        """Show an event."""
        if isinstance(event, Step):
            self._on_step(event)
        elif isinstance(event, Stage):
            self._on_stage(event)
        elif isinstance(event, Started):
            self._on_started(event)
        elif isinstance(event, Validation):
            self._on_validation(event)
        elif isinstance(event, Notice):
            self._say(f"• {event.sentence}")
        elif isinstance(event, Stopping):
            self._say_stopping()
        elif isinstance(event, Stopped):
            kept = "what it began with, nothing was better yet" if not event.best else f"step {event.best}"
            self._say(f"• Stopped at step {event.step:,}; kept and judged: {kept}.")

    def _say(self, line: str) -> None:
        before = self.notices.text()
        if line not in before.split("\n"):
            self.notices.setText(f"{before}\n{line}".strip())
            self.notices.show()

    def _on_stage(self, event: Stage) -> None:
        if event.stage == "judging" and not self._judging:
            self._judging, self._stopping = True, False
            self.stop_button.setText("Put aside")
            self.stop_button.setToolTip(_ASIDE)
            self.stop_button.setEnabled(True)
        if not self._stopping:
            words = _STAGES.get(event.stage, event.stage)
            self.stage.setText(f"{words}: {event.done} of {event.total}" if event.total else f"{words}…")
        self.bar.setRange(0, event.total)
        self.bar.setValue(event.done)

    def _on_started(self, event: Started) -> None:
        self._started = event
        self.curves.set_steps(event.steps)
        self.curves.forget_after(event.step)
        self.curves.show()
        more = f", {event.n_replay:,} others mixed in" if event.n_replay else ""
        more += f", {event.n_unlabelled:,} nobody corrected" if event.n_unlabelled else ""
        more += f", {event.n_pseudo_labelled:,} filled between" if event.n_pseudo_labelled else ""
        self.title.setText(
            f"{event.name}: {event.n_frames:,} frames of {event.n_patients:,} patients{more}; "
            f"checked on {event.held_out}."
        )
        self.title.show()
        if not self._stopping:
            self.stage.setText(f"Learning, up to {event.steps:,} steps…")

    def _on_step(self, event: Step) -> None:
        self.curves.add_step(event)
        self.bar.setRange(0, event.steps)
        self.bar.setValue(event.step)
        if not self._stopping:
            left = time_left(event.seconds_left)
            self.stage.setText(f"Learning: step {event.step:,} of {event.steps:,}" + (f", {left}" if left else ""))
        self.numbers.setText(_numbers(event, self._started.device if self._started else ""))
        self.numbers.show()

    def _on_validation(self, event: Validation) -> None:
        self.curves.add_validation(event)
        if self._base is None:
            self._base = event
        if self._best is None or event.step == event.best:
            self._best = event
        self._show_scores(colours_of(self))
        self.scores.show()

    def _show_scores(self, colours: Colours) -> None:
        if self._base is not None and self._best is not None:
            began = _BEGAN.get(self._started.kind if self._started else "", "Before the first step")
            self.scores.setText(_scores(self._base, self._best, self.curves.widths, began, colours))


def _numbers(event: Step, device: str) -> str:
    memory = event.memory_mb
    known = memory is not None and math.isfinite(memory)
    facts = (
        ("Epoch", f"{event.epoch:.1f}"),
        ("Time", f"{event.seconds:.0f} s" if event.seconds < 90 else f"{event.seconds / 60:.1f} min"),
        ("Memory", _DASH if not known else f"{memory:,.0f} MB" if memory < 10_000 else f"{memory / 1e3:,.1f} GB"),
        ("Device", escape(device or _DASH)),
    )
    return " · ".join(f"{name}&nbsp;<b>{value.replace(' ', '&nbsp;')}</b>" for name, value in facts)


def _scores(base: Validation, best: Validation, widths: list[str], began: str, colours: Colours) -> str:
    """Return the figures before the first step and of what is kept so far as a table, a row for each width."""
    kept = "nothing better yet" if best.step == base.step else f"step {best.step:,}"
    rows = [
        f"<tr><td colspan=3>{began} → {kept}:</td></tr>",
        "<tr><td>Width</td><td align='center'>Dice</td><td align='center'>IoU</td></tr>",
    ]
    for place, width in enumerate(widths):
        cells = [f"<span style='color:{width_colour(place, colours)}'>■</span> {width}&nbsp;&nbsp;"]
        for before, after in ((base.dice, best.dice), (base.iou, best.iou)):
            old, new = before.get(width), after.get(width)
            cells.append(f"{_score(old)} → <b>{_score(new)}</b>&nbsp;&nbsp;")
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return f"<table cellspacing=0 cellpadding=2>{''.join(rows)}</table>"


def _score(value: float | None) -> str:
    return _DASH if value is None else f"{value:.3f}"
