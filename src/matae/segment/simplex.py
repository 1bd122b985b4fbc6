"""Minimise a function of a few numbers without its derivatives, with no import that costs more than the search.

The downhill simplex of J. A. Nelder and R. Mead, "A simplex method for function minimization", The Computer Journal
7(4), 1965, with their coefficients. It takes the steps of `scipy.optimize.minimize(method="Nelder-Mead")`, which takes
ten times longer to import than a sector takes to find; for half a dozen numbers, plain lists are quicker than arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["minimise"]

_Corner = tuple[float, list[float]]


def minimise(
    cost: Callable[[list[float]], float],
    simplex: Sequence[Sequence[float]],
    *,
    evaluations: int,
    x_tolerance: float,
    cost_tolerance: float,
) -> list[float]:
    """Return where a function is least, as far as the search gets.

    Parameters
    ----------
    cost
        The function of n numbers.
    simplex
        Corners to start from, n + 1 of n numbers each.
    evaluations
        The search ends once the function was asked as often.
    x_tolerance, cost_tolerance
        The search ends once all corners are as near to the best one, in every number and in the function's value.

    Returns
    -------
    list
        The best corner, n numbers.
    """
    corners = _sorted([(cost(list(corner)), list(corner)) for corner in simplex])
    count, left = len(corners) - 1, evaluations - len(corners)
    while left > 0 and not _is_small(corners, x_tolerance, cost_tolerance):
        best, (most, worst) = corners[0], corners[-1]
        centre = [sum(values) / count for values in zip(*(point for _, point in corners[:-1]), strict=True)]
        found = _beyond(cost, centre, worst, 1.0)
        left -= 1
        if found[0] < best[0]:
            further = _beyond(cost, centre, worst, 2.0)
            left -= 1
            corners[-1] = further if further[0] < found[0] else found
        elif found[0] < corners[-2][0]:
            corners[-1] = found
        else:
            nearer = _beyond(cost, centre, worst, 0.5 if found[0] < most else -0.5)
            left -= 1
            if nearer[0] < most and nearer[0] <= found[0]:
                corners[-1] = nearer
            else:
                drawn = [[b + 0.5 * (x - b) for b, x in zip(best[1], point, strict=True)] for _, point in corners[1:]]
                corners[1:] = [(cost(point), point) for point in drawn]
                left -= count
        corners = _sorted(corners)
    return corners[0][1]


def _sorted(corners: list[_Corner]) -> list[_Corner]:
    # In the order of `scipy.optimize.minimize`, also of equals: a count of pixels has many.
    return [corners[i] for i in np.argsort([value for value, _ in corners])]


def _beyond(cost: Callable[[list[float]], float], centre: list[float], worst: list[float], by: float) -> _Corner:
    """Return the point as far from the centre as `by` times the worst corner is, on the other side of it."""
    point = [(1 + by) * c - by * w for c, w in zip(centre, worst, strict=True)]
    return cost(point), point


def _is_small(corners: list[_Corner], x_tolerance: float, cost_tolerance: float) -> bool:
    least, best = corners[0]
    if corners[-1][0] - least > cost_tolerance:
        return False
    return all(abs(x - b) <= x_tolerance for _, point in corners[1:] for x, b in zip(point, best, strict=True))
