"""The standard view of a clip where nobody states it, and a word where its pictures contradict its file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from matae.measure.uncertainty import QualityFlag

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matae.cine import Cine
    from matae.segment.sector import Sector

__all__ = ["RECOGNISED", "TOLD_APART", "WRONG_VIEW", "with_view", "without_view"]

RECOGNISED, WRONG_VIEW, UNREADABLE = "view-recognised", "wrong-view", "view-unreadable"
TOLD_APART = ("A4C", "A2C")
"""Views that pictures can contradict: of others the classifier has seen none."""
CONTRADICTS = 0.95
"""Probability from which pictures are believed against their file."""
_NAMES = {"A4C": "four-chamber", "A2C": "two-chamber"}


def with_view(cine: Cine, sector: Sector, *, chosen: str | None = None) -> tuple[Cine, tuple[QualityFlag, ...]]:
    """Return a clip with the view its pictures show where its file states none, and what there is to say of it.

    The file's word comes before the pictures', a person's before both.

    Parameters
    ----------
    cine, sector
        The clip and the part of it the network sees.
    chosen
        View that a person chose.

    Returns
    -------
    Cine, tuple of QualityFlag
        The flag ``view-recognised`` (a note), ``wrong-view`` (a warning that `matae.measure.reliability` takes for
        serious), ``view-unreadable`` (a note: the classifier's file is damaged), or none.

    Raises
    ------
    SegmentError
        If the sector lies outside the picture.
    """
    from matae.errors import ModelError
    from matae.view import recognise_view

    if chosen is not None or cine.view not in (None, *TOLD_APART):
        return cine, ()
    try:
        found = recognise_view(cine, sector)
    except ModelError as error:  # the numbers do without it
        return cine, (QualityFlag(UNREADABLE, f"The view was not looked for: {error}", level="note"),)
    if found is None or found.view is None or found.view == cine.view:
        return cine, ()
    sure = f"{100 * min(found.probability, 0.99):.0f} %"
    if cine.view is None:
        text = f"The pictures look like {found.view} ({sure} sure); choose the view if they are not."
        return replace(cine, view=found.view), (QualityFlag(RECOGNISED, text, level="note"),)
    if found.probability < CONTRADICTS:
        return cine, ()
    text = (
        f"The file says {cine.view}, but the pictures look like an apical {_NAMES[found.view]} view ({sure} sure); "
        "choose the view that is right."
    )
    return cine, (QualityFlag(WRONG_VIEW, text),)


def without_view(flags: Iterable[QualityFlag]) -> tuple[QualityFlag, ...]:
    """Return flags without those of `with_view`: a person has chosen the view."""
    return tuple(flag for flag in flags if flag.code not in (RECOGNISED, WRONG_VIEW, UNREADABLE))
