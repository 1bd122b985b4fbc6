"""A planned export as data: its clips under their pseudonyms, its pictures, its counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from matae.cine import Box, Spacing
    from matae.exchange.export.findings import Finding
    from matae.exchange.names import Pseudonyms
    from matae.placement import Placement
    from matae.segment.sector import Sector
    from matae.store import Study

__all__ = ["Counts", "ExportPlan", "PlannedClip", "Preview", "count_sides"]

_SIDES = ("train", "val", "test")


@dataclass(frozen=True)
class Counts:
    """How much there is on one side of the split."""

    patients: int = 0
    clips: int = 0
    frames: int = 0


@dataclass(frozen=True, eq=False)
class Preview:
    """A frame as it would leave.

    Parameters
    ----------
    name
        Pseudonym of the clip.
    clip
        Content id.
    frame
        Frame number.
    picture, mask
        (Y, X) uint8, as they would be written.
    blanked
        Share of the native picture that is blanked.
    text
        Boxes of suspected text, in pixels of the picture.
    """

    name: str
    clip: str
    frame: int
    picture: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    blanked: float
    text: tuple[Box, ...] = ()


@dataclass(frozen=True, eq=False)
class PlannedClip:
    """One clip of a plan: pseudonyms, and what of it leaves."""

    content_id: str
    subject: str
    name: str
    patient: str
    key: str
    split: str
    source: Path
    is_dicom: bool
    frames: tuple[int, ...]
    revisions: tuple[int, ...]
    sector: Sector
    fit: Placement
    ed: int | None
    es: int | None
    marked: bool
    view: str | None
    spacing: Spacing | None
    frame_times: tuple[float, ...] | None
    quality: str
    shape: tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class ExportPlan:
    """An export that can be looked at, and then run with `run_export`.

    Parameters
    ----------
    study, format, name, size, statuses
        As asked for.
    clips
        What leaves.
    splits
        Counts by side.
    findings
        What a person should know.
    previews
        Pictures as they would leave: of the first clips, and of every clip with suspected text.
    fields
        Every field that leaves, with an example of its value.
    bytes_needed
        Rough size on disk.
    classes
        That occur in the masks, in order.
    pseudonyms
        Names that leave.
    reading
        Whose reading; what counts if None.
    """

    study: Study
    format: str
    name: str
    size: int | None
    statuses: tuple[str, ...]
    clips: tuple[PlannedClip, ...]
    splits: dict[str, Counts]
    findings: tuple[Finding, ...]
    previews: tuple[Preview, ...]
    fields: tuple[tuple[str, str], ...]
    bytes_needed: int
    classes: tuple[int, ...]
    pseudonyms: Pseudonyms = field(repr=False)
    reading: str | None = None

    @property
    def n_frames(self) -> int:
        """Labelled frames that leave."""
        return sum(len(clip.frames) for clip in self.clips)

    @property
    def needs_look(self) -> bool:
        """Whether a finding asks that a person looks first."""
        return any(finding.needs_look for finding in self.findings)


def count_sides(clips: Sequence[PlannedClip]) -> dict[str, Counts]:
    """Return how much there is on each side; the three usual ones are there even where they are empty."""
    counts = {}
    for side in (*_SIDES, *sorted({clip.split for clip in clips}.difference(_SIDES))):
        chosen = [clip for clip in clips if clip.split == side]
        patients, frames = {clip.patient for clip in chosen}, sum(len(clip.frames) for clip in chosen)
        counts[side] = Counts(len(patients), len(chosen), frames)
    return counts
