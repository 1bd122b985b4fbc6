"""Forget a patient: what goes is shown first, then asked about, then done."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QMessageBox, QPushButton, QVBoxLayout, QWidget

from napari_matae.background.connections import connections_of
from napari_matae.background.job import Job
from napari_matae.models.tasks import forget, list_subjects, what_goes
from napari_matae.verdict.wording import headline
from napari_matae.widgets.job_bar import JobBar
from napari_matae.widgets.layout import combo_box, wrapped
from napari_matae.widgets.words import listed, plural

if TYPE_CHECKING:
    from matae.learn import Forgotten
    from napari_matae.models.tasks import SubjectFacts
    from napari_matae.workspace.workspace import Workspace

__all__ = ["ForgetPatientForm", "consequence", "outcome"]

_CHOOSE = "Choose a patient…"
_NO_STUDY = "No study is open: choose one in step 1."
_NOBODY = "Nobody in this study has a name (a pseudonym), so there is nobody to forget by name."
_ON_SCREEN = "A cine of {} is on screen: open another cine first, then forget them."
_KEPT = "Copies that left this machine (exports, backups, models given away) are not reached."


class ForgetPatientForm(QWidget):  # type: ignore[misc]
    """A patient, what goes with them, and a button.

    Parameters
    ----------
    workspace
        Whose study.
    parent
        Qt parent.
    """

    forgotten = Signal(object)
    """Somebody was forgotten (`matae.learn.Forgotten`)."""

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self.facts: SubjectFacts | None = None
        """What would go with the chosen patient, once it is known."""
        self.question: QMessageBox | None = None
        """What is being asked, while it is."""
        self._subject = ""
        self._previewing, self._naming = Job(self), Job(self)
        self.job = Job(self)
        self.subject = combo_box(self, letters=12)
        self.subject.setAccessibleName("Patient to forget")
        self.subject.setToolTip("Whose clips and masks are to leave the study.")
        self.subject.activated.connect(lambda _: self.preview_removal())
        self.goes = wrapped("", self)
        self.again = QCheckBox("Train those models anew without them", self)
        self.again.setChecked(True)
        self.again.setToolTip(
            "With the same choices and steps, from their base: what comes out is what it would have been without them."
        )
        self.button = QPushButton("Forget…", self)
        self.button.setToolTip("You are asked once more before anything is deleted.")
        self.button.clicked.connect(self.ask)
        self.bar = JobBar(self.job, self)
        self.words = wrapped("", self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self.subject, self.goes, self.again, self.button, self.bar, self.words):
            column.addWidget(widget)
        self._naming.finished.connect(self._on_named)
        self._naming.failed.connect(self._say)
        self._previewing.finished.connect(self._on_previewed)
        self._previewing.failed.connect(self._say)
        self._previewing.ended.connect(self._preview_again)
        self.job.finished.connect(self._on_forgotten)
        self.job.failed.connect(self._say)
        self.job.stopped.connect(self._say)
        self.job.ended.connect(self._on_ended)
        connections_of(self).when_closed(self._close_question)
        self._say("")
        self._update()

    def _close_question(self) -> None:
        if self.question is not None:
            self.question.close()

    @property
    def _target(self) -> str:
        return self._workspace.link.connection.opened_target

    # -- choosing -----------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """List the patients of the study anew."""
        target = self._target
        if not target:
            self._show_subjects([])
            self._say(_NO_STUDY)
        elif not self._naming.is_running:
            self._naming.start(lambda _tick, _stop: list_subjects(target))

    def _on_named(self, subjects: list[str]) -> None:
        if self.words.text() in {_NO_STUDY, _NOBODY}:
            self._say("")
        self._show_subjects(subjects)
        if not subjects:
            self._say(_NOBODY)

    def _show_subjects(self, subjects: list[str]) -> None:
        chosen = self.subject.currentText()
        self.subject.clear()
        self.subject.addItems([_CHOOSE, *subjects])
        if chosen in subjects:
            self.subject.setCurrentText(chosen)
        self.preview_removal()

    def choose(self, subject: str) -> None:
        """Choose a patient and find out what would go."""
        if self.subject.findText(subject) < 0:
            self.subject.addItem(subject)
        self.subject.setCurrentText(subject)
        self.preview_removal()

    def preview_removal(self) -> None:
        """Find out what would go with the chosen patient, off the GUI thread."""
        self.facts = None
        self._subject = self.subject.currentText() if self.subject.currentIndex() > 0 else ""
        target, subject = self._target, self._subject
        if target and subject and not self._previewing.is_running:
            self._previewing.start(lambda _tick, _stop: what_goes(target, subject))
        self._update()

    def _on_previewed(self, facts: SubjectFacts) -> None:
        if facts.subject == self._subject:
            self.facts = facts
        self._update()

    def _preview_again(self) -> None:
        """Find out once more where somebody else was chosen meanwhile."""
        looked = self.facts.subject if self.facts is not None else ""
        if self._subject and looked != self._subject and not self.words.text():
            self.preview_removal()

    # -- forgetting ---------------------------------------------------------------------------------------

    def ask(self) -> None:
        """Say exactly what happens, and ask."""
        facts = self.facts
        if facts is None or self.job.is_running or self.question is not None:
            return
        current = self._workspace.session.current
        if current is not None and current.cine.content_id in facts.content_ids:
            self._say(_ON_SCREEN.format(facts.subject))
            return
        if unsaved := self._workspace.unsaved():
            self._say(unsaved)
            return
        self._say("")
        self.question = question = QMessageBox(self)
        question.setIcon(QMessageBox.Icon.Warning)
        question.setWindowTitle(f"Forget {facts.subject}?")
        question.setText(f"Forget {facts.subject}?")
        question.setInformativeText(consequence(facts, again=self.again.isChecked()))
        sure = question.addButton(f"Forget {facts.subject}", QMessageBox.ButtonRole.DestructiveRole)
        keep = question.addButton("Keep", QMessageBox.ButtonRole.RejectRole)
        question.setDefaultButton(keep)
        question.setEscapeButton(keep)
        question.finished.connect(lambda _: self._on_answered(question.clickedButton() is sure))
        question.open()

    def _on_answered(self, sure: bool) -> None:
        question, self.question = self.question, None
        if question is not None:
            question.deleteLater()
        facts = self.facts
        if sure and facts is not None:
            again = self.again.isChecked() and bool(facts.models)
            self.job.start(partial(forget, self._target, facts.subject, again))
            self._update()

    def _on_forgotten(self, done: Forgotten) -> None:
        sentence = outcome(done)
        self._say(sentence)
        self._workspace.show_message(sentence)
        self.facts = None
        self.subject.setCurrentIndex(0)
        self._subject = ""
        self.forgotten.emit(done)

    def _on_ended(self) -> None:
        self._workspace.link.connection.count()
        self._workspace.model_changed.emit()
        self.preview_removal()
        self._update()

    # -- keeping in step ----------------------------------------------------------------------------------

    def _say(self, sentence: str) -> None:
        self.words.setText(sentence)
        self.words.setVisible(bool(sentence))

    def _update(self) -> None:
        facts = self.facts
        running = self.job.is_running
        self.goes.setText("Looking what would go…" if facts is None and self._subject else summary(facts))
        self.goes.setVisible(bool(self.goes.text()))
        self.again.setVisible(facts is not None and bool(facts.models))
        self.subject.setEnabled(not running)
        self.again.setEnabled(not running)
        self.button.setEnabled(facts is not None and not running)


def summary(facts: SubjectFacts | None) -> str:
    """Return what would go, in a sentence."""
    if facts is None:
        return ""
    cines, frames = plural(len(facts.content_ids), "cine"), plural(facts.n_frames, "labelled frame")
    releases = f", also out of {listed(facts.releases)}" if facts.releases else ""
    models = f"Models that learnt from them: {listed(facts.models)}." if facts.models else "No model learnt from them."
    return f"With {facts.subject} go {cines} and {frames}{releases}. {models}"


def consequence(facts: SubjectFacts, *, again: bool) -> str:
    """Return exactly what happens, for the question."""
    first = (
        f"Deleted from the study: {facts.subject}, {plural(len(facts.content_ids), 'cine')}, "
        f"{plural(facts.n_frames, 'labelled frame')}, all earlier versions of them. The files of the cines stay."
    )
    lines = [first]
    if facts.releases:
        lines.append(f"Taken out of {listed(facts.releases)}.")
    if facts.models:
        how = "and then trained anew from their base without them, which can take minutes" if again else "not replaced"
        lines.append(f"Removed from this machine, {how}: {listed(facts.models)}.")
    lines.append(f"{_KEPT} This cannot be undone.")
    return "\n\n".join(lines)


def outcome(done: Forgotten) -> str:
    """Return what forgetting did."""
    lines = [f"Forgotten, with {plural(done.n_cines, 'cine')}."]
    lines += [
        f"{name} was trained anew: {headline(verdict, comparison=False).lower()}."
        for name, verdict in done.retrained.items()
    ]
    lines += [f"{name} was removed and not trained anew: {sentence}" for name, sentence in done.failed.items()]
    left = [name for name in done.removed if name not in done.retrained and name not in done.failed]
    if left:
        lines.append(f"Removed: {listed(left)}. Retrain above to learn from the corrections that are left.")
    if done.removed:
        lines.append(done.change or f"In use now, as before: {done.in_use}.")
    return "\n".join(lines)
