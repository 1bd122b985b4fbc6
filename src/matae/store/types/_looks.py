"""What is kept of a frame so that the next frame to correct can be chosen without opening a clip."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from matae.store.types._settings import Flag

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["CorrectedFrame", "FrameToCorrect", "Look"]


@dataclass(frozen=True, eq=False)
class Look:
    """What a model sees in a frame, and how sure of its mask it is.

    Parameters
    ----------
    model
        Which network made the vector: only vectors of the same one can be compared.
    vector
        Its pooled features, (features,) float16; None where there are none.
    expected_dice
        Dice of the cavity to be expected of the proposal, 0-1; None where it is not known.
    disagreement
        One minus the Dice between two widths of the network, 0-1; None where they were not compared.
    """

    model: str = ""
    vector: NDArray[np.float16] | None = None
    expected_dice: float | None = None
    disagreement: float | None = None


@dataclass(frozen=True, eq=False)
class FrameToCorrect:
    """A frame that a person could correct.

    Parameters
    ----------
    content_id, frame
        Which; the frame is 0-based.
    subject
        Pseudonym of the patient.
    stem, place
        Name of the clip, and where it was opened from as the study writes it.
    flag
        Why the program wants somebody to look at it.
    look
        What is known of its picture; None where the clip was segmented before that was kept.
    """

    content_id: str
    frame: int
    subject: str
    stem: str = ""
    place: str = ""
    flag: Flag = field(default_factory=lambda: Flag(0.0, ""))
    look: Look | None = None

    @property
    def key(self) -> tuple[str, int]:
        """What is different for every frame."""
        return self.content_id, self.frame

    @property
    def phase(self) -> str:
        """``"ED"``, ``"ES"`` or nothing."""
        return next((code for word, code in _PHASES.items() if self.flag.reason.startswith(word)), "")

    @property
    def expected_dice(self) -> float | None:
        """Dice to be expected of the proposal; None where it is not known."""
        return None if self.look is None else self.look.expected_dice

    @property
    def disagreement(self) -> float | None:
        """How far two widths of the network are apart; None where it is not known."""
        return None if self.look is None else self.look.disagreement


_PHASES = {"end-diastole": "ED", "end-systole": "ES"}


@dataclass(frozen=True, eq=False)
class CorrectedFrame:
    """A frame that a person has corrected or accepted.

    Parameters
    ----------
    content_id, frame, subject, look
        As of `FrameToCorrect`; the look is that of the nearest frame of the clip that has one.
    """

    content_id: str
    frame: int
    subject: str
    look: Look | None = None
