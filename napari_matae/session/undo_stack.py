"""Undo and redo that go to the frame they change and say what they did.

One stack a cine, for strokes, tools, bulk actions, judgements and new proposals alike. It outlives the dock: a dock
closed and opened again goes on with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal
from qtpy.QtGui import QUndoCommand, QUndoStack

from napari_matae.background.connections import connections_of
from napari_matae.widgets.words import frames_in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_matae.session.session import OpenCine, Session
    from napari_matae.session.undo_step import UndoStep

__all__ = ["LIMIT", "UndoStack", "steps_done"]

LIMIT = 300
"""Steps that can be taken back in one cine."""

_OVERTAKEN = "{where} changed since, in another window or by a new proposal: {text} there cannot be {done}."


class _Command(QUndoCommand):  # type: ignore[misc]
    """A step on Qt's stack. Qt does a command when it is pushed; ours is done by then."""

    def __init__(self, step: UndoStep, history: UndoStack) -> None:
        super().__init__(step.text)
        self.step = step
        self.undo_stack: UndoStack | None = history
        self._pushed = False

    def redo(self) -> None:
        """Do it again."""
        if self._pushed:
            self._go(forward=True)
        self._pushed = True

    def undo(self) -> None:
        """Take it back."""
        self._go(forward=False)

    def _go(self, *, forward: bool) -> None:
        if self.undo_stack is not None and not self.undo_stack.apply(self.step, forward=forward):
            self.setObsolete(True)  # Qt drops it, and the next undo takes the step before


class UndoStack(QObject):  # type: ignore[misc]
    """The undo stack of the session's cine.

    Parameters
    ----------
    session
        Whose steps are kept.
    parent
        Qt parent.
    """

    changed = Signal()
    """What can be undone or redone is another step."""
    said = Signal(str)
    """A sentence on what was undone or redone, and where."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._stack: QUndoStack | None = None
        self._stack_connections = connections_of(self)
        connections = connections_of(self)
        connections.connect(session.stepped, self._on_stepped)
        connections.connect(session.opened, self._on_opened)
        connections.connect(session.labels_changed, self._on_labels)
        connections.when_closed(self._let_go)  # the stack stays with its cine
        self._on_opened(session.current)

    # -- what can be done ---------------------------------------------------------------------------------

    @property
    def undo_text(self) -> str:
        """What undo would take back; empty if there is nothing."""
        return "" if self._stack is None else str(self._stack.undoText())

    @property
    def redo_text(self) -> str:
        """What redo would do again; empty if there is nothing."""
        return "" if self._stack is None else str(self._stack.redoText())

    @property
    def n_undo(self) -> int:
        """How many steps can be taken back."""
        return 0 if self._stack is None else int(self._stack.index())

    def undo(self) -> None:
        """Take the last step back and show its frame."""
        self._session.settle()
        if self._stack is None or not self._stack.canUndo():
            self.said.emit("Nothing to undo.")
            return
        self._stack.undo()

    def redo(self) -> None:
        """Do the last step that was taken back again and show its frame."""
        self._session.settle()
        if self._stack is None or not self._stack.canRedo():
            self.said.emit("Nothing to redo.")
            return
        self._stack.redo()

    def apply(self, step: UndoStep, *, forward: bool) -> bool:
        """Do a step again or take it back, and say so; False if it no longer fits."""
        where = frames_in_words(step.frames)
        if self._session.masks.apply(step, forward=forward):
            self.said.emit(f"{'Redone' if forward else 'Undone'}: {step.text}, {where}.")
            return True
        self._session.seek(step.shows)
        place = where[0].upper() + where[1:]
        self.said.emit(_OVERTAKEN.format(where=place, text=step.text, done="redone" if forward else "undone"))
        return False

    def restore(self, steps: Sequence[UndoStep]) -> None:
        """Put steps of an earlier sitting, the oldest first, below those of this one."""
        stack = self._stack
        if stack is None or not steps or stack.canRedo():
            return
        recent = [stack.command(index).step for index in range(stack.count())]
        stack.clear()
        for step in (*steps, *recent):
            stack.push(_Command(step, self))

    # -- following the session ----------------------------------------------------------------------------

    def _on_stepped(self, step: UndoStep) -> None:
        if self._stack is not None:
            self._stack.push(_Command(step, self))

    def _on_opened(self, current: OpenCine | None) -> None:
        if current is not None and current.stack is self._stack and self._stack is not None:
            return  # the same cine with another description
        self._let_go()
        if current is None:
            self.changed.emit()
            return
        if current.stack is None:
            current.stack = QUndoStack()
            current.stack.setUndoLimit(LIMIT)
        self._stack = current.stack
        for index in range(self._stack.count()):
            self._stack.command(index).undo_stack = self
        self._stack_connections.connect(self._stack.indexChanged, self._on_index)
        self.changed.emit()

    def _on_labels(self) -> None:
        current = self._session.current
        if current is not None and current.labels is None and self._stack is not None:
            self._stack.clear()  # nothing is left that it could change

    def _on_index(self) -> None:
        self.changed.emit()

    def _let_go(self) -> None:
        self._stack_connections.close()
        self._stack = None


def steps_done(current: OpenCine) -> list[UndoStep]:
    """Return the steps of a cine that can be taken back, the oldest first."""
    stack: QUndoStack | None = current.stack
    return [] if stack is None else [stack.command(index).step for index in range(stack.index())]
