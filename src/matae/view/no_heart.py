"""Why a clip is not outlined: its pictures are no echo, and nobody says that they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matae.cine import Cine
    from matae.segment.out_of_distribution import Familiarity
    from matae.segment.sector import Sector

__all__ = ["why_not_outlined"]

_SURE = 0.9


def why_not_outlined(cine: Cine, sector: Sector, model: str, known: Familiarity | None = None) -> str | None:
    """Return why a clip gets no outline, as a sentence; None where it gets one.

    A clip whose view is stated, by its file or a person, is outlined in any case. Any other is not where its pictures
    are unlike those that the network knows and the classifier calls them no echo: both, so that a real clip, however
    strange its look, is hardly ever refused.

    Parameters
    ----------
    cine, sector
        The clip, and the part of it the network sees.
    model
        Name in the registry of the model that is to outline it; one that cannot tell outlines everything.
    known
        How well it knows the pictures, where it was asked.

    Raises
    ------
    ModelError
        If there is no such model, or it is damaged.
    SegmentError
        If the sector lies outside the picture.
    """
    from matae.errors import ModelError
    from matae.segment.out_of_distribution import familiarity, is_surely_known
    from matae.view.recognise import recognise_view

    if cine.view is not None:
        return None
    if known is None and is_surely_known(cine, sector, model):
        return None  # from little more than half of the frames, which is all that most clips are asked
    known = known or familiarity(cine, sector, model)
    if known is None or known.is_known:
        return None
    try:
        found = recognise_view(cine, sector, known)
    except ModelError:  # the classifier is damaged, which `matae.measure` says
        return None
    if found.likelier != "not an echo" or found.probability < _SURE:
        return None
    sure = f"{100 * min(found.probability, 0.99):.0f} % sure"
    why = sure if found.was_asked else "unlike all that the model knows"
    return f"The pictures do not look like an echo ({why}): nothing is outlined; state the view if they are one."
