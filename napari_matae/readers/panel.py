"""The readings of the open clip: what is hidden while it is read blind, both outlines afterwards, and the choice."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from matae.anatomy import CAVITY
from napari_matae.background.connections import connections_of
from napari_matae.background.failure import explain
from napari_matae.edit.overlay_layer import OverlayLayer
from napari_matae.readers.tasks import choose, fetch_readings
from napari_matae.widgets.colours import DARK, follow_colours
from napari_matae.widgets.layout import combo_box, wrapped
from napari_matae.widgets.words import plural

if TYPE_CHECKING:
    from matae.readers import ClipAgreement
    from matae.store import Study
    from napari_matae.readers.tasks import ClipReadings
    from napari_matae.widgets.colours import Colours
    from napari_matae.workspace.workspace import Workspace

__all__ = ["READING_COLOURS", "ReadingsPanel"]

READING_COLOURS = (DARK.series[1], DARK.series[0])
"""Outlines of the two readings on the picture, which is dark in every theme; the names beside them have the theme's."""
_CALM_MS = 700
_ALONE = "Nobody has read this clip yet: correct or accept a frame, and that is your reading."


class ReadingsPanel(QWidget):  # type: ignore[misc]
    """What the raters of the open clip made of it.

    Parameters
    ----------
    workspace
        Whose clip and study.
    parent
        Qt parent.
    """

    changed = Signal()
    """Something else is known of the readings, see `found`."""

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace, self._session = workspace, workspace.session
        self.found: ClipReadings | None = None
        """What is known of the readings of the open clip."""
        self._colours: Colours = DARK
        self._overlays = [
            OverlayLayer(workspace.session, f"{place} reading", colour)
            for place, colour in zip(("First", "Second"), READING_COLOURS, strict=True)
        ]
        self._asked = 0
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_CALM_MS)
        self._soon.timeout.connect(self.refresh)
        self._build()
        connections = connections_of(self)
        connections.when_closed(self._soon.stop)
        connections.connect(self._session.frame_changed, self._update_frame)
        connections.connect(workspace.link.entry_changed, self._on_entry)
        connections.connect(workspace.link.acknowledged, lambda _: self._soon.start())
        connections.connect(workspace.link.statistics_changed, lambda *_: self._soon.start())
        follow_colours(self, self._take_colours)
        self._update()

    def _build(self) -> None:
        self.words = wrapped("", self)
        self.finish_button = QPushButton("Finish my reading", self)
        self.finish_button.setToolTip(
            "Say that you are done with this clip. When all who read it are, each may see the others' readings."
        )
        self.finish_button.clicked.connect(lambda _=False: self.finish())
        self.pair = combo_box(self)
        self.pair.setAccessibleName("Readings to compare")
        self.pair.setToolTip("Two raters whose readings are compared.")
        self.pair.currentIndexChanged.connect(self._show_pair)
        self.outlines = QCheckBox("Show both outlines", self)
        self.outlines.setToolTip("Draw the outlines of both readings over the picture, each in its colour.")
        self.outlines.toggled.connect(self._draw)
        self.frame_words = QLabel(self)
        self.frame_words.setTextFormat(Qt.TextFormat.RichText)
        self.frame_words.setWordWrap(True)
        self.take_buttons = (QPushButton("Take the first", self), QPushButton("Take the second", self))
        row = QHBoxLayout()
        for place, button in enumerate(self.take_buttons):
            button.setToolTip(
                "Make this reading what counts; the other stays in the history. Go on correcting from it."
            )
            button.clicked.connect(partial(self._take, place))
            row.addWidget(button)
        for widget in (self.finish_button, self.outlines, *self.take_buttons):
            widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.words)
        column.addWidget(self.finish_button)
        column.addWidget(self.pair)
        column.addWidget(self.outlines)
        column.addWidget(self.frame_words)
        column.addLayout(row)

    # -- asking the study ---------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Ask the study for the readings of the open clip."""
        entry = self._workspace.link.sync_state.entry
        if entry is None:
            return
        content_id = entry.content_id
        self._asked += 1
        question = self._asked

        def done(found: ClipReadings) -> None:
            if question == self._asked:
                self._show(found)

        self._workspace.link.connection.requests.ask(
            lambda study: fetch_readings(study, content_id), done, lambda _: None
        )

    def finish(self) -> None:
        """Say that this rater's reading is finished."""
        found = self.found
        if found is None:
            return
        content_id = found.content_id

        def work(study: Study) -> None:
            study.finish_reading(content_id)

        self._workspace.link.connection.requests.ask(work, lambda _: self.refresh(), self._say_error)

    def take(self, rater: str) -> None:
        """Make a rater's reading what counts."""
        found = self.found
        if found is None:
            return
        self.outlines.setChecked(False)
        content_id = found.content_id

        def done(_: object) -> None:
            self._workspace.show_message(f"{rater}'s reading counts now; what you change from here on corrects it.")
            self._workspace.link.watcher.poll()
            self.refresh()

        self._workspace.link.connection.requests.ask(
            lambda study: choose(study, content_id, rater), done, self._say_error
        )

    def _take(self, place: int, _: bool = False) -> None:
        chosen = self.chosen
        if chosen is not None:
            self.take(chosen.raters[place])

    def _say_error(self, error: BaseException) -> None:
        self._workspace.show_message(explain(error))

    def _on_entry(self, entry: object) -> None:
        self._asked += 1
        self.found = None
        self.outlines.setChecked(False)
        for overlay in self._overlays:
            overlay.remove()
        self._update()
        if entry is not None:
            self.refresh()

    # -- what is shown ------------------------------------------------------------------------------------

    @property
    def chosen(self) -> ClipAgreement | None:
        """The two readings that are compared."""
        place = self.pair.currentIndex()
        return None if self.found is None or not 0 <= place < len(self.found.pairs) else self.found.pairs[place]

    def _show(self, found: ClipReadings) -> None:
        self.found = found
        kept = self.pair.currentText()
        self.pair.blockSignals(True)
        self.pair.clear()
        for pair in found.pairs:
            self.pair.addItem(" and ".join(pair.raters))
        self.pair.setCurrentIndex(max(0, self.pair.findText(kept)) if found.pairs else -1)
        self.pair.blockSignals(False)
        self._update()
        self._draw()
        self.changed.emit()

    def _show_pair(self, _: int = 0) -> None:
        self._update()
        self._draw()

    def _take_colours(self, colours: Colours) -> None:
        self._colours = colours
        self._update_frame()

    def _update(self) -> None:
        found, pair = self.found, self.chosen
        self.words.setText("" if found is None else _sentence(found))
        own = None if found is None else found.own
        waits = own is not None and own.finished is None and found is not None and found.decided is None
        self.finish_button.setVisible(bool(waits and found is not None and found.blind))
        self.pair.setVisible(self.pair.count() > 1)
        self.outlines.setVisible(pair is not None)
        self.frame_words.setVisible(pair is not None)
        for place, button in enumerate(self.take_buttons):
            button.setVisible(pair is not None)
            if pair is not None:
                button.setText(f"Take {pair.raters[place]}'s")
        self._update_frame()

    def _update_frame(self, _: object = None) -> None:
        pair = self.chosen
        if pair is None or self._session.current is None:
            return
        from html import escape

        colours = (self._colours.series[1], self._colours.series[0])
        names = [
            f"<span style='color:{colour}'>◼</span> {escape(rater, quote=False)}"
            for rater, colour in zip(pair.raters, colours, strict=True)
        ]
        dice = pair.dice.get(self._session.frame)
        here = "not outlined by both" if dice is None else f"Dice {dice:.2f}"
        self.frame_words.setText(f"{' &nbsp; '.join(names)}<br>Frame {self._session.frame + 1}: {here}")

    def _draw(self, _: object = None) -> None:
        """Draw both outlines, or take them away."""
        current, pair, found = self._session.current, self.chosen, self.found
        if current is None or pair is None or found is None or not self.outlines.isChecked():
            for overlay in self._overlays:
                overlay.hide()
            return
        for overlay, rater in zip(self._overlays, pair.raters, strict=True):
            masks = np.zeros(current.cine.frames.shape, np.uint8)
            for frame, mask in found.masks[rater].items():
                masks[frame] = mask == CAVITY
            overlay.show(masks)


def _sentence(found: ClipReadings) -> str:
    """Return what there is to say of the readings of a clip, and what is hidden."""
    n = len(found.readings)
    if found.pairs:
        pair = found.pairs[0]
        said = [f"{pair.words}."] if len(found.pairs) == 1 else [f"{n} readers."]
        if found.decided is not None:
            said.append(f"{found.decided.chosen}'s reading counts, as {found.decided.by} decided.")
        elif pair.blind:
            said.append("All have finished; nobody has chosen which reading counts.")
        else:
            said.append("They saw each other's work; the last correction counts until one is chosen.")
        return " ".join(said)
    if not found.blind:
        return f"Read by {found.readings[0].rater} alone." if n else _ALONE
    hidden = (
        "This study is read blind: you see the masks of the model and your own. Hidden are the masks, landmarks, marks "
        "of end-diastole and end-systole and measurements of others"
    )
    if not found.others:
        return f"{hidden}. {_ALONE if not n else 'Nobody else has read this clip yet.'}"
    who = plural(len(found.others), "other reader")
    own = found.own
    until = "until all have finished" if own is None or own.finished is None else "until they have finished; you have"
    return f"{hidden} ({who}), {until}."
