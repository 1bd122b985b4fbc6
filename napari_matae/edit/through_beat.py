"""The outline of one frame offered to the predicted frames around it, as far as the prompt head agrees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_matae.edit.prompt_reader import FrameToRead
from napari_matae.widgets.words import frames_in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from napari_matae.edit.preview import Preview
    from napari_matae.edit.prompt_reader import PromptReader
    from napari_matae.edit.structure_choice import StructureChoice
    from napari_matae.session.session import OpenCine, Session

__all__ = ["ThroughBeat"]


class ThroughBeat:
    """Takes the mask on screen through the beat.

    Parameters
    ----------
    session
        Whose frame on screen is worked on.
    structures
        What is outlined.
    reader
        Checks each frame.
    say
        Told a sentence for the user.
    """

    def __init__(
        self, session: Session, structures: StructureChoice, reader: PromptReader, say: Callable[[str], None]
    ) -> None:
        self._session, self._structures, self._reader, self._say = session, structures, reader, say

    def offer(self, preview: Preview) -> None:
        """Offer this frame's outline to the predicted frames on both sides.

        Each direction ends before a frame that a person has taken, and where the outline can no longer be trusted.
        """
        session = self._session
        if session.current is None or not session.current.ready:
            return
        session.settle()
        current, here, at = session.current, session.frame, FrameToRead.of(session)
        if here not in current.status or at is None:
            self._say("There is no mask on this frame to take through the beat.")
            return
        frames = [*_free(current, here, -1), *_free(current, here, 1)]
        if not frames:
            self._say("The frames beside this one are corrected already: nothing to outline.")
            return
        mask, onto = current.mask(here).copy(), {t: current.mask(t).copy() for t in sorted(frames)}
        label, confidence, ended = self._structures.value, dict[int, float](), dict[int, float]()

        def work() -> Iterator[tuple[int, NDArray[np.uint8], NDArray[np.bool_]]]:
            yield from self._reader.follow(at, mask, label, onto, confidence, ended)

        def note() -> str:
            return f"{_noted(confidence, ended)} {self._reader.notice}".strip()

        text = self._structures.named("Outlining through the beat")
        preview.start(text, len(frames), work, made_from=(here,), note=note)


def _free(current: OpenCine, here: int, step: int) -> list[int]:
    """Return the frames in one direction up to the next that a person has taken."""
    frames = []
    t = here + step
    while 0 <= t < current.cine.n_frames and not current.is_manual(t):
        frames.append(t)
        t += step
    return frames


def _noted(confidence: dict[int, float], ended: dict[int, float]) -> str:
    words = []
    if confidence:
        low = min(confidence, key=confidence.__getitem__)
        words.append(f"Confidence {confidence[low]:.2f} (frame {low + 1}) to {max(confidence.values()):.2f}.")
    if ended:
        least = ", ".join(f"{value:.2f}" for _, value in sorted(ended.items()))
        words.append(f"Not taken to {frames_in_words(sorted(ended))} and beyond: {least}.")
    return " ".join(words)
