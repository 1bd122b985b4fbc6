"""What an index says of a clip that its pictures cannot: frame times and millimetres, taken only when sound."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from matae.cine import Spacing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matae.cine import Cine

__all__ = ["with_facts"]


def with_facts(
    cine: Cine, times: Sequence[float | None] | None, spacing: tuple[float, float] | None, where: str
) -> Cine:
    """Return the cine with frame times and spacing from an index, where they are plausible.

    Parameters
    ----------
    cine
        As its pictures give it.
    times
        Seconds of each frame, or None.
    spacing
        Millimetres (y, x), or None.
    where
        Name of the index, for the notes.
    """
    from matae.read._ultrasound import plausible_spacing

    if times is not None and len(times) == cine.n_frames and cine.n_frames > 1:
        values = np.array(times, np.float64)
        if np.isfinite(values).all() and (np.diff(values) > 0).all():
            cine = replace(cine, frame_times=values - values[0], timing_note=f"From {where}.")
    if spacing is not None and plausible_spacing(*spacing):
        cine = replace(cine, spacing=Spacing(*spacing), spacing_note=f"From {where}.")
    return cine
