"""Where two widths of a network disagree: over a whole clip, at a fraction of what outlining it took.

A width that shares its weights with the one that ran is a second opinion. Frames on which the two outline something
else are worth a look; see `matae.review.frame_scores`.

It costs what the narrower network costs, half of width 1/2, and nearly all of that is the network's own time. Less does
not give the same frames (`benchmarks/widths_in_clips.py`): of the frames of 16 phantoms and one real clip that every
frame in turn finds, a look at each third frame finds 37 %, and looking closer only where two neighbours are near the
limit looks at 80 % of them and more. Asking width 1/8 instead saves a fifth of it, and flags others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from matae.metrics import dice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.segment.run import Segmenter, SegmentOptions
    from matae.segment.sector import Sector

__all__ = ["compare_widths", "second_width"]


def second_width(widths: Iterable[float], own: float) -> float | None:
    """Return the width to compare with: the next narrower one, else the next wider one; None where there is no other.

    Parameters
    ----------
    widths
        Those that the model has.
    own
        The one that ran.

    Examples
    --------
    >>> second_width((0.125, 0.25, 0.5, 1.0), 0.5)
    0.25
    >>> second_width((0.125, 0.25), 0.125)
    0.25
    """
    others = sorted(width for width in widths if abs(width - own) > 1e-6)
    narrower = [width for width in others if width < own]
    return narrower[-1] if narrower else others[0] if others else None


def compare_widths(
    cine: Cine,
    sector: Sector,
    options: SegmentOptions,
    mask_of: Callable[[int], NDArray[np.uint8]],
    frames: Iterable[int] | None = None,
    *,
    make: Callable[[SegmentOptions], Segmenter] | None = None,
) -> Iterator[tuple[int, float]]:
    """Compare the masks that one width made of a clip with those of the next narrower one.

    Parameters
    ----------
    cine, sector
        The clip and the part of it to look at.
    options
        Model, device, backend, and the width that made the masks.
    mask_of
        Returns the mask (Y, X) that this width made of a frame.
    frames
        0-based frames in the order wanted; all if None. Read lazily: whoever ends them ends the comparison.
    make
        Returns a segmenter for options, such as one that is kept from the clip before; made anew if None.

    Yields
    ------
    int, float
        Frame, and one minus the Dice of the first class between the two widths, in 0-1. Nothing for a model that has
        one width only.

    Raises
    ------
    ModelError, DeviceError, SegmentError
        As `matae.segment.Segmenter` and its `stream`.
    """
    from matae.models import find_model
    from matae.nn.widths import format_width, parse_width
    from matae.segment.run import Segmenter

    other = second_width(find_model(options.model).card.widths, parse_width(options.width))
    if other is None:
        return
    segmenter = (make or Segmenter)(replace(options, width=format_width(other)))
    for found in segmenter.stream(cine, sector, frames):
        yield found.index, 1.0 - float(dice(mask_of(found.index) == 1, found.mask == 1))
