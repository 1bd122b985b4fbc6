"""How far a trained network goes back to its base, so that what was known before is kept.

On the line between the two networks most of what was learnt comes early and most of what was forgotten late (see
`matae.nn.blend`). How much a training forgets differs from one to the next, so the guard frames decide for each: of the
recipe's shares it is the largest at which they are kept. Their figure in the verdict is then a bound, kept to where any
share could. Which frames those are says `matae.learn.guard`; where none have a say nothing goes back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from matae.learn.verdict import GUARD_MARGIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from matae.learn.recipe import Recipe
    from matae.nn.network import Network

__all__ = ["LOST", "Kept", "go_back"]

LOST = 0.9 * GUARD_MARGIN
"""Dice on the guard that may be lost here: weights are rounded to half precision afterwards."""


class Kept(NamedTuple):
    """How far from the base to the trained weights a model lies: its shallow stages, and its two deepest."""

    shallow: float
    deep: float


def go_back(base: Network, trained: Network, recipe: Recipe, keeps: Callable[[Network], bool]) -> tuple[Network, Kept]:
    """Return the network with the largest share of the recipe that keeps what was known, and its shares.

    Parameters
    ----------
    base, trained
        The network before and after; neither is changed.
    recipe
        Whose `kept` and `kept_deep` are tried.
    keeps
        Whether a network still knows what was known; asked a few times, since less is kept further from the base.

    Returns
    -------
    Network
        The one with the smallest share where even that forgets too much.
    Kept
        How far from the base it lies.
    """
    from matae.nn.blend import blend

    def at(share: float) -> tuple[Network, Kept]:
        kept = Kept(share, share * recipe.kept_deep)
        return blend(base, trained, kept.shallow, deep=kept.deep), kept

    shares = sorted(recipe.kept, reverse=True)
    first, last = 0, len(shares) - 1
    while first < last:
        middle = (first + last) // 2
        if keeps(at(shares[middle])[0]):
            last = middle
        else:
            first = middle + 1
    return at(shares[first])
