"""A beat of the heart by its frames, and the frames that a person or a file marks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from matae.errors import MeasureError

__all__ = ["Beat", "PhaseMarks", "Source"]

Source = Literal["user", "file", "ecg", "curve"]


@dataclass(frozen=True)
class PhaseMarks:
    """Frames that a person or a file calls end-diastolic and end-systolic.

    Parameters
    ----------
    ed, es
        0-based frames, any number of each.
    """

    ed: tuple[int, ...] = ()
    es: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.ed or self.es)

    def checked(self, n_frames: int) -> PhaseMarks:
        """Return the marks sorted, each once.

        Raises
        ------
        MeasureError
            If one is outside the clip, or the same frame is marked as both.
        """
        for frame in (*self.ed, *self.es):
            if not 0 <= frame < n_frames:
                raise MeasureError(f"Frame {frame + 1} is marked, but the clip has frames 1 to {n_frames}; mark again.")
        if both := set(self.ed) & set(self.es):
            raise MeasureError(f"Frame {min(both) + 1} is marked as end-diastole and end-systole; take one mark away.")
        return PhaseMarks(tuple(sorted({int(f) for f in self.ed})), tuple(sorted({int(f) for f in self.es})))


@dataclass(frozen=True)
class Beat:
    """One heart beat.

    Parameters
    ----------
    ed, es
        0-based frames of end-diastole and end-systole.
    next_ed
        End-diastole of the beat after it, if the clip shows it.
    ed_source, es_source
        Who said so: ``user``, ``file``, ``ecg`` or ``curve``.
    whole
        Both frames are real extremes of the curve or marked; False where the clip begins or ends too early, so that
        its largest and smallest frame had to do.
    """

    ed: int
    es: int
    next_ed: int | None = None
    ed_source: Source = "curve"
    es_source: Source = "curve"
    whole: bool = True
