"""Where a mask lies: turned so that it lies over its picture, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from matae.maskfile._values import MaskFileError, other_size, trimmed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from matae.cine import Geometry

__all__ = ["Header", "laid_over"]

_ALIKE = 1e-3  # of a cosine
_NEAR = 0.5  # of a pixel
_HALFWAY = 0.5
_SPACE = 4


class Header(NamedTuple):
    """Extent and place of a volume, axes in the order of ITK: columns first."""

    size: tuple[int, ...]
    spacing: tuple[float, ...]
    origin: tuple[float, ...]
    direction: NDArray[np.float64]


def laid_over(
    values: NDArray[Any], header: Header, shape: tuple[int, ...], geometry: Geometry | None, path: Path
) -> NDArray[Any]:
    """Turn a mask so that it lies over its picture."""
    mask = _without_thickness(header, len(trimmed(shape)))
    values = values.reshape(mask.size[::-1])
    stored = values.shape == trimmed(shape)
    picture = _place(geometry, len(mask.size))
    turn = _turn(picture[1], mask.direction)
    if turn is None:
        # Without a stated place there is no angle either, only another way to write the same array.
        if geometry is None and stored:
            return values.reshape(shape)
        raise MaskFileError(f"{path.name} lies at an angle to its picture; save it on the picture's own grid.")
    axes, signs = turn
    turned = _turned(values, axes, signs)
    fits = turned.shape == trimmed(shape)
    if fits and _is_near(mask, axes, signs, picture):
        return turned.reshape(shape)
    straight = axes == tuple(range(len(axes))) and min(signs) > 0
    if stored and (_states_no_place(mask) or (geometry is None and straight)):
        return values.reshape(shape)
    if not fits:
        raise other_size(path, header.size[::-1], shape)
    raise MaskFileError(
        f"{path.name} does not lie where its picture lies: its origin or direction differs; save it with those of the "
        "picture."
    )


def _without_thickness(header: Header, count: int) -> Header:
    """Return a header of `count` axes: without those of one pixel, wherever they stand."""
    keep = list(range(len(header.size)))
    for axis in reversed(keep):
        if len(keep) > count and header.size[axis] == 1:
            keep.remove(axis)
    return Header(
        tuple(header.size[axis] for axis in keep),
        tuple(header.spacing[axis] for axis in keep),
        header.origin,
        header.direction[:, keep],
    )


def _in_space(origin: Sequence[float], direction: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Return origin and axes with room for three dimensions and time, whatever a file has of them."""
    place, axes = np.zeros(_SPACE), np.zeros((_SPACE, direction.shape[1]))
    place[: len(origin)], axes[: len(direction)] = origin, direction
    return place, axes


def _place(geometry: Geometry | None, count: int) -> tuple[NDArray[np.float64], ...]:
    """Return origin and axes (columns, rows, frames) of a picture; where its file states none, those of an array."""
    if geometry is None:
        return _in_space([0.0] * count, np.eye(count))
    there = len(geometry.origin)
    direction = np.array(geometry.direction, np.float64).reshape(there, there)
    # With four axes the third is the one slice of the plane.
    axes = [0, 1, 3] if there == _SPACE else [0, 1, 2]
    return _in_space(geometry.origin, direction[:, [axis for axis in axes[:count] if axis < there]])


def _turn(
    picture: NDArray[np.float64], mask: NDArray[np.float64]
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:  # fmt: skip
    """Return, for each axis of the picture, the axis of the mask that runs along it and its sense."""
    relation = picture.T @ _in_space((), mask)[1]
    plane = np.rint(relation[:2])
    if np.abs(relation[:2] - plane).max() > _ALIKE or not (np.abs(plane).sum(1) == 1).all():
        return None
    axes = [int(np.abs(row).argmax()) for row in plane]
    signs = [int(row[axis]) for row, axis in zip(plane, axes, strict=True)]
    if axes[0] == axes[1]:
        return None
    for frames in set(range(mask.shape[1])).difference(axes):
        # Frames run backwards only where both files give that axis a direction, and it is the opposite one.
        backwards = len(relation) > 2 and relation[2, frames] < -_HALFWAY
        axes, signs = [*axes, frames], [*signs, -1 if backwards else 1]
    return tuple(axes), tuple(signs)


def _turned(values: NDArray[Any], axes: tuple[int, ...], signs: tuple[int, ...]) -> NDArray[Any]:
    count = len(axes)
    # Arrays have their axes the other way round: frames, rows, columns.
    order = [count - 1 - axes[count - 1 - place] for place in range(count)]
    steps = tuple(slice(None, None, signs[count - 1 - place]) for place in range(count))
    return np.ascontiguousarray(values.transpose(order)[steps])


def _is_near(
    mask: Header, axes: tuple[int, ...], signs: tuple[int, ...], picture: tuple[NDArray[np.float64], ...]
) -> bool:
    """Say whether the first pixel of the turned mask lies on that of the picture, to half a pixel in the plane."""
    first = np.zeros(len(axes))
    for axis, sign in zip(axes[:2], signs[:2], strict=True):
        first[axis] = 0 if sign > 0 else mask.size[axis] - 1
    spacing = np.array(mask.spacing, np.float64)
    origin, direction = _in_space(mask.origin, mask.direction)
    away = picture[1][:, :2].T @ (origin + direction @ (spacing * first) - picture[0]) / spacing[list(axes[:2])]
    return bool((np.abs(away) < _NEAR).all())


def _states_no_place(mask: Header) -> bool:
    """Say whether origin and direction are those that writers put where they know none."""
    plane = mask.direction[:2, :2]
    straight = (np.abs(np.abs(plane) - np.eye(2)) < _ALIKE).all() and plane[0, 0] * plane[1, 1] > 0
    return bool(straight and np.abs(mask.origin[:2]).max() < _ALIKE)
