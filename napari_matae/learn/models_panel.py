"""The Models section: which models there are, which is in use, comparing any two, and forgetting a patient."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QMessageBox, QPushButton, QVBoxLayout, QWidget

from napari_matae.background.connections import connections_of
from napari_matae.background.job import Job
from napari_matae.learn.forget_patient_form import ForgetPatientForm
from napari_matae.models.active_model import ActiveModel
from napari_matae.models.model_list import ModelList, about
from napari_matae.models.tasks import list_facts
from napari_matae.verdict.compare_form import CompareForm
from napari_matae.widgets.collapsible import Section

if TYPE_CHECKING:
    from typing import Any

    from napari_matae.models.model_list import CardWindow
    from napari_matae.models.tasks import ModelFacts
    from napari_matae.workspace.workspace import Workspace

__all__ = ["ModelsPanel"]

_SOON_MS = 200


class ModelsPanel(QWidget):  # type: ignore[misc]
    """The models on this machine, and what can be done with them.

    Parameters
    ----------
    workspace
        What is worked with.
    parent
        Qt parent.
    """

    changed = Signal()
    """Another model is in use, or one was removed or trained anew."""
    listed = Signal()
    """The models were listed anew."""

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self.in_use = ActiveModel(workspace, self)
        self._listing = Job(self)
        self._again = False
        self.question: QMessageBox | None = None
        """What is being asked, while it is."""
        self.card: CardWindow | None = None
        """The card that is open, while it is."""
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON_MS)
        self._soon.timeout.connect(self.refresh)
        self._build()
        self._listing.finished.connect(self._on_listed)
        self._listing.failed.connect(self._say)
        self._listing.ended.connect(self._list_again)
        self.in_use.said.connect(self._say)
        self.in_use.busy.connect(self._update)
        self.in_use.changed.connect(self.changed)
        self.forget.forgotten.connect(self._on_forgotten)
        workspace.model_changed.connect(self._soon.start)
        workspace.link.state_changed.connect(self._on_study)
        connections_of(self).when_closed(self._close_windows)

    def _close_windows(self) -> None:
        for window in (self.question, self.card):
            if window is not None:
                window.close()

    def _build(self) -> None:
        self.list = ModelList(self)
        self.list.chosen.connect(self._update)
        self.list.itemActivated.connect(lambda *_: self.show_card())
        self.about, self.words = QLabel(self), QLabel(self)
        for label in (self.about, self.words):
            label.setWordWrap(True)
        self.words.hide()
        self.use_button = QPushButton("Use", self)
        self.use_button.clicked.connect(self.use)
        self.back_button = QPushButton("Go back", self)
        self.back_button.clicked.connect(self.in_use.go_back)
        self.compare_button = QPushButton("Compare", self)
        self.compare_button.setToolTip("Compare this model with the one in use; any other pair and side below.")
        self.compare_button.clicked.connect(self._compare_chosen)
        self.card_button = QPushButton("Details…", self)
        self.card_button.setToolTip("Its card: data, licence, figures, how it was trained, limits, and its files.")
        self.card_button.clicked.connect(self.show_card)
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        for button in (self.use_button, self.back_button, self.compare_button, self.card_button):
            buttons.addWidget(button)
        self.compare = CompareForm(self._workspace, self)
        self.forget = ForgetPatientForm(self._workspace, self)
        self.sections = {
            "compare": Section("models-compare", "Compare two models", self.compare, opened=False, parent=self),
            "forget": Section("models-forget", "Forget a patient", self.forget, opened=False, parent=self),
        }
        self.sections["forget"].toggled.connect(lambda on: self.forget.refresh() if on else None)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.list)
        column.addLayout(buttons)
        for widget in (self.about, self.words, *self.sections.values()):
            column.addWidget(widget)
        column.addStretch(1)
        self._update()

    # -- listing ------------------------------------------------------------------------------------------

    def showEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """List when somebody looks."""
        super().showEvent(event)
        self.refresh()

    def refresh(self) -> None:
        """List the models anew, off the GUI thread, and the patients of the study."""
        if self._listing.is_running:
            self._again = True
        else:
            link = self._workspace.link
            self._listing.start(partial(list_facts, link.connection.opened_target))
        if self.sections["forget"].is_open:
            self.forget.refresh()

    def _list_again(self) -> None:
        if self._again:
            self._again = False
            self.refresh()

    def _on_listed(self, found: list[ModelFacts]) -> None:
        self.list.show_facts(found)
        whole = [facts.name for facts in found if facts.kind not in {"gone", "broken"}]
        self.compare.show_models(whole, next((facts.name for facts in found if facts.in_use), ""))
        self._update()
        self.listed.emit()

    def _on_study(self) -> None:
        if self.isVisible() and self.sections["forget"].is_open and not self.forget.subject.count():
            self.forget.refresh()

    def _on_forgotten(self, _: object) -> None:
        self.compare.clear()  # it may show them
        self.changed.emit()

    # -- actions --------------------------------------------------------------------------------------------

    def use(self) -> None:
        """Put the chosen model into use; one that no verdict offers only after a question."""
        facts = self.list.current
        if facts is None or self.question is not None:
            return
        if not facts.why_not:
            self.in_use.use(facts.name)
            return
        self.question = question = QMessageBox(self)
        question.setIcon(QMessageBox.Icon.Question)
        question.setWindowTitle(f"Use {facts.name}?")
        question.setText(f"Use {facts.name} although no verdict offers it?")
        why = f"{facts.why_not[0].upper()}{facts.why_not[1:]}"
        question.setInformativeText(f"{why}\n\nGo back takes it back at any time.")
        yes = question.addButton("Use all the same", QMessageBox.ButtonRole.AcceptRole)
        no = question.addButton("Leave it", QMessageBox.ButtonRole.RejectRole)
        question.setDefaultButton(no)
        question.setEscapeButton(no)
        question.finished.connect(lambda _: self._on_answered(facts.name, question.clickedButton() is yes))
        question.open()

    def _on_answered(self, name: str, yes: bool) -> None:
        question, self.question = self.question, None
        if question is not None:
            question.deleteLater()
        if yes:
            self.in_use.use(name, anyway=True)

    def _compare_chosen(self) -> None:
        facts, used = self.list.current, self.in_use.name
        if facts is None:
            return
        self.sections["compare"].set_open(True)
        if facts.name != used:
            self.compare.before.setCurrentText(used)
            self.compare.after.setCurrentText(facts.name)
        self.compare.button.setFocus()

    def show_card(self) -> None:
        """Show the card of the chosen model."""
        from napari_matae.models.model_list import CardWindow

        facts = self.list.current
        if facts is None:
            return
        if self.card is not None:
            self.card.close()
        self.card = card = CardWindow(facts, self)
        card.finished.connect(lambda _: self._on_card_closed(card))
        card.show()

    def _on_card_closed(self, card: CardWindow) -> None:
        if self.card is card:
            self.card = None
        card.deleteLater()

    # -- keeping in step ----------------------------------------------------------------------------------

    def _say(self, sentence: str) -> None:
        self.words.setText(sentence)
        self.words.setVisible(bool(sentence))

    def _update(self, _: object = None) -> None:
        facts, busy = self.list.current, self.in_use.is_busy
        self.about.setText("" if facts is None else about(facts))
        usable = facts is not None and not facts.in_use and not facts.problem
        self.use_button.setEnabled(usable and not busy)
        if facts is not None and facts.in_use:
            self.use_button.setToolTip(f"{facts.name} is in use.")
        elif facts is not None and facts.problem:
            self.use_button.setToolTip(facts.problem)
        else:
            self.use_button.setToolTip("The Segment step and the command line take it from then on.")
        before = self.in_use.before
        self.back_button.setEnabled(bool(before) and not busy)
        self.back_button.setToolTip(
            f"Use {before} again; also works when the present one is broken."
            if before
            else "No other model was in use before; there is nothing to go back to."
        )
        self.compare_button.setEnabled(facts is not None and not facts.problem)
        self.card_button.setEnabled(facts is not None)
