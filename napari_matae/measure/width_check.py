"""What the other widths of the network say of the frames behind the ejection fraction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_matae.background.worker import EventWorker
from napari_matae.measure.tasks import WidthsDone, widths_events

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

    from numpy.typing import NDArray

    from matae.measure import Measurement
    from napari_matae.session.session import OpenCine

    WidthMasks = dict[str, dict[int, NDArray[np.uint8]]]

__all__ = ["WidthCheck", "without_frames"]


class WidthCheck(QObject):  # type: ignore[misc]
    """Asks them, one question at a time and the same one once.

    Parameters
    ----------
    parent
        Qt parent.
    """

    answered = Signal(object)
    """Masks by width and frame; see `masks_for`."""
    ended = Signal()
    """There is no question any more."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._asked: tuple[Any, ...] = ()
        self._answer: WidthMasks | None = None
        self._worker = EventWorker(self)
        self._worker.came.connect(self._on_event)
        self._worker.ended.connect(self.ended)

    @property
    def is_asking(self) -> bool:
        """Whether they are at it."""
        return self._worker.is_running

    def is_wanted(self, current: OpenCine, measured: Measurement) -> bool:
        """Whether what the widths have to say of a predicted mask is lacking, and they can be asked."""
        if current.sector is None:
            return False
        asked = _question(current, measured)
        frames = {frame for frame, _ in asked[1]}
        if asked == self._asked and self._answer is not None:
            frames = {
                t for by_frame in self._answer.values() for t in by_frame
            }  # of the others there is no more to say
        return not frames <= {t for by_frame in measured.inputs.width_masks.values() for t in by_frame}

    def ask(self, current: OpenCine, measured: Measurement) -> None:
        """Ask about the frames behind the ejection fraction whose masks are predicted.

        The answer to the same question is given again: a measurement that is made anew has lost it.
        """
        asked = _question(current, measured)
        if not self.is_wanted(current, measured):
            return
        if asked == self._asked:
            if self._answer:
                self.answered.emit(self._answer)
            return
        self.drop()
        self._asked = asked
        self._worker.start(widths_events, current.cine, current.sector, dict(asked[1]))

    def drop(self) -> None:
        """Forget the question."""
        self._worker.drop()
        self._asked, self._answer = (), None

    def masks_for(self, current: OpenCine, measured: Measurement, answer: WidthMasks) -> WidthMasks | None:
        """Return an answer with the masks of the widths that were measured, as `Measurement.updated` takes it.

        Returns
        -------
        dict or None
            None where other frames, or masks of other networks, are behind the ejection fraction by now: ask again.
        """
        from matae.readers.network import with_own

        asked = _question(current, measured)
        if asked != self._asked:
            self._asked, self._answer = (), None
            return None
        return with_own(answer, dict(asked[1]), measured.inputs.mask)

    def _on_event(self, event: object) -> None:
        if isinstance(event, WidthsDone):
            self._answer = event.masks
            if event.masks:  # a model that is not here any more, or has one width, gives none
                self.answered.emit(event.masks)


def without_frames(masks: Mapping[str, Mapping[int, NDArray[np.uint8]]], frames: Collection[int]) -> WidthMasks:
    """Return masks by width and frame without some frames: whoever corrects a frame speaks for that one."""
    left = {width: {t: mask for t, mask in held.items() if t not in frames} for width, held in masks.items()}
    return {width: held for width, held in left.items() if held}


def _question(current: OpenCine, measured: Measurement) -> tuple[Any, ...]:
    return current.cine.content_id, tuple((t, current.origins[t]) for t in _behind(current, measured))


def _behind(current: OpenCine, measured: Measurement) -> tuple[int, ...]:
    """Return the frames behind the ejection fraction whose mask on screen is what the model proposed."""
    predicted, frames = current.predicted, {t for values in measured.beats for t in values.frames}
    if predicted is None:
        return ()
    asked = [t for t in sorted(frames) if t in current.proposed and t in current.origins]
    return tuple(t for t in asked if np.array_equal(predicted[t], current.mask(t)))
