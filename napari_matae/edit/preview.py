"""Masks that a tool offers for several frames: shown first, then applied as one step or thrown away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from matae.stack import new_stack
from matae.store.types import FrameStatus
from napari_matae.background.connections import connections_of
from napari_matae.background.events import Failed
from napari_matae.background.worker import EventWorker
from napari_matae.edit.overlay_layer import OverlayLayer, hatched
from napari_matae.session.layers import PREVIEW_COLOUR, UNCERTAIN_COLOUR
from napari_matae.widgets.words import frames_in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_matae.session.session import OpenCine, Session

__all__ = ["Preview"]


class Preview(QObject):  # type: ignore[misc]
    """Computes masks off the GUI thread, shows them as they come, and writes them when told to.

    Parameters
    ----------
    session
        Whose frames are offered new masks.
    parent
        Qt parent.
    """

    changed = Signal()
    """Something is offered, more of it has come, or nothing is offered any more."""
    finished = Signal()
    """All of it has come."""
    said = Signal(str)
    """A sentence for the user."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._overlay = OverlayLayer(session, "Preview, not applied yet", PREVIEW_COLOUR)
        self._border = OverlayLayer(session, "Uncertain border of the preview", UNCERTAIN_COLOUR, contour=0)
        self._worker = EventWorker(self)
        self._worker.came.connect(self._on_event)
        self._worker.ended.connect(self._on_ended)
        self._target: OpenCine | None = None
        self._masks: NDArray[np.uint8] | None = None
        self._unsure: NDArray[np.uint8] | None = None
        self.text = ""
        """What is offered: "interpolation", "propagation"."""
        self.offered: list[int] = []
        """Frames that are offered a mask."""
        self.wanted = 0
        """Frames that will be offered one."""
        self._made_from: tuple[int, ...] = ()
        connections = connections_of(self)
        connections.connect(session.opened, self._on_opened)
        connections.when_closed(self._overlay.remove)
        connections.when_closed(self._border.remove)
        connections.when_closed(self.discard)

    @property
    def is_open(self) -> bool:
        """Whether something is offered."""
        return self._target is not None

    @property
    def is_running(self) -> bool:
        """Whether masks are still coming."""
        return self._worker.is_running

    @property
    def words(self) -> str:
        """What is offered, in words."""
        if not self.is_open:
            return ""
        if self.is_running:
            return f"{self.text}: {len(self.offered)} of {self.wanted} frames…"
        return f"{self.text}: {frames_in_words(self.offered)}. Nothing is changed yet."

    def start(
        self,
        text: str,
        wanted: int,
        work: Callable[[], Iterator[tuple[int, NDArray[np.uint8], *tuple[NDArray[np.bool_], ...]]]],
        *,
        made_from: Sequence[int] = (),
    ) -> None:
        """Compute masks with `work` in another thread and show each as it comes.

        Parameters
        ----------
        text
            What it is, in the history.
        wanted
            How many frames will come.
        work
            Yields frame and mask (Y, X) uint8, and where that is uncertain, (Y, X) bool, if that is known: hatched.
        made_from
            Corrected frames that the masks are made from; they are accepted with them.
        """
        self.discard()
        current = self._session.current
        if current is None:
            return
        self._target, self.text, self.wanted = current, text, wanted
        self._made_from = tuple(made_from)
        self._masks = new_stack(current.cine.frames.shape)
        self._worker.start(work)
        self.changed.emit()
        self.said.emit(f"{text} offered in white: apply or discard it.")

    def apply(self, *, accept: bool = False) -> None:
        """Write what has come into frames no person has taken, as one step.

        Parameters
        ----------
        accept
            Call those masks right in the same step, and the corrected ones they are made from.
        """
        target, masks = self._target, self._masks
        if target is None or masks is None or target is not self._session.current:
            return
        self._session.settle()  # a frame drawn in since the preview began is a person's
        taken = {t: masks[t].copy() for t in self.offered if not target.is_manual(t)}
        sources = [t for t in self._made_from if target.status.get(t) is FrameStatus.EDITED]
        text = self.text
        self.discard()
        if not accept:
            changed = self._session.masks.change(text.lower(), taken)
            self.said.emit(f"{text}: {frames_in_words(changed)} changed. Undo takes it back as one step.")
            return
        taken |= {t: target.mask(t).copy() for t in sources}
        changed = self._session.masks.change(text.lower(), dict(sorted(taken.items())), FrameStatus.ACCEPTED)
        self.said.emit(f"{text} accepted: {frames_in_words(changed)}. Undo takes it back as one step.")

    def discard(self) -> None:
        """Throw away what is offered."""
        self._worker.drop()
        if self._target is None:
            return
        self._target, self._masks, self._unsure, self.offered = None, None, None, []
        self._overlay.hide()
        self._border.hide()
        self.changed.emit()

    def _on_event(self, event: object) -> None:
        if isinstance(event, Failed):
            text = event.text
            self.discard()
            self.said.emit(text)
        elif isinstance(event, tuple) and self._masks is not None:
            frame, mask, *unsure = event
            self._masks[frame] = mask
            self.offered = sorted({*self.offered, frame})
            if len(self.offered) == 1:
                self._overlay.show(self._masks)
            elif frame == self._session.frame:
                self._overlay.refresh()
            if unsure:
                self._show_unsure(frame, unsure[0])
            self.changed.emit()

    def _show_unsure(self, frame: int, region: NDArray[np.bool_]) -> None:
        if self._unsure is None and self._masks is not None:
            self._unsure = new_stack(self._masks.shape)
        if self._unsure is not None:
            self._unsure[frame] = hatched(region)
            if not self._border.visible:
                self._border.show(self._unsure)
            elif frame == self._session.frame:
                self._border.refresh()

    def _on_ended(self) -> None:
        if self._target is not None and not self.offered:
            self.discard()
        self.changed.emit()
        self.finished.emit()

    def _on_opened(self, current: object) -> None:
        if current is not self._target:
            self.discard()
