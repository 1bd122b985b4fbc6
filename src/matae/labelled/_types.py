"""What every layout of labelled data becomes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from matae.errors import MataeError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.placement import Placement
    from matae.segment import Sector

__all__ = ["CAVITY", "LabelledCine", "LabelledError", "LabelledRef", "LabelledSet", "choose", "class_map"]

CAVITY = "left ventricular cavity"
_MOST_CLASSES = 20


class LabelledError(MataeError):
    """Labelled data cannot be used as asked."""


@dataclass(frozen=True, eq=False)
class LabelledCine:
    """A cine, or a still, with reference masks of some of its frames.

    Parameters
    ----------
    cine
        As its reader gives it: what `matae.segment` would be given.
    masks
        0-based frame to the class of every pixel, (Y, X) uint8; 0 is background, 1 the cavity.
    phases
        0-based frame to "ED", "ES" or "".
    is_placed
        Whether the pictures are the sector alone already, as `matae.placement` puts it on a square: then nothing more
        is looked for in them.
    """

    cine: Cine
    masks: dict[int, NDArray[np.uint8]]
    phases: dict[int, str]
    is_placed: bool = False

    def sector(self, asked: str = "auto") -> Sector:
        """Return the part of the picture a network sees: as asked, as for `matae.segment.choice.choose_sector`."""
        from matae.segment.choice import choose_sector

        if self.is_placed and asked == "auto":
            return choose_sector(self.cine, "whole", "none")
        return choose_sector(self.cine, asked)

    def placement(self, size: int) -> Placement:
        """Return where the frames lie on a grid of `size` pixels a side, just as when they are segmented."""
        from matae.placement import Placement, whole_frame

        return whole_frame(self.cine, size) if self.is_placed else Placement.of(self.cine, self.sector(), size)


@dataclass(frozen=True)
class LabelledRef:
    """Labelled frames that have not been read yet.

    Parameters
    ----------
    id
        Name of the still or clip.
    patient
        Pseudonym.
    read
        Reads it.
    view, quality, split
        As stated, "" where not.
    phase
        "ED" or "ES" of a still; "" for a clip, where it is told when it is read.
    reference_ef
        Ejection fraction in percent that comes with the data, or None.
    clip
        Name of the recording the frame is from, "" where it is not stated.
    n_frames
        Number of labelled frames.
    is_clip
        Whether it is a clip; its frames are then numbered.
    files
        What `read` reads, and the list that says how: whoever keeps what came of it sees whether they changed.
    """

    id: str
    patient: str
    read: Callable[[], LabelledCine]
    view: str = ""
    phase: str = ""
    split: str = ""
    quality: str = ""
    reference_ef: float | None = None
    clip: str = ""
    n_frames: int = 1
    is_clip: bool = False
    files: tuple[Path, ...] = ()

    @property
    def group(self) -> tuple[str, str, str]:
        """Patient, view and recording: end-diastole and end-systole of one group make an ejection fraction."""
        return self.patient, self.view, self.clip


@dataclass(frozen=True)
class LabelledSet:
    """The labelled frames of a folder.

    Parameters
    ----------
    folder
        Where they lie.
    kind
        "index", "camus" or "echonet".
    classes
        Number and name of each class the masks may hold; 1 is the cavity.
    refs
        What to read, one patient and view after the other.
    notices
        What was left out, and why.
    split
        The side that was asked for.
    masks
        Folder the masks of an "index" set are read from.
    """

    folder: Path
    kind: str
    classes: dict[int, str]
    refs: tuple[LabelledRef, ...]
    notices: tuple[str, ...] = ()
    split: str = "all"
    masks: str = "masks"

    @property
    def n_frames(self) -> int:
        """Number of labelled frames."""
        return sum(ref.n_frames for ref in self.refs)


def choose(found: LabelledSet, split: str, view: str) -> LabelledSet:
    """Return one side of the split and one view of a set, groups together.

    Raises
    ------
    LabelledError
        If nothing is left, or a patient is on two sides.
    """
    name = found.folder.resolve().name
    if not found.refs:
        raise LabelledError(f"{name} has no labelled frame; add some or name another folder.")
    sides: dict[str, str] = {}
    for ref in found.refs:
        if sides.setdefault(ref.patient, ref.split) != ref.split:
            raise LabelledError(
                f"Patient {ref.patient} of {name} is in both '{sides[ref.patient]}' and '{ref.split}'; give each "
                "patient one split."
            )
    refs = found.refs if split == "all" else tuple(ref for ref in found.refs if ref.split == split)
    if not refs:
        have = Counter(ref.split for ref in found.refs if ref.split)
        known = ", ".join(f"{side} ({count})" for side, count in have.items())
        advice = f"it has {known}; choose one or all" if known else "it states none; choose all"
        raise LabelledError(f"{name} has no frame with split '{split}': {advice}.")
    seen = tuple(ref for ref in refs if view == "all" or ref.view in {"", view})
    if not seen:
        have = Counter(ref.view for ref in refs)
        known = ", ".join(f"{shown} ({count})" for shown, count in have.items())
        raise LabelledError(f"{name} has no frame of the view {view}: it has {known}; choose one or all.")
    notices = found.notices
    if len(seen) < len(refs):
        notices += (f"{len(refs) - len(seen)} frames or clips of another view than {view} were left out.",)
    order = {group: i for i, group in enumerate(dict.fromkeys(ref.group for ref in seen))}
    return replace(found, refs=tuple(sorted(seen, key=lambda ref: order[ref.group])), notices=notices, split=split)


def class_map(values: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """Return the classes of a mask as it is stored: 0 and 255 are one class, other values class numbers.

    Raises
    ------
    LabelledError
        If a value can be neither.
    """
    high = int(values.max(initial=0))
    if high <= _MOST_CLASSES:
        return values
    if high == 255 and not ((values > 0) & (values < 255)).any():
        return (values > 0).astype(np.uint8)
    raise LabelledError(
        f"The mask {name} has the value {high}; write 0 and 255, or class numbers up to {_MOST_CLASSES}."
    )
