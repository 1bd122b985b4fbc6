"""The label of a frame: its status, what is known of it, a change to it, its versions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Edit", "FrameInfo", "FrameStatus", "Origin", "Revision"]


class Origin(NamedTuple):
    """The network that proposed a mask.

    Parameters
    ----------
    model
        Its name.
    width
        Width that ran, such as "1/2".
    model_sha256
        Of its weights; empty where that is not known.
    """

    model: str
    width: str
    model_sha256: str = ""


class FrameStatus(StrEnum):
    """Whose a frame's mask is, and what became of it."""

    MACHINE = "machine"
    """Proposed by a model; nobody has touched it. The only status a model may replace."""
    EDITED = "edited"
    """Changed by a person, not yet called right."""
    ACCEPTED = "accepted"
    """Called right by a person, changed or not."""
    REJECTED = "rejected"
    """Called unusable by a person: never training data."""


@dataclass(frozen=True, slots=True)
class FrameInfo:
    """What is known about the label of one frame, without its pixels.

    Parameters
    ----------
    frame
        0-based frame.
    status
        Whose it is.
    revision
        Number of the version shown; give it back as `expected_revision` when changing it.
    model, width, model_sha256
        What proposed the mask the person started from; empty if no model did.
    rater
        Who changed or judged it last; empty for a predicted one.
    seconds
        Time people spent on it, all edits together.
    area
        Pixels of the left ventricular cavity; a label of several structures counts no other.
    updated
        When (UTC).
    edited
        The mask is not the one a model proposed.
    newer_proposal
        A model was run again since a person took the frame, and says something else: see `Study.proposal`.
    implied
        Dice that the probabilities of the network imply (`matae.segment.expected.implied_dice`) of the mask shown where
        it is a proposal, of the newest proposal where a person drew another one. None where it is not known.
    origin
        The network of that proposal; None where there is none, or it has no name.
    """

    frame: int
    status: FrameStatus
    revision: int
    model: str
    width: str
    model_sha256: str
    rater: str
    seconds: float
    area: int
    updated: datetime
    edited: bool = False
    newer_proposal: bool = False
    implied: float | None = None
    origin: Origin | None = None


@dataclass(frozen=True, eq=False)
class Edit:
    """What a person made of one frame.

    Parameters
    ----------
    frame
        0-based frame.
    mask
        (Y, X) class map in native pixels, 0 is background; None takes the label away again (undo of a first stroke).
    expected_revision
        `FrameInfo.revision` the person started from; 0 where there was no label.
    status
        EDITED, ACCEPTED or REJECTED. MACHINE undoes a first stroke, or takes a run back: it is kept only where the mask
        equals what a model proposed for this frame, and counts as EDITED otherwise.
    seconds
        Time spent on it, added to what was spent before.
    origin, implied
        With MACHINE: which of the proposals that have this mask is shown again, as `FrameInfo` has them; the newest
        where none of them is the one.
    """

    frame: int
    mask: NDArray[np.integer[Any] | np.bool_] | None
    expected_revision: int = 0
    status: FrameStatus = FrameStatus.EDITED
    seconds: float = 0.0
    origin: Origin | None = None
    implied: float | None = None


@dataclass(frozen=True, eq=False)
class Revision:
    """One version of one frame's label; none is ever changed or thrown away.

    Parameters
    ----------
    number
        1, 2, ... within the frame.
    kind
        "machine" (a proposal), "person" (an edit), "status" (judged, same mask), "conflict" (an edit that was refused
        because somebody else was faster).
    status
        Status of the frame with this version.
    step
        Equal for all that was changed in one transaction: one step of undo.
    based_on
        `number` the change started from.
    shown
        It became the frame's label. False for a conflict, and for a proposal kept beside a manual mask.
    model, width, model_sha256
        Of a proposal, or of the one that a version shows again.
    rater
        Of a manual version.
    seconds
        Time spent on this version.
    note
        The tool: "brush", "undo", ...
    at
        When (UTC).
    png
        The mask as stored, or None where the label was taken away.
    implied
        Dice that the probabilities of that proposal imply, None where it is not known.
    """

    frame: int
    number: int
    kind: str
    status: FrameStatus
    step: int
    based_on: int
    shown: bool
    model: str
    width: str
    model_sha256: str
    rater: str
    seconds: float
    note: str
    at: datetime
    png: bytes | None
    implied: float | None = None

    @property
    def origin(self) -> Origin | None:
        """The network of the proposal; None where it is none, or the network has no name."""
        return Origin(self.model, self.width, self.model_sha256) if self.model else None

    def mask(self) -> NDArray[np.uint8] | None:
        """Return the mask, (Y, X) uint8, or None where the label was taken away."""
        from matae.store.codec import decode_mask

        return None if self.png is None else decode_mask(self.png)
