"""What a person does to frames in the Review step: judge, mend, copy, interpolate, propagate.

Keys and buttons call the same actions; each says what it did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from matae.anatomy import is_named
from matae.errors import MataeError
from matae.review import flags_of, next_frame
from matae.store.types import FrameStatus
from napari_matae.edit.stretches import gaps_to_fill, span_to_accept
from napari_matae.widgets.words import frames_in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from matae.store.types import Flag
    from napari_matae.edit.preview import Preview
    from napari_matae.edit.structure_choice import StructureChoice
    from napari_matae.session.phases import PhaseFinder
    from napari_matae.session.session import OpenCine, Session

    Masks = dict[int, NDArray[np.uint8]]

__all__ = ["REACH", "Actions"]

REACH = 15
"""Frames a correction is propagated over, unless a manual mask comes first."""

_JUDGED = (FrameStatus.ACCEPTED, FrameStatus.REJECTED)


class Actions(QObject):  # type: ignore[misc]
    """Everything the Review step can do to the frames of the session's cine.

    Parameters
    ----------
    session
        Whose frames.
    preview
        Where masks for several frames are shown before they are applied.
    finder
        Knows end-diastole and end-systole.
    structures
        What of the masks is mended, copied, interpolated and propagated.
    parent
        Qt parent.
    """

    said = Signal(str)
    """A sentence on what was done, or why not."""
    finished = Signal(bool)
    """Another frame to look at was asked for and this cine has none left; whether to look backward."""

    def __init__(
        self,
        session: Session,
        preview: Preview,
        finder: PhaseFinder,
        structures: StructureChoice,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._preview, self._finder = session, preview, finder
        self._structures = structures
        self.go_on = True
        """Accepting or rejecting a frame shows the next one to look at."""
        self.whole = True
        """Copying, interpolation and propagation take every structure along, not the chosen one alone."""
        self.reach = REACH
        """Frames a correction is propagated over."""

    # -- where to look ------------------------------------------------------------------------------------

    @property
    def flagged(self) -> list[int]:
        """Frames worth a look, reviewed or not."""
        return list(self.flags)

    @property
    def flags(self) -> dict[int, Flag]:
        """Frames worth a look with their score and why, in order of time."""
        current = self._session.current
        return {} if current is None else self.flags_of(current)

    def flags_of(self, current: OpenCine) -> dict[int, Flag]:
        """Return those of a cine that was on screen until just now, or is."""
        return flags_of(current.area_px, self._finder.phases_of(current), current.disagreement)

    def next(self, *, backward: bool = False, judged: bool = False) -> None:
        """Show the next frame to look at: a flagged one, else one that nobody has reviewed.

        Parameters
        ----------
        backward
            Look towards the start.
        judged
            A frame has just been judged: the cine is not left without being asked to.
        """
        current = self._session.current
        if current is None:
            return
        n, here = current.cine.n_frames, self._session.frame
        done = current.with_status(*_JUDGED)
        frame = next_frame(here, n, flagged=self.flagged, done=done, backward=backward)
        if frame is None:
            if here not in done:
                self.said.emit("Every other frame is reviewed; accept or reject this one.")
            elif judged:
                self.said.emit("Every frame of this cine is reviewed; Next goes on to the next cine.")
            else:
                self.finished.emit(backward)
            return
        self._session.seek(frame)
        flag = self.flags.get(frame)
        self.said.emit(f"Frame {frame + 1}: {'not reviewed yet' if flag is None else flag.reason}.")

    def step(self, by: int) -> None:
        """Show a frame further on, or back."""
        self._session.seek(self._session.frame + by)

    def mark(self, phase: str) -> None:
        """Mark the frame on screen as end-diastole (``ed``) or end-systole (``es``); marking it again unmarks it."""
        current, frame = self._session.current, self._session.frame
        if current is None:
            return
        value = None if getattr(current, phase) == frame else frame
        setattr(current, phase, value)
        name = "end-diastole" if phase == "ed" else "end-systole"
        self._session.marks_changed.emit()
        self.said.emit(f"Frame {frame + 1} is {name}." if value is not None else f"No frame is marked as {name}.")

    # -- judging ------------------------------------------------------------------------------------------

    def accept(self) -> None:
        """Call the mask on screen right."""
        self._judge(FrameStatus.ACCEPTED, "Accepted")

    def reject(self) -> None:
        """Call the frame unusable: it is never used as training data."""
        self._judge(FrameStatus.REJECTED, "Rejected")

    def _judge(self, status: FrameStatus, word: str) -> None:
        session = self._session
        if session.current is None:
            return
        session.settle()
        frame = session.frame
        before = session.current.status.get(frame)
        if before is None:
            self.said.emit("There is no mask on this frame yet: segment the cine, or draw one.")
            return
        if before is status:  # the same key takes it back
            back = FrameStatus.EDITED if self._differs(session.current, frame) else FrameStatus.MACHINE
            session.masks.judge(f"no longer {word.lower()}", [frame], back)
            self.said.emit(f"Frame {frame + 1} is no longer {word.lower()}.")
            return
        session.masks.judge(word.lower(), [frame], status)
        self.said.emit(f"{word}: frame {frame + 1}.")
        if self.go_on:
            self.next(judged=True)

    @staticmethod
    def _differs(current: OpenCine, frame: int) -> bool:
        """Return whether the mask is another than the predicted one."""
        if current.predicted is None or frame not in current.proposed:
            return True
        return not np.array_equal(current.predicted[frame], current.mask(frame))

    def accept_between(self) -> None:
        """Accept every frame with a mask of the stretch around this one (`span_to_accept`); rejected ones stay."""
        session = self._session
        if session.current is None:
            return
        session.settle()
        span = span_to_accept(session.current, session.frame)
        if span is None:
            self.said.emit("Correct or accept a frame before this one and one after it first.")
            return
        status, frames = session.current.status, range(span[0], span[1] + 1)
        rejected = [t for t in frames if status.get(t) is FrameStatus.REJECTED]
        wanted = [t for t in frames if t in status and t not in rejected]
        done = session.masks.judge("accepted", wanted, FrameStatus.ACCEPTED)
        kept = f" Left as rejected: {frames_in_words(rejected)}." if rejected else ""
        self.said.emit(f"Accepted: {frames_in_words(done)}.{kept}" if done else f"They are accepted already.{kept}")

    # -- one frame ----------------------------------------------------------------------------------------

    def copy(self, by: int) -> None:
        """Copy the mask of the frame before (-1) or after (1) onto this one."""
        from matae.edit import paste, together

        current, frame = self._session.current, self._session.frame
        source = frame + by
        if current is None or source not in current.status:
            self.said.emit(f"The {'next' if by > 0 else 'previous'} frame has no mask to copy.")
            return
        labels, text = self._carried(f"copy of frame {source + 1}")
        if len(labels) > 1:
            self._change(text, lambda mask: together(mask, dict.fromkeys(labels, current.mask(source))))
        else:
            self._change(text, lambda mask: paste(current.mask(source), mask, labels[0]))

    def _carried(self, text: str) -> tuple[list[int], str]:
        """Return the structures that go from frame to frame, and what that deed is called."""
        structures = self._structures
        if structures.several and self.whole:
            return [value for value in structures.offered if is_named(value)], text
        return [structures.value], structures.named(text)

    def fill_holes(self) -> None:
        """Fill the holes of the mask on screen."""
        from matae.edit import fill_holes

        label = self._structures.value
        text = self._structures.named("holes filled")
        self._change(text, lambda mask: fill_holes(mask, label), "There is no hole to fill.")

    def keep_largest(self) -> None:
        """Keep only the largest part of the mask on screen."""
        from matae.edit import keep_largest

        label = self._structures.value
        text = self._structures.named("largest part kept")
        self._change(text, lambda mask: keep_largest(mask, label), "The mask is in one part already.")

    def smooth(self) -> None:
        """Smooth the contour of the mask on screen; its area stays."""
        from matae.edit import smooth

        spacing = None if self._session.current is None else self._session.current.cine.pixel_size
        label = self._structures.value
        text = self._structures.named("smoothed")
        self._change(text, lambda mask: smooth(mask, label, spacing), "The contour is smooth already.")

    def take_proposal(self) -> None:
        """Put the predicted mask back on this frame."""
        current, frame = self._session.current, self._session.frame
        if current is None or current.predicted is None or frame not in current.proposed:
            self.said.emit("There is no predicted mask of this frame.")
            return
        masks = {frame: current.predicted[frame].copy()}
        done = self._session.masks.change("predicted mask taken back", masks, FrameStatus.MACHINE)
        self.said.emit(
            f"Frame {frame + 1} has its predicted mask again." if done else "It is the predicted mask already."
        )

    def _change(
        self, text: str, tool: Callable[[NDArray[np.uint8]], NDArray[np.uint8]], nothing: str = "Nothing to change."
    ) -> None:
        session = self._session
        if session.current is None or not session.current.ready:
            return
        session.settle()
        session.masks.ensure_labels()
        frame = session.frame
        try:
            mask = tool(session.current.mask(frame))
        except MataeError as error:
            self.said.emit(str(error))
            return
        done = session.masks.change(text, {frame: mask})
        self.said.emit(f"{text[0].upper()}{text[1:]}: frame {frame + 1}." if done else nothing)

    # -- several frames -----------------------------------------------------------------------------------

    def interpolate(self) -> None:
        """Offer masks for the predicted frames between the manual ones around this one; see `gaps_to_fill`."""
        from matae.edit import interpolate, together

        gap = self._gap("interpolated")
        if gap is None:
            return
        current, sources, keys, onto = gap
        frames, spacing = list(onto), current.cine.pixel_size
        labels, text = self._carried("Interpolation")

        def work() -> Iterator[tuple[int, NDArray[np.uint8]]]:
            if len(labels) == 1:
                yield from interpolate(keys, frames, label=labels[0], spacing=spacing, onto=onto).items()
                return
            found = {label: interpolate(keys, frames, label=label, spacing=spacing) for label in labels}
            for t in frames:
                yield t, together(onto[t], {label: masks[t] for label, masks in found.items()})

        self._preview.start(text, len(frames), work, made_from=sources)

    def _gap(self, what: str) -> tuple[OpenCine, list[int], Masks, Masks] | None:
        """Return the cine, its corrected frames around this one, their masks, and those between; None without any."""
        session = self._session
        if session.current is None:
            return None
        session.settle()
        current = session.current
        sources, frames = gaps_to_fill(current, session.frame)
        if not frames:
            self.said.emit(f"Correct a frame before this one and one after it first: those between are {what}.")
            return None
        keys, onto = ({t: current.mask(t).copy() for t in some} for some in (sources, frames))
        return current, sources, keys, onto

    def fill_between(self) -> None:
        """Offer masks for the same frames as `interpolate`, by motion from both sides and by shape.

        Where the three disagree the border is hatched in the preview.
        """
        from matae.edit import fill_between, together

        gap = self._gap("filled")
        if gap is None:
            return
        current, sources, keys, onto = gap
        frames = list(onto)
        images, spacing = current.cine.frames, current.cine.pixel_size
        labels, text = self._carried("Filling")

        def work() -> Iterator[tuple[int, NDArray[np.uint8], NDArray[np.bool_]]]:
            if len(labels) == 1:
                for one in fill_between(images, keys, frames, label=labels[0], spacing=spacing, onto=onto):
                    yield one.frame, one.mask, one.uncertain
                return
            each = [fill_between(images, keys, frames, label=label, spacing=spacing) for label in labels]
            for parts in zip(*each, strict=True):
                frame, unsure = parts[0].frame, np.logical_or.reduce([part.uncertain for part in parts])
                masks = {label: part.mask for label, part in zip(labels, parts, strict=True)}
                yield frame, together(onto[frame], masks), unsure

        self._preview.start(text, len(frames), work, made_from=sources)

    def propagate(self, *, backward: bool = False) -> None:
        """Offer this frame's mask, carried along by the motion, to the predicted frames that follow (or precede) it."""
        from matae.edit import propagate, together

        session = self._session
        if session.current is None:
            return
        session.settle()
        current, here = session.current, session.frame
        if here not in current.status:
            self.said.emit("There is no mask on this frame to propagate.")
            return
        frames: list[int] = []
        step = -1 if backward else 1
        for t in range(here + step, here + step * (self.reach + 1), step):
            if not 0 <= t < current.cine.n_frames or current.is_manual(t):
                break
            frames.append(t)
        if not frames:
            side = "before" if backward else "after"
            self.said.emit(f"The frame {side} this one is manual already: nothing to propagate into.")
            return
        mask, onto = current.mask(here).copy(), {t: current.mask(t).copy() for t in frames}
        images, spacing = current.cine.frames, current.cine.pixel_size
        labels, text = self._carried("Propagation")

        def work() -> Iterator[tuple[int, NDArray[np.uint8]]]:
            if len(labels) == 1:
                yield from propagate(images, mask, here, frames, label=labels[0], spacing=spacing, onto=onto)
                return
            each = [propagate(images, mask, here, frames, label=label, spacing=spacing) for label in labels]
            for found in zip(*each, strict=True):
                frame, parts = found[0][0], [part for _, part in found]
                yield frame, together(onto[frame], dict(zip(labels, parts, strict=True)))

        self._preview.start(text, len(frames), work, made_from=(here,))
