"""Every change of a mask is made here: shown at once, recorded as a step, and told to those who save it.

A stroke, a tool, a model's proposal, an undo, another viewer's work. `OpenCine` holds the masks; this decides what
is told to whom, and in which order.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

from matae.stack import new_stack
from matae.store.types import FrameStatus, Origin
from napari_matae.session.layers import make_labels
from napari_matae.session.undo_step import UndoStep

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from matae.segment import FrameMask
    from matae.store.types import FrameInfo
    from napari_matae.session.cine_viewer import CineViewer
    from napari_matae.session.open_cine import OpenCine
    from napari_matae.session.paint_watcher import PaintWatcher
    from napari_matae.session.signals import SessionSignals
    from napari_matae.session.undo_step import FrameChange

__all__ = ["MaskChanges"]


class MaskChanges:
    """Changes the masks of the cine on screen.

    Parameters
    ----------
    screen
        Where the cine is.
    tell
        Who is told what changed.
    drawn
        Follows the layer that is made for the masks.
    """

    def __init__(self, screen: CineViewer, tell: SessionSignals, drawn: PaintWatcher) -> None:
        self._cine_viewer, self._tell, self._drawn = screen, tell, drawn
        self.tool = "drawing"
        """What a stroke is called in the history."""
        self._replaced: list[FrameChange] = []

    def ensure_labels(self) -> None:
        """Make the layer that holds the masks, if there is none yet."""
        current = self._cine_viewer.current
        if current is None or current.labels is not None:
            return
        current.take_labels(
            self._cine_viewer.add_above(make_labels(current.cine, new_stack(current.cine.frames.shape)))
        )
        self._drawn.follow(current)
        self._tell.labels_changed.emit()

    def drop_labels(self) -> None:
        """Forget the masks: their layer is gone."""
        if (current := self._cine_viewer.current) is not None:
            # What is in the study stays there; without one, this is the user's own decision to forget.
            self.settle()
            self._drawn.unfollow()
            current.drop_labels()
            self._tell.labels_changed.emit()
            self._announce()

    def finish(self) -> None:
        """Record what is drawn before another cine takes this one's place."""
        self.settle()
        self._replaced.clear()

    # -- a run of a model ---------------------------------------------------------------------------------

    def begin_run(self) -> None:
        """Make ready for new proposals; frames that a run does not reach keep their masks."""
        self.settle()
        self.ensure_labels()
        self._cine_viewer.forget_layer_history()
        self._tell.run_began.emit()

    def receive(self, result: FrameMask) -> bool:
        """Show one frame's result, unless a person has taken that frame.

        Returns
        -------
        bool
            Whether it is shown.
        """
        current, frame = self._cine_viewer.current, result.index
        if current is None or current.labels is None:
            return False
        if current.is_manual(frame):
            if current.is_unrecorded(frame):
                current.drawn.add(frame)
                self.settle()
            return False
        if frame == self._cine_viewer.frame:
            self._cine_viewer.put_on_screen(result.mask)
        change = current.take_proposal(frame, result.mask, _implied(current, result), _origin(current))
        if change is not None:
            self._replaced.append(change)
        self._tell.proposed.emit(frame)
        self._tell.area_changed.emit()
        return True

    def end_run(self) -> None:
        """Record the proposals that were replaced since `begin_run` as one step."""
        self._record_replaced()
        self._tell.run_ended.emit()

    def _record_replaced(self) -> None:
        changes, self._replaced = self._replaced, []
        if changes and self._cine_viewer.current is not None:
            self._tell.stepped.emit(UndoStep("new proposals", tuple(changes), self._cine_viewer.frame))
        self._tell.status_changed.emit()

    # -- a person -----------------------------------------------------------------------------------------

    def draw(self, frame: int, mask: NDArray[np.uint8]) -> None:
        """Show a mask while it is being shaped; it is recorded when the stroke ends."""
        current = self._cine_viewer.current
        if current is None or current.labels is None:
            return
        current.labels.data[frame] = mask
        current.drawn.add(frame)
        self._cine_viewer.refresh()
        if current.measure(frame):
            self._tell.area_changed.emit()

    def settle(self) -> None:
        """Record what was drawn since the last time, as one step."""
        current = self._cine_viewer.current
        if current is not None and current.labels is not None and current.drawn:
            took = current.put_back()
            self._record(current.settle(self.tool, self._cine_viewer.shown))
            if took:
                self._cine_viewer.forget_layer_history()
                self._cine_viewer.refresh()
                self._tell.area_changed.emit()
                self._tell.put_back.emit(took)

    def change(
        self, text: str, masks: Mapping[int, NDArray[np.uint8]], status: FrameStatus = FrameStatus.EDITED
    ) -> list[int]:
        """Give frames other masks, as one step; return the frames that changed."""
        current = self._cine_viewer.current
        if current is None:
            return []
        self.settle()
        self.ensure_labels()
        step = current.change(text, masks, self._cine_viewer.frame, status)
        self._cine_viewer.refresh()
        return self._record(step)

    def judge(self, text: str, frames: Iterable[int], status: FrameStatus) -> list[int]:
        """Give frames another status, as one step; return the frames that changed."""
        current = self._cine_viewer.current
        if current is None:
            return []
        self.settle()
        return self._record(current.judge(text, frames, status, self._cine_viewer.frame))

    def apply(self, step: UndoStep, *, forward: bool) -> bool:
        """Do a step again or take it back, and show the frame it changes.

        Returns
        -------
        bool
            False, and nothing is changed, where a frame is not as the step left it: another viewer changed it since.
        """
        current = self._cine_viewer.current
        if current is None or current.labels is None:
            return False
        self.settle()
        if not current.fits(step, forward=forward):
            return False
        current.apply(step, forward=forward)
        self._cine_viewer.forget_layer_history()
        self._cine_viewer.seek(step.shows)
        self._cine_viewer.refresh()
        self._announce()
        self._tell.written.emit(step.frames, "redo" if forward else "undo")
        return True

    # -- the study ----------------------------------------------------------------------------------------

    def show_stored(
        self,
        frames: Mapping[int, tuple[NDArray[np.uint8], FrameStatus | None]],
        infos: Mapping[int, FrameInfo | None] | None = None,
    ) -> None:
        """Show what the study holds for some frames; nothing of it needs saving.

        Parameters
        ----------
        frames
            Mask (Y, X) and status by frame.
        infos
            What the study knows of them, by frame.
        """
        current = self._cine_viewer.current
        if current is None or not frames:
            return
        self.ensure_labels()
        for frame, (mask, status) in frames.items():
            current.put(frame, mask, status, (infos or {}).get(frame))
        self._cine_viewer.forget_layer_history()
        self._cine_viewer.refresh()
        self._announce()

    def _record(self, step: UndoStep | None) -> list[int]:
        """Tell everybody of a step; return its frames."""
        if step is None:
            return []
        if any(change.frame in step.frames for change in self._replaced):
            self._record_replaced()  # what a stroke was drawn on must be taken back after it
        self._tell.stepped.emit(step)
        self._announce()
        self._tell.written.emit(step.frames, step.text)
        return step.frames

    def _announce(self) -> None:
        self._tell.area_changed.emit()
        self._tell.status_changed.emit()


def _origin(current: OpenCine) -> Origin | None:
    """Return the network that runs."""
    model, width, sha256 = (str(current.run.get(key, "")) for key in ("model", "width", "model_sha256"))
    return Origin(model, width, sha256) if model else None


def _implied(current: OpenCine, result: FrameMask) -> float:
    """Return the Dice that a result's probabilities imply, NaN for a model of which it was not measured."""
    run = current.run
    if not _is_calibrated(str(run.get("model", "")), str(run.get("model_sha256", ""))):
        return math.nan
    return result.implied_dice


@lru_cache(maxsize=8)
def _is_calibrated(model: str, sha256: str) -> bool:  # noqa: ARG001 - other weights, other entry
    from matae.errors import ModelError
    from matae.models import find_model
    from matae.segment.expected import is_calibrated

    try:
        return is_calibrated(find_model(model).card)
    except ModelError:
        return False
