"""What a study holds of one cine, read in the study's own thread: all of it, or what others changed since."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matae.store.applied import run_of
from matae.store.types import FrameStatus

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.store import Study
    from matae.store.types import Change, CineEntry, FrameInfo, LandmarkSet, Marks, Overrides

__all__ = ["OthersChanges", "StoredCine", "fetch", "others_changes"]


@dataclass(frozen=True, eq=False)
class StoredCine:
    """What the study knows of a cine.

    Parameters
    ----------
    entry
        The cine in the study.
    infos
        Frames with a mask.
    masks
        (T, Y, X); 0 where there is none.
    proposals
        What the model had proposed for frames that a person has changed or judged, (Y, X) each.
    landmarks
        Landmarks by frame.
    marks
        End-diastole and end-systole as a person marked them.
    last_frame
        Where somebody left off.
    sequence
        The study's count of changes before all this was read.
    overrides
        What people set of it.
    """

    entry: CineEntry
    infos: dict[int, FrameInfo]
    masks: NDArray[np.uint8]
    proposals: dict[int, NDArray[np.uint8]]
    landmarks: dict[int, LandmarkSet]
    marks: Marks
    last_frame: int | None
    sequence: int
    overrides: Overrides

    @property
    def run(self) -> dict[str, Any]:
        """The model that proposed most of the masks; empty where none did."""
        return dict(run_of(self.infos))

    def is_predicted(self, frame: int) -> bool:
        """Return whether the study shows a proposal for a frame: a newer one may take its place."""
        return frame in self.infos and self.infos[frame].status is FrameStatus.MACHINE

    def lacks(self, frame: int, mask: NDArray[np.uint8], status: FrameStatus) -> bool:
        """Return whether a mask on screen is work that is not in the study.

        A manual one is, where the study has another; a predicted one only where the study has nothing for the frame.
        """
        if frame not in self.infos:
            return True
        if status is FrameStatus.MACHINE:
            return False
        return status is not self.infos[frame].status or not np.array_equal(mask, self.masks[frame])


@dataclass(frozen=True, eq=False)
class OthersChanges:
    """What others did to a cine since the last look; None for a frame they took something away from.

    Parameters
    ----------
    sequence
        The study's count of changes now.
    changes
        Everything that happened in the study, one's own work too.
    infos, masks, landmarks
        The frames of the cine that others changed, as they are now.
    overrides
        What people set of the cine, where others changed any of it; else None.
    marks
        End-diastole and end-systole, where others changed them; else None.
    """

    sequence: int
    changes: list[Change]
    infos: dict[int, FrameInfo | None]
    masks: dict[int, NDArray[np.uint8] | None]
    landmarks: dict[int, LandmarkSet | None]
    overrides: Overrides | None = None
    marks: Marks | None = None


def fetch(study: Study, cine: Cine) -> StoredCine:
    """Add a cine to the study, or find it, and return all that is known of it."""
    content_id = cine.content_id
    sequence = study.sequence
    entry = study.add_as_stated(cine)
    masks = np.zeros(cine.frames.shape, np.uint8)
    infos = study.load_masks(content_id, masks)
    proposals = {}
    for t, info in infos.items():
        if info.status is not FrameStatus.MACHINE and info.model:
            # Where a person accepted a proposal, that one: a newer one may be beside it.
            mask = study.proposal(content_id, t) if info.edited else masks[t]
            if mask is not None:
                proposals[t] = mask
    marks, last = study.marks(content_id), study.last_frame(content_id)
    landmarks, overrides = study.landmarks(content_id), study.overrides(content_id)
    return StoredCine(entry, infos, masks, proposals, landmarks, marks, last, sequence, overrides)


def others_changes(study: Study, content_id: str, since: int) -> OthersChanges:
    """Return what others did to a cine since the study's count of changes was this."""
    sequence, changes = study.changes_since(since)
    theirs = [c for c in changes if c.content_id == content_id and not c.own]
    overrides = study.overrides(content_id) if any(c.kind == "override" for c in theirs) else None
    marks = study.marks(content_id) if any(c.kind == "marks" for c in theirs) else None
    frames = {c.frame for c in theirs if c.frame is not None and c.kind != "conflict"}
    if not frames:
        return OthersChanges(sequence, changes, {}, {}, {}, overrides, marks)
    placed = {c.frame for c in theirs if c.frame is not None and c.kind == "landmarks"}
    stored = study.landmarks(content_id) if placed else {}
    known = study.frames(content_id)
    infos = {t: known.get(t) for t in frames}
    masks = {t: study.mask(content_id, t) for t in known if t in frames}
    moved = {t: stored.get(t) for t in placed}
    return OthersChanges(sequence, changes, infos, masks, moved, overrides, marks)
