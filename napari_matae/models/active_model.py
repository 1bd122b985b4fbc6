"""Puts a model into use, and goes back to the one before, off the GUI thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from matae.models import current_model, earlier_models, promote, rollback
from napari_matae.background.job import Job
from napari_matae.study_thread.own_connection import own_connection

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from napari_matae.workspace.workspace import Workspace

    Work = Callable[[Any, Any], str]

__all__ = ["ActiveModel"]


class ActiveModel(QObject):  # type: ignore[misc]
    """Which model is in use, and changing it.

    Parameters
    ----------
    workspace
        Told when another model is in use.
    parent
        Qt parent.
    """

    changed = Signal()
    """Another model is in use."""
    said = Signal(str)
    """What happened, or why it did not; a sentence."""
    busy = Signal(bool)
    """A change is under way, or over."""

    def __init__(self, workspace: Workspace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._job = Job(self)
        self._job.finished.connect(self._on_finished)
        self._job.failed.connect(self._on_failed)
        self._job.ended.connect(lambda: self.busy.emit(False))

    @property
    def name(self) -> str:
        """The model in use."""
        return current_model()

    @property
    def before(self) -> str:
        """The model that was in use before; empty if there was none."""
        return next(iter(earlier_models()), "")

    @property
    def is_busy(self) -> bool:
        """Whether a change is under way."""
        return self._job.is_running

    def use(self, name: str, *, anyway: bool = False, by_choice: bool = False) -> None:
        """Put a model into use; `anyway` also where no verdict offers it, `by_choice` where there is no difference."""
        target = self._workspace.link.connection.opened_target

        def work(_tick: object, _stop: object) -> str:
            if anyway or not target:
                before = promote(name, anyway=anyway, by_choice=by_choice)
            else:
                with own_connection(target) as study:
                    before = promote(name, by_choice=by_choice, keyed=study.keyed)
            return f"{name} is in use now, {before} before; Go back takes it back."

        self._start(work)

    def go_back(self) -> None:
        """Go back to the model that was in use before, even if the present one is broken."""
        self._start(lambda _tick, _stop: f"{rollback()} is in use again.")

    def _start(self, work: Work) -> None:
        if not self._job.is_running:
            self._job.start(work)
            self.busy.emit(True)

    def _on_finished(self, sentence: str) -> None:
        self.said.emit(sentence)
        self._workspace.show_message(sentence)
        self._workspace.model_changed.emit()
        self.changed.emit()

    def _on_failed(self, sentence: str) -> None:
        from napari.utils.notifications import show_warning

        self.said.emit(sentence)
        show_warning(sentence)
