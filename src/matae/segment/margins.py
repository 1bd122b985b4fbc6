"""What of a picture may be shown to others: the sector, and nothing of what a scanner writes around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.segment.sector import Sector

__all__ = ["Margins", "inside_sector", "margins", "margins_of_pixels"]

_HARDLY = 0.01  # share of a picture
_REGION = "all of the region that the file states"


class Margins(NamedTuple):
    """What of the pictures of a clip is shown.

    Parameters
    ----------
    inside
        (Y, X) bool; None where everything is shown.
    state
        ``blanked``, ``kept`` as asked for, or ``shown`` because no sector is known. Where none is known for sure, what
        lies outside the region that the file states, or outside the box around what shows, is ``blanked``, and the
        notice says that all of that is shown.
    notice
        A sentence for the person, or empty.
    """

    inside: NDArray[np.bool_] | None
    state: str
    notice: str

    def frame(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a frame (Y, X) with black where nothing is shown; the original is not touched."""
        return frame if self.inside is None else np.where(self.inside, frame, np.uint8(0))


def inside_sector(cine: Cine, sector: Sector) -> NDArray[np.bool_]:
    """Return the pixels inside the sector and the region that the file states, (Y, X) bool."""
    # The outline has a margin; the region the file states has none: text is often written just above it.
    return _in_region(cine, sector.mask(cine.shape))


def _in_region(cine: Cine, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    if cine.region is None:
        return inside
    y0, x0, y1, x1 = cine.region
    region = np.zeros(cine.shape, bool)
    region[max(y0, 0) : y1, max(x0, 0) : x1] = True
    return inside & region


def margins(cine: Cine, sector: Sector, *, keep: bool) -> Margins:
    """Find out what of a clip is shown.

    Parameters
    ----------
    cine
        The clip.
    sector
        Its sector.
    keep
        Show everything, with whatever is written around the sector.
    """
    inside = inside_sector(cine, sector)
    is_known = not sector.is_unsure and (sector.source != "whole" or not _is_everything(inside))
    area = _REGION if sector.source != "outline" else "all of a box around what shows"
    return _shown(inside, is_known=is_known, keep=keep, area=area)


def margins_of_pixels(cine: Cine, sector: NDArray[np.bool_] | None, *, keep: bool) -> Margins:
    """Find out what of a clip is shown, where no more is known of its sector than its pixels.

    Parameters
    ----------
    cine
        The clip.
    sector
        Pixels of its sector, (Y, X) bool; None where it is not known.
    keep
        Show everything, with whatever is written around the sector.
    """
    whole = _in_region(cine, np.ones(cine.shape, bool))
    if sector is None:
        # Nobody looked for a sector: what the file states is all that is known.
        return _shown(whole, is_known=not _is_everything(whole), keep=keep)
    # A sector that is all of the region is one that was not found for sure.
    return _shown(whole & sector, is_known=not _is_everything(sector[whole]), keep=keep)


def _is_everything(inside: NDArray[np.bool_]) -> bool:
    return bool(inside.sum() > (1 - _HARDLY) * inside.size)


def _shown(inside: NDArray[np.bool_], *, is_known: bool, keep: bool, area: str = _REGION) -> Margins:
    if keep:
        return Margins(None, "kept", "The pictures show what is written around the sector, as asked for.")
    if is_known:
        return Margins(inside, "blanked", "")
    everything = _is_everything(inside)
    what = "everything" if everything else area
    notice = f"No sector is known, so the pictures show {what}: look for names and dates before you pass them on."
    return Margins(None, "shown", notice) if everything else Margins(inside, "blanked", notice)
