"""The verdict on a new model: what it changed on patients it never saw, and on your own edits, never mixed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from matae.errors import MataeError
from napari_matae.background.connections import connections_of
from napari_matae.background.failure import explain
from napari_matae.models.active_model import ActiveModel
from napari_matae.verdict.changed_frames import ChangedFrames
from napari_matae.verdict.paired_plot import PairedPlot
from napari_matae.verdict.picture_reader import PictureReader
from napari_matae.verdict.table import FigureTable
from napari_matae.verdict.wording import (
    about_guard,
    about_kept,
    about_minutes,
    about_side,
    escape,
    headline,
    hidden_words,
    main_figures,
    named_frame,
    narrower_figures,
    sign,
    small,
)
from napari_matae.widgets.collapsible import Section
from napari_matae.widgets.colours import colours_of, follow_colours
from napari_matae.widgets.layout import wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matae.learn.verdict import FrameChange, Verdict
    from napari_matae.widgets.colours import Colours
    from napari_matae.workspace.workspace import Workspace

__all__ = ["VerdictView", "block"]

_EMPTY = "No verdict yet. Retrain a model: what it changed is shown here, on patients it never saw and on your edits."
_PLOT = (
    "Every held-out frame: above the line it got better. A colour for each patient; ● end-diastole, ■ end-systole, "
    "▲ other frames. Point at one to see whose it is, click to open it."
)
_USE, _USE_BY_CHOICE = "Use this model", "Use it all the same"
_HELD_OUT = "Held-out patients: accuracy"
_AGREEMENT = "Training patients: agreement with your edits"
_AGREEMENT_SAYS = "How much less there would be to correct. It learnt from these frames: they prove nothing."


class VerdictView(QWidget):  # type: ignore[misc]
    """A verdict, in one view.

    Parameters
    ----------
    workspace
        What is worked with.
    parent
        Qt parent.
    wide
        Whether there is room for two columns, as in a window of its own.
    comparison
        Whether two models are compared, rather than a new one judged: nothing is offered then.
    """

    changed = Signal()
    """Another model is in use."""

    def __init__(
        self, workspace: Workspace, parent: QWidget | None = None, *, wide: bool = False, comparison: bool = False
    ) -> None:
        super().__init__(parent)
        self._workspace, self._wide, self._comparison = workspace, wide, comparison
        self.verdict: Verdict | None = None
        self._folder: Path | None = None
        self._subjects: dict[str, str] = {}
        self._asking = False
        self._reason = ""
        """The sentence of the verdict, once it is known what of it may be seen."""
        self.window_: QWidget | None = None
        """The window it was opened in, large."""
        self.in_use = ActiveModel(workspace, self)
        self._reader = PictureReader(self)
        self._build()
        self._lay_out()
        self.in_use.changed.connect(self.changed)
        self.in_use.said.connect(self._say)
        self.in_use.busy.connect(self._update)
        self._reader.named.connect(self._on_named)
        self._reader.drawn.connect(self.pictures.show_picture)
        self._reader.failed.connect(self.pictures.show_failure)
        workspace.model_changed.connect(self._on_models)
        connections_of(self).when_closed(self._close_window)
        self.clear()
        follow_colours(self, self._show_headline)

    def _close_window(self) -> None:
        if self.window_ is not None:
            self.window_.close()

    # -- layout -------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.empty = wrapped(_EMPTY, self, selectable=True)
        self.names = wrapped("", self, selectable=True)
        self.headline = wrapped("", self, selectable=True)
        self.sentence = wrapped("", self, selectable=True)
        self.use_button = QPushButton(_USE, self)
        self.use_button.setToolTip("Segment with this model from now on.")
        self.use_button.clicked.connect(self._use)
        self.back_button = QPushButton("Go back", self)
        self.back_button.setToolTip("Segment with the model used before.")
        self.back_button.clicked.connect(self.in_use.go_back)
        self.large_button = QPushButton("Open large", self)
        self.large_button.setToolTip("The same in a window of its own, with room for the pictures.")
        self.large_button.clicked.connect(self.open_large)
        self.words = wrapped("", self, selectable=True)
        self.held_out = FigureTable(wide=self._wide, parent=self)
        self.agreement = FigureTable(wide=self._wide, parent=self)
        self.narrower = FigureTable(wide=self._wide, parent=self)
        self.held_out_says, self.agreement_says = wrapped("", self, selectable=True), wrapped("", self, selectable=True)
        self.plot = PairedPlot(self)
        self.plot.frame_wanted.connect(self.go_to)
        self.plot_says = wrapped(small(_PLOT), self, selectable=True)
        self.guard, self.minutes, self.test = (wrapped("", self, selectable=True) for _ in range(3))
        self.pictures = ChangedFrames(wide=self._wide, parent=self)
        self.pictures.frame_wanted.connect(self.go_to)
        self.hidden_says = wrapped("", self, selectable=True)
        self._waiting: tuple[QWidget, ...] = ()
        """What holds figures, and shows none before it is known which ones may be seen."""

    def _lay_out(self) -> None:
        self.narrow_section = Section(
            "verdict-widths", "Narrower widths", self.narrower, opened=self._wide, parent=self
        )
        self._waiting = (
            self.sentence, self.minutes, self.held_out_says, self.held_out, self.agreement_says, self.agreement,
            self.narrow_section, self.plot, self.plot_says, self.hidden_says,
        )  # fmt: skip
        held_out = block(_HELD_OUT, [self.held_out_says, self.held_out, self.narrow_section], self, framed=self._wide)
        agreement = block(_AGREEMENT, [self.agreement_says, self.agreement], self, framed=self._wide)
        plot = QWidget(self)
        under = QVBoxLayout(plot)
        under.setContentsMargins(0, 0, 0, 0)
        under.addWidget(self.plot, stretch=1)
        under.addWidget(self.plot_says)
        under.addWidget(self.hidden_says)
        rest = (self.guard, self.minutes, self.test)
        buttons = QHBoxLayout()
        for button in (self.use_button, self.back_button, self.large_button):
            buttons.addWidget(button)
        if self._wide:
            buttons.addStretch(1)
        self.use_button.setVisible(not self._comparison)
        self.back_button.setVisible(not self._comparison)
        self.large_button.setVisible(not self._wide)
        self.body = QWidget(self)
        body = QVBoxLayout(self.body)
        body.setContentsMargins(0, 0, 0, 0)
        for widget in (self.names, self.headline, self.sentence):
            body.addWidget(widget)
        body.addLayout(buttons)
        body.addWidget(self.words)
        if self._wide:
            left, right, middle = QVBoxLayout(), QVBoxLayout(), QHBoxLayout()
            for widget in (held_out, agreement):
                left.addWidget(widget)
            left.addStretch(1)
            right.addWidget(plot, stretch=1)
            for widget in rest:
                right.addWidget(widget)
            middle.setSpacing(14)
            middle.addLayout(left, stretch=1)
            middle.addLayout(right, stretch=1)
            body.addLayout(middle)
            body.addWidget(self.pictures)
        else:
            frames = Section("verdict-frames", "Frames that changed most", self.pictures, opened=True, parent=self)
            for widget in (held_out, plot, agreement, *rest, frames):
                body.addWidget(widget)
            body.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.empty)
        column.addWidget(self.body)

    # -- showing ------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Show that there is no verdict."""
        self._reader.stop()
        self._asking = False
        self.verdict, self._folder = None, None
        self.empty.show()
        self.body.hide()
        if self.window_ is not None:
            self.window_.close()

    def show_verdict(self, verdict: Verdict, folder: Path | None) -> None:
        """Show a verdict.

        Parameters
        ----------
        verdict
            Which.
        folder
            Folder of its run, where the outlines of the frames that changed most are; None if there is none.
        """
        from matae.learn import verdict as outcomes

        self.clear()
        self.verdict, self._folder, self._reason = verdict, folder, ""
        self.empty.hide()
        self.body.show()
        self._show_headline(colours_of(self))
        self.words.hide()
        # No figure before it is known what whoever looks must not see (`_ask_what_is_hidden`).
        for part in self._waiting:
            part.hide()
        self.pictures.show_side(replace(verdict.held_out, frames=()))
        guarded = (about_kept(verdict), about_guard(verdict, comparison=self._comparison))
        self.guard.setText(escape(" ".join(text for text in guarded if text)))
        test = f"How it is decided, by patient: {outcomes.TEST}."
        self.test.setText(small(test))
        self.headline.setToolTip(test)
        self._update()
        self._ask_what_is_hidden(verdict)

    def _ask_what_is_hidden(self, verdict: Verdict) -> None:
        """Show the figures and frames that this rater may see, once the study has said which those are."""
        from matae.learn.blinded import without_hidden

        connection = self._workspace.link.connection
        if not connection.opened_target:
            self._show_figures(verdict)
            return

        def said(hidden: frozenset[str]) -> None:
            if self.verdict is verdict:
                self._show_figures(without_hidden(verdict, hidden))

        def failed(error: BaseException) -> None:
            if self.verdict is verdict:
                self._asking = False
                self._say(explain(error))

        self._asking = True
        connection.requests.ask(lambda study: study.hidden_from(study.rater), said, failed)

    def _show_figures(self, seen: Verdict) -> None:
        """Show what changed, on the whole and frame by frame, as far as this rater may see it."""
        self._asking = False
        held = seen.held_out
        self._reason = seen.sentence
        self._update()
        self.sentence.setText(escape(seen.sentence))
        self.sentence.show()
        self.minutes.setText(escape(about_minutes(seen)))
        self.minutes.setVisible(held.n_frames > 0)
        self._show_sides(seen)
        self.plot.show_frames(held.frames)
        self.plot.setVisible(bool(held.frames))
        self.plot_says.setVisible(bool(held.frames))
        self.hidden_says.setText(small(hidden_words(held.n_hidden)))
        self.hidden_says.setVisible(held.n_hidden > 0)
        self.pictures.show_side(held)
        self._reader.start(self._workspace.link.connection.opened_target, self._folder, self.pictures.frames)

    def _show_headline(self, colours: Colours) -> None:
        from matae.learn import verdict as outcomes

        if self.verdict is not None:
            outcome = self.verdict.outcome
            colour = {outcomes.BETTER: colours.good, outcomes.UNCLEAR: colours.faint}.get(outcome, colours.alarm)
            text = escape(headline(self.verdict, comparison=self._comparison))
            self.headline.setText(f"<big><b><span style='color:{colour}'>{sign(outcome)}</span> {text}</b></big>")

    def _show_sides(self, verdict: Verdict) -> None:
        held, own = verdict.held_out, verdict.agreement
        self.held_out.show_figures(main_figures(held))
        self.agreement.show_figures(main_figures(own))
        narrower = narrower_figures(held)
        self.narrower.show_figures(narrower)
        self.narrow_section.setVisible(bool(narrower))
        self.held_out.setVisible(held.n_frames > 0 and bool(held.figures))
        self.agreement.setVisible(own.n_frames > 0 and bool(own.figures))
        self.held_out_says.setText(about_side(held, f"{held.meaning[0].upper()}{held.meaning[1:]}."))
        self.agreement_says.setText(about_side(own, _AGREEMENT_SAYS))
        self.held_out_says.show()
        self.agreement_says.show()

    def open_large(self) -> None:
        """Show the same in a window of its own."""
        from napari_matae.verdict.window import VerdictWindow

        if self.verdict is None:
            return
        if self.window_ is not None:
            self.window_.raise_()
            return
        window = VerdictWindow(self._workspace, self.verdict, self._folder, self, comparison=self._comparison)
        window.view.changed.connect(self.changed)
        window.finished.connect(self._on_window_closed)
        self.window_ = window
        window.show()

    def _on_window_closed(self, _: int = 0) -> None:
        window, self.window_ = self.window_, None
        if window is not None:
            window.deleteLater()

    # -- pictures -----------------------------------------------------------------------------------------

    @property
    def is_drawing(self) -> bool:
        """Whether pictures are still being read."""
        return self._asking or self._reader.is_reading

    def _on_named(self, names: dict[str, str]) -> None:
        self._subjects = names
        self.plot.subjects = names
        self.pictures.name(names)

    def go_to(self, frame: FrameChange) -> None:
        """Open the cine of a frame, and show the frame."""
        self._say(f"{named_frame(frame, self._subjects)}: looking for its cine…")
        self._workspace.next_cine.show_frame(frame.content_id, frame.frame)

    # -- buttons ------------------------------------------------------------------------------------------

    def _use(self) -> None:
        if self.verdict is not None:
            self.in_use.use(self.verdict.name, by_choice=self.verdict.by_choice)

    def _say(self, sentence: str) -> None:
        self.words.setText(sentence)
        self.words.show()

    def _on_models(self) -> None:
        """Follow the registry; the runs of a study go when a patient is forgotten, and so do the pictures here."""
        if self._folder is not None and not self._folder.exists():
            self.clear()
        self._update()

    def _update(self, _: object = None) -> None:
        if self.verdict is None:
            return
        verdict, used = self.verdict, self.in_use.name
        now = "" if used in {verdict.name, verdict.against} else f"; in use now is {used}"
        self.names.setText(escape(f"{verdict.name}, compared with {verdict.against}{now}"))
        why = self._why_not(verdict)
        self.use_button.setText(_USE_BY_CHOICE if verdict.by_choice else _USE)
        self.use_button.setEnabled(not why and not self.in_use.is_busy)
        self.use_button.setToolTip(why or "The Segment step and the command line take it from then on.")
        before = self.in_use.before
        self.back_button.setEnabled(bool(before) and not self.in_use.is_busy)
        self.back_button.setToolTip(
            f"Use {before} again." if before else "No other model was in use before; there is nothing to go back to."
        )

    def _why_not(self, verdict: Verdict) -> str:
        """Return why the model cannot be put into use; empty if it can."""
        from matae.models import find_model

        if not verdict.offered and not verdict.by_choice:
            return self._reason or f"{headline(verdict, comparison=self._comparison)}."
        if verdict.name == self.in_use.name:
            return f"{verdict.name} is in use."
        try:
            find_model(verdict.name)
        except MataeError as error:
            return str(error)
        return ""


def block(title: str, widgets: Sequence[QWidget], parent: QWidget, *, framed: bool) -> QFrame:
    """Return a part under its name, so that what belongs together is seen to."""
    part = QFrame(parent)
    column = QVBoxLayout(part)
    column.setContentsMargins(0, 6, 0, 2)
    if framed:
        part.setFrameShape(QFrame.Shape.StyledPanel)
        column.setContentsMargins(6, 4, 6, 6)
    column.addWidget(wrapped(f"<b>{escape(title)}</b>", part))
    for widget in widgets:
        column.addWidget(widget)
    return part
