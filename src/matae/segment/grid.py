"""The side of the grid a clip is scaled to: the model's own, or a smaller one where the picture has few pixels.

A picture of 112 pixels that is scaled up to 224 has four times the pixels and no more to see. How small a grid may be
is not ours to guess: a network knows hearts of the size that it was trained on. A model's card names the grids it was
checked at (`benchmarks/grids.py`), each for pictures of so many pixels at most; a model that was never checked keeps
its own grid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.errors import ModelError, SegmentError

if TYPE_CHECKING:
    from matae.cine import Cine
    from matae.nn.card import ModelCard
    from matae.segment.sector import Sector

__all__ = ["OWN", "checked_grid", "clip_grid", "parse_grid"]

OWN = "own"
"""The grid of the model's card, whatever the picture."""
_LEAST, _MOST = 2, 32  # of the number that both sides must be a multiple of


def parse_grid(text: str) -> int | None:
    """Return the side that a text names, None for ``auto`` and ``own``.

    Raises
    ------
    SegmentError
        If it is none of them.
    """
    if text in {"auto", OWN}:
        return None
    if not text.isdecimal() or not int(text):
        raise SegmentError(f"'{text}' is no grid; give auto, own, or the side in pixels, as in 192.")
    return int(text)


def checked_grid(card: ModelCard, text: str) -> tuple[int | None, str]:
    """Return the side that is asked for and a sentence where nobody knows what it costs.

    Parameters
    ----------
    card
        Of the model that is to run.
    text
        ``auto``, ``own`` or a side.

    Returns
    -------
    tuple
        None for ``auto``: it follows the clip, see `clip_grid`.

    Raises
    ------
    SegmentError
        If the text is no grid.
    ModelError
        If the model cannot run at it.
    """
    side = card.grid if text == OWN else parse_grid(text)
    if side is None or side == card.grid:
        return side, ""
    step = card.divisor
    if side % step or not _LEAST * step <= side <= _MOST * step:
        raise ModelError(
            f"The model {card.name} cannot run at a grid of {side}; choose a multiple of {step} from {_LEAST * step} "
            f"to {_MOST * step}, or auto."
        )
    if str(side) in card.grids:
        return side, ""
    return side, f"{card.name} was never checked at a grid of {side}; its own is {card.grid}."


def clip_grid(card: ModelCard, cine: Cine, sector: Sector | None) -> int:
    """Return the smallest grid that the card allows for the part of a clip that is looked at.

    Parameters
    ----------
    card
        Of the model that is to run.
    cine
        The clip.
    sector
        The part of it; the whole picture if None.
    """
    if not card.grids:
        return card.grid
    pixels = max(cine.shape)
    if sector is not None:
        box = sector.box(cine.shape)
        pixels = max(box.height, box.width)
    return card.grid_for(pixels)
