"""What the other widths of the network say of the frames behind the ejection fraction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_matae.background.worker import EventWorker
from napari_matae.measure.tasks import WidthsDone, widths_events

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from matae.measure import Measurement
    from napari_matae.session.session import OpenCine

    WidthMasks = dict[str, dict[int, NDArray[np.uint8]]]

__all__ = ["WidthCheck"]


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
        """Whether the interval lacks what the widths have to say: their masks are on screen, and they can be asked."""
        frames, asked = _behind(measured), _question(current, measured)
        if current.sector is None or not frames or not all(asked[1]) or measured.by_width:
            return False
        has_none = asked == self._asked and self._answer == {}
        return not has_none and _is_predicted(current, frames)

    def ask(self, current: OpenCine, measured: Measurement) -> None:
        """Ask about the frames behind the ejection fraction, where their masks are predicted.

        The answer to the same question is given again: a measurement that is made anew has lost it.
        """
        frames, asked = _behind(measured), _question(current, measured)
        if not self.is_wanted(current, measured):
            return
        if asked == self._asked:
            if self._answer:
                self.answered.emit(self._answer)
            return
        self.drop()
        self._asked = asked
        self._worker.start(widths_events, current.cine, current.sector, dict(current.run), list(frames))

    def drop(self) -> None:
        """Forget the question."""
        self._worker.drop()
        self._asked, self._answer = (), None

    def masks_for(self, current: OpenCine, measured: Measurement, answer: WidthMasks) -> WidthMasks | None:
        """Return an answer with the masks of the width that was measured, as `Measurement.updated` takes it.

        Returns
        -------
        dict or None
            None where other frames are behind the ejection fraction by now: ask again.
        """
        frames = _behind(measured)
        if frames != self._asked[2]:
            self._asked, self._answer = (), None
            return None
        own = {t: measured.inputs.mask(t) for t in frames}
        return {**answer, str(current.run.get("width", "")): own}

    def _on_event(self, event: object) -> None:
        if isinstance(event, WidthsDone):
            self._answer = event.masks
            if event.masks:  # a model that is not here any more, or has one width, gives none
                self.answered.emit(event.masks)


def _question(current: OpenCine, measured: Measurement) -> tuple[Any, ...]:
    run = (str(current.run.get("model", "")), str(current.run.get("width", "")))
    return current.cine.content_id, run, _behind(measured)


def _behind(measured: Measurement) -> tuple[int, ...]:
    return tuple(sorted({t for values in measured.beats for t in values.frames}))


def _is_predicted(current: OpenCine, frames: tuple[int, ...]) -> bool:
    """Return whether the masks on screen are what the model proposed."""
    predicted = current.predicted
    return predicted is not None and all(
        t in current.proposed and np.array_equal(predicted[t], current.mask(t)) for t in frames
    )
