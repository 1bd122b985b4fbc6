"""How far a trained network goes back to its base, so that what was known before is kept.

On the line between the two networks most of what was learnt comes early and most of what was forgotten late (see
`matae.nn.blend`). How much a training forgets differs from one to the next, so the guard frames decide for each: the
network is the one furthest from the base that keeps them. Their figure in the verdict is then a bound that was kept to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from matae.learn.recipe import RECIPES
from matae.learn.replay import guard_dice
from matae.learn.verdict import GUARD_MARGIN
from matae.train.watch import never

if TYPE_CHECKING:
    from collections.abc import Callable

    from matae.nn.network import Network
    from matae.train.data import LabelledFrames

__all__ = ["Kept", "go_back"]

_LOST = 0.9 * GUARD_MARGIN  # weights are rounded to half precision afterwards


class Kept(NamedTuple):
    """How far from the base to the trained weights a model lies: its shallow stages, and its two deepest."""

    shallow: float
    deep: float


def go_back(
    base: Network,
    trained: Network,
    guard: LabelledFrames | None,
    *,
    kind: str,
    grid: int,
    should_stop: Callable[[], bool] = never,
) -> tuple[Network, Kept]:
    """Return the network furthest from the base that keeps what the base knew, and how far that is.

    Parameters
    ----------
    base, trained
        The network before and after, in inference mode on the CPU; neither is changed.
    guard
        Frames that the base knows; None where nothing it knew could be forgotten.
    kind
        ``quick`` or ``full``, see `matae.learn.recipe.RECIPES`.
    grid
        Side of the networks' input.
    should_stop
        Asked between passes.

    Returns
    -------
    Network
        The one with the smallest share of the recipe where even that forgets more.
    Kept
        Its shares.

    Raises
    ------
    StoppedError
        If `should_stop` said so.
    """
    from matae.nn.blend import blend

    chosen = RECIPES[kind]
    if guard is None:
        return trained, Kept(1.0, 1.0)

    def at(share: float) -> tuple[Network, Kept]:
        kept = Kept(share, share * chosen.kept_deep)
        return (trained if kept == (1.0, 1.0) else blend(base, trained, kept.shallow, deep=kept.deep)), kept

    shares = sorted(chosen.kept, reverse=True)
    if len(shares) > 1:
        least = float(guard_dice(base, guard, grid, should_stop).mean()) - _LOST
    first, last = 0, len(shares) - 1
    while first < last:
        middle = (first + last) // 2
        if float(guard_dice(at(shares[middle])[0], guard, grid, should_stop).mean()) >= least:
            last = middle
        else:
            first = middle + 1
    return at(shares[first])
