"""Retrain: what a person chooses, whether it can work, the run as it goes, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QPoint, Qt, QTimer, Signal
from qtpy.QtWidgets import QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from napari_matae.background.job import Job
from napari_matae.learn.earlier_verdicts import EarlierVerdicts, judged_at
from napari_matae.learn.retrain_form import RetrainForm
from napari_matae.learn.run_follower import RunFollower
from napari_matae.learn.run_view import RunView
from napari_matae.learn.tasks import Readiness, discard, look
from napari_matae.learn.unfinished_runs import UnfinishedRuns
from napari_matae.verdict.view import VerdictView
from napari_matae.verdict.wording import headline
from napari_matae.widgets.colours import colours_of, follow_colours
from napari_matae.workspace.study_ready import why_not_open, why_not_ready

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from matae.learn import LearnRun, Verdict
    from napari_matae.learn.tasks import OpenedVerdict
    from napari_matae.workspace.workspace import Workspace

__all__ = ["RetrainPanel"]

_PURPOSE = "What you correct there can be learnt from."
_REFRESH_MS = 400


class RetrainPanel(QWidget):  # type: ignore[misc]
    """The Retrain section of the Learn step.

    Parameters
    ----------
    workspace
        What is worked with.
    parent
        Qt parent.
    """

    looked = Signal(object)
    """Whether there is something to learn was found out (`Readiness`)."""
    judged = Signal(object, object)
    """A run has a verdict: `matae.learn.Verdict` and the run's folder."""
    failed = Signal(str)
    """A run could not be started, or ended without a verdict; a sentence."""

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self.readiness: Readiness | None = None
        self._asked: tuple[Any, ...] = ()
        self._again = False
        self._seen = False  # a run that has ended is on show
        self._folder: Path | None = None  # its folder
        self._met = ""  # the study whose last verdict was looked for
        self._looking, self._discarding = Job(self), Job(self)
        self.follow = RunFollower(self)
        self._wanted: QWidget | None = None
        self._timer = self._single(_REFRESH_MS, self.refresh)
        self._scrolling = self._single(0, self._scroll)
        self._build()
        self._connect()
        follow_colours(self, self._update)

    def _single(self, interval: int, slot: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(interval)
        timer.timeout.connect(slot)
        return timer

    def _build(self) -> None:
        self.words = QLabel(self)
        self.words.setWordWrap(True)
        self.words.hide()
        self.unfinished = UnfinishedRuns(self)
        self.choices = RetrainForm(self)
        self.learn_button = QPushButton("Learn", self)
        self.learn_button.setToolTip("Train a new model. The one in use stays in use until you say otherwise.")
        self.learn_button.clicked.connect(self.learn)
        self.sentence = QLabel(self)
        self.sentence.setWordWrap(True)
        self.sentence.setTextFormat(Qt.TextFormat.RichText)
        self.outcome = QLabel(self)
        self.outcome.setWordWrap(True)
        self.verdict = VerdictView(self._workspace, self)
        self.view = RunView(self)
        self.earlier = EarlierVerdicts(self)
        self.again_button = QPushButton("Learn again…", self)
        self.again_button.setToolTip("Put this verdict away and choose for another run.")
        self.again_button.clicked.connect(self._put_away)
        self.again_button.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        for widget in (self.words, self.unfinished, self.choices, self.learn_button, self.sentence, self.outcome,
                       self.again_button, self.earlier, self.verdict, self.view):  # fmt: skip
            column.addWidget(widget)

    def _connect(self) -> None:
        self.choices.changed.connect(self._timer.start)
        self.unfinished.go_on_wanted.connect(self.go_on)
        self.unfinished.discard_wanted.connect(self.discard)
        self._looking.finished.connect(self._on_looked)
        self._looking.failed.connect(lambda text: self._on_looked((self._asked, Readiness(ready=False, sentence=text))))
        self._looking.ended.connect(self._look_again)
        self._discarding.failed.connect(self._complain)
        self._discarding.ended.connect(self.refresh)
        self.earlier.opened.connect(self._on_opened)
        self.earlier.failed.connect(self._complain)
        self.follow.began.connect(self._on_began)
        self.follow.happened.connect(self.view.add_event)
        self.follow.refused.connect(self._on_refused)
        self.follow.ended.connect(self._on_ended)
        self.view.stop_wanted.connect(self.follow.stop)
        self._workspace.link.state_changed.connect(self._on_state)
        self._workspace.link.statistics_changed.connect(self._on_state)

    # -- whether there is something to learn --------------------------------------------------------------

    def showEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Look when somebody looks."""
        super().showEvent(event)
        self.choices.refresh()
        self.refresh()

    def _on_state(self, _: object = None) -> None:
        if self._met and self._target != self._met and not self.follow.is_busy:
            self._met = ""
            self._forget_verdict()  # it is another study's
        self._update()
        if self.isVisible():
            self._timer.start()

    @property
    def _target(self) -> str:
        """The study, once it is open; else empty."""
        return self._workspace.link.connection.opened_target

    @property
    def is_current(self) -> bool:
        """Whether `readiness` is about the study and the choices as they are now."""
        waiting = self._looking.is_running or self._timer.isActive() or self.earlier.job.is_running
        return self.readiness is not None and not waiting and self._asked == (self._target, self.choices.options)

    def refresh(self) -> None:
        """Find out, off the GUI thread, whether the study can be learnt from as it is now."""
        target, options = self._target, self.choices.options
        if not target or self.follow.is_busy:
            self._update()
        elif self._looking.is_running:
            self._again = True
        else:
            asked = self._asked = (target, options)
            self._looking.start(lambda _tick, _stop: (asked, look(target, options)))

    def _look_again(self) -> None:
        if self._again:
            self._again = False
            self.refresh()

    def _on_looked(self, found: tuple[tuple[Any, ...], Readiness]) -> None:
        if found[0] != (self._target, self.choices.options):
            self._again = True
            return
        self.readiness = found[1]
        self._meet(found[0][0], self.readiness)
        self._update()
        self.looked.emit(self.readiness)

    # -- verdicts of runs that are over -------------------------------------------------------------------

    def _meet(self, target: str, found: Readiness) -> None:
        """Show the last verdict of a study that was just opened; put one away whose run was deleted."""
        new, self._met = target != self._met, target
        if self.follow.is_busy:
            return
        if self._seen and all(run.folder != self._folder for run in found.finished):
            self._forget_verdict()
        if new and found.finished and not self._seen:
            self.earlier.open(found.finished[0])

    def _on_opened(self, found: OpenedVerdict) -> None:
        if self.follow.is_busy or self.readiness is None or found.run not in self.readiness.finished:
            return  # meanwhile another run was begun, or another study opened
        self.words.hide()  # what was wrong with the run before has been read
        self.view.show_past(found.past)
        name = found.run.name
        self._show_verdict(found.verdict, found.run.folder, f"{name} was trained and judged on {judged_at(found.run)}.")
        self._update()

    def _show_verdict(self, verdict: Verdict, folder: Path, outcome: str) -> None:
        self._seen, self._folder = True, folder
        self.outcome.setText(outcome)
        self.verdict.show_verdict(verdict, folder)

    def _forget_verdict(self) -> None:
        self._seen, self._folder = False, None
        self.verdict.clear()

    # -- a run --------------------------------------------------------------------------------------------

    def learn(self) -> None:
        """Start a new run with what is chosen."""
        problem = self.choices.problem or why_not_ready(self._workspace, _PURPOSE)
        if problem:
            self._complain(problem)
        elif not self.follow.is_busy:
            self.follow.start(self._target, self.choices.options)
            self._show_starting()

    def go_on(self, folder: Path) -> None:
        """Go on with a run that was put aside."""
        if problem := why_not_open(self._workspace, _PURPOSE):
            self._complain(problem)
        elif not self.follow.is_busy:
            self.follow.go_on(self._target, folder)
            self._show_starting()

    def discard(self, folder: Path) -> None:
        """Delete a run that was put aside."""
        if not self._discarding.is_running:
            self._discarding.start(lambda _tick, _stop: discard(folder))

    def _show_starting(self) -> None:
        self._forget_verdict()
        self.words.hide()
        self.view.begin()
        self._update()
        self._bring(self.view)

    def _on_began(self) -> None:
        self._workspace.show_message("Learning has begun; go on working, the viewer stays quick.")

    def _on_refused(self, sentence: str) -> None:
        self._complain(sentence)
        self._after()

    def _on_ended(self, run: LearnRun) -> None:
        self.view.end()
        if run.verdict is not None:
            self._show_verdict(run.verdict, run.folder, f"{run.verdict.name} is trained and judged.")
            said = headline(run.verdict, comparison=False)
            self._workspace.show_message(f"{run.verdict.name} is trained and judged. {said}.")
            self.judged.emit(run.verdict, run.folder)
        else:
            sentence = "The run ended without a word." if run.failed is None else run.failed.sentence
            self._complain(sentence, warn=not self.view.was_put_aside)
        self._after()

    def _after(self) -> None:
        self.choices.refresh()
        self._update()
        self.refresh()
        self._bring(self.outcome if self._seen else self.words)

    def _put_away(self) -> None:
        """Show the choices again in place of the run that is over."""
        self._forget_verdict()
        self._update()
        self.refresh()

    def _complain(self, sentence: str, *, warn: bool = True) -> None:
        from napari.utils.notifications import show_warning

        self.words.setText(sentence)
        self.words.show()
        if warn:
            show_warning(sentence)
        self.failed.emit(sentence)

    def _bring(self, widget: QWidget) -> None:
        """Scroll to a widget once it has its place."""
        self._wanted = widget
        self._scrolling.start()

    def _scroll(self) -> None:
        widget, parent = self._wanted, self.parentWidget()
        while parent is not None and not isinstance(parent, QScrollArea):
            parent = parent.parentWidget()
        if parent is not None and widget is not None and widget.isVisible():
            parent.verticalScrollBar().setValue(widget.mapTo(parent.widget(), QPoint(0, 0)).y() - 4)

    # -- keeping in step ----------------------------------------------------------------------------------

    def _update(self, _: object = None) -> None:
        target, found, busy = self._target, self.readiness, self.follow.is_busy
        choosing = not busy and not self._seen
        for widget in (self.choices, self.learn_button, self.sentence):
            widget.setVisible(choosing)
        self.view.setVisible(not choosing)
        for widget in (self.outcome, self.verdict):
            widget.setVisible(self._seen and not busy)
        self.again_button.setVisible(self._seen and not busy)
        known = found if target and not busy else None
        self.unfinished.show_runs(known.runs if known is not None else ())
        self.earlier.show_runs(known.finished if known is not None else (), self._folder)
        ready = bool(target) and found is not None and found.ready
        self.learn_button.setEnabled(ready)
        if not target:
            self._say_ready(why_not_open(self._workspace, _PURPOSE))
        elif found is None:
            self._say_ready("Counting the corrections…")
        else:
            self._say_ready(found.sentence, ready=found.ready)

    def _say_ready(self, sentence: str, *, ready: bool | None = None) -> None:
        from html import escape

        colours = colours_of(self)
        colour, sign = (colours.good, "✓") if ready else (colours.warning, "▲")
        sign = "" if ready is None else f"<span style='color:{colour}'>{sign}</span> "
        text = f"{sign}{escape(sentence, quote=False)}"
        if self.sentence.text() != text:
            self.sentence.setText(text)
