"""What the study has of the cine on screen, and what of it is still on its way there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matae.store.types import CineEntry, FrameInfo, OverrideName
    from napari_matae.session.open_cine import OpenCine

__all__ = ["SyncState"]


class SyncState:
    """The books on one cine; those of the next begin empty."""

    def __init__(self) -> None:
        self.of: OpenCine | None = None
        """The cine these are the books of."""
        self.entry: CineEntry | None = None
        """The cine in the study; None until it was fetched."""
        self.sequence = 0
        """The study's count of changes that are on screen."""
        self.revisions: dict[int, int] = {}
        """Version of each frame in the study that what is on screen is based on."""
        self.unsaved: dict[int, int] = {}
        """How many changes of a frame are on their way."""
        self.seconds: dict[int, float] = {}
        """Time spent on each frame that is not in the study yet."""
        self.fresh: set[int] = set()
        """Frames with a proposal that is not on its way yet."""
        self.storing: list[list[int]] = []
        """Frames of each batch of proposals that is on its way."""
        self.landmarks: dict[int, object] = {}
        """Landmarks of each frame as the study has them."""
        self.overrides: dict[OverrideName, int] = {}
        """Version in the study of what people set of the cine; empty until it was fetched."""
        self.sent: dict[OverrideName, int] = {}
        """How many changes of it are on their way."""

        self.marks: tuple[int | None, int | None] | None = None
        """End-diastole and end-systole as the study has them, or will once what is on its way has arrived."""
        self.marks_revision: dict[str, int] = {}
        """Their version in the study, under "now"; empty until it was fetched."""
        self.marks_sent = 0
        """How many changes of them are on their way."""

    def begin(self, of: OpenCine | None) -> None:
        """Begin the books of another cine, or of the same one anew."""
        self.of, self.entry = of, None
        # New ones, not emptied ones: writes of the cine before that are still in line go on with theirs.
        self.revisions, self.unsaved, self.seconds, self.fresh, self.landmarks = {}, {}, {}, set(), {}
        self.overrides, self.sent, self.storing = {}, {}, []
        self.marks, self.marks_revision, self.marks_sent = None, {}, 0

    def send(self, frames: Iterable[int]) -> None:
        """Note that a change of each frame is on its way."""
        for frame in frames:
            self.unsaved[frame] = self.unsaved.get(frame, 0) + 1

    def arrive(self, frames: Iterable[int]) -> None:
        """Note that a change of each frame was answered."""
        for frame in frames:
            left = self.unsaved.get(frame, 0) - 1
            if left > 0:
                self.unsaved[frame] = left
            else:
                self.unsaved.pop(frame, None)

    def spend(self, frame: int, seconds: float) -> None:
        """Note time spent on a frame."""
        self.seconds[frame] = self.seconds.get(frame, 0.0) + seconds

    def is_behind(self, frame: int, info: FrameInfo | None) -> bool:
        """Return whether the study has another version of a frame than the one on screen."""
        return (0 if info is None else info.revision) != self.revisions.get(frame, 0)

    @property
    def proposed(self) -> set[int]:
        """Frames with a proposal that waits or is on its way: what the study has of them says nothing yet."""
        return self.fresh.union(*self.storing)
