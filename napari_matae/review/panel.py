"""Step 3, Review: look at the frames that need it, mend what is wrong, call right what is right."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from matae.store.types import FrameStatus
from napari_matae.edit.structure_choice import RULE
from napari_matae.edit.tools import TOOLS
from napari_matae.readers.panel import ReadingsPanel
from napari_matae.review.live_figures import LiveFigures
from napari_matae.review.structure_row import StructureRow
from napari_matae.widgets.collapsible import Section
from napari_matae.widgets.colours import STATUS_WORDS, colours_of, follow_colours
from napari_matae.widgets.layout import horizontal_line, row, rows_of_three

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_matae.workspace.shortcuts import Keys
    from napari_matae.workspace.workspace import Workspace

__all__ = ["ReviewPanel"]

_NOTHING_OPEN = "Open a cine first."
_NO_MASKS = "Segment the cine first, or take the brush and draw."
_LOOK = "Accept what is right, correct what is not, then go on with Next."
_AS_PREDICTED = "as predicted, not edited"


class ReviewPanel(QWidget):  # type: ignore[misc]
    """The Review step.

    Parameters
    ----------
    workspace
        What is worked with.
    keys
        The keys, for the tooltips.
    parent
        Qt parent.
    """

    def __init__(self, workspace: Workspace, keys: Keys, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace, self._keys = workspace, keys
        self._tips: list[tuple[QWidget, str, str]] = []
        self._shown: object = None
        self._hint = ""
        self._build()
        session = workspace.session
        for signal in (session.opened, session.status_changed, session.restored, session.frame_changed):
            signal.connect(self._update)
        workspace.tools.changed.connect(self._update_tools)
        workspace.preview.changed.connect(self._update_preview)
        workspace.undo_stack.changed.connect(self._update_history)
        workspace.mask_style.changed.connect(self._update_looks)
        workspace.structures.changed.connect(self._update_tips)
        workspace.said.connect(self._on_said)
        keys.changed.connect(self._update_tips)
        follow_colours(self, self._update)
        self._update_tools()
        self._update_preview()
        self._update_history()
        self._update_looks()
        self._update_tips()

    # -- layout -------------------------------------------------------------------------------------------

    def _build(self) -> None:
        workspace, actions = self._workspace, self._workspace.actions
        self.state = QLabel(self)
        self.state.setTextFormat(Qt.TextFormat.RichText)
        self.words = QLabel(self)
        self.words.setWordWrap(True)
        self.words.setMinimumHeight(2 * self.words.fontMetrics().height() + 2)
        self.words.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)

        self.accept_button = self._button("✓ Accept", "accept", actions.accept, "This mask is right")
        self.reject_button = self._button("✗ Reject", "reject", actions.reject, "This frame is unusable")
        self.next_button = self._button("Next ▸", "next", actions.next, "Show the next frame to look at")
        self.correct_button = self._button(
            "Next to correct, in any clip ▸", "next_to_correct", self._workspace.next_to_correct,
            "Open the frame of the study that a retraining learns most from, and say why it is that one",
        )  # fmt: skip
        self.between_button = self._button(
            "Accept all between", "accept_between", actions.accept_between,
            "Accept the corrected frames around this one and all that was filled, or predicted, between them",
        )  # fmt: skip
        self.go_on = QCheckBox("then show the next", self)
        self.go_on.setChecked(actions.go_on)
        self.go_on.setToolTip("Accepting or rejecting a frame shows the next one to look at.")
        self.go_on.toggled.connect(lambda on: setattr(actions, "go_on", on))

        self._build_tools()
        self._build_mending()
        self._build_looks()
        self.figures = LiveFigures(workspace, self)
        self.readings = ReadingsPanel(workspace, self)
        self._lay_out()

    def _build_tools(self) -> None:
        workspace = self._workspace
        self.tool_buttons: dict[str, QPushButton] = {}
        group = QButtonGroup(self)
        group.setExclusive(True)
        for name, (title, tip) in TOOLS.items():
            button = QPushButton(title, self)
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(partial(self._take, name))
            group.addButton(button)
            self._tips.append((button, tip, name))
            self.tool_buttons[name] = button
        self.structure = StructureRow(workspace.structures, self)
        self._tips.append((self.structure.box, f"What the tools act on. {RULE}", "structure"))
        self.size = QSlider(Qt.Orientation.Horizontal, self)
        self.size.setAccessibleName("Size of the tool")
        self._tips.append((self.size, "Size of the brush, the eraser or the tool that pushes", "larger"))
        self.size.setRange(1, 200)
        self.size.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.size.valueChanged.connect(workspace.tools.resize)
        self.size_text = QLabel(self)

        self.undo_button = self._button("↶ Undo", "undo", workspace.undo_stack.undo, "")
        self.redo_button = self._button("↷ Redo", "redo", workspace.undo_stack.redo, "")
        self.keys_button = self._button("Keys", "help", workspace.help_wanted.emit, "Show every key, and change it")

    def _build_mending(self) -> None:
        actions = self._workspace.actions
        self.copy_buttons = (
            self._button("◂ Copy", "copy_previous", partial(actions.copy, -1), "Copy the previous frame's mask"),
            self._button("Copy ▸", "copy_next", partial(actions.copy, 1), "Copy the next frame's mask"),
        )
        self.mend_buttons = (
            self._button("Fill holes", "fill", actions.fill_holes, "Fill the holes of this mask"),
            self._button("Largest part", "largest", actions.keep_largest, "Keep only the largest part of this mask"),
            self._button("Smooth", "smooth", actions.smooth, "Smooth the contour; the area stays"),
            self._button("Predicted", "machine", actions.take_proposal, "Put the predicted mask back on this frame"),
        )
        self.interpolate_button = self._button(
            "Interpolate between corrected frames", "interpolate", actions.interpolate,
            "Offer masks for the predicted frames between two corrected ones",
        )  # fmt: skip
        self.fill_button = self._button(
            "Fill between corrected frames", "fill_between", actions.fill_between,
            "Offer masks for the predicted frames between two corrected ones, by motion and shape; where the border is "
            "uncertain it is hatched",
        )  # fmt: skip
        self.back_button = self._button(
            "◂ Propagate", "propagate_back", partial(actions.propagate, backward=True),
            "Carry this mask to the predicted frames before it, following the motion",
        )  # fmt: skip
        self.forward_button = self._button(
            "Propagate ▸", "propagate", actions.propagate,
            "Carry this mask to the predicted frames after it, following the motion",
        )  # fmt: skip
        self.through_button = self._button(
            "Through the beat, as far as it is sure", "through",
            partial(self._workspace.tools.through_beat.offer, self._workspace.preview),
            "Outline the predicted frames before and after this one, by motion, checked in each picture; stop where "
            "the two disagree",
        )  # fmt: skip
        self.reach = QSpinBox(self)
        self.reach.setAccessibleName("Frames that a mask is propagated over")
        self.reach.setRange(1, 999)
        self.reach.setValue(actions.reach)
        self.reach.setSuffix(" frames")
        self.reach.setToolTip("How far a mask is propagated, unless a manual one comes first.")
        self.reach.valueChanged.connect(lambda value: setattr(actions, "reach", value))
        self.whole = QCheckBox("All structures", self)
        self.whole.setChecked(actions.whole)
        self.whole.setToolTip(
            "Copy, interpolate and propagate every structure of a mask; otherwise the chosen one, and the others stay."
        )
        self.whole.toggled.connect(lambda on: setattr(actions, "whole", on))
        self.preview_bar = self._build_preview()

    def _build_looks(self) -> None:
        workspace = self._workspace
        self.outline = QCheckBox("Outline only", self)
        self.outline.clicked.connect(workspace.mask_style.set_outline)
        self.difference = QCheckBox("Show the predicted mask", self)
        self.difference.clicked.connect(workspace.mask_style.set_difference)
        self._tips += [
            (self.outline, "Draw the contour alone, or fill the cavity", "outline"),
            (self.difference, "Draw the predicted contour over this one, in orange", "difference"),
        ]
        self.opacity = QSlider(Qt.Orientation.Horizontal, self)
        self.opacity.setAccessibleName("Opacity of the mask")
        self.opacity.setRange(5, 100)
        self.opacity.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.opacity.setToolTip("Opacity of the mask.")
        self.opacity.valueChanged.connect(lambda value: workspace.mask_style.set_opacity(value / 100))

    def _build_preview(self) -> QFrame:
        bar = QFrame(self)
        bar.setFrameShape(QFrame.Shape.StyledPanel)
        self.preview_words = QLabel(bar)
        self.preview_words.setWordWrap(True)
        self.apply_button = self._button(
            "Apply", "apply", self._workspace.preview.apply, "Write these masks, as one step"
        )
        self.apply_accept_button = self._button(
            "Apply and accept", "apply_accept", partial(self._workspace.preview.apply, accept=True),
            "Write these masks and call them right, with the corrected frames they are made from, as one step",
        )  # fmt: skip
        self.discard_button = self._button("Discard", "discard", self._workspace.escape, "Throw them away")
        row = QHBoxLayout()
        row.addWidget(self.apply_button)
        row.addWidget(self.apply_accept_button)
        row.addWidget(self.discard_button)
        column = QVBoxLayout(bar)
        column.setContentsMargins(6, 4, 6, 4)
        column.addWidget(self.preview_words)
        column.addLayout(row)
        return bar

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setSpacing(5)
        column.addWidget(self.state)
        column.addWidget(self.words)
        column.addLayout(row(self.accept_button, self.reject_button, self.next_button))
        column.addWidget(self.correct_button)
        column.addLayout(row(self.between_button, self.go_on))
        column.addWidget(self.preview_bar)
        column.addWidget(self.figures)
        column.addWidget(horizontal_line(self))
        column.addWidget(self.structure)
        column.addLayout(rows_of_three(*self.tool_buttons.values()))
        size = QHBoxLayout()
        size.addWidget(QLabel("Size", self))
        size.addWidget(self.size, stretch=1)
        size.addWidget(self.size_text)
        column.addLayout(size)
        column.addLayout(row(self.undo_button, self.redo_button, self.keys_button))
        column.addLayout(rows_of_three(*self.mend_buttons, *self.copy_buttons))
        column.addWidget(horizontal_line(self))
        column.addWidget(self.whole)
        column.addWidget(self.interpolate_button)
        column.addWidget(self.fill_button)
        column.addLayout(row(self.back_button, self.reach, self.forward_button))
        column.addWidget(self.through_button)
        column.addWidget(horizontal_line(self))
        look = QHBoxLayout()
        look.addWidget(self.outline)
        look.addWidget(self.opacity, stretch=1)
        column.addLayout(look)
        column.addWidget(self.difference)
        column.addWidget(Section("review-readings", "Readings", self.readings, opened=True, parent=self))
        column.addStretch(1)

    def _button(self, text: str, name: str, deed: Callable[..., object], tip: str) -> QPushButton:
        button = QPushButton(text, self)
        # A click leaves the keyboard with the picture; the Tab key still reaches every button.
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(lambda _=False: deed())
        self._tips.append((button, tip, name))
        return button

    def _take(self, name: str, _: bool = False) -> None:
        self._workspace.tools.choose(name)

    # -- keeping in step ----------------------------------------------------------------------------------

    def _on_said(self, sentence: str) -> None:
        self.words.setText(sentence)

    def _update(self, _: object = None) -> None:
        session = self._workspace.session
        current, frame = session.current, session.frame
        ready = current is not None and current.ready
        for widget in (
            self.next_button, self.between_button, *self.tool_buttons.values(), *self.copy_buttons, *self.mend_buttons,
            self.interpolate_button, self.fill_button, self.back_button, self.forward_button, self.through_button,
        ):  # fmt: skip
            widget.setEnabled(ready)
        status = None if current is None else current.status.get(frame)
        for widget in (self.accept_button, self.reject_button):
            widget.setEnabled(ready and status is not None)
        self.difference.setEnabled(ready and current is not None and bool(current.proposed))
        # What was said of another cine ends with it; what there is to do gives way to what is said of this one.
        hint = _NOTHING_OPEN if current is None else _LOOK if current.status else _NO_MASKS
        if current is not self._shown or self.words.text() == self._hint:
            self.words.setText(hint)
        self._shown, self._hint = current, hint
        if current is None:
            self.state.setText("")
            return
        colours = colours_of(self)
        colour = colours.empty if status is None else colours.status[status]
        word = "no mask yet" if status is None else STATUS_WORDS[status]
        if status is FrameStatus.MACHINE:
            word = _AS_PREDICTED
        self.state.setText(
            f"<span style='color:{colour}; font-size:large'>⬤</span>&nbsp; <b>Frame {frame + 1}</b> "
            f"of {current.cine.n_frames}: {word}"
        )

    def _update_tools(self) -> None:
        tools = self._workspace.tools
        self.tool_buttons[tools.tool].setChecked(True)
        size = tools.size
        self.size.setEnabled(size is not None)
        if size is not None:
            self.size.blockSignals(True)
            self.size.setMaximum(max(200, size))
            self.size.setValue(size)
            self.size.blockSignals(False)
        self.size_text.setText("" if size is None else f"{size} px")

    def _update_preview(self) -> None:
        preview = self._workspace.preview
        self.preview_bar.setVisible(preview.is_open)
        self.preview_words.setText(preview.words)
        for button in (self.apply_button, self.apply_accept_button):
            button.setEnabled(preview.is_open and not preview.is_running)

    def _update_history(self) -> None:
        history = self._workspace.undo_stack
        self.undo_button.setEnabled(bool(history.undo_text))
        self.redo_button.setEnabled(bool(history.redo_text))
        self._update_tips()

    def _update_looks(self) -> None:
        style = self._workspace.mask_style
        self.outline.setChecked(style.outline)
        self.difference.setChecked(style.difference)
        self.opacity.blockSignals(True)
        self.opacity.setValue(round(100 * style.opacity))
        self.opacity.blockSignals(False)

    def _update_tips(self) -> None:
        history = self._workspace.undo_stack
        special = {
            "undo": f"Take back: {history.undo_text}" if history.undo_text else "Nothing to undo",
            "redo": f"Do again: {history.redo_text}" if history.redo_text else "Nothing to redo",
        }
        structures = self._workspace.structures
        self.whole.setVisible(structures.several)
        for widget, tip, name in self._tips:
            said = special.get(name, tip.rstrip("."))
            if structures.several and name in TOOLS:
                said = said.replace("the cavity", f"the {structures.name}")
            widget.setToolTip(said + self._keys.hint(name) + ".")
