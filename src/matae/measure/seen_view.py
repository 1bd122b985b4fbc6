"""The standard view of a clip where nobody states it, and a word where its pictures contradict its file or no heart."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from matae.measure.uncertainty import QualityFlag

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matae.cine import Cine
    from matae.segment.out_of_distribution import Familiarity
    from matae.segment.sector import Sector
    from matae.view import RecognisedView

__all__ = [
    "CONTRADICTS", "NOTHING", "NOT_A_HEART", "OF_THE_VIEW", "RECOGNISED", "TOLD_APART", "WRONG_VIEW", "Seen",
    "view_in_words", "with_view", "without_view",
]  # fmt: skip

RECOGNISED, WRONG_VIEW, UNREADABLE = "view-recognised", "wrong-view", "view-unreadable"
OTHER_APICAL, NOT_APICAL, NOT_AN_ECHO = "other-apical", "not-apical", "not-an-echo"
NOT_A_HEART = (NOT_APICAL, NOT_AN_ECHO)
"""Flags of pictures in which no apical view of a heart stands."""
OF_THE_VIEW = (WRONG_VIEW, OTHER_APICAL, *NOT_A_HEART)
"""Serious flags about what a clip shows: they end once a person has chosen the view."""
TOLD_APART = ("A4C", "A2C")
"""Views that pictures can contradict: of others the classifier has seen synthetic ones alone."""
CONTRADICTS = 0.95
"""Probability from which pictures are believed against their file."""
NOTHING = 0.8
"""Probability of *not apical* and *not an echo* together from which the number is not relied on: of 400 validation
frames of CAMUS, as they are and restyled, `scripts/train_view.py` says how many reach it."""
_NAMES = {
    "A4C": "an apical four-chamber view", "A2C": "an apical two-chamber view",
    "other apical": "another apical view (three-chamber or five-chamber)",
}  # fmt: skip


class Seen(NamedTuple):
    """A clip as its pictures show it.

    Parameters
    ----------
    cine
        The clip, with the view of its pictures where nobody states one.
    flags
        What there is to say of it.
    view
        What its pictures seem to show; None where that could not be told.
    """

    cine: Cine
    flags: tuple[QualityFlag, ...]
    view: RecognisedView | None


def with_view(
    cine: Cine, sector: Sector, known: Familiarity | None = None, *, chosen: str | None = None, assumed: bool = False
) -> Seen:
    """Return a clip with the view its pictures show where its file states none, and what there is to say of it.

    The file's word comes before the pictures', a person's before both.

    Parameters
    ----------
    cine, sector
        The clip and the part of it the network sees.
    known
        How well the network that outlined it knows its pictures, where it was asked: saves a look at them.
    chosen
        View that a person chose.
    assumed
        The view of the clip is that of its place among two that were named, not its file's.

    Returns
    -------
    Seen
        Its flags are ``view-recognised`` (a note), ``wrong-view``, ``other-apical``, ``not-apical`` and
        ``not-an-echo`` (warnings that `matae.measure.reliability` takes for serious), ``view-unreadable`` (a note: the
        classifier's file is damaged), or none.

    Raises
    ------
    SegmentError
        If the sector lies outside the picture.
    """
    from matae.errors import ModelError
    from matae.view import recognise_view

    try:
        found = recognise_view(cine, sector, known)
    except ModelError as error:  # the numbers do without it
        said = () if chosen else (QualityFlag(UNREADABLE, f"The view was not looked for: {error}", level="note"),)
        return Seen(cine, said, None)
    if chosen is not None:
        return Seen(cine, (), found)
    view: str | None = None
    notes: tuple[QualityFlag, ...] = ()
    if cine.view is None and found.view is not None:
        view, text = found.view, f"The pictures look like {found.view} ({_sure(found.probability)} sure); "
        notes = (QualityFlag(RECOGNISED, text + "choose the view if they are not.", level="note"),)
    serious = _serious(cine.view, found, "It was named as" if assumed else "The file says")
    return Seen(cine if view is None else replace(cine, view=view), (*serious, *notes), found)


def _serious(stated: str | None, found: RecognisedView, says: str) -> tuple[QualityFlag, ...]:
    """Return what speaks against measuring a clip as what it is stated to be, if anything."""
    kind, kinds = found.likelier, found.kinds
    nothing = kinds["not apical"] + kinds["not an echo"]
    if nothing >= NOTHING:
        if kinds["not an echo"] >= kinds["not apical"]:
            why = f"{_sure(nothing)} sure" if found.was_asked else "unlike all that the model knows"
            text = f"The pictures do not look like an echo ({why}); choose the view if they are one."
            return (QualityFlag(NOT_AN_ECHO, text),)
        text = (
            f"The pictures show no apical view of a heart, or it is turned ({_sure(nothing)} sure); choose the view "
            "if they do, or turn the sector."
        )
        return (QualityFlag(NOT_APICAL, text),)
    if found.probability < CONTRADICTS or not found.is_known or kind not in _NAMES or kind == stated:
        return ()
    if stated in TOLD_APART:
        text = (
            f"{says} {stated}, but the pictures look like {_NAMES[kind]} ({_sure(found.probability)} sure); "
            "choose the view that is right."
        )
        return (QualityFlag(WRONG_VIEW, text),)
    if stated is None and kind == "other apical":
        text = f"The pictures look like {_NAMES[kind]} ({_sure(found.probability)} sure); choose the view."
        return (QualityFlag(OTHER_APICAL, text),)
    return ()


def _sure(probability: float) -> str:
    return f"{100 * min(probability, 0.99):.0f} %"


def without_view(flags: Iterable[QualityFlag]) -> tuple[QualityFlag, ...]:
    """Return flags without those of `with_view` that speak of the view: a person has chosen it."""
    return tuple(flag for flag in flags if flag.code not in (RECOGNISED, UNREADABLE, *OF_THE_VIEW))


def view_in_words(view: str | None, source: str | None) -> str:
    """Return a view and how it is known, for a report; `source` as `matae.measure.Measurement.view_source` has it."""
    if view is None or source is None:
        return "not stated"
    how = {"person": "chosen by a person", "pictures": "recognised from the pictures", "file": "stated by the file"}
    return f"{view}, {how[source]}"
