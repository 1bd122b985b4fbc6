"""What would come in: what differs from a manual label first; then the import itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from napari_matae.exchange.job_dialog import JobDialog
from napari_matae.exchange.tasks import write_import
from napari_matae.widgets.layout import wrapped
from napari_matae.widgets.tables import reading_table
from napari_matae.widgets.words import frames_in_words, plural

if TYPE_CHECKING:
    from matae.exchange import ImportPlan, ImportResult
    from napari_matae.exchange.tasks import PreparedImport

__all__ = ["ImportDialog"]

_MOST_CLIPS = 500
_MOST_PROBLEMS = 8
_NOTHING_NEW = "There is nothing new in it."


class ImportDialog(JobDialog):
    """Shows a planned import, and runs it; does not stand in the way of work.

    Parameters
    ----------
    prepared
        What would be stored.
    parent
        Qt parent.
    """

    imported = Signal(object)
    """It is stored (`matae.exchange.ImportResult`)."""

    def __init__(self, prepared: PreparedImport, parent: QWidget | None = None) -> None:
        super().__init__("What will come in", parent)
        self._prepared = prepared
        self.outcome: ImportResult | None = None
        self.resize(720, 380)
        plan = prepared.plan
        self.summary = wrapped(_summary(plan), self)
        self.notes = wrapped("\n".join(plan.notes), self)
        self.notes.setVisible(bool(plan.notes))
        self.clips = reading_table(
            ("Clip", "Kept: yours differ", "New", "Same already"), _rows(plan, prepared.titles), self
        )
        self.clips.setAccessibleName("Clips that would come in")
        self.clips.setToolTip("How many labels of each clip are new, differ from yours, or are there already.")
        self.problems = wrapped(_problems(plan.problems), self)
        self.problems.setVisible(bool(plan.problems))
        self.rater = QLineEdit(self)
        self.rater.setAccessibleName("Drawn by")
        self.rater.setPlaceholderText("a code, if known")
        self.rater.setToolTip("Code of the person who drew these labels, as it is to stand in the study.")
        self.result.setText("" if plan.n_new else _NOTHING_NEW)
        self.import_button = QPushButton("Import", self)
        self.import_button.clicked.connect(self.run_import)
        self.import_button.setEnabled(bool(plan.n_new))
        self.import_button.setToolTip("Store the new labels." if plan.n_new else _NOTHING_NEW)
        self.job.finished.connect(self._on_finished)
        self.job.ended.connect(self._on_ended)
        self._lay_out()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.addWidget(self.summary)
        column.addWidget(self.notes)
        column.addWidget(self.clips)
        column.addWidget(self.problems)
        column.addStretch(1)
        column.addWidget(self.result)
        column.addWidget(self.bar)
        column.addLayout(self._button_row([QLabel("Drawn by", self), self.rater], [self.import_button]))

    def run_import(self) -> None:
        """Store what is new, off the GUI thread."""
        self.result.setText("")
        self.import_button.setEnabled(False)
        self.close_button.setEnabled(False)
        self.rater.setEnabled(False)
        self.job.start(partial(write_import, self._prepared, self.rater.text().strip()))

    def _on_finished(self, result: ImportResult) -> None:
        self.outcome = result
        kept = ""
        if result.conflicts:
            one = result.conflicts == 1
            verbs = "differs and was left as it is" if one else "differ and were left as they are"
            kept = f" {plural(result.conflicts, 'label')} of yours {verbs}."
        added = f" {plural(result.clips, 'clip')} added." if result.clips else ""
        self.result.setText(f"{plural(result.stored, 'label')} stored.{added}{kept}{_after(result.problems)}")
        self.imported.emit(result)

    def _on_ended(self) -> None:
        again = self.outcome is None or bool(self.outcome.problems)
        self.import_button.setEnabled(again and bool(self._prepared.plan.n_new))
        self.import_button.setVisible(self.outcome is None)
        self.close_button.setEnabled(True)


def _summary(plan: ImportPlan) -> str:
    new_clips = sum(clip.is_new for clip in plan.clips)
    text = f"<b>{plural(plan.n_new, 'label')} new</b>, {plan.n_same:,} here already"
    verb = "differs" if plan.n_conflicts == 1 else "differ"
    text += f", <b>{plan.n_conflicts:,} {verb} from a manual label</b>" if plan.n_conflicts else ""
    text += (
        f": {plan.format}, {plural(len(plan.clips), 'clip')} of {plural(plan.n_patients, 'patient')}, "
        f"{new_clips:,} of them new to this study. Nothing is stored yet."
    )
    if plan.n_conflicts:
        text += " Where yours differ, yours stay as they are: accept or change those by hand."
    return text


def _rows(plan: ImportPlan, titles: dict[str, str]) -> list[tuple[str, ...]]:
    rows = []
    for clip in sorted(plan.clips, key=lambda clip: not clip.conflicts)[:_MOST_CLIPS]:
        title = titles.get(clip.content_id, f"{clip.clip.name} (new clip)")
        rows.append((title, *(_frames(frames) for frames in (clip.conflicts, clip.new, clip.same))))
    if len(plan.clips) > _MOST_CLIPS:
        rows.append((f"and {len(plan.clips) - _MOST_CLIPS} more clips", "", "", ""))
    return rows


def _frames(frames: tuple[int, ...]) -> str:
    return frames_in_words(frames) if frames else "none"


def _problems(problems: tuple[str, ...]) -> str:
    more = [f"and {len(problems) - _MOST_PROBLEMS} more."] if len(problems) > _MOST_PROBLEMS else []
    return "Cannot be used:\n" + "\n".join([*problems[:_MOST_PROBLEMS], *more])


def _after(problems: list[str]) -> str:
    return "" if not problems else "\n" + "\n".join(problems[:_MOST_PROBLEMS])
